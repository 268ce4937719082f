"""Why a pixel or a building was called what it was.

What ``compare`` wrote is too little to say why: its maps hold codes and one probability each. So
the comparison is made again, see `landshift.recomparison`, and asked at one place.

What moved the answer is found by occlusion (Zeiler and Fergus 2014,
doi:10.1007/978-3-319-10590-1_53): one thing at a time is taken from the other date (a band, the
brightness, the colour, the ground itself, what lies around it) and the network is asked again. How
far the evidence of change falls is how much that one thing spoke for a change; where it rises, it
spoke against one. Things that say the same stand in for one another, so falls do not add up.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyproj import Transformer
from scipy import ndimage
from shapely.geometry import Point

from landshift.change_kinds import from_to
from landshift.errors import ComparisonError, InputError
from landshift.features import Exposure, apply_exposure, band_indices, measure_exposure
from landshift.grid import WGS84, Grid
from landshift.kernels import region
from landshift.kernels import transition as kernel
from landshift.landcover import classify_pair, span_seen
from landshift.legend import COVERS, OUTSIDE, Cover
from landshift.raster import Raster
from landshift.reading import inside
from landshift.recomparison import Recomparison
from landshift.transition import least_regions_px
from landshift.wording import UNTOLD

Mask = NDArray[np.bool_]
Floats = NDArray[np.float32]

KINDS = ("nothing lasting", "building gained", "building lost", "other lasting change")
"""What the evidence tells apart, in its order."""
_RIM_PX = 2
"""Pixels around a place that are exchanged with it: what optics and sampling have mixed in."""


@dataclass(frozen=True, eq=False)
class Place:
    """What is asked about: a pixel, or the pixels of a building."""

    mask: Mask
    """(row, col) of the result's grid."""
    row: int
    """Of the pixel, or of the building's middle; from 0."""
    col: int
    building: int | None = None
    """Number in the list, from 1."""


@dataclass(frozen=True)
class KindShare:
    """One kind of change, from what was expected to what was decided on; each 0-1."""

    kind: str
    prior: float
    """Before anything was seen."""
    evidence: float
    """As both pictures together say."""
    without_rims: float
    """The same once what the residual shift may have made is taken out."""
    weighed: float
    """Once another prior is put in, where the settings give one."""
    smoothed: float
    """Once drawn to neighbours that look alike."""


@dataclass(frozen=True)
class BandShift:
    """A band at the place, as the network sees it."""

    band: str
    before: float
    """Spreads from the picture's median, -6 to 6."""
    after: float
    """The same of the after picture."""


@dataclass(frozen=True)
class Occlusion:
    """One thing taken from the other date."""

    what: str
    change: float
    """Evidence of any change that is left, 0-1."""
    fall: float
    """How much less that is; below 0 where it is more."""


@dataclass(frozen=True)
class Check:
    """A threshold, and whether it was passed."""

    what: str
    found: float
    limit: float
    unit: str
    setting: str
    """Its name in report.json."""
    passed: bool


@dataclass(frozen=True)
class Explanation:
    """Why a place was called what it was."""

    row: int
    col: int
    lon_lat: tuple[float, float] | None
    """Degrees, None where the pictures have no CRS."""
    building: int | None
    """Number of the building asked about, or of the one that holds the pixel."""
    pixels: int
    """Over which everything here is a mean."""
    called: str
    """What stands in changes.tif."""
    probability: float
    """Of that, 0-1."""
    before: dict[str, float]
    """Probability of every class."""
    after: dict[str, float]
    kinds: tuple[KindShare, ...]
    bands: tuple[BandShift, ...]
    """The one that moved most first."""
    change: float
    """Evidence of any change as it is, 0-1."""
    occlusions: tuple[Occlusion, ...]
    """The one that moved the evidence most first."""
    checks: tuple[Check, ...]
    """In the order in which they are made."""
    notes: tuple[str, ...]
    """What else had a say, in plain words."""

    def as_json(self) -> dict[str, Any]:
        """Plain values, rounded to what means something."""
        plain: dict[str, Any] = _rounded(asdict(self))
        return plain


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(item) for item in value]
    return round(value, 6) if isinstance(value, float) else value


def pixel_at(grid: Grid, row: int, col: int) -> Place:
    """The pixel of the result at ``row``, ``col``, counted from 0.

    Raises
    ------
    InputError
        When it lies outside.
    """
    rows, cols = grid.shape
    if not (0 <= row < rows and 0 <= col < cols):
        raise InputError(
            f"pixel {row},{col} lies outside the result; allowed are 0,0 to {rows - 1},{cols - 1}"
        )
    mask = np.zeros(grid.shape, np.bool_)
    mask[row, col] = True
    return Place(mask, row, col)


def pixel_under(grid: Grid, lon: float, lat: float) -> Place:
    """The pixel of the result that holds a point in degrees.

    Raises
    ------
    InputError
        When it lies outside, or the pictures have no CRS.
    """
    if grid.crs is None:
        raise InputError("the pictures have no CRS, so no degrees; --pixel ROW,COL names a place")
    x, y = Transformer.from_crs(WGS84, grid.crs, always_xy=True).transform(lon, lat)
    with np.errstate(invalid="ignore"):  # of a latitude beyond 90 x and y are infinite
        row, col = (float(value) for value in grid.rowcol(np.array(x), np.array(y)))
    rows, cols = grid.shape
    if not (-0.5 <= row < rows - 0.5 and -0.5 <= col < cols - 0.5):
        west, south, east, north = _degrees_of(grid)
        raise InputError(
            f"{lon:g},{lat:g} lies outside the result; allowed are "
            f"{west:.5f} to {east:.5f} E, {south:.5f} to {north:.5f} N"
        )
    return pixel_at(grid, round(row), round(col))


def _degrees_of(grid: Grid) -> tuple[float, float, float, float]:
    to_degrees = Transformer.from_crs(grid.crs, WGS84, always_xy=True)
    west, south, east, north = to_degrees.transform_bounds(*grid.bounds)
    return west, south, east, north


def building_at(again: Recomparison, number: int) -> Place:
    """The pixels of a building of the list, counted from 1.

    Raises
    ------
    InputError
        When there is no such building.
    """
    count = len(again.buildings)
    if not 1 <= number <= count:
        allowed = f"allowed are 1 to {count}" if count else "the result has none"
        raise InputError(f"no building {number}; {allowed}")
    outline = again.buildings[number - 1].outline
    mask = inside(outline, again.result.grid)
    built = mask & again.changes.new_building
    mask = built if built.any() else mask
    rows, cols = np.nonzero(mask)
    middle = int(np.argmin((rows - rows.mean()) ** 2 + (cols - cols.mean()) ** 2))
    return Place(mask, int(rows[middle]), int(cols[middle]), number)


def explain(again: Recomparison, place: Place) -> Explanation:
    """Why ``place`` was called what it was.

    Parameters
    ----------
    again
        The comparison, made again.
    place
        On its grid.

    Raises
    ------
    ComparisonError
        When the place was not seen, or the comparison now gives another answer there.
    """
    _check_same(again, place)
    mask, valid = place.mask, again.evidence.valid
    if not valid[mask].all():
        where = f"row {place.row}, col {place.col}"
        raise ComparisonError(f"{where} was not seen: {again.why_unseen(mask)}")
    exposures = _exposures(again)
    change, occlusions = _occlude(again, place, exposures)
    called, probability = _called(again, place)
    holder = place.building or _building_of(again, place)
    return Explanation(
        row=place.row, col=place.col, lon_lat=_lon_lat(again.result.grid, place),
        building=holder, pixels=int(mask.sum()), called=called, probability=probability,
        before=_classes(again.covers[0].probability, mask),
        after=_classes(again.covers[1].probability, mask),
        kinds=_kind_shares(again, mask), bands=_band_shifts(again, mask, exposures),
        change=change, occlusions=occlusions, checks=_checks(again, place),
        notes=_notes(again, place) + again.notes_of_version(),
    )  # fmt: skip


def _check_same(again: Recomparison, place: Place) -> None:
    written, now = again.result.codes[place.mask], again.changes.codes[place.mask]
    if (differ := int((written != now).sum())) > 0:
        raise ComparisonError(
            f"made again, the comparison calls {differ} of {written.size} pixels otherwise than "
            f"{again.result.folder} does, which landshift {again.result.version} wrote"
        )


def _called(again: Recomparison, place: Place) -> tuple[str, float]:
    """What most of the place is called, and how probable that is."""
    changes = again.changes
    codes = changes.codes[place.mask]
    code = int(np.bincount(codes).argmax())
    own = place.mask & (changes.codes == code)
    probability = float(changes.probability[own].mean())
    if code == OUTSIDE:
        return "outside the aoi", 0.0
    before, after = from_to(code)
    if (changes.replaced & own).sum() * 2 > own.sum():
        return f"{before.label} → another {after.label}", probability
    if before is after:
        return f"{after.label}, as before", probability
    return f"{before.label} → {after.label}", probability


def _classes(probability: Floats, mask: Mask) -> dict[str, float]:
    means = probability[:, mask].mean(axis=1, dtype=np.float64)
    return {cover.label: float(mean) for cover, mean in zip(COVERS, means, strict=True)}


def _kind_shares(again: Recomparison, mask: Mask) -> tuple[KindShare, ...]:
    stages = (again.evidence.probability, again.without_rims, again.weighed, again.smoothed)
    means = [stage[:, mask].mean(axis=1, dtype=np.float64).tolist() for stage in stages]
    prior = again.result.settings.transition.kind_prior or again.evidence.prior
    return tuple(KindShare(*row) for row in zip(KINDS, prior, *means, strict=True))


def _exposures(again: Recomparison) -> tuple[Exposure, Exposure]:
    """How bright and rich in contrast the network takes each whole picture to be."""
    at = band_indices(again.pictures[0], again.model)
    before, after = (measure_exposure(one.bands[at], one.valid) for one in again.pictures)
    return before, after


def _band_shifts(
    again: Recomparison, mask: Mask, exposures: tuple[Exposure, Exposure]
) -> tuple[BandShift, ...]:
    at = band_indices(again.pictures[0], again.model)
    seen = np.ones((1, int(mask.sum())), np.bool_)
    means = []
    for picture, exposure in zip(again.pictures, exposures, strict=True):
        values = picture.bands[at][:, mask][:, None]
        means.append(apply_exposure(values, seen, exposure).mean(axis=(1, 2)).tolist())
    shifts = (BandShift(*row) for row in zip(again.model.bands, *means, strict=True))
    return tuple(sorted(shifts, key=lambda one: -abs(one.after - one.before)))


def _occlude(
    again: Recomparison, place: Place, exposures: tuple[Exposure, Exposure]
) -> tuple[float, tuple[Occlusion, ...]]:
    """Evidence of change at the place, and what is left of it with each thing exchanged."""
    rows, cols = (
        span_seen(again.model, axis, size)
        for axis, size in zip(np.nonzero(place.mask), place.mask.shape, strict=True)
    )
    before, after = (_part(picture, rows, cols) for picture in again.pictures)
    mask = place.mask[rows, cols]
    own_rows, own_cols = (
        slice(int(axis.min()), int(axis.max()) + 1) for axis in np.nonzero(mask)
    )  # fmt: skip

    def evidence(one: Floats, other: Floats) -> float:
        pair = replace(before, bands=one), replace(after, bands=other)
        *_, found = classify_pair(*pair, again.model, None, exposures, (own_rows, own_cols))
        return float(1.0 - found.probability[0][mask].mean(dtype=np.float64))

    change = evidence(before.bands, after.bands)
    found = []
    for what, (one, other) in _exchanges(again, before.bands, after.bands, mask).items():
        left = evidence(one, other)
        found.append(Occlusion(what, left, change - left))
    return change, tuple(sorted(found, key=lambda one: -abs(one.fall)))


def _part(raster: Raster, rows: slice, cols: slice) -> Raster:
    shape = rows.stop - rows.start, cols.stop - cols.start
    return Raster(
        raster.bands[:, rows, cols].copy(), raster.valid[rows, cols].copy(),
        raster.grid.window(rows.start, cols.start, *shape), raster.sensor, raster.date,
    )  # fmt: skip


def _exchanges(
    again: Recomparison, before: Floats, after: Floats, mask: Mask
) -> dict[str, tuple[Floats, Floats]]:
    """Every pair of pictures (band, row, col) that is asked about, by what was exchanged."""
    near = np.asarray(ndimage.binary_dilation(mask, iterations=_RIM_PX))
    at = band_indices(again.pictures[0], again.model)
    lit = [picture[at].mean(axis=0) for picture in (before, after)]
    dimmed, coloured = after.copy(), after.copy()
    dimmed[at] += lit[0] - lit[1]
    coloured[at] = before[at] + (lit[1] - lit[0])
    found = {
        "the ground itself, after as before": (before, np.where(near, before, after)),
        "the ground itself, before as after": (np.where(near, after, before), after),
        "its surroundings, after as before": (before, np.where(near, after, before)),
        "its surroundings, before as after": (np.where(near, before, after), after),
        "brightness, after as before": (before, dimmed),
        "colour, after as before": (before, coloured),
    }
    for band, place in zip(again.model.bands, at, strict=True):
        other = after.copy()
        other[place] = before[place]
        found[f"band {band}, after as before"] = (before, other)
    return found


def _checks(again: Recomparison, place: Place) -> tuple[Check, ...]:
    """The thresholds between the evidence and the answer."""
    own = again.result.settings.transition
    changed = float(again.smoothed[1:, place.mask].sum(axis=0).mean(dtype=np.float64))
    found = [_at_least("probability of change", changed, own.change_threshold, "",
                       "transition.change_threshold")]  # fmt: skip
    found += _region_checks(again, place)
    if place.building is not None:
        found += _building_checks(again, place)
    return tuple(found)


def _at_least(what: str, found: float, limit: float, unit: str, setting: str) -> Check:
    return Check(what, found, limit, unit, setting, found >= limit)


def _region_checks(again: Recomparison, place: Place) -> list[Check]:
    """Regions of one kind of change, then pieces of one code inside them, as the map is sieved.

    A kind that is too small goes to the ground around it, a piece to others of its kind.
    """
    own, gsd_m = again.result.settings.transition, again.result.grid.gsd_m
    piece_px, change_px = least_regions_px(gsd_m, own)
    changed = again.decided[place.row, place.col] > 1 + kernel.SAME
    kind_px = change_px if changed else piece_px
    found = []
    for what, regions, least_px in (
        ("ground of one kind of change" if changed else "ground without change", again.decided,
         kind_px),
        ("piece of it named alike", again.named, piece_px),
    ):  # fmt: skip
        setting = "least_side_px" if least_px == piece_px else "least_change_m2"
        size = _region_px(regions, place.row, place.col) * gsd_m**2
        limit = least_px * gsd_m**2
        found.append(_at_least(what, size, limit, "m²", f"transition.{setting}"))
    return found


def _region_px(codes: NDArray[np.uint8], row: int, col: int) -> int:
    """Pixels of the connected region of one value that holds a pixel."""
    labels, stack = np.zeros(codes.shape, np.int32), np.zeros(codes.size, np.int64)
    return int(region.fill_region(codes, row, col, 1, labels, stack))


def _building_checks(again: Recomparison, place: Place) -> list[Check]:
    own = again.result.settings.buildings
    one = again.buildings[(place.building or 1) - 1]
    counted = float((again.changes.codes[place.mask] != OUTSIDE).mean())
    likely = one.probability >= own.doubtful_probability
    spoke = (
        _at_least("probability, on average", one.probability, own.doubtful_probability, "",
                  "buildings.doubtful_probability")
        if likely else
        _at_least("doubtful, so area over its rectangle", one.rectangularity,
                  own.doubtful_rectangularity, "", "buildings.doubtful_rectangularity")
    )  # fmt: skip
    return [
        _at_least("roof", one.hectares * 1e4, own.least_m2, "m²", "buildings.least_m2"),
        _at_least("share inside the aoi", counted, own.least_inside_share, "",
                  "buildings.least_inside_share"),
        spoke,
    ]


def _notes(again: Recomparison, place: Place) -> tuple[str, ...]:
    notes = []
    named = int(again.named[place.row, place.col])
    code = int(again.changes.codes[place.row, place.col])
    before, after = from_to(named)
    if code == OUTSIDE:
        notes.append("outside the aoi: nothing here is counted")
    elif named not in (code, kernel.REPLACED_CODE):
        why = "too small a region of that, it was given to what surrounds it"
        if code == 22 and Cover.GREENHOUSE in (before, after):
            why = (
                "edges agree on both dates, as where film is off a frame that stands, or the "
                "region was too small"
            )
        elif code == 33 and Cover.BUILDING in (before, after):
            why = "it is too small, or a narrow strip along a roof that stands, as where that leans"
        notes.append(f"by itself it would be {before.label} → {after.label}; {why}")
    elif (alone := [COVERS[int(cover.probability[:, place.row, place.col].argmax())].label
                    for cover in again.covers]) != [before.label, after.label]:  # fmt: skip
        notes.append("named by both dates, neighbours and transition.pair_prior together; each "
                     f"date alone: {alone[0]}, {alone[1]}")  # fmt: skip
    if again.reach_px > 0:
        notes.append(
            f"change narrower than {2 * int(again.reach_px) + 1} px was taken for misregistration "
            f"({again.alignment.residual_rms_m:.2f} m of shift remain)"
        )
    if place.building is not None:
        one = again.buildings[place.building - 1]
        corners = len(one.outline.exterior.coords) - 1
        stage = one.stage or UNTOLD
        notes.append(f"drawn with {corners} corners; stage: {stage}; stood on {one.was.label}")
    return tuple(notes)


def _building_of(again: Recomparison, place: Place) -> int | None:
    """Number of the listed building whose outline holds the pixel."""
    x, y = again.result.grid.xy(np.array(float(place.row)), np.array(float(place.col)))
    spot = Point(float(x), float(y))
    for number, one in enumerate(again.buildings, 1):
        if one.outline.covers(spot):
            return number
    return None


def _lon_lat(grid: Grid, place: Place) -> tuple[float, float] | None:
    if grid.crs is None:
        return None
    x, y = grid.xy(np.array(float(place.row)), np.array(float(place.col)))
    lon, lat = Transformer.from_crs(grid.crs, WGS84, always_xy=True).transform(x, y)
    return float(lon), float(lat)
