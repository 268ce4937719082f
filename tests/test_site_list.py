"""Lists that people and strangers make: every format, every bad row, every hostile name."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from landshift.batch.naming import folder_name, plain, spreadsheet_cell
from landshift.batch.site_list import read_site_list
from landshift.errors import SiteError

SQUARE = "POLYGON ((129.6 41.58, 129.61 41.58, 129.61 41.59, 129.6 41.59, 129.6 41.58))"
HEAD = "id,name,province,year,before,after,before_date,after_date,aoi,lat,lon,radius_m,gsd,bands,x"


def read(tmp_path, *rows, head=HEAD, name="sites.csv"):
    path = tmp_path / name
    path.write_text("\n".join([head, *rows]) + "\n", encoding="utf-8")
    return read_site_list(path).sites


def only(tmp_path, row):
    (site,) = read(tmp_path, row)
    return site


def test_a_row_becomes_a_site_beside_its_list(tmp_path):
    days = "2023-05-12,2024-05-29"
    site = only(tmp_path, f'ky,경성,"North Hamgyong",,a/b.tif,c.tif,{days},"{SQUARE}",,,'
                          ',0.5,"red,green,blue,nir",kept')  # fmt: skip
    assert site.problem == ""
    assert site.site.before.path == tmp_path / "a" / "b.tif"
    assert (site.before, site.after) == ("a/b.tif", "c.tif")
    assert site.site.before.bands == ("red", "green", "blue", "nir")
    assert site.site.after.date.isoformat() == "2024-05-29"
    assert (site.name, site.year, site.gsd_m) == ("경성", "2024", 0.5)
    assert dict(site.extra) == {"x": "kept"}
    assert site.lon == pytest.approx(129.605)
    assert site.place == "line 2"


def test_a_point_and_a_radius_become_a_square_on_the_ground(tmp_path):
    site = only(tmp_path, "ky,,,,a.tif,b.tif,,,,41.58778,129.60611,3000,,,")
    west, south, east, north = site.site.aoi.polygon.bounds
    assert north - south == pytest.approx(6000 / 111_060, rel=1e-3)
    assert (east - west) * np.cos(np.radians(41.588)) == pytest.approx(north - south, rel=4e-3)


def test_what_the_outlines_file_says_of_its_dates_counts_as_in_one_comparison(tmp_path):
    said = {"name": "경성", "before_date": "2023-05-12T10:30:00Z", "after_date": "2024-10-03"}
    outline = {"type": "Feature", "properties": said,
               "geometry": shapely.geometry.mapping(shapely.from_wkt(SQUARE))}  # fmt: skip
    (tmp_path / "site.geojson").write_text(json.dumps(outline))
    site = only(tmp_path, "ky,,,,a.tif,b.tif,,2024-10-05,site.geojson,,,,,,")
    days = [image.date.isoformat() for image in (site.site.before, site.site.after)]
    assert days == ["2023-05-12", "2024-10-05"]  # the row's own word comes first
    assert site.year == "2024"


BAD = {
    ",,,,a.tif,b.tif,,,,,,,,,": "id is missing",
    "x,,,,,b.tif,,,,,,,,,": "before is missing",
    "x,,,,a.tif,b.tif,12.5.2023,,,,,,,,": "before_date is '12.5.2023'; a day is written",
    "x,,,,a.tif,b.tif,2024-05-299,,,,,,,,": "before_date is '2024-05-299'",
    "x,,,,a.tif,b.tif,,,,41,,3000,,,": "lat, lon and radius_m go together",
    "x,,,,a.tif,b.tif,,,,91,129,3000,,,": "lat is 91; allowed are -90 to 90",
    "x,,,,a.tif,b.tif,,,,41,129,nan,,,": "radius_m is nan",
    "x,,,,a.tif,b.tif,,,,,,,far,,": "gsd is 'far', which is no number",
    "x,,,,a.tif,b.tif,,,,,,,,red blue red,": "names a band twice",
    "x,,,,a.tif,b.tif,,,,,,,,ultraviolet,": "bands: 'ultraviolet' is no band",
    "x,,,,a.tif,b.tif,,,POLYGON ((0 0)),,,,,,": "aoi is no WKT polygon",
    'x,,,,a.tif,b.tif,,,"POLYGON ((0 0, 9 9, 9 0, 0 9, 0 0))",,,,,,': "not a simple outline",
    "x,,,,a.tif,b.tif,,,nowhere.geojson,,,,,,": "no such file",
    "x,,,,/vsizip/a.zip/b.tif,b.tif,,,,,,,,,": "allowed are files, https",
    "x,,,,a.tif,b.tif,,,,,,,,,,,more": "has 17 cells, the first line 15",
}


@pytest.mark.parametrize("row", BAD, ids=range(len(BAD)))
def test_a_bad_row_says_why_and_stops_no_other(row, tmp_path):
    sites = read(tmp_path, "good,,,,a.tif,b.tif,,,,,,,,,", row, "fine,,,,a.tif,b.tif,,,,,,,,,")
    assert [site.problem for site in sites][::2] == ["", ""]
    assert BAD[row] in sites[1].problem
    assert sites[1].place == "line 3"
    assert sites[1].site is None


def test_lines_are_counted_as_an_editor_counts_them(tmp_path):
    sites = read(tmp_path, 'a,"two\nlines",,,a.tif,b.tif,,,,,,,,,', "", ",,,,a.tif,b.tif,,,,,,,,,")
    assert [site.place for site in sites] == ["line 2", "line 5"]


def test_bytes_that_are_no_text_spoil_one_row(tmp_path):
    path = tmp_path / "sites.csv"
    path.write_bytes(b"id,before,after\ng,a.tif,b.tif\n\xb0\xe6,a.tif,b.tif\nh,a.tif,b.tif\n")
    assert [bool(site.problem) for site in read_site_list(path).sites] == [False, True, False]


@pytest.mark.parametrize("second", ["Ky", "KY", "ｋｙ"])
def test_two_sites_of_one_name_are_refused(second, tmp_path):
    rows = ("ky,,,,a.tif,b.tif,,,,,,,,,", f"{second},,,,a.tif,b.tif,,,,,,,,,")
    sites = read(tmp_path, *rows)
    folders = {site.folder.casefold() for site in sites if not site.problem}
    assert len(folders) == 2 or "stands already in line 2" in sites[1].problem


@pytest.mark.parametrize(
    ("text", "why"),
    [("", "columns id, before and after"), ("a,b\n1,2\n", "columns id, before and after"),
     ("id,before,after,id\n", "stands twice"), ("id,before,after\n", "the list is empty"),
     ('{"type": "Feature"}', "not a GeoJSON FeatureCollection"), ("{", "not a GeoJSON")],
)  # fmt: skip
def test_a_file_that_is_no_list_is_refused_whole(text, why, tmp_path):
    path = tmp_path / "sites.csv"
    path.write_text(text)
    with pytest.raises(SiteError, match=why):
        read_site_list(path)


def test_semicolons_and_a_byte_order_mark_are_read(tmp_path):
    path = tmp_path / "sites.csv"
    path.write_bytes("\ufeffID;Before;After\nky;a.tif;b.tif\n".encode())
    (site,) = read_site_list(path).sites
    assert (site.id, site.problem) == ("ky", "")


def geojson(tmp_path):
    square = shapely.geometry.mapping(shapely.from_wkt(SQUARE))
    point = {"type": "Point", "coordinates": [129.6, 41.5]}
    rows = [
        {"type": "Feature", "geometry": square,
         "properties": {"id": 7, "before": "a.tif", "after": "b.tif", "year": 2024, "x": None}},
        {"type": "Feature", "geometry": point,
         "properties": {"id": "p", "before": "a.tif", "after": "b.tif", "radius_m": 500}},
        {"type": "Feature", "geometry": None, "properties": None},
    ]  # fmt: skip
    path = tmp_path / "sites.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": rows}))
    return path


def test_geojson_gives_outlines_and_points(tmp_path):
    sites = read_site_list(geojson(tmp_path)).sites
    assert [site.problem for site in sites] == ["", "", "has no properties"]
    assert sites[0].site.aoi.polygon.equals(shapely.from_wkt(SQUARE))
    assert (sites[0].id, sites[0].year) == ("7", "2024")
    assert sites[1].lat == pytest.approx(41.5)
    assert sites[2].place == "feature 3"


def test_a_geopackage_in_another_crs_is_read_in_degrees(tmp_path):
    raw = pytest.importorskip("pyogrio.raw")
    metres = shapely.box(400_000, 4_600_000, 400_200, 4_600_100)
    path = tmp_path / "sites.gpkg"
    raw.write(
        path, np.array([metres.wkb], object),
        [np.array([text], object) for text in ("ky", "a.tif", "b.tif")], ["id", "before", "after"],
        driver="GPKG", crs="EPSG:32652", geometry_type="Polygon", layer="sites",
    )  # fmt: skip
    (site,) = read_site_list(path).sites
    assert site.problem == ""
    assert site.lon == pytest.approx(127.804, abs=0.01)


def test_geoparquet_is_read(tmp_path):
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    table = pa.table({"id": ["ky"], "before": ["a.tif"], "after": ["b.tif"], "year": [2024],
                      "geometry": [shapely.from_wkt(SQUARE).wkb]})  # fmt: skip
    geo = {"version": "1.1.0", "primary_column": "geometry",
           "columns": {"geometry": {"encoding": "WKB", "geometry_types": ["Polygon"]}}}  # fmt: skip
    path = tmp_path / "sites.parquet"
    parquet.write_table(table.replace_schema_metadata({"geo": json.dumps(geo)}), path)
    (site,) = read_site_list(path).sites
    assert (site.problem, site.year) == ("", "2024")
    assert site.site.aoi.polygon.equals(shapely.from_wkt(SQUARE))


HOSTILE = [
    "../../etc/passwd", "..", ".", "a/b", "a\\b", "C:\\x", "con", "NUL.txt", "x\0y", "x\ny", " ",
    "-", "=cmd|' /C calc'!A0", "<script>alert(1)</script>", "a" * 500, "경성", "site.",
    "\u202egpj.exe", "~root", "$(rm)", "a:b", "%2e%2e", "\ud800",
]  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_no_id_escapes_its_folder(name):
    check_folder(folder_name(name))


@given(st.text())
def test_no_text_at_all_escapes_its_folder(name):
    check_folder(folder_name(name))


def check_folder(folder):
    assert re.fullmatch(r"\w[\w.-]*", folder)
    assert not folder.endswith(".")
    assert len(folder.encode()) <= 120
    assert Path("base", folder).parent == Path("base")
    assert folder.split(".")[0].lower() not in ("con", "nul", "prn", "aux")


def test_unlike_ids_get_unlike_folders():
    assert len({folder_name(name) for name in HOSTILE}) == len(HOSTILE)
    assert folder_name("경성") == "경성"
    assert folder_name("kyongsong-2024") == "kyongsong-2024"


@given(st.text())
def test_no_cell_is_a_formula(text):
    cell = spreadsheet_cell(text)
    assert not re.search(r"[\r\n\t\0]", cell)
    if cell[:1] in tuple("=+-@"):
        float(cell)


@pytest.mark.parametrize("text", ["=1+1", "+1+1", "-1+cmd", "@SUM(A1)", "\t=1", "＝1+1", '"=1'])
def test_formulas_become_text(text):
    assert spreadsheet_cell(text).startswith("'")


@pytest.mark.parametrize("text", ["-3.5", "+7", "1e-3", "Kyongsong", "a = b", "경성"])
def test_what_is_no_formula_stays(text):
    assert spreadsheet_cell(text) == text


def test_plain_text_is_one_visible_line():
    assert plain("a\n\tb\u202e c\0\u200b") == "a b c"
