"""Windows of gradient phasors: cut where a displacement field says, compared, peak found.

Displacement here is in pixels, ``moved = place + displacement(place)``: where the content that the
reference shows at a place is found in the moving picture. It lives on a lattice whose node (i, j)
lies at pixel (i · step, j · step) of the reference; between nodes it is bilinear.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

PHASES = 512
"""Sub-pixel positions tabulated for the interpolating filter: 1/1024 px is its largest error."""


@njit(cache=True, nogil=True)
def lanczos_table() -> NDArray[np.float32]:
    """Six Lanczos-3 weights for every sub-pixel phase, (PHASES + 1, 6), each row summing to 1."""
    table = np.empty((PHASES + 1, 6), np.float32)
    for phase in range(PHASES + 1):
        fraction = phase / PHASES
        total = 0.0
        weights = np.zeros(6)
        for tap in range(6):
            t = np.pi * (tap - 2 - fraction)
            if abs(t) < 1e-9:
                weights[tap] = 1.0
            elif abs(t) < 3 * np.pi:
                weights[tap] = 3.0 * np.sin(t) * np.sin(t / 3.0) / (t * t)
            total += weights[tap]
        for tap in range(6):
            table[phase, tap] = weights[tap] / total
    return table


@njit(cache=True, nogil=True)
def lattice_value(
    lattice: NDArray[np.float32], step: float, row: float, col: float
) -> tuple[float, float]:
    """Row and column displacement at one place, bilinear; constant beyond the outer nodes.

    ``lattice`` is (2, node row, node col), at least 2 × 2 nodes.
    """
    i = min(max(row / step, 0.0), lattice.shape[1] - 1.0)
    j = min(max(col / step, 0.0), lattice.shape[2] - 1.0)
    i0 = min(int(i), lattice.shape[1] - 2)
    j0 = min(int(j), lattice.shape[2] - 2)
    v, u = i - i0, j - j0
    a, b = (1 - v) * (1 - u), (1 - v) * u
    c, d = v * (1 - u), v * u
    down = (
        a * lattice[0, i0, j0]
        + b * lattice[0, i0, j0 + 1]
        + c * lattice[0, i0 + 1, j0]
        + d * lattice[0, i0 + 1, j0 + 1]
    )
    right = (
        a * lattice[1, i0, j0]
        + b * lattice[1, i0, j0 + 1]
        + c * lattice[1, i0 + 1, j0]
        + d * lattice[1, i0 + 1, j0 + 1]
    )
    return down, right


@njit(cache=True, nogil=True)
def lattice_values(
    lattice: NDArray[np.float32],
    step: float,
    row: NDArray[np.float64],
    col: NDArray[np.float64],
    displacement: NDArray[np.float64],
) -> None:
    """Fill ``displacement`` (2, place) with the lattice's value at every (row, col) of (place,)."""
    for place in range(row.size):
        down, right = lattice_value(lattice, step, row[place], col[place])
        displacement[0, place] = down
        displacement[1, place] = right


@njit(cache=True, nogil=True)
def patch_seen(valid: NDArray[np.bool_], row: int, col: int) -> bool:
    """Whether a pixel and the four at (±3, ±3), the filter's reach, were all seen."""
    return (
        valid[row, col]
        and valid[row - 2, col - 2]
        and valid[row - 2, col + 3]
        and valid[row + 3, col - 2]
        and valid[row + 3, col + 3]
    )


@njit(cache=True, nogil=True)
def cut_plain(
    image: NDArray[np.float32],
    valid: NDArray[np.bool_],
    top: int,
    left: int,
    patch: NDArray[np.float32],
    seen: NDArray[np.bool_],
) -> None:
    """Copy the square ``patch`` whose first pixel is (top, left); ``seen`` False outside."""
    rows, cols = image.shape
    for row in range(patch.shape[0]):
        for col in range(patch.shape[1]):
            r, c = top + row, left + col
            inside = 0 <= r < rows and 0 <= c < cols
            seen[row, col] = inside and valid[r, c]
            patch[row, col] = image[r, c] if inside else np.float32(0.0)


@njit(cache=True, nogil=True)
def cut_moved(
    image: NDArray[np.float32],
    valid: NDArray[np.bool_],
    top: int,
    left: int,
    lattice: NDArray[np.float32],
    step: float,
    taps: NDArray[np.float32],
    patch: NDArray[np.float32],
    seen: NDArray[np.bool_],
) -> None:
    """Sample the square ``patch`` at its displaced places with six taps a direction.

    Displacement is taken at the patch's 3 × 3 nodes… every pixel (bilinear in the lattice), so a
    patch follows rotation, scale and local distortion.
    """
    rows, cols = image.shape
    for row in range(patch.shape[0]):
        for col in range(patch.shape[1]):
            down, right = lattice_value(lattice, step, float(top + row), float(left + col))
            y, x = top + row + down, left + col + right
            r0, c0 = int(np.floor(y)), int(np.floor(x))
            if r0 < 2 or c0 < 2 or r0 + 3 >= rows or c0 + 3 >= cols:
                seen[row, col] = False
                patch[row, col] = np.float32(0.0)
                continue
            wy = taps[int((y - r0) * PHASES + 0.5)]
            wx = taps[int((x - c0) * PHASES + 0.5)]
            total = np.float32(0.0)
            for i in range(6):
                line = image[r0 + i - 2]
                across = np.float32(0.0)
                for j in range(6):
                    across += wx[j] * line[c0 + j - 2]
                total += wy[i] * across
            patch[row, col] = total
            seen[row, col] = patch_seen(valid, r0, c0)


@njit(cache=True, nogil=True)
def patch_phasors(
    patch: NDArray[np.float32],
    seen: NDArray[np.bool_],
    floor: np.float32,
    doubled: bool,
    taper: NDArray[np.float32],
    phasors: NDArray[np.complex64],
) -> float:
    """Tapered phasors (side, side) of a patch (side + 2, side + 2); returns the share seen."""
    side = phasors.shape[0]
    count = 0
    half = np.float32(0.5)
    for row in range(side):
        for col in range(side):
            r, c = row + 1, col + 1
            if not (
                seen[r, c] and seen[r - 1, c] and seen[r + 1, c] and seen[r, c - 1]
                and seen[r, c + 1]
            ):
                phasors[row, col] = 0
                continue
            count += 1
            gx = half * (patch[r, c + 1] - patch[r, c - 1])
            gy = half * (patch[r + 1, c] - patch[r - 1, c])
            length = np.sqrt(gx * gx + gy * gy)
            weight = taper[row, col] / (length + floor)
            if doubled:
                weight = weight / (length + np.float32(1e-30))
                phasors[row, col] = complex(
                    weight * (gx * gx - gy * gy), weight * np.float32(2.0) * gx * gy
                )
            else:
                phasors[row, col] = complex(weight * gx, weight * gy)
    return count / (side * side)


@njit(cache=True, nogil=True)
def cut_windows(
    image: NDArray[np.float32],
    valid: NDArray[np.bool_],
    tops: NDArray[np.int64],
    lefts: NDArray[np.int64],
    lattice: NDArray[np.float32],
    step: float,
    moved: bool,
    floor: np.float32,
    doubled: bool,
    taper: NDArray[np.float32],
    taps: NDArray[np.float32],
    phasors: NDArray[np.complex64],
    share: NDArray[np.float32],
) -> None:
    """Fill ``phasors`` (window, side, side) and the ``share`` (window,) of each that was seen.

    ``tops`` and ``lefts`` are the windows' first pixels on the reference's grid; with ``moved``
    the picture is sampled at the places displaced by ``lattice``, without at the places themselves.
    """
    side = phasors.shape[1]
    patch = np.empty((side + 2, side + 2), np.float32)
    seen = np.empty((side + 2, side + 2), np.bool_)
    for window in range(tops.size):
        top, left = tops[window] - 1, lefts[window] - 1
        if moved:
            cut_moved(image, valid, top, left, lattice, step, taps, patch, seen)
        else:
            cut_plain(image, valid, top, left, patch, seen)
        share[window] = patch_phasors(patch, seen, floor, doubled, taper, phasors[window])


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
                if value > other:
                    other = value
        place[window, 0], place[window, 1] = best_row, best_col
        height[window], second[window] = best, other


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
    # The frequency side/2 has no sign: its derivative is that of a cosine, 0 at the peak.
    across = np.empty((side, 3), np.complex128)
    phase_col = np.empty(side, np.complex128)
    for window in range(windows):
        y, x = place[window, 0], place[window, 1]
        good = True
        f = fyy = fyx = fxx = 0.0
        for step in range(steps + 1):
            for k in range(side):
                phase_col[k] = np.exp(1j * frequency[k] * x)
            for row in range(side):
                s0 = s1 = s2 = 0.0 + 0.0j
                for col in range(side):
                    value = cross[window, row, col] * phase_col[col]
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
            determinant = fyy * fxx - fyx * fyx
            if fyy >= 0 or determinant <= 0:
                good = False
                break
            if step == steps:
                break
            move_y = -(fxx * fy - fyx * fx) / determinant
            move_x = -(fyy * fx - fyx * fy) / determinant
            length = np.sqrt(move_y * move_y + move_x * move_x)
            if length > 0.7:
                move_y, move_x = 0.7 * move_y / length, 0.7 * move_x / length
            y, x = y + move_y, x + move_x
        wander = np.sqrt((y - place[window, 0]) ** 2 + (x - place[window, 1]) ** 2)
        height[window] = f
        if good and wander <= 1.5:
            place[window, 0], place[window, 1] = y, x
            curvature[window, 0], curvature[window, 1], curvature[window, 2] = -fyy, -fyx, -fxx
        else:
            curvature[window, :] = 0.0
