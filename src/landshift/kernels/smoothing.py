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


@njit(cache=True, nogil=True, error_model="numpy")
def diffuse_run(
    given: NDArray[np.float32], here: NDArray[np.float32], above: NDArray[np.float32],
    below: NDArray[np.float32], right: NDArray[np.float32], up: NDArray[np.float32],
    down: NDArray[np.float32], pulls: tuple[np.float32, np.float32, np.float32],
    result: NDArray[np.float32],
) -> None:  # fmt: skip
    """Fill all but the ends of ``result`` (col,); ``pulls`` to the side, up and down.

    It asks nothing and divides unchecked, so that it becomes vector instructions.
    """
    aside, upward, downward = pulls
    left_of, right_of, to_left = here[:-2], here[2:], right[:-2]
    for k in range(result.size - 2):
        c = k + 1
        west, east = aside * to_left[k], aside * right[c]
        north, south = upward * up[c], downward * down[c]
        total = given[c] + west * left_of[k]
        total += east * right_of[k]
        total += north * above[c]
        total += south * below[c]
        weight = np.float32(1.0) + west
        weight += east
        weight += north
        weight += south
        result[c] = total / weight


@njit(cache=True, nogil=True)
def diffuse_end(
    given: NDArray[np.float32], here: NDArray[np.float32], above: NDArray[np.float32],
    below: NDArray[np.float32], right: NDArray[np.float32], up: NDArray[np.float32],
    down: NDArray[np.float32], pulls: tuple[np.float32, np.float32, np.float32], col: int,
) -> np.float32:  # fmt: skip
    """One pixel of `diffuse_run`, at the first or the last column."""
    aside, upward, downward = pulls
    total, weight = given[col], np.float32(1.0)
    if col > 0:
        total += aside * right[col - 1] * here[col - 1]
        weight += aside * right[col - 1]
    if col + 1 < here.size:
        total += aside * right[col] * here[col + 1]
        weight += aside * right[col]
    total += upward * up[col] * above[col]
    weight += upward * up[col]
    total += downward * down[col] * below[col]
    weight += downward * down[col]
    return np.float32(total / weight)


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
    nothing = np.float32(0.0)
    for row in range(rows):
        # beyond the first and the last row nothing pulls, whatever is read for it
        upper, lower = max(row - 1, 0), min(row + 1, rows - 1)
        pulls = pull, pull if row > 0 else nothing, pull if row + 1 < rows else nothing
        line, here, above, below = given[row], current[row], current[upper], current[lower]
        diffuse_run(
            line, here, above, below, right[row], down[upper], down[row], pulls, result[row]
        )
        for col in (0, cols - 1):
            result[row, col] = diffuse_end(
                line, here, above, below, right[row], down[upper], down[row], pulls, col
            )
