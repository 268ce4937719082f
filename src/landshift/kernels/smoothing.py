"""Smoothing between pixels that look alike, and not across edges."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray


@njit(cache=True, nogil=True)
def edge_weights(
    bands: NDArray[np.float32],
    valid: NDArray[np.bool_],
    scale: NDArray[np.float32],
    right: NDArray[np.float32],
    down: NDArray[np.float32],
) -> None:
    """Lower ``right`` and ``down`` (row, col) to how alike a pixel and its neighbour look, 0-1.

    exp(-mean over bands of (step / scale)²), 0 across the edge of what was seen and off the grid.
    Both arrays are lowered, never raised, so that several pictures can be applied in turn.
    """
    count, rows, cols = bands.shape
    for row in range(rows):
        for col in range(cols):
            for side in range(2):
                r, c = (row, col + 1) if side == 0 else (row + 1, col)
                weight = np.float32(0.0)
                if r < rows and c < cols and valid[row, col] and valid[r, c]:
                    total = np.float32(0.0)
                    for band in range(count):
                        step = (bands[band, row, col] - bands[band, r, c]) / scale[band]
                        total += step * step
                    weight = np.exp(-total / np.float32(count))
                if side == 0:
                    right[row, col] = min(right[row, col], weight)
                else:
                    down[row, col] = min(down[row, col], weight)


@njit(cache=True, nogil=True)
def diffuse_once(
    given: NDArray[np.float32],
    current: NDArray[np.float32],
    right: NDArray[np.float32],
    down: NDArray[np.float32],
    pull: np.float32,
    result: NDArray[np.float32],
) -> None:
    """Fill ``result`` (row, col) with each pixel's given value, drawn toward like neighbours.

    One Jacobi step. Linear, so that calibrated probabilities stay calibrated on average and sums
    over planes stay one; a Potts field would sharpen them.
    """
    rows, cols = given.shape
    one = np.float32(1.0)
    for row in range(rows):
        for col in range(cols):
            total = given[row, col]
            weight = one
            if col > 0:
                total += pull * right[row, col - 1] * current[row, col - 1]
                weight += pull * right[row, col - 1]
            if col + 1 < cols:
                total += pull * right[row, col] * current[row, col + 1]
                weight += pull * right[row, col]
            if row > 0:
                total += pull * down[row - 1, col] * current[row - 1, col]
                weight += pull * down[row - 1, col]
            if row + 1 < rows:
                total += pull * down[row, col] * current[row + 1, col]
                weight += pull * down[row, col]
            result[row, col] = total / weight
