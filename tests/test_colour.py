"""What colours say of a picture: none, next to none, or bands in another order."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from landshift.colour import (
    agreeing_order,
    infrared_apart,
    is_grey,
    saturation,
    shadowed_shares,
    snow_share,
)
from landshift.fitness import judge_fitness
from landshift.raster import Raster
from landshift.sensor import FAMILY_BANDS, Sensor
from landshift.settings import FitnessSettings
from landshift.simulation import build_site, picture_site, simulate_pair
from posteriors import Aligned, utm_grid

RGB = ("red", "green", "blue")
SHAPE = (120, 140)
EVERYWHERE = np.ones(SHAPE, bool)


def picture(seed=0, noise=3.0, roles=RGB):
    """Patches of brown, green and grey, each day with noise of its own."""
    rng = np.random.default_rng(0)
    patch = ndimage.gaussian_filter(rng.standard_normal(SHAPE), 6)
    kinds = np.digitize(patch, np.quantile(patch, [0.4, 0.7]))
    colours = np.array([[120, 95, 70], [60, 95, 50], [140, 140, 150]], float)
    bands = np.moveaxis(colours[kinds], 2, 0)
    bands = bands + np.random.default_rng(seed + 1).normal(0, noise, bands.shape)
    return Raster(bands.astype(np.float32), EVERYWHERE.copy(), utm_grid(*SHAPE, 0.5),
                  Sensor(roles, 0.5), None)  # fmt: skip


def grey(one):
    same = np.repeat(one.bands.mean(axis=0, keepdims=True), 3, axis=0)
    return replace(one, bands=same)


def judged(before, after, **settings):
    limits = replace(FitnessSettings(), **settings)
    return judge_fitness(before, after, Aligned(0.1), EVERYWHERE, limits)


@pytest.mark.parametrize("when", ["before", "after"])
def test_one_band_written_three_times_is_refused(when):
    pair = {"before": picture(1), "after": picture(2)}
    assert not judged(**pair).reasons
    pair[when] = grey(pair[when])
    found = judged(**pair)
    assert found.verdict == "refuse"
    assert found.reasons[0].startswith(f"the {when} picture is grey")


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_mosaic_that_is_grey_all_over_the_site_is_refused_and_a_grey_yard_is_not(when):
    pair = {"before": picture(1), "after": picture(2)}
    for side, verdict in ((85, "refuse"), (70, "ok")):  # 7225 and 4900 pixels
        site = np.zeros(SHAPE, bool)
        site[20 : 20 + side, 20 : 20 + side] = True
        bands = np.where(site, grey(pair[when]).bands, pair[when].bands)
        given = pair | {when: replace(pair[when], bands=bands)}
        found = judge_fitness(**given, alignment=Aligned(0.1), inside=site,
                              settings=FitnessSettings())  # fmt: skip
        assert found.verdict == verdict
        said = f"the {when} picture is grey all over the site" in " ".join(found.reasons)
        assert said == (verdict == "refuse")


def test_only_what_is_seen_has_to_have_colours():
    margin = np.zeros(SHAPE, bool)
    margin[:10] = True
    one = grey(picture())
    one = replace(one, bands=np.where(margin & [[[True]], [[False]], [[False]]], 200, one.bands))
    assert not is_grey(one)
    assert is_grey(replace(one, valid=~margin))
    assert not is_grey(replace(one, valid=margin & False))
    assert not is_grey(replace(grey(picture()), sensor=Sensor(("red", "nir", "blue"), 0.5)))


def test_next_to_no_colour_is_a_caution():
    pale = picture(2)
    mean = pale.bands.mean(axis=0, keepdims=True)
    pale = replace(pale, bands=mean + np.float32(0.06) * (pale.bands - mean))
    found = judged(picture(1), pale)
    assert found.verdict == "caution"
    (told,) = found.reasons
    assert "the after picture has next to no colour" in told
    assert saturation(pale) < 0.05 < saturation(picture(1))


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_bands_in_another_order_are_told_with_their_names(order):
    """``order[k]`` is which colour stands in the band called ``RGB[k]``."""
    before, good = picture(1), picture(2)
    after = replace(good, bands=good.bands[list(order)])
    called, gain = agreeing_order(before, after, EVERYWHERE, 255.0, 255.0)
    assert called == tuple(RGB[k] for k in order)
    found = judged(before, after)
    if order == (0, 1, 2):
        assert gain == 0.0
        assert found.verdict == "ok"
    else:
        assert gain > 0.3
        assert f"such as {', '.join(called)}" in " ".join(found.reasons)
        assert ("fields bare on one date" in " ".join(found.reasons)) == (order == (1, 0, 2))
        # and of the before picture, where that is the wrong one
        (told,) = judged(after, before).reasons
        names = told.split("such as ")[1].split("; --bands")[0].split(" after, or ")
        assert names[-1].removesuffix(" before") == ", ".join(called)


@pytest.mark.parametrize("seed", [25, 39])
@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_pictures_that_change_places_agree_as_well_in_the_mirrored_order(order, seed):
    pair = simulate_pair("rgbn", 81_000_000 + seed, (160, 160), 3.0)
    grid, seen = utm_grid(160, 160, 3.0), np.ones((160, 160), bool)
    before, after = (
        Raster((values[:3] * 255).astype(np.float32), seen.copy(), grid, Sensor(RGB, 3.0), None)
        for values in (pair.before, pair.after)
    )
    after = replace(after, bands=after.bands[list(order)])
    called, gain = agreeing_order(before, after, seen, 255.0, 255.0)
    mirrored, back = agreeing_order(after, before, seen, 255.0, 255.0)
    assert gain == pytest.approx(back, abs=1e-6)
    assert [called[RGB.index(name)] for name in mirrored] == list(RGB)


@given(st.floats(0.2, 4.0), st.floats(0.0, 30.0))
def test_light_and_haze_of_a_day_change_no_order(gain, haze):
    later = picture(2)
    later = replace(later, bands=later.bands * np.float32(gain) + np.float32(haze))
    _, more = agreeing_order(picture(1), later, EVERYWHERE, 255.0, 255.0 * gain)
    assert more == 0.0


@pytest.mark.parametrize("dark", [-0.016, -0.02])
def test_water_below_no_reflectance_drowns_no_colours(dark):
    """Corrected for too much air, as water often is: three bands and the allowance make nothing."""
    shares = []
    for seed in (1, 2):
        bands = picture(seed).bands / np.float32(640)
        bands[:, :24] = dark + np.random.default_rng(seed).normal(0, 1e-3, (3, 24, SHAPE[1]))
        shares.append(replace(picture(seed), bands=bands, sensor=Sensor(RGB, 0.5, scale=1e-4)))
    before, after = shares
    after = replace(after, bands=after.bands[::-1])
    called, gain = agreeing_order(before, after, EVERYWHERE, 0.4, 0.4)
    assert called == RGB[::-1]
    assert gain > 0.3


def test_of_too_little_or_without_colours_nothing_is_said():
    few = np.zeros(SHAPE, bool)
    few[:40, :40] = True
    swapped = replace(picture(2), bands=picture(2).bands[::-1])
    assert agreeing_order(picture(1), swapped, few, 255.0, 255.0) == (RGB, 0.0)
    infrared = picture(2, roles=("red", "nir", "blue"))
    assert agreeing_order(picture(1), infrared, EVERYWHERE, 255.0, 255.0) == (RGB, 0.0)
    assert saturation(infrared) is None
    assert saturation(replace(picture(), valid=few & False)) is None
    flat = replace(picture(), bands=np.full((3, *SHAPE), 90, np.float32))
    assert agreeing_order(flat, flat, EVERYWHERE, 255.0, 255.0) == (RGB, 0.0)
    noise = replace(picture(), bands=np.random.default_rng(5).uniform(
        0, 255, (3, *SHAPE)).astype(np.float32))  # fmt: skip
    assert agreeing_order(picture(1), noise, EVERYWHERE, 255.0, 255.0) == (RGB, 0.0)


def test_a_simulated_site_keeps_its_colours_and_loses_them_with_its_bands():
    rasters = []
    for one in picture_site(build_site("songchon", 102)):
        values = (one.values * 255).astype(np.float32)
        grid = utm_grid(*values.shape[1:], one.gsd_m)
        rasters.append(Raster(values, np.ones(values.shape[1:], bool), grid,
                              Sensor(RGB, one.gsd_m), None))  # fmt: skip
    before, after = rasters
    assert agreeing_order(before, after, before.valid, 255.0, 255.0)[1] < 0.1
    turned = replace(after, bands=after.bands[[1, 2, 0]])
    assert agreeing_order(before, turned, before.valid, 255.0, 255.0)[1] > 0.3


TEN = FAMILY_BANDS["multispectral"]


@pytest.fixture(scope="module")
def ten():
    """Two dates of ten bands, 10 m, of which nothing but the season differs."""
    pair = simulate_pair("multispectral", 96000001, (120, 140), 10.0, unchanged=True)
    return [in_reflectance(values) for values in (pair.before, pair.after)]


def in_reflectance(values, roles=TEN, gsd_m=10.0):
    shape = values.shape[1:]
    return Raster(np.asarray(values, np.float32), np.ones(shape, bool), utm_grid(*shape, gsd_m),
                  Sensor(roles, gsd_m, scale=1e-4), None)  # fmt: skip


def told_of(before, after, word):
    inside = np.zeros(before.grid.shape, bool)
    inside[30:-30, 30:-30] = True
    found = judge_fitness(before, after, Aligned(0.1), inside, FitnessSettings())
    return found.verdict, [one for one in found.reasons if word in one]


def snowed(one, share):
    """Snow on a part of the ground, as bright as it is in each band."""
    patches = ndimage.gaussian_filter(np.random.default_rng(3).standard_normal(one.grid.shape), 2)
    white = np.array([dict(zip(TEN, _SNOW, strict=True))[role] for role in one.sensor.bands])
    where = patches < np.quantile(patches, share)
    return replace(one, bands=np.where(where, white[:, None, None], one.bands).astype(np.float32))


_SNOW = (0.78, 0.8, 0.8, 0.795, 0.78, 0.76, 0.745, 0.72, 0.13, 0.09)


@pytest.mark.parametrize(("share", "verdict"), [(0.0, ""), (0.1, "caution"), (0.5, "refuse")])
def test_snow_is_told_by_its_spectrum_where_short_waves_are_seen(ten, share, verdict):
    before, after = ten
    assert snow_share(before, before.valid) < 0.005
    for pair, when in (((snowed(before, share), after), "before"),
                       ((before, snowed(after, share)), "after")):  # fmt: skip
        found, told = told_of(*pair, "snow lies on")
        assert bool(told) == (share > 0)
        if told:
            assert f"in the {when} picture" in told[0]
            assert found == verdict or found == "refuse"
    assert snow_share(snowed(before, 0.5), before.valid) == pytest.approx(0.5, abs=0.02)


def test_water_and_shadow_are_no_snow_and_units_need_not_be_known(ten):
    dark = replace(ten[0], bands=ten[0].bands * 0 + np.array(_SNOW, np.float32)[:, None, None] / 9)
    assert snow_share(dark, dark.valid) == 0.0
    plain = replace(snowed(ten[0], 0.5), sensor=Sensor(TEN, 10.0))
    counts = replace(plain, bands=np.round(plain.bands * 10_000))
    for unknown in (plain, counts):
        assert snow_share(unknown, unknown.valid) == pytest.approx(0.5, abs=0.02)
    assert snow_share(picture(), EVERYWHERE) is None
    assert snow_share(ten[0], ten[0].valid & False) is None


@pytest.mark.parametrize("colour", RGB)
def test_near_infrared_that_stands_elsewhere_is_told(ten, colour):
    order = list(range(len(TEN)))
    one, other = TEN.index("nir"), TEN.index(colour)
    order[one], order[other] = other, one
    for when, right in (("before", ten[0]), ("after", ten[1])):
        assert infrared_apart(right) > 0.0
        wrong = replace(right, bands=right.bands[order])
        assert infrared_apart(wrong) < -0.05
        pair = [wrong, ten[1]] if when == "before" else [ten[0], wrong]
        assert f"infrared of the {when} picture" in told_of(*pair, "infrared")[1][0]
    assert not told_of(*ten, "infrared")[1]


def test_nothing_is_said_of_infrared_without_it_or_of_little(ten):
    assert infrared_apart(picture()) is None
    few = replace(ten[0], valid=np.zeros(ten[0].grid.shape, bool))
    assert infrared_apart(few) is None
    flat = ten[0].bands.copy()
    flat[TEN.index("nir")] = 0.3
    assert infrared_apart(replace(ten[0], bands=flat)) is None


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_broad_shadow_is_told_and_a_darker_day_is_not(ten, when):
    pair = dict(zip(("before", "after"), ten, strict=True))
    light = np.ones(ten[0].grid.shape, np.float32)
    light[20:70, 30:90] = 0.35
    shadowed = {**pair, when: replace(pair[when], bands=pair[when].bands * light)}
    _, told = told_of(shadowed["before"], shadowed["after"], "far darker")
    assert len(told) == 1
    assert f"in the {when} picture" in told[0]
    share = shadowed_shares(*shadowed.values(), ten[0].valid, 0.4, 0.4)[when == "after"]
    assert 0.1 < share < 0.2  # of 0.18, less what the rim of whole squares takes
    darker = {**pair, when: replace(pair[when], bands=pair[when].bands * np.float32(0.35))}
    for quiet in (pair, darker):
        assert not told_of(quiet["before"], quiet["after"], "far darker")[1]


def test_without_infrared_no_shadow_is_told():
    light = np.where(np.arange(SHAPE[1]) < 60, 0.3, 1.0).astype(np.float32)
    assert not any("darker" in one for one in judged(
        picture(1), replace(picture(2), bands=picture(2).bands * light)).reasons)  # fmt: skip
    nothing = np.zeros(SHAPE, bool)
    assert shadowed_shares(picture(1), picture(2), nothing, 255.0, 255.0) == (0.0, 0.0)
