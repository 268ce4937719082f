"""Plain numpy: slow, short, and easy to believe."""

from __future__ import annotations

import numpy as np

BUILDING = 2
KIND = np.full((8, 8), 3)
KIND[:, BUILDING] = 1
KIND[BUILDING, :] = 2
np.fill_diagonal(KIND, 0)


def outcomes(before, after, kinds, pair_prior, replaced_prior):
    """(65, row, col) probability of every outcome."""
    kinds = kinds.astype(float)
    pairs = pair_prior[:, :, None, None] * before[:, None] * after[None]
    both = replaced_prior * before[BUILDING] * after[BUILDING]
    same = kinds[0].copy()
    replaced = np.zeros(both.shape)
    for kind in (1, 2, 3):
        space = pairs[kind == KIND].sum(axis=0) + both
        fits = space > 1e-30
        scale = np.where(fits, kinds[kind] / np.where(fits, space, 1), 0)
        same += np.where(fits, 0, kinds[kind])
        pairs[kind == KIND] *= scale
        replaced += scale * both
    own = np.diagonal(pair_prior)[:, None, None] * (before * after + 1e-4 * (before + after))
    total = own.sum(axis=0)
    own = own * np.where(total > 1e-30, same / np.where(total > 1e-30, total, 1), 0)
    pairs[np.arange(8), np.arange(8)] = own
    return np.concatenate([pairs.reshape(64, *both.shape), replaced[None]])


def decide_kind(kinds, change_threshold):
    """The kind of change of one pixel (4,)."""
    changed = kinds[1] + kinds[2] + kinds[3] >= change_threshold
    return 1 + int(np.argmax(kinds[1:])) if changed else 0


def name_code(table, kind):
    """The working code of one pixel of a kind, from its outcomes (65,)."""
    pairs = np.where(kind == KIND, table[:64].reshape(8, 8), -1)
    i, j = np.unravel_index(np.argmax(pairs), pairs.shape)
    if kind and table[64] > pairs[i, j]:
        return 133
    return 10 * (i + 1) + j + 1


def rate_codes(table, codes):
    """Probability of each working code, and of a new building, from outcomes (65, row, col)."""
    place = np.where(codes == 133, 64, 8 * (codes // 10 - 1) + codes % 10 - 1).astype(int)
    probability = np.take_along_axis(table, np.clip(place, 0, 64)[None], axis=0)[0]
    gained = [8 * i + BUILDING for i in range(8) if i != BUILDING] + [64]
    return probability * (codes > 0), table[gained].sum(axis=0) * (codes > 0)


def sum_cells(table, kinds, counted, row_hectares, cell_px, groups):
    """Expected hectares per cell, seen hectares per cell, variances of outcomes and groups."""
    rows, cols = counted.shape
    cells = -(-rows // cell_px), -(-cols // cell_px)
    expected, seen = np.zeros((*cells, 65)), np.zeros(cells)
    variance, group_variance = np.zeros(65), np.zeros(len(groups))
    hectares = np.where(counted, row_hectares[:, None], 0)
    p = np.clip(table, 0, 1)
    # Where nothing can change, what stays is certain enough: no noise is reckoned there.
    alive = kinds[1:].sum(axis=0) > 0
    spread = hectares * np.sqrt(p * (1 - p)) * alive
    q = np.clip(np.einsum("go,orc->grc", groups.astype(float), table), 0, 1)
    group_spread = hectares * np.sqrt(q * (1 - q)) * alive
    for i in range(cells[0]):
        for j in range(cells[1]):
            cell = np.s_[..., i * cell_px : (i + 1) * cell_px, j * cell_px : (j + 1) * cell_px]
            expected[i, j] = (hectares[cell] * table[cell]).sum(axis=(1, 2))
            seen[i, j] = hectares[cell].sum()
            variance += spread[cell].sum(axis=(1, 2)) ** 2
            group_variance += group_spread[cell].sum(axis=(1, 2)) ** 2
    return expected, seen, variance, group_variance
