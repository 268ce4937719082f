"""One block of a picture brought onto one block of a grid, with what was not seen left out."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Pixels = NDArray[np.float32]

SNAP_PX = 1e-4
"""Nearer than this to a source pixel's centre a place counts as on it: an unmoved picture comes
through bit for bit, and the lattice's rounding does not touch the neighbours."""
POINT_PX = 0.01
"""Narrower averages are points; the difference of integrals would lose its digits."""
NO_WEIGHT = 1e-6
"""A tap that weighs less may be missing."""
LEAST_SEEN = 0.5 - 1e-6
"""Share of the tent that must be seen. At one half the edge of what was seen stays where it is:
a target pixel is seen when its centre is, so that the area seen is unbiased. A hair less, or
rounding decides on the edge itself."""


@njit(cache=True, nogil=True)
def catmull_rom(distance: float) -> float:
    """Weight at ``distance`` source pixels (Catmull and Rom 1974; Keys 1981 with a = -1/2)."""
    x = abs(distance)
    if x < 1.0:
        return (1.5 * x - 2.5) * x * x + 1.0
    if x < 2.0:
        return ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0
    return 0.0


@njit(cache=True, nogil=True)
def catmull_rom_until(distance: float) -> float:
    """Integral of `catmull_rom` from 0 to ``distance``."""
    x = min(abs(distance), 2.0)
    if x < 1.0:
        area = ((0.375 * x - 5.0 / 6.0) * x * x + 1.0) * x
    else:
        area = (((-0.125 * x + 5.0 / 6.0) * x - 2.0) * x + 2.0) * x - 1.0 / 6.0
    return area if distance > 0.0 else -area


@njit(cache=True, nogil=True)
def averaged(distance: float, width: float) -> float:
    """Mean of `catmull_rom` over ``width`` around ``distance``: the weight in an area average."""
    if width < POINT_PX:
        return catmull_rom(distance)
    after, before = distance + 0.5 * width, distance - 0.5 * width
    return (catmull_rom_until(after) - catmull_rom_until(before)) / width


@njit(cache=True, nogil=True)
def tent(distance: float) -> float:
    """Weight at ``distance`` source pixels, never negative."""
    return max(0.0, 1.0 - abs(distance))


@njit(cache=True, nogil=True)
def fill_weights(centre: float, scale: float, smooth: bool, weights: Floats) -> tuple[int, int]:
    """Fill ``weights`` with the taps around ``centre``; return the first tap and their number."""
    # a source pixel is an average over 1 px and a target pixel one over ``scale``: variances add
    width = np.sqrt(scale * scale - 1.0)
    reach = 2.0 + 0.5 * width if smooth else scale
    first = int(np.ceil(centre - reach))
    count = int(np.floor(centre + reach)) - first + 1
    for k in range(count):
        x = first + k - centre
        weights[k] = averaged(x, width) if smooth else tent(x / scale)
    return first, count


@njit(cache=True, nogil=True)
def seen_weight(
    valid: Mask,
    row: int,
    rows: int,
    row_weights: Floats,
    col: int,
    cols: int,
    col_weights: Floats,
) -> tuple[float, float, bool]:
    """The weight of all taps, of the seen ones, and whether every tap that weighs is seen."""
    total, seen, whole = 0.0, 0.0, True
    for i in range(rows):
        for j in range(cols):
            weight = row_weights[i] * col_weights[j]
            total += weight
            r, c = row + i, col + j
            if 0 <= r < valid.shape[0] and 0 <= c < valid.shape[1] and valid[r, c]:
                seen += weight
            elif abs(weight) > NO_WEIGHT:
                whole = False
    return total, seen, whole


@njit(cache=True, nogil=True)
def weighted_mean(
    band: Pixels,
    valid: Mask,
    row: int,
    rows: int,
    row_weights: Floats,
    col: int,
    cols: int,
    col_weights: Floats,
) -> float:
    """The mean of the seen pixels of ``band`` under these weights."""
    total, value = 0.0, 0.0
    for i in range(rows):
        r = row + i
        if r < 0 or r >= valid.shape[0]:
            continue
        for j in range(cols):
            c = col + j
            if 0 <= c < valid.shape[1] and valid[r, c]:
                weight = row_weights[i] * col_weights[j]
                total += weight
                value += weight * band[r, c]
    return value / total


@njit(cache=True, nogil=True)
def between(lattice: Floats, step: int, row: int, col: int) -> float:
    """The value of ``lattice`` at pixel (row, col), bilinear between nodes ``step`` px apart."""
    i, j = row // step, col // step
    fi, fj = (row - i * step) / step, (col - j * step) / step
    near = lattice[i, j] + fj * (lattice[i, j + 1] - lattice[i, j])
    far = lattice[i + 1, j] + fj * (lattice[i + 1, j + 1] - lattice[i + 1, j])
    return float(near + fi * (far - near))


@njit(cache=True, nogil=True)
def snapped(place: float) -> float:
    """``place``, or the pixel centre that it all but lies on."""
    nearest = np.rint(place)
    return float(nearest) if abs(place - nearest) < SNAP_PX else place


@njit(cache=True, nogil=True)
def resample_block(
    source: Pixels,
    valid: Mask,
    lattice_row: Floats,
    lattice_col: Floats,
    step: int,
    row_scale: float,
    col_scale: float,
    low: np.float32,
    high: np.float32,
    out: Pixels,
    out_valid: Mask,
) -> None:
    """Fill ``out`` with ``source`` as it looks at the places that the lattice names.

    Where every tap is seen, Catmull-Rom's curve through the source, and where the source is finer
    that curve's mean over the target pixel; both give straight slopes back exactly. The negative
    lobes cannot be renormalised when taps are missing, so there the tent does.

    Parameters
    ----------
    source : float32 array, shape (band, source row, source col)
    valid : bool array, shape (source row, source col)
    lattice_row, lattice_col : float64 arrays, shape (nodes, nodes)
        Source row and col of every ``step``-th target pixel; one node beyond the last pixel.
    step : int
        Target pixels between nodes.
    row_scale, col_scale : float
        Source pixels to one target pixel along each source axis, at least 1.
    low, high : float32
        What the source's data type can hold: the cubic overshoots at edges.
    out : float32 array, shape (band, row, col), filled with zeros
    out_valid : bool array, shape (row, col), filled with False
    """
    taps = int(2.0 * max(row_scale, col_scale)) + 6
    row_weights, col_weights = np.empty(taps), np.empty(taps)
    for r in range(out.shape[1]):
        for c in range(out.shape[2]):
            y = snapped(between(lattice_row, step, r, c))
            x = snapped(between(lattice_col, step, r, c))
            if not (-1.0 < y < source.shape[1] and -1.0 < x < source.shape[2]):
                continue
            row, rows = fill_weights(y, row_scale, True, row_weights)
            col, cols = fill_weights(x, col_scale, True, col_weights)
            _, _, whole = seen_weight(valid, row, rows, row_weights, col, cols, col_weights)
            if not whole:
                row, rows = fill_weights(y, row_scale, False, row_weights)
                col, cols = fill_weights(x, col_scale, False, col_weights)
                total, seen, _ = seen_weight(
                    valid, row, rows, row_weights, col, cols, col_weights
                )
                if seen < LEAST_SEEN * total:
                    continue
            out_valid[r, c] = True
            for band in range(source.shape[0]):
                value = np.float32(
                    weighted_mean(
                        source[band], valid, row, rows, row_weights, col, cols, col_weights
                    )
                )
                out[band, r, c] = min(max(value, low), high)
