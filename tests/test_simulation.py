"""Simulated scenes keep the truth that they claim."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import ndimage
from skimage.registration import phase_cross_correlation

from landshift.errors import InputError, OutputError
from landshift.legend import Cover
from landshift.simulation import (
    SITES,
    Displacement,
    build_site,
    displaced,
    picture_site,
    simulate_pair,
    site_truth,
    write_site,
)
from landshift.simulation.canvas import Canvas
from landshift.simulation.farmland import paint_orchard, paint_tall
from landshift.simulation.light import Sun, View, look_at, shadow_heights
from landshift.simulation.seasons import season_of
from landshift.simulation.sensors import jpeg, pooled, spots
from landshift.simulation.stage import Zone, draw_plan, set_stage

BANDS = {"rgb": 3, "rgbn": 4, "multispectral": 10}
HALLS = {"kyongsong": 2, "songchon": 3, "onchon": 3, "kosan": 2, "kumya": 3, "unchanged": 0}
COVERS = (
    "cover_before", "cover_after", "cover_to_be", "cover_that_was", "plan_before", "plan_after",
)  # fmt: skip
ARRAYS = ("before", "after", *COVERS, "building_before", "building_after")


@pytest.fixture(scope="module")
def truths():
    return {name: site_truth(build_site(name, 3)) for name in SITES}


@pytest.mark.parametrize("family", BANDS)
def test_the_seed_decides_everything(family):
    first, again, other = (simulate_pair(family, seed, (40, 56), 1.5) for seed in (5, 5, 6))
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(first, name), getattr(again, name))
    assert first.events == again.events
    assert np.abs(first.before - other.before).max() > 0.05


@settings(
    deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
@given(
    family=st.sampled_from(sorted(BANDS)),
    seed=st.integers(0, 2**32),
    shape=st.tuples(st.integers(16, 70), st.integers(16, 70)),
    gsd_m=st.sampled_from([0.25, 10.0]) | st.floats(0.25, 10.0),
)
def test_any_shape_and_pixel_size_gives_a_pair(family, seed, shape, gsd_m):
    pair = simulate_pair(family, seed, shape, gsd_m)
    for picture in (pair.before, pair.after):
        assert picture.shape == (BANDS[family], *shape)
        assert picture.dtype == np.float32
        assert picture.min() >= 0
        assert picture.max() <= 1
    for cover, built in (
        (pair.cover_before, pair.building_before), (pair.cover_after, pair.building_after)
    ):  # fmt: skip
        assert cover.shape == built.shape == shape
        assert cover.dtype == np.uint8
        assert cover.max() <= 8
        assert built.min() >= 0
        assert built.max() <= 1
        assert np.all(built[cover == 3] > 0)
        assert np.all(cover[built == 1] == 3)
    for name in COVERS:
        assert getattr(pair, name).shape == shape
        assert getattr(pair, name).max() <= 8
    assert len(pair.bands) == BANDS[family]


def test_pictures_differ_where_nothing_was_built_but_the_cover_does_not():
    same = 0
    for seed in range(8):
        pair = simulate_pair("rgb", seed, (64, 64), 4.0, unchanged=True)
        assert pair.events == ()
        assert np.abs(pair.before - pair.after).mean() > 0.01
        # Views lean differently, so roofs and crowns may hide other ground; nothing else moves.
        lasting = np.isin(pair.cover_before, [1, 2, 5, 7, 8])
        same += (pair.cover_after[lasting] == pair.cover_before[lasting]).mean() > 0.9
    assert same == 8


def test_about_a_third_of_the_pairs_are_unchanged():
    quiet = [not simulate_pair("rgb", seed, (16, 16), 1.0).events for seed in range(50)]
    assert 0.2 < np.mean(quiet) < 0.55


def test_an_unknown_family_is_a_mistake():
    with pytest.raises(ValueError, match="family"):
        simulate_pair("radar", 1, (16, 16), 1.0)


@pytest.mark.parametrize("name", SITES)
def test_hectares_add_up_to_the_aoi(name, truths):
    truth = truths[name]
    assert sum(truth["hectares"].values()) == pytest.approx(truth["aoi_hectares"], rel=2e-3)
    assert "simulated" in truth["simulated"]


@pytest.mark.parametrize("name", SITES)
def test_every_hall_is_as_large_as_it_says(name, truths):
    truth = truths[name]
    assert truth["halls"] == HALLS[name]
    for building in truth["buildings"]:
        size = building["length_m"] * building["width_m"] / 1e4
        assert building["hectares"] == pytest.approx(size, abs=1e-4)
        if building["kind"] in ("hall", "frame"):
            assert building["hectares_on_map"] == pytest.approx(size, rel=0.02)
            ring = np.asarray(building["outline"])
            east, north = ring[1] - ring[0]
            assert math.hypot(east, north) == pytest.approx(building["length_m"], abs=0.05)
            azimuth = math.degrees(math.atan2(east, north)) % 180
            assert azimuth == pytest.approx(building["azimuth_deg"], abs=0.1)


def test_sites_tell_their_story(truths):
    assert truths["kyongsong"]["aoi_hectares"] == pytest.approx(3.3, abs=0.01)
    assert truths["kyongsong"]["cropland_loss"]["hectares"] > 2.5
    assert truths["songchon"]["greenhouse_loss"]["hectares"] > 0.3
    assert truths["onchon"]["greenhouse_loss"]["hectares"] == 0
    assert truths["onchon"]["hectares"]["greenhouse→greenhouse"] > 0.3
    assert truths["kosan"]["hectares"]["building→building"] == pytest.approx(0.0768, rel=0.03)
    assert truths["kumya"]["houses"] > 10
    assert all(first == second for first, second in
               (pair.split("→") for pair in truths["unchanged"]["hectares"]))


def test_class_maps_show_the_buildings_and_only_where_they_came():
    scene = build_site("kosan", 3)
    before, after = scene.cover(0), scene.cover(1)
    came = (before != 3) & (after == 3)
    assert ndimage.label(came)[1] == 2
    outside = before[:40] != after[:40]
    assert not outside.any()


def test_a_planted_shift_moves_the_ground_as_it_says():
    rng = np.random.default_rng(1)
    ground = ndimage.gaussian_filter(rng.standard_normal((1, 120, 150)).astype(np.float32), 2.0)
    moved = displaced(ground, 0.5, Displacement(east_m=2.0, north_m=1.5))
    inner = (0, slice(10, -10), slice(10, -10))
    shift, _, _ = phase_cross_correlation(
        ground[inner], moved[inner], upsample_factor=20, normalization=None
    )
    # Content moved 4 px east and 3 px north: back it goes 3 rows down and 4 columns left.
    assert shift == pytest.approx([3.0, -4.0], abs=0.1)


def test_a_site_picture_is_off_by_what_the_truth_says():
    scene = build_site("unchanged", 3)
    error = scene.errors[0]
    still = replace(scene, errors=(replace(error, east_m=0.0, north_m=0.0), scene.errors[1]))
    red = [picture_site(each, noise_free=True)[0].values[2] for each in (still, scene)]
    shift, _, _ = phase_cross_correlation(*red, upsample_factor=50, normalization=None)
    # Rows run south; the correlation tells how to bring the second picture back.
    assert shift * 10.0 == pytest.approx([error.north_m, -error.east_m], abs=1.0)
    assert math.hypot(error.east_m, error.north_m) > 2.5


def test_a_turn_moves_the_east_side_north():
    ground = np.zeros((1, 201, 201), np.float32)
    ground[0, 100, 180] = 1.0
    turned = displaced(ground, 1.0, Displacement(rotation_deg=10.0))
    row, col = np.unravel_index(int(turned.argmax()), turned.shape[1:])
    assert row == pytest.approx(100 - 80 * math.sin(math.radians(10)), abs=1)
    assert col == pytest.approx(100 + 80 * math.cos(math.radians(10)), abs=1)


@given(
    azimuth=st.sampled_from([0.0, 90.0, 180.0, 270.0]) | st.floats(0, 359.9),
    elevation=st.floats(15, 80),
)
@settings(deadline=None, max_examples=40)
def test_a_post_throws_its_shadow_away_from_the_sun(azimuth, elevation):
    height = np.zeros((121, 121), np.float32)
    height[58:63, 58:63] = 10.0
    shade = shadow_heights(height, 1.0, Sun(azimuth, elevation))
    rows, cols = np.nonzero((shade > 0.3) & (height == 0))
    reach = 10.0 / math.tan(math.radians(elevation))
    if len(rows) == 0:
        assert reach < 3
        return
    away = -math.sin(math.radians(azimuth)), math.cos(math.radians(azimuth))
    along = (cols - 60) * away[0] + (rows - 60) * away[1]
    across = -(cols - 60) * away[1] + (rows - 60) * away[0]
    assert along.min() > -4
    assert along.max() < reach + 5
    assert np.abs(across).max() < 6


def test_a_roof_leans_and_shows_its_wall():
    canvas = Canvas.blank((80, 80), 0.5)
    canvas.box(20.0, 20.0, 0.0, 10.0, 10.0, 1, 10.0)
    seen = look_at(canvas, Sun(180.0, 89.0), View(90.0, 20.0))
    roof = (seen.surface == 1) & ~seen.wall
    moved = (np.nonzero(roof)[1].mean() - 39.5) * 0.5
    assert moved == pytest.approx(10 * math.tan(math.radians(20)), abs=0.6)
    assert roof.sum() == pytest.approx(400, rel=0.06)
    assert 40 < seen.wall.sum() < 200


@given(seed=st.integers(0, 10_000), u=st.floats(-500, 500), v=st.floats(-500, 500))
def test_the_plan_can_be_undone(seed, u, v):
    plan = draw_plan(np.random.default_rng(seed), 400.0)
    assert plan.to_plan(*plan.to_ground(u, v)) == pytest.approx((u, v), abs=0.6)


@given(factor=st.integers(2, 6), seed=st.integers(0, 99))
def test_means_and_spots_of_squares(factor, seed):
    rng = np.random.default_rng(seed)
    codes = rng.integers(1, 9, (4 * factor, 3 * factor)).astype(np.uint8)
    tiles = codes.reshape(4, factor, 3, factor).transpose(0, 2, 1, 3).reshape(4, 3, -1)
    means = pooled(codes.astype(np.float32), factor)
    np.testing.assert_allclose(means, tiles.mean(axis=-1), rtol=1e-5)
    row, col = spots(rng, codes.shape, factor)
    np.testing.assert_array_equal(row // factor, np.repeat(np.arange(4)[:, None], 3, axis=1))
    np.testing.assert_array_equal(col // factor, np.repeat(np.arange(3)[None], 4, axis=0))


def test_a_roof_is_as_large_in_its_labels_as_it_is():
    """The commonest of four sub-pixels, ties to roofs, made them a fifth too large at 10 m."""
    told = exact = 0.0
    for seed in range(30):
        pair = simulate_pair("multispectral", seed, (64, 64), 10.0)
        told += (pair.cover_after == 3).sum()
        exact += pair.building_after.sum()
    assert exact > 1000
    assert told == pytest.approx(exact, rel=0.03)


def test_jpeg_keeps_the_picture_and_loses_the_fine():
    rng = np.random.default_rng(2)
    picture = rng.random((3, 37, 50)).astype(np.float32)
    kept, lost = jpeg(picture, 95), jpeg(picture, 20)
    assert np.abs(lost - picture).mean() > np.abs(kept - picture).mean()
    assert kept.mean() == pytest.approx(picture.mean(), abs=0.01)


def test_a_site_on_disk(tmp_path):
    rasterio = pytest.importorskip("rasterio")
    from landshift.cli import main

    out = tmp_path / "site"
    run = CliRunner().invoke(main, ["simulate", "--site", "unchanged", "--out", str(out)])
    assert run.exit_code == 0, run.output
    assert sorted(path.name for path in out.iterdir()) == [
        "after.tif", "before.tif", "site.geojson", "truth.json",
    ]  # fmt: skip
    with rasterio.open(out / "before.tif") as picture:
        assert picture.tags()["SIMULATED"] == "YES"
        assert picture.tags()["TIFFTAG_DATETIME"].startswith("2024:05:14")
        assert picture.descriptions[0] == "blue"
        assert picture.shape == (240, 240)
        bounds = picture.bounds
    truth = json.loads((out / "truth.json").read_text(encoding="utf-8"))
    feature = json.loads((out / "site.geojson").read_text(encoding="utf-8"))["features"][0]
    assert truth["seed"] == 20
    assert feature["properties"]["before_date"] == truth["before_date"]
    ring = np.asarray(feature["geometry"]["coordinates"][0])
    assert np.all(ring[0] == ring[-1])
    turned = np.sum(ring[:-1, 0] * ring[1:, 1] - ring[1:, 0] * ring[:-1, 1])
    assert turned > 0
    from rasterio.warp import transform

    east, north = transform("EPSG:4326", truth["crs"], ring[:, 0], ring[:, 1])
    assert bounds.left < min(east) < max(east) < bounds.right
    assert bounds.bottom < min(north) < max(north) < bounds.top


def test_wrong_requests_are_refused(tmp_path):
    from landshift.cli import main

    with pytest.raises(InputError, match="pyongyang"):
        build_site("pyongyang", 1)
    with pytest.raises(InputError, match="seed"):
        build_site("kosan", -1)
    (tmp_path / "there" / "thesis").mkdir(parents=True)
    for overwrite, why in ((False, "exists"), (True, r"holds no truth\.json")):
        with pytest.raises(OutputError, match=why):
            write_site("unchanged", 1, tmp_path / "there", overwrite)
    assert (tmp_path / "there" / "thesis").is_dir()
    assert list(tmp_path.iterdir()) == [tmp_path / "there"]
    runner = CliRunner()
    assert runner.invoke(main, ["simulate"]).exit_code == 2
    assert runner.invoke(main, ["simulate", "--site", "kosan"]).exit_code == 2
    bad = runner.invoke(main, ["simulate", "--site", "nowhere", "--out", str(tmp_path / "new")])
    assert bad.exit_code == 1
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    ("paint", "cover"), [(paint_orchard, Cover.WOODY), (paint_tall, Cover.CROPLAND)]
)
def test_orchards_are_woody_with_the_ground_between_their_rows_and_tall_crops_are_fields(
    seed, paint, cover
):
    rng = np.random.default_rng([seed, 5])
    season = season_of(rng, 200)
    blank = Canvas.blank((160, 160), 0.5)
    stage = set_stage(rng, blank, draw_plan(rng, 80.0), (season, season), False)
    stage.canvas.surface[:] = grass = stage.grass()
    u, v = stage.plan.to_plan(40.0, 40.0)
    paint(stage, Zone(u - 20, u + 20, v - 20, v + 20))
    painted = stage.canvas.surface[stage.canvas.surface != grass]
    assert len(painted) * 0.5**2 == pytest.approx(1600, rel=0.2)
    assert len(np.unique(painted)) > 1  # crowns and ground, fields and what lies between
    assert set(np.asarray(stage.table.cover)[painted].tolist()) == {cover}


def test_an_orchard_of_trees_smaller_than_a_pixel_shows_them_all_the_same():
    rng = np.random.default_rng(8)
    season = season_of(rng, 200)
    stage = set_stage(
        rng, Canvas.blank((40, 40), 5.0), draw_plan(rng, 200.0), (season, season), False
    )
    stage.canvas.surface[:] = grass = stage.grass()
    u, v = stage.plan.to_plan(100.0, 100.0)
    paint_orchard(stage, Zone(u - 60, u + 60, v - 60, v + 60))
    painted = stage.canvas.surface[stage.canvas.surface != grass]
    kinds, counts = np.unique(painted, return_counts=True)
    assert len(kinds) == 2
    assert counts.min() / counts.sum() > 0.05
    assert set(np.asarray(stage.table.cover)[painted].tolist()) == {Cover.WOODY}
