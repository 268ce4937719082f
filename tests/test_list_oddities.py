"""Cells of a list that nobody thought of: each spoils its own row at most."""

from __future__ import annotations

import json
import unicodedata

import numpy as np
import pytest
import shapely
from pyproj import CRS

from command_line import run
from landshift.batch import site_list
from landshift.batch.ledger import Ledger
from landshift.batch.naming import folder_name
from landshift.batch.site_list import read_site_list
from landshift.errors import SiteError
from landshift.grid import WGS84
from landshift.reading import project_polygon, read_aoi, read_facts

RING = "((129.6 41.58, 129.61 41.58, 129.61 41.59, 129.6 41.59, 129.6 41.58))"
SQUARE = shapely.geometry.mapping(shapely.from_wkt(f"POLYGON {RING}"))


def read(tmp_path, *rows, head="id,before,after,aoi"):
    path = tmp_path / "sites.csv"
    path.write_text("\n".join([head, *rows]) + "\n", encoding="utf-8")
    return read_site_list(path).sites


def problems(sites):
    return [site.problem for site in sites]


def features(tmp_path, *given):
    """A GeoJSON list of two good sites around ``given``."""
    good = [{"type": "Feature", "geometry": SQUARE,
             "properties": {"id": name, "before": "a.tif", "after": "b.tif"}}
            for name in ("good", "fine")]  # fmt: skip
    path = tmp_path / "sites.geojson"
    listed = {"type": "FeatureCollection", "features": [good[0], *given, good[1]]}
    path.write_text(json.dumps(listed))
    return read_site_list(path).sites


def geopackage(tmp_path, shapes, kind, **columns):
    raw = pytest.importorskip("pyogrio.raw")
    count = len(shapes)
    named = {"id": [f"s{n}" for n in range(count)], "before": ["a.tif"] * count,
             "after": ["b.tif"] * count}  # fmt: skip
    named = {name: np.array(cells, object) for name, cells in named.items()} | columns
    path = tmp_path / "sites.gpkg"
    raw.write(path, np.array([shape.wkb for shape in shapes], object), list(named.values()),
              list(named), driver="GPKG", crs="EPSG:32652", geometry_type=kind)  # fmt: skip
    return read_site_list(path).sites


def test_points_in_metres_become_squares(tmp_path):
    points = [shapely.Point(400_000, 4_600_000), shapely.Point(401_000, 4_600_000)]
    sites = geopackage(tmp_path, points, "Point", radius_m=np.array([500.0, 500.0]))
    assert problems(sites) == ["", ""]
    assert sites[0].lon == pytest.approx(127.804, abs=0.01)


def test_multipoints_in_metres_are_told_row_by_row(tmp_path):
    points = [shapely.MultiPoint([(400_000, 4_600_000)])] * 2
    sites = geopackage(tmp_path, points, "MultiPoint", radius_m=np.array([500.0, 500.0]))
    assert all("the aoi is a MultiPoint; allowed are" in problem for problem in problems(sites))


def test_a_point_is_projected():
    moved = project_polygon(shapely.Point(400_000, 4_600_000), CRS.from_epsg(32652), WGS84)
    assert moved.geom_type == "Point"
    assert moved.y == pytest.approx(41.54, abs=0.01)


def test_empty_days_and_numbers_of_a_geopackage_are_no_words(tmp_path):
    days = np.array(["NaT", "2023-05-12"], "datetime64[D]")
    gsd = np.array([np.nan, 0.5], np.float32)
    boxes = [shapely.box(x, 4_600_000, x + 200, 4_600_100) for x in (400_000, 401_000)]
    sites = geopackage(tmp_path, boxes, "Polygon", before_date=days, gsd=gsd)
    assert problems(sites) == ["", ""]
    assert [site.gsd_m for site in sites] == [None, 0.5]
    found = [site.site.before.date for site in sites]
    assert found[0] is None
    assert found[1].isoformat() == "2023-05-12"


def test_an_outline_with_its_srid_is_read(tmp_path):
    (site,) = read(tmp_path, f'ky,a.tif,b.tif,"srid=4326;POLYGON {RING}"')
    assert site.problem == ""
    assert site.lon == pytest.approx(129.605)


def test_a_file_may_be_called_polygon(tmp_path):
    (tmp_path / "polygon_1.geojson").write_text(json.dumps(SQUARE))
    (site,) = read(tmp_path, "ky,a.tif,b.tif,polygon_1.geojson")
    assert site.problem == ""


INLINE = json.dumps(SQUARE | {"why": "x" * 300}).replace('"', '""')
OTHER_SRID = ", ".join(f"{x} 0" for x in range(200))


@pytest.mark.parametrize(
    ("cell", "why"),
    [(f"SRID=5186;POLYGON (({OTHER_SRID}))", "aoi has SRID 5186; allowed is 4326"),
     (INLINE, "could not be read: File name too long"),
     (INLINE.replace("x" * 300, "x" * 3000), "could not be read: File name too long")],
    ids=["srid", "inline", "long"],
)  # fmt: skip
def test_an_outline_that_is_no_file_name_spoils_one_row(cell, why, tmp_path):
    sites = read(tmp_path, "good,a.tif,b.tif,", f'x,a.tif,b.tif,"{cell}"', "fine,a.tif,b.tif,")
    assert problems(sites)[::2] == ["", ""]
    assert why in sites[1].problem
    assert sites[1].place == "line 3"


@pytest.mark.parametrize(("members", "kind"), [({"a": 1}, "dict"), (5, "int"), (None, "NoneType")])
def test_features_that_are_no_list_are_refused(members, kind, tmp_path):
    path = tmp_path / "site.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": members}))
    for reads in (read_facts, read_aoi):
        with pytest.raises(SiteError, match=f"its features are a {kind}; a list of features"):
            reads(path)


def test_coordinates_beyond_all_numbers_spoil_one_row(tmp_path):
    row = {"id": "x", "before": "a.tif", "after": "b.tif", "radius_m": 500}
    ring = [[0, 0], [10**400, 0], [1, 1], [0, 0]]
    sites = features(
        tmp_path,
        {"properties": row, "geometry": {"type": "Point", "coordinates": [10**400, 1]}},
        {"properties": row, "geometry": {"type": "Polygon", "coordinates": [ring]}},
    )
    assert problems(sites)[::3] == ["", ""]
    assert sites[1].problem == "the point's coordinates cannot be read"
    assert "feature 3: the aoi's coordinates cannot be read: int too large" in sites[2].problem


def test_an_aoi_with_coordinates_beyond_all_numbers_is_one_error(tmp_path):
    path = tmp_path / "site.geojson"
    ring = [[0, 0], [10**400, 0], [1, 1], [0, 0]]
    path.write_text(json.dumps({"type": "Polygon", "coordinates": [ring]}))
    with pytest.raises(SiteError, match="the aoi's coordinates cannot be read"):
        read_aoi(path)


def test_names_of_columns_can_be_stored(tmp_path):
    row = {"id": "x", "before": "a.tif", "after": "b.tif", "bad\ud800": 1, "bad": 2, "\u200b": 3}
    sites = features(tmp_path, {"properties": row, "geometry": SQUARE})
    assert dict(sites[1].extra) == {"bad": "1", "bad_": "2", "column": "3"}
    ledger = Ledger(tmp_path)
    ledger.list_sites(sites)
    ledger.close()


def test_a_signed_address_stays_whole(tmp_path):
    address = "https://host/20240529.tif?signature=" + "f" * 3000
    (site,) = read(
        tmp_path, f"ky,{address},{address},,hidden:{address}", head="id,before,after,aoi,after_mask"
    )
    assert site.problem == ""
    assert (site.before, site.after, site.after_mask) == (address, address, address)
    assert site.site.before.path.name == "20240529.tif"


@pytest.mark.parametrize(
    ("text", "why"),
    [("https://host/a.tif?" + "f" * 9000, "before has 9019 characters; an address may have 8000"),
     ("a/" * 300 + "b.tif", "before has 605 characters; a file may have 500"),
     ("경" * 100 + ".tif", "before holds a name of 304 bytes; allowed are 255"),
     ("https://host/a\0.tif?" + "f" * 900, "before holds characters that no file name has"),
     ("https://[host/a.tif", "cannot be used: ValueError: Invalid IPv6 URL")],
    ids=["address", "path", "name", "characters", "host"],
)  # fmt: skip
def test_what_names_no_picture_spoils_one_row(text, why, tmp_path):
    sites = read(tmp_path, "good,a.tif,b.tif,", f"x,{text},b.tif,", "fine,a.tif,b.tif,")
    assert problems(sites)[::2] == ["", ""]
    assert why in sites[1].problem


def test_a_quote_that_is_not_closed_hides_no_row(tmp_path):
    for name in "ab":
        (tmp_path / f"{name}.tif").touch()
    rows = ("good,a.tif,b.tif,", 'x,a.tif,b.tif,"', "fine,a.tif,b.tif,", "last,a.tif,b.tif,")
    sites = read(tmp_path, *rows)
    lost = "cannot be read, and with it all up to line 5: a quote is opened and not closed"
    assert problems(sites) == ["", lost]
    assert sites[1].place == "line 3"
    done = run("batch", tmp_path / "sites.csv", "--out", tmp_path / "o", "--dry-run")
    assert done.exit_code == 3
    assert f"line 3: (no id): {lost}" in done.output


def test_a_quote_closed_by_the_next_rows_mixes_no_rows(tmp_path):
    head = "id,name,before,after"
    rows = ('x,"Kyong,a.tif,b.tif', 'y,"Song",c.tif,d.tif', "fine,,a.tif,b.tif")
    sites = read(tmp_path, *rows, head=head)
    assert [site.id for site in sites] == ["", "fine"]
    assert "cannot be read, and with it all up to line 3" in sites[0].problem


def test_a_first_line_with_an_open_quote_is_refused(tmp_path):
    with pytest.raises(SiteError, match=r"line 1 cannot be read.*: a quote is opened"):
        read(tmp_path, "ky,a.tif,b.tif", head='id,before,after,"aoi')


def test_quotes_as_people_write_them_are_read(tmp_path):
    rows = ('ky,"Kyong, ""Song""" ,a.tif,"b.tif" ', 'an,An" yang,a.tif,b.tif',
            'to,"two\nlines",a.tif,b.tif')  # fmt: skip
    sites = read(tmp_path, *rows, head='"id" ,name,before,after')
    assert problems(sites) == ["", "", ""]
    assert [site.name for site in sites] == ['Kyong, "Song"', 'An" yang', "two lines"]
    assert [site.place for site in sites] == ["line 2", "line 3", "line 4"]
    assert sites[0].after == "b.tif"


@pytest.mark.parametrize(
    ("one", "other"),
    [("a", "a "), ("a", " a"), ("a", "a\u200b"), ("A", "a\u00a0"), ("a b", "a\u200bb"),
     ("caf\u00e9", "cafe\u0301"), ("ky", "ｋｙ"), ("a/b", folder_name("a/b"))],
    ids=range(8),
)  # fmt: skip
def test_ids_that_look_alike_are_one(one, other, tmp_path):
    sites = read(tmp_path, f"{one},a.tif,b.tif,", f"{other},a.tif,b.tif,")
    assert sites[0].problem == ""
    assert sites[1].problem.endswith("stands already in line 2")


def test_a_space_beside_an_id_is_not_in_its_folder(tmp_path):
    assert read(tmp_path, " ky\u200b,a.tif,b.tif,")[0].folder == "ky"


@pytest.mark.parametrize(
    "name", ["ky", "a b", "경성", "a/b", "con", "x" * 600, unicodedata.normalize("NFD", "café")]
)
def test_ids_that_were_clean_keep_their_folders(name, tmp_path):
    assert read(tmp_path, f"{name},a.tif,b.tif,")[0].folder == folder_name(name)


@pytest.mark.parametrize(
    "error", [KeyError("x"), OverflowError("x"), shapely.errors.GEOSException("x")]
)
def test_what_nobody_thought_of_spoils_one_row(error, tmp_path, monkeypatch):
    def square(lon, lat, radius_m):
        raise error

    monkeypatch.setattr(site_list, "_square", square)
    sites = read(tmp_path, "x,a.tif,b.tif,,41,129,500", "fine,a.tif,b.tif,,,,",
                 head="id,before,after,aoi,lat,lon,radius_m")  # fmt: skip
    assert sites[0].problem == f"cannot be used: {type(error).__name__}: {error}"
    assert sites[1].problem == ""


def test_geoparquet_in_no_known_crs_is_one_error(tmp_path):
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    table = pa.table({"id": ["ky"], "before": ["a.tif"], "after": ["b.tif"], "geometry": [b""]})
    geo = {"primary_column": "geometry", "columns": {"geometry": {"crs": "no such"}}}
    path = tmp_path / "sites.parquet"
    parquet.write_table(table.replace_schema_metadata({"geo": json.dumps(geo)}), path)
    with pytest.raises(SiteError, match="not GeoParquet: Invalid projection"):
        read_site_list(path)


def test_half_a_character_in_a_name_spoils_no_answer(tmp_path):
    named = {"name": "a\ud800b", "id": "\udfff"}
    drawn = {"type": "Feature", "properties": named, "geometry": None}
    (tmp_path / "a.geojson").write_text(json.dumps(drawn))
    assert read_facts(tmp_path / "a.geojson") == {"name": "a?b", "id": "?"}
