"""What the light of a picture says of it: snow, no colour, bands in another order, shadow."""

from __future__ import annotations

from itertools import permutations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from landshift.raster import Raster, block_means

Mask = NDArray[np.bool_]

_WHITE_REFLECTANCE = 0.4
"""What concrete, film and dry sand reach; four fifths of it, 0.32, is also where thick cloud begins
in the visible bands (Sentinel-2's L2A screening starts at 0.07-0.25 in red)."""
_MOST_OF_ONE = 1.5
"""Largest of values of which white is 1."""
_BUT_GLINTS = 0.99
"""Share of the pixels that are no glints, by which floating-point numbers are told to be shares of
white or counts. Those of one are some hundredths of those of the other: any high share will do."""
_GLINTING = 8.0
"""Times the value that they do not pass, from which the largest is a glint or a hot pixel: three
bits. Judgement: cloud is less than so much brighter than clear ground's brightest hundredth."""
_SAMPLE_PIXELS = 500_000
"""Pixels that are looked at for it, evenly spaced."""
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
_INFRARED_CELL_M = 20.0
"""Side of the squares by which near infrared is held against the colours."""
_SNOW_INDEX, _SNOW_GREEN, _SNOW_INFRARED = 0.4, 0.1, 0.11
"""Least (green - swir1) / (green + swir1), reflectance in green and in near infrared of snow: the
limits of MODIS' snow maps (Hall, Riggs & Salomonson 1995, doi:10.1016/0034-4257(95)00137-P); the
last two leave water and shadow out."""
_SHADOW_CELL_M = 40.0
"""Side of the squares that a cloud's shadow darkens whole."""
_SHADOW_RATIO = 0.6
"""Of a square's light on one date to that on the other, beside the pair's median ratio, below which
it is shadowed if all bands say so; clouds leave 0.2 to 0.6 of it."""
_BLACK = 0.002
"""Added to light over white before it is divided."""
_LEAST_AGREEMENT = 0.3
"""Correlation of colours below which no order of bands agrees, and none is better."""


def full_scale(raster: Raster) -> float:
    """The value that stands for white in a picture's units, guessed from its own values.

    The reflectance of the brightest ground where the sensor says what a unit means; else the
    least of 1, 255, 2047 and the next powers of two less one that holds the largest value. Not
    that of a glint: one hot pixel of 65535 makes no 16 bits of 11, and in floating-point numbers
    one of 1.6 no 8 bits of shares of white.
    """
    if raster.sensor.scale is not None:
        return _WHITE_REFLECTANCE  # reading has turned the file's units into reflectance
    most = float(raster.bands.max(where=raster.valid, initial=0.0))
    if most <= _MOST_OF_ONE:
        return 1.0
    usual = _but_glints(raster)
    if raster.sensor.floating and usual <= _MOST_OF_ONE:
        return 1.0
    if most > _GLINTING * usual:
        most = usual
    bits = max(8, int(np.ceil(np.log2(most + 1.0))))
    return float(2 ** (bits if bits == 8 else max(bits, 11)) - 1)


def _but_glints(raster: Raster) -> float:
    """The value that only the brightest of a picture's pixels pass in any band."""
    step = max(1, round(np.sqrt(raster.valid.size / _SAMPLE_PIXELS)))
    sample = raster.bands[:, ::step, ::step][:, raster.valid[::step, ::step]]
    return float(np.quantile(sample.max(axis=0), _BUT_GLINTS)) if sample.size else np.inf


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


def snow_share(raster: Raster, where: Mask) -> float | None:
    """Share of the ground ``where`` (row, col) that is snow by its spectrum, 0-1.

    Snow swallows light of 1.6 um, which film, concrete and cloud throw back. None without green,
    near infrared and short wave infrared, and where nothing is asked about. Values of unknown unit
    are taken as shares of full scale.
    """
    bands = ("green", "nir", "swir1")
    if not set(bands) <= set(raster.sensor.bands) or not where.any():
        return None
    green, nir, swir = raster.select(bands)[:, where]
    if raster.sensor.scale is None:
        white = np.float32(full_scale(raster))
        green, nir, swir = green / white, nir / white, swir / white
    index = (green - swir) / np.maximum(green + swir, 1e-4)
    snow = (index > _SNOW_INDEX) & (green > _SNOW_GREEN) & (nir > _SNOW_INFRARED)
    return float(snow.mean())


def infrared_apart(raster: Raster) -> float | None:
    """How much less near infrared goes with the other three than each colour does.

    Below 0 one of the colours stands further apart: plants and water part near infrared from red,
    green and blue, which are much alike of any ground. The mean correlation of each of the four
    bands with the others is compared, on squares of 20 m. None without the four, and of too few.
    """
    four = (*_COLOURS, "nir")
    if not set(four) <= set(raster.sensor.bands):
        return None
    factor = max(1, round(_INFRARED_CELL_M / raster.grid.gsd_m))
    means, held = block_means(raster.select(four), raster.valid, factor)
    cells = means[:, held].astype(np.float64)
    if cells.shape[1] < _LEAST_BLOCKS or (np.ptp(cells, axis=1) == 0).any():
        return None
    alike = (np.corrcoef(cells).sum(axis=1) - 1.0) / 3.0
    return float(alike[:3].min() - alike[3])


def shadowed_shares(
    before: Raster, after: Raster, seen: Mask, white_before: float, white_after: float
) -> tuple[float, float]:
    """Shares of the ground that lie in broad shadow in the before picture, and in the after one.

    Ground is in shadow where all bands of one date are darker than the other's by far more than
    they are elsewhere, over 80 m and more.

    Parameters
    ----------
    before, after
        Both dates on one grid, of the same bands.
    seen
        (row, col); what both show.
    white_before, white_after
        Full scale of each.
    """
    factor = max(1, round(_SHADOW_CELL_M / before.grid.gsd_m))
    both = []
    for picture, white in ((before, white_before), (after, white_after)):
        means, held = block_means(picture.bands, seen, factor)
        both.append(np.log(np.maximum(means / np.float32(white), 0.0) + np.float32(_BLACK)))
    if not held.any():
        return 0.0, 0.0
    change = both[1] - both[0]
    change -= np.median(change[:, held], axis=1)[:, None, None]
    limit, square = np.log(_SHADOW_RATIO), np.ones((2, 2))
    lighter, darker = change.min(axis=0) > -limit, change.max(axis=0) < limit
    total = float(held.sum())
    shares = [ndimage.binary_opening(one & held, square).sum() / total for one in (lighter, darker)]
    return float(shares[0]), float(shares[1])


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
