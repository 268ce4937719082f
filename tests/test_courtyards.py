"""Halls around a courtyard, and what stands in it."""

from __future__ import annotations

import numpy as np
import pytest

from landshift.buildings import outline_buildings
from landshift.settings import BuildingSettings
from posteriors import change_map, picture, rectangle, utm_grid

GSD = 0.5
SHAPE = (260, 260)
GRID = utm_grid(*SHAPE, GSD)


def hall(row, col, length_m, width_m, azimuth):
    return rectangle(GRID, row, col, length_m, width_m, azimuth)


def found_in(new):
    """Buildings and clusters of a mask of new buildings on cropland."""
    after = picture(np.where(new, 3, 1), GRID, np.random.default_rng(0), 2.0)
    changes = change_map(np.where(new, 13, 11), GRID)
    return outline_buildings(changes, after, BuildingSettings())


@pytest.mark.parametrize("house", [False, True])
def test_a_courtyard_is_no_roof_and_a_house_in_it_is_counted_once(house):
    new = hall(130, 130, 100, 80, 0) & ~hall(130, 130, 80, 60, 0)
    if house:
        new |= hall(130, 130, 20, 15, 0)
    buildings, clusters = found_in(new)
    assert len(buildings) == 1 + house
    listed = sum(one.hectares for one in buildings)
    assert listed == pytest.approx(new.sum() * GSD**2 / 1e4, rel=0.02)
    ring = buildings[0]
    assert ring.rectangularity == pytest.approx(0.4, abs=0.01)
    assert len(ring.outline.interiors) == 1
    if house:
        assert not ring.outline.intersects(buildings[1].outline)
        assert clusters[0].built_hectares == pytest.approx(0.35, rel=0.02)


def test_a_small_hole_is_roof():
    (one,), _ = found_in(hall(130, 130, 60, 40, 0) & ~hall(130, 130, 30, 15, 0))
    assert one.hectares == pytest.approx(0.24, rel=0.02)
    assert not one.outline.interiors
