"""The comparison behind a result folder, made again with everything that it went through.

``report.json`` names the pictures, the model and every setting; ``changes.tif`` holds the grid and
the aoi. Pictures and model must have the SHA-256 that stands in the report: the same inputs give
the same answer, and another answer would explain nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from pyproj import CRS
from rasterio.errors import RasterioError

from landshift import __version__, transition
from landshift.alignment import Alignment
from landshift.buildings import Building, outline_buildings
from landshift.change_map import ChangeMap
from landshift.clouds import without_clouds
from landshift.comparison import align_pictures
from landshift.errors import ImageError, InputError, ModelError, SettingsError
from landshift.grid import Grid
from landshift.landcover import Evidence, LandCover, classify_pair, shares_of_place
from landshift.legend import OUTSIDE
from landshift.model import Model, load_model
from landshift.raster import Raster
from landshift.reading import describe_image, read_raster
from landshift.settings import Settings
from landshift.settings.range import check_values
from landshift.site import MASK_KINDS, Image, Mask

_MOST_BYTES = 64 * 2**20
"""Of a report.json; one of ten thousand buildings has 4 MB."""


@dataclass(frozen=True, eq=False)
class WrittenResult:
    """What ``compare`` left in a folder, as far as it says how the answer came about."""

    folder: Path
    images: tuple[Image, Image]
    """Before and after, as the user named them."""
    sha256: tuple[str, str]
    """Of their bytes."""
    mask_sha256: tuple[str, str]
    """Of the bytes of the masks beside them; empty where there was none."""
    model: str
    """Name and family, joined by a dash."""
    model_sha256: str
    settings: Settings
    version: str
    """Of the landshift that wrote it."""
    other_settings: tuple[str, ...]
    """Names that only that landshift or only this one knows; see `settings_from`."""
    codes: NDArray[np.uint8]
    """(row, col) of changes.tif."""
    grid: Grid
    """Where they lie."""


@dataclass(frozen=True, eq=False)
class Recomparison:
    """Everything between the pictures and the answer, on one grid."""

    result: WrittenResult
    model: Model
    pictures: tuple[Raster, Raster]
    """Before as aligned, and after: what is classified."""
    clouds: tuple[NDArray[np.bool_], NDArray[np.bool_]]
    """(row, col); what was taken out of each as cloud or snow."""
    covers: tuple[LandCover, LandCover]
    """Class probabilities as the network gives them."""
    evidence: Evidence
    alignment: Alignment
    reach_px: float
    """How far a like pixel may lie through misregistration, pixels."""
    without_rims: NDArray[np.float32]
    """(4, row, col); the evidence once rims of misregistration are taken out."""
    weighed: NDArray[np.float32]
    """(4, row, col); probability of each kind of change from evidence and prior."""
    smoothed: NDArray[np.float32]
    """(4, row, col); the same once smoothed along edges."""
    decided: NDArray[np.uint8]
    """(row, col); 1 + the kind of change before small regions are given back, 0 where not seen."""
    named: NDArray[np.uint8]
    """(row, col); working codes before small regions are given back, 133 for a replaced
    building."""
    changes: ChangeMap
    """What compare wrote, and what it counted."""
    buildings: tuple[Building, ...]
    """In the order of the report."""

    def why_unseen(self, place: NDArray[np.bool_]) -> str:
        """Why not all of a ``place``, (row, col), was seen on both dates."""
        found = []
        for number, when in enumerate(("before", "after")):
            hidden = self.pictures[number].hidden
            if self.covers[number].valid[place].all():
                continue
            if hidden is not None and hidden[place].any():
                found.append(f"the mask beside the {when} picture hides it")
            elif self.clouds[number][place].any():
                found.append(f"cloud or snow hides it in the {when} picture")
            else:
                found.append(f"the {when} picture shows nothing there")
        return " and ".join(found) or "both dates show one and the same picture there"

    def notes_of_version(self) -> tuple[str, ...]:
        """Which landshift wrote a result with other settings, and how much comes out as it was."""
        result = self.result
        if not result.other_settings:
            return ()
        differ = int((result.codes != self.changes.codes).sum())
        return (
            f"written by landshift {result.version}, which has other settings than this one "
            f"({', '.join(result.other_settings)}); made again, {differ} of {result.codes.size} "
            "pixels of the map are called otherwise",
        )


def read_result(folder: Path, inputs: Path | None = None) -> WrittenResult:
    """What stands in a result folder.

    Parameters
    ----------
    folder
        What ``compare --out`` or ``batch`` wrote for a site.
    inputs
        A folder that holds both pictures under their own names, in folders of their own where they
        were; None: where they were.

    Raises
    ------
    InputError
        When there is no result, or one that cannot be read.
    """
    where = folder / "report.json"
    try:
        if where.stat().st_size > _MOST_BYTES:
            raise InputError(f"{where}: too large for a report")
        report = json.loads(where.read_text(encoding="utf-8"))
        images = tuple(_image(report[which], inputs) for which in ("before", "after"))
        software = report["software"]
        codes, grid = _read_codes(folder / "changes.tif")
        settings, others = settings_from(report["settings"], str(where))
        return WrittenResult(
            folder=folder, images=(images[0], images[1]),
            sha256=(str(report["before"]["sha256"]), str(report["after"]["sha256"])),
            mask_sha256=(_mask_sha256(report["before"]), _mask_sha256(report["after"])),
            model=str(software["model"]), model_sha256=str(software["model_sha256"]),
            settings=settings, version=str(software["landshift"]), other_settings=others,
            codes=codes, grid=grid,
        )  # fmt: skip
    except FileNotFoundError as error:
        raise InputError(f"{folder}: no result of compare: {where.name} is missing") from error
    except OSError as error:
        raise InputError(f"{where}: may not be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(f"{where}: not a report of landshift {__version__}: {error}") from error


def _image(record: Mapping[str, Any], inputs: Path | None) -> Image:
    path = Path(record["path"])
    day = record.get("date")
    bands, mask = record.get("bands"), record.get("mask")
    return Image(
        path if inputs is None else _moved(path, inputs),
        None,
        None if bands is None else tuple(str(band) for band in bands),
        None if day is None else date.fromisoformat(day),
        None if mask is None else _mask(mask, inputs),
    )


def _mask(record: Mapping[str, Any], inputs: Path | None) -> Mask:
    path, kind = Path(record["path"]), record["kind"]
    if kind not in MASK_KINDS:
        raise ValueError(f"a mask of kind {kind!r}")
    return Mask(path if inputs is None else _moved(path, inputs), kind)


def _mask_sha256(record: Mapping[str, Any]) -> str:
    mask = record.get("mask")
    return "" if mask is None else str(mask["sha256"])


def _moved(path: Path, inputs: Path) -> Path:
    """Where a picture lies below ``inputs``, with as much of its path as is found there.

    Dates are often told by folders alone: 2023/site.tif and 2024/site.tif.
    """
    parts = path.parts[1:] if path.is_absolute() else path.parts
    ends = (inputs.joinpath(*parts[place:]) for place in range(len(parts)))
    return next((one for one in ends if one.is_file()), inputs / path.name)


def _read_codes(path: Path) -> tuple[NDArray[np.uint8], Grid]:
    try:
        with rasterio.Env(GDAL_PAM_ENABLED="NO"), rasterio.open(path, driver="GTiff") as source:
            crs = None if source.crs is None else CRS.from_wkt(source.crs.to_wkt())
            return source.read(1), Grid(crs, source.transform, (source.height, source.width))
    except RasterioError as error:
        raise ImageError(f"{path}: damaged or missing; compare wrote it") from error


def settings_from(given: Mapping[str, Any], where: str) -> tuple[Settings, tuple[str, ...]]:
    """Settings as they stand in a report, and the names that another landshift wrote differently.

    What the report does not name stood in no setting then, and is taken as it is today; what is not
    known here is left out. Neither is a guess at the answer: `landshift.explanation` explains only
    what comes out as it was written.

    Raises
    ------
    SettingsError
        When a value cannot be meant.
    """
    settings, others = _rebuilt(Settings(), given, where, "")
    return settings, tuple(sorted(others))


def _rebuilt(like: Any, given: Any, where: str, name: str) -> tuple[Any, list[str]]:
    """The dataclass ``like`` with the values of a JSON object, and names that one of both lacks."""
    if not isinstance(given, dict):
        which = name.rstrip(".") or "as a whole"
        raise SettingsError(f"{where}: settings {which} are no group of values")
    known = {one.name for one in fields(like)}
    others = [f"{name}{key}" for key in known ^ given.keys()]
    own = {}
    for key in known & given.keys():
        own[key], part = _hashable(given[key]), getattr(like, key)
        if is_dataclass(part):
            own[key], more = _rebuilt(part, given[key], where, f"{name}{key}.")
            others += more
        else:
            _check(own[key], part, where, f"{name}{key}")
    try:
        return replace(like, **own), others
    except TypeError as error:  # a word where a number belongs
        raise SettingsError(f"{where}: setting {name or 'group'}: {error}") from error


def _check(value: Any, like: Any, where: str, name: str) -> None:
    try:
        check_values(name, value, like)
    except SettingsError as error:
        raise SettingsError(f"{where}: setting {error}") from error


def _hashable(value: Any) -> Any:
    """A value of JSON as the settings hold it: lists as tuples."""
    return tuple(_hashable(item) for item in value) if isinstance(value, list) else value


def compare_again(
    result: WrittenResult,
    model_name: str | None,
    progress: Callable[[str], None],
) -> Recomparison:
    """Make the comparison behind a result again.

    Parameters
    ----------
    result
        See `read_result`.
    model_name
        A packaged model's name, or the path of a model file; None: as the report says.
    progress
        Told the name of each stage as it begins.

    Raises
    ------
    InputError
        When a picture or the model is not where it was, or not the same.
    """
    settings = result.settings
    most = settings.grid.most_pixels
    images = tuple(_with_gsd(image, settings) for image in result.images)
    _check_inputs(images, result)
    model = _model(result, model_name)
    progress("reading")
    after = read_raster(images[1], result.grid, most_pixels=most)
    progress("registering")
    infos = describe_image(images[0], most), describe_image(images[1], most)
    alignment, shared = align_pictures(after, infos, settings)
    before = read_raster(images[0], result.grid, alignment, most)
    before, after, clouds = without_clouds(before, after, settings.clouds)
    progress("classifying")
    *covers, evidence = classify_pair(before, after, model)
    evidence = shared.taken_from(evidence)
    progress("explaining")
    shares = shares_of_place(covers, model, settings.cover)
    own = transition.settings_of_place(settings.transition, shares)
    changes = transition.find_transitions(
        covers[0], covers[1], evidence, alignment, result.codes != OUTSIDE, (before, after), own
    )
    buildings, _ = outline_buildings(changes, after, settings.buildings)
    found = transition.smoothed_posteriors(
        covers[0], covers[1], evidence, alignment, (before, after), own
    )
    decided = transition.decide_kinds(found, own)
    return Recomparison(
        result=result, model=model, pictures=(before, after), clouds=clouds,
        covers=(covers[0], covers[1]),
        evidence=evidence, alignment=alignment, reach_px=found.reach_px,
        without_rims=transition.without_rims(evidence.probability, found.reach_px),
        weighed=transition.weighed_kinds(evidence, found.valid, found.reach_px, own),
        smoothed=found.kinds, decided=decided, named=transition.name_codes(found, decided, own),
        changes=changes, buildings=buildings,
    )  # fmt: skip


def _with_gsd(image: Image, settings: Settings) -> Image:
    return replace(image, gsd_m=settings.grid.gsd_m)


def _check_inputs(images: tuple[Image, ...], result: WrittenResult) -> None:
    for image, *recorded in zip(images, result.sha256, result.mask_sha256, strict=True):
        paths = [image.path] if image.mask is None else [image.path, image.mask.path]
        for path in paths:
            if not path.is_file():
                raise ImageError(
                    f"{path}: no such file, and {result.folder} was made from it; "
                    "--inputs DIR says where it lies now"
                )
        info = describe_image(image, result.settings.grid.most_pixels)
        hashes = info.sha256, "" if info.mask is None else info.mask.sha256
        for path, found, then in zip(paths, hashes, recorded, strict=False):
            if found != then:
                raise ImageError(
                    f"{path}: changed since {result.folder} was made from it: "
                    f"SHA-256 {found[:12]}…, then {then[:12]}…"
                )


def _model(result: WrittenResult, model_name: str | None) -> Model:
    name, _, family = result.model.rpartition("-")
    if model_name is None and not name.isidentifier():
        raise ModelError(f"model {result.model!r} is not packaged; --model FILE says where it lies")
    model = load_model(model_name or name, family)  # type: ignore[arg-type]
    if model.sha256 != result.model_sha256:
        raise ModelError(
            f"model {model_name or name}: not the one that {result.folder} was made with: "
            f"SHA-256 {model.sha256[:12]}…, then {result.model_sha256[:12]}…; "
            "--model FILE names another"
        )
    return model

