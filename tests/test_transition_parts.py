"""Limits inside the transition stage: reach, support, frames, cells, and noise of both orders."""

import tracemalloc
from dataclasses import fields, replace

import numpy as np
import pytest

from landshift import transition
from landshift.change_map import MIRRORED_TOTALS, TOTALS
from landshift.landcover import Evidence
from landshift.legend import Cover
from landshift.raster import Raster
from landshift.sensor import Sensor
from landshift.settings import TransitionSettings
from landshift.transition import (
    find_transitions,
    least_regions_px,
    residual_reach_px,
    smoothing_weights,
    total_outcomes,
    without_rims,
)
from posteriors import PRIOR, RGB, Aligned, evidence_of, kinds_of, land_cover, picture, utm_grid

SETTINGS = replace(TransitionSettings(), smoothing_sweeps=0)
C, G, B = (int(cover) for cover in (Cover.CROPLAND, Cover.GREENHOUSE, Cover.BUILDING))


def hall_pair(side=60, gsd_m=1.0, tail=0.05):
    """A hall on a field, and change of a building gained, too faint to see, all over the rest."""
    grid, rng = utm_grid(side, side, gsd_m), np.random.default_rng(1)
    before = np.full(grid.shape, C)
    after = before.copy()
    after[10:20, 10:20] = B
    kinds = np.zeros((4, *grid.shape), np.float32)
    kinds[1] = np.where(after == B, 0.95, tail)
    kinds[0] = 1 - kinds[1]
    covers = [land_cover(truth, grid, rng, 0.99, 0.0) for truth in (before, after)]
    return *covers, Evidence(kinds, np.ones(grid.shape, bool), grid, PRIOR)


def found_in(pair, settings=SETTINGS, inside=None, residual_m=0.0):
    inside = np.ones(pair[0].grid.shape, bool) if inside is None else inside
    return find_transitions(*pair, Aligned(residual_m), inside, (), settings)


def test_the_reach_of_a_residual_shift_is_none_or_a_pixel_at_least():
    given = replace(SETTINGS, shift_reach=1.5, most_shift_px=4.0)
    found = [
        residual_reach_px(Aligned(residual_m), gsd_m, given)
        for residual_m, gsd_m in (
            (0.33, 1.0), (0.34, 1.0), (0.6, 1.0), (1.2, 1.0), (1.2, 0.5), (9.0, 1.0),
            (float("nan"), 1.0),
        )
    ]  # fmt: skip
    assert found == pytest.approx([0.0, 1.0, 1.0, 1.8, 3.6, 4.0, 0.0])


def test_regions_are_as_large_as_pixels_and_ground_ask():
    given = replace(SETTINGS, least_side_px=3.0, least_change_m2=30.0)
    assert least_regions_px(0.5, given) == (9, 120)
    assert least_regions_px(10.0, given) == (9, 9)


def test_change_is_counted_near_a_region_and_faint_beyond():
    pair = hall_pair()
    changes = found_in(pair, replace(SETTINGS, support_px=3))
    pixel = changes.aoi_hectares / 3600
    built = changes.expected_hectares.sum(axis=(0, 1))[:, B - 1].sum()
    built -= changes.expected_hectares.sum(axis=(0, 1))[B - 1, B - 1]
    # A square of 10 px and the pixels up to 3 steps along rows and columns around it.
    near = 4 * (10 + 10 + 10) + 4 * (1 + 2)
    assert built == pytest.approx((100 * 0.95 + near * 0.05) * pixel, rel=0.01)
    assert changes.faint_hectares.sum() == pytest.approx(
        (3600 - 100 - near) * 0.05 * pixel, rel=0.01
    )
    assert changes.faint_hectares[C - 1, B - 1] > 0.99 * changes.faint_hectares.sum()
    half = np.zeros((60, 60), bool)
    half[:, 30:] = True
    beyond = found_in(pair, replace(SETTINGS, support_px=3), half)
    assert beyond.faint_hectares.sum() == pytest.approx(1800 * 0.05 * pixel, rel=0.01)
    assert beyond.new_building.sum() == 100  # drawn beyond the aoi as well
    assert not beyond.replaced.any()


def test_change_fainter_than_a_square_metre_in_a_hectare_is_not_even_faint():
    for tail, counts in ((0.9e-4, False), (1.1e-4, True)):
        assert bool(found_in(hall_pair(tail=tail)).faint_hectares.any()) == counts


def test_cells_are_as_wide_as_errors_go_together():
    fine, coarse = found_in(hall_pair(side=60)), found_in(hall_pair(side=60, gsd_m=10.0))
    assert (fine.cell_px, coarse.cell_px) == (round(SETTINGS.cell_m), SETTINGS.least_cell_px)
    assert fine.seen_hectares.shape == fine.expected_hectares.shape[:2] == (5, 5)
    assert coarse.seen_hectares.shape == (15, 15)


def test_the_noise_of_a_swapped_pair_is_that_of_the_mirrored_totals():
    before, after, evidence = hall_pair()
    turned = Evidence(evidence.probability[[0, 2, 1, 3]].copy(), evidence.valid, evidence.grid,
                      tuple(np.array(PRIOR)[[0, 2, 1, 3]]))  # fmt: skip
    forth, back = found_in((before, after, evidence)), found_in((after, before, turned))
    assert back.noise_hectares == pytest.approx(forth.noise_hectares.T, rel=1e-4, abs=1e-9)
    for name in TOTALS:
        assert back.total_noise_hectares[name] == pytest.approx(
            forth.mirrored_noise_hectares[name], rel=1e-4, abs=1e-9
        )
    new, gone = (forth.total_noise_hectares[name] for name in ("new_building", "removed_building"))
    assert new > 10 * gone


def test_neighbours_are_as_alike_as_in_the_picture_where_they_differ_most():
    grid = utm_grid(8, 8, 1.0)
    flat = np.tile(np.arange(8.0), (8, 1))  # the usual step to the right is 1, downward none
    edge = flat + np.where(np.arange(8) >= 4, 50.0, 0.0)
    valid = np.ones(grid.shape, bool)
    even, parted = (
        Raster(band[None].astype(np.float32), valid, grid, Sensor(("pan",), 1.0), None)
        for band in (flat, edge)
    )
    alone, both = (
        smoothing_weights(some, valid, SETTINGS)[0] for some in ((even,), (even, parted))
    )
    assert alone[:, 3] == pytest.approx(alone[:, 2])
    assert np.all(both[:, 3] < 0.01 * alone[:, 3])
    assert both[:, 2] == pytest.approx(alone[:, 2])
    unseen = valid.copy()
    unseen[:, 4:] = False
    assert not smoothing_weights((even,), unseen, SETTINGS)[0][:, 3:7].any()


def test_what_one_date_or_the_pair_does_not_show_is_not_valid():
    grid, rng = utm_grid(12, 12, 1.0), np.random.default_rng(3)
    truth = np.full(grid.shape, C)
    shown = [np.ones(grid.shape, bool) for _ in range(3)]
    for place, one in enumerate(shown):
        one[4 * place] = False
    changes = found_in((
        land_cover(truth, grid, rng, valid=shown[0]), land_cover(truth, grid, rng, valid=shown[1]),
        evidence_of(kinds_of(truth, truth), grid, rng, valid=shown[2]),
    ))  # fmt: skip
    np.testing.assert_array_equal(changes.codes == 0, ~(shown[0] & shown[1] & shown[2]))
    assert changes.seen_hectares.sum() == pytest.approx(changes.aoi_hectares * 9 / 12)


def test_totals_take_their_noise_from_their_own_pairs():
    groups = total_outcomes()
    wanted = [*TOTALS.items(), *MIRRORED_TOTALS.items()]
    assert len(groups) == len(wanted)
    for group, (name, codes) in zip(groups, wanted, strict=True):
        marked = {10 * (place // 8 + 1) + place % 8 + 1 for place in np.flatnonzero(group[:64])}
        assert marked == set(codes)
        assert group[64] == (name == "new_building")  # buildings that others replaced


def test_what_is_not_seen_says_nothing_of_how_alike_neighbours_are():
    rng = np.random.default_rng(4)
    bands = rng.normal(100, 10, (3, 12, 30)).astype(np.float32)
    valid = np.ones((12, 30), bool)
    valid[:, :20] = False  # two thirds of it, of one colour
    bands[:, :, :20] = 0
    whole = Raster(bands, valid, utm_grid(12, 30, 1.0), Sensor(RGB, 1.0), None)
    part = Raster(
        bands[:, :, 20:].copy(), valid[:, 20:].copy(), utm_grid(12, 10, 1.0), Sensor(RGB, 1.0), None
    )
    found = smoothing_weights((whole,), valid, SETTINGS)
    for one, other in zip(found, smoothing_weights((part,), part.valid, SETTINGS), strict=True):
        np.testing.assert_array_equal(one[:, 20:], other)
        assert not one[:, :20].any()


@pytest.mark.parametrize(("side", "filled"), [(2, True), (4, False)])
def test_unchanged_ground_inside_a_hall_need_not_be_as_large_as_a_change(side, filled):
    pair = hall_pair()
    kinds, hole = pair[2].probability.copy(), np.s_[13 : 13 + side, 13 : 13 + side]
    kinds[0][hole], kinds[1][hole] = 0.95, 0.05
    pair = *pair[:2], replace(pair[2], probability=kinds)
    changes = found_in(pair, replace(SETTINGS, least_side_px=3.0, least_change_m2=25.0))
    assert changes.new_building[hole].all() == filled
    assert changes.new_building.sum() == 100 - (not filled) * side**2


@pytest.mark.parametrize("reach_px", [1.0, 2.0, 3.0])
def test_rims_are_taken_away_by_a_disc(reach_px):
    row, col = np.mgrid[-12:13, -12:13]
    reach = int(reach_px)
    kept = [row**2 + col**2 <= reach_px**2, np.abs(row) <= reach, np.abs(col) <= reach]
    gone = [(row >= -reach) & (row < reach), (col >= -reach) & (col < reach)]
    for shapes, stays in ((kept, 1.0), (gone, 0.0)):
        for shape in shapes:
            evidence = np.zeros((4, 25, 25), np.float32)
            evidence[1], evidence[3] = 0.6 * shape, 0.2 * shape
            evidence[0] = 1 - 0.8 * shape
            found = without_rims(evidence, reach_px)
            np.testing.assert_allclose(found[1:], stays * evidence[1:], atol=1e-6)
            np.testing.assert_allclose(found.sum(axis=0), 1.0, atol=1e-6)


def test_a_hole_that_surely_stayed_and_was_given_to_a_hall_makes_it_no_likelier():
    pair = hall_pair()
    kinds, hole = pair[2].probability.copy(), np.s_[13:15, 13:15]
    kinds[0][hole], kinds[1][hole] = 1.0, 0.0
    changes = found_in((*pair[:2], replace(pair[2], probability=kinds)))
    assert np.all(changes.codes[hole] == 13)
    assert not changes.probability[hole].any()
    assert changes.probability[10, 10] > 0.9


def patchwork(side=240, gsd_m=0.5):
    """Fields and halls of 20 px on two dates, as the network would have found them."""
    rng, grid = np.random.default_rng(3), utm_grid(side, side + 17, gsd_m)
    covers = rng.integers(1, 9, (side // 20, side // 20 + 1)).repeat(20, 0).repeat(20, 1)
    before = covers[:, : side + 17]
    after = np.where(rng.random(before.shape) < 0.01, 3, before)
    after[30:60, 40:90] = 3
    kinds = ((after == 3) & (before != 3)).astype(int)
    return (
        land_cover(before, grid, rng), land_cover(after, grid, rng),
        evidence_of(kinds, grid, rng, 0.8, 0.5), Aligned(1.0), np.ones(before.shape, bool),
        (picture(before, grid, rng), picture(after, grid, rng)), TransitionSettings(),
    )  # fmt: skip


@pytest.mark.jit
@pytest.mark.parametrize("gsd_m", [0.5, 10.0])
def test_an_answer_found_some_rows_at_a_time_is_that_of_them_all(monkeypatch, gsd_m):
    given = patchwork(gsd_m=gsd_m)
    whole = find_transitions(*given)
    monkeypatch.setattr(transition, "_STRIP_PX", 30)
    parts = find_transitions(*given)
    for one in fields(whole):
        np.testing.assert_array_equal(getattr(parts, one.name), getattr(whole, one.name))
    assert len(np.unique(whole.codes)) > 8


@pytest.mark.jit
def test_an_answer_is_found_without_the_classes_of_all_rows_held_twice(monkeypatch):
    given = patchwork(480)
    monkeypatch.setattr(transition, "_STRIP_PX", 40)
    find_transitions(*patchwork(60))  # compiled
    tracemalloc.start()
    find_transitions(*given)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak / given[4].size < 80  # 62; with the classes of all rows 134
