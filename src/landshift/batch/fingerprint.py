"""The key of a site's work: the hash of all that its result depends on."""

from __future__ import annotations

import hashlib
import json
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from landshift import __version__
from landshift.batch.fetching import is_remote, version_of, without_query
from landshift.batch.ledger import Ledger
from landshift.batch.listed_site import ListedSite
from landshift.errors import ModelError
from landshift.reading import sha256_of, stamp_of, world_files
from landshift.settings import Settings
from landshift.site import Aoi, Image


def asked_of(
    listed: ListedSite, model_sha256: str, settings: Settings, figure_formats: tuple[str, ...]
) -> str:
    """Hash of all that is asked of a site, its pictures by name alone: no file is looked at."""
    return _hash(_asked(listed, model_sha256, settings, figure_formats))


def key_of(
    listed: ListedSite,
    model_sha256: str,
    settings: Settings,
    figure_formats: tuple[str, ...],
    ledger: Ledger,
) -> str:
    """Hash of inputs, settings, model and version; of the row's words where the row is bad.

    Pictures count by their bytes and by how the list names them, as reports do. Where
    the list lies does not count.
    """
    what = _asked(listed, model_sha256, settings, figure_formats)
    if listed.site is not None:
        before, after = listed.site.before, listed.site.after
        files = [(listed.before, before.path), (listed.after, after.path)]
        beside = [
            (name, file) for name, picture in files if not is_remote(name)
            for file in world_files(picture)
        ]  # fmt: skip
        files += [
            (name, mask.path) for name, mask in ((listed.before_mask, before.mask),
                                                 (listed.after_mask, after.mask)) if mask
        ]  # fmt: skip
        files += beside
        what["content"] = [
            _remote_version(name, ledger) if is_remote(name) else _file_hash(path, ledger)
            for name, path in files
        ]
    return _hash(what)


def _asked(
    listed: ListedSite, model_sha256: str, settings: Settings, figure_formats: tuple[str, ...]
) -> dict[str, Any]:
    what: dict[str, Any] = {"landshift": __version__, "id": listed.id, "folder": listed.folder}
    if listed.site is None:
        what |= {"place": listed.place, "problem": listed.problem}
    else:
        what |= {
            "name": listed.site.name,
            "before": _picture(listed.before, listed.before_mask, listed.site.before),
            "after": _picture(listed.after, listed.after_mask, listed.site.after),
            "aoi": _outline(listed.site.aoi),
            "model": model_sha256,
            "settings": settings.as_dict(),
            "figures": figure_formats,
        }
    return what


def _hash(what: dict[str, Any]) -> str:
    text = json.dumps(what, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def model_hash(name_or_path: str) -> str:
    """Hash of all packaged models of that name, or else of a model file.

    Raises
    ------
    ModelError
        When there is neither.
    """
    files = _packaged(name_or_path)
    if not files:
        path = Path(name_or_path)
        if not path.is_file():
            raise ModelError(f"no model {name_or_path!r}: neither packaged nor a file")
        return sha256_of(path)
    whole = hashlib.sha256(name_or_path.encode())
    for file in sorted(files, key=lambda file: file.name):
        whole.update(file.read_bytes())
    return whole.hexdigest()


def model_place(name_or_path: str) -> str:
    """A packaged model's name, or the absolute path of a file: the same wherever a worker stands.

    A file called as a packaged model is, in the folder where the batch was begun, is none: no
    other command takes it for one (`landshift.model.load_model`).
    """
    return name_or_path if _packaged(name_or_path) else str(Path(name_or_path).absolute())


def _packaged(name: str) -> list[Traversable]:
    if not name.isidentifier():
        return []
    packaged = resources.files("landshift").joinpath("models")
    return [
        file for file in packaged.iterdir()
        if file.name.startswith(f"{name}-") and file.name.endswith(".npz")
    ]  # fmt: skip


def _picture(listed_path: str, listed_mask: str, image: Image) -> dict[str, Any]:
    # what has no mask keeps the key that it had before there were any
    mask = {} if image.mask is None else {"mask": [image.mask.kind, listed_mask]}
    return mask | {
        "path": listed_path,
        "gsd_m": image.gsd_m,
        "bands": image.bands,
        "date": None if image.date is None else image.date.isoformat(),
    }  # fmt: skip


def _remote_version(address: str, ledger: Ledger) -> str:
    """What the server says; where it cannot be asked, what it said last.

    What was answered stands while the network is down; what was not is asked for again.
    """
    version, place = version_of(address), without_query(address)
    # told apart by a signature, and the signature not written down
    source = address if place == address else f"{place} {_hash({'address': address})}"
    if version is None:
        return ledger.known_content(source, "") or "not reachable"
    ledger.note_content(source, "", version)
    return version


def _file_hash(path: Path, ledger: Ledger) -> str:
    """The file's hash, from the ledger where size and times say that it is the same."""
    try:
        if not path.is_file():
            return "no file"
        stamp = " ".join(map(str, stamp_of(path)))
        known = ledger.known_content(str(path), stamp)
        if known is None:
            known = sha256_of(path)
            ledger.note_content(str(path), stamp, known)
        return known
    except (OSError, ValueError):
        # the comparison will say what is wrong with it; once it is right, the key is another
        return "not readable"


def _outline(aoi: Aoi | None) -> dict[str, str | None] | None:
    if aoi is None:
        return None
    return {"wkb": aoi.polygon.wkb_hex, "crs": None if aoi.crs is None else aoi.crs.to_wkt()}
