from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from landshift.area import (
    Clues,
    Hectares,
    ends,
    floor_hectares,
    interval,
    measure_area,
    measure_balance,
    outline_metres,
    site_error,
    sum_codes,
)
from landshift.change_map import REPLACED_TOTALS, TOTALS
from landshift.legend import Cover, split_code, transition_code
from landshift.settings import AreaSettings, ClueWeights, TransitionSettings
from landshift.transition import find_transitions
from posteriors import (
    Aligned,
    change_map,
    evidence_of,
    kinds_of,
    land_cover,
    picture,
    rectangle,
    utm_grid,
)

SETTINGS = AreaSettings()
C, G, B, R, P, W, H, A = (int(cover) for cover in Cover)


def test_totals_add_up_what_they_say():
    assert set(TOTALS["cropland_loss"]) == {13, 15}
    assert set(TOTALS["greenhouse_loss"]) == {23, 25, 24}
    assert set(TOTALS["new_building"]) == {13, 23, 43, 53, 63, 73, 83}
    assert set(TOTALS["removed_building"]) == {31, 32, 34, 35, 36, 37, 38}
    assert set(TOTALS["building_change"]) == {
        *TOTALS["new_building"], *TOTALS["removed_building"],
    }  # fmt: skip
    assert set(TOTALS["cleared_ground"]) == {14, 24, 64, 74}
    assert set(TOTALS) >= REPLACED_TOTALS


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32 - 1))
def test_totals_and_transitions_agree(seed):
    rng = np.random.default_rng(seed)
    grid = utm_grid(9, 11, 20.0)
    codes = 10 * rng.integers(1, 9, grid.shape) + rng.integers(1, 9, grid.shape)
    codes[rng.random(grid.shape) < 0.2] = 0
    replaced = (codes == 33) & (rng.random(grid.shape) < 0.5)
    inside = rng.random(grid.shape) < 0.9
    changes = change_map(codes, grid, inside, replaced=replaced)
    everything = replace(SETTINGS, least_reported_hectares=1e-9)
    transitions, totals = measure_area(changes, Aligned(0.3), everything)
    # as summed: what is told is rounded to a square metre
    found = {(t.before, t.after): float(t.hectares.clues.value) for t in transitions}
    summed = {name: float(total.clues.value) for name, total in totals.items()}
    for name, members in TOTALS.items():
        value = sum(found.get(split_code(code), 0.0) for code in members)
        if name in REPLACED_TOTALS:
            value += found.get((Cover.BUILDING, Cover.BUILDING), 0.0)
        assert summed[name] == pytest.approx(value, abs=1e-9)
        assert totals[name].value == round(summed[name], 4)
    told = [t.hectares.value for t in transitions]
    assert told == sorted(told, reverse=True)
    assert summed["building_change"] == pytest.approx(
        summed["new_building"] + summed["removed_building"]
        - found.get((Cover.BUILDING, Cover.BUILDING), 0.0)
    )  # fmt: skip
    most = round(changes.aoi_hectares, 4)
    for hectares in (*totals.values(), *(t.hectares for t in transitions)):
        assert 0.0 <= hectares.low <= hectares.value <= hectares.high <= most
        assert hectares.dominant


@settings(deadline=None)
@given(st.floats(0, 1e3), st.floats(0, 1e3), st.floats(0, 10), st.sampled_from([0.0, 0.02, 1.0]))
def test_intervals_widen_with_the_spread(value, spread, more, floor):
    low, high = interval(value, spread, floor)
    assert 0.0 <= low <= value * (1 + 1e-9) + 1e-12
    assert high >= value * (1 - 1e-9) - 1e-12
    lower, higher = interval(value, spread + more, floor)
    assert lower <= low * (1 + 1e-9) + 1e-12
    assert higher >= high * (1 - 1e-9) - 1e-12


def test_an_interval_is_a_factor():
    low, high = interval(2.0, 0.5)
    assert low * high == pytest.approx(4.0)
    assert interval(0.0, 0.1) == (0.0, pytest.approx(0.1645, abs=1e-4))
    assert interval(1.0, 0.0) == (1.0, 1.0)


def test_a_floor_lets_small_sums_reach_zero_and_large_ones_stay_factors():
    assert interval(0.01, 0.02, 0.02)[0] == 0.0
    assert interval(0.01, 0.02)[0] > 0.0
    low, high = interval(100.0, 20.0, 0.02)
    assert low * high == pytest.approx(1e4, rel=1e-2)


def clues_of(**given) -> Clues:
    """A hall of 0.1 ha at 0.5 m in 4 ha, found without a doubt, and what is said otherwise."""
    plain = {
        "value": 0.1, "noise": 0.0, "faint": 0.0, "outline_m": 160.0, "unsure": 0.0,
        "doubt": 0.0, "doubtful": 0.0, "building": 1.0, "shift_m": 0.2, "gsd_m": 0.5, "seen": 4.0,
        "aoi": 4.0,
    }  # fmt: skip
    return Clues(**{name: np.array(number) for name, number in (plain | given).items()})


NO_CLUES = ClueWeights(0.0, 0.0, 0.0, 0.0, 0.0)
WEIGHTS = ClueWeights(unsure=1.0, doubt=2.0, faint=0.5, doubtful=0.3, size=-0.2)


@pytest.mark.parametrize("name", ["unsure", "doubt", "faint", "doubtful"])
def test_every_clue_widens_and_only_by_its_weight(name):
    weighed = replace(SETTINGS, clue_weights=WEIGHTS)
    alone = replace(weighed, clue_weights=replace(WEIGHTS, **{name: 0.0}))
    plain, doubt = clues_of(), clues_of(**{name: 0.4})
    assert site_error(doubt, weighed) > site_error(plain, weighed)
    assert site_error(doubt, alone) == site_error(plain, alone)
    least = weighed.site_error_range[0]
    sure = replace(weighed, site_error=((100.0, 1e-6, 1e-6, 0.5),))
    assert site_error(plain, sure) == least


def test_much_change_is_surer_than_little():
    weighed = replace(SETTINGS, clue_weights=WEIGHTS)
    assert site_error(clues_of(value=3.0), weighed) < site_error(clues_of(value=0.1), weighed)


def test_steps_of_pixel_size_and_kind_of_ground():
    stepped = replace(
        SETTINGS, site_error=((1.5, 0.2, 0.3, 0.5), (5.0, 0.4, 0.5, 0.5), (100.0, 0.6, 0.7, 0.5)),
        clue_weights=NO_CLUES,
    )  # fmt: skip
    found = [
        float(site_error(clues_of(gsd_m=gsd_m, building=building), stepped))
        for gsd_m in (0.5, 1.5, 1.6, 10.0, 200.0) for building in (1.0, 0.0)
    ]  # fmt: skip
    assert found == [0.2, 0.3, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.6, 0.7]
    east, west = (site_error(clues_of(gsd_m=side), stepped) for side in (1.4992, 1.5008))
    assert east == west == 0.2  # pixels of 1.5 m in UTM, wherever in their zone


def test_a_sum_of_roofs_and_yards_errs_less_than_yards_alone():
    stepped = replace(SETTINGS, site_error=((100.0, 0.3, 0.8, 0.5),), clue_weights=NO_CLUES)
    roofs, both, yards = (
        float(site_error(clues_of(building=share), stepped)) for share in (1.0, 0.5, 0.0)
    )
    assert both == pytest.approx(np.hypot(roofs, yards) / 2)
    grid = utm_grid(100, 100, 1.0)
    codes = np.full(grid.shape, 11)
    codes[:20], codes[20:30] = 13, 15
    clues = {
        name: float(total.clues.building)
        for name, total in measure_area(change_map(codes, grid), Aligned(0.2), SETTINGS)[1].items()
    }
    assert clues["cropland_loss"] == pytest.approx(2 / 3, abs=1e-3)
    assert (clues["new_building"], clues["removed_building"]) == (1.0, 1.0)  # nothing, all of it
    assert (clues["cleared_ground"], clues["greenhouse_loss"]) == (0.0, 0.0)


def test_many_sites_at_once_are_what_each_is_alone():
    several = {"value": [0.0, 0.1, 3.0], "faint": [0.1, 0.0, 0.2], "gsd_m": [0.5, 3.0, 10.0]}
    together = clues_of(**several)
    low, high, _ = ends(together, SETTINGS)
    for place in range(3):
        alone = ends(clues_of(**{name: v[place] for name, v in several.items()}), SETTINGS)
        assert (low[place], high[place]) == (float(alone[0]), float(alone[1]))


def test_upward_and_downward_spread_are_apart():
    wide = replace(SETTINGS, upper_share=(2.0, 2.0))
    one, other = ends(clues_of(), replace(SETTINGS, upper_share=(1.0, 1.0))), ends(clues_of(), wide)
    assert other[0] == one[0]
    assert other[1] > one[1]


@settings(deadline=None, max_examples=60)
@given(
    st.floats(0, 0.5), st.floats(0, 1), st.floats(0, 1), st.floats(0.5, 30.0)
)
def test_ends_hold_the_value_whatever_the_clues(value, unsure, doubt, gsd_m):
    clues = clues_of(value=value, unsure=unsure, doubt=doubt, gsd_m=gsd_m)
    low, high, _ = ends(clues, SETTINGS)
    assert 0.0 <= low <= value <= high <= 4.0


def test_an_interval_for_nothing_reaches_zero():
    """False change of half a parked lorry's cover (SETTINGS as shipped) is not told from none."""
    grid = utm_grid(100, 100, 0.5)
    codes = np.full(grid.shape, 11)
    assert hectares_of(change_map(codes, grid)).low == 0.0
    codes[50:54, 50:58] = 13  # 8 m²
    speck = hectares_of(change_map(codes, grid))
    assert speck.value == pytest.approx(8e-4, rel=0.01)
    assert speck.low == 0.0
    codes[10:90, 10:90] = 13
    assert hectares_of(change_map(codes, grid)).low > 0.05


def test_the_report_holds_what_makes_the_interval_anew():
    changes = hall_map(0.5)
    for total in measure_area(changes, Aligned(0.3, "doubtful"), SETTINGS)[1].values():
        told = {name: round(number, 6) for name, number in total.clues.as_dict().items()}
        low, high, _ = ends(clues_of(**told), SETTINGS)
        assert float(low) == pytest.approx(total.low, abs=1e-4)
        assert float(high) == pytest.approx(total.high, abs=1e-4)
    new = measure_area(changes, Aligned(0.3, "doubtful"), SETTINGS)[1]["new_building"].clues
    assert (float(new.doubtful), float(new.building), float(new.unsure)) == (1.0, 1.0, 0.0)


def test_gross_and_net_of_each_cover():
    grid = utm_grid(100, 100, 1.0)
    codes = np.full(grid.shape, 11)
    codes[:20], codes[20:50], codes[50:60], codes[60:] = 13, 14, 41, 44
    changes = change_map(codes, grid)
    found = {one.cover: one for one in measure_balance(changes, Aligned(0.2), SETTINGS)}
    unit = changes.aoi_hectares
    assert set(found) == {Cover.CROPLAND, Cover.BUILDING, Cover.BARE}
    wanted = {Cover.CROPLAND: (0.1, 0.5), Cover.BUILDING: (0.2, 0.0), Cover.BARE: (0.3, 0.1)}
    for cover, (gained, lost) in wanted.items():
        one = found[cover]
        assert one.gained.value == pytest.approx(gained * unit, rel=1e-3)
        assert one.lost.value == pytest.approx(lost * unit, rel=1e-3)
        assert one.net == pytest.approx((gained - lost) * unit, rel=1e-3)
        assert one.net_low <= one.net <= one.net_high
        # no surer than either, no less sure than both errors at their worst
        assert one.net_high - one.net >= one.gained.high - one.gained.value - 1e-12
        assert one.net_high <= one.gained.high - one.lost.low + 1e-12
    assert sum(one.net for one in found.values()) == pytest.approx(0.0, abs=1e-9)


def test_one_quantity_has_one_interval():
    codes = np.full((20, 20), 11)
    codes[:4], codes[4:6] = 13, 34
    changes = change_map(codes, utm_grid(20, 20, 3.0))
    names = {name: 0.001 * number for number, name in enumerate(TOTALS, 1)}
    noise = {"total_noise_hectares": names, "mirrored_noise_hectares": names}
    changes = replace(changes, noise_hectares=np.full((8, 8), 0.02), **noise)
    aligned = Aligned(0.2)
    found = {one.cover: one for one in measure_balance(changes, aligned, SETTINGS)}
    _, totals = measure_area(changes, aligned, SETTINGS)
    assert totals["removed_building"] == replace(
        found[Cover.BUILDING].lost, clues=totals["removed_building"].clues
    )
    assert found[Cover.BUILDING].gained.clues.noise == names["removed_building"]
    assert found[Cover.CROPLAND].lost.clues.noise == pytest.approx(0.02 * 7**0.5)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32 - 1), st.integers(1, 10))
def test_growing_the_aoi_never_lowers_a_total_and_halves_add_up(seed, split):
    rng = np.random.default_rng(seed)
    grid = utm_grid(9, 11, 20.0)
    codes = 10 * rng.integers(1, 9, grid.shape) + rng.integers(1, 9, grid.shape)
    codes[rng.random(grid.shape) < 0.2] = 0
    left = np.zeros(grid.shape, bool)
    left[:, :split] = True
    whole, west, east = (
        measure_area(change_map(codes, grid, inside), Aligned(0.3), SETTINGS)[1]
        for inside in (np.ones_like(left), left, ~left)
    )
    for name, total in whole.items():
        assert west[name].value <= total.value
        halves = west[name].clues.value + east[name].clues.value
        assert halves == pytest.approx(total.clues.value, abs=1e-9)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32 - 1))
def test_swapping_the_dates_swaps_the_totals_with_their_intervals(seed):
    rng = np.random.default_rng(seed)
    grid = utm_grid(9, 11, 20.0)
    before, after = rng.integers(1, 9, (2, *grid.shape))
    forth, back = (
        measure_area(change_map(codes, grid), Aligned(0.3), SETTINGS)
        for codes in (10 * before + after, 10 * after + before)
    )
    assert forth[1]["new_building"].value == pytest.approx(back[1]["removed_building"].value)
    for end in ("low", "high"):
        one = getattr(forth[1]["new_building"], end)
        assert one == pytest.approx(getattr(back[1]["removed_building"], end), rel=1e-6)
    mirrored = {(t.after, t.before): t.hectares for t in back[0]}
    assert len(mirrored) == len(forth[0])
    for one in forth[0]:
        assert mirrored[one.before, one.after].value == pytest.approx(one.hectares.value)
        for end in ("low", "high"):
            swapped = getattr(mirrored[one.before, one.after], end)
            assert swapped == pytest.approx(getattr(one.hectares, end), rel=1e-6)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32 - 1))
def test_no_end_of_a_pair_lies_above_that_of_a_total_it_belongs_to(seed):
    rng = np.random.default_rng(seed)
    grid = utm_grid(9, 11, 20.0)
    before, after = rng.choice([1, 2, 3, 4, 5], (2, *grid.shape), p=[0.6, 0.1, 0.1, 0.1, 0.1])
    pairs, totals = measure_area(change_map(10 * before + after, grid), Aligned(0.3), SETTINGS)
    wholes = [
        (one.hectares, totals[name])
        for one in pairs
        for name, codes in TOTALS.items()
        if transition_code(one.before, one.after) in codes
    ]
    assert wholes
    assert all(part.high <= whole.high for part, whole in wholes)
    assert all(part.low <= whole.low for part, whole in wholes)
    assert all(part.low <= part.value <= part.high for part, _ in wholes)


def hectares_of(changes, residual_m=0.0, total="new_building", **of_settings) -> Hectares:
    return measure_area(changes, Aligned(residual_m), replace(SETTINGS, **of_settings))[1][total]


QUIET = {
    "site_error": ((100.0, 0.0, 0.0, 0.5),),
    "site_error_range": (0.0, 3.0),
    "floor_hectares": 0.0,
    "floor_px": 0.0,
    "upper_share": (1.0, 1.0),
}


def hall_map(gsd_m=1.0, inside=None):
    grid = utm_grid(100, 100, gsd_m)
    codes = np.full(grid.shape, 11)
    codes[20:40, 30:90] = 13
    return change_map(codes, grid, inside)


def test_what_is_told_from_none_grows_as_the_root_of_what_was_looked_at():
    rows = np.arange(100)[:, None] < np.array([25])
    whole, quarter = hall_map(), hall_map(inside=np.broadcast_to(rows, (100, 100)).copy())
    only = QUIET | {"floor_hectares": 0.03}
    spreads = []
    for changes in (whole, quarter):
        clues = hectares_of(changes, total="greenhouse_loss", **only).clues
        spreads.append(float(floor_hectares(clues, replace(SETTINGS, **only))))
    assert spreads == pytest.approx([0.03, 0.015], rel=1e-3)


def test_a_residual_shift_widens_by_the_outline():
    changes = hall_map()
    still = hectares_of(changes, 0.0, **QUIET)
    moved = hectares_of(changes, 2.0, **QUIET)
    assert still.dominant == "mixed pixels along outlines"
    assert moved.dominant == "residual shift along outlines"
    # 160 m of outline, but a pixel outline is taken times pi / 4; |d| P / pi of one sigma.
    sliver = 2.0 * 160 * np.pi / 4 / np.pi / 1e4
    low, high = interval(moved.value, sliver)
    assert moved.low == pytest.approx(low, rel=0.01)
    assert moved.high == pytest.approx(high, rel=0.01)
    assert hectares_of(changes, float("nan"), **QUIET).high == still.high


def test_the_length_of_outlines_is_right_over_directions():
    grid = utm_grid(300, 300, 0.5)
    lengths = [
        outline_metres(rectangle(grid, 150.3, 149.6, 60, 20, azimuth), 0.5)
        for azimuth in np.arange(0.0, 90.0, 7.5)
    ]
    assert np.mean(lengths) == pytest.approx(160, rel=0.02)


def test_what_was_not_seen_only_raises_the_upper_end():
    seen = hectares_of(hall_map())
    blind = hall_map()
    codes = blind.codes.copy()
    codes[60:] = 0
    partly = hectares_of(change_map(codes, blind.grid))
    assert partly.value == seen.value
    assert partly.low == pytest.approx(seen.low)
    assert partly.high > seen.high + 0.01
    nothing = hectares_of(change_map(np.zeros_like(codes), blind.grid))
    assert nothing.value == nothing.low == 0.0
    assert nothing.high == pytest.approx(1.0, rel=1e-2)
    assert nothing.dominant == "part of the site that was not seen"


def test_faint_change_only_raises_the_upper_end():
    changes = hall_map()
    faint = np.zeros((8, 8))
    faint[C - 1, B - 1] = 0.2
    tinged = replace(changes, faint_hectares=faint)
    half = {"site_error": ((100.0, 0.3, 0.3, 0.5),), "clue_weights": NO_CLUES}
    plain, more = hectares_of(changes, **half), hectares_of(tinged, **half)
    assert more.value == plain.value
    assert more.low == plain.low
    assert more.high == pytest.approx(plain.high + 0.1)
    assert hectares_of(tinged, total="removed_building").value == 0.0


def test_coarser_pictures_are_less_certain():
    widths = []
    for gsd_m in (1.0, 3.0, 10.0):
        found = hectares_of(hall_map(gsd_m), floor_px=0.0, clue_weights=NO_CLUES)
        widths.append((found.high - found.low) / found.value)
    assert widths[0] < min(widths[1:])


def test_true_hectares_lie_inside_for_errors_of_the_stated_size():
    rng = np.random.default_rng(7)
    truth = rng.lognormal(0.0, 1.0, 4000)
    for share in (0.1, 0.35):
        sigma = np.sqrt(np.log1p(share**2))
        found = truth * np.exp(sigma * rng.standard_normal(truth.size))
        ends = np.array([interval(value, share * value) for value in found])
        held = np.mean((ends[:, 0] <= truth) & (truth <= ends[:, 1]))
        assert 0.88 <= held <= 0.92


@pytest.mark.jit
def test_pixel_noise_keeps_its_promise():
    """Probabilities that are right on average, wrong together over about 12 m, hold the truth."""
    grid = utm_grid(120, 120, 1.0)
    rng = np.random.default_rng(11)
    held, widths, errors = [], [], []
    fields, valid = np.full(grid.shape, C), np.ones(grid.shape, bool)
    cover = land_cover(fields, grid, rng, 0.999, 0.0)
    built = land_cover(np.full(grid.shape, B), grid, rng, 0.999, 0.0)
    nothing = evidence_of(kinds_of(fields, fields), grid, rng)
    for _ in range(30):
        # A latent field: what is seen of it leaves a doubt, what is not seen decides the truth.
        known = ndimage.gaussian_filter(rng.standard_normal(grid.shape), 12.0)
        unknown = ndimage.gaussian_filter(rng.standard_normal(grid.shape), 4.0)
        known, unknown = known / known.std(), unknown / unknown.std()
        p = np.clip(0.5 + 0.75 * (known - 0.8), 0.0, 1.0)
        ranks = (np.argsort(np.argsort(unknown.ravel())) + 0.5) / unknown.size
        truth = ranks.reshape(grid.shape) < p
        stack = np.zeros_like(nothing.probability)
        stack[0], stack[1] = 1 - p, p
        evidence = replace(nothing, probability=stack)
        changes = find_transitions(
            cover, built, evidence, Aligned(), valid, (),
            replace(TransitionSettings(), smoothing_sweeps=0, support_px=40),
        )  # fmt: skip
        found = hectares_of(changes, **QUIET)
        wanted = truth.sum() / 1e4
        held.append(found.low <= wanted <= found.high)
        widths.append((found.high - found.low) / found.value)
        errors.append(found.value / wanted - 1)
    assert abs(np.median(errors)) < 0.1
    assert np.mean(held) >= 0.85
    assert np.median(widths) < 0.5


@pytest.mark.jit
def test_hectares_of_a_simple_site_are_right():
    grid = utm_grid(240, 240, 0.5)
    rng = np.random.default_rng(3)
    before = np.full(grid.shape, C)
    before[:, :60] = G
    after = before.copy()
    for row in (60, 110, 160):
        after[rectangle(grid, row, 140, 50, 16, 85)] = B
    after[rectangle(grid, 120, 30, 50, 10, 0)] = R
    changes = find_transitions(
        land_cover(before, grid, rng), land_cover(after, grid, rng),
        evidence_of(kinds_of(before, after), grid, rng), Aligned(0.2),
        np.ones(grid.shape, bool), (picture(before, grid, rng), picture(after, grid, rng)),
        TransitionSettings(),
    )  # fmt: skip
    transitions, totals = measure_area(changes, Aligned(0.2), SETTINGS)
    for name, mask in (
        ("cropland_loss", (before == C) & (after == B)),
        ("greenhouse_loss", (before == G) & (after == R)),
        ("cleared_ground", (before == G) & (after == R)),
        ("new_building", (before != B) & (after == B)),
    ):
        truth = mask.sum() * 0.25e-4
        assert totals[name].value == pytest.approx(truth, rel=0.15)
        assert totals[name].low <= truth <= totals[name].high
    assert (transitions[0].before, transitions[0].after) == (Cover.CROPLAND, Cover.BUILDING)
    assert sum_codes(np.ones((8, 8)), (13, 15)) == 2.0
