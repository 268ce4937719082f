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
EVEN_PX = 1e-7
"""Places that are moved by as much as each other, but for this, are moved by one shift."""
POINT_PX = 0.01
"""Narrower averages are points; the difference of integrals would lose its digits."""
NO_WEIGHT = 1e-6
"""A tap that weighs less may be missing."""
FAST = {"contract", "reassoc", "nsz"}
"""Reorderings of float arithmetic that let loops use vector instructions; NaN keeps its meaning."""
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
def snapped(place: float) -> float:
    """``place``, or the pixel centre that it all but lies on."""
    nearest = np.rint(place)
    return float(nearest) if abs(place - nearest) < SNAP_PX else place


@njit(cache=True, nogil=True)
def around_seen(valid: Mask, row: int, col: int) -> bool:
    """Whether the 4 × 4 pixels from (row - 1, col - 1) on lie in the source and were all seen."""
    if row < 1 or col < 1 or row + 2 >= valid.shape[0] or col + 2 >= valid.shape[1]:
        return False
    for r in range(row - 1, row + 3):
        if not (valid[r, col - 1] and valid[r, col] and valid[r, col + 1] and valid[r, col + 2]):
            return False
    return True


@njit(cache=True, nogil=True)
def cubic_weights(part: np.float32) -> tuple[np.float32, np.float32, np.float32, np.float32]:
    """`catmull_rom` at the four pixels around a place ``part`` of a pixel beyond the second."""
    half, three_halves = np.float32(0.5), np.float32(1.5)
    square = part * part
    cube = square * part
    return (
        square - half * (cube + part),
        three_halves * cube - np.float32(2.5) * square + np.float32(1.0),
        np.float32(2.0) * square + half * part - three_halves * cube,
        half * (cube - square),
    )


@njit(cache=True, nogil=True)
def cubic_value(band: Pixels, row: int, col: int, y: float, x: float) -> np.float32:
    """Catmull-Rom at (y, x), whose whole part is (row, col), all 16 pixels being seen."""
    a0, a1, a2, a3 = cubic_weights(np.float32(y - row))
    b0, b1, b2, b3 = cubic_weights(np.float32(x - col))
    p, q, r, s = band[row - 1], band[row], band[row + 1], band[row + 2]
    return np.float32(
        a0 * (b0 * p[col - 1] + b1 * p[col] + b2 * p[col + 1] + b3 * p[col + 2])
        + a1 * (b0 * q[col - 1] + b1 * q[col] + b2 * q[col + 1] + b3 * q[col + 2])
        + a2 * (b0 * r[col - 1] + b1 * r[col] + b2 * r[col + 1] + b3 * r[col + 2])
        + a3 * (b0 * s[col - 1] + b1 * s[col] + b2 * s[col + 1] + b3 * s[col + 2])
    )


@njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST, forceinline=True)
def fill_parts(places: Floats, base: float, along: float, count: Floats, parts: Pixels) -> None:
    """Fill ``parts`` (col,) with ``places`` less ``base`` plus ``along`` a column, 0 to 1.

    Snapped as in `snapped`: at 0 and at 1 `cubic_weights` are those of one pixel alone. ``count``
    (col,) holds 0, 1, 2 …, which to make here would be slower than to read.
    """
    nothing, one, snap = np.float32(0.0), np.float32(1.0), np.float32(SNAP_PX)
    for k in range(parts.size):
        part = np.float32(places[k] - (base + along * count[k]))
        part = nothing if part < snap else part
        parts[k] = one if part > one - snap else part


@njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST, forceinline=True)
def fill_run(
    band: Pixels, ys: Floats, xs: Floats, low: np.float32, high: np.float32, count: Floats,
    down: Pixels, right: Pixels, out: Pixels,
) -> None:  # fmt: skip
    """Fill ``out`` (col,) where source pixels lie as target pixels do, at places (ys, xs) (col,).

    All places have their whole part in one source row, each one column on from the last: then
    the sixteen pixels are read side by side. Each loop does so little that it becomes vector
    instructions. ``count`` (col,) is 0, 1, 2 …; ``down`` and ``right`` are scratch.
    """
    row, left, size = int(ys[0]), int(xs[0]), out.size
    down, right = down[:size], right[:size]
    fill_parts(ys, float(row), 0.0, count, down)
    fill_parts(xs, float(left), 1.0, count, right)
    end = left + size + 2
    above, here = band[row - 1, left - 1 : end], band[row, left - 1 : end]
    below, last = band[row + 1, left - 1 : end], band[row + 2, left - 1 : end]
    for k in range(size):
        a0, a1, a2, a3 = cubic_weights(down[k])
        b0, b1, b2, b3 = cubic_weights(right[k])
        out[k] = (
            a0 * (b0 * above[k] + b1 * above[k + 1] + b2 * above[k + 2] + b3 * above[k + 3])
            + a1 * (b0 * here[k] + b1 * here[k + 1] + b2 * here[k + 2] + b3 * here[k + 3])
            + a2 * (b0 * below[k] + b1 * below[k + 1] + b2 * below[k + 2] + b3 * below[k + 3])
            + a3 * (b0 * last[k] + b1 * last[k + 1] + b2 * last[k + 2] + b3 * last[k + 3])
        )
    for k in range(size):
        value = out[k] if out[k] > low else low
        out[k] = value if value < high else high


@njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST, forceinline=True)
def add_rows(
    above: Pixels, here: Pixels, below: Pixels, last: Pixels, part: np.float32, sums: Pixels
) -> None:
    """Fill ``sums`` (col,) with Catmull-Rom down four rows (col,), ``part`` past the second."""
    a0, a1, a2, a3 = cubic_weights(part)
    for k in range(sums.size):
        sums[k] = a0 * above[k] + a1 * here[k] + a2 * below[k] + a3 * last[k]


@njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST, forceinline=True)
def add_cols(
    sums: Pixels, part: np.float32, low: np.float32, high: np.float32, out: Pixels
) -> None:
    """Fill ``out`` (col,) with Catmull-Rom along ``sums`` (col + 3,), ``part`` past the second."""
    b0, b1, b2, b3 = cubic_weights(part)
    for k in range(out.size):
        value = b0 * sums[k] + b1 * sums[k + 1] + b2 * sums[k + 2] + b3 * sums[k + 3]
        value = value if value > low else low
        out[k] = value if value < high else high


@njit(cache=True, nogil=True)
def fill_row(
    band: Pixels, ys: Floats, xs: Floats, step: int, low: np.float32, high: np.float32,
    count: Floats, down: Pixels, right: Pixels, out: Pixels,
) -> None:  # fmt: skip
    """Fill ``out`` (col,) with `cubic_value` at (ys, xs) (col,), every pixel around being seen.

    Places are straight lines over each ``step`` columns, so that the ends of one tell whether all
    of it lies in one source row, one column on with each pixel. ``count`` (col,) is 0, 1, 2 …;
    ``down`` and ``right`` (col,) are scratch.
    """
    first, cols = 0, out.size
    while first < cols:
        row, offset = int(ys[first]), int(xs[first]) - first
        end = first + 1
        while end < cols:
            last = min((end // step + 1) * step, cols) - 1
            if int(ys[last]) != row or int(xs[last]) - last != offset:
                break
            if int(ys[end]) != row or int(xs[end]) - end != offset:
                break
            end = last + 1
        while end < cols and int(ys[end]) == row and int(xs[end]) - end == offset:
            end += 1
        run = out[first:end]
        fill_run(band, ys[first:end], xs[first:end], low, high, count, down, right, run)
        first = end


@njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST, forceinline=True)
def all_inside(places: Floats, step: int, size: int) -> bool:
    """Whether the four pixels around each place lie in a source of ``size`` along this axis.

    Places are straight lines over each ``step`` columns: their ends tell.
    """
    last = places[places.size - 1]
    lowest, highest = last, last
    for col in range(0, places.size, step):
        lowest = places[col] if places[col] < lowest else lowest
        highest = places[col] if places[col] > highest else highest
    return bool(lowest >= 1.0 and highest < size - 2.0)


@njit(cache=True, nogil=True)
def fill_pixel(
    source: Pixels,
    valid: Mask,
    y: float,
    x: float,
    row_scale: float,
    col_scale: float,
    row_weights: Floats,
    col_weights: Floats,
    pixel: Pixels,
) -> bool:
    """Fill ``pixel`` (band,) with ``source`` at (y, x); False where too little was seen."""
    row, rows = fill_weights(y, row_scale, True, row_weights)
    col, cols = fill_weights(x, col_scale, True, col_weights)
    _, _, whole = seen_weight(valid, row, rows, row_weights, col, cols, col_weights)
    if not whole:
        row, rows = fill_weights(y, row_scale, False, row_weights)
        col, cols = fill_weights(x, col_scale, False, col_weights)
        total, seen, _ = seen_weight(valid, row, rows, row_weights, col, cols, col_weights)
        if seen < LEAST_SEEN * total:
            return False
    for band in range(source.shape[0]):
        pixel[band] = weighted_mean(
            source[band], valid, row, rows, row_weights, col, cols, col_weights
        )
    return True


@njit(cache=True, nogil=True, error_model="numpy")
def fill_nodes(lattice: Floats, step: int, row: int, nodes: Floats) -> None:
    """Fill ``nodes`` (node,) with ``lattice`` (node, node) at pixel row ``row``."""
    i = row // step
    down = (row - i * step) / step
    above, below = lattice[i], lattice[i + 1]
    for j in range(nodes.size):
        nodes[j] = above[j] + down * (below[j] - above[j])


@njit(cache=True, nogil=True)
def is_shift_inside(
    row_nodes: Floats, col_nodes: Floats, step: int, cols: int, rows_seen: int, cols_seen: int
) -> bool:
    """Whether a row of ``cols`` pixels is moved by as much as its first pixel, within the source.

    Its places lie on straight lines between the nodes (node,); the source has ``rows_seen`` rows
    and ``cols_seen`` columns, and four pixels of each are needed around every place.
    """
    y, x = snapped(row_nodes[0]), snapped(col_nodes[0])
    if not (1.0 <= y < rows_seen - 2.0 and 1.0 <= x < cols_seen - cols - 1.0):
        return False
    y, x = row_nodes[0], col_nodes[0]
    for j in range(row_nodes.size):
        if abs(row_nodes[j] - y) > EVEN_PX or abs(col_nodes[j] - j * step - x) > EVEN_PX:
            return False
    return True


@njit(cache=True, nogil=True)
def fill_shifted(
    band: Pixels, y: float, x: float, low: np.float32, high: np.float32, sums: Pixels, out: Pixels
) -> None:
    """Fill ``out`` (col,) with `cubic_value` at (y, x), (y, x + 1) …, every pixel being seen.

    The weights are the same everywhere, so each column's sum serves four pixels. ``sums``
    (col + 3,) is scratch.
    """
    row, first = int(y), int(x) - 1
    end = first + sums.size
    add_rows(
        band[row - 1, first:end], band[row, first:end], band[row + 1, first:end],
        band[row + 2, first:end], np.float32(y - row), sums,
    )  # fmt: skip
    add_cols(sums, np.float32(x - int(x)), low, high, out)


@njit(cache=True, nogil=True, error_model="numpy")
def fill_places(nodes: Floats, step: int, places: Floats) -> None:
    """Fill ``places`` (col,) with straight lines between ``nodes`` (node,), ``step`` apart."""
    whole = places.size // step
    for j in range(whole):
        left, slope = nodes[j], (nodes[j + 1] - nodes[j]) / step
        part = places[j * step : j * step + step]
        for k in range(step):
            part[k] = left + k * slope
    for k in range(places.size - whole * step):
        slope = (nodes[whole + 1] - nodes[whole]) / step
        places[whole * step + k] = nodes[whole] + k * slope


@njit(cache=True, nogil=True)
def all_seen(valid: Mask) -> bool:
    """Whether ``valid`` (row, col) is True everywhere; counting is faster than looking for one."""
    seen = 0
    for row in range(valid.shape[0]):
        line = valid[row]
        for col in range(line.size):
            seen += line[col]
    return seen == valid.size


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
    top: int,
    left: int,
    rows: int,
    cols: int,
    out: Pixels,
    out_valid: Mask,
) -> None:
    """Fill a block of ``out`` with ``source`` as it looks at the places that the lattice names.

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
    top, left, rows, cols : int
        The block: first row and col of ``out``, and how many. A view of the block alone would not
        be one piece of memory, and its rows no vector instructions' food.
    out : float32 array, shape (band, row, col), the block filled with zeros
    out_valid : bool array, shape (row, col), the block filled with False
    """
    taps = int(2.0 * max(row_scale, col_scale)) + 6
    row_weights, col_weights = np.empty(taps), np.empty(taps)
    bands, end = out.shape[0], left + cols
    pixel = np.empty(bands, np.float32)
    ys, xs = np.empty(cols), np.empty(cols)
    row_nodes, col_nodes = np.empty(lattice_row.shape[1]), np.empty(lattice_row.shape[1])
    count = np.arange(0.0, cols)
    down, right = np.empty(cols, np.float32), np.empty(cols, np.float32)
    sums = np.empty(cols + 3, np.float32)
    as_fine = row_scale == 1.0 and col_scale == 1.0
    whole = as_fine and all_seen(valid)
    for r in range(rows):
        fill_nodes(lattice_row, step, r, row_nodes)
        fill_nodes(lattice_col, step, r, col_nodes)
        seen = out_valid[top + r, left:end]
        if whole and is_shift_inside(row_nodes, col_nodes, step, cols, *source.shape[1:]):
            y, x = snapped(row_nodes[0]), snapped(col_nodes[0])
            for band in range(bands):
                fill_shifted(source[band], y, x, low, high, sums, out[band, top + r, left:end])
            seen[:] = True
            continue
        fill_places(row_nodes, step, ys)
        fill_places(col_nodes, step, xs)
        inside = whole and all_inside(ys, step, source.shape[1])
        if inside and all_inside(xs, step, source.shape[2]):
            for band in range(bands):
                line = out[band, top + r, left:end]
                fill_row(source[band], ys, xs, step, low, high, count, down, right, line)
            seen[:] = True
            continue
        for c in range(cols):
            y, x = snapped(ys[c]), snapped(xs[c])
            if not (-1.0 < y < source.shape[1] and -1.0 < x < source.shape[2]):
                continue
            row, col = int(np.floor(y)), int(np.floor(x))
            if as_fine and around_seen(valid, row, col):
                for band in range(bands):
                    pixel[band] = cubic_value(source[band], row, col, y, x)
            elif not fill_pixel(
                source, valid, y, x, row_scale, col_scale, row_weights, col_weights, pixel
            ):
                continue
            seen[c] = True
            for band in range(bands):
                out[band, top + r, left + c] = min(max(pixel[band], low), high)
