"""Windows of gradient phasors, cut out of a picture where a displacement field says.

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
def filter_table(blur: float) -> NDArray[np.float32]:
    """Weights of the resampling filter for every sub-pixel phase, (PHASES + 1, taps).

    A Gaussian of deviation ``blur`` px, or six-tap Lanczos for 0; each row sums to 1. Tap t of a
    place with floor f stands for pixel f + t - taps / 2 + 1.
    """
    taps = 6 if blur <= 0 else 2 * int(np.ceil(3.2 * blur + 0.5))
    table = np.empty((PHASES + 1, taps), np.float32)
    weights = np.empty(taps)
    for phase in range(PHASES + 1):
        fraction = phase / PHASES
        total = 0.0
        for tap in range(taps):
            away = tap - taps // 2 + 1 - fraction
            if blur > 0:
                weights[tap] = np.exp(-0.5 * (away / blur) ** 2)
            elif abs(away) < 1e-9:
                weights[tap] = 1.0
            elif abs(away) < 3:
                t = np.pi * away
                weights[tap] = 3.0 * np.sin(t) * np.sin(t / 3.0) / (t * t)
            else:
                weights[tap] = 0.0
            total += weights[tap]
        for tap in range(taps):
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
def patch_displacement(
    lattice: NDArray[np.float32],
    step: float,
    top: int,
    left: int,
    down: NDArray[np.float32],
    right: NDArray[np.float32],
) -> None:
    """Fill ``down`` and ``right`` (row, col) with the lattice's values, from (top, left) on."""
    rows, cols = down.shape
    most_i, most_j = lattice.shape[1] - 1, lattice.shape[2] - 1
    for row in range(rows):
        i = min(max((top + row) / step, 0.0), float(most_i))
        i0 = min(int(i), most_i - 1)
        v = np.float32(i - i0)
        for col in range(cols):
            j = min(max((left + col) / step, 0.0), float(most_j))
            j0 = min(int(j), most_j - 1)
            u = np.float32(j - j0)
            a = lattice[0, i0, j0] + v * (lattice[0, i0 + 1, j0] - lattice[0, i0, j0])
            b = lattice[0, i0, j0 + 1] + v * (lattice[0, i0 + 1, j0 + 1] - lattice[0, i0, j0 + 1])
            down[row, col] = a + u * (b - a)
            a = lattice[1, i0, j0] + v * (lattice[1, i0 + 1, j0] - lattice[1, i0, j0])
            b = lattice[1, i0, j0 + 1] + v * (lattice[1, i0 + 1, j0 + 1] - lattice[1, i0, j0 + 1])
            right[row, col] = a + u * (b - a)


@njit(cache=True, nogil=True)
def cut_shifted(
    image: NDArray[np.float32],
    y: float,
    x: float,
    table: NDArray[np.float32],
    lines: NDArray[np.float32],
    patch: NDArray[np.float32],
) -> None:
    """Sample ``patch`` (row, col) from place (y, x) on, one filter for all its pixels.

    The picture's rim is repeated beyond it. ``lines`` is scratch of at least (rows + taps, cols).
    """
    rows, cols = image.shape
    taps = table.shape[1]
    y0, x0 = int(np.floor(y)), int(np.floor(x))
    wy = table[int((y - y0) * PHASES + 0.5)]
    wx = table[int((x - x0) * PHASES + 0.5)]
    first_row, first_col = y0 - taps // 2 + 1, x0 - taps // 2 + 1
    width = patch.shape[1]
    inside = first_col >= 0 and first_col + width + taps <= cols
    for line in range(patch.shape[0] + taps - 1):
        source = image[min(max(first_row + line, 0), rows - 1)]
        lines[line, :width] = 0
        for tap in range(taps):
            w, offset = wx[tap], first_col + tap
            if inside:
                for col in range(width):
                    lines[line, col] += w * source[offset + col]
            else:
                for col in range(width):
                    lines[line, col] += w * source[min(max(offset + col, 0), cols - 1)]
    for row in range(patch.shape[0]):
        patch[row, :] = 0
        for tap in range(taps):
            w = wy[tap]
            for col in range(width):
                patch[row, col] += w * lines[row + tap, col]


@njit(cache=True, nogil=True)
def cut_bent(
    image: NDArray[np.float32],
    top: int,
    left: int,
    down: NDArray[np.float32],
    right: NDArray[np.float32],
    table: NDArray[np.float32],
    lines: NDArray[np.float32],
    patch: NDArray[np.float32],
) -> bool:
    """Sample ``patch`` at pixel (top, left) on, each pixel displaced by ``down`` and ``right``.

    In two passes (Catmull & Smith 1980, doi:10.1145/800250.807505): along the rows at the column
    that each source row will be asked for, then along the columns. False if the patch is bent too
    much for the scratch ``lines``.
    """
    rows, cols = image.shape
    taps = table.shape[1]
    height, width = patch.shape
    lowest, highest = np.float32(1e30), np.float32(-1e30)
    for col in range(width):
        for row in range(height):
            y = row + down[row, col]
            lowest, highest = min(lowest, y), max(highest, y)
    first = int(np.floor(lowest)) - taps // 2 + 1
    count = int(np.floor(highest)) + taps // 2 + 1 - first
    if count > lines.shape[0]:
        return False
    middle = down[height // 2, width // 2]
    for line in range(count):
        source = image[min(max(top + first + line, 0), rows - 1)]
        for col in range(width):
            # The row of the patch that this source row serves: two fixed-point steps.
            row = min(max(first + line - middle, np.float32(0)), np.float32(height - 1))
            row = first + line - down[int(row), col]
            row = min(max(row, np.float32(0)), np.float32(height - 1))
            r = min(int(row), height - 2)
            part = row - r
            x = left + col + (right[r, col] + part * (right[r + 1, col] - right[r, col]))
            x0 = int(np.floor(x))
            w = table[int((x - x0) * PHASES + np.float32(0.5))]
            x0 += 1 - taps // 2
            total = np.float32(0)
            if x0 >= 0 and x0 + taps <= cols:
                for tap in range(taps):
                    total += w[tap] * source[x0 + tap]
            else:
                for tap in range(taps):
                    total += w[tap] * source[min(max(x0 + tap, 0), cols - 1)]
            lines[line, col] = total
    for row in range(height):
        for col in range(width):
            y = row + down[row, col]
            y0 = int(np.floor(y))
            w = table[int((y - y0) * PHASES + np.float32(0.5))]
            line = y0 + 1 - taps // 2 - first
            total = np.float32(0)
            for tap in range(taps):
                total += w[tap] * lines[line + tap, col]
            patch[row, col] = total
    return True


@njit(cache=True, nogil=True)
def patch_seen(
    valid: NDArray[np.bool_],
    whole: bool,
    top: int,
    left: int,
    down: NDArray[np.float32],
    right: NDArray[np.float32],
    seen: NDArray[np.bool_],
) -> None:
    """Fill ``seen`` (row, col): the displaced pixel and the four at (±2, ±2) were all seen.

    ``whole`` says that ``valid`` is True everywhere, so that only the picture's rim matters.
    """
    rows, cols = valid.shape
    for row in range(seen.shape[0]):
        for col in range(seen.shape[1]):
            y = int(np.floor(top + row + down[row, col] + np.float32(0.5)))
            x = int(np.floor(left + col + right[row, col] + np.float32(0.5)))
            inside = 2 <= y < rows - 2 and 2 <= x < cols - 2
            if inside and not whole:
                inside = (
                    valid[y, x]
                    and valid[y - 2, x - 2]
                    and valid[y - 2, x + 2]
                    and valid[y + 2, x - 2]
                    and valid[y + 2, x + 2]
                )
            seen[row, col] = inside


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
    return float(count) / float(side * side)


@njit(cache=True, nogil=True)
def cut_windows(
    image: NDArray[np.float32],
    valid: NDArray[np.bool_],
    whole: bool,
    tops: NDArray[np.int64],
    lefts: NDArray[np.int64],
    lattice: NDArray[np.float32],
    step: float,
    floor: np.float32,
    doubled: bool,
    taper: NDArray[np.float32],
    table: NDArray[np.float32],
    phasors: NDArray[np.complex64],
    share: NDArray[np.float32],
) -> None:
    """Fill ``phasors`` (window, side, side) and the ``share`` (window,) of each that was seen.

    ``tops`` and ``lefts`` (window,) are the windows' first pixels on the reference's grid; the
    picture is sampled at the places displaced by ``lattice`` with the filters of ``table``.
    """
    side = phasors.shape[1] + 2
    patch = np.empty((side, side), np.float32)
    seen = np.empty((side, side), np.bool_)
    down, right = np.empty((side, side), np.float32), np.empty((side, side), np.float32)
    lines = np.empty((side + side // 4 + table.shape[1] + 2, side), np.float32)
    for window in range(tops.size):
        top, left = tops[window] - 1, lefts[window] - 1
        patch_displacement(lattice, step, top, left, down, right)
        bend = max(
            np.abs(down - down[side // 2, side // 2]).max(),
            np.abs(right - right[side // 2, side // 2]).max(),
        )
        good = True
        if bend < 0.5 / PHASES:
            y, x = top + down[side // 2, side // 2], left + right[side // 2, side // 2]
            cut_shifted(image, y, x, table, lines, patch)
        else:
            good = cut_bent(image, top, left, down, right, table, lines, patch)
        patch_seen(valid, whole, top, left, down, right, seen)
        share[window] = patch_phasors(patch, seen, floor, doubled, taper, phasors[window])
        if not good:
            share[window] = 0
