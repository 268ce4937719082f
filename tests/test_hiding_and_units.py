"""Bands that say what was seen, numbers that mean nothing, and what a unit means."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
import rasterio
from rasterio.control import GroundControlPoint
from rasterio.enums import ColorInterp

from landshift.comparison import compare_site, model_for
from landshift.errors import ImageError, ModelError
from landshift.reading import describe_image, doubts_of_gsd, plan_own_grid, read_raster
from landshift.settings import GridSettings, Settings
from landshift.site import Image, Site
from pictures import UTM, ground, north_up, write

S2 = ("blue", "green", "red", "rededge1", "rededge2", "rededge3", "nir", "nir08", "swir1", "swir2")
RGBN = ("red", "green", "blue", "nir")
COLOURS = [ColorInterp.red, ColorInterp.green, ColorInterp.blue, ColorInterp.alpha]


def seen_of(path, **image):
    picture = describe_image(Image(path, **image))
    return picture, read_raster(picture.image, plan_own_grid(picture, GridSettings(), 0.01)).valid


def beside(shown, mask, dtype):
    """Bands (band, row, col) of ground with one more band."""
    return np.concatenate([shown.round(), mask[None]]).astype(dtype)


# --- bands that hide -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "left", "right"),
    [("clear", 0, 1), ("dataMask", 0, 1), ("Alpha", 0, 65535), ("udm", 2, 0), ("cloud", 1, 0),
     ("Cloud Mask", 255, 0)],
)  # fmt: skip
def test_a_band_named_for_it_says_what_was_seen(tmp_path, name, left, right):
    shown = ground(bands=4)
    mask = np.full(shown.shape[1:], right)
    mask[:, :60] = left
    path = write(
        tmp_path / "a.tif", beside(shown * 20, mask, "uint16"), descriptions=(*RGBN, name)
    )
    picture, valid = seen_of(path)
    assert picture.sensor.bands == RGBN
    assert not valid[:, :60].any()
    assert valid[:, 60:].all()
    assert any(f"band 5 ({name})" in note for note in picture.notes)


def test_bands_are_counted_without_those_that_hide(tmp_path):
    shown = ground(bands=4)
    path = write(
        tmp_path / "a.tif", beside(shown * 20, shown[0] * 0 + 1, "uint16"),
        descriptions=("", "", "", "", "clear"),
    )  # fmt: skip
    assert describe_image(Image(path)).sensor.bands == RGBN


def test_a_mask_of_clouds_that_gdal_calls_alpha_is_not_read_the_other_way_round(tmp_path):
    shown, cloud = ground(), np.zeros(ground().shape[1:])
    cloud[:, :30] = 255
    path = write(
        tmp_path / "a.tif", beside(shown, cloud, "uint8"), colorinterp=COLOURS,
        descriptions=("red", "green", "blue", "cloud"),
    )  # fmt: skip
    np.testing.assert_array_equal(seen_of(path)[1], cloud == 0)


def test_chances_of_cloud_and_classes_are_no_mask_and_that_is_said(tmp_path):
    for name in ("cloud", "SCL"):
        shown = ground(bands=4)
        codes = np.arange(shown[0].size).reshape(shown.shape[1:]) % 12
        path = write(
            tmp_path / f"{name}.tif", beside(shown, codes, "uint8"), descriptions=(*RGBN, name)
        )
        picture, valid = seen_of(path)
        assert valid.all()
        assert any(f"band 5 ({name}) is not used" in note for note in picture.notes)


@pytest.mark.parametrize("photometric", ["RGB", "MINISBLACK"])
def test_untagged_opacity_is_heeded(tmp_path, photometric):
    clear = np.full(ground().shape[1:], 255)
    clear[:, :30] = 0
    untagged = {"photometric": photometric, "alpha": "unspecified"}
    path = write(tmp_path / "a.tif", beside(ground(), clear, "uint8"), **untagged)
    picture, valid = seen_of(path)
    assert picture.sensor.bands == ("red", "green", "blue")
    np.testing.assert_array_equal(valid, clear > 0)
    assert any("where band 4 is 0, nothing was seen" in note for note in picture.notes)


def test_a_band_that_the_user_gives_a_role_hides_nothing(tmp_path):
    clear = np.full(ground().shape[1:], 255)
    clear[:, :30] = 0
    path = write(tmp_path / "a.tif", beside(ground(), clear, "uint8"), colorinterp=COLOURS)
    assert seen_of(path, bands=RGBN)[1].all()
    np.testing.assert_array_equal(seen_of(path, bands=RGBN[:3])[1], clear > 0)


@pytest.mark.parametrize("band", [0, 3])
def test_a_band_of_one_value_among_others_shows_nothing(tmp_path, band):
    bands = ground(bands=4) * 20
    bands[band] = 0
    path = write(tmp_path / "a.tif", bands, dtype="uint16", descriptions=RGBN)
    picture, valid = seen_of(path)
    assert picture.sensor.bands == tuple(role for role in RGBN if role != RGBN[band])
    assert f"band {band + 1} shows nothing" in picture.notes[0]
    assert valid.all()
    assert describe_image(Image(path, bands=RGBN)).sensor.bands == RGBN  # the user is believed


def test_a_pair_that_lacks_a_colour_for_it_is_refused_with_the_reason(tmp_path):
    bands = ground(bands=3)
    bands[2] = 0
    pair = [write(tmp_path / "a.tif", ground()), write(tmp_path / "b.tif", bands)]
    with pytest.raises(ImageError, match=r"found red green \(b.tif: band 3 shows nothing"):
        model_for(*(describe_image(Image(path)) for path in pair), "open", Settings())


# --- numbers that mean nothing -------------------------------------------------------------------


@pytest.mark.parametrize("fill", [-9999.0, -32768.0, float(np.finfo(np.float32).min)])
@pytest.mark.parametrize("dtype", ["int16", "float32"])
def test_numbers_that_stand_for_no_measurement_are_not_seen_unsaid(tmp_path, dtype, fill):
    if dtype == "int16" and fill < -32768:
        return
    bands = ground(bands=4) * 20 if dtype == "int16" else ground(bands=4) / 255 - 0.5
    bands[:, :, :40] = fill
    path = write(tmp_path / "a.tif", bands, dtype=dtype, descriptions=RGBN)
    _, valid = seen_of(path)
    assert not valid[:, :40].any()
    assert valid[:, 40:].all()


# --- units ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("said", [True, False])
def test_the_offset_of_sentinel_2_is_taken_off(tmp_path, said):
    bands = (ground(bands=10) * 15).round()
    both = []
    for more in (0, 1000):
        path = write(tmp_path / f"{more}.tif", bands + more, dtype="uint16", descriptions=S2)
        if said:
            with rasterio.open(path, "r+") as target:
                target.scales = (1e-4,) * 10
        picture = describe_image(Image(path))
        both.append(read_raster(picture.image, plan_own_grid(picture, GridSettings(), 0.01)))
    np.testing.assert_allclose(both[1].bands, both[0].bands, atol=1e-5)
    assert any("1000" in note for note in picture.notes)


def test_numbers_too_small_for_reflectance_are_counts(tmp_path):
    for factor, scale in ((1, None), (20, 1e-4)):
        path = write(
            tmp_path / f"{factor}.tif", ground(bands=4) * factor, dtype="uint16",
            descriptions=RGBN,
        )  # fmt: skip
        assert describe_image(Image(path)).sensor.scale == scale


# --- pictures without a grid ---------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_control_points_alone_are_named(tmp_path):
    path = tmp_path / "a.tif"
    lie = north_up()
    points = [GroundControlPoint(r, c, *(lie @ (c, r))) for r in (0, 120) for c in (0, 160)]
    profile = {"driver": "GTiff", "dtype": "uint8", "count": 3, "height": 120, "width": 160}
    with rasterio.open(path, "w", **profile) as target:
        target.write(ground().round().astype(np.uint8))
        target.gcps = (points, rasterio.crs.CRS.from_string(UTM))
    with pytest.raises(ImageError, match="placed by ground control points alone; gdalwarp"):
        describe_image(Image(path))
    assert describe_image(Image(path, gsd_m=1.0)).grid.gsd_m == 1.0


# --- pixels too coarse for the bands -------------------------------------------------------------


def four_bands_of_sentinel2(folder):
    """Two exports of 10 m, blue, green, red and near infrared as reflectance."""
    for name, seed in (("before", 0), ("after", 1)):
        noise = np.random.default_rng(seed).normal(0, 20, (4, 160, 160))
        bands = (20 * ground(rows=160, cols=160, bands=4) + noise).round().astype(np.uint16)
        write(folder / f"{name}.tif", bands, transform=north_up(10.0),
              descriptions=("B2", "B3", "B4", "B8"))  # fmt: skip
    return [Image(folder / f"{name}.tif") for name in ("before", "after")]


@pytest.mark.jit
@pytest.mark.parametrize("gsd_m", [3.0, 10.0, None])
def test_four_bands_at_10_m_are_told_what_they_lack_whatever_is_asked(tmp_path, gsd_m):
    site = Site("s2", *four_bands_of_sentinel2(tmp_path))
    needed = r"allowed are 0\.9 to 5\.5 m; coarser ones need all of blue green .* swir2, as S"
    with pytest.raises(ModelError, match=needed):
        compare_site(
            site, "open", Settings(grid=GridSettings(gsd_m=gsd_m)), lambda stage: None
        )


# --- no CRS, and yet a place ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("world", "gsd_m", "told"),
    [("0.5 0 0 -0.5 500000.25 4600000.25", 0.5, ""),
     ("0.5 0 0 -0.5 500000.25 4600000.25", 1.0,
      "0.5 m in metres or 0.152 m in feet or 0.393 m in Web Mercator"),
     ("6e-6 0 0 -4.5e-6 127 41", 0.5, ""),
     ("6e-6 0 0 -4.5e-6 127 41", 2.0, "0.501 m in degrees"),
     ("0.597164 0 0 -0.597164 14137506.3 5012341.7", 0.4514, ""),  # zoom 18 at 41 degrees north
     ("0.597164 0 0 -0.597164 14137506.3 -5012341.7", 0.4514, ""),
     ("0.597164 0 0 -0.597164 14137506.3 5012341.7", 0.75,
      "0.597 m in metres or 0.182 m in feet or 0.451 m in Web Mercator"),
     ("1.640417 0 0 -1.640417 984250 13123333", 0.5, ""),  # a State Plane's feet
     ("0.5 0 0 -0.5 500000 32000000", 1.0, "0.5 m in metres or 0.152 m in feet"),
     ("no numbers", 1.0, ""), ("0.5 0 0 0 0 0", 1.0, ""), ("nan 0 0 nan 0 0", 1.0, "")],
)  # fmt: skip
def test_a_pixel_of_another_side_than_its_world_file_says_is_a_doubt(tmp_path, world, gsd_m, told):
    path = write(tmp_path / "a.png", ground(), crs=None, driver="PNG")
    (tmp_path / "a.pgw").write_text("\n".join(world.split(" ")))
    picture = describe_image(Image(path, gsd_m=gsd_m))
    assert picture.grid.gsd_m == gsd_m
    words = [f"a.png: by a.pgw a pixel is {told}, and {gsd_m:.3g} m as given, which is believed"]
    assert list(doubts_of_gsd(picture, GridSettings())) == (words if told else [])
    any_side = GridSettings(gsd_slack=1e3)
    assert doubts_of_gsd(picture, any_side) == ()


def test_units_are_degrees_below_a_side_that_the_settings_name(tmp_path):
    path = write(tmp_path / "a.png", ground(), crs=None, driver="PNG")
    (tmp_path / "a.pgw").write_text("6e-6\n0\n0\n-4.5e-6\n127\n41")
    picture = describe_image(Image(path, gsd_m=0.5))
    assert len(doubts_of_gsd(picture, GridSettings(degrees_below=1e-6))) == 1


# --- days ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tags", "given", "day", "contrary"),
    [({}, None, "2024-06-01", False), ({}, "2024-06-02", "2024-06-02", False),
     ({}, "2023-01-05", "2023-01-05", True),
     ({"ACQUISITION_DATE": "2023-01-05"}, None, "2023-01-05", True)],
)  # fmt: skip
def test_days_that_contradict_each_other_are_told(tmp_path, tags, given, day, contrary):
    path = write(tmp_path / "a_20240601.tif", ground(), tags=tags)
    picture = describe_image(Image(path, date=given and date.fromisoformat(given)))
    assert str(picture.date) == day
    assert any("2024-06-01 by its name" in doubt for doubt in picture.doubts) == contrary
