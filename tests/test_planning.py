"""Which zone, which half of the earth, and how much ground around an aoi a grid takes in."""

import numpy as np
import pytest
from affine import Affine
from pyproj import CRS, Transformer
from shapely.geometry import box

from landshift.comparison import model_for
from landshift.grid import Grid
from landshift.reading import describe_image, notes_of_gsd, plan_grid, read_raster
from landshift.reading.resampling import _between_grids
from landshift.settings import GridSettings, Settings
from landshift.site import Aoi, Image
from pictures import CORNER, UTM, ground, north_up, write

SETTINGS = GridSettings()


def info_of(path, corner=CORNER, crs=UTM, shape=(120, 160), gsd=1.0):
    write(path, ground(*shape), crs=crs, transform=north_up(gsd, corner))
    return describe_image(Image(path))


@pytest.mark.parametrize(
    ("lon", "lat", "epsg"),
    [(125.9995, 40.0, 32651), (125.9985, 40.0, 32651), (126.0005, 40.0, 32652),
     (125.9995, -40.0, 32751)],
)  # fmt: skip
def test_the_zone_is_that_of_the_middle_on_its_half_of_the_earth(tmp_path, lon, lat, epsg):
    x, y = Transformer.from_crs(4326, 3857, always_xy=True).transform(lon, lat)
    corner = x - 80.0, y + 60.0  # of a picture of 160 x 120 units in Web Mercator
    info = info_of(tmp_path / "a.tif", corner, "EPSG:3857")
    grid = plan_grid(info, info, None, SETTINGS, 0.3)
    assert grid.crs == CRS.from_epsg(epsg)
    west, _, east, _ = grid.bounds
    assert 0.0 < west < east < 1e6
    assert grid.transform.e < 0.0


def test_a_zone_of_another_datum_is_kept_where_it_is_the_right_one(tmp_path):
    own = info_of(tmp_path / "a.tif", crs="EPSG:4326", corner=(129.0, 41.0), gsd=1e-5)
    other = info_of(tmp_path / "b.tif", crs="EPSG:3098", corner=(500_000.0, 4_538_760.0))
    assert other.grid.crs.utm_zone == "52N"  # JGD2000
    assert plan_grid(own, other, None, SETTINGS, 0.3).crs == CRS.from_epsg(3098)
    assert plan_grid(own, own, None, SETTINGS, 0.3).crs == CRS.from_epsg(32652)


def test_the_ground_around_an_aoi_is_so_many_metres_or_pixels(tmp_path):
    info = info_of(tmp_path / "a.tif", shape=(400, 400), gsd=10.0)
    x, y = CORNER[0] + 2000, CORNER[1] - 2000
    aoi = Aoi(box(x, y, x + 100, y + 100), CRS.from_user_input(UTM))
    for least_px, wide_m in ((20, 200), (3, 60)):
        settings = GridSettings(margin_m=60.0, least_margin_px=least_px)
        grid = plan_grid(info, info, aoi, settings, 0.3)
        np.testing.assert_allclose(grid.bounds, (x - wide_m, y - wide_m, x + 100 + wide_m,
                                                 y + 100 + wide_m))  # fmt: skip


def test_no_pixel_is_finer_than_the_coarser_pictures(tmp_path):
    fine = info_of(tmp_path / "a.tif", shape=(400, 400), gsd=1.0)
    coarse = info_of(tmp_path / "b.tif", gsd=3.0)
    for asked, found in ((None, 3.0), (0.5, 3.0), (2.9, 3.0), (3.0, 3.0), (4.0, 4.0)):
        settings = GridSettings(gsd_m=asked)
        for pair in ((fine, coarse), (coarse, fine)):
            assert plan_grid(*pair, None, settings, 0.3).transform.a == found
        notes = notes_of_gsd(fine, coarse, settings)
        assert bool(notes) == (asked is not None and asked < found)
    (note,) = notes_of_gsd(fine, coarse, GridSettings(gsd_m=0.5))
    assert note.startswith("a pixel of 0.5 m was asked for, but the coarser picture's are 3 m")
    # a nominal pixel is what its side says, wherever in its zone it lies
    assert notes_of_gsd(fine, fine, GridSettings(gsd_m=1.0)) == ()


def test_ten_bands_at_10_m_are_not_read_by_the_model_for_finer_pictures(tmp_path):
    bands = ("blue", "green", "red", "rededge1", "rededge2", "rededge3", "nir", "nir08", "swir1",
             "swir2")  # fmt: skip
    path = write(tmp_path / "a.tif", ground(bands=10), transform=north_up(10.0), descriptions=bands)
    info = describe_image(Image(path))
    for asked in (None, 2.0):
        settings = Settings(grid=GridSettings(gsd_m=asked))
        assert model_for(info, info, "open", settings).family == "multispectral"


@pytest.mark.parametrize("west", [179.999, -180.0004, 179.9996, 539.9996])
@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:3857"])
def test_a_picture_at_the_180th_meridian_is_read_on_both_sides_of_it(tmp_path, west, crs):
    lon = (west + 180.0) % 360.0 - 180.0
    unit = 1e-5 if crs == "EPSG:4326" else 1.113
    corner = (west, 10.0) if crs == "EPSG:4326" else (
        Transformer.from_crs(4326, 3857, always_xy=True).transform(lon, 10.0)
    )  # fmt: skip
    info = info_of(tmp_path / "a.tif", corner, crs, (60, 100), unit)
    zone = CRS.from_epsg(32660 if lon > 0 else 32601)
    x, y = Transformer.from_crs(4326, zone, always_xy=True).transform(lon, 10.0)
    grid = Grid(zone, Affine(1.1, 0.0, x - 40.0, 0.0, -1.1, y + 20.0), (90, 190))
    # a jump to the far side of the earth is a picture of millions of pixels to one
    row, col = _between_grids(grid, info.grid)(np.zeros(190), np.arange(190.0))
    np.testing.assert_allclose(np.diff(col), 1.0, atol=0.03)
    np.testing.assert_allclose(np.diff(row), 0.0, atol=0.03)
    assert read_raster(info.image, grid).valid.sum() == pytest.approx(60 * 100, rel=0.05)
