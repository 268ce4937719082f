"""A part of a roof → the whole roof, where its colour goes on and ends in a rectangle.

A network that is sure of the ends of a hall and unsure of its middle leaves fragments where
everybody sees one roof. A roof has few colours, one or two slopes of it, and right angles. So what
has the colours of a found part and hangs together with it is taken for the roof, if it is a
rectangle; where the colours run out into a yard or a street it is none, and the part stays as it
was found. Only outlines are drawn so: hectares are sums of calibrated probability.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from landshift.buildings.masks import (
    Labels,
    Mask,
    closed_by_disc,
    disc,
    rectangularity,
    widened,
)
from landshift.raster import Raster
from landshift.settings import BuildingSettings

Pixels = NDArray[np.float32]

_LEAST_CORE_PX = 16
"""Pixels inside a part below which its colours are not known."""
_CORE_SAMPLED_PX = 4000
"""Pixels of a core that are looked at, evenly spaced."""
_ROUNDS = 8
"""Of moving colours to the middle of what is nearest to them; later ones change nothing."""
_NORMAL_MAD = 1.4826
"""Standard deviation over median absolute deviation of a normal distribution."""


def complete_roofs(
    regions: Labels, probability: Pixels, standing: Mask, picture: Raster,
    settings: BuildingSettings,
) -> Labels:  # fmt: skip
    """``regions`` (row, col), each as large as the rectangle of its colours, where there is one.

    Parameters
    ----------
    regions
        (row, col); numbers of the buildings found, 0 elsewhere. The largest goes first, and takes
        up smaller ones that lie within its roof. A doubtful one is not made larger.
    probability
        (row, col); 0-1, of a new building.
    standing
        (row, col); True where a building stood before and stands still: a sliver along such a roof
        must not become the roof. Beyond the aoi nobody knows, and it is False.
    picture
        The after picture.
    settings
        How alike colours must be, how rectangular the roof, how much larger than its part.
    """
    gsd_m = picture.grid.gsd_m
    result = regions.copy()
    windows = dict(enumerate(ndimage.find_objects(result), start=1))
    sizes = np.bincount(result.ravel())
    seen = picture.valid[:, 1:] & picture.valid[:, :-1]
    noise = np.array([_noise(band, seen) for band in picture.bands], np.float32)
    reach_px = settings.roof_reach_m / gsd_m
    least_px = settings.least_m2 / gsd_m**2
    for number in sorted(windows, key=lambda one: (-sizes[one], one)):
        window = windows[number]
        if window is None or sizes[number] < least_px or not (result[window] == number).any():
            continue
        longest_px = max(side.stop - side.start for side in window)
        view = widened(window, int(min(reach_px, settings.roof_reach * longest_px)))
        here = result[view]
        part = here == number
        if probability[view][part].mean() < settings.doubtful_probability:
            continue
        larger = (here > 0) & ~part & (sizes[here] > sizes[number])
        free = picture.valid[view] & ~larger
        roof = _roof_of(part, free, picture.bands[:, *view], noise, gsd_m, settings)
        if roof is None:
            continue
        added = roof & ~part
        if np.median(probability[view][added]) < settings.roof_least_probability:
            continue
        if standing[view][added].mean() >= settings.roof_most_standing:
            continue
        for other in np.unique(here[added & (here > 0)]).tolist():
            if np.count_nonzero(roof & (here == other)) > settings.roof_cover * sizes[other]:
                here[here == other] = 0
        here[roof & (here == 0)] = number
        sizes[number] = np.count_nonzero(here == number)
    return result


def _noise(band: Pixels, seen: Mask) -> float:
    """The median step from pixel to pixel: noise and texture of a picture, whatever its units."""
    steps = np.abs(np.diff(band, axis=1))[seen]
    return max(float(np.median(steps)), 1e-6) if steps.size else 1.0


def _roof_of(
    part: Mask, free: Mask, bands: Pixels, noise: Pixels, gsd_m: float, settings: BuildingSettings
) -> Mask | None:
    """The rectangle (row, col) that has the colours of ``part`` and begins there, or None."""
    core = ndimage.binary_erosion(part)
    if np.count_nonzero(core) < _LEAST_CORE_PX:
        return None
    alike = _has_colours_of(core, bands, noise, settings)
    alike = ndimage.median_filter(alike.astype(np.uint8), 3) > 0
    alike = ndimage.binary_opening(alike | core, disc(settings.roof_opening_m / gsd_m)) & free
    pieces, count = ndimage.label(alike)
    shared = np.bincount(pieces[part], minlength=count + 1)
    shared[0] = 0
    if not shared.any():
        return None
    roof = closed_by_disc(pieces == shared.argmax(), settings.closing_m / gsd_m)
    roof = ndimage.binary_fill_holes(roof)
    size, found = np.count_nonzero(roof), np.count_nonzero(part)
    if roof[[0, -1]].any() or roof[:, [0, -1]].any() or not found < size < (
        settings.roof_most_growth * found
    ):
        return None
    return roof if rectangularity(roof) >= settings.roof_rectangularity else None


def _has_colours_of(
    core: Mask, bands: Pixels, noise: Pixels, settings: BuildingSettings
) -> Mask:
    """Where a pixel looks like either of the two slopes of the roof that ``core`` belongs to."""
    known = bands[:, core].T
    known = known[:: max(len(known) // _CORE_SAMPLED_PX, 1)]
    order = np.argsort(known.mean(axis=1), kind="stable")
    colours = known[order[[len(order) // 10, 9 * len(order) // 10]]]
    for _ in range(_ROUNDS):
        nearest = np.abs((known[:, None] - colours) / noise).max(axis=2).argmin(axis=1)
        for slope in (0, 1):
            if (own := nearest == slope).any():
                colours[slope] = np.median(known[own], axis=0)
    alike = np.zeros(core.shape, np.bool_)
    for slope, colour in enumerate(colours):
        own = known[nearest == slope]
        if len(own) < settings.roof_least_slope * len(known):
            continue
        spread = _NORMAL_MAD * np.median(np.abs(own - colour), axis=0)
        spread = np.maximum(spread, settings.roof_least_spread * noise)
        off = np.abs(bands - colour[:, None, None]) / spread[:, None, None]
        alike |= off.max(axis=0) < settings.roof_spreads
    return alike
