"""Spectra of windows compared: how coherent they are, and where their correlation peaks."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

FAST = {"contract", "reassoc", "nsz", "arcp"}
"""As in `window`, whose changes numba's cache of this file would not see."""

SETTLED_PX = 0.01
"""A Newton step's length from which its end is the peak: the next would be its square, 1e-4 px."""


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


@njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST, forceinline=True)
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
            a = reference[window, row].view(np.float32)
            b = moving[window, row].view(np.float32)
            one, two = np.float32(0), np.float32(0)
            for col in range(side):
                w = weight[row, col]
                a0, a1, b0, b1 = a[2 * col], a[2 * col + 1], b[2 * col], b[2 * col + 1]
                one += w * (a0 * a0 + a1 * a1)
                two += w * (b0 * b0 + b1 * b1)
                b[2 * col] = w * (a0 * b0 + a1 * b1)
                b[2 * col + 1] = w * (a0 * b1 - a1 * b0)
            own += float(one)
            other += float(two)
        energy[window] = np.sqrt(own * other)


@njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST, forceinline=True)
def damped_cross_spectrum(
    reference: NDArray[np.complex64],
    moving: NDArray[np.complex64],
    along_row: NDArray[np.float32],
    along_col: NDArray[np.float32],
) -> None:
    """Turn ``moving`` (row, col) into the cross-spectrum over the root of its magnitude, in place.

    Then weighted by ``along_row`` (row,) times ``along_col`` (col,).
    """
    rows, cols = reference.shape
    for row in range(rows):
        a, b = reference[row].view(np.float32), moving[row].view(np.float32)
        for col in range(cols):
            a0, a1, b0, b1 = a[2 * col], a[2 * col + 1], b[2 * col], b[2 * col + 1]
            real, imag = a0 * b0 + a1 * b1, a0 * b1 - a1 * b0
            size = np.sqrt(np.sqrt(real * real + imag * imag)) + np.float32(1e-20)
            weight = along_row[row] * along_col[col] / size
            b[2 * col], b[2 * col + 1] = weight * real, weight * imag


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


@njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST, forceinline=True)
def correlation_at(
    cross: NDArray[np.complex64],
    y: float,
    x: float,
    frequency: NDArray[np.float32],
    cosine: NDArray[np.float32],
    sine: NDArray[np.float32],
) -> tuple[float, float, float, float, float, float]:
    """Correlation at offset (y, x) px, and its derivatives: f, fy, fx, fyy, fyx, fxx.

    ``cross`` (side, side) is the cross-spectrum and ``frequency`` (side,) in radians per px;
    ``cosine`` and ``sine`` (side,) are scratch. One matrix product along the columns, one along
    the rows: the exact trigonometric interpolant at the cost of 3 · side² products.
    """
    side = frequency.size
    for k in range(side):
        cosine[k] = np.cos(frequency[k] * x)
        sine[k] = np.sin(frequency[k] * x)
    f = fy = fx = fyy = fyx = fxx = 0.0
    for row in range(side):
        value = cross[row].view(np.float32)
        r0 = r1 = r2 = i0 = i1 = i2 = np.float32(0)
        for col in range(side):
            w = frequency[col]
            real = value[2 * col] * cosine[col] - value[2 * col + 1] * sine[col]
            imag = value[2 * col] * sine[col] + value[2 * col + 1] * cosine[col]
            r0 += real
            i0 += imag
            r1 += w * real
            i1 += w * imag
            r2 += w * w * real
            i2 += w * w * imag
        w = frequency[row]
        c, s = np.cos(w * y), np.sin(w * y)
        real = r0 * c - i0 * s
        f += real
        fy -= w * (r0 * s + i0 * c)
        fx -= r1 * s + i1 * c
        fyy -= w * w * real
        fyx -= w * (r1 * c - i1 * s)
        fxx -= r2 * c - i2 * s
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
    A peak that is not a maximum, or that wanders more than 1.5 px, gets curvature 0. ``steps`` is
    the most that are taken; a peak that moves less than `SETTLED_PX` has arrived.
    """
    windows, side, _ = cross.shape
    frequency = np.empty(side, np.float32)
    for k in range(side):
        frequency[k] = 2 * np.pi * (k if k < (side + 1) // 2 else k - side) / side
    cosine, sine = np.empty(side, np.float32), np.empty(side, np.float32)
    for window in range(windows):
        y, x = place[window, 0], place[window, 1]
        curvature[window, :] = 0.0
        arrived = False
        for step in range(steps + 1):
            f, fy, fx, fyy, fyx, fxx = correlation_at(cross[window], y, x, frequency, cosine, sine)
            height[window] = f
            determinant = fyy * fxx - fyx * fyx
            if fyy >= 0 or determinant <= 0:
                break
            if step == steps or arrived:
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
            arrived = length < SETTLED_PX
