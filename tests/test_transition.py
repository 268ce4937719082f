from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import COMPILED
from landshift.area import measure_area, sum_codes
from landshift.change_map import TOTALS
from landshift.kernels import region, smoothing
from landshift.kernels import transition as kernel
from landshift.landcover import Evidence, LandCover
from landshift.legend import Cover
from landshift.raster import Raster
from landshift.sensor import Sensor
from landshift.settings import AreaSettings, TransitionSettings
from landshift.transition import find_transitions, without_rims
from oracles import region as region_oracle
from oracles import smoothing as smoothing_oracle
from oracles import transition as oracle
from posteriors import (
    PRIOR,
    RGB,
    Aligned,
    evidence_of,
    kinds_of,
    land_cover,
    picture,
    rectangle,
    shifted,
    utm_grid,
)

FEW = 15 if COMPILED else 3
SETTINGS = TransitionSettings()
SMALL, HALFWAY = replace(SETTINGS, least_change_m2=1), replace(SETTINGS, change_threshold=0.5)
C, G, B, R, P, W, H, A = (int(cover) for cover in Cover)
shares = st.sampled_from([0.0, 1e-30, 1e-6, 0.5, 1.0]) | st.floats(0, 1, width=32)


@st.composite
def scenes(draw, most=5):
    """Random probabilities with many exact zeros and ones, and a mask of what is valid."""
    rows, cols = draw(st.integers(1, most)), draw(st.integers(1, most))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    peak = draw(st.sampled_from([0.05, 0.3, 3.0]))
    stacks = []
    for planes in (8, 8, 4):
        p = rng.dirichlet(np.full(planes, peak), (rows, cols))
        sure = rng.random((rows, cols)) < 0.3
        p[sure] = np.eye(planes)[rng.integers(0, planes, int(sure.sum()))]
        p[p < 1e-12] = 0.0  # below the room that a kernel still divides by
        stacks.append(np.ascontiguousarray(p.transpose(2, 0, 1), np.float32))
    valid = rng.random((rows, cols)) < 0.9
    return *(np.where(valid, stack, np.float32(0)) for stack in stacks), valid


@st.composite
def priors(draw):
    seed = draw(st.integers(0, 2**32 - 1))
    pairs = np.random.default_rng(seed).random((8, 8)).astype(np.float32)
    pairs[pairs < draw(st.sampled_from([0.0, 0.3]))] = 0.0
    return pairs + np.float32(0.01) * np.eye(8, dtype=np.float32)


@settings(deadline=None, max_examples=40)
@given(scenes(), st.floats(0.0625, 8, width=32), st.sampled_from([0.0, 0.5, 1.0, 4.0]))
def test_smoothing_equals_oracle(scene, step, pull):
    bands, given_planes, _, valid = scene
    scale = np.full(8, step, np.float32)
    right, down = np.ones(valid.shape, np.float32), np.ones(valid.shape, np.float32)
    smoothing.edge_weights(bands, valid, scale, right, down)
    wanted = smoothing_oracle.edge_weights(bands, valid, scale)
    np.testing.assert_allclose(right, wanted[0], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(down, wanted[1], rtol=1e-4, atol=1e-6)
    result = np.empty(valid.shape, np.float32)
    smoothing.diffuse_once(given_planes[0], given_planes[1], right, down, np.float32(pull), result)
    np.testing.assert_allclose(
        result, smoothing_oracle.diffuse_once(given_planes[0], given_planes[1], right, down, pull),
        rtol=1e-5, atol=1e-6,
    )  # fmt: skip


@settings(deadline=None, max_examples=40)
@given(scenes(), priors(), shares, shares)
def test_codes_and_their_rating_equal_oracle(scene, pairs, replaced, threshold):
    before, after, kinds, valid = scene
    codes, decided = np.empty(valid.shape, np.uint8), np.empty(valid.shape, np.uint8)
    kernel.decide_kinds(kinds, valid, np.float32(threshold), decided)
    kernel.name_codes(before, after, decided, pairs, np.float32(replaced), codes)
    table = oracle.outcomes(before, after, kinds, pairs, np.float32(replaced))
    for row, col in np.ndindex(*valid.shape):
        if not valid[row, col]:
            assert codes[row, col] == 0
            continue
        kind = oracle.decide_kind(kinds[:, row, col], np.float32(threshold))
        assert decided[row, col] == 1 + kind
        alone = np.eye(4, dtype=np.float32)[kind][:, None, None]
        at = np.s_[:, row : row + 1, col : col + 1]
        here = oracle.outcomes(before[at], after[at], alone, pairs, np.float32(replaced))[:, 0, 0]
        wanted = oracle.name_code(here, kind)
        if codes[row, col] != wanted:  # only ever a tie that rounding decides
            place = [64 if c == 133 else 8 * (c // 10 - 1) + c % 10 - 1
                     for c in (int(codes[row, col]), wanted)]  # fmt: skip
            assert here[place[0]] == pytest.approx(here[place[1]], rel=1e-4, abs=1e-7)
    probability, built = np.empty(valid.shape, np.float32), np.empty(valid.shape, np.float32)
    kernel.rate_codes(before, after, kinds, codes, pairs, np.float32(replaced), probability, built)
    for got, wanted in zip((probability, built), oracle.rate_codes(table, codes), strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-3, atol=1e-5)


@settings(deadline=None, max_examples=30)
@given(scenes(), priors(), shares, st.integers(1, 6))
def test_sums_equal_oracle(scene, pairs, replaced, cell_px):
    before, after, kinds, counted = scene
    rows, cols = counted.shape
    row_hectares = np.linspace(1.0, 1.1, rows)
    groups = np.random.default_rng(rows).random((3, 65)) < 0.3
    groups[:, [9 * i for i in range(8)]] = False
    cells = -(-rows // cell_px), -(-cols // cell_px)
    got = np.zeros((*cells, 65)), np.zeros(cells), np.zeros(65), np.zeros(3)
    kernel.sum_cells(
        before, after, kinds, counted, row_hectares, cell_px, groups, pairs, np.float32(replaced),
        *got,
    )  # fmt: skip
    table = oracle.outcomes(before, after, kinds, pairs, np.float32(replaced))
    wanted = oracle.sum_cells(table, kinds, counted, row_hectares, cell_px, groups)
    for one, other in zip(got, wanted, strict=True):
        # A probability of 1 less a rounding error has a spread of 3e-4.
        np.testing.assert_allclose(one, other, rtol=2e-3, atol=2e-3)
    alone = np.zeros(65)
    kernel.sum_outcomes(
        before, after, kinds, counted, row_hectares, pairs, np.float32(replaced), np.float32(0),
        alone,
    )  # fmt: skip
    changing = counted & (kinds[1:].sum(axis=0) > 0)
    wanted_sum = (table * np.where(changing, row_hectares[:, None], 0)).sum(axis=(1, 2))
    np.testing.assert_allclose(alone, wanted_sum, rtol=1e-4, atol=1e-5)


@settings(deadline=None, max_examples=60)
@given(
    st.integers(0, 2**32 - 1), st.integers(1, 9), st.integers(1, 9), st.integers(0, 30),
    st.integers(1, 4),
)  # fmt: skip
def test_sieve_equals_oracle(seed, rows, cols, most_px, passes):
    rng = np.random.default_rng(seed)
    codes = rng.choice(np.array([0, 11, 13, 31, 133], np.uint8), (rows, cols))
    least_px = rng.integers(0, most_px + 1, 256)
    got = codes.copy()
    region.sieve(got, least_px, passes)
    np.testing.assert_array_equal(got, region_oracle.sieve(codes, least_px, passes))
    labels, sizes = np.empty(codes.shape, np.int32), np.zeros(codes.size + 1, np.int64)
    count = region.label_regions(codes, labels, sizes, np.zeros(codes.size, np.int64))
    wanted = region_oracle.label_regions(codes)
    np.testing.assert_array_equal(labels, wanted)
    np.testing.assert_array_equal(sizes[1 : count + 1], np.bincount(wanted.ravel())[1:])


@settings(deadline=None, max_examples=30)
@given(scenes())
def test_quieten_moves_and_loses_nothing(scene):
    _, _, kinds, supported = scene
    quiet, faint = kinds.copy(), np.empty_like(kinds)
    kernel.quieten(quiet, supported, faint)
    assert not faint[:, supported].any()
    assert not quiet[1:, ~supported].any()
    np.testing.assert_array_equal(quiet[1:] + faint[1:], kinds[1:])
    np.testing.assert_allclose(quiet.sum(axis=0), kinds.sum(axis=0), atol=1e-6)


def transitions(
    before, after, evidence, inside=None, residual_m=0.0, pictures=(), settings=SETTINGS
):
    inside = np.ones(before.grid.shape, bool) if inside is None else inside
    return find_transitions(
        before, after, evidence, Aligned(residual_m), inside, pictures, settings
    )


def random_pair(seed, rows=12, cols=14, gsd_m=2.0):
    """Random blocks of cover on both dates, and all that was found of them."""
    rng = np.random.default_rng(seed)
    grid = utm_grid(rows, cols, gsd_m)
    blocks = rng.integers(1, 9, (2, -(-rows // 4), -(-cols // 4)))
    truth = blocks.repeat(4, axis=1).repeat(4, axis=2)[:, :rows, :cols]
    return (
        land_cover(truth[0], grid, rng), land_cover(truth[1], grid, rng),
        evidence_of(kinds_of(*truth), grid, rng),
        (picture(truth[0], grid, rng), picture(truth[1], grid, rng)),
    )  # fmt: skip


@settings(deadline=None, max_examples=FEW)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 2.0, 4.0]))
def test_swapping_the_pictures_mirrors_the_table(seed, residual_m):
    before, after, evidence, pictures = random_pair(seed)
    forth = transitions(before, after, evidence, None, residual_m, pictures)
    turned = Evidence(
        evidence.probability[[0, 2, 1, 3]].copy(), evidence.valid, evidence.grid,
        (PRIOR[0], PRIOR[2], PRIOR[1], PRIOR[3]),
    )  # fmt: skip
    back = transitions(after, before, turned, None, residual_m, pictures)
    codes = forth.codes.astype(int)
    differs = back.codes != 10 * (codes % 10) + codes // 10
    assert differs.mean() <= 0.02  # ties that rounding decides
    if not differs.any():
        np.testing.assert_allclose(
            back.expected_hectares, forth.expected_hectares.swapaxes(2, 3), rtol=1e-3, atol=1e-5
        )


@settings(deadline=None, max_examples=FEW)
@given(st.integers(0, 2**32 - 1), st.integers(0, 14))
def test_two_halves_add_up_and_growing_never_lowers(seed, split):
    before, after, evidence, pictures = random_pair(seed)
    left = np.zeros(before.grid.shape, bool)
    left[:, :split] = True
    whole, one, two = (
        transitions(before, after, evidence, inside, 0.0, pictures)
        for inside in (np.ones_like(left), left, ~left)
    )
    np.testing.assert_allclose(
        one.expected_hectares + two.expected_hectares, whole.expected_hectares, atol=1e-12
    )
    assert one.aoi_hectares + two.aoi_hectares == pytest.approx(whole.aoi_hectares)
    assert np.all(one.expected_hectares <= whole.expected_hectares + 1e-12)
    for area in (whole, one, two):
        table = area.expected_hectares.sum(axis=(2, 3))
        np.testing.assert_allclose(table, area.seen_hectares, rtol=1e-5, atol=1e-9)
    assert np.all(one.codes[~left] == 255)
    assert np.all(one.codes[left] == whole.codes[left])


@settings(deadline=None, max_examples=10)
@given(st.integers(0, 2**32 - 1))
def test_a_pair_with_itself_is_zero(seed):
    before, _, evidence, pictures = random_pair(seed)
    certain = np.zeros_like(evidence.probability)
    certain[0] = 1.0
    same = Evidence(certain, evidence.valid, evidence.grid, PRIOR)
    changes = transitions(before, before, same, pictures=pictures)
    table = changes.expected_hectares.sum(axis=(0, 1))
    assert table[~np.eye(8, dtype=bool)].sum() == 0.0
    assert changes.replaced_hectares.sum() == 0.0
    assert changes.faint_hectares.sum() == 0.0
    assert np.all(changes.codes % 10 == changes.codes // 10)
    assert not changes.new_building.any()


def test_nothing_seen_is_not_nothing_changed():
    before, after, evidence, pictures = random_pair(1)
    dark = np.zeros(before.grid.shape, bool)
    blind = LandCover(np.zeros_like(before.probability), dark, before.grid)
    changes = transitions(blind, after, evidence, pictures=pictures)
    assert not changes.codes.any()
    assert not changes.expected_hectares.any()
    assert not changes.seen_hectares.any()
    assert changes.aoi_hectares == pytest.approx(12 * 14 * 4e-4, rel=2e-3)


def codes_of(truth_before, truth_after, kinds, sure=0.9, settings=SMALL, residual_m=0.0):
    """Codes of a scene in which classes and evidence are found without noise."""
    rng = np.random.default_rng(0)
    grid = utm_grid(*np.shape(truth_before), 1.0)
    truths = truth_before, truth_after
    covers = [land_cover(truth, grid, rng, sure, 0.0) for truth in truths]
    pictures = [picture(truth, grid, rng, 0.0) for truth in truths]
    evidence = evidence_of(kinds, grid, rng, 0.93, 0.0)
    return transitions(*covers, evidence, None, residual_m, pictures, settings)


FLAT = np.full((16, 16), C)
PATCH = np.zeros((16, 16), bool)
PATCH[4:12, 5:13] = True


def put(value, base=FLAT):
    return np.where(PATCH, value, base)


def test_a_ploughed_field_is_still_a_field():
    changes = codes_of(put(C), put(R), np.zeros((16, 16), int))
    assert np.all(changes.codes == 11)
    assert sum_codes(changes.expected_hectares.sum(axis=(0, 1)), TOTALS["cleared_ground"]) == 0.0


def test_cleared_ground_is_a_stage_and_no_loss():
    changes = codes_of(put(C), put(R), np.where(PATCH, 3, 0))
    assert np.all(changes.codes[PATCH] == 14)
    assert np.all(changes.codes[~PATCH] == 11)
    _, totals = measure_area(changes, Aligned(), AreaSettings())
    assert totals["cleared_ground"].value > 0.75 * 64e-4
    assert totals["cropland_loss"].value < 0.1 * 64e-4


def test_film_off_a_frame_is_no_loss():
    # The classifier reads a bare frame as a greenhouse or, at worst, as cropland.
    for seen in (G, C):
        changes = codes_of(put(G), put(seen), np.zeros((16, 16), int))
        _, totals = measure_area(changes, Aligned(), AreaSettings())
        assert totals["greenhouse_loss"].value == 0.0


def test_a_new_hall_on_a_field():
    changes = codes_of(put(C), put(B), np.where(PATCH, 1, 0))
    assert np.all(changes.codes[PATCH] == 13)
    assert np.all(changes.new_building == PATCH)
    assert changes.new_building_probability[PATCH].min() > 0.5


def test_a_replaced_building_is_new_but_no_map_changes():
    changes = codes_of(put(B), put(B), np.where(PATCH, 1, 0), sure=0.98)
    assert np.all(changes.codes[PATCH] == 33)
    assert np.all(changes.replaced == PATCH)
    _, totals = measure_area(changes, Aligned(), AreaSettings())
    assert totals["new_building"].value > 0.7 * 64e-4
    assert totals["building_change"].value < 0.25 * 64e-4


def test_a_building_under_another_sun_stays():
    changes = codes_of(put(B), put(B), np.zeros((16, 16), int))
    assert np.all(changes.codes[PATCH] == 33)
    assert not changes.replaced.any()
    assert not changes.new_building.any()


def test_rims_of_misregistration_vanish_and_new_halls_keep_their_size():
    rng = np.random.default_rng(3)
    grid = utm_grid(40, 40, 1.0)
    before = np.full((40, 40), C)
    before[5:15, 5:30] = B
    after = shifted(before, 1, 1)
    apparent = kinds_of(before, after)
    after[24:34, 8:32] = B
    new = after == B
    new[:20] = False
    kinds = np.where(new, 1, apparent)
    changes = transitions(
        land_cover(before, grid, rng), land_cover(after, grid, rng), evidence_of(kinds, grid, rng),
        None, 1.0, settings=replace(HALFWAY, smoothing_sweeps=0),  # which would smear rims away
    )  # fmt: skip
    changed = changes.codes // 10 != changes.codes % 10
    assert not changed[:20].any()
    assert changes.new_building.sum() == pytest.approx(new.sum(), rel=0.03)


@pytest.mark.parametrize("reach_px", [0.0, 1.0, 2.0])
def test_evidence_without_rims_still_sums_to_one(reach_px):
    _, _, evidence, _ = random_pair(4)
    opened = without_rims(evidence.probability, reach_px)
    np.testing.assert_allclose(opened.sum(axis=0), 1.0, atol=1e-5)
    assert np.all(opened[1:] <= evidence.probability[1:] + 1e-7)
    if reach_px == 0.0:
        np.testing.assert_array_equal(opened, evidence.probability)


def test_another_prior_is_bayes_rule_and_never_touches_certainty():
    before, after, evidence, _ = random_pair(5)
    expected = replace(SETTINGS, kind_prior=PRIOR)
    rarely = replace(SETTINGS, kind_prior=(0.999, 0.0004, 0.0003, 0.0003))
    usual, same, rare = (
        transitions(before, after, evidence, settings=s).expected_hectares.sum(axis=(0, 1))
        for s in (SETTINGS, expected, rarely)
    )
    np.testing.assert_allclose(usual, same, rtol=1e-4, atol=1e-9)
    assert np.trace(rare) > np.trace(usual)
    assert rare.sum() == pytest.approx(usual.sum())


def test_regions_below_the_smallest_are_given_back():
    kinds = np.zeros((16, 16), int)
    after = FLAT.copy()
    after[3:6, 3:7] = B
    kinds[3:6, 3:7] = 1
    kept = codes_of(FLAT, after, kinds, settings=replace(SMALL, smoothing_sweeps=0))
    gone = codes_of(
        FLAT, after, kinds, settings=replace(SMALL, smoothing_sweeps=0, least_change_m2=13.0)
    )
    assert kept.new_building.sum() == 12
    assert not gone.new_building.any()
    assert np.all(gone.codes == 11)
    _, totals = measure_area(gone, Aligned(), AreaSettings())
    assert totals["new_building"].value == 0.0
    assert gone.faint_hectares.sum() > 0.0


@pytest.mark.jit
@pytest.mark.parametrize("side", [3, 2, 1])
def test_a_hall_on_a_patchwork_of_beds_is_one_region(side):
    """Pieces below the smallest region join each other, never the ground around the hall."""
    beds = np.where((np.arange(16)[:, None] // side + np.arange(16) // side) % 2, C, H)
    kinds = np.where(PATCH, 1, 0)
    unsmoothed = replace(SMALL, smoothing_sweeps=0, least_change_m2=25.0)
    changes = codes_of(beds, np.where(PATCH, B, beds), kinds, settings=unsmoothed)
    assert np.all(changes.new_building == PATCH)
    assert set(np.unique(changes.codes[PATCH]).tolist()) <= {13, 73}
    _, totals = measure_area(changes, Aligned(), AreaSettings())
    assert totals["new_building"].value == pytest.approx(0.93 * PATCH.sum() / 1e4, rel=0.1)


def test_faint_change_over_wide_fields_is_no_hectare():
    grid = utm_grid(300, 300, 1.0)
    rng = np.random.default_rng(5)
    truth = np.full(grid.shape, C)
    changes = transitions(
        land_cover(truth, grid, rng, noise=1.0),
        land_cover(truth, grid, rng, noise=1.0),
        evidence_of(np.zeros(grid.shape, int), grid, rng, 0.97, 1.0),
    )
    _, totals = measure_area(changes, Aligned(), AreaSettings())
    assert all(total.value == 0.0 for total in totals.values())
    assert totals["new_building"].high > 0.0


@pytest.mark.jit
def test_smoothing_respects_edges_of_both_dates():
    grid = utm_grid(120, 120, 0.5)
    rng = np.random.default_rng(6)
    hall = rectangle(grid, 60, 60, 40, 15, 30)
    before, after = np.full(grid.shape, C), np.where(hall, B, C)
    for first, second in ((before, after), (after, before)):
        kinds = kinds_of(first, second)
        changes = transitions(
            land_cover(first, grid, rng, 0.7, 1.0), land_cover(second, grid, rng, 0.7, 1.0),
            evidence_of(kinds, grid, rng, 0.8, 1.0), None, 0.0,
            (picture(first, grid, rng), picture(second, grid, rng)), HALFWAY,
        )  # fmt: skip
        changed = changes.codes // 10 != changes.codes % 10
        assert (changed & hall).sum() / (changed | hall).sum() > 0.95


def test_what_lies_on_different_grids_is_refused():
    before, after, evidence, _ = random_pair(1)
    other = LandCover(after.probability, after.valid, utm_grid(12, 14, 3.0))
    with pytest.raises(ValueError, match="different grids"):
        transitions(before, other, evidence)


def striped(grid, rng, bright, width=7, east=0.0):
    """A field of tunnels of ``width`` pixels with dark gaps between them, as a picture."""
    at = (np.arange(grid.shape[1]) + east) % width
    row = np.where(at < 2, 70.0, bright)
    bands = np.broadcast_to(row, (3, *grid.shape)) + 3.0 * rng.standard_normal((3, *grid.shape))
    valid = np.ones(grid.shape, bool)
    return Raster(bands.astype(np.float32), valid, grid, Sensor(RGB, grid.gsd_m), None)


def greenhouse_pair(after_class, after_picture, gsd_m=1.0, turned=False):
    """What is made of a block of greenhouses that both networks are sure has gone."""
    grid, rng = utm_grid(40, 42, gsd_m), np.random.default_rng(5)
    before, after = np.full(grid.shape, G), np.full(grid.shape, G)
    after[8:32, 8:34] = after_class
    pictures = [striped(grid, rng, 220.0), after_picture(grid, rng)]
    if turned:
        before, after, pictures = after, before, pictures[::-1]
    return transitions(
        land_cover(before, grid, rng), land_cover(after, grid, rng),
        evidence_of(kinds_of(before, after), grid, rng), pictures=tuple(pictures),
    )  # fmt: skip


def without_film(grid, rng):
    return striped(grid, rng, 40.0)  # darker than the gaps: every edge has turned about


def ploughed(grid, rng):
    return striped(grid, rng, 90.0, width=5, east=2.5)  # rows of the same direction


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("cover", [C, R, P])
def test_film_off_or_on_a_frame_that_stands_is_no_change(cover, turned):
    changes = greenhouse_pair(cover, without_film, turned=turned)
    assert np.all(changes.codes == 22)
    table = changes.expected_hectares.sum(axis=(0, 1))
    assert table[~np.eye(8, dtype=bool)].sum() == pytest.approx(0.0, abs=1e-4)


@pytest.mark.parametrize(
    ("cover", "picture_after", "gsd_m"),
    [(C, ploughed, 1.0), (B, without_film, 1.0), (C, without_film, 3.0)],
    ids=["other rows of one direction", "a building now", "too coarse to see a frame"],
)
def test_a_greenhouse_that_is_gone_is_lost(cover, picture_after, gsd_m):
    changes = greenhouse_pair(cover, picture_after, gsd_m)
    assert (changes.codes[8:32, 8:34] == 20 + cover).mean() > 0.9
