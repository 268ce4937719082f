from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from landshift.colour import full_scale, measure_snow
from landshift.errors import SettingsError
from landshift.fitness import (
    Fitness,
    judge_fitness,
    measure_veil,
)
from landshift.raster import Raster
from landshift.reading import describe_image, read_raster
from landshift.sensor import Sensor
from landshift.settings import FitnessSettings
from landshift.simulation import build_site, picture_site
from landshift.site import Image
from pictures import ground, write
from posteriors import Aligned, utm_grid

SETTINGS = FitnessSettings()
RGB = ("red", "green", "blue")
SHAPE = (60, 70)


def scene(seed=0, gsd_m=0.5, valid=None, day=None, scale=1.0, offset=0.0, top=None, roles=RGB):
    grid = utm_grid(*SHAPE, gsd_m)
    rng = np.random.default_rng(0)
    smooth = ndimage.gaussian_filter(rng.standard_normal((3, *SHAPE)), (0, 2, 2))
    bands = 110 + 40 * smooth / smooth.std() + np.array([20.0, 10.0, -30.0])[:, None, None]
    bands += np.random.default_rng(seed).normal(0, 4, bands.shape)
    bands = scale * bands.clip(10, 230) + offset
    if top is not None:
        bands = np.minimum(bands, top)
    valid = np.ones(SHAPE, bool) if valid is None else valid
    return Raster((bands * valid).astype(np.float32), valid.copy(), grid, Sensor(roles, gsd_m), day)


def judge(before=None, after=None, alignment=None, inside=None, **of_settings) -> Fitness:
    before, after = before or scene(1), after or scene(2)
    inside = np.ones(SHAPE, bool) if inside is None else inside
    return judge_fitness(
        before, after, alignment or Aligned(0.1), inside, replace(SETTINGS, **of_settings)
    )


def test_a_good_pair_is_ok():
    assert judge() == Fitness("ok", ())


@pytest.mark.parametrize(("columns", "verdict"), [(70, "ok"), (50, "caution"), (10, "refuse")])
def test_seen_share(columns, verdict):
    valid = np.zeros(SHAPE, bool)
    valid[:, :columns] = True
    fitness = judge(after=scene(2, valid=valid))
    assert fitness.verdict == verdict
    if verdict != "ok":
        assert f"{columns / 70:.0%} of the site" in fitness.reasons[0]


def test_nothing_seen_is_refused():
    nothing = scene(valid=np.zeros(SHAPE, bool))
    assert judge(nothing, nothing).verdict == "refuse"
    assert judge(inside=np.zeros(SHAPE, bool)).verdict == "refuse"


@pytest.mark.parametrize(
    ("residual_m", "verdict"), [(0.4, "ok"), (0.6, "caution"), (4.9, "caution"), (5.1, "refuse")]
)
def test_residual_shift(residual_m, verdict):
    assert judge(alignment=Aligned(residual_m)).verdict == verdict
    # Five metres are half a pixel of a coarse picture.
    if verdict == "refuse":
        coarse = judge(scene(1, 10.0), scene(2, 10.0), Aligned(residual_m))
        assert coarse.verdict == "caution"
        assert not any("shift" in reason for reason in coarse.reasons)
        far = judge(scene(1, 10.0), scene(2, 10.0), Aligned(31.0), refuse_residual_px=3.0)
        assert far.verdict == "refuse"
        assert "the most allowed is 30.0 m" in far.reasons[0]


@pytest.mark.parametrize(
    ("verdict", "wanted"), [("good", "ok"), ("doubtful", "caution"), ("failed", "refuse")]
)
def test_the_alignment_has_a_say(verdict, wanted):
    fitness = judge(alignment=Aligned(float("nan"), verdict, "few windows agree"))
    assert fitness.verdict == wanted
    assert all("few windows agree" in reason for reason in fitness.reasons)


@pytest.mark.parametrize(
    ("one", "two", "verdict"),
    [
        (date(2020, 5, 1), date(2023, 6, 10), "ok"),
        (date(2020, 12, 28), date(2023, 1, 5), "ok"),
        (date(2020, 5, 1), date(2023, 11, 1), "caution"),
        (date(2023, 5, 1), date(2020, 5, 1), "caution"),
        (None, date(2020, 5, 1), "ok"),
    ],
)
def test_seasons(one, two, verdict):
    assert judge(scene(1, day=one), scene(2, day=two)).verdict == verdict


@pytest.mark.parametrize(
    ("one", "two", "days"),
    [
        (date(2023, 12, 20), date(2025, 1, 5), 16),
        (date(2024, 12, 20), date(2025, 1, 5), 16),
        (date(2024, 12, 31), date(2025, 1, 1), 1),
        (date(2023, 3, 1), date(2024, 4, 30), 60),
        (date(2023, 4, 30), date(2024, 3, 1), 60),
        (date(2024, 2, 29), date(2025, 3, 1), 1),
        (date(2023, 2, 27), date(2024, 2, 29), 1),
    ],
)
def test_leap_years_move_no_season(one, two, days):
    first, second = scene(1, day=one), scene(2, day=two)
    for most in (days - 1, days):
        reasons = judge(first, second, caution_season_days=most).reasons
        told = [why for why in reasons if f"are {days} days of the year apart" in why]
        assert len(told) == (most < days)


@pytest.mark.parametrize(("gsd_m", "verdict"), [(0.5, "ok"), (10.0, "caution"), (60.0, "refuse")])
def test_gsd_against_the_smallest_object(gsd_m, verdict):
    assert judge(scene(1, gsd_m), scene(2, gsd_m)).verdict == verdict


def test_cloud_snow_haze_and_blank_pictures():
    white = scene(2, scale=0.1, offset=230.0)
    assert judge(after=white).verdict == "refuse"
    assert any("bright and pale" in reason for reason in judge(after=white).reasons)
    hazy = judge(*(scene(seed, scale=0.06, offset=120.0) for seed in (1, 2)))
    assert hazy.verdict == "caution"
    assert "little contrast" in hazy.reasons[0]
    blank = scene(2, scale=0.0, offset=100.0)
    assert judge(after=blank).verdict == "refuse"
    patch = scene(2)
    bands = patch.bands.copy()
    bands[:, :30] = 240.0
    assert judge(after=replace(patch, bands=bands)).verdict == "caution"


def test_pictures_with_nothing_in_common():
    turned = scene(2)
    turned = replace(turned, bands=turned.bands[:, ::-1].copy())
    fitness = judge(after=turned)
    assert fitness.verdict == "caution"
    assert "little in common" in fitness.reasons[0]


@pytest.mark.parametrize("unseen", [(False, False), (True, True), (True, False), (False, True)])
def test_where_pictures_end_they_neither_agree_nor_differ(unseen):
    seen = np.ones(SHAPE, bool)
    for row, col in ((5, 5), (5, 40), (30, 20), (50, 45), (45, 5)):
        seen[row : row + 8, col : col + 8] = False
    masks = [seen if hidden else np.ones(SHAPE, bool) for hidden in unseen]
    first, second = scene(1, valid=masks[0]), scene(2, valid=masks[1])
    turned = replace(second, bands=scene(2).bands[:, ::-1] * masks[1])
    said = [
        any("little in common" in why for why in judge(first, after, **limit).reasons)
        for after, limit in ((turned, {}), (second, {"caution_agreement": 0.9}))
    ]
    assert said == [True, False]


def test_pictures_that_could_not_be_registered_are_refused_unless_left_in_their_frame():
    failed = Aligned(np.nan, verdict="failed", reason="1 of 17 windows agree")
    assert judge(alignment=failed).verdict == "refuse"
    framed = judge(alignment=replace(failed, residual_rms_m=4.0))
    assert framed.verdict == "caution"
    assert "1 of 17 windows agree; they are compared as they came, perhaps 4.0 m" in (
        framed.reasons[0]
    )


def test_reflectance_has_a_scale_of_its_own():
    dim = scene(1, scale=1 / 255)
    sensor = replace(dim.sensor, scale=1e-4)
    assert full_scale(replace(dim, sensor=sensor)) == 0.4


def test_glints_make_no_counts_of_floating_point_shares_of_white():
    glinting = scene(1, scale=1 / 255)
    bands = glinting.bands.copy()
    bands[:, 20:23, 30:32] = 1.6
    sensor = replace(glinting.sensor, floating=True)
    glinting = replace(glinting, bands=bands, sensor=sensor)
    assert full_scale(glinting) == 1.0
    assert judge(after=glinting).verdict == "ok"
    for scale, white in ((1.0, 255.0), (8, 2047.0)):  # counts may be written as such numbers too
        counts = scene(scale=scale)
        assert full_scale(replace(counts, sensor=replace(counts.sensor, floating=True))) == white


def test_a_file_of_floating_point_numbers_with_a_glint_is_not_blank(tmp_path):
    bands = ground() / np.float32(255.0)
    bands[:, 30, 30] = 1.6
    image = Image(write(tmp_path / "a.tif", bands, dtype=np.float32))
    read = read_raster(image, describe_image(image).grid)
    assert full_scale(read) == 1.0


def test_a_hot_pixel_makes_no_bits():
    for scale, white in ((1.0, 255.0), (6.0, 2047.0)):
        hot = scene(1, scale=scale)
        bands = hot.bands.copy()
        bands[:, 30, 30] = 65535.0
        assert full_scale(replace(hot, bands=bands)) == white
        assert judge(after=replace(hot, bands=bands)).verdict == "ok"


def test_full_scale_of_common_depths():
    assert full_scale(scene()) == 255.0
    assert full_scale(scene(scale=1 / 255)) == 1.0
    assert full_scale(scene(scale=8)) == 2047.0
    assert full_scale(scene(scale=200)) == 65535.0


def test_a_single_band_of_no_known_role_is_judged_too():
    one = scene(1)
    pan = replace(one, bands=one.bands[:1].copy(), sensor=Sensor(("",), 0.5))
    assert judge(pan, pan).verdict == "ok"


@settings(deadline=None, max_examples=25)
@given(
    st.integers(0, 70), st.floats(0, 9), st.sampled_from(["good", "doubtful", "failed"]),
    st.floats(0, 1), st.floats(0, 255),
)  # fmt: skip
def test_every_verdict_has_its_reasons(columns, residual_m, verdict, scale, offset):
    valid = np.zeros(SHAPE, bool)
    valid[:, :columns] = True
    after = scene(2, valid=valid, scale=scale, offset=offset)
    left = residual_m if verdict != "failed" else np.nan
    fitness = judge(after=after, alignment=Aligned(left, verdict, ""))
    assert (fitness.verdict == "ok") == (fitness.reasons == ())
    assert all(reason and not reason.endswith(".") for reason in fitness.reasons)
    if verdict == "failed":
        assert fitness.verdict == "refuse"


def test_settings_that_contradict_each_other_are_refused():
    with pytest.raises(SettingsError, match="refuse_seen_share"):
        FitnessSettings(refuse_seen_share=0.99)


def test_different_grids_are_refused():
    with pytest.raises(ValueError, match="different grids"):
        judge(scene(1, 0.5), scene(2, 1.0))


def veiled(raster, thickness):
    return replace(raster, bands=raster.bands * (1 - thickness) + 230 * np.float32(thickness))


@pytest.mark.parametrize(("thickness", "verdict"), [(0.0, "ok"), (0.15, "ok"), (0.6, "refuse")])
def test_haze_over_one_picture_is_refused_by_name(thickness, verdict):
    hazy = veiled(scene(2), thickness)
    for when, fitness in (("after", judge(after=hazy)), ("before", judge(before=hazy))):
        assert fitness.verdict == verdict
        if verdict == "refuse":
            assert f"veils the {when} picture" in fitness.reasons[0]


def test_haze_over_both_and_a_longer_exposure_are_no_veil_over_one():
    hazy = judge(before=veiled(scene(1), 0.4), after=veiled(scene(2), 0.4))
    exposed = judge(before=scene(1, scale=0.4), after=scene(2))
    for fitness in (hazy, exposed):
        assert not any("veils" in reason for reason in fitness.reasons)


def test_dark_ground_that_a_longer_exposure_lifts_is_no_veil_however_far():
    pair = scene(1, scale=0.4), scene(2, offset=15.0)  # and a little stray light
    _, lift, share = measure_veil(*pair, np.ones(SHAPE, bool))
    assert lift > 0.05
    assert share > SETTINGS.veil_contrast
    for limits, says in (({}, False), ({"veil_contrast": 2.0}, True)):
        fitness = judge(*pair, veil_lift=0.05, **limits)
        assert any("veils" in reason for reason in fitness.reasons) == says


def pale_from(raster, column):
    bands = raster.bands.copy()
    bands[:, :, column:] = 240.0
    return replace(raster, bands=bands)


@pytest.mark.parametrize(("column", "verdict"), [(60, "ok"), (35, "caution"), (10, "refuse")])
def test_pale_ground_is_told_by_how_much_of_the_site_it_is(column, verdict):
    pair = [pale_from(scene(seed), column) for seed in (1, 2)]
    fitness = judge(*pair)
    assert fitness.verdict == verdict
    if verdict != "ok":
        assert "bright and pale in the before picture" in fitness.reasons[0]
    inside = np.zeros(SHAPE, bool)
    inside[:, : max(column, 20)] = True
    beside = judge(*pair, inside=inside)
    assert any("bright and pale" in reason for reason in beside.reasons) == (verdict == "refuse")


def test_clouds_are_told_as_a_share_of_the_site_or_as_beside_it():
    inside, hidden = np.zeros(SHAPE, bool), np.zeros(SHAPE, bool)
    inside[:, :35] = hidden[:30] = True
    beside = ~inside
    pair = scene(1), scene(2)
    found = judge_fitness(*pair, Aligned(0.1), inside, SETTINGS, (hidden, beside))
    assert found.verdict == "caution"
    assert "hides 50% of the site in the before picture" in found.reasons[0]
    assert "lies beside the site in the after picture" in found.reasons[1]
    hidden[:, 35:] = False  # 25 % of the picture, 50 % of the site
    found = judge_fitness(*pair, Aligned(0.1), inside, SETTINGS, (hidden, beside & False))
    assert "hides 50% of the site in the before picture" in found.reasons[0]
    assert len(found.reasons) == 1


def test_what_reading_left_in_doubt_is_a_caution():
    inside = np.ones(SHAPE, bool)
    told = judge_fitness(
        scene(1), scene(2), Aligned(0.1), inside, SETTINGS, doubts=("its day is another",)
    )
    assert (told.verdict, told.reasons[0]) == ("caution", "its day is another")


def test_an_aoi_paved_all_over_is_no_veil():
    inside = np.zeros(SHAPE, bool)
    inside[20:40, 20:45] = True
    bands = scene(2).bands.copy()
    bands[:, inside] = 200 + 3 * np.random.default_rng(3).standard_normal((3, inside.sum()))
    paved = judge(after=replace(scene(2), bands=bands), inside=inside)
    assert not any("veils" in reason for reason in paved.reasons)


@pytest.mark.parametrize(("pixels", "says"), [(1, "1 pixel of"), (3, "3 pixels of")])
def test_an_aoi_of_hardly_a_pixel_is_refused_for_that(pixels, says):
    inside = np.zeros(scene().grid.shape, bool)
    inside[5, 5 : 5 + pixels] = True
    found = judge(inside=inside)
    assert found.verdict == "refuse"
    assert len(found.reasons) == 1
    assert says in found.reasons[0]
    assert "allowed are 4 and more" in found.reasons[0]


def test_what_falls_short_does_not_look_like_enough():
    """0.949 is not the 95 % that is asked for, nor 5.02 m the 5.0 that are allowed."""
    valid = np.ones(SHAPE, bool)
    valid.flat[:214] = False
    (reason,) = judge(after=scene(2, valid=valid)).reasons
    assert "both pictures show 94.9% of the site" in reason
    assert reason.endswith("better is 95.0%")
    reasons = judge(alignment=Aligned(5.02)).reasons
    assert reasons[0].startswith("5.02 m of shift remain")
    assert reasons[0].endswith("the most allowed is 5.00 m")
    coarse = [scene(seed, gsd_m=40.3) for seed in (1, 2)]
    assert "a pixel is 40.3 m wide; the widest allowed is 40.0" in judge(*coarse).reasons


def wide(seed=0, **given):
    """More ground than one yard."""
    return scene(seed, gsd_m=2.0, **given)


def snowed(share, tint=(1.0, 1.0, 1.0), where=None, seed=2):
    """The ground of `scene` under snow that leaves some of it free, in patches."""
    plain = scene(seed, gsd_m=2.0)
    patches = ndimage.gaussian_filter(np.random.default_rng(7).standard_normal(SHAPE), 3)
    white = patches < np.quantile(patches, share)
    if where is not None:
        white &= where
    light = np.array(tint)[:, None, None] * (
        225 + np.random.default_rng(8).normal(0, 6, (1, *SHAPE))
    )
    return replace(plain, bands=np.where(white, light, 0.6 * plain.bands).astype(np.float32))


INNER = np.zeros(SHAPE, bool)
INNER[15:45, 15:55] = True


@pytest.mark.parametrize("snowy", ["before", "after"])
def test_snow_on_one_date_hides_roofs_and_is_refused(snowy):
    pair = {"before": wide(1), "after": wide(2), snowy: snowed(0.7)}
    fitness = judge(**pair, inside=INNER)
    assert fitness.verdict == "refuse"
    (told,) = (one for one in fitness.reasons if "snow seems" in one)
    assert f"lie over the {snowy} picture, also beyond the site" in told
    assert "as film and burnt-out light are too" in told


def test_snow_on_both_dates_or_in_a_site_without_surroundings_is_a_caution():
    both, alone = (snowed(0.7), snowed(0.75, seed=3)), (wide(1), snowed(0.7))
    for pair, inside in ((both, INNER), (alone, None)):
        fitness = judge(*pair, inside=inside, refuse_pale_share=1.0)
        told = [one for one in fitness.reasons if "snow seems" in one]
        assert told
        assert all("or much paved" in one for one in told)


@pytest.mark.parametrize(
    "after",
    [
        snowed(0.3),  # patches that leave most of the ground
        snowed(0.7, tint=(1.0, 0.95, 0.8)),  # pale sand is yellow
        snowed(1.0, where=INNER),  # the site alone was paved
    ],
    ids=["patches", "sand", "paved"],
)
def test_what_is_no_snow_is_not_called_so(after):
    assert not any("snow seems" in one for one in judge(wide(1), after, inside=INNER).reasons)


def test_snow_is_measured_from_the_picture_s_own_dark_and_bright():
    everywhere = np.ones(SHAPE, bool)
    quarter, median, pale = measure_snow(snowed(0.7), everywhere)
    assert quarter > 0.8
    assert median > 0.6
    assert pale > 0.95
    brighter = replace(snowed(0.7), bands=0.4 * snowed(0.7).bands + 30)
    assert measure_snow(brighter, everywhere)[:2] == pytest.approx((quarter, median), abs=1e-3)
    assert measure_snow(snowed(0.7), np.zeros(SHAPE, bool)) is None
    yard = replace(snowed(0.7), grid=utm_grid(*SHAPE, 0.5))
    assert measure_snow(yard, everywhere) is None
    flat = replace(wide(), bands=np.full((3, *SHAPE), 90, np.float32))
    assert measure_snow(flat, everywhere) is None
    grey = wide(roles=("red", "nir", "blue"))
    assert measure_snow(grey, everywhere) is None


def test_a_simulated_site_under_snow_is_refused_and_its_neighbour_is_not():
    verdicts = {}
    for seed in (100, 101):
        built = build_site("kosan", seed)
        rasters = []
        for picture in picture_site(built):
            values, gsd_m = picture.values * 255, picture.gsd_m
            grid = utm_grid(*values.shape[1:], gsd_m)
            rasters.append(Raster(values.astype(np.float32), np.ones(values.shape[1:], bool), grid,
                                  Sensor(RGB, gsd_m), None))  # fmt: skip
        inside = np.zeros(rasters[0].grid.shape, bool)
        inside[200:-200, 200:-200] = True
        found = judge_fitness(*rasters, Aligned(0.1), inside, SETTINGS)
        verdicts[seed] = [one for one in found.reasons if "snow" in one]
    assert "after picture, also beyond" in verdicts[100][0]
    assert not verdicts[101]


@pytest.mark.parametrize(("swir", "snowy"), [(0.1, True), (0.9, False)], ids=["snow", "film"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_film_over_a_whole_plain_is_no_snow_where_short_waves_are_seen(swir, snowy, when):
    roles = (*RGB, "nir", "swir1")

    def told(raster, share):
        bands = np.concatenate([raster.bands, raster.bands[:1], share * raster.bands[1:2]])
        return replace(raster, bands=bands, sensor=Sensor(roles, 2.0))

    pair = {"before": told(wide(1), 1.2), "after": told(wide(2), 1.2)}
    pair[when] = told(snowed(0.7), swir)
    reasons = judge(**pair, inside=INNER).reasons
    assert any(f"in the {when} picture; what is under it" in one for one in reasons) == snowy
    assert not any("snow seems" in one for one in reasons)
