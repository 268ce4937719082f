"""A site: its outline and its two pictures, as the user named them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from types import MappingProxyType

from pyproj import CRS
from shapely.geometry import MultiPolygon, Polygon

MASK_KINDS = ("udm2", "udm", "scl", "seen", "hidden")
"""What a mask may be; `landshift.reading.masks` says what each hides."""


@dataclass(frozen=True)
class Mask:
    """A mask beside a picture: where it shows no ground."""

    path: Path
    """The file."""
    kind: str | None = None
    """One of `MASK_KINDS`, where the user says it; None: as the file says."""


def kind_and_file(text: str) -> tuple[str | None, str]:
    """What a user says of a mask, FILE or KIND:FILE, in two parts."""
    kind, colon, rest = text.partition(":")
    return (kind, rest) if colon and kind in MASK_KINDS else (None, text)


def mask_named(text: str | Path | None) -> Mask | None:
    """The mask that a user names: FILE, or KIND:FILE; None where they name none."""
    if text is None:
        return None
    kind, file = kind_and_file(str(text))
    return Mask(Path(file), kind)


@dataclass(frozen=True)
class Image:
    """One picture of a site and what the user says of it."""

    path: Path
    """The file."""
    gsd_m: float | None = None
    """Side of a pixel in metres; needed, and used, only where the file has no CRS."""
    bands: tuple[str, ...] | None = None
    """Role of each band, where the user overrules what the file says."""
    date: date | None = None
    """Day of acquisition, where known."""
    mask: Mask | None = None
    """What lies beside it and hides parts of it."""


@dataclass(frozen=True)
class Aoi:
    """The outline inside which hectares are counted."""

    polygon: Polygon | MultiPolygon
    """Valid and not empty, in `crs`."""
    crs: CRS | None
    """None: local metres of pictures without CRS."""


@dataclass(frozen=True)
class Site:
    """What is to be compared: one outline and its two pictures."""

    id: str
    """Short name, safe as a file name."""
    before: Image
    """The earlier picture, which is moved onto the other."""
    after: Image
    """The later picture; its grid is the reference."""
    aoi: Aoi | None = None
    """None: wherever both pictures see the ground."""
    name: str = ""
    """What people call it."""
    extra: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Anything else that the site list said."""


def site_id(words: str) -> str:
    """A short name that is safe as a file name."""
    kept = "".join(c if c.isalnum() or c in "-_" else "-" for c in words)
    return kept.strip("-")[:64] or "site"
