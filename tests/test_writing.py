"""Answers on disk: what is in them, and that they appear all at once or not at all."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from importlib import resources

import jsonschema
import numpy as np
import pytest
import rasterio
from affine import Affine
from pyproj import CRS
from rasterio.enums import ColorInterp
from shapely.geometry import shape

import landshift
from landshift import writing
from landshift.errors import OutputError, SettingsError
from landshift.grid import Grid
from landshift.legend import COLOURS, Cover, transition_colour
from landshift.raster import Raster
from landshift.sensor import Sensor
from reports import LOCAL, UTM, made_report

FILES = {"report.json", "changes.tif", "changes.qml", "probability.tif", "buildings.geojson",
         "changes.gpkg", "figure.png", "report.html"}  # fmt: skip
PLACED = {"site.kmz", "stac-item.json"}


def names(folder):
    return {path.name for path in folder.iterdir()}


@pytest.mark.parametrize("grid", [UTM, LOCAL], ids=["utm", "local"])
def test_the_report_is_what_the_schema_says(tmp_path, grid):
    writing.write_report(made_report(grid), tmp_path / "out", overwrite=False)
    assert names(tmp_path / "out") == FILES | (PLACED if grid.crs else set())
    assert names(tmp_path) == {"out"}
    document = json.loads((tmp_path / "out" / "report.json").read_text("utf-8"))
    schema = resources.files("landshift").joinpath("schemas/report-1.schema.json")
    jsonschema.Draft202012Validator.check_schema(json.loads(schema.read_text("utf-8")))
    jsonschema.validate(document, json.loads(schema.read_text("utf-8")))
    assert document["totals"]["new_building"] == {
        "hectares": 0.3333, "low": 0.25, "high": 0.5, "dominant": "errors from site to site",
    }  # fmt: skip
    assert document["transitions"][0]["code"] == 13
    assert document["before"]["gsd_m"] == 1.0


@pytest.mark.parametrize("figures", [["jpg"], ["png", "PNG"], [None], "tiff", "none"])
def test_a_figure_of_another_format_is_refused_before_anything_is_written(tmp_path, figures):
    with pytest.raises(SettingsError, match=r"figures names .*; allowed are png, svg, pdf$"):
        landshift.save(made_report(), tmp_path / "out", figures=figures)
    assert names(tmp_path) == set()


def test_one_figure_needs_no_list(tmp_path):
    landshift.save(made_report(), tmp_path / "out", figures="svg")
    assert (tmp_path / "out" / "figure.svg").is_file()


def test_a_number_that_is_none_is_null():
    from dataclasses import replace

    report = made_report()
    unmeasured = replace(report.alignment, residual_rms_m=float("nan"))
    document = writing.report_as_json(replace(report, alignment=unmeasured))
    assert document["alignment"]["residual_rms_m"] is None


@pytest.mark.parametrize("grid", [UTM, LOCAL], ids=["utm", "local"])
def test_the_map_carries_codes_colours_and_names(tmp_path, grid):
    report = made_report(grid)
    writing.write_report(report, tmp_path / "out", overwrite=False)
    with rasterio.open(tmp_path / "out" / "changes.tif") as source:
        np.testing.assert_array_equal(source.read(1), report.changes.codes)
        assert source.transform == grid.transform
        assert (source.crs is None) == (grid.crs is None)
        assert source.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert source.tags()["SOFTWARE"].startswith("landshift")
        assert source.nodata == 255
        assert source.colorinterp == (ColorInterp.palette,)
        assert source.colormap(1)[13][:3] == transition_colour(13)
        assert "before" in source.descriptions[0]
    with rasterio.open(tmp_path / "out" / "probability.tif") as source:
        # the strip not seen and the rim outside are no probability of 0
        assert set(np.unique(source.read(1))) == {90, 255}
        assert source.nodata == 255
    style = ET.fromstring(
        (tmp_path / "out" / "changes.qml").read_text("utf-8").split("\n", 1)[1]
    )
    labels = {e.get("value"): e.get("label") for e in style.iter("paletteEntry")}
    assert labels["13"] == "cropland → building"
    assert len(labels) == 65


def test_overviews_keep_codes_that_exist(tmp_path):
    grid = Grid(CRS.from_epsg(32652), Affine(1, 0, 4e5, 0, -1, 4.6e6), (1100, 1300))
    report = made_report(grid)
    writing.write_report(report, tmp_path / "out", overwrite=False)
    with rasterio.open(tmp_path / "out" / "changes.tif") as source:
        assert source.overviews(1)
        small = source.read(1, out_shape=(275, 325))
    assert set(np.unique(small)) <= set(np.unique(report.changes.codes))


def test_buildings_are_in_degrees_and_counter_clockwise(tmp_path):
    report = made_report(UTM)
    collection = writing.buildings_as_geojson(report)
    assert "crs" not in collection
    assert len(collection["features"]) == 2
    outline = shape(collection["features"][0]["geometry"])
    assert outline.exterior.is_ccw
    assert outline.is_valid
    west, south, east, north = outline.bounds
    assert 126 < west < east < 132
    assert 41 < south < north < 42
    assert collection["features"][0]["properties"]["was"] == "cropland"


def test_buildings_without_crs_say_so():
    collection = writing.buildings_as_geojson(made_report(LOCAL))
    assert collection["crs"] is None
    assert "metres" in collection["coordinates"]
    assert all(shape(one["geometry"]).exterior.is_ccw for one in collection["features"])


def break_after(monkeypatch, error):
    """Let the second raster fail, when much is written already."""
    real, calls = writing.copy_raster, []

    def copy(*args, **options):
        calls.append(1)
        if len(calls) == 2:
            raise error
        return real(*args, **options)

    monkeypatch.setattr(writing, "copy_raster", copy)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError("disk full"), SystemExit(143)])
def test_nothing_is_left_behind_when_writing_ends_early(tmp_path, monkeypatch, error):
    break_after(monkeypatch, error)
    expected = OutputError if isinstance(error, OSError) else type(error)
    with pytest.raises(expected):
        writing.write_report(made_report(), tmp_path / "deep" / "er" / "out", overwrite=False)
    assert names(tmp_path) == set()


def test_the_earlier_result_stays_when_the_new_one_fails(tmp_path, monkeypatch):
    out = tmp_path / "out"
    writing.write_report(made_report(), out, overwrite=False)
    first = {path.name: path.read_bytes() for path in out.iterdir()}
    break_after(monkeypatch, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        writing.write_report(made_report(LOCAL), out, overwrite=True)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == first
    assert names(tmp_path) == {"out"}


def test_the_earlier_result_comes_back_when_the_last_step_fails(tmp_path, monkeypatch):
    out = tmp_path / "out"
    writing.write_report(made_report(), out, overwrite=False)
    first = (out / "report.json").read_bytes()
    real = type(out).rename

    def rename(self, target):
        if self.name == "new":
            raise OSError("moved away")
        return real(self, target)

    monkeypatch.setattr(type(out), "rename", rename)
    with pytest.raises(OutputError, match="moved away"):
        writing.write_report(made_report(LOCAL), out, overwrite=True)
    assert (out / "report.json").read_bytes() == first
    assert names(tmp_path) == {"out"}


def test_what_is_no_result_is_never_overwritten(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(OutputError, match=r"holds no report\.json"):
        writing.write_report(made_report(), tmp_path, overwrite=True)
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_cover_comes_with_its_colours_and_names(tmp_path):
    codes = np.arange(35, dtype=np.uint8).reshape(5, 7) % 9
    path = tmp_path / "cover.tif"
    writing.write_cover(codes, LOCAL.window(0, 0, 5, 7), path)
    with rasterio.open(path) as source:
        np.testing.assert_array_equal(source.read(1), codes)
        assert source.colormap(1)[3][:3] == COLOURS[Cover.BUILDING]
    assert names(tmp_path) == {"cover.tif", "cover.qml"}
    with pytest.raises(OutputError, match="--overwrite"):
        writing.write_cover(codes, LOCAL.window(0, 0, 5, 7), path)
    writing.write_cover(codes, LOCAL.window(0, 0, 5, 7), path, overwrite=True)


def test_a_picture_keeps_bands_names_and_what_was_not_seen(tmp_path):
    bands = np.random.default_rng(0).random((2, 60, 80)).astype(np.float32)
    valid = np.ones((60, 80), bool)
    valid[:10] = False
    raster = Raster(bands, valid, LOCAL, Sensor(("red", "nir"), 0.5))
    writing.write_picture(raster, tmp_path / "deep" / "p.tif")
    with rasterio.open(tmp_path / "deep" / "p.tif") as source:
        assert source.descriptions == ("red", "nir")
        got = source.read()
        assert np.isnan(source.nodata)
    np.testing.assert_array_equal(got[:, valid], bands[:, valid])
    assert np.isnan(got[:, ~valid]).all()
