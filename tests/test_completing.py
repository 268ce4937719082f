"""A part of a roof becomes the roof where its colours end in a rectangle, and nowhere else."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from landshift.buildings import outline_buildings
from landshift.buildings.completing import complete_roofs
from landshift.legend import Cover
from landshift.settings import BuildingSettings
from posteriors import change_map, picture, rectangle, utm_grid

SETTINGS = BuildingSettings()
GSD = 0.5
GRID = utm_grid(240, 300, GSD)
HALL = rectangle(GRID, 120, 150, 80, 20, 75)
END = HALL & (np.arange(300) < 125)[None, :]
"""A third of it."""
NOWHERE = np.zeros(GRID.shape, bool)


def shown(roofs, grid=GRID):
    rng = np.random.default_rng(0)
    return picture(np.where(roofs, Cover.BUILDING, Cover.CROPLAND), grid, rng)


def completed(part, roofs, probability=0.1, standing=NOWHERE, after=None, settings=SETTINGS):
    regions, _ = ndimage.label(part)
    likely = np.where(part, np.float32(0.9), np.float32(probability))
    after = shown(roofs) if after is None else after
    return complete_roofs(regions.astype(np.int32), likely, standing, after, settings)


def overlap(one, other):
    return np.count_nonzero(one & other) / np.count_nonzero(one | other)


def test_a_hall_of_which_an_end_was_found_is_outlined_whole():
    assert overlap(END, HALL) < 0.4
    assert overlap(completed(END, HALL) > 0, HALL) > 0.97
    probability = np.where(END, np.float32(0.9), np.float32(0.1))
    changes = change_map(np.where(END, 13, 11), GRID, probability=probability)
    (one,), _ = outline_buildings(changes, shown(HALL), SETTINGS)
    assert one.outline.area == pytest.approx(1600, rel=0.03)
    assert one.length_m == pytest.approx(80, abs=1.5)
    # it is no surer for being drawn whole
    assert one.probability == pytest.approx(0.9 * 0.35 + 0.1 * 0.65, abs=0.05)


@pytest.mark.parametrize("beyond", [255, 0])
def test_what_stood_there_is_told_by_ground_inside_the_aoi(beyond):
    likely = np.where(END, np.float32(0.9), np.float32(0.1))
    codes = np.full(GRID.shape, 77, np.uint8)
    codes[:, :125] = beyond
    # found beyond the aoi, or where nobody saw
    changes = change_map(np.full(GRID.shape, 77), GRID, probability=likely)
    changes = replace(changes, codes=codes, new_building=END)
    (one,), _ = outline_buildings(changes, shown(HALL), SETTINGS)
    assert one.was is Cover.HERBACEOUS
    hidden = replace(changes, codes=np.where(codes == 77, 0, 255).astype(np.uint8))
    assert outline_buildings(hidden, shown(HALL), SETTINGS)[0] == ()


def test_two_ends_of_one_hall_are_one_building():
    ends = END | HALL & (np.arange(300) > 200)[None, :]
    assert ndimage.label(ends)[1] == 2
    found = completed(ends, HALL)
    assert len(np.unique(found)) == 2
    assert overlap(found > 0, HALL) > 0.97


def test_two_slopes_of_unlike_brightness_are_one_roof():
    even = shown(HALL)
    bands = even.bands.copy()
    north = HALL & ~rectangle(GRID, 140, 150, 120, 20, 75)
    assert 0.2 < north.sum() / HALL.sum() < 0.8
    bands[:, north] *= 0.5
    found = completed(END, HALL, after=replace(even, bands=bands)) > 0
    assert overlap(found, HALL) > 0.9


def test_a_part_stays_as_it_was_found_where_its_colour_runs_out_into_a_yard_or_a_street():
    wide = HALL | rectangle(GRID, 60, 150, 50, 20, 165)  # it ends, but not in a rectangle
    np.testing.assert_array_equal(completed(END, wide) > 0, END)
    far = rectangle(GRID, 120, 150, 140, 20, 75)  # it ends beyond where a roof is sought
    start = far & (np.arange(300) < 55)[None, :]
    np.testing.assert_array_equal(completed(start, far) > 0, start)


def test_a_roof_goes_no_further_than_its_edge():
    near = HALL & (np.arange(300) < 170)[None, :]
    found = completed(END, near) > 0
    assert overlap(found, near) > 0.95


@pytest.mark.parametrize(
    ("why", "told"),
    [
        ("nothing speaks for the rest", {"probability": 0.0}),
        ("the rest stood before", {"standing": HALL & ~END}),
        ("the rest was not seen", {"after": replace(shown(HALL), valid=END | ~HALL)}),
        ("it is doubtful itself", {"settings": BuildingSettings(doubtful_probability=0.95)}),
        ("it would be far larger", {"settings": BuildingSettings(roof_most_growth=2.0)}),
    ],
)
def test_a_part_stays_as_it_was_found_where(why, told):
    np.testing.assert_array_equal(completed(END, HALL, **told) > 0, END, why)


def test_a_part_does_not_take_up_a_larger_one():
    cols = np.arange(300)[None, :]
    small, large = HALL & (cols < 95), HALL & (cols > 135) & (cols < 200)
    regions = np.where(small, 1, np.where(large, 2, 0)).astype(np.int32)
    likely = np.where(regions > 0, np.float32(0.9), np.float32(0.0))
    after = shown(HALL & (cols < 200))
    found = complete_roofs(regions, likely, NOWHERE, after, SETTINGS)
    np.testing.assert_array_equal(found, regions)  # between them nothing speaks for a building


def test_coarse_pixels_are_left_as_they_are():
    coarse = utm_grid(240, 300, 1.2)
    probability = np.where(END, np.float32(0.9), np.float32(0.1))
    changes = change_map(np.where(END, 13, 11), coarse, probability=probability)
    (one,), _ = outline_buildings(changes, shown(HALL, coarse), SETTINGS)
    assert one.outline.area < 0.5 * np.count_nonzero(HALL) * 1.2**2
