"""From the network's last sums to calibrated probabilities."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

_LOG2_E = np.float32(1.4426950408889634)
_LEAST_POWER = np.float32(-126.0)
"""Below it 2 to that power is no longer a normal float32."""
# 2 ** x on [0, 1], Chebyshev fit of degree 6, coefficients from the constant up.
_C0, _C1, _C2, _C3, _C4, _C5, _C6 = (np.float32(c) for c in (
    1, 0.693146933, 0.240230454, 0.0554806302,
    0.00968418631, 0.00123913318, 0.000218657848,
))  # fmt: skip


@njit(cache=True, nogil=True)
def exponential(
    values: NDArray[np.float32], bits: NDArray[np.int32], powers: NDArray[np.float32]
) -> None:
    """Replace ``values``, none above 0, by e to their power; relative error below 3e-7.

    ``bits`` is scratch of the same length and ``powers`` its view as float32: whole powers of two
    are written as exponents. Unlike a call of ``exp`` for each value this fills vector registers.
    """
    for at in range(values.size):
        power = max(values[at] * _LOG2_E, _LEAST_POWER)
        whole = np.floor(power)
        x = power - whole
        bits[at] = (np.int32(whole) + np.int32(127)) << np.int32(23)
        values[at] = _C0 + x * (_C1 + x * (_C2 + x * (_C3 + x * (_C4 + x * (_C5 + x * _C6)))))
    for at in range(values.size):
        values[at] *= powers[at]


@njit(cache=True, nogil=True)
def blend_coarse(
    logits: NDArray[np.float32],
    coarse: NDArray[np.float32],
    share: np.float32,
    row: int,
    col: int,
    rows: int,
    cols: int,
) -> None:
    """Make ``logits`` (1 - share) of what they are and ``share`` of ``coarse`` twice as large.

    Bilinear between the middles of the coarse pixels, level beyond the outermost.

    Parameters
    ----------
    logits : ndarray of float32, shape (channel, row + 2, stride)
        A plane with a ring (see `landshift.kernels.convolution`).
    coarse : ndarray of float32, shape (channel, coarse row, coarse col)
        Of the whole picture at half its resolution.
    share : float32
        0-1.
    row, col, rows, cols : int
        Where in the picture the first pixel of ``logits`` lies, and how many rows and columns are
        changed.
    """
    last_row, last_col = coarse.shape[1] - 1, coarse.shape[2] - 1
    near, far = np.float32(0.75) * share, np.float32(0.25) * share
    own = np.float32(1) - share
    first, quarter = np.float32(0.75), np.float32(0.25)
    column = np.empty(coarse.shape[2], np.float32)
    for channel in range(coarse.shape[0]):
        for r in range(rows):
            # An odd pixel's second neighbour lies after it, an even pixel's before.
            middle = (row + r) // 2
            beside = min(max(middle + 1 if (row + r) % 2 else middle - 1, 0), last_row)
            middle = min(middle, last_row)
            first_col = min(max((col - 1) // 2, 0), last_col)
            for c in range(first_col, min((col + cols) // 2, last_col) + 1):
                column[c] = near * coarse[channel, middle, c] + far * coarse[channel, beside, c]
            into = logits[channel, r + 1]
            for c in range(cols):
                centre = (col + c) // 2
                side = min(max(centre + 1 if (col + c) % 2 else centre - 1, 0), last_col)
                centre = min(centre, last_col)
                into[c + 1] = own * into[c + 1] + (
                    first * column[centre] + quarter * column[side]
                )


@njit(cache=True, nogil=True)
def softmax(
    logits: NDArray[np.float32],
    scale: NDArray[np.float32],
    offset: NDArray[np.float32],
    valid: NDArray[np.bool_],
    probability: NDArray[np.float32],
    row: int,
    col: int,
    rows: int,
    cols: int,
) -> None:
    """Fill ``probability`` with the softmax of ``logits * scale + offset`` over the channels.

    Parameters
    ----------
    logits : ndarray of float32, shape (channel, row + 2, stride)
        A plane with a ring (see `landshift.kernels.convolution`).
    scale, offset : ndarray of float32, shape (channel,)
        Calibration of each channel.
    valid : ndarray of bool, shape (row, col)
        Where it is False the probabilities are 0.
    probability : ndarray of float32, shape (channel, row, col)
        What is filled.
    row, col, rows, cols : int
        Where in ``valid`` and ``probability`` the first pixel of ``logits`` lies, and how many rows
        and columns are filled.
    """
    channels = probability.shape[0]
    most, total = np.empty(cols, np.float32), np.empty(cols, np.float32)
    share = np.empty((channels, cols), np.float32)
    bits = np.empty(cols, np.int32)
    powers = bits.view(np.float32)
    for r in range(rows):
        most[:] = -np.inf
        for channel in range(channels):
            seen, into = logits[channel, r + 1, 1 : cols + 1], share[channel]
            times, plus = scale[channel], offset[channel]
            for c in range(cols):
                into[c] = seen[c] * times + plus
                most[c] = max(most[c], into[c])
        total[:] = 0
        for channel in range(channels):
            into = share[channel]
            for c in range(cols):
                into[c] -= most[c]
            exponential(into, bits, powers)
            for c in range(cols):
                total[c] += into[c]
        seen_here = valid[row + r, col : col + cols]
        for c in range(cols):
            total[c] = np.float32(1) / total[c] if seen_here[c] else np.float32(0)
        for channel in range(channels):
            from_row, into = share[channel], probability[channel, row + r, col : col + cols]
            for c in range(cols):
                into[c] = from_row[c] * total[c]
