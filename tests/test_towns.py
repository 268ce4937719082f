"""Towns: what thousands of buildings cost, and the same answer as by looking at all for each."""

from __future__ import annotations

import tracemalloc
from itertools import product

import numpy as np
import pytest
from scipy import ndimage

from landshift.buildings import outlines, roofs
from landshift.buildings.masks import closed_by_disc
from landshift.settings import BuildingSettings

SETTINGS = BuildingSettings()
LOT_PX = 28


def town(side):
    """``side`` × ``side`` lots of houses, of halves of one roof and of unlike neighbours."""
    regions, used = np.zeros((side * LOT_PX, side * LOT_PX), np.int32), 0
    kinds = ([(0, 8, 18), (10, 8, 18)], [(0, 14, 18), (16, 4, 7)], [(0, 16, 18)])
    for row, col in product(range(side), repeat=2):
        for down, rows, cols in kinds[(row + col) % 3]:
            used += 1
            top, left = LOT_PX * row + 4 + down, LOT_PX * col + 4
            regions[top : top + rows, left : left + cols] = used
    return regions


def litter(rng, largest):
    """Rectangles of all sizes that touch and cover each other."""
    regions = np.zeros((60, 70), np.int32)
    for number in range(1, int(rng.integers(3, 22))):
        rows, cols = rng.integers(2, largest, 2)
        row, col = rng.integers(0, 60), rng.integers(0, 70)
        part = regions[row : row + rows, col : col + cols]
        part[part == 0] = number
    return regions


def joined_plainly(regions, gsd_m, settings):
    """Every pair anew, in the whole picture, after each that was joined."""
    result, gap_px = regions.copy(), settings.merge_gap_m / gsd_m
    merged = gsd_m <= settings.merge_gap_m
    while merged:
        merged = False
        for one, two in close_pairs(result, gap_px):
            both = (result == one) | (result == two)
            if roofs.rectangularity(both) >= settings.merge_rectangularity and roofs.ends_meet(
                result == one, result == two, settings.merge_ends_m / gsd_m
            ):
                gap = closed_by_disc(both, gap_px / 2 + 1) & (result == 0)
                result[gap | (result == two)] = one
                merged = True
                break
    return result


def close_pairs(regions, gap_px):
    numbers = [number for number in np.unique(regions) if number]
    reach = int(np.floor(gap_px)) + 1
    for one in numbers:
        near = ndimage.distance_transform_edt(regions != one) <= reach
        for two in numbers:
            if two > one and (near & (regions == two)).any():
                yield one, two


@pytest.mark.parametrize("gsd_m", [0.3, 0.5, 1.0, 2.0, 3.0])
def test_halves_are_joined_as_by_looking_at_everything(gsd_m):
    rng = np.random.default_rng(round(10 * gsd_m))
    changed = 0
    for case in range(12):
        regions = litter(rng, 5 + case)
        found = roofs.join_halves(regions, gsd_m, SETTINGS)
        np.testing.assert_array_equal(found, joined_plainly(regions, gsd_m, SETTINGS))
        changed += not np.array_equal(found, regions)
    assert (changed > 0) == (gsd_m <= SETTINGS.merge_gap_m)


def test_joining_looks_at_a_pair_and_not_at_the_town(monkeypatch):
    looked_at = []

    def counted(mask):
        looked_at.append(mask.size)
        return rectangularity(mask)

    rectangularity = roofs.rectangularity
    monkeypatch.setattr(roofs, "rectangularity", counted)
    regions = town(6)
    found = roofs.join_halves(regions, 0.5, SETTINGS)
    assert np.unique(found).size == np.unique(regions).size - 12
    assert max(looked_at) <= (2 * LOT_PX) ** 2
    assert len(looked_at) <= regions.max()  # each pair once: none is tried anew after another


def test_the_azimuth_of_a_town_is_found_without_a_table_of_all_pairs():
    rng = np.random.default_rng(0)
    azimuths = np.concatenate([rng.uniform(0, 180, 2000), rng.normal(37, 2, 1000) % 180])
    town = [outlines.Rectangle(0.0, 0.0, 20.0, 10.0, float(azimuth)) for azimuth in azimuths]
    tracemalloc.start()
    try:
        pooled = outlines.pooled_azimuth(town)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert abs(pooled - 37) < 1.0
    assert most < 4 * 256 * len(town) * 8  # a part of the town with all of it, a few times over
