"""From the classes of two dates and the evidence of change to one table of pairs per pixel.

Every kernel reads probabilities as (plane, row, col) float32. Kinds of change are numbered
SAME, GAIN, LOSS, OTHER; classes 0 to 7 in the order of the legend, so BUILDING is 2 here.
A pixel's outcomes are numbered 8 · before + after, and REPLACED for a building that gave way to
another building.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

SAME, GAIN, LOSS, OTHER = range(4)
BUILDING = 2
CLASSES = 8
REPLACED = 64
OUTCOMES = 65
LEAST_ROOM = np.float32(1e-30)
"""Sum of weights below which nothing is divided by it: float32 would overflow."""
REPLACED_CODE = 133
"""Code of REPLACED in working maps; maps that leave the transition stage say 33."""


@njit(cache=True, nogil=True)
def kind_of(before: int, after: int) -> int:
    """The kind of change that a pair of classes is."""
    if before == after:
        return SAME
    if after == BUILDING:
        return GAIN
    if before == BUILDING:
        return LOSS
    return OTHER


@njit(cache=True, nogil=True)
def take_pixel(planes: NDArray[np.float32], row: int, col: int, pixel: NDArray[np.float32]) -> None:
    """Copy one pixel's values out of ``planes`` (plane, row, col)."""
    for plane in range(pixel.size):
        pixel[plane] = planes[plane, row, col]


@njit(cache=True, nogil=True)
def pair_weights(
    before: NDArray[np.float32],
    after: NDArray[np.float32],
    pair_prior: NDArray[np.float32],
    weights: NDArray[np.float32],
    room: NDArray[np.float32],
) -> None:
    """Fill ``weights`` (65,) of one pixel's pairs, and their sums ``room`` (4,) per kind.

    prior · p_before · p_after of each pair; REPLACED is left alone. Rows are filled whole and
    summed column by column with the pairs of other kinds blanked, which runs four times as fast
    as asking each pair for its kind.
    """
    for kind in range(4):
        room[kind] = np.float32(0.0)
    columns = np.zeros(CLASSES, np.float32)
    for i in range(CLASSES):
        for j in range(CLASSES):
            weights[CLASSES * i + j] = pair_prior[i, j] * (before[i] * after[j])
        own = weights[CLASSES * i + i]
        room[SAME] += own
        if i == BUILDING:
            for j in range(CLASSES):
                if j != BUILDING:
                    room[LOSS] += weights[CLASSES * i + j]
            continue
        gain = weights[CLASSES * i + BUILDING]
        room[GAIN] += gain
        weights[CLASSES * i + i] = np.float32(0.0)
        weights[CLASSES * i + BUILDING] = np.float32(0.0)
        for j in range(CLASSES):
            columns[j] += weights[CLASSES * i + j]
        weights[CLASSES * i + i] = own
        weights[CLASSES * i + BUILDING] = gain
    for j in range(CLASSES):
        room[OTHER] += columns[j]


@njit(cache=True, nogil=True)
def outcome_table(
    before: NDArray[np.float32],
    after: NDArray[np.float32],
    kinds: NDArray[np.float32],
    pair_prior: NDArray[np.float32],
    replaced_prior: np.float32,
    table: NDArray[np.float32],
) -> None:
    """Fill ``table`` (65,) with the probability of each outcome of one pixel.

    Within a kind the pairs share its probability as the classes of both dates have them. The mass
    of a kind that the classes cannot fill goes to SAME. Within SAME a trace of the mean of both
    dates stands beside their product, so that two certain but contradicting classifications still
    share it.
    """
    room = np.zeros(4, np.float32)
    pair_weights(before, after, pair_prior, table, room)
    replaced = replaced_prior * (before[BUILDING] * after[BUILDING])
    table[REPLACED] = np.float32(0.0)
    same = kinds[SAME]
    scale = np.zeros(4, np.float32)
    for kind in range(GAIN, 4):
        space = room[kind] + replaced
        if kinds[kind] > 0.0 and space > LEAST_ROOM:
            scale[kind] = kinds[kind] / space
            table[REPLACED] += scale[kind] * replaced
        else:
            same += kinds[kind]
    for i in range(CLASSES):
        gain = table[CLASSES * i + BUILDING] * scale[GAIN]
        across = scale[LOSS] if i == BUILDING else scale[OTHER]
        for j in range(CLASSES):
            table[CLASSES * i + j] *= across
        if i != BUILDING:
            table[CLASSES * i + BUILDING] = gain
    fill_same(before, after, same, pair_prior, table)


@njit(cache=True, nogil=True)
def fill_same(
    before: NDArray[np.float32],
    after: NDArray[np.float32],
    same: np.float32,
    pair_prior: NDArray[np.float32],
    table: NDArray[np.float32],
) -> None:
    """Share ``same`` among the eight unchanged outcomes of ``table`` (65,)."""
    trace = np.float32(1e-4)
    total = np.float32(0.0)
    for i in range(CLASSES):
        weight = pair_prior[i, i] * (before[i] * after[i] + trace * (before[i] + after[i]))
        table[CLASSES * i + i] = weight
        total += weight
    scale = same / total if total > LEAST_ROOM else np.float32(0.0)
    for i in range(CLASSES):
        table[CLASSES * i + i] *= scale


@njit(cache=True, nogil=True)
def decide_kinds(
    kinds: NDArray[np.float32],
    valid: NDArray[np.bool_],
    change_threshold: np.float32,
    decided: NDArray[np.uint8],
) -> None:
    """Fill ``decided`` (row, col) with 1 + the kind of change of every pixel, 0 where not valid.

    First whether it changed, then the likeliest kind: a change in doubt between two kinds would
    lose to an unchanged pixel that is less likely than both together.
    """
    for row in range(decided.shape[0]):
        for col in range(decided.shape[1]):
            decided[row, col] = 0
            if not valid[row, col]:
                continue
            changed = kinds[GAIN, row, col] + kinds[LOSS, row, col] + kinds[OTHER, row, col]
            kind = SAME
            if changed >= change_threshold:
                kind = GAIN
                for other in range(LOSS, 4):
                    if kinds[other, row, col] > kinds[kind, row, col]:
                        kind = other
            decided[row, col] = 1 + kind


@njit(cache=True, nogil=True)
def best_code(table: NDArray[np.float32], kind: int) -> int:
    """The code of one pixel of a kind: the likeliest of its pairs in ``table`` (65,)."""
    best = np.float32(-1.0)
    code = 0
    for i in range(CLASSES):
        for j in range(CLASSES):
            if kind_of(i, j) == kind and table[CLASSES * i + j] > best:
                best = table[CLASSES * i + j]
                code = 10 * (i + 1) + j + 1
    if kind != SAME and table[REPLACED] > best:
        code = REPLACED_CODE
    return code


@njit(cache=True, nogil=True)
def name_codes(
    before: NDArray[np.float32],
    after: NDArray[np.float32],
    decided: NDArray[np.uint8],
    pair_prior: NDArray[np.float32],
    replaced_prior: np.float32,
    codes: NDArray[np.uint8],
) -> None:
    """Fill ``codes`` (row, col) with the likeliest working code of each pixel's decided kind.

    ``decided`` as `decide_kinds` leaves it; 0 stays 0.
    """
    one, other = np.empty(CLASSES, np.float32), np.empty(CLASSES, np.float32)
    kind, table = np.zeros(4, np.float32), np.empty(OUTCOMES, np.float32)
    for row in range(codes.shape[0]):
        for col in range(codes.shape[1]):
            if decided[row, col] == 0:
                codes[row, col] = 0
                continue
            which = int(decided[row, col]) - 1
            take_pixel(before, row, col, one)
            take_pixel(after, row, col, other)
            if which == SAME:
                fill_same(one, other, np.float32(1.0), pair_prior, table)
            else:
                kind[which] = np.float32(1.0)
                outcome_table(one, other, kind, pair_prior, replaced_prior, table)
                kind[which] = np.float32(0.0)
            codes[row, col] = best_code(table, which)


@njit(cache=True, nogil=True)
def quieten(
    kinds: NDArray[np.float32], supported: NDArray[np.bool_], faint: NDArray[np.float32]
) -> None:
    """Move the change of ``kinds`` (4, row, col) to SAME where nothing supports it.

    ``faint`` (4, row, col) receives what was moved, nothing in SAME.
    """
    for row in range(supported.shape[0]):
        for col in range(supported.shape[1]):
            faint[SAME, row, col] = np.float32(0.0)
            for kind in range(GAIN, 4):
                moved = np.float32(0.0)
                if not supported[row, col]:
                    moved = kinds[kind, row, col]
                    kinds[kind, row, col] = np.float32(0.0)
                    kinds[SAME, row, col] += moved
                faint[kind, row, col] = moved


@njit(cache=True, nogil=True)
def rate_codes(
    before: NDArray[np.float32],
    after: NDArray[np.float32],
    kinds: NDArray[np.float32],
    codes: NDArray[np.uint8],
    pair_prior: NDArray[np.float32],
    replaced_prior: np.float32,
    probability: NDArray[np.float32],
    new_building: NDArray[np.float32],
) -> None:
    """Fill the probability of each pixel's working code, and that of a new building on it."""
    one, other = np.empty(CLASSES, np.float32), np.empty(CLASSES, np.float32)
    kind, table = np.empty(4, np.float32), np.empty(OUTCOMES, np.float32)
    for row in range(codes.shape[0]):
        for col in range(codes.shape[1]):
            code = int(codes[row, col])
            probability[row, col] = np.float32(0.0)
            new_building[row, col] = np.float32(0.0)
            if code == 0:
                continue
            take_pixel(before, row, col, one)
            take_pixel(after, row, col, other)
            take_pixel(kinds, row, col, kind)
            place = REPLACED
            if code != REPLACED_CODE:
                place = CLASSES * (code // 10 - 1) + code % 10 - 1
            if kind[GAIN] + kind[LOSS] + kind[OTHER] <= 0.0:
                fill_same(one, other, kind[SAME], pair_prior, table)
                if code // 10 == code % 10:
                    probability[row, col] = table[place]
                continue
            outcome_table(one, other, kind, pair_prior, replaced_prior, table)
            probability[row, col] = table[place]
            built = table[REPLACED]
            for i in range(CLASSES):
                if i != BUILDING:
                    built += table[CLASSES * i + BUILDING]
            new_building[row, col] = built


@njit(cache=True, nogil=True)
def add_pixel(
    table: NDArray[np.float32],
    hectares: float,
    groups: NDArray[np.bool_],
    sums: NDArray[np.float64],
    spread: NDArray[np.float64],
    group_spread: NDArray[np.float64],
) -> None:
    """Add one pixel's outcomes (65,) to the sums of its cell.

    ``spread`` and ``group_spread`` add up standard deviations, as if a cell's pixels erred
    together.
    """
    for outcome in range(OUTCOMES):
        p = float(table[outcome])
        if p > 0.0:
            sums[outcome] += hectares * p
            spread[outcome] += hectares * np.sqrt(max(p * (1.0 - p), 0.0))
    for group in range(groups.shape[0]):
        p = 0.0
        for outcome in range(OUTCOMES):
            if groups[group, outcome]:
                p += float(table[outcome])
        group_spread[group] += hectares * np.sqrt(max(p * (1.0 - p), 0.0))


@njit(cache=True, nogil=True)
def sum_cells(
    before: NDArray[np.float32],
    after: NDArray[np.float32],
    kinds: NDArray[np.float32],
    counted: NDArray[np.bool_],
    row_hectares: NDArray[np.float64],
    cell_px: int,
    groups: NDArray[np.bool_],
    pair_prior: NDArray[np.float32],
    replaced_prior: np.float32,
    expected: NDArray[np.float64],
    seen: NDArray[np.float64],
    variance: NDArray[np.float64],
    group_variance: NDArray[np.float64],
) -> None:
    """Add up expected hectares per cell and outcome, and the variance of their sums.

    Parameters
    ----------
    before, after : (8, row, col), kinds : (4, row, col), counted : (row, col)
    row_hectares : (row,), geodesic area of one pixel
    cell_px : side of a cell, within which errors are taken as one
    groups : (group, 65), outcomes that a total adds up, changes alone
    expected : (cell row, cell col, 65), zeros to be filled; hectares
    seen : (cell row, cell col), zeros to be filled; hectares counted
    variance, group_variance : (65,) and (group,), zeros to be filled; hectares²
    """
    rows, cols = counted.shape
    one, other = np.empty(CLASSES, np.float32), np.empty(CLASSES, np.float32)
    kind, table = np.empty(4, np.float32), np.empty(OUTCOMES, np.float32)
    spread, group_spread = np.empty(OUTCOMES), np.empty(groups.shape[0])
    for cell_row in range(expected.shape[0]):
        for cell_col in range(expected.shape[1]):
            spread[:] = 0.0
            group_spread[:] = 0.0
            for row in range(cell_row * cell_px, min(rows, (cell_row + 1) * cell_px)):
                for col in range(cell_col * cell_px, min(cols, (cell_col + 1) * cell_px)):
                    if not counted[row, col]:
                        continue
                    seen[cell_row, cell_col] += row_hectares[row]
                    take_pixel(kinds, row, col, kind)
                    changing = kind[GAIN] + kind[LOSS] + kind[OTHER]
                    if changing + kind[SAME] <= 0.0:
                        continue
                    take_pixel(before, row, col, one)
                    take_pixel(after, row, col, other)
                    if changing > 0.0:
                        outcome_table(one, other, kind, pair_prior, replaced_prior, table)
                        add_pixel(
                            table, row_hectares[row], groups, expected[cell_row, cell_col],
                            spread, group_spread,
                        )  # fmt: skip
                    else:
                        fill_same(one, other, kind[SAME], pair_prior, table)
                        for i in range(CLASSES):
                            own = CLASSES * i + i
                            expected[cell_row, cell_col, own] += row_hectares[row] * table[own]
            for outcome in range(OUTCOMES):
                variance[outcome] += spread[outcome] ** 2
            for group in range(groups.shape[0]):
                group_variance[group] += group_spread[group] ** 2


@njit(cache=True, nogil=True)
def sum_outcomes(
    before: NDArray[np.float32],
    after: NDArray[np.float32],
    kinds: NDArray[np.float32],
    counted: NDArray[np.bool_],
    row_hectares: NDArray[np.float64],
    pair_prior: NDArray[np.float32],
    replaced_prior: np.float32,
    least: np.float32,
    expected: NDArray[np.float64],
) -> None:
    """Add expected hectares to ``expected`` (65,); arguments as for `sum_cells`.

    Pixels whose change is not above ``least`` are left out.
    """
    one, other = np.empty(CLASSES, np.float32), np.empty(CLASSES, np.float32)
    kind, table = np.empty(4, np.float32), np.empty(OUTCOMES, np.float32)
    for row in range(counted.shape[0]):
        for col in range(counted.shape[1]):
            take_pixel(kinds, row, col, kind)
            changing = kind[GAIN] + kind[LOSS] + kind[OTHER]
            if not counted[row, col] or changing <= least:
                continue
            take_pixel(before, row, col, one)
            take_pixel(after, row, col, other)
            outcome_table(one, other, kind, pair_prior, replaced_prior, table)
            for outcome in range(OUTCOMES):
                expected[outcome] += row_hectares[row] * table[outcome]
