"""What stands on both dates though the pictures differ: frames without film, roofs that lean."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from landshift.change_map import TOTALS
from landshift.legend import Cover, transition_code
from landshift.settings import TransitionSettings

if TYPE_CHECKING:
    from landshift.raster import Raster

Pixels = NDArray[np.float32]

_STAYED_BUILDING = transition_code(Cover.BUILDING, Cover.BUILDING)
_GAINED, _LOST = TOTALS["new_building"], TOTALS["removed_building"]
_AROUND = np.ones((3, 3), np.bool_)


def keep_frames(
    codes: NDArray[np.uint8],
    kinds: Pixels,
    pictures: Sequence[Raster],
    settings: TransitionSettings,
) -> None:
    """Call regions greenhouse still where only film came off, or went on, a frame that stands.

    Film changes a greenhouse's colour altogether and leaves its edges where they are: hoops, gaps
    between tunnels, gables. So the two dates' gradients are compared, as doubled angles, which
    brightness turned to darkness leaves as they are, and less their mean over the region, or any
    two fields of rows of one direction would agree. ``codes`` (row, col) and ``kinds``
    (4, row, col) are changed in place. A building that stands there now is a building, and so is
    what is left of a roof gained or lost: ribs of a new hall may run as the tunnels before it did.
    A gradient towards what was not seen on one of the dates has no say: where both pictures end at
    one line, or a mask lies on both alike, that line is what would agree.
    """
    before, after = codes // 10, codes % 10
    stripped = (before != after) & ((before == Cover.GREENHOUSE) | (after == Cover.GREENHOUSE))
    stripped &= (before != Cover.BUILDING) & (after != Cover.BUILDING)
    roofs = np.isin(codes, (*_GAINED, *_LOST))
    regions, count = ndimage.label(stripped, _AROUND)
    if len(pictures) != 2 or count == 0:
        return
    one, other = (_doubled_gradient(picture) for picture in pictures)
    # a gradient is read from the pixels on either side
    told = ndimage.binary_erosion(pictures[0].valid & pictures[1].valid, border_value=1)
    for number, place in enumerate(ndimage.find_objects(regions), 1):
        inside = regions[place] == number
        looked_at = inside & told[place]
        if np.count_nonzero(looked_at) < settings.frame_least_px:
            continue
        window, _, rim = _with_rim(regions, number, place)
        if np.count_nonzero(rim & roofs[window]) > settings.frame_roof * np.count_nonzero(rim):
            continue
        agreement = gradient_agreement(one[place][looked_at], other[place][looked_at])
        if agreement >= settings.frame_agreement:
            codes[place][inside] = transition_code(Cover.GREENHOUSE, Cover.GREENHOUSE)
            kinds[(0, *place)][inside] += kinds[(slice(1, None), *place)][:, inside].sum(axis=0)
            kinds[(slice(1, None), *place)][:, inside] = 0.0


def _doubled_gradient(picture: Raster) -> NDArray[np.complex64]:
    """Gradient of brightness with its angle doubled and its length kept, (row, col)."""
    brightness = ndimage.gaussian_filter(picture.bands.mean(axis=0, dtype=np.float32), 1.0)
    # the mean of what was seen around, as bands are 0 where nothing was
    brightness /= np.maximum(ndimage.gaussian_filter(picture.valid.astype(np.float32), 1.0), 1e-6)
    down, right = np.gradient(brightness)
    gradient = right + 1j * down
    return np.asarray(gradient**2 / np.maximum(np.abs(gradient), 1e-12), np.complex64)


def gradient_agreement(one: NDArray[np.complex64], other: NDArray[np.complex64]) -> float:
    """Correlation of two sets of doubled gradients, -1 to 1; 0 where one of them has none."""
    x, y = one - one.mean(), other - other.mean()
    size = float(np.sqrt(np.sum(np.abs(x) ** 2) * np.sum(np.abs(y) ** 2)))
    return float(np.sum(x * y.conj()).real) / size if size > 0.0 else 0.0


def keep_leaning_roofs(
    codes: NDArray[np.uint8], gsd_m: float, settings: TransitionSettings
) -> None:
    """Call narrow strips of roof gained or lost along a roof that stands part of that roof.

    Seen from another side a roof lies elsewhere, by its height times the tangent of the view's
    angle, and the ground or the wall beside it seems built on or bared. Such a strip is no wider
    than that, and much of its rim is the standing roof. ``codes`` (row, col) are changed in place.
    The probability of change is not: no region is left near it, so it goes the way of all faint
    change, out of the hectares and into their upper end. For an annex may be as narrow.
    """
    stays = codes == _STAYED_BUILDING  # as it was, whichever strip is looked at first
    gained, lost = (np.isin(codes, found) for found in (_GAINED, _LOST))
    for moved in (gained, lost):
        regions, _ = ndimage.label(moved, _AROUND)
        for number, place in enumerate(ndimage.find_objects(regions), 1):
            window, region, rim = _with_rim(regions, number, place)
            beside = np.count_nonzero(rim & stays[window])
            if beside < settings.lean_contact * np.count_nonzero(rim) or beside == 0:
                continue
            depth = ndimage.distance_transform_edt(np.pad(region, 1)).max()
            if (2.0 * depth - 1.0) * gsd_m <= settings.lean_m:
                codes[window][region] = _STAYED_BUILDING


def _with_rim(
    regions: NDArray[np.int32], number: int, place: tuple[slice, slice]
) -> tuple[tuple[slice, slice], NDArray[np.bool_], NDArray[np.bool_]]:
    """A pixel more than a region's ``place``, and there its pixels and those around it."""
    rows, cols = (slice(max(side.start - 1, 0), side.stop + 1) for side in place)
    region = regions[rows, cols] == number
    return (rows, cols), region, ndimage.binary_dilation(region, _AROUND) & ~region
