"""A mask of what was built → numbered regions, one for each building."""

from __future__ import annotations

from heapq import heappop, heappush

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from shapely.geometry import MultiPoint
from skimage.segmentation import watershed

from landshift.buildings.gaps import part_at_gaps
from landshift.buildings.masks import Labels, Mask, Window, closed_by_disc, corners, rectangularity
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
    places = np.zeros(count + 1, np.int32)
    places[wide + 1] = np.arange(1, wide.size + 1)
    found = watershed(-inner_px, places[cores], mask=mask)  # type: ignore[no-untyped-call]
    parts = np.asarray(found, np.int32)
    sizes = np.bincount(parts.ravel(), minlength=wide.size + 1)[1:]
    if sizes.min() < least_px:
        return whole
    return parts


def join_halves(regions: Labels, gsd_m: float, settings: BuildingSettings) -> Labels:
    """Give regions one number that lie close and together fill a rectangle: halves of a roof.

    The gap between them is roof as well: the ridge. Where a pixel is wider than such a gap, none
    can be seen, and regions that touch were parted for another reason.

    The pair of the lowest numbers goes first; a region that grew is tried once more with all that
    lies close to it. Nothing is looked at but the pair's own window, so that a town costs as much
    as its houses do one by one.
    """
    result = regions.copy()
    if gsd_m > settings.merge_gap_m:
        return result
    gap_px, ends_px = settings.merge_gap_m / gsd_m, settings.merge_ends_m / gsd_m
    windows = dict(enumerate(ndimage.find_objects(result), start=1))
    windows = {number: window for number, window in windows.items() if window is not None}
    waiting = {
        (number, other)
        for number, window in windows.items()
        for other in _close_to(number, window, result, gap_px) if other > number
    }  # fmt: skip
    queue = sorted(waiting)
    while queue:
        pair = heappop(queue)
        waiting.remove(pair)
        one, two = pair
        if two not in windows or one not in windows:
            continue
        window = _around(windows[one], windows[two])
        view = result[window]
        first, second = view == one, view == two
        both = first | second
        if rectangularity(both) < settings.merge_rectangularity or not ends_meet(
            first, second, ends_px
        ):
            continue
        view[second | closed_by_disc(both, gap_px / 2 + 1) & (view == 0)] = one
        windows[one] = window  # a disc closes nothing outside it
        del windows[two]
        for other in _close_to(one, window, result, gap_px):
            again = min(one, other), max(one, other)
            if again not in waiting:
                waiting.add(again)
                heappush(queue, again)
    return result


def _close_to(number: int, window: Window, regions: Labels, gap_px: float) -> list[int]:
    """Numbers of the other regions within ``gap_px`` of one that lies in ``window``."""
    reach = int(np.floor(gap_px)) + 1
    rows, cols = window
    view = regions[
        max(rows.start - reach, 0) : rows.stop + reach,
        max(cols.start - reach, 0) : cols.stop + reach,
    ]
    near = ndimage.distance_transform_edt(view != number) <= reach
    return [other for other in np.unique(view[near]).tolist() if other not in (0, number)]


def _around(one: Window, two: Window) -> Window:
    """The window that holds both."""
    rows, cols = (
        slice(min(a.start, b.start), max(a.stop, b.stop)) for a, b in zip(one, two, strict=True)
    )
    return rows, cols


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
