"""Clouds are taken out before anything is classified; what was built is not."""

from dataclasses import replace

import numpy as np
import pytest
import rasterio
from affine import Affine
from click.testing import CliRunner
from scipy import ndimage

from conftest import CHECKOUT
from landshift import clouds
from landshift.alignment import Alignment
from landshift.cli import main
from landshift.clouds import find_clouds, without_clouds
from landshift.comparison import compare_site
from landshift.fitness import judge_fitness
from landshift.grid import Grid
from landshift.raster import Raster
from landshift.reading import read_aoi
from landshift.sensor import FAMILY_BANDS, Sensor
from landshift.settings import CloudSettings, FitnessSettings, Settings
from landshift.simulation import simulate_pair
from landshift.simulation.clouds import Cloud, draw_cloud, under_cloud
from landshift.site import Image, Site
from landshift.writing import write_report

SETTINGS = CloudSettings()
SIDE_PX = 160
GSD_M = {"rgb": 1.0, "multispectral": 10.0}


def raster(bands, family, gsd_m, valid=None):
    grid = Grid(None, Affine(gsd_m, 0, 0, 0, -gsd_m, 0), bands.shape[1:])
    seen = np.ones(grid.shape, bool) if valid is None else valid
    sensor = Sensor(FAMILY_BANDS[family], gsd_m, scale=None if family == "rgb" else 1e-4)
    return Raster(np.ascontiguousarray(bands, np.float32), seen, grid, sensor)


def thick(shape, rows, cols, depth=4.0):
    """A round tower of cloud, ragged at its rim."""
    down, right = np.mgrid[: shape[0], : shape[1]]
    ragged = np.random.default_rng(1).standard_normal(shape)
    distance = np.hypot((down - rows[0]) / rows[1], (right - cols[0]) / cols[1])
    waves = 0.25 * np.sin(7 * np.arctan2(down - rows[0], right - cols[0]))
    opacity = 1 - np.exp(-depth * np.maximum(1.2 + waves + 0.02 * ragged - distance, 0))
    return Cloud(opacity.astype(np.float32), np.zeros(shape, np.float32))


@pytest.fixture(scope="module", params=sorted(GSD_M))
def scene(request):
    family = request.param
    gsd_m = GSD_M[family]
    pair = simulate_pair(family, 8, (SIDE_PX, SIDE_PX), gsd_m, unchanged=True)
    return family, gsd_m, pair


@pytest.fixture
def clouded(scene):
    family, gsd_m, pair = scene
    cloud = thick((SIDE_PX, SIDE_PX), (60, 35), (90, 30))
    rng = np.random.default_rng(3)
    after = np.clip(under_cloud(rng, pair.after, cloud, FAMILY_BANDS[family]), 0, 1)
    if family == "rgb":  # of pictures for the eye clouds are white
        after = pair.after * (1 - cloud.opacity) + 0.97 * cloud.opacity
    return raster(pair.before, family, gsd_m), raster(after, family, gsd_m), cloud


def test_a_thick_cloud_is_found_in_the_picture_that_it_hides(clouded):
    before, after, cloud = clouded
    none, found = find_clouds(before, after, SETTINGS)
    assert found[cloud.opacity > 0.5].mean() > 0.95
    assert found[cloud.opacity == 0].mean() < 0.3  # a margin of 10 m
    assert not none.any()


def test_what_it_hides_is_not_valid_and_the_pair_is_told_so(clouded):
    before, after, _ = clouded
    clear_before, clear_after, clouds = without_clouds(before, after, SETTINGS)
    assert clear_before is before
    np.testing.assert_array_equal(clear_after.valid, ~clouds[1])
    assert not clear_after.bands[:, clouds[1]].any()
    np.testing.assert_array_equal(
        clear_after.bands[:, ~clouds[1]], after.bands[:, ~clouds[1]]
    )
    inside = np.ones(after.grid.shape, bool)
    fitness = judge_fitness(
        clear_before, clear_after, Alignment.identity(after.grid), inside, FitnessSettings(),
        clouds,
    )  # fmt: skip
    share = f"{clouds[1].mean():.0%}"
    assert fitness.verdict == "caution"
    assert any(f"hides {share} of the site in the after picture" in one for one in fitness.reasons)


def test_nothing_is_taken_out_of_a_pair_without_clouds(scene):
    family, gsd_m, pair = scene
    before, after = (raster(one, family, gsd_m) for one in (pair.before, pair.after))
    clear_before, clear_after, clouds = without_clouds(before, after, SETTINGS)
    assert clear_before is before
    assert clear_after is after
    assert not any(cloud.any() for cloud in clouds)


def test_a_new_white_hall_is_no_cloud_though_it_is_as_wide_as_one(scene):
    family, gsd_m, pair = scene
    after = pair.after.copy()
    after[:, 40:100, 50:120] = 0.97 if family == "rgb" else 0.5
    before, after = raster(pair.before, family, gsd_m), raster(after, family, gsd_m)
    assert not find_clouds(before, after, SETTINGS)[1].any()
    lenient = replace(SETTINGS, most_straight=1.0)
    assert find_clouds(before, after, lenient)[1][45:95, 55:115].all()


def test_bright_ground_exposed_more_is_no_cloud(clouded):
    _, after, cloud = clouded
    family = "rgb" if after.sensor.scale is None else "multispectral"
    dim = after.bands * np.float32(0.5)
    dim[:, 100:110, 100:110] = after.bands.max()  # the brightest of the earlier picture
    earlier = raster(dim, family, after.grid.gsd_m)
    assert not find_clouds(earlier, after, SETTINGS)[1].any()
    lenient = replace(SETTINGS, most_bright_already=1.0)
    assert find_clouds(earlier, after, lenient)[1][cloud.opacity > 0.9].all()


def test_ground_seen_by_one_picture_alone_and_no_ground_at_all(clouded):
    before, after, _ = clouded
    family = "rgb" if after.sensor.scale is None else "multispectral"
    nothing = np.zeros(after.grid.shape, bool)
    blind = raster(before.bands, family, before.grid.gsd_m, nothing)
    assert not np.any(find_clouds(after, blind, SETTINGS))
    few = nothing.copy()
    few[0, 0] = True
    one = raster(before.bands, family, before.grid.gsd_m, few)
    assert not np.any(find_clouds(after, one, SETTINGS))


def test_a_cloud_is_found_beside_a_hot_pixel(clouded):
    before, after, cloud = clouded
    times, glint = (2047.0, 65535.0) if after.sensor.scale is None else (1.0, 1.6)
    before, after = (replace(one, bands=one.bands * np.float32(times)) for one in (before, after))
    hot = after.bands.copy()
    hot[:, 150, 150] = glint
    found = find_clouds(before, replace(after, bands=hot), SETTINGS)[1]
    assert found[cloud.opacity > 0.5].mean() > 0.95
    plain = find_clouds(before, after, SETTINGS)[1]
    assert (found != plain).mean() < 0.01


def holed(name, which, masked):
    """A sample pair of which one picture has a hole of a sixth of its side in the middle."""
    rasters = []
    for date in ("before", "after"):
        with rasterio.open(CHECKOUT / "sample_tiles" / name / f"{date}.tif") as source:
            bands, gsd_m = source.read().astype(np.float32), source.transform.a
        valid = np.ones(bands.shape[1:], bool)
        if date == which:
            side = valid.shape[0]
            hole = slice(side // 2 - side // 12, side // 2 + side // 12)
            valid[hole, hole] = False
            bands[:, ~valid] = 0.0
        if bands.shape[0] == 3:
            one = raster(bands, "rgb", gsd_m, valid)
        else:
            grid = Grid(None, Affine(gsd_m, 0, 0, 0, -gsd_m, 0), valid.shape)
            sensor = Sensor(("red", "green", "blue", "nir"), gsd_m, scale=1e-4)
            one = Raster(bands * np.float32(1e-4), valid, grid, sensor)
        rasters.append(replace(one, hidden=~valid) if masked and date == which else one)
    return rasters


@pytest.mark.parametrize("masked", [False, True], ids=["nodata", "mask"])
@pytest.mark.parametrize(("name", "which"), [("songchon", "before"), ("kumya", "after")])
def test_a_hole_in_a_picture_beside_bright_ground_is_no_cloud(name, which, masked):
    assert not np.any(find_clouds(*holed(name, which, masked), SETTINGS))


def test_a_cloud_burnt_out_to_a_blank_margin_is_found_and_one_masked_already_needs_no_finding(
    clouded,
):
    before, after, cloud = clouded
    core = cloud.opacity > 0.9
    bands = np.where(core, np.float32(0.0), after.bands)
    burnt = replace(after, bands=bands, valid=~core)
    found = find_clouds(before, burnt, SETTINGS)[1]
    assert found[core].all()
    assert found[(cloud.opacity > 0.5) & ~core].mean() > 0.9
    masked = replace(burnt, hidden=core)
    assert find_clouds(before, masked, SETTINGS)[1].mean() <= found.mean()


@pytest.mark.parametrize("side", [1, 2, 3, 7])
def test_pictures_of_a_few_pixels_have_no_cloud(side):
    bright = raster(np.ones((3, side, side)), "rgb", 1.0)
    dark = raster(np.zeros((3, side, side)), "rgb", 1.0)
    assert [one.shape for one in find_clouds(bright, dark, SETTINGS)] == 2 * [(side, side)]


def test_a_picture_of_one_band_is_left_as_it_is():
    grid = Grid(None, Affine(1, 0, 0, 0, -1, 0), (64, 64))
    pan = Raster(np.ones((1, 64, 64), np.float32), np.ones((64, 64), bool), grid,
                 Sensor(("pan",), 1.0))  # fmt: skip
    assert not np.any(find_clouds(pan, pan, SETTINGS))


def test_simulated_clouds_cover_what_is_asked_and_repeat():
    shares = []
    for seed in range(12):
        one, two = (
            draw_cloud(np.random.default_rng(seed), (128, 96), 2.0, 0.25) for _ in range(2)
        )
        np.testing.assert_array_equal(one.opacity, two.opacity)
        np.testing.assert_array_equal(one.shade, two.shade)
        for part in (one.opacity, one.shade):
            assert part.shape == (128, 96)
            assert part.min() >= 0
            assert part.max() <= 1
        shares.append((one.opacity > 0).mean())
    assert abs(np.mean(shares) - 0.25) < 0.05


def test_under_thick_cloud_nothing_is_left_and_its_shadow_is_blue():
    ground = np.full((3, 8, 8), 0.1, np.float32)
    full, none = np.ones((8, 8), np.float32), np.zeros((8, 8), np.float32)
    rng = np.random.default_rng(0)
    hidden = under_cloud(rng, ground, Cloud(full, none), ("red", "green", "blue"))
    assert np.ptp(hidden) < 1e-6
    assert 0.45 <= hidden.min() <= 0.9
    red, _, blue = under_cloud(rng, ground, Cloud(none, full), ("red", "green", "blue"))[:, 0, 0]
    assert red < blue < 0.1 * 0.5


@pytest.mark.jit
def test_a_cloud_over_a_site_is_not_seen_from_end_to_end(tmp_path):
    tile = CHECKOUT / "sample_tiles" / "songchon"  # 0.37 ha built
    with rasterio.open(tile / "after.tif") as source:
        profile, pixels = source.profile, source.read()
    cloud = draw_cloud(np.random.default_rng(4), pixels.shape[1:], 0.5, 0.2)
    clouded = pixels * (1 - 0.5 * cloud.shade) * (1 - cloud.opacity) + 250 * cloud.opacity
    with rasterio.open(tmp_path / "after.tif", "w", **profile) as target:
        target.write(np.clip(clouded, 1, 254).astype(np.uint8))
    site = Site("songchon", Image(tile / "before.tif"), Image(tmp_path / "after.tif"),
                read_aoi(tile / "site.geojson"))  # fmt: skip
    report = compare_site(site, "open", Settings(), lambda stage: None)
    assert any("of the site in the after picture" in one for one in report.fitness.reasons)
    assert 0.6 < report.seen_share < 0.85
    built = report.totals["new_building"]
    assert built.low <= 0.37 <= built.high
    assert (report.after_picture.rgba[..., 3] == 255).all()  # the picture shows the cloud

    write_report(report, tmp_path / "out", False, ())
    with rasterio.open(tmp_path / "out" / "changes.tif") as source:
        rows, cols = np.nonzero(source.read(1) == 0)
    middle = len(rows) // 2
    said = CliRunner().invoke(
        main, ["explain", str(tmp_path / "out"), "--pixel", f"{rows[middle]},{cols[middle]}"]
    )
    assert said.exit_code == 1
    assert "was not seen: cloud or snow hides it in the after picture" in said.stderr


def test_rims_and_margins_lie_where_dilation_by_a_disc_puts_them(clouded, monkeypatch):
    before, after, _ = clouded
    found = find_clouds(before, after, SETTINGS)
    looked_at = []

    def dilated(mask, cells):
        looked_at.append(cells)
        return ndimage.binary_dilation(mask, clouds._disc(cells))

    monkeypatch.setattr(clouds, "_within", dilated)
    plainly = find_clouds(before, after, SETTINGS)
    assert max(looked_at) >= 5
    for one, other in zip(found, plainly, strict=True):
        np.testing.assert_array_equal(one, other)
