"""A region that holds several buildings → one region each, where probability sinks between them.

Where houses stand closer than a network sees sharply, the probability between them does not fall
below the level at which a pixel is called built, and a row of houses comes out as one. It sinks all
the same. So the parts that stand out at higher levels are tried as buildings of their own, and kept
where rectangles then explain the probabilities better: components of several levels, of which the
most stable are taken, after Matas et al. (2004, doi:10.1016/j.imavis.2004.02.006), with the fit of
rectangles in the place of stability.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import QhullError
from shapely.geometry import MultiPoint
from skimage.segmentation import watershed

from landshift.buildings.masks import Labels, Mask, corners, disc, widened
from landshift.settings import BuildingSettings

Pixels = NDArray[np.float32]

_DEEPEST = 4
"""How often parts are parted again: a gap may be low for weak buildings and not for strong ones."""
_RIM_PX = 3
"""How far a rectangle may reach beyond the pixels that it stands for."""


def part_at_gaps(
    regions: Labels, probability: Pixels, gsd_m: float, settings: BuildingSettings
) -> Labels:
    """Number the buildings of ``regions`` apart where the probability sinks between them.

    Parameters
    ----------
    regions
        (row, col); numbers of regions, 0 elsewhere.
    probability
        (row, col); 0-1, of a new building.
    gsd_m
        Side of a pixel, metres.
    settings
        How low the gaps must be, and how good the parts.

    Returns
    -------
    array
        (row, col); new numbers. Pixels of gaps have none.
    """
    radius_px = settings.closing_m / 2 / gsd_m
    result = np.zeros_like(regions)
    used = 0
    for number, window in enumerate(ndimage.find_objects(regions), start=1):
        if window is None:
            continue
        # Ridges and skylights are no gaps; closing them reads twice its radius around a place.
        view = widened(window, _RIM_PX + 2 * int(radius_px + 1))
        inside = ndimage.grey_closing(probability[view], footprint=disc(radius_px), mode="nearest")
        parts, count = _parted(regions[view] == number, inside, gsd_m, settings, _DEEPEST)
        result[view] += np.where(parts > 0, parts + used, 0).astype(np.int32)
        used += count
    return result


def _parted(
    mask: Mask, probability: Pixels, gsd_m: float, settings: BuildingSettings, depth: int
) -> tuple[Labels, int]:
    """One region's parts and their number, at every depth."""
    whole = mask.astype(np.int32)
    found = _best_parts(mask, probability, gsd_m, settings) if depth > 0 else None
    if found is None:
        return whole, 1
    result, used = np.zeros_like(whole), 0
    for number, window in enumerate(ndimage.find_objects(found), start=1):
        if window is None:
            continue
        pieces, _ = ndimage.label(found[window] == number)
        largest = pieces == 1 + int(np.bincount(pieces.ravel())[1:].argmax())
        parts, count = _parted(largest, probability[window], gsd_m, settings, depth - 1)
        result[window] += np.where(parts > 0, parts + used, 0).astype(np.int32)
        used += count
    return result, used


def _best_parts(
    mask: Mask, probability: Pixels, gsd_m: float, settings: BuildingSettings
) -> Labels | None:
    """The parts that rectangles fit best, None where none fits better than the whole."""
    least_px = settings.core_m2 / gsd_m**2
    if np.count_nonzero(mask) < 2 * least_px:
        return None
    strong = float(np.percentile(probability[mask], settings.strong_percentile))
    if strong <= 0.0:
        return None
    weak = settings.weak_share
    weight = np.clip((probability / strong - weak) / (1.0 - weak), 0.0, 1.0) * mask
    whole_fit, _ = rectangles_fit(mask.astype(np.int32), weight)
    least_fit, best = whole_fit + settings.gap_gain, None
    for share in settings.core_levels:
        cores = _cores(mask & (probability >= share * strong), least_px, settings.core_share)
        if not 2 <= cores.max() <= settings.most_parts:
            continue
        parts = np.asarray(watershed(-probability, cores, mask=mask), np.int32)  # type: ignore[no-untyped-call]
        parts[probability < settings.gap_trim * strong] = 0
        fit, squareness = rectangles_fit(parts, weight)
        if fit > least_fit and squareness >= settings.part_rectangularity:
            least_fit, best = fit, parts
    return best


def _cores(strong: Mask, least_px: float, least_share: float) -> Labels:
    """Regions of ``strong`` numbered, without those too small or small beside the largest."""
    cores, count = ndimage.label(strong)
    if count < 2:
        return np.asarray(cores, np.int32)
    sizes = np.bincount(cores.ravel(), minlength=count + 1)
    kept = sizes >= max(least_px, least_share * sizes[1:].max())
    kept[0] = False
    numbers = np.where(kept, np.cumsum(kept), 0)
    return np.asarray(numbers[cores], np.int32)


def rectangles_fit(parts: Labels, weight: NDArray[np.floating]) -> tuple[float, float]:
    """How well one rectangle for each part explains ``weight``, and fits the parts.

    Parameters
    ----------
    parts
        (row, col); numbers of regions, 0 elsewhere.
    weight
        (row, col); 0-1, how surely a pixel is a building's.

    Returns
    -------
    fit
        Weight inside the rectangles over their pixels and the weight outside: intersection over
        union where weights are 0 and 1. 0 without parts.
    squareness
        Intersection over union of each part and its rectangle, mean by pixels.
    """
    covered = np.zeros(parts.shape, np.bool_)
    common, pixels = 0.0, 0.0
    for number, window in enumerate(ndimage.find_objects(parts), start=1):
        if window is None:
            continue
        view = widened(window, _RIM_PX)
        part = parts[view] == number
        inside = rectangle_of(part)
        covered[view] |= inside
        size = np.count_nonzero(part)
        common += size * np.count_nonzero(part & inside) / np.count_nonzero(part | inside)
        pixels += size
    if pixels == 0:
        return 0.0, 0.0
    outside = float(weight[~covered].sum())
    fit = float(weight[covered].sum()) / (np.count_nonzero(covered) + outside)
    return fit, common / pixels


def rectangle_of(part: Mask) -> Mask:
    """Pixels (row, col) of the rectangle that has the area and the second moments of ``part``.

    Of the two that lie along its principal axis and along its minimum rotated rectangle, the one
    that overlaps it more.
    """
    row, col = np.nonzero(part)
    row_mid, col_mid = row.mean(), col.mean()
    down = np.arange(part.shape[0])[:, None] - row_mid
    right = np.arange(part.shape[1])[None, :] - col_mid
    best, most = part, -1.0
    for turn in _turns(part):
        cos, sin = np.cos(turn), np.sin(turn)
        along = (row - row_mid) * cos + (col - col_mid) * sin
        across = (col - col_mid) * cos - (row - row_mid) * sin
        # A pixel is a square, not a point: 1/12 of a square pixel of spread of its own.
        ratio = np.sqrt((along.var() + 1 / 12) / (across.var() + 1 / 12))
        half_length, half_width = np.sqrt(row.size * ratio) / 2, np.sqrt(row.size / ratio) / 2
        inside = (np.abs(down * cos + right * sin) <= half_length) & (
            np.abs(right * cos - down * sin) <= half_width
        )
        shared = np.count_nonzero(inside & part) / np.count_nonzero(inside | part)
        if shared > most:
            best, most = inside, shared
    return best


def _turns(part: Mask) -> tuple[float, ...]:
    """Directions to try, radians from the first axis to the second."""
    row, col = np.nonzero(part)
    twist = 2 * float(np.mean((row - row.mean()) * (col - col.mean())))
    principal = float(np.arctan2(twist, row.var() - col.var()) / 2)
    try:
        rectangle = MultiPoint(corners(part)).minimum_rotated_rectangle
    except QhullError:
        return (principal,)
    first, second = np.array(rectangle.exterior.coords)[:2]
    return principal, float(np.arctan2(second[1] - first[1], second[0] - first[0]))
