"""Files into values: bands, valid, grids, and one resampling."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from affine import Affine
from pyproj import CRS, Transformer
from rasterio.enums import ColorInterp
from scipy import ndimage

from landshift.errors import ImageError, NoOverlapError, SettingsError, SiteError
from landshift.grid import Grid
from landshift.reading import (
    describe_image,
    nearest_codes,
    plan_grid,
    plan_own_grid,
    read_brightness,
    read_raster,
)
from landshift.reading.aoi import crs_of
from landshift.reading.recognition import BandFacts, recognise_bands
from landshift.settings import GridSettings
from landshift.site import Aoi, Image
from pictures import CORNER, UTM, ground, north_up, write

SETTINGS = GridSettings()
S2 = ("blue", "green", "red", "rededge1", "rededge2", "rededge3", "nir", "nir08", "swir1", "swir2")


def own_raster(path, **image):
    picture = describe_image(Image(path, **image))
    return read_raster(picture.image, plan_own_grid(picture, SETTINGS, 0.01))


# --- which band is which -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("descriptions", "gsd", "roles"),
    [
        (("red", "green", "blue"), 1.0, ("red", "green", "blue")),
        (("Blue", "Green", "Red", "NIR"), 3.0, ("blue", "green", "red", "nir")),
        (("B4", "B3", "B2", "B8"), 10.0, ("red", "green", "blue", "nir")),
        (("B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B11", "B12"), 10.0, S2),
        (("Band 2 - blue", "Band 3 - green", "Band 4 - red", "Band 4 - nir"), 3.0,
         ("blue", "green", "red", "nir")),
        (("coastal_blue", "blue", "green_i", "green", "yellow", "red", "rededge", "nir"), 3.0,
         ("coastal", "blue", "", "green", "", "red", "rededge1", "nir")),
        (("SR_B2", "SR_B3", "SR_B4", "SR_B5"), 30.0, ("blue", "green", "red", "nir")),
        (("band 1 reflectance", "band 2 reflectance", "band 3 reflectance", "band 4 reflectance",
          "band 5 reflectance", "band 7 reflectance", "band 6 temperature"), 30.0,
         ("blue", "green", "red", "nir", "swir1", "swir2", "")),
        (("Near Infrared", "Red Edge", "Panchromatic"), 2.0, ("nir", "rededge1", "pan")),
        (("NDVI", "probability"), 1.0, ("", "")),
    ],
)  # fmt: skip
def test_descriptions_tell_bands(descriptions, gsd, roles):
    facts = BandFacts("x.tif", descriptions, ("undefined",) * len(descriptions), gsd)
    assert recognise_bands(facts)[0] == roles


@pytest.mark.parametrize(
    ("count", "roles"),
    [
        (1, ("pan",)),
        (2, ("", "")),
        (3, ("red", "green", "blue")),
        (4, ("red", "green", "blue", "nir")),
        (5, ("",) * 5),
        (10, S2),
    ],
)
def test_count_tells_bands_where_nothing_else_does(count, roles):
    generic = tuple(f"Band {i + 1}" for i in range(count)) if count <= 4 else ("",) * count
    for descriptions in (("",) * count, generic):
        facts = BandFacts("x.tif", descriptions, ("gray",) + ("undefined",) * (count - 1), 1.0)
        if count != 2 or not descriptions[0]:
            assert recognise_bands(facts)[0] == roles


def test_colours_tell_bands_in_any_order():
    facts = BandFacts("x.tif", ("", "", ""), ("blue", "green", "red"), 0.5)
    assert recognise_bands(facts)[0] == ("blue", "green", "red")


@pytest.mark.parametrize(
    "name", ["20230512_3B_AnalyticMS_SR.tif", "20230512_ssc1_u0001_analytic_SR.tif"]
)
def test_planets_files_put_blue_first(name):
    facts = BandFacts(name, ("",) * 4, ("gray",) * 4, 3.0)
    assert recognise_bands(facts)[0] == ("blue", "green", "red", "nir")


def test_the_user_overrules_and_skips(tmp_path):
    path = write(tmp_path / "a.tif", ground(bands=4))
    raster = own_raster(path, bands=("nir", "", "red"))
    assert raster.sensor.bands == ("nir", "red")
    with pytest.raises(ImageError, match="names 5 bands, the file has 4"):
        own_raster(path, bands=("red", "green", "blue", "nir", "pan"))


def test_unknown_bands_are_read_for_registration_and_said_to_be_unknown(tmp_path):
    picture = describe_image(Image(write(tmp_path / "a.tif", ground(bands=5))))
    assert picture.sensor.bands == ("",) * 4
    assert "--bands" in picture.notes[0]


def test_reflectance_in_sixteen_bits_is_scaled(tmp_path):
    path = write(tmp_path / "a.tif", ground(bands=10) * 20, dtype="int16", descriptions=("B02",))
    path = write(tmp_path / "b.tif", ground(bands=10) * 20, dtype="uint16")
    raster = own_raster(path)
    assert raster.sensor.bands == S2
    assert raster.sensor.scale == 1e-4
    np.testing.assert_allclose(raster.bands, ground(bands=10).round(2) * 20e-4, atol=2e-4)


@pytest.mark.parametrize(
    ("name", "tags", "found"),
    [
        ("S2A_20160608T153121_x.tif", {}, date(2016, 6, 8)),
        ("m_4709963_se_14_1_20090818.tif", {}, date(2009, 8, 18)),
        ("site_2023-05-12.tif", {}, date(2023, 5, 12)),
        ("site.tif", {"ACQUISITION_DATE": "2024-11-03T02:11:00Z"}, date(2024, 11, 3)),
        ("tile_20231341.tif", {}, None),
        ("19_20230230.tif", {}, None),
    ],
)
def test_the_date_is_found(tmp_path, name, tags, found):
    assert describe_image(Image(write(tmp_path / name, ground(), tags=tags))).date == found


# --- what was seen -----------------------------------------------------------------------------


def test_nodata_is_not_seen(tmp_path):
    bands = ground(bands=3)
    bands[:, 40:50, 60:70] = 0
    bands[2, 0:5, 0:5] = 0  # a blue of zero is a colour
    raster = own_raster(write(tmp_path / "a.tif", bands, nodata=0))
    want = np.ones(bands.shape[1:], bool)
    want[40:50, 60:70] = False
    np.testing.assert_array_equal(raster.valid, want)
    assert not raster.bands[:, ~want].any()


@pytest.mark.parametrize("hole", [np.nan, np.inf, -np.inf, -9999.0])
def test_one_missing_float_band_is_enough(tmp_path, hole):
    bands = ground(bands=3) / 255
    bands[1, 20:30, 20:30] = hole
    path = write(tmp_path / "a.tif", bands, dtype="float32", nodata=hole)
    raster = own_raster(path)
    assert raster.valid.sum() == raster.valid.size - 100
    assert np.isfinite(raster.bands).all()


def test_alpha_and_internal_masks_are_heeded(tmp_path):
    shape = ground().shape[1:]
    clear = np.full(shape, 255, np.uint8)
    clear[:, :30] = 0
    rgba = np.concatenate([ground().round().astype(np.uint8), clear[None]])
    colours = [ColorInterp.red, ColorInterp.green, ColorInterp.blue, ColorInterp.alpha]
    for raster in (
        own_raster(write(tmp_path / "a.tif", rgba, colorinterp=colours)),
        own_raster(write(tmp_path / "b.tif", ground(), mask=clear > 0)),
        own_raster(write(tmp_path / "c.png", rgba, crs=None, driver="PNG"), gsd_m=1.0),
    ):
        assert raster.sensor.bands == ("red", "green", "blue")
        np.testing.assert_array_equal(raster.valid, clear > 0)


def test_a_near_infrared_band_that_a_writer_called_alpha_is_read(tmp_path):
    colours = [ColorInterp.red, ColorInterp.green, ColorInterp.blue, ColorInterp.alpha]
    raster = own_raster(write(tmp_path / "a.tif", ground(bands=4), colorinterp=colours))
    assert raster.sensor.bands == ("red", "green", "blue", "nir")
    assert raster.valid.all()


@pytest.mark.parametrize(
    ("dtype", "blank"), [("uint8", 0), ("uint8", 255), ("uint16", 0), ("uint16", 65535)]
)
@pytest.mark.parametrize("size", [150, pytest.param(2100, marks=pytest.mark.jit)])
def test_a_blank_collar_is_not_seen_and_ground_as_blank_inside_is(tmp_path, size, dtype, blank):
    turned = ndimage.rotate(np.full((size, size), 100, np.uint8), 12, order=0)
    inner = (slice(size // 2, size // 2 + 20),) * 2
    want = turned > 0
    picture = np.where(want, 100, blank).astype(dtype)[None].repeat(3, axis=0)
    picture[:, *inner] = blank
    raster = own_raster(write(tmp_path / "a.tif", picture))
    np.testing.assert_array_equal(raster.valid, want)
    assert raster.valid[inner].all()


@pytest.mark.parametrize(("blank", "side"), [(0, 4), (255, 15)])
def test_a_few_blank_pixels_at_the_border_are_ground(tmp_path, blank, side):
    picture = ground()
    picture[:, :side, :side] = blank
    assert own_raster(write(tmp_path / "a.tif", picture)).valid.all()


@pytest.mark.parametrize("opaque", [1, 255, 65535])
@pytest.mark.parametrize("nodata", [None, 0])
def test_opacity_is_told_from_its_own_largest_value(tmp_path, opaque, nodata):
    clear = np.full(ground().shape[1:], opaque, np.uint16)
    clear[:, :30] = 0
    rgba = np.concatenate([ground().round().astype(np.uint16) * 9, clear[None]])
    rgba[:3, :, :30] = 2295  # as white as this picture gets
    colours = [ColorInterp.red, ColorInterp.green, ColorInterp.blue, ColorInterp.alpha]
    raster = own_raster(write(tmp_path / "a.tif", rgba, colorinterp=colours, nodata=nodata))
    np.testing.assert_array_equal(raster.valid, clear > 0)


def test_a_fourth_band_that_shows_nothing_is_no_near_infrared(tmp_path):
    shown = ground(bands=4).round().astype(np.uint8)
    untagged = {"photometric": "RGB", "alpha": "unspecified"}
    for fourth, bands in ((shown[3], ("red", "green", "blue", "nir")),
                          (np.full_like(shown[3], 255), ("red", "green", "blue"))):  # fmt: skip
        path = tmp_path / f"{len(bands)}.tif"
        write(path, np.concatenate([shown[:3], fourth[None]]), **untagged)
        info = describe_image(Image(path))
        assert info.sensor.bands == bands
        assert any("band 4 shows nothing" in note for note in info.notes) == (len(bands) == 3)
        named = describe_image(Image(path, bands=("red", "green", "blue", "nir")))
        assert named.sensor.bands == ("red", "green", "blue", "nir")  # the user is believed


def test_an_indexed_picture_is_read_in_its_colours(tmp_path):
    import rasterio

    path = tmp_path / "a.tif"
    codes = np.random.default_rng(0).integers(0, 4, (20, 30)).astype(np.uint8)
    palette = {0: (1, 2, 3, 255), 1: (200, 10, 30, 255), 2: (9, 99, 199, 255), 3: (7, 8, 9, 255)}
    profile = {"driver": "GTiff", "dtype": "uint8", "count": 1, "height": 20, "width": 30,
               "crs": UTM, "transform": north_up()}  # fmt: skip
    with rasterio.open(path, "w", **profile) as target:
        target.write(codes, 1)
        target.write_colormap(1, palette)
    raster = own_raster(path)
    assert raster.sensor.bands == ("red", "green", "blue")
    want = np.array([palette[i][:3] for i in range(4)], np.float32)[codes].transpose(2, 0, 1)
    np.testing.assert_array_equal(raster.bands, want)
    with rasterio.open(path, "r+") as target:
        target.nodata = 1  # the number, whatever colour it stands for; 1 is no colour of any
    np.testing.assert_array_equal(own_raster(path).valid, codes != 1)


# --- the grid ----------------------------------------------------------------------------------


def picture_info(tmp_path, name, gsd=1.0, corner=CORNER, crs=UTM, shape=(120, 160), **options):
    path = write(tmp_path / name, ground(*shape), crs=crs, transform=north_up(gsd, corner),
                 **options)  # fmt: skip
    return describe_image(Image(path, gsd_m=gsd if crs is None else None))


@pytest.mark.parametrize(("before_m", "after_m", "kept"), [(1.0, 1.0, "b"), (1.0, 0.5, "a")])
def test_a_pictures_own_pixels_are_kept_the_afters_first(tmp_path, before_m, after_m, kept):
    before = picture_info(tmp_path, "a.tif", before_m, (400_000.37, 4_600_000.81))
    after = picture_info(tmp_path, "b.tif", after_m, (400_020.13, 4_600_010.29), shape=(300, 400))
    grid = plan_grid(before, after, None, SETTINGS, 0.3)
    own = before.grid if kept == "a" else after.grid
    row, col = own.rowcol(*grid.xy(np.array(0), np.array(0)))
    assert float(row) == pytest.approx(round(float(row)), abs=1e-6)
    assert float(col) == pytest.approx(round(float(col)), abs=1e-6)
    assert grid.transform.a == 1.0


def test_the_coarser_gsd_wins_and_the_model_limits_it(tmp_path):
    before = picture_info(tmp_path, "a.tif", 0.5)
    after = picture_info(tmp_path, "b.tif", 1.0)
    assert plan_grid(before, after, None, SETTINGS, 0.3).transform.a == 1.0
    grid = plan_grid(before, after, None, SETTINGS, 2.0)
    assert grid.transform.a == 2.0
    assert grid.transform.c % 2.0 == 0.0
    assert grid.transform.f % 2.0 == 0.0


def box_aoi(west, south, east, north, crs=UTM):
    from shapely.geometry import box

    return Aoi(box(west, south, east, north), CRS.from_user_input(crs))


def test_the_margin_ends_with_the_pictures_and_the_aoi_does_not(tmp_path):
    before = picture_info(tmp_path, "a.tif", 1.0, shape=(600, 700))
    aoi = box_aoi(400_300, 4_599_700, 400_320, 4_599_720)
    grid = plan_grid(before, before, aoi, GridSettings(least_margin_px=10), 0.3)
    assert grid.bounds == (400_240, 4_599_640, 400_380, 4_599_780)
    edge = box_aoi(399_990, 4_599_990, 400_010, 4_600_010)
    grid = plan_grid(before, before, edge, GridSettings(least_margin_px=10), 0.3)
    assert grid.bounds == (399_990, 4_599_930, 400_070, 4_600_010)  # 10 m of it are not seen


def test_pictures_in_degrees_and_mercator_are_laid_in_utm(tmp_path):
    to = Transformer.from_crs(UTM, "EPSG:3857", always_xy=True)
    x, y = to.transform(*CORNER)
    before = picture_info(tmp_path, "a.tif", 1.3, (x, y), "EPSG:3857")
    lon, lat = Transformer.from_crs(UTM, "EPSG:4326", always_xy=True).transform(*CORNER)
    path = write(tmp_path / "b.tif", ground(), crs="EPSG:4326",
                 transform=Affine(1.2e-5, 0, lon, 0, -0.9e-5, lat))  # fmt: skip
    after = describe_image(Image(path))
    grid = plan_grid(before, after, None, SETTINGS, 0.3)
    assert grid.crs == CRS.from_epsg(32652)
    assert grid.transform.a == pytest.approx(1.0, abs=0.05)


def test_a_picture_without_crs_is_covered_exactly(tmp_path):
    before = picture_info(tmp_path, "a.png", 0.2, crs=None, driver="PNG", shape=(101, 203))
    same = plan_grid(before, before, None, SETTINGS, 0.1)
    assert same == before.grid
    coarse = plan_grid(before, before, None, SETTINGS, 0.3)
    np.testing.assert_allclose(coarse.bounds, before.grid.bounds)
    assert coarse.gsd_m == pytest.approx(0.3, rel=0.02)


def test_pictures_apart_and_an_aoi_elsewhere_are_told(tmp_path):
    before = picture_info(tmp_path, "a.tif")
    after = picture_info(tmp_path, "b.tif", corner=(500_000, 4_600_000))
    with pytest.raises(NoOverlapError, match="do not overlap"):
        plan_grid(before, after, None, SETTINGS, 0.3)
    with pytest.raises(NoOverlapError, match=r"lies outside .*a\.tif"):
        plan_grid(before, before, box_aoi(0, 4_600_000, 10, 4_600_010), SETTINGS, 0.3)


def test_a_grid_of_too_many_pixels_is_refused(tmp_path):
    before = picture_info(tmp_path, "a.tif")
    with pytest.raises(SettingsError, match="allowed are 100"):
        plan_grid(before, before, None, GridSettings(most_grid_pixels=100), 0.3)


@pytest.mark.parametrize("east_m", [-400.0, -10.0, 300.0])
def test_a_site_across_the_180th_meridian_is_refused_and_one_beside_it_is_not(tmp_path, east_m):
    x, y = Transformer.from_crs(4326, 32660, always_xy=True).transform(180.0, 45.0)
    info = picture_info(tmp_path, "a.tif", corner=(x + east_m, y), crs="EPSG:32660")
    if east_m == -10.0:
        with pytest.raises(SiteError, match="crosses the 180th meridian"):
            plan_grid(info, info, None, SETTINGS, 0.3)
    else:
        zone = "60N" if east_m < 0 else "1N"
        assert plan_grid(info, info, None, SETTINGS, 0.3).crs.utm_zone == zone


# --- resampling --------------------------------------------------------------------------------


def smooth(x, y):
    """A picture that is a function of the ground: waves of 40 m and more."""
    u, v = (x - CORNER[0]) / 40, (y - CORNER[1]) / 55
    return 128 + 50 * np.sin(u + 0.3) + 50 * np.cos(v - 0.2 * u)


def written_view(path, crs, transform, shape):
    """The smooth picture as a float file in any CRS."""
    grid = Grid(CRS.from_user_input(crs), transform, shape)
    row, col = np.mgrid[: shape[0], : shape[1]]
    x, y = Transformer.from_crs(crs, UTM, always_xy=True).transform(*grid.xy(row, col))
    return write(path, smooth(x, y)[None], crs=crs, transform=transform, dtype="float32")


def view(name):
    """CRS and transform of a picture that covers the test's ground."""
    crs = {"degrees": "EPSG:4326", "mercator": "EPSG:3857", "zone": "EPSG:32651"}.get(name, UTM)
    x, y = Transformer.from_crs(UTM, crs, always_xy=True).transform(*CORNER)
    transforms = {
        "degrees": Affine(0.9e-5, 0, x - 1e-3, 0, -0.7e-5, y + 1e-3),
        "mercator": Affine(1.1, 0, x - 60, 0, -1.1, y + 60),
        "zone": Affine(0.7, 0, x - 60, 0, -0.7, y + 60),
        "turned": Affine.translation(x, y) @ Affine.rotation(-20) @ Affine.scale(0.8, -0.8),
    }
    return crs, transforms[name]


@pytest.mark.parametrize("name", ["degrees", "mercator", "zone", "turned"])
def test_any_view_of_the_ground_reads_the_same(tmp_path, name):
    path = written_view(tmp_path / "a.tif", *view(name), (420, 460))
    grid = Grid(CRS.from_user_input(UTM), north_up(), (150, 140))
    raster = read_raster(Image(path), grid)
    row, col = np.mgrid[:150, :140]
    want = smooth(*grid.xy(row, col))
    assert raster.valid.mean() > 0.5
    inner = ndimage.binary_erosion(raster.valid, iterations=2, border_value=1)
    # waves of slope 1.3 a metre: 0.05 px of misplacement would be 0.06
    np.testing.assert_allclose(raster.bands[0][inner], want[inner], atol=0.02)


class Moved:
    """An alignment that grows toward the east."""

    def displacement(self, x, y):
        return 3.3 + (x - CORNER[0]) * 0.01, -1.7 + np.zeros_like(y)


def test_the_moving_picture_is_sampled_where_its_content_lies(tmp_path):
    path = written_view(tmp_path / "a.tif", UTM, north_up(1.0, (399_980, 4_600_020)), (220, 220))
    grid = Grid(CRS.from_user_input(UTM), north_up(), (150, 140))
    raster = read_raster(Image(path), grid, Moved())
    x, y = grid.xy(*np.mgrid[:150, :140])
    east, north = Moved().displacement(x, y)
    assert raster.valid.all()
    np.testing.assert_allclose(raster.bands[0], smooth(x - east, y - north), atol=0.02)


def test_blocks_leave_no_seam(tmp_path, monkeypatch):
    from landshift.reading import resampling

    path = written_view(tmp_path / "a.tif", *view("turned"), (420, 460))
    grid = Grid(CRS.from_user_input(UTM), north_up(2.3), (60, 70))
    whole = read_raster(Image(path), grid)
    monkeypatch.setattr(resampling, "_BLOCK_PX", 16)
    parts = read_raster(Image(path), grid)
    np.testing.assert_array_equal(parts.valid, whole.valid)
    np.testing.assert_allclose(parts.bands, whole.bands, atol=1e-3)


def test_a_picture_that_shows_nothing_there_is_told(tmp_path):
    path = write(tmp_path / "a.tif", ground())
    far = Grid(CRS.from_user_input(UTM), north_up(1.0, (410_000, 4_600_000)), (10, 10))
    with pytest.raises(NoOverlapError, match="shows nothing there"):
        read_raster(Image(path), far)


def test_codes_go_back_to_the_pictures_own_pixels():
    fine = Grid(None, Affine(0.25, 0, 0, 0, -0.25, 0), (40, 48))
    coarse = Grid(None, Affine(0.5, 0, 0, 0, -0.5, 0), (20, 24))
    codes = np.random.default_rng(0).integers(0, 9, (20, 24)).astype(np.uint8)
    back = nearest_codes(codes, coarse, fine)
    np.testing.assert_array_equal(back, codes.repeat(2, axis=0).repeat(2, axis=1))


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("name", "gsd", "bands"),
    [
        ("jeju_greenhouse/images/1.png", 0.25, ("red", "green", "blue")),
        ("s2_landcover_deva/s2_10bands_10m.tif", None, S2),
        ("register_s2_l9/2023-06-30-22-01-55_L9_ms.tif", None, ("",) * 4),
    ],
)
def test_real_pictures_are_read(real, name, gsd, bands):
    raster = own_raster(real(name), gsd_m=gsd)
    assert raster.sensor.bands == bands
    assert raster.valid.mean() > 0.6
    assert np.isfinite(raster.bands).all()


@pytest.mark.parametrize(
    ("name", "code"),
    [("EPSG:32652", 32652), ("urn:ogc:def:crs:EPSG::32652", 32652), ("EPSG:3857", 3857),
     ("urn:ogc:def:crs:EPSG:6.9:32652", 32652), ("urn:ogc:def:crs:OGC:1.3:CRS84", 4326)],
)  # fmt: skip
def test_the_crs_of_an_outline_is_the_one_it_names(tmp_path, name, code):
    document = {"crs": {"type": "name", "properties": {"name": name}}}
    assert crs_of(document, tmp_path).to_epsg() == code


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "float32"])
@pytest.mark.parametrize("moved", [0.0, 0.3])
def test_brightness_is_the_mean_of_the_bands_asked_for(tmp_path, dtype, moved):
    bands = ground(rows=90, cols=70).astype(dtype)
    bands[:, 20:30, 10:40] = 0
    names = ("red", "green", "blue")
    path = write(tmp_path / "a.tif", bands, descriptions=names, nodata=0, dtype=dtype)
    grid = describe_image(Image(path)).grid
    grid = Grid(grid.crs, grid.transform @ Affine.translation(moved, moved), grid.shape)
    raster = read_raster(Image(path), grid)
    for roles, chosen in ((("green", "red"), [0, 1]), ((), [0, 1, 2])):
        found = read_brightness(Image(path), grid, roles)
        np.testing.assert_array_equal(found.valid, raster.valid)
        seen = found.pixels[found.valid].astype(np.float64)
        expected = raster.bands[chosen].mean(axis=0)[raster.valid]
        assert found.pixels.dtype == (np.float32 if dtype == "float32" else np.uint16)
        unit = {"uint8": 257, "int16": 1, "uint16": 1, "float32": 1}[dtype]
        seen = seen / unit - (32768 if dtype == "int16" else 0)
        np.testing.assert_allclose(seen, expected, atol=0.51 / unit)
