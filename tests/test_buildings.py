from __future__ import annotations

import numpy as np
import pytest
from affine import Affine
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import ndimage
from shapely.geometry import Point, Polygon, box

from building_sites import LEAST_M2, building_site
from landshift.buildings import outline_buildings, outlines
from landshift.buildings.gaps import part_at_gaps, rectangle_of, rectangles_fit
from landshift.buildings.masks import closed_by_disc, rectangularity
from landshift.buildings.roofs import close_cracks, join_halves, part_regions
from landshift.grid import Grid
from landshift.legend import Cover
from landshift.settings import BuildingSettings
from posteriors import change_map, picture, rectangle, utm_grid

SETTINGS = BuildingSettings()
GSD = 0.5
SHAPE = (260, 260)
SIMULATED = [
    *(("build_halls", seed, 0.5) for seed in range(5)),
    *(("build_frames", seed, 0.5) for seed in range(9)),
    ("build_halls", 1, 0.3),
    ("build_frames", 2, 0.3),
]
"""What was built, seed, gsd in metres."""


def found_in(new, was=Cover.CROPLAND, grid=None, roof_noise=2.0, roofs=None, **of_map):
    """Buildings and clusters of a mask of new buildings, on a picture of ``roofs`` or of these."""
    grid = utm_grid(*np.shape(new), GSD) if grid is None else grid
    codes = np.where(new, 10 * int(was) + Cover.BUILDING, 11)
    rng = np.random.default_rng(0)
    shown = new if roofs is None else roofs
    after = picture(np.where(shown, Cover.BUILDING, Cover.CROPLAND), grid, rng, roof_noise)
    return outline_buildings(change_map(codes, grid, **of_map), after, SETTINGS)


def hall(row, col, length_m, width_m, azimuth, shape=SHAPE, gsd=GSD):
    return rectangle(utm_grid(*shape, gsd), row, col, length_m, width_m, azimuth)


def off_azimuth(one, two):
    return abs((one - two + 90) % 180 - 90)


@settings(deadline=None, max_examples=25)
@given(
    st.floats(100, 160), st.floats(100, 160), st.floats(25, 80), st.floats(12, 20),
    st.floats(0, 180),
)  # fmt: skip
@example(100.0, 100.5, 25.25, 12.75, 0.0)
@example(100.5, 100.5, 25.75, 12.625, 0.0)
@example(100.0, 100.0, 25.0, 12.0, 180.0)
def test_a_hall_is_recovered(row, col, length_m, width_m, azimuth):
    pixels = hall(row, col, length_m, width_m, azimuth)
    buildings, clusters = found_in(pixels)
    assert len(buildings) == 1
    assert clusters == ()
    one = buildings[0]
    # of the pixels drawn: along the axes they make a hall up to a pixel longer or shorter
    assert one.hectares == pytest.approx(pixels.sum() * GSD**2 / 1e4, rel=0.02)
    assert one.length_m == pytest.approx(length_m, abs=1.0)
    assert one.width_m == pytest.approx(width_m, abs=1.0)
    # centres of pixels on a side itself fall in or out by rounding: a step of one in its 12 m
    assert off_azimuth(one.azimuth_deg, azimuth) < np.degrees(GSD / 12)
    assert one.rectangularity > 0.9
    assert len(one.outline.exterior.coords) == 5
    assert one.was is Cover.CROPLAND
    assert one.stage == "roofed"
    assert not one.replaced
    assert one.probability > 0.9


@pytest.mark.parametrize("blur_px", [1.0, 2.0])
@pytest.mark.parametrize("azimuth", [3.0, 41.0, 88.0, 133.0])
def test_a_hall_with_a_ragged_rim_is_recovered(blur_px, azimuth):
    rng = np.random.default_rng(int(azimuth))
    truth = hall(130, 130, 60, 18, azimuth)
    rough = ndimage.gaussian_filter(rng.standard_normal(SHAPE), 2.0)
    probability = ndimage.gaussian_filter(truth.astype(float), blur_px) + 0.2 * rough / rough.std()
    probability = ndimage.gaussian_filter(probability, 1.0).clip(0, 1)
    buildings, _ = found_in(probability >= 0.5, probability=probability)
    assert len(buildings) == 1
    assert buildings[0].hectares == pytest.approx(60 * 18 / 1e4, rel=0.06)
    assert off_azimuth(buildings[0].azimuth_deg, azimuth) < 3.0


def test_skylights_and_a_ridge_do_not_part_a_hall():
    new = hall(130, 130, 60, 20, 20)
    lit = new & ~hall(130, 130, 60, 1.0, 20)
    for away in (-40, 0, 40):
        lit &= ~hall(130 + away, 130 - away / 3, 3, 3, 20)
    buildings, _ = found_in(lit)
    assert len(buildings) == 1
    assert buildings[0].hectares == pytest.approx(0.12, rel=0.03)


def test_halves_of_a_roof_are_one_building():
    whole = hall(130, 130, 60, 20, 75)
    halves = whole & ~hall(130, 130, 70, 2.4, 75)
    buildings, _ = found_in(halves)
    assert len(buildings) == 1
    assert buildings[0].outline.area == pytest.approx(1200, rel=0.03)


@pytest.mark.parametrize("azimuth", [0.0, 30.0, 77.0])
@pytest.mark.parametrize("gap_m", [5.0, 8.0])
def test_two_halls_with_a_lane_between_are_two(azimuth, gap_m):
    a = np.radians(azimuth)
    apart = (15 + gap_m) / GSD / 2
    rows, cols = apart * np.sin(a), apart * np.cos(a)
    new = hall(130 - rows, 130 - cols, 60, 15, azimuth)
    new |= hall(130 + rows, 130 + cols, 60, 15, azimuth)
    buildings, clusters = found_in(new)
    assert len(buildings) == 2
    assert len(clusters) == 1
    assert clusters[0].buildings == (0, 1)
    assert clusters[0].built_hectares == pytest.approx(0.18, rel=0.03)
    assert clusters[0].hull_hectares == pytest.approx(60 * (30 + gap_m) / 1e4, rel=0.05)
    assert outlines.turn_deg(clusters[0].azimuth_deg, azimuth) < 2.0


def test_a_thin_neck_parts_two_halls():
    new = hall(80, 130, 60, 20, 90) | hall(180, 130, 60, 20, 90) | hall(130, 130, 40, 2.5, 0)
    buildings, _ = found_in(new)
    assert len(buildings) == 2
    assert sum(one.hectares for one in buildings) == pytest.approx(new.sum() * 0.25e-4, rel=0.05)


def test_a_long_hall_with_bitten_sides_stays_whole():
    new = hall(130, 130, 90, 12, 90)
    for col in range(60, 220, 20):
        new &= ~hall(119, col, 4, 4, 0)
    buildings, _ = found_in(new)
    assert len(buildings) == 1


def test_an_l_shaped_hall_keeps_its_corner():
    new = hall(130, 130, 60, 15, 20)
    a = np.radians(20)
    new |= hall(130 - 45 * np.cos(a) + 30 * np.sin(a), 130 + 45 * np.sin(a) + 30 * np.cos(a),
                45, 15, 110)  # fmt: skip
    buildings, _ = found_in(new)
    assert len(buildings) == 1
    assert buildings[0].hectares == pytest.approx(new.sum() * 0.25e-4, rel=0.03)
    assert buildings[0].rectangularity < 0.7
    corners = len(buildings[0].outline.exterior.coords) - 1
    assert corners == 6
    assert off_azimuth(buildings[0].azimuth_deg, 20) % 90 < 2.0


def test_a_round_tank_stays_round():
    r, c = np.mgrid[:120, :120]
    tank = (r - 60) ** 2 + (c - 60) ** 2 <= 24**2
    buildings, _ = found_in(tank)
    assert len(buildings) == 1
    assert buildings[0].hectares == pytest.approx(np.pi * 144 / 1e4, rel=0.03)
    assert len(buildings[0].outline.exterior.coords) > 8
    assert buildings[0].rectangularity == pytest.approx(np.pi / 4, abs=0.03)


def test_a_frame_is_no_roof():
    new = hall(130, 130, 60, 20, 0)
    beams = (np.arange(SHAPE[0])[:, None] % 6 < 2) | (np.arange(SHAPE[1])[None] % 6 < 2)
    grid = utm_grid(*SHAPE, GSD)
    after = picture(np.where(new & beams, Cover.BUILDING, Cover.CROPLAND), grid,
                    np.random.default_rng(1))  # fmt: skip
    buildings, _ = outline_buildings(change_map(np.where(new, 13, 11), grid), after, SETTINGS)
    assert [one.stage for one in buildings] == ["frame or foundation"]


def test_few_pixels_tell_neither_direction_nor_stage_and_share_no_azimuth():
    grid = utm_grid(60, 60, 3.0)
    new = np.zeros((60, 60), bool)
    new[10:15, 10:14] = new[20:25, 10:14] = new[10:20, 30:50] = True
    buildings, clusters = found_in(new, grid=grid)
    assert [one.azimuth_deg is None for one in buildings] == [False, True, True]
    assert [one.stage for one in buildings] == [None] * 3  # pixels of 3 m, however many
    assert clusters == ()
    finer, _ = found_in(new, grid=utm_grid(60, 60, 1.0))
    assert [one.stage is None for one in finer] == [False]  # the others are below 30 m²
    narrow, _ = found_in(hall(130, 130, 20, 2, 90))
    assert [one.stage for one in narrow] == [None]


@pytest.fixture(scope="module")
def simulated():
    """True halls of simulated sites, each with the building that overlaps it most, and clusters."""
    sites = []
    for event, seed, gsd_m in SIMULATED:
        changes, after, halls = building_site(event, seed, gsd_m)
        found, clusters = outline_buildings(changes, after, SETTINGS)
        large = [one for one in found if one.hectares * 1e4 >= LEAST_M2]
        matched = []
        for hall in halls:
            shares = [outlines.overlap(hall.outline, one.outline) for one in large]
            best = int(np.argmax(shares)) if shares else 0
            matched.append((hall, large[best] if shares and shares[best] >= 0.5 else None))
        sites.append((large, matched, clusters))
    return sites


def pairs_of(sites):
    return [(hall, one) for _, matched, _ in sites for hall, one in matched if one is not None]


def test_new_halls_of_simulated_sites_are_found_as_they_stand(simulated):
    true = sum(len(matched) for _, matched, _ in simulated)
    found = sum(len(large) for large, _, _ in simulated)
    pairs = pairs_of(simulated)
    assert true >= 20
    assert len(pairs) >= 0.9 * true
    assert len(pairs) >= 0.9 * found
    for hall, one in pairs:
        assert one.hectares == pytest.approx(hall.outline.area / 1e4, rel=0.1)
        assert off_azimuth(one.azimuth_deg, hall.azimuth_deg) < 3.0


def test_frames_and_roofs_of_simulated_sites_are_told_apart(simulated):
    for frame, stage in ((True, "frame or foundation"), (False, "roofed")):
        stages = [one.stage for hall, one in pairs_of(simulated) if hall.frame is frame]
        assert len(stages) >= 8
        assert stages.count(stage) >= 0.9 * len(stages)


def test_halls_of_one_simulated_site_form_one_cluster(simulated):
    for large, matched, clusters in simulated:
        sure = all(one is not None for _, one in matched)
        if len(matched) < 2 or len(large) != len(matched) or not sure:
            continue
        assert len(clusters[0].buildings) == len(matched)
        turn = outlines.turn_deg(clusters[0].azimuth_deg, matched[0][0].azimuth_deg)
        assert turn < 3.0


def test_a_shorter_hall_close_by_is_no_half_of_a_roof():
    new = hall(110, 130, 60, 20, 90) | hall(110 + 2 * 17.4, 130, 44, 11, 90)
    buildings, _ = found_in(new)
    assert len(buildings) == 2


def test_what_stood_there_and_what_was_replaced():
    one, two = hall(70, 130, 40, 15, 90), hall(180, 130, 40, 15, 90)
    grid = utm_grid(*SHAPE, GSD)
    codes = np.where(one, 23, np.where(two, 33, 11))
    after = picture(codes % 10, grid, np.random.default_rng(0))
    buildings, _ = outline_buildings(change_map(codes, grid, replaced=two), after, SETTINGS)
    assert {(b.was, b.replaced) for b in buildings} == {
        (Cover.GREENHOUSE, False), (Cover.BUILDING, True),
    }  # fmt: skip


def test_a_building_astride_the_aoi_is_listed_whole_or_not_at_all():
    new = hall(130, 130, 60, 20, 90)
    for share, count in ((0.7, 1), (0.3, 0)):
        inside = np.zeros(SHAPE, bool)
        inside[:, : int(70 + 120 * share)] = True
        buildings, _ = found_in(new, inside=inside)
        assert len(buildings) == count
        for one in buildings:
            assert one.hectares == pytest.approx(0.12, rel=0.03)
            assert one.was is Cover.CROPLAND
    grid, inside = utm_grid(*SHAPE, GSD), np.zeros(SHAPE, bool)
    inside[:, : int(70 + 120 * 0.55)] = True  # more of it lies outside than on either cover
    codes = np.where(new, np.where(np.arange(260) < 100, 43, 13), 11)
    after = picture(np.where(new, 3, 1), grid, np.random.default_rng(0), 2.0)
    (one,), _ = outline_buildings(change_map(codes, grid, inside), after, SETTINGS)
    assert one.was is Cover.CROPLAND


def test_whatever_is_drawn_has_all_of_the_outlines_area():
    angle = np.linspace(0, 2 * np.pi, 73)[:-1]
    for radius in (10 + 0 * angle, 10 + 3 * np.cos(7 * angle)):
        outline = Polygon(np.column_stack([radius * np.cos(angle), radius * np.sin(angle)]))
        around = outlines.minimum_rectangle(outline)
        drawn, told = outlines.regularise(outline, around, None, 0.5, SETTINGS)
        assert drawn.area == pytest.approx(outline.area, rel=1e-9)
        smallest = outlines.minimum_rectangle(drawn)  # sizes are those of what is drawn
        assert (told.length, told.width) == pytest.approx((smallest.length, smallest.width))
        assert len(drawn.exterior.coords) < 73


def test_the_ragged_edge_of_a_yard_is_no_building_unless_it_is_likely():
    row, col = np.mgrid[:260, :260]
    edge = (np.hypot(row - 300, col + 40) > 190) & (np.hypot(row - 300, col + 40) < 204)
    for share, count in ((0.54, 0), (0.56, 1)):
        buildings, _ = found_in(edge, probability=share * edge)
        assert len(buildings) == count
        assert all(one.rectangularity < 0.5 for one in buildings)
    whole, _ = found_in(hall(130, 130, 60, 20, 90), probability=0.54 * hall(130, 130, 60, 20, 90))
    assert len(whole) == 1


def test_coarse_pixels_and_small_sheds_give_no_building():
    assert found_in(hall(130, 130, 5, 5, 0)) == ((), ())
    coarse = utm_grid(40, 40, 10.0)
    new = np.zeros((40, 40), bool)
    new[10:30, 10:30] = True
    assert found_in(new, grid=coarse) == ((), ())
    assert found_in(np.zeros(SHAPE, bool)) == ((), ())


def test_halls_pool_their_azimuth_and_one_askew_keeps_its_own():
    grid = utm_grid(400, 400, GSD)
    new = np.zeros(grid.shape, bool)
    for row in (70, 140, 210):
        new |= rectangle(grid, row, 130, 60, 16, 62)
    new |= rectangle(grid, 300, 290, 40, 16, 20)
    buildings, clusters = found_in(new, grid=grid)
    azimuths = sorted(one.azimuth_deg for one in buildings)
    assert azimuths[1] == azimuths[2] == azimuths[3]
    assert azimuths[1] == pytest.approx(62, abs=1.5)
    assert azimuths[0] == pytest.approx(20, abs=2)
    assert [len(cluster.buildings) for cluster in clusters] == [3]


def test_hectares_are_geodesic_on_a_turned_grid_in_web_mercator():
    turned = Affine.translation(14_000_000, 4_865_000) @ Affine.rotation(12) @ Affine.scale(1, -1)
    grid = Grid(utm_grid(2, 2).crs.from_epsg(3857), turned, SHAPE)
    new = np.zeros(SHAPE, bool)
    new[100:140, 80:180] = True
    buildings, _ = found_in(new, grid=grid)
    pixel_m = grid.gsd_m
    assert pixel_m < 0.8
    assert buildings[0].hectares == pytest.approx(4000 * pixel_m**2 / 1e4, rel=0.01)
    assert buildings[0].length_m == pytest.approx(100 * pixel_m, rel=0.01)
    assert off_azimuth(buildings[0].azimuth_deg, 90 - 12) < 1.0


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32 - 1))
@example(864)
def test_parts_cover_the_closed_mask_but_gaps_and_nothing_else(seed):
    rng = np.random.default_rng(seed)
    noise = ndimage.gaussian_filter(rng.standard_normal((40, 44)), rng.uniform(0.5, 3))
    built = noise > np.quantile(noise, rng.uniform(0.3, 0.95))
    closed = close_cracks(built, 1.0, SETTINGS)
    even = part_regions(built, np.full(built.shape, 0.7, np.float32), 1.0, SETTINGS)
    assert np.all(closed[built])
    assert np.all(even[closed] > 0)
    # what is joined holds its gap as well
    ridges = (even > 0) & ~closed
    assert np.all(closed_by_disc(closed, SETTINGS.merge_gap_m / 2 + 1)[ridges])
    uneven = rng.random(built.shape, np.float32)
    parts = part_at_gaps(even, uneven, 1.0, SETTINGS)
    # Numbers are used once each, from 1; every part lies in one region and is in one piece.
    numbers = np.unique(parts[parts > 0])
    np.testing.assert_array_equal(numbers, np.arange(1, numbers.size + 1))
    assert np.all(even[parts > 0] > 0)
    for number in numbers:
        assert np.unique(even[parts == number]).size == 1
    assert set(np.unique(even[even > 0])) == set(np.unique(even[parts > 0]))


def street(houses, gap_m, azimuth, between, gsd=GSD):
    """Probability of a row of houses of 10 m as a network sees it, gaps not quite empty."""
    a = np.radians(azimuth)
    seen = np.zeros(SHAPE, np.float32)
    row_m = houses * (10 + gap_m) - gap_m
    seen[hall(130, 130, row_m, 9, azimuth)] = between
    for place in np.arange(houses) - (houses - 1) / 2:
        along = place * (10 + gap_m) / gsd
        seen[hall(130 - along * np.cos(a), 130 + along * np.sin(a), 10, 10, azimuth)] = 0.95
    return ndimage.gaussian_filter(seen, 1.0)


@pytest.mark.parametrize("azimuth", [0.0, 33.0])
@pytest.mark.parametrize(("gap_m", "between"), [(3.0, 0.42), (4.0, 0.55)])
def test_a_street_of_houses_is_not_one_house(azimuth, gap_m, between):
    probability = street(6, gap_m, azimuth, between)
    new = probability > 0.4
    assert ndimage.label(new)[1] == 1
    buildings, _ = found_in(new, probability=probability, roofs=probability > 0.7)
    assert len(buildings) == 6
    for one in buildings:
        assert one.outline.area == pytest.approx(100.0, rel=0.15)
        assert one.length_m / one.width_m < 1.2


def test_a_roof_of_uneven_probability_stays_one():
    new = hall(130, 130, 60, 20, 20)
    for seed in range(5):
        rng = np.random.default_rng(seed)
        waves = ndimage.gaussian_filter(rng.standard_normal(SHAPE), 6.0)
        probability = np.clip(0.75 + 0.2 * waves / waves.std(), 0.42, 1.0).astype(np.float32)
        probability = np.where(new, probability, np.float32(0.05))
        buildings, _ = found_in(new, probability=probability)
        assert len(buildings) == 1, seed


def test_a_faint_rim_is_no_building_and_a_weak_strip_cuts_none():
    roof = hall(130, 130, 60, 20, 20)
    probability = np.where(hall(130, 130, 62, 22, 20), np.float32(0.44), np.float32(0.02))
    probability[roof] = 0.96
    probability[roof & hall(130, 130, 1.5, 40, 20)] = 0.42
    buildings, _ = found_in(probability > 0.4, probability=probability, roofs=roof)
    assert len(buildings) == 1
    assert buildings[0].outline.area == pytest.approx(1200, rel=0.02)
    assert buildings[0].rectangularity > 0.9


def test_an_l_shaped_roof_is_not_parted_at_its_corner():
    new = hall(130, 90, 60, 15, 0) | hall(183, 130, 15, 60, 0)
    probability = ndimage.gaussian_filter(new.astype(np.float32), 3.0)
    buildings, _ = found_in(new, probability=probability)
    assert len(buildings) == 1


def test_what_rectangles_explain():
    two = np.zeros((40, 60), np.int32)
    two[10:20, 5:25], two[10:20, 32:52] = 1, 2
    fit, squareness = rectangles_fit(two, (two > 0).astype(np.float32))
    assert fit == pytest.approx(1.0)
    assert squareness == pytest.approx(1.0)
    one_fit, one_squareness = rectangles_fit((two > 0).astype(np.int32), (two > 0) * 1.0)
    assert one_fit < 0.9
    assert one_squareness < 0.9
    assert rectangles_fit(np.zeros((5, 5), np.int32), np.ones((5, 5))) == (0.0, 0.0)


@settings(deadline=None, max_examples=30)
@given(st.floats(8, 40), st.floats(1.0, 4.0), st.floats(0, 180))
@example(8.0, 1.0, 89.99999999999997)  # its sides run through pixel centres: in or out by rounding
def test_the_rectangle_of_a_rectangle_is_itself(width_m, longer, azimuth):
    length_m = min(width_m * longer, 90)
    part = hall(130, 130, length_m, width_m, azimuth)
    found = rectangle_of(part)
    half_a_pixel = 0.5 * 2 * (length_m + width_m) / GSD
    most = max(0.07 * np.count_nonzero(part | found), half_a_pixel)
    assert np.count_nonzero(part ^ found) <= most


def test_rectangularity_of_masks():
    assert rectangularity(np.ones((4, 9), bool)) == pytest.approx(1.0)
    assert rectangularity(np.ones((1, 1), bool)) == pytest.approx(1.0)
    assert rectangularity(np.tri(40, dtype=bool)) == pytest.approx(0.5, abs=0.05)
    apart = np.zeros((10, 23), np.int32)
    apart[:, :10], apart[:, 13:] = 1, 2
    assert join_halves(apart, 1.0, SETTINGS).max() == 2
    assert join_halves(apart, 0.5, SETTINGS).max() == 1


def test_halls_parted_at_coarse_pixels_are_not_joined_again():
    halls = np.zeros((24, 40), np.int32)
    halls[2:11, 4:36], halls[11:20, 4:36] = 1, 2  # they touch: the gap is narrower than a pixel
    assert join_halves(halls, 2.0, SETTINGS).max() == 1
    np.testing.assert_array_equal(join_halves(halls, 3.0, SETTINGS), halls)


@settings(deadline=None, max_examples=40)
@given(st.floats(1, 90), st.floats(1, 90), st.floats(0, 180), st.floats(-1e6, 1e6))
def test_rectangles_survive_their_polygons(one, two, azimuth, x):
    length, width = max(one, two), min(one, two)
    given_ = outlines.Rectangle(x, -x, length, width, azimuth)
    polygon = given_.polygon
    assert polygon.area == pytest.approx(length * width, rel=1e-6)
    fitted = outlines.fitted_rectangle(polygon, azimuth)
    assert fitted.length == pytest.approx(length, rel=1e-3)
    assert fitted.width == pytest.approx(width, rel=1e-3)
    around = outlines.minimum_rectangle(polygon)
    assert around.area == pytest.approx(length * width, rel=1e-3)
    assert outlines.overlap(polygon, fitted.polygon) > 0.999


def test_azimuths_are_averaged_around_the_circle():
    assert outlines.mean_azimuth([89.0, 1.0], [1.0, 1.0]) % 90 == pytest.approx(0, abs=1e-6) or (
        outlines.mean_azimuth([89.0, 1.0], [1.0, 1.0]) == pytest.approx(90, abs=1e-6)
    )
    assert outlines.turn_deg(178, 1) == pytest.approx(3)
    assert outlines.turn_deg(10, 100) == pytest.approx(0)
    assert outlines.pooled_azimuth([]) is None


def test_right_angles_only_where_there_are_corners():
    assert outlines.right_angled(Point(0, 0).buffer(0.4), 0.0, 1.0) is None
    step = Polygon([(0, 0), (20, 0), (20, 10), (10, 10), (10, 20), (0, 20)])
    square = outlines.right_angled(step, 0.0, 0.5)
    assert square is not None
    assert outlines.overlap(square, step) > 0.999
    plain = outlines.right_angled(box(0, 0, 9, 4), 0.0, 0.5)
    assert plain is not None
    assert outlines.overlap(plain, box(0, 0, 9, 4)) > 0.99


@pytest.mark.parametrize("azimuth", [0.0, 33.33, 179.97])
def test_directions_are_tenths_below_half_a_turn(azimuth):
    buildings, _ = found_in(hall(130, 130, 60, 20, azimuth))
    told = buildings[0].azimuth_deg
    assert told == round(told, 1)
    assert 0.0 <= told < 180.0
