"""What people know of the ground, laid where it belongs, whatever kind of file it comes in."""

import json

import numpy as np
import pytest
import rasterio
from affine import Affine
from click.testing import CliRunner

import landshift
from landshift.cli import main
from landshift.errors import ImageError, InputError, SiteError
from landshift.grid import Grid
from landshift.legend import Cover
from landshift.reading import read_codes, read_covers, read_reference, unmet_features
from landshift.training.folder import read_folder
from pictures import CORNER, ground, north_up, write

SIDE = 80
COVERS = np.kron(np.array([[1, 3], [6, 8]]), np.ones((SIDE // 2, SIDE // 2))).astype(np.uint8)


def features(path, geometries, classes):
    crs = {"type": "name", "properties": {"name": "EPSG:32652"}}
    drawn = [
        {"type": "Feature", "properties": {"class": name}, "geometry": geometry}
        for geometry, name in zip(geometries, classes, strict=True)
    ]
    path.write_text(json.dumps({"type": "FeatureCollection", "crs": crs, "features": drawn}))
    return path


def point(row, col):
    return {"type": "Point", "coordinates": [CORNER[0] + col + 0.5, CORNER[1] - row - 0.5]}


def test_points_are_units_of_a_reference(tmp_path):
    cover = write(tmp_path / "map.tif", COVERS[None])
    rng = np.random.default_rng(0)
    places = {tuple(place) for place in rng.integers(0, SIDE, (60, 2)).tolist()}
    names = [Cover(COVERS[place]).label for place in sorted(places)]
    drawn = features(tmp_path / "p.geojson", [point(*place) for place in sorted(places)], names)
    _, grid = read_codes(cover, None)
    known = read_reference(drawn, grid)
    assert all(known[place] == COVERS[place] for place in places)
    assert (known > 0).sum() == len(places)
    found = landshift.assess(cover, drawn)
    assert found.matrix.sum() > 0.8 * len(places)  # two side by side are one
    assert found.overall_accuracy == 1.0


@pytest.mark.parametrize("wrong", [["a", 1], [1], None, [1e400, 0]])
def test_a_point_that_is_none_is_named(tmp_path, wrong):
    bad = {"type": "Point", "coordinates": wrong}
    drawn = features(tmp_path / "p.geojson", [bad], ["building"])
    _, grid = read_codes(write(tmp_path / "map.tif", COVERS[None]), None)
    with pytest.raises(SiteError, match="polygon 1: the point"):
        read_reference(drawn, grid)


@pytest.mark.parametrize("wrong", [[1, 2], "POLYGON", 3, None])
def test_a_geometry_that_is_none_is_named(tmp_path, wrong):
    drawn = features(tmp_path / "p.geojson", [wrong], ["building"])
    _, grid = read_codes(write(tmp_path / "map.tif", COVERS[None]), None)
    with pytest.raises(SiteError, match="polygon 1: the aoi is a None; allowed are Polygon"):
        read_reference(drawn, grid)


def test_labels_without_a_crs_lie_on_the_picture_they_describe(tmp_path):
    write(tmp_path / "town.tif", ground(SIDE, SIDE), transform=north_up(0.6))
    write(tmp_path / "town.label.png", COVERS[None], crs=None, driver="PNG")
    ((_, tile),) = read_folder(tmp_path, ("red", "green", "blue"), (0.4, 2.0), None)
    assert np.array_equal(tile.covers[0], COVERS)
    cover = write(tmp_path / "map.tif", COVERS[None])
    assert landshift.assess(cover, tmp_path / "town.label.png").overall_accuracy == 1.0
    small = write(tmp_path / "small.png", COVERS[None, :40, :40], crs=None, driver="PNG")
    with pytest.raises(ImageError, match="40 x 40 pixels and no CRS; allowed"):
        landshift.assess(cover, small)


def test_labels_of_a_picture_finer_than_the_model_lie_where_they_were_drawn(tmp_path):
    labels = write(tmp_path / "labels.png", COVERS[None], crs=None, driver="PNG")
    picture = Grid(None, Affine(0.25, 0, 0, 0, -0.25, 0), (SIDE, SIDE))
    worked_on = Grid(None, Affine(0.5, 0, 0, 0, -0.5, 0), (SIDE // 2, SIDE // 2))
    assert np.array_equal(read_covers(labels, worked_on, picture), COVERS[1::2, 1::2])


@pytest.mark.parametrize(("dtype", "nodata"), [("uint8", 99), ("int16", -9999),
                                               ("float64", np.nan)])  # fmt: skip
def test_the_nodata_of_a_raster_of_codes_is_no_code(tmp_path, dtype, nodata):
    codes = COVERS.astype(dtype)
    codes[:10] = nodata
    read, _ = read_codes(write(tmp_path / "c.tif", codes[None], nodata=nodata), None)
    assert not read[:10].any()
    assert np.array_equal(read[10:], COVERS[10:])


def test_what_a_mask_hides_of_a_raster_of_codes_is_no_code(tmp_path):
    codes = np.full((20, 20), 3, np.uint8)
    path = write(tmp_path / "c.tif", codes[None])
    seen = np.arange(20)[:, None] >= np.full(20, 10)
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(path, "r+") as file:
        file.write_mask(seen)
    read, _ = read_codes(path, None)
    np.testing.assert_array_equal(read, np.where(seen, 3, 0))


def test_polygons_that_say_nothing_are_counted(tmp_path):
    def square(row, col, side):
        x, y = CORNER[0] + col, CORNER[1] - row
        ring = [[x, y], [x + side, y], [x + side, y - side], [x, y - side], [x, y]]
        return {"type": "Polygon", "coordinates": [ring]}

    _, grid = read_codes(write(tmp_path / "map.tif", COVERS[None]), None)
    drawn = features(
        tmp_path / "p.geojson",
        [square(5, 5, 4), square(500, 5, 4), square(20.1, 20.1, 0.2), square(4, 4, 9)],
        ["cropland", "building", "building", "woody"],
    )
    shown = np.ones((SIDE, SIDE), bool)
    assert unmet_features(drawn, grid, shown) == 3
    shown[:20] = False
    assert unmet_features(drawn, grid, shown) == 4
    assert set(np.unique(read_reference(drawn, grid))) == {0, Cover.WOODY}


def test_an_assessment_tells_what_of_its_reference_says_nothing(tmp_path):
    shown = COVERS.copy()
    shown[:, 70:] = 0
    cover = write(tmp_path / "map.tif", shown[None])
    places = [point(9, 9), point(9, 60), point(60, 9), point(60, 60)]
    lost = [point(9, 75), point(-9, 9), point(9, 9)]
    names = ["cropland", "building", "woody", "water"]
    drawn = features(tmp_path / "p.geojson", places + lost,
                     [*names, "building", "building", "cropland"])  # fmt: skip
    twice = json.loads(drawn.read_text())
    twice["features"] += [
        {"type": "Feature", "properties": {"class": name}, "geometry": point(30 + row, 3 + col)}
        for name, row, col in zip(names, (0, 0, 40, 40), (0, 50, 0, 50), strict=True)
    ]
    drawn.write_text(json.dumps(twice))
    found = landshift.assess(cover, drawn)
    assert found.matrix.sum() == 8
    assert found.unmet == found.as_dict()["unmet"] == 3
    told = CliRunner().invoke(main, ["assess", str(cover), str(drawn)]).stdout
    words = "3 polygons or points say nothing: outside of what is mapped"
    assert words in told
    assert words in found._repr_html_()
    none = landshift.assess(cover, write(tmp_path / "truth.tif", COVERS[None]))
    assert none.unmet == 0
    assert "say nothing" not in none._repr_html_()


def test_changes_are_not_scored_by_land_cover_nor_taught(tmp_path):
    changes = write(tmp_path / "changes.tif", (COVERS + 10)[None])
    covers = write(tmp_path / "covers.tif", COVERS[None])
    for one, other in ((changes, covers), (covers, changes)):
        with pytest.raises(InputError, match="the map holds"):
            landshift.assess(one, other)
    names = ["cropland → cropland", 13, "cropland → woody", "cropland → water"]
    places = [point(9, 9), point(9, 60), point(60, 9), point(60, 60)]
    drawn = features(tmp_path / "p.geojson", places * 2, names * 2)
    with pytest.raises(InputError, match="no class of the map has 2 units"):
        landshift.assess(changes, drawn)
    _, grid = read_codes(changes, None)
    assert read_reference(drawn, grid)[9, 60] == 13
    with pytest.raises(ImageError, match="is a change; allowed are 1 to 8"):
        read_covers(changes, grid)


def test_of_a_polygon_partly_off_the_map_the_mapped_part_is_the_unit(tmp_path):
    codes = COVERS.copy()
    codes[:, : SIDE // 2] = 0  # outside of the site
    cover = write(tmp_path / "map.tif", codes[None])
    x, y, half = CORNER[0], CORNER[1], SIDE // 2

    def square(row, left, right):
        ring = [[x + left, y - row], [x + right, y - row], [x + right, y - row - 3],
                [x + left, y - row - 3], [x + left, y - row]]  # fmt: skip
        return {"type": "Polygon", "coordinates": [ring]}

    # none of them meets a row and column of the sample that lies on the map
    inside = [square(row, half + 7, half + 11) for row in (1, 11, 21, 31)]
    across = [square(row, half - 6, half + 3) for row in (1, 11, 21, 31)]
    found = [
        landshift.assess(cover, features(tmp_path / "p.geojson", some, ["building"] * len(some)))
        for some in (inside, across, inside + across)
    ]
    assert [int(one.matrix.sum()) for one in found] == [4, 4, 8]
    assert [one.unmet for one in found] == [0, 0, 0]


@pytest.mark.parametrize(("confidence", "words"), [("0.999", "99.9%"), ("0.975", "97.5%"),
                                                   ("0.9", "90%")])  # fmt: skip
def test_an_interval_is_named_no_surer_than_it_is(tmp_path, confidence, words):
    cover = write(tmp_path / "map.tif", COVERS[None])
    told = CliRunner().invoke(main, ["assess", str(cover), str(cover), "--confidence", confidence])
    assert words in told.output
    found = landshift.assess(cover, cover, confidence=float(confidence))
    assert f"({words} interval" in found._repr_html_()
