"""Words from a list made harmless: as folder names, in spreadsheets, on terminals.

Whoever made the list may not be whoever runs it, and its names end up in paths, tables and pages.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata

_MOST_BYTES = 120
"""Of a folder name; half of what file systems allow, so that longer names fit beside it."""
_SAFE = re.compile(r"\w(?:[\w.-]*[\w-])?")
_RESERVED = re.compile(r"(?i:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?")
"""Names that Windows gives to devices, with any ending."""
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
_FORMULA = ("=", "+", "-", "@")
_MOST_SHOWN = 500


def folder_name(site_id: str) -> str:
    """The id itself where it is safe as a name on every system, else its safe part and a hash."""
    text = unicodedata.normalize("NFC", site_id)
    safe = _SAFE.fullmatch(text) and not _RESERVED.fullmatch(text)
    if safe and text == site_id and len(text.encode()) <= _MOST_BYTES:
        return text
    digest = hashlib.sha256(site_id.encode("utf-8", "surrogatepass")).hexdigest()[:10]
    part = re.sub(r"\W+", "-", text).strip("-_")[:20]
    return f"{part}-{digest}" if part else f"site-{digest}"


def alike(name: str) -> str:
    """What is the same of names that neither eyes nor file systems may tell apart."""
    return unicodedata.normalize("NFKC", name).casefold()


def plain(text: str, most: int | None = _MOST_SHOWN) -> str:
    """One line without control, bidirectional or unassigned characters; None: of any length."""
    kept = (" " if unicodedata.category(c)[0] in "CZ" else c for c in str(text)[:most])
    return " ".join("".join(kept).split())


def spreadsheet_cell(text: str) -> str:
    """``text`` so that no spreadsheet takes it for a formula; numbers stay as they are."""
    line = plain(text)
    if line.startswith(_FORMULA) and not _NUMBER.fullmatch(line):
        return f"'{line}"
    # some programs strip quotes and full-width forms before they look
    if unicodedata.normalize("NFKC", line.lstrip("'\" "))[:1] in _FORMULA and line[:1] != "'":
        return line if _NUMBER.fullmatch(line) else f"'{line}"
    return line
