"""What the colours of a picture say of it: snow, no colour at all, bands in another order."""

from __future__ import annotations

from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from landshift.raster import Raster, block_means

Mask = NDArray[np.bool_]

_COLOURS = ("red", "green", "blue")
_SNOW_CELL_M = 1.0
"""Side of the squares whose light is compared: finer pixels show what sticks out of the snow."""
_LEAST_GROUND_M2 = 5000.0
"""Below it nothing is said of snow: it may be one yard, paved. Judgement: works of the kind that is
asked about cover two to three times as much."""
_BLOCK_PX = 8
"""Side of the blocks whose mean colours are compared: finer ones move with the view."""
_LEAST_BLOCKS = 100
"""Blocks below which nothing is said of the order of bands."""
_MOST_OF_COLOUR = 90.0
"""Percentile of the blocks' saturation that tells whether a picture has colours."""
_DARK = 0.12
"""Added to the sum of three bands over white before a difference of bands is divided by it: of
black, the colour is noise."""
_LEAST_AGREEMENT = 0.3
"""Correlation of colours below which no order of bands agrees, and none is better."""


def _has_colours(raster: Raster) -> bool:
    return set(_COLOURS) <= set(raster.sensor.bands)


def measure_snow(raster: Raster, where: Mask) -> tuple[float, float, float] | None:
    """How bright most of the ground is beside the brightest, and how pale.

    Parameters
    ----------
    raster
        One picture.
    where
        (row, col); the ground asked about.

    Returns
    -------
    tuple of float, or None
        Upper quartile and median of the darkest visible band, where 0 is its 2nd and 1 its 98th
        percentile; median of the darkest over the brightest visible band. None without red, green
        and blue, of a picture of one colour, and where too little is asked about.
    """
    if not _has_colours(raster):
        return None
    factor = max(1, round(_SNOW_CELL_M / raster.grid.gsd_m))
    means, held = block_means(raster.select(_COLOURS), where, factor)
    if int(held.sum()) * (factor * raster.grid.gsd_m) ** 2 < _LEAST_GROUND_M2:
        return None
    darkest, brightest = means.min(axis=0)[held], means.max(axis=0)[held]
    low, median, quarter, high = np.percentile(darkest, [2.0, 50.0, 75.0, 98.0])
    if high <= low:
        return None
    pale = float(np.median(darkest / np.maximum(brightest, 1e-6)))
    return float((quarter - low) / (high - low)), float((median - low) / (high - low)), pale


def snow_index(raster: Raster, where: Mask) -> float | None:
    """Median of (green - swir1) / (green + swir1) of the brighter half of the ground ``where``.

    Snow swallows light of 1.6 um, which film, concrete and cloud throw back. None without these
    bands, and where nothing is asked about.
    """
    if not {"green", "swir1"} <= set(raster.sensor.bands) or not where.any():
        return None
    green, swir = raster.select(("green", "swir1"))[:, where]
    bright = green >= np.median(green)
    total = np.maximum(green + swir, 1e-6)[bright]
    return float(np.median((green - swir)[bright] / total))


def is_grey(raster: Raster, inside: Mask | None = None) -> bool:
    """Whether red, green and blue are one and the same wherever the picture shows something.

    Or all over the part ``inside``, (row, col), of it, unless that is small: a lossy file has no
    colour left on a yard, and a mosaic has whole sheets without.
    """
    if not _has_colours(raster):
        return False
    where = raster.valid if inside is None else raster.valid & inside
    if where.sum() < (1 if inside is None else _LEAST_BLOCKS * _BLOCK_PX**2):
        return False
    red, green, blue = (band[where] for band in raster.select(_COLOURS))
    return bool(np.array_equal(red, green) and np.array_equal(green, blue))


def saturation(raster: Raster) -> float | None:
    """Most of (max - min) / max of red, green and blue, 0-1, of nine tenths of a picture's blocks.

    None without the three, and of too few blocks.
    """
    if not _has_colours(raster):
        return None
    means, held = block_means(raster.select(_COLOURS), raster.valid, _BLOCK_PX)
    if int(held.sum()) < _LEAST_BLOCKS:
        return None
    brightest = means.max(axis=0)[held]
    spread = (brightest - means.min(axis=0)[held]) / np.maximum(brightest, 1e-6)
    return float(np.percentile(spread, _MOST_OF_COLOUR))


def agreeing_order(
    before: Raster, after: Raster, seen: Mask, white_before: float, white_after: float
) -> tuple[tuple[str, ...], float]:
    """The order of the after picture's bands in which colours agree best with the other picture's.

    Blocks of both pictures are compared by red less blue, and by green less both, each over
    brightness: of one place the two agree in the order in which the bands really stand, whatever
    grew there meanwhile.

    Parameters
    ----------
    before, after
        Both dates on one grid.
    seen
        (row, col); what both show.
    white_before, white_after
        Full scale of each.

    Returns
    -------
    tuple of str
        What the bands called red, green and blue are in that order.
    float
        By how much the mean correlation of the two colours is higher than in the order given; 0
        where that is the best, where none agrees, and of too few blocks.
    """
    if not (_has_colours(before) and _has_colours(after)):
        return _COLOURS, 0.0
    blocks = []
    for picture, white in ((before, white_before), (after, white_after)):
        means, held = block_means(picture.select(_COLOURS), seen, _BLOCK_PX)
        if int(held.sum()) < _LEAST_BLOCKS:
            return _COLOURS, 0.0
        blocks.append(means[:, held] / np.float32(white))
    one, other = blocks
    # each in the other's order: of one alone, pictures that change places would agree otherwise
    agreements = {
        order: 0.5 * _agreement(_opponents(one), _opponents(other[list(order)]))
        + 0.5 * _agreement(_opponents(other), _opponents(one[np.argsort(order)]))
        for order in permutations(range(3))
    }
    best = max(agreements, key=lambda order: agreements[order])
    if agreements[best] < _LEAST_AGREEMENT:
        return _COLOURS, 0.0
    # band k of the file, called _COLOURS[k], stands where the best order puts it
    called = tuple(_COLOURS[best.index(k)] for k in range(3))
    return called, agreements[best] - agreements[0, 1, 2]


def _opponents(bands: NDArray[np.float32]) -> NDArray[np.float32]:
    """Red less blue, and green less both, over brightness; (2, n) of (3, n)."""
    red, green, blue = bands
    # reflectances of water may lie below 0
    light = np.maximum(red + green + blue, 0) + np.float32(_DARK)
    return np.stack([(red - blue) / light, (2 * green - red - blue) / light])


def _agreement(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Mean correlation of two colours; 0 of one that does not vary."""
    total = 0.0
    for a, b in zip(one.astype(np.float64), other.astype(np.float64), strict=True):
        if np.ptp(a) > 0 and np.ptp(b) > 0:
            total += float(np.corrcoef(a, b)[0, 1])
    return total / len(one)
