"""Windows of gradient phasors, cut out of a picture where a displacement field says.

Displacement here is in pixels, ``moved = place + displacement(place)``: where the content that the
reference shows at a place is found in the moving picture. It lives on a lattice whose node (i, j)
lies at pixel (i · step, j · step) of the reference; between nodes it is bilinear.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Pixels = NDArray[np.float32] | NDArray[np.uint16]
"""A band in float32, or in the 16 bits of its file; it is filtered in float32."""
PHASES = 512
"""Sub-pixel positions tabulated for the interpolating filter: 1/1024 px is its largest error."""
TILE = 64
"""Side of the parts in which a whole picture is resampled, px: they stay in the cache."""
_LANCZOS_TAPS = 6
FAST = {"contract", "reassoc", "nsz", "arcp"}
"""Reorderings of float arithmetic that let loops use vector instructions; NaN keeps its meaning.

What is reordered so is always inlined: else each caller's object holds a copy, reordered once more,
and which is called hangs on what was compiled here and what came from the cache."""


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


@njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST, forceinline=True)
def patch_displacement(
    lattice: NDArray[np.float32], step: float, top: int, left: int,
    down: NDArray[np.float32], right: NDArray[np.float32],
) -> None:  # fmt: skip
    """Fill ``down`` and ``right`` (row, col) with the lattice's values, from (top, left) on."""
    rows, cols = down.shape
    most_i, most_j = lattice.shape[1] - 1, lattice.shape[2] - 1
    node, part = np.empty(cols, np.int64), np.empty(cols, np.float32)
    for col in range(cols):
        j = min(max((left + col) / step, 0.0), float(most_j))
        node[col] = min(int(j), most_j - 1)
        part[col] = np.float32(j - node[col])
    line = np.empty(most_j + 1, np.float32)
    first, last = node[0], node[cols - 1] + 2
    for row in range(rows):
        i = min(max((top + row) / step, 0.0), float(most_i))
        i0 = min(int(i), most_i - 1)
        v = np.float32(i - i0)
        for component in range(2):
            out = (down if component == 0 else right)[row]
            for j0 in range(first, last):
                near, far = lattice[component, i0, j0], lattice[component, i0 + 1, j0]
                line[j0] = near + v * (far - near)
            for col in range(cols):
                j0 = node[col]
                out[col] = line[j0] + part[col] * (line[j0 + 1] - line[j0])


@njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST, forceinline=True)
def cut_shifted(
    image: Pixels, y: float, x: float, table: NDArray[np.float32], lines: NDArray[np.float32],
    patch: NDArray[np.float32],
) -> None:  # fmt: skip
    """Sample ``patch`` (row, col) from place (y, x) on, one filter for all its pixels.

    The picture's rim is repeated beyond it. ``lines`` is scratch of at least (rows + taps, cols).
    """
    rows, cols = image.shape
    taps = table.shape[1]
    y0, x0 = int(np.floor(y)), int(np.floor(x))
    wy = table[int((y - y0) * PHASES + 0.5)]
    wx = table[int((x - x0) * PHASES + 0.5)]
    first_row, first_col = y0 - taps // 2 + 1, x0 - taps // 2 + 1
    height, width = patch.shape
    inside = first_col >= 0 and first_col + width + taps <= cols
    for line in range(height + taps - 1):
        source = image[min(max(first_row + line, 0), rows - 1)]
        out = lines[line, :width]
        if inside:
            filter_along(source[first_col:], wx, out)
        else:
            for col in range(width):
                total = np.float32(0)
                for tap in range(taps):
                    at = min(max(first_col + tap + col, 0), cols - 1)
                    total += wx[tap] * np.float32(source[at])
                out[col] = total
    for row in range(height):
        out = patch[row]
        out[:] = 0
        for tap in range(taps):
            w = wy[tap]
            source = lines[row + tap, :width]
            for col in range(width):
                out[col] += w * source[col]


@njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST, forceinline=True)
def filter_along(
    source: Pixels, weights: NDArray[np.float32], out: NDArray[np.float32]
) -> None:
    """Fill ``out`` (col,) with sums of ``source`` from the same col on, ``weights`` (tap,)."""
    if weights.size == _LANCZOS_TAPS:
        w0, w1, w2, w3, w4, w5 = (
            weights[0], weights[1], weights[2], weights[3], weights[4], weights[5],
        )  # fmt: skip
        for col in range(out.size):
            out[col] = (
                w0 * np.float32(source[col]) + w1 * np.float32(source[col + 1])
                + w2 * np.float32(source[col + 2]) + w3 * np.float32(source[col + 3])
                + w4 * np.float32(source[col + 4]) + w5 * np.float32(source[col + 5])
            )  # fmt: skip
        return
    out[:] = 0
    for tap in range(weights.size):
        w = weights[tap]
        part = source[tap:]
        for col in range(out.size):
            out[col] += w * np.float32(part[col])


@njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST, forceinline=True)
def span(places: NDArray[np.float32], along: int) -> tuple[int, int]:
    """Lowest and highest whole pixel of ``places`` (row, col) plus their row (0) or col (1)."""
    lowest, highest = np.float32(1e30), np.float32(-1e30)
    for row in range(places.shape[0]):
        for col in range(places.shape[1]):
            place = places[row, col] + np.float32(row if along == 0 else col)
            lowest, highest = min(lowest, place), max(highest, place)
    return int(np.floor(lowest)), int(np.floor(highest))


@njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST, forceinline=True)
def cut_bent(
    image: Pixels,
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
    reach = taps // 2
    height, width = patch.shape
    lowest, highest = span(down, 0)
    first, count = lowest - reach + 1, highest - lowest + taps
    if count > lines.shape[0]:
        return False
    lowest, highest = span(right, 1)
    inside = left + lowest - reach >= 0 and left + highest + reach + 1 < cols
    middle, half = down[height // 2, width // 2], np.float32(0.5)
    bottom, phases = np.float32(height - 1), np.float32(PHASES)
    for line in range(count):
        source = image[min(max(top + first + line, 0), rows - 1)]
        # The row of the patch that this source row serves: two fixed-point steps.
        guess = int(min(max(np.float32(first + line) - middle, np.float32(0)), bottom))
        for col in range(width):
            row = np.float32(first + line) - down[guess, col]
            row = min(max(row, np.float32(0)), bottom)
            r = min(int(row), height - 2)
            part = row - np.float32(r)
            x = np.float32(col) + (right[r, col] + part * (right[r + 1, col] - right[r, col]))
            x0 = int(np.floor(x))
            w = table[int((x - np.float32(x0)) * phases + half)]
            x0 += left + 1 - reach
            total = np.float32(0)
            if inside and taps == _LANCZOS_TAPS:
                total = (
                    w[0] * np.float32(source[x0]) + w[1] * np.float32(source[x0 + 1])
                    + w[2] * np.float32(source[x0 + 2]) + w[3] * np.float32(source[x0 + 3])
                    + w[4] * np.float32(source[x0 + 4]) + w[5] * np.float32(source[x0 + 5])
                )  # fmt: skip
            elif inside:
                for tap in range(taps):
                    total += w[tap] * np.float32(source[x0 + tap])
            else:
                for tap in range(taps):
                    total += w[tap] * np.float32(source[min(max(x0 + tap, 0), cols - 1)])
            lines[line, col] = total
    for row in range(height):
        for col in range(width):
            y = np.float32(row) + down[row, col]
            y0 = int(np.floor(y))
            w = table[int((y - np.float32(y0)) * phases + half)]
            line = y0 + 1 - reach - first
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
def patch_known(seen: NDArray[np.bool_], known: NDArray[np.bool_]) -> int:
    """Fill ``known`` (side, side): a pixel of ``seen`` (side + 2, side + 2) and its four
    neighbours were seen. Returns how many.
    """
    count = 0
    for row in range(known.shape[0]):
        for col in range(known.shape[1]):
            r, c = row + 1, col + 1
            known[row, col] = (
                seen[r, c] and seen[r - 1, c] and seen[r + 1, c] and seen[r, c - 1]
                and seen[r, c + 1]
            )  # fmt: skip
            count += known[row, col]
    return count


@njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST, forceinline=True)
def patch_phasors(
    patch: NDArray[np.float32],
    floor: np.float32,
    doubled: bool,
    phasors: NDArray[np.complex64],
) -> None:
    """Fill ``phasors`` (side, side) from a patch (side + 2, side + 2); see `gradient.phasor`."""
    half = np.float32(0.5)
    for row in range(phasors.shape[0]):
        above, here, below = patch[row, 1:], patch[row + 1], patch[row + 2, 1:]
        parts = phasors[row].view(np.float32)
        for col in range(phasors.shape[1]):
            gx = half * (here[col + 2] - here[col])
            gy = half * (below[col] - above[col])
            length = np.sqrt(gx * gx + gy * gy)
            weight = np.float32(1) / (length + floor)
            if doubled:
                weight = weight / (length + np.float32(1e-30))
                parts[2 * col] = weight * (gx * gx - gy * gy)
                parts[2 * col + 1] = weight * np.float32(2) * gx * gy
            else:
                parts[2 * col] = weight * gx
                parts[2 * col + 1] = weight * gy


@njit(cache=True, nogil=True)
def is_constant(lattice: NDArray[np.float32]) -> bool:
    """Whether a lattice says the same everywhere, to within what the filters resolve."""
    spread = max(lattice[0].max() - lattice[0].min(), lattice[1].max() - lattice[1].min())
    return bool(spread < 0.5 / PHASES)


@njit(cache=True, nogil=True)
def cut_phasors(
    image: Pixels,
    valid: NDArray[np.bool_],
    whole: bool,
    top: int,
    left: int,
    lattice: NDArray[np.float32],
    step: float,
    constant: bool,
    floor: np.float32,
    doubled: bool,
    table: NDArray[np.float32],
    phasors: NDArray[np.complex64],
    known: NDArray[np.bool_],
) -> int:
    """Fill ``phasors`` and ``known`` (side, side) from pixel (top, left) on; returns how many
    pixels are known. ``constant`` says that the lattice is; see `cut_windows` for the rest.
    """
    side = phasors.shape[0] + 2
    rows, cols = image.shape
    patch = np.empty((side, side), np.float32)
    lines = np.empty((side + side // 4 + table.shape[1] + 2, side), np.float32)
    y, x = top - 1 + lattice[0, 0, 0], left - 1 + lattice[1, 0, 0]
    inside = y >= 3 and y + side + 3 < rows and x >= 3 and x + side + 3 < cols
    if constant and whole and inside:
        cut_shifted(image, y, x, table, lines, patch)
        known[:, :] = True
        patch_phasors(patch, floor, doubled, phasors)
        return known.size
    down, right = np.empty((side, side), np.float32), np.empty((side, side), np.float32)
    seen = np.empty((side, side), np.bool_)
    patch_displacement(lattice, step, top - 1, left - 1, down, right)
    patch_seen(valid, whole, top - 1, left - 1, down, right, seen)
    count = patch_known(seen, known)
    if count > 0 and constant:
        cut_shifted(image, y, x, table, lines, patch)
    elif count > 0 and not cut_bent(image, top - 1, left - 1, down, right, table, lines, patch):
        known[:, :] = False
        count = 0
    if count == 0:
        phasors[:, :] = 0
        return 0
    patch_phasors(patch, floor, doubled, phasors)
    if count < known.size:
        for row in range(known.shape[0]):
            for col in range(known.shape[1]):
                if not known[row, col]:
                    phasors[row, col] = 0
    return count


@njit(cache=True, nogil=True)
def cut_windows(
    image: Pixels,
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
    side = phasors.shape[1]
    known = np.empty((side, side), np.bool_)
    constant = is_constant(lattice)
    for window in range(tops.size):
        count = cut_phasors(
            image, valid, whole, tops[window], lefts[window], lattice, step, constant, floor,
            doubled, table, phasors[window], known,
        )  # fmt: skip
        phasors[window] *= taper
        share[window] = count / (side * side)


@njit(cache=True, nogil=True)
def cut_whole(
    image: Pixels,
    valid: NDArray[np.bool_],
    whole: bool,
    lattice: NDArray[np.float32],
    step: float,
    floor: np.float32,
    doubled: bool,
    table: NDArray[np.float32],
    phasors: NDArray[np.complex64],
    known: NDArray[np.bool_],
) -> None:
    """Fill ``phasors`` and ``known`` (row, col) for the whole grid, as `cut_windows` does.

    Windows that overlap, cut from it by `gather_windows`, cost a fraction of their own cutting.
    """
    rows, cols = phasors.shape
    constant = is_constant(lattice)
    tile, seen = np.empty((TILE, TILE), np.complex64), np.empty((TILE, TILE), np.bool_)
    for top in range(0, rows, TILE):
        for left in range(0, cols, TILE):
            cut_phasors(
                image, valid, whole, top, left, lattice, step, constant, floor, doubled, table,
                tile, seen,
            )  # fmt: skip
            height, width = min(TILE, rows - top), min(TILE, cols - left)
            phasors[top : top + height, left : left + width] = tile[:height, :width]
            known[top : top + height, left : left + width] = seen[:height, :width]


@njit(cache=True, nogil=True)
def shares_known(
    known: NDArray[np.bool_], tops: NDArray[np.int64], lefts: NDArray[np.int64], side: int,
    share: NDArray[np.float32],
) -> None:  # fmt: skip
    """Fill ``share`` (window,) with the known part of each window of ``side`` px."""
    for window in range(tops.size):
        count = 0
        for row in range(side):
            line = known[tops[window] + row, lefts[window] : lefts[window] + side]
            for col in range(side):
                count += line[col]
        share[window] = count / (side * side)


@njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST, forceinline=True)
def gather_windows(
    whole: NDArray[np.complex64], tops: NDArray[np.int64], lefts: NDArray[np.int64],
    taper: NDArray[np.float32], phasors: NDArray[np.complex64],
) -> None:  # fmt: skip
    """Fill ``phasors`` (window, side, side) with tapered parts of ``whole`` (row, col)."""
    side = phasors.shape[1]
    for window in range(tops.size):
        for row in range(side):
            source = whole[tops[window] + row, lefts[window] : lefts[window] + side]
            parts, out = source.view(np.float32), phasors[window, row].view(np.float32)
            for col in range(side):
                out[2 * col] = parts[2 * col] * taper[row, col]
                out[2 * col + 1] = parts[2 * col + 1] * taper[row, col]
