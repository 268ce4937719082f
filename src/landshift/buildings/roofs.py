"""A mask of what was built → numbered regions, one for each building."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import QhullError
from shapely.geometry import MultiPoint
from skimage.segmentation import watershed

from landshift.buildings.gaps import part_at_gaps
from landshift.buildings.masks import Labels, Mask, closed_by_disc, corners
from landshift.settings import BuildingSettings

_EIGHT = np.ones((3, 3), np.bool_)


def part_regions(
    built: Mask, probability: NDArray[np.float32], gsd_m: float, settings: BuildingSettings
) -> Labels:
    """Number the buildings in ``built`` (row, col), 0 elsewhere.

    Cracks and holes are closed, thin necks cut, regions parted where ``probability`` (row, col),
    that of a new building, sinks between buildings, halves of one roof joined, and faint rims left.
    """
    closed = close_cracks(built, gsd_m, settings)
    regions = cut_necks(closed, gsd_m, settings)
    regions = part_at_gaps(regions, probability, gsd_m, settings)
    return without_faint_rims(join_halves(regions, gsd_m, settings), probability, settings)


def close_cracks(built: Mask, gsd_m: float, settings: BuildingSettings) -> Mask:
    """``built`` without cracks narrower than `closing_m` and without small holes."""
    closed = closed_by_disc(built, settings.closing_m / 2 / gsd_m)
    filled = ndimage.binary_fill_holes(closed)
    holes, _ = ndimage.label(filled & ~closed)
    around, count = ndimage.label(filled, _EIGHT)
    if count == 0:
        return closed
    whole = np.bincount(around.ravel(), minlength=count + 1)
    size = np.bincount(holes.ravel())
    # Each hole's region: the label of any of its pixels, all the same.
    owner = np.zeros(size.size, np.int64)
    owner[holes.ravel()] = around.ravel()
    small = size <= settings.hole_share * whole[owner]
    small[0] = False
    return np.asarray(closed | small[holes])


def cut_necks(closed: Mask, gsd_m: float, settings: BuildingSettings) -> Labels:
    """Number the regions of ``closed``, those joined by thin necks apart."""
    regions, count = ndimage.label(closed)
    result = np.zeros(closed.shape, np.int32)
    used = 0
    for number, window in enumerate(ndimage.find_objects(regions, max_label=count), start=1):
        mask = np.pad(regions[window] == number, 1)
        parts = _cut(mask, gsd_m, settings)[1:-1, 1:-1]
        result[window] += np.where(parts > 0, parts + used, 0).astype(np.int32)
        used += int(parts.max())
    return result


def _cut(mask: Mask, gsd_m: float, settings: BuildingSettings) -> Labels:
    """One region, cut where it is thinner than a neck may be; 1 everywhere where it is not."""
    inner_px = ndimage.distance_transform_edt(mask)
    cores, count = ndimage.label(inner_px > settings.neck_m / 2 / gsd_m, _EIGHT)
    whole = mask.astype(np.int32)
    if count < 2:
        return whole
    widths = ndimage.maximum(inner_px, cores, np.arange(1, count + 1))
    least_px = settings.least_m2 / gsd_m**2
    # A core must stand well above the neck, or a ragged edge would cut a long hall to pieces.
    wide = np.flatnonzero(np.asarray(widths) * settings.neck_share * gsd_m >= settings.neck_m / 2)
    if wide.size < 2:
        return whole
    markers = np.zeros(mask.shape, np.int32)
    for place, core in enumerate(wide + 1, start=1):
        markers[cores == core] = place
    found = watershed(-inner_px, markers, mask=mask)  # type: ignore[no-untyped-call]
    parts = np.asarray(found, np.int32)
    sizes = np.bincount(parts.ravel(), minlength=wide.size + 1)[1:]
    if sizes.min() < least_px:
        return whole
    return parts


def join_halves(regions: Labels, gsd_m: float, settings: BuildingSettings) -> Labels:
    """Give regions one number that lie close and together fill a rectangle: halves of a roof.

    The gap between them is roof as well: the ridge. Where a pixel is wider than such a gap, none
    can be seen, and regions that touch were parted for another reason.
    """
    result = regions.copy()
    merged = gsd_m <= settings.merge_gap_m
    while merged:
        merged = False
        for one, two in _close_pairs(result, settings.merge_gap_m / gsd_m):
            both = (result == one) | (result == two)
            if rectangularity(both) >= settings.merge_rectangularity and ends_meet(
                result == one, result == two, settings.merge_ends_m / gsd_m
            ):
                gap = closed_by_disc(both, settings.merge_gap_m / 2 / gsd_m + 1) & (result == 0)
                result[gap | (result == two)] = one
                merged = True
                break
    return result


def _close_pairs(regions: Labels, gap_px: float) -> list[tuple[int, int]]:
    """Pairs of numbers whose regions lie within ``gap_px`` of each other."""
    pairs: set[tuple[int, int]] = set()
    reach = int(np.floor(gap_px)) + 1
    for number, window in enumerate(ndimage.find_objects(regions), start=1):
        if window is None:
            continue
        view = tuple(slice(max(part.start - reach, 0), part.stop + reach) for part in window)
        near = ndimage.distance_transform_edt(regions[view] != number) <= reach
        for other in np.unique(regions[view][near]).tolist():
            if other > number:
                pairs.add((number, other))
    return sorted(pairs)


def without_faint_rims(
    regions: Labels, probability: NDArray[np.float32], settings: BuildingSettings
) -> Labels:
    """``regions`` (row, col) without rims of less than half of each region's own probability.

    A blurred edge lies where half of its height is, and where that is above the level at which a
    pixel is called built, the region reaches beyond its building. Only rims: a weak strip that
    ends at an outline does not cut a building.
    """
    result = regions.copy()
    for number, window in enumerate(ndimage.find_objects(regions), start=1):
        if window is None:
            continue
        mask, inside = regions[window] == number, probability[window]
        strong = np.percentile(inside[mask], settings.strong_percentile)
        depth_px = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
        rim = mask & (inside < settings.rim_share * strong) & (depth_px <= settings.rim_px)
        result[window][rim] = 0
    return result


def rectangularity(mask: Mask) -> float:
    """Pixels of ``mask`` over the area of the minimum rotated rectangle of their corners."""
    try:
        hull = corners(mask)
    except QhullError:
        return 1.0
    return float(mask.sum() / MultiPoint(hull).minimum_rotated_rectangle.area)


def ends_meet(one: Mask, two: Mask, apart_px: float) -> bool:
    """Whether two regions, side by side or end to end, begin and end together.

    Along the sides of their common rectangle: on one of the two both must reach from the same
    place to the same place, give or take ``apart_px``, or 2 px where pixels are coarse.
    """
    rectangle = MultiPoint(corners(one | two)).minimum_rotated_rectangle
    first, second = np.diff(np.array(rectangle.exterior.coords)[:3], axis=0)
    allowed = max(apart_px, 2.0)
    for side in (first, second):
        spans = [corners(mask) @ (side / np.hypot(*side)) for mask in (one, two)]
        ends = np.array([(span.min(), span.max()) for span in spans])
        if np.abs(ends[0] - ends[1]).max() <= allowed:
            return True
    return False
