"""Which pairs are listed, whose noise they carry, and how far off a balance is."""

from dataclasses import replace

import numpy as np
import pytest

from landshift.area import Clues, ends, floor_hectares, interval, measure_area, measure_balance
from landshift.legend import Cover, transition_code
from landshift.settings import AreaSettings
from posteriors import Aligned, change_map, utm_grid

SETTINGS = AreaSettings()


def map_of(*rows_of_codes, replaced_rows=0):
    """100 x 100 pixels of 1 m, cropland but for so many rows of each code from the top."""
    grid = utm_grid(100, 100, 1.0)
    codes, replaced = np.full(grid.shape, 11), np.zeros(grid.shape, bool)
    first = 0
    for code, rows in rows_of_codes:
        codes[first : first + rows] = code
        first += rows
    codes[first : first + replaced_rows] = 33
    replaced[first : first + replaced_rows] = True
    return change_map(codes, grid, replaced=replaced)


def test_every_pair_carries_the_pixel_noise_of_its_own():
    noise = np.arange(64.0).reshape(8, 8) / 1e5
    changes = replace(
        map_of((13, 20), (34, 10), replaced_rows=10),
        noise_hectares=noise, replaced_noise_hectares=0.01,
    )  # fmt: skip
    pairs, _ = measure_area(changes, Aligned(0.2), SETTINGS)
    found = {transition_code(one.before, one.after): one.hectares.clues.noise for one in pairs}
    assert found == {13: noise[0, 2], 34: noise[2, 3], 33: 0.01}


def test_only_what_is_of_note_and_changed_is_listed():
    changes = map_of((13, 20), (34, 1), (44, 10))  # 0.2 ha, 0.01 ha, bare ground that stayed
    for least, listed in ((0.011, [13]), (0.009, [13, 34])):
        settings = replace(SETTINGS, least_reported_hectares=least)
        pairs, totals = measure_area(changes, Aligned(0.2), settings)
        assert [transition_code(one.before, one.after) for one in pairs] == listed
        assert totals["removed_building"].value == pytest.approx(0.01, rel=1e-2)


def test_replaced_buildings_are_bounded_by_new_building_alone():
    pairs, totals = measure_area(map_of(replaced_rows=20), Aligned(0.2), SETTINGS)
    (only,) = pairs
    assert (only.before, only.after) == (Cover.BUILDING, Cover.BUILDING)
    new = totals["new_building"]
    assert (only.hectares.low, only.hectares.high) == pytest.approx((new.low, new.high))
    assert only.hectares.low > 0.05


def test_errors_of_gained_and_lost_go_into_the_net_in_quadrature():
    changes = map_of((13, 10), (41, 20), (51, 30))
    balances = measure_balance(changes, Aligned(0.2), SETTINGS)
    (crops,) = (one for one in balances if one.cover is Cover.CROPLAND)
    gained, lost = crops.gained, crops.lost
    assert gained.value > 4 * lost.value > 0.3
    down = np.hypot(gained.value - gained.low, lost.high - lost.value)
    up = np.hypot(gained.high - gained.value, lost.value - lost.low)
    assert crops.net_low == pytest.approx(gained.value - lost.value - down)
    assert crops.net_high == pytest.approx(gained.value - lost.value + up)
    covers = {one.cover for one in balances}
    assert covers == {Cover.CROPLAND, Cover.BUILDING, Cover.BARE, Cover.PAVED}
    none = replace(SETTINGS, least_reported_hectares=0.7)
    assert measure_balance(changes, Aligned(0.2), none) == ()


def test_doubt_is_that_of_the_pixels_that_say_so_and_of_all_that_was_seen():
    changes = map_of((13, 20), (0, 10), replaced_rows=20)
    codes, probability = changes.codes.copy(), np.ones((100, 100), np.float32)
    probability[:20], probability[20:30], probability[30:50] = 0.75, 0.0, 0.5
    codes[90:], probability[90:] = 255, 0.0
    changes = replace(changes, codes=codes, probability=probability)
    _, totals = measure_area(changes, Aligned(), SETTINGS)
    new, lost = totals["new_building"].clues, totals["cropland_loss"].clues
    assert float(new.unsure) == pytest.approx((20 * 0.25 + 20 * 0.5) / 40)
    assert float(lost.unsure) == pytest.approx(0.25)
    assert float(totals["greenhouse_loss"].clues.unsure) == 0.0
    for total in totals.values():
        assert float(total.clues.doubt) == pytest.approx((20 * 0.25 + 20 * 0.5) / 80)
    side_m = 100 * np.pi / 4  # of each line across the picture
    assert float(lost.outline_m) == pytest.approx(side_m, rel=2e-3)
    assert float(new.outline_m) == pytest.approx(3 * side_m, rel=2e-3)


def clues_of(**given):
    """Clues of no error at all at half a metre, and what is said otherwise."""
    plain = dict.fromkeys(Clues.__dataclass_fields__, 0.0) | {"building": 1.0, "gsd_m": 0.5}
    return Clues(**{name: np.array(number) for name, number in (plain | given).items()})


@pytest.mark.parametrize(
    ("given", "floor"),
    [({"aoi": 4.0, "seen": 1.0, "gsd_m": 0.5}, 0.06),  # the root of the aoi, seen or not
     ({"aoi": 4.0, "seen": 1.0, "gsd_m": 20.0}, 0.2),  # five pixels
     ({"aoi": 4.0, "seen": 0.01, "gsd_m": 20.0}, 0.01)],  # no more than was looked at
)  # fmt: skip
def test_the_least_that_is_told_from_none(given, floor):
    settings = replace(SETTINGS, floor_hectares=0.03, floor_px=5.0)
    assert float(floor_hectares(clues_of(**given), settings)) == pytest.approx(floor)


@pytest.mark.parametrize("value", [0.1, 2.9])
def test_the_unseen_may_hold_as_much_of_itself_as_the_seen(value):
    still = replace(SETTINGS, floor_hectares=0.0, floor_px=0.0)
    whole, partly = (ends(clues_of(value=value, seen=3.0, aoi=aoi), still) for aoi in (3.0, 4.0))
    prior = still.unseen_prior_hectares
    may_hold = 1.0 * (whole[1] + prior) / (3.0 + prior)
    assert float(partly[2].unseen) == pytest.approx(float(may_hold))
    assert float(partly[1] - whole[1]) == pytest.approx(float(may_hold))
    assert (float(whole[2].unseen), partly[0]) == (0.0, whole[0])
    assert (whole[1] == 3.0) == (value == 2.9)


def test_an_interval_is_a_factor_of_value_and_floor_together():
    low, high = interval(1.0, 0.2, 0.5)
    assert (low + 0.5) * (high + 0.5) == pytest.approx(1.5**2)
    factor = np.exp(1.644854 * np.sqrt(np.log1p((0.2 / 1.5) ** 2)))
    assert high + 0.5 == pytest.approx(1.5 * factor, rel=1e-6)


def test_terms_along_outlines():
    clues = clues_of(outline_m=300.0, gsd_m=3.0, shift_m=2.0, seen=9.0, aoi=9.0)
    _, _, terms = ends(clues, SETTINGS)
    # along 100 sides of pixels each errs by itself, evenly over a pixel: deviation 1 / sqrt(12)
    assert float(terms.mixed) == pytest.approx(3.0 * 3.0 * np.sqrt(100 / 12) / 1e4)
    assert float(terms.edge) == pytest.approx(2.0 * 300 / np.pi / 1e4)
