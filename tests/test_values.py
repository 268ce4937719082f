"""Grid, legend, sensor and raster: the values that every stage relies on."""

from __future__ import annotations

import numpy as np
import pytest
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import CRS, Transformer

from landshift.grid import WGS84, Grid
from landshift.legend import (
    COVERS,
    TRANSITION_CODES,
    Cover,
    split_code,
    transition_code,
    transition_colour,
)
from landshift.raster import Raster
from landshift.sensor import FAMILY_BANDS, Sensor

UTM52 = CRS.from_epsg(32652)


def grid_of_box(crs, box, shape):
    """A grid whose pixels cover a box in degrees exactly, in a CRS whose axes follow degrees."""
    change = Transformer.from_crs(WGS84, crs, always_xy=True)
    (west, east), (south, north) = change.transform(*[np.array(v) for v in box])
    rows, cols = shape
    return Grid(
        crs, Affine((east - west) / cols, 0, west, 0, (south - north) / rows, north), shape
    )


@pytest.mark.parametrize("lat", [0.5, 38.0, -42.0, 63.0])
def test_the_same_ground_has_the_same_hectares_in_degrees_mercator_and_utm(lat):
    lon, side = 129.0, 0.02  # on the central meridian, where UTM's axes follow degrees
    box = ((lon - side / 2, lon + side / 2), (lat, lat + side / 2))
    hectares = {}
    for name, crs in (
        ("degrees", WGS84),
        ("mercator", CRS.from_epsg(3857)),
        ("utm", CRS.from_epsg(32652 if lat > 0 else 32752)),
    ):
        grid = grid_of_box(crs, box, (90, 120))
        hectares[name] = float(grid.pixel_hectares.sum() * grid.shape[1])
    for name in ("mercator", "utm"):
        assert hectares[name] == pytest.approx(hectares["degrees"], rel=1e-3), hectares


def test_a_planar_mercator_pixel_would_be_wrong_by_half():
    grid = Grid(CRS.from_epsg(3857), Affine(1, 0, 14_300_000, 0, -1, 4_600_000), (10, 10))
    assert grid.pixel_hectares[5] < 1e-4 * 0.65


def test_local_metres_are_counted_as_they_are():
    grid = Grid(None, Affine(0.5, 0, 0, 0, -0.5, 0), (4, 6))
    np.testing.assert_allclose(grid.pixel_hectares, 0.25e-4)
    assert grid.gsd_m == pytest.approx(0.5)


@settings(deadline=None, max_examples=50)
@given(
    st.floats(0.1, 30), st.floats(-40, 40), st.integers(1, 400), st.integers(1, 400),
    st.floats(-50, 450), st.floats(-50, 450),
)  # fmt: skip
def test_rowcol_is_the_inverse_of_xy(gsd, turn, rows, cols, row, col):
    transform = Affine.translation(4e5, 4.6e6) @ Affine.rotation(turn) @ Affine.scale(gsd, -gsd)
    grid = Grid(UTM52, transform, (rows, cols))
    back = grid.rowcol(*grid.xy(np.array([row]), np.array([col])))
    np.testing.assert_allclose(np.ravel(back), [row, col], atol=1e-5)


def test_a_window_lies_where_its_grid_does():
    grid = Grid(UTM52, Affine(2, 0, 400_000, 0, -2, 4_600_000), (50, 60))
    part = grid.window(10, 20, 5, 5)
    assert part.xy(np.array(0), np.array(0)) == grid.xy(np.array(10), np.array(20))
    assert part.bounds == (400_040, 4_599_970, 400_050, 4_599_980)


@pytest.mark.parametrize("transform", [Affine(0, 0, 0, 0, 0, 0), Affine(1, 1, 0, 1, 1, 0)])
def test_a_grid_without_area_is_refused(transform):
    with pytest.raises(ValueError, match="no area"):
        Grid(None, transform, (2, 2))


def test_a_grid_without_pixels_is_refused():
    with pytest.raises(ValueError, match="at least one"):
        Grid(None, Affine(1, 0, 0, 0, -1, 0), (0, 2))


def test_codes_and_pairs_are_each_other():
    assert len(set(TRANSITION_CODES)) == 64
    for code in TRANSITION_CODES:
        assert transition_code(*split_code(code)) == code
        assert all(0 <= part <= 255 for part in transition_colour(code))
    assert transition_code(Cover.CROPLAND, Cover.BUILDING) == 13
    assert [int(cover) for cover in COVERS] == list(range(1, 9))


@pytest.mark.parametrize("code", [0, 9, 90, 19, 255])
def test_what_is_no_transition_is_refused(code):
    with pytest.raises(ValueError, match="is not a valid"):
        split_code(code)


def made_raster(bands=("red", "green", "blue")):
    grid = Grid(None, Affine(1, 0, 0, 0, -1, 0), (4, 5))
    values = np.arange(len(bands) * 20, dtype=np.float32).reshape(-1, 4, 5)
    return Raster(values, np.ones((4, 5), bool), grid, Sensor(bands, 1.0))


def test_a_raster_gives_bands_by_role_and_is_frozen():
    raster = made_raster()
    np.testing.assert_array_equal(raster.select(("blue", "red")), raster.bands[[2, 0]])
    with pytest.raises(KeyError, match="nir"):
        raster.select(("nir",))
    with pytest.raises(ValueError, match="read-only"):
        raster.bands[0, 0, 0] = 1


def test_a_raster_off_its_grid_is_refused():
    raster = made_raster()
    with pytest.raises(ValueError, match="do not lie on grid"):
        Raster(raster.bands[:, 1:], raster.valid, raster.grid, raster.sensor)
    with pytest.raises(ValueError, match="does not lie on grid"):
        Raster(raster.bands, raster.valid[1:], raster.grid, raster.sensor)
    with pytest.raises(ValueError, match="roles"):
        Raster(raster.bands[:2], raster.valid, raster.grid, raster.sensor)


@pytest.mark.parametrize(
    ("bands", "gsd_m", "family"),
    [
        (("red", "green", "blue"), 0.5, "rgb"),
        (("red", "green", "blue", "nir"), 3.0, "rgbn"),
        (("blue", "green", "red", "nir", ""), 5.0, "rgbn"),
        (("red", "green", "blue", "nir"), 0.3, "rgb"),
        (FAMILY_BANDS["multispectral"], 10.0, "multispectral"),
        (FAMILY_BANDS["multispectral"], 3.0, "rgbn"),
        (("pan",), 0.5, None),
        (("red", "nir"), 3.0, None),
    ],
)
def test_a_sensor_knows_the_richest_family_that_it_feeds(bands, gsd_m, family):
    assert Sensor(bands, gsd_m).family(gsd_m) == family
