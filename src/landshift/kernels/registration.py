"""Spectra of windows compared: how coherent they are, and where their correlation peaks."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray


@njit(cache=True, nogil=True)
def pool_spectra(
    reference: NDArray[np.complex64],
    moving: NDArray[np.complex64],
    trust: NDArray[np.float32],
    ring: NDArray[np.int64],
    cross: NDArray[np.float64],
    power_reference: NDArray[np.float64],
    power_moving: NDArray[np.float64],
) -> None:
    """Add every window's spectra to rings of equal frequency, weighted by ``trust`` (window,).

    ``reference`` and ``moving`` are (window, side, side); ``ring`` (side, side) says which ring a
    frequency belongs to; the three sums are (ring,). ``cross`` takes the real part, the windows
    being cut where their residual displacement is near 0.
    """
    windows, side, _ = reference.shape
    for window in range(windows):
        weight = trust[window]
        if weight <= 0:
            continue
        for row in range(side):
            for col in range(side):
                a, b = reference[window, row, col], moving[window, row, col]
                k = ring[row, col]
                cross[k] += weight * (a.real * b.real + a.imag * b.imag)
                power_reference[k] += weight * (a.real * a.real + a.imag * a.imag)
                power_moving[k] += weight * (b.real * b.real + b.imag * b.imag)


@njit(cache=True, nogil=True)
def cross_spectra(
    reference: NDArray[np.complex64],
    moving: NDArray[np.complex64],
    weight: NDArray[np.float32],
    energy: NDArray[np.float32],
) -> None:
    """Turn ``moving`` (window, side, side) into the weighted cross-spectrum, in place.

    ``weight`` is (side, side). ``energy`` (window,) becomes the largest value that the correlation
    could reach, so that peak / energy lies in -1 to 1.
    """
    windows, side, _ = reference.shape
    for window in range(windows):
        own, other = 0.0, 0.0
        for row in range(side):
            for col in range(side):
                a, b, w = reference[window, row, col], moving[window, row, col], weight[row, col]
                own += w * (a.real * a.real + a.imag * a.imag)
                other += w * (b.real * b.real + b.imag * b.imag)
                moving[window, row, col] = w * a.conjugate() * b
        energy[window] = np.sqrt(own * other)


@njit(cache=True, nogil=True)
def find_peaks(
    surfaces: NDArray[np.complex64],
    reach: int,
    apart: int,
    place: NDArray[np.float64],
    height: NDArray[np.float32],
    second: NDArray[np.float32],
) -> None:
    """Highest value of each circular correlation surface within ``reach`` px of zero.

    ``surfaces`` (window, side, side); ``place`` (window, 2) becomes its row and column offset,
    ``height`` (window,) its value and ``second`` the highest local maximum farther than ``apart``
    px from it, 0 if there is none.
    """
    windows, side, _ = surfaces.shape
    for window in range(windows):
        best = np.float32(-np.inf)
        best_row, best_col = 0, 0
        for row in range(-reach, reach + 1):
            for col in range(-reach, reach + 1):
                value = surfaces[window, row % side, col % side].real
                if value > best:
                    best, best_row, best_col = value, row, col
        other = np.float32(0.0)
        for row in range(-reach, reach + 1):
            for col in range(-reach, reach + 1):
                if (row - best_row) ** 2 + (col - best_col) ** 2 <= apart * apart:
                    continue
                value = surfaces[window, row % side, col % side].real
                if (
                    value > other
                    and value >= surfaces[window, (row + 1) % side, col % side].real
                    and value >= surfaces[window, (row - 1) % side, col % side].real
                    and value >= surfaces[window, row % side, (col + 1) % side].real
                    and value >= surfaces[window, row % side, (col - 1) % side].real
                ):
                    other = value
        place[window, 0], place[window, 1] = best_row, best_col
        height[window], second[window] = best, other


@njit(cache=True, nogil=True)
def correlation_at(
    cross: NDArray[np.complex64],
    y: float,
    x: float,
    frequency: NDArray[np.float64],
    phase: NDArray[np.complex128],
    across: NDArray[np.complex128],
) -> tuple[float, float, float, float, float, float]:
    """Correlation at offset (y, x) px, and its derivatives: f, fy, fx, fyy, fyx, fxx.

    ``cross`` (side, side) is the cross-spectrum and ``frequency`` (side,) in radians per px;
    ``phase`` (side,) and ``across`` (side, 3) are scratch. One matrix product along the columns,
    one along the rows: the exact trigonometric interpolant at the cost of 3 · side² products.
    """
    side = frequency.size
    for k in range(side):
        phase[k] = np.exp(1j * frequency[k] * x)
    for row in range(side):
        s0 = s1 = s2 = 0.0 + 0.0j
        for col in range(side):
            value = cross[row, col] * phase[col]
            w = frequency[col]
            s0 += value
            s1 += w * value
            s2 += w * w * value
        across[row, 0], across[row, 1], across[row, 2] = s0, s1, s2
    f = fy = fx = fyy = fyx = fxx = 0.0
    for row in range(side):
        w = frequency[row]
        turn = np.exp(1j * w * y)
        a0, a1, a2 = across[row, 0] * turn, across[row, 1] * turn, across[row, 2] * turn
        f += a0.real
        fy -= w * a0.imag
        fx -= a1.imag
        fyy -= w * w * a0.real
        fyx -= w * a1.real
        fxx -= a2.real
    return f, fy, fx, fyy, fyx, fxx


@njit(cache=True, nogil=True)
def refine_peaks(
    cross: NDArray[np.complex64],
    steps: int,
    place: NDArray[np.float64],
    height: NDArray[np.float64],
    curvature: NDArray[np.float64],
) -> None:
    """Move each peak to the maximum of the trigonometric interpolant, by Newton steps.

    ``cross`` (window, side, side) is the cross-spectrum, ``place`` (window, 2) the start and the
    result in px, ``height`` (window,) the correlation there (sum over frequencies),
    ``curvature`` (window, 3) minus its second derivatives (row row, row col, col col) per px².
    A peak that is not a maximum, or that wanders more than 1.5 px, gets curvature 0.
    """
    windows, side, _ = cross.shape
    frequency = np.empty(side)
    for k in range(side):
        frequency[k] = 2 * np.pi * (k if k < (side + 1) // 2 else k - side) / side
    phase, across = np.empty(side, np.complex128), np.empty((side, 3), np.complex128)
    for window in range(windows):
        y, x = place[window, 0], place[window, 1]
        curvature[window, :] = 0.0
        for step in range(steps + 1):
            f, fy, fx, fyy, fyx, fxx = correlation_at(
                cross[window], y, x, frequency, phase, across
            )
            height[window] = f
            determinant = fyy * fxx - fyx * fyx
            if fyy >= 0 or determinant <= 0:
                break
            if step == steps:
                if (y - place[window, 0]) ** 2 + (x - place[window, 1]) ** 2 <= 2.25:
                    place[window, 0], place[window, 1] = y, x
                    curvature[window, 0] = -fyy
                    curvature[window, 1] = -fyx
                    curvature[window, 2] = -fxx
                break
            move_y = -(fxx * fy - fyx * fx) / determinant
            move_x = -(fyy * fx - fyx * fy) / determinant
            length = np.sqrt(move_y * move_y + move_x * move_x)
            if length > 0.7:  # a Newton step is to be trusted near the peak alone
                move_y, move_x = 0.7 * move_y / length, 0.7 * move_x / length
            y, x = y + move_y, x + move_x
