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
