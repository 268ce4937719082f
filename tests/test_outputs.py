"""What other programs open: GeoPackage, Google Earth, STAC, xarray."""

from __future__ import annotations

import hashlib
import json
import os
import re
import sqlite3
import subprocess
import sys
import zipfile
from dataclasses import replace
from html import unescape
from io import BytesIO
from pathlib import Path
from typing import ClassVar
from xml.etree import ElementTree

import numpy as np
import pyogrio
import pystac
import pytest
import rasterio
import shapely
from affine import Affine
from fastkml import validator as kml_validator
from PIL import Image
from pyarrow import parquet
from pyproj import CRS, Transformer
from pystac.extensions.classification import ClassificationExtension
from pystac.extensions.file import FileExtension
from pystac.extensions.projection import ProjectionExtension
from pystac.validation.stac_validator import JsonSchemaSTACValidator
from rio_cogeo.cogeo import cog_validate

from landshift import writing
from landshift.comparison import _software
from landshift.dataset import cover_as_dataset, pictures_as_array, report_as_dataset
from landshift.encoding import jpeg_bytes
from landshift.errors import OutputError
from landshift.figure import draw
from landshift.geopackage import write_geopackage
from landshift.geoparquet import write_geoparquet
from landshift.google_earth import _in_degrees, kmz_bytes
from landshift.grid import Grid
from landshift.patches import find_patches
from landshift.preview import make_preview
from landshift.raster import Raster
from landshift.sensor import Sensor
from landshift.settings import PreviewSettings
from landshift.stac import stac_item
from landshift.wording import VERDICT_WORDS, xml_text
from networks import random_model
from reports import HOSTILE, LOCAL, UTM, hostile_report, made_report

SCHEMAS = Path(__file__).with_name("schemas")
KML = "{http://www.opengis.net/kml/2.2}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("written") / "out"
    writing.write_report(
        hostile_report(), out, overwrite=False, figure_formats=(), geoparquet=True
    )
    return out


def test_the_geopackage_has_named_and_styled_layers(folder):
    path = folder / "changes.gpkg"
    layers = dict(pyogrio.list_layers(path)[:, :2].tolist())
    assert set(layers) >= {"site", "not_seen", "changes", "buildings"}
    for layer, count in (("site", 1), ("not_seen", 1), ("buildings", 2)):
        info = pyogrio.read_info(path, layer=layer)
        assert info["features"] == count
        assert CRS.from_user_input(info["crs"]).to_epsg() == 32652
    meta, _, _, fields = pyogrio.raw.read(path, layer="changes", read_geometry=False)
    table = dict(zip(meta["fields"], fields, strict=True))
    assert set(table) == {"code", "before", "after", "kind", "hectares", "probability"}
    replaced = table["kind"] == "building → another building"
    assert table["code"][replaced].tolist() == [33]
    with sqlite3.connect(path) as database:
        styles = dict(database.execute("SELECT f_table_name, styleQML FROM layer_styles"))
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert set(styles) == {"site", "not_seen", "changes", "buildings"}
    named = ElementTree.fromstring(styles["changes"].split("\n", 1)[1]).iter("category")
    assert {entry.get("value") for entry in named} >= set(table["kind"])


def test_a_geopackage_of_pictures_without_crs_has_none(tmp_path):
    report = made_report(LOCAL)
    with pytest.warns(UserWarning, match="'crs' was not provided"):
        write_geopackage(report, find_patches(report.changes), tmp_path / "changes.gpkg")
    assert pyogrio.read_info(tmp_path / "changes.gpkg", layer="changes")["features"] == 1
    assert pyogrio.read_info(tmp_path / "changes.gpkg", layer="site")["features"] == 0


def test_geoparquet_holds_what_the_geopackage_holds(folder):
    table = parquet.read_table(folder / "changes.parquet")
    about = json.loads(table.schema.metadata[b"geo"])
    (column,) = about["columns"].values()
    assert (about["version"], about["primary_column"]) == ("1.1.0", "geometry")
    assert CRS.from_json_dict(column["crs"]).to_epsg() == 32652
    meta, _, geometry, fields = pyogrio.raw.read(folder / "changes.gpkg", layer="changes")
    for name, values in zip(meta["fields"], fields, strict=True):
        assert table[name].to_pylist() == values.tolist()
    assert shapely.equals(
        shapely.from_wkb(table["geometry"].to_pylist()), shapely.from_wkb(geometry)
    ).all()
    assert column["bbox"] == list(shapely.total_bounds(shapely.from_wkb(geometry)))


def test_geoparquet_of_pictures_without_crs_says_so(tmp_path):
    report = made_report(LOCAL)
    write_geoparquet(report, find_patches(report.changes), tmp_path / "changes.parquet")
    about = json.loads(parquet.read_schema(tmp_path / "changes.parquet").metadata[b"geo"])
    assert about["columns"]["geometry"]["crs"] is None


def test_geoparquet_without_pyarrow_is_one_clear_line(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    out = tmp_path / "out"
    with pytest.raises(OutputError, match=r"changes.parquet needs pyarrow: pip install"):
        writing.write_report(made_report(), out, False, (), geoparquet=True)
    assert not out.exists()


def test_cogs_are_cogs(folder):
    for name in ("changes.tif", "probability.tif"):
        valid, errors, _ = cog_validate(folder / name, strict=True)
        assert valid, errors


def test_qgis_opens_every_layer_with_names_and_colours(folder):
    """In a real QGIS without a screen, run by the Python that it was built for."""
    python = next((p for p in ("/usr/bin/python3", "python3") if has_qgis(p)), None)
    if python is None:
        pytest.skip("QGIS IS NOT INSTALLED: no layer was opened in it")
    script = Path(__file__).with_name("qgis_layers.py")
    done = subprocess.run(
        [python, str(script), str(folder)], capture_output=True, text=True, env=clean_environment()
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    classes = found["raster"]["classes"]
    assert found["raster"]["renderer"] == "paletted"
    assert classes["13"] == ["cropland → building", "#d53c32"]
    assert not [code for code, (name, _) in classes.items() if name in ("", code)]
    (band,) = found["probability"]["bands"]
    assert "probability of the code, percent" in band
    for name in ("raster", "probability"):
        assert found[name]["valid"]
        assert found[name]["crs"] == "EPSG:32652"
    changes = found["changes"]
    assert changes["renderer"] == "categorizedSymbol"
    assert changes["kinds"]["cropland → building"][0] == "#d55e00"
    # rising lines: Qt's BDiagPattern
    assert changes["kinds"]["cropland → building"][1] == 12
    for name in ("changes", "buildings", "not_seen", "site"):
        assert found[name]["valid"]
        assert found[name]["features"] > 0
        assert found[name]["crs"] == "EPSG:32652"
        assert found[name]["renderer"]
    fields = {
        "number", "hectares", "length_m", "width_m", "azimuth_deg", "rectangularity", "was",
        "stage", "probability", "replaced",
    }  # fmt: skip
    assert fields <= set(found["buildings"]["fields"])
    assert fields <= set(found["geojson"]["fields"])
    assert (found["geojson"]["features"], found["geojson"]["crs"]) == (2, "EPSG:4326")


def clean_environment():
    """Without what this Python and its GDAL were told: QGIS has its own."""
    return {
        name: value for name, value in os.environ.items()
        if not name.startswith(("GDAL_", "PROJ_", "PYTHON", "VIRTUAL_ENV"))
    }  # fmt: skip


def has_qgis(python):
    try:
        asked = [python, "-c", "import qgis.core"]
        done = subprocess.run(asked, capture_output=True, env=clean_environment())
    except OSError:
        return False
    return done.returncode == 0


def test_google_earth_gets_overlays_with_time_and_placemarks(folder):
    with zipfile.ZipFile(folder / "site.kmz") as archive:
        assert archive.namelist() == ["doc.kml", "files/before.png", "files/after.png"]
        text = archive.read("doc.kml").decode()
        with archive.open("files/after.png") as member, Image.open(member) as picture:
            assert picture.mode == "RGBA"
            assert np.asarray(picture)[..., 3].min() == 0
    assert "<img" not in text
    document = ElementTree.fromstring(text)[0]
    assert document.findtext(f"{KML}name") == HOSTILE
    overlays = document.findall(f"{KML}GroundOverlay")
    assert [one.findtext(f"{KML}TimeSpan/{KML}begin") for one in overlays] == [
        "2023-05-12", "2024-05-01",
    ]  # fmt: skip
    box = {side.tag[len(KML):]: float(side.text) for side in overlays[0].find(f"{KML}LatLonBox")}
    assert box["south"] < 41.55 < box["north"] + 0.01
    names = [mark.findtext(f"{KML}name") for mark in document.iter(f"{KML}Placemark")]
    assert names[-2:] == ["building 1", "building 2"]
    assert "cropland → building" in names


def test_the_kml_is_what_its_schema_says(folder, tmp_path):
    """The OGC's own schema of KML 2.2, as fastkml carries it."""
    with zipfile.ZipFile(folder / "site.kmz") as archive:
        text = archive.read("doc.kml").decode()
    whole, broken = tmp_path / "whole.kml", tmp_path / "broken.kml"
    whole.write_text(text, encoding="utf-8")
    assert kml_validator.validate(file_to_validate=whole)
    # a folder may be shown by 0 or 1 only: the schema is one that refuses
    spoiled = text.replace("<visibility>1</visibility>", "<visibility>maybe</visibility>")
    assert spoiled != text
    broken.write_text(spoiled, encoding="utf-8")
    with pytest.raises(AssertionError):
        kml_validator.validate(file_to_validate=broken)


def test_google_earth_cannot_show_what_lies_nowhere():
    assert kmz_bytes(made_report(LOCAL), ()) is None


def test_the_stac_item_is_valid_and_its_files_are_those_beside_it(folder):
    item = pystac.Item.from_dict(json.loads((folder / "stac-item.json").read_text("utf-8")))
    assert item.id == "kyongsong"
    assert item.properties["title"] == HOSTILE
    assert item.properties["proj:code"] == "EPSG:32652"
    assert item.properties["start_datetime"] == "2023-05-12T00:00:00Z"
    assert {"changes", "report", "page", "patches"} <= set(item.assets)
    for asset in item.assets.values():
        content = (folder / asset.href).read_bytes()
        assert asset.extra_fields["file:size"] == len(content)
        digest = hashlib.sha256(content).hexdigest()
        assert asset.extra_fields["file:checksum"] == f"1220{digest}"
    classes = item.assets["changes"].extra_fields["classification:classes"]
    assert {entry["value"]: entry["name"] for entry in classes}[13] == "cropland_to_building"


class SchemasBesideTheTests(pystac.StacIO):
    """Serves pystac the schemas of `tests/schemas`, and nothing from anywhere else."""

    KNOWN: ClassVar = {
        f"https://stac-extensions.github.io/{name}/schema.json": name.replace("/", "-")
        for name in (
            "classification/v2.0.0", "file/v2.1.0", "processing/v1.1.0", "projection/v2.0.0"
        )
    } | {"https://proj.org/schemas/v0.7/projjson.schema.json": "projjson-v0.7"}  # fmt: skip

    def read_text(self, source, *args, **kwargs):
        return (SCHEMAS / f"{self.KNOWN[str(source)]}.json").read_text("utf-8")

    def write_text(self, dest, txt, *args, **kwargs):
        raise AssertionError(f"nothing is to be written to {dest}")


@pytest.fixture
def without_network(monkeypatch):
    """pystac with a validator of its own, whose every schema lies in a file."""
    monkeypatch.setattr(pystac.StacIO, "_default_io", SchemasBesideTheTests)
    return JsonSchemaSTACValidator()


def test_the_stac_item_passes_its_schemas_without_a_network(folder, without_network):
    document = json.loads((folder / "stac-item.json").read_text("utf-8"))
    checked = pystac.Item.from_dict(document).validate(validator=without_network)
    assert [uri.split("/")[-3:-1] for uri in checked[1:]] == [
        ["projection", "v2.0.0"], ["classification", "v2.0.0"], ["processing", "v1.1.0"],
        ["file", "v2.1.0"],
    ]  # fmt: skip
    assert checked[0].endswith("/item-spec/json-schema/item.json")


@pytest.mark.parametrize(("place", "wrong"), [
    (("properties", "datetime"), "yesterday"),
    (("properties", "proj:shape"), [300]),
    (("properties", "processing:software"), {"landshift": 1}),
    (("assets", "changes", "classification:classes"), [{"value": "thirteen"}]),
    (("assets", "report", "file:checksum"), "not hexadecimal"),
], ids=["core", "projection", "processing", "classification", "file"])  # fmt: skip
def test_each_schema_would_refuse_a_wrong_item(folder, without_network, place, wrong):
    """Else the test above would pass whatever the item says."""
    document = json.loads((folder / "stac-item.json").read_text("utf-8"))
    *path, last = place
    part = document
    for key in path:
        part = part[key]
    assert last in part
    part[last] = wrong
    with pytest.raises(pystac.STACValidationError):
        pystac.validation.validate_dict(document, validator=without_network)


def test_pystac_reads_every_extension_of_the_stac_item(folder):
    item = pystac.Item.from_dict(json.loads((folder / "stac-item.json").read_text("utf-8")))
    for extension in (ProjectionExtension, ClassificationExtension, FileExtension):
        assert extension.get_schema_uri() in item.stac_extensions
    place = ProjectionExtension.ext(item)
    assert (place.epsg, place.shape) == (32652, [300, 400])
    assert place.transform[:6] == list(UTM.transform)[:6]
    assert place.bbox == pytest.approx(UTM.bounds)
    changes = item.assets["changes"]
    classes = ClassificationExtension.ext(changes).classes
    assert len({one.value for one in classes}) == len(classes) == 65
    for one in classes:
        assert re.fullmatch(r"[0-9A-Za-z_-]+", one.name)
        assert one.color_hint is None or re.fullmatch(r"[0-9A-F]{6}", one.color_hint)
    assert item.properties["processing:software"]["landshift"] == "0.1.0"
    assert item.properties["processing:level"] == "L4"
    assert FileExtension.ext(changes).size == (folder / "changes.tif").stat().st_size
    assert re.fullmatch(r"1220[0-9a-f]{64}", FileExtension.ext(changes).checksum)


def test_no_stac_item_without_place_or_time(tmp_path):
    assert stac_item(made_report(LOCAL), tmp_path) is None
    report = made_report()
    undated = replace(report.before, date=None)
    assert stac_item(replace(report, before=undated, after=undated), tmp_path) is None
    one = stac_item(replace(report, before=undated), tmp_path)
    assert one["properties"]["datetime"] == "2023-05-12T00:00:00Z"


def test_every_ring_of_a_stac_item_turns_as_geojson_wants(tmp_path):
    west, south, east, north = UTM.bounds
    holed = shapely.box(west, south, west + 90, north).difference(
        shapely.Point(west + 40, south + 40).buffer(20)
    )
    outline = shapely.MultiPolygon([holed, shapely.box(east - 90, south, east, north)])
    for turned in (outline, outline.reverse()):
        item = stac_item(replace(made_report(), outline=turned), tmp_path)
        parts = shapely.get_parts(shapely.geometry.shape(item["geometry"]))
        assert len(parts) == 2
        assert all(part.exterior.is_ccw for part in parts)
        assert not any(hole.is_ccw for part in parts for hole in part.interiors)


def test_a_stac_item_names_the_figure_of_every_kind(tmp_path):
    for kind in ("png", "svg", "pdf"):
        (tmp_path / f"figure.{kind}").write_bytes(b"drawn")
    item = stac_item(made_report(), tmp_path)
    hrefs = {asset["href"]: asset["type"] for asset in item["assets"].values()}
    assert hrefs == {"./figure.png": "image/png", "./figure.svg": "image/svg+xml",
                     "./figure.pdf": "application/pdf"}  # fmt: skip


def test_a_dataset_knows_its_place():
    report = hostile_report()
    found = report_as_dataset(report)
    assert CRS.from_wkt(found.spatial_ref.attrs["crs_wkt"]).to_epsg() == 32652
    pixel = found.sel(x=400_150.5, y=4_600_000 - 120.5)
    assert (int(pixel.code), int(pixel.before), int(pixel.after)) == (13, 1, 3)
    assert bool(pixel.changed)
    assert found.attrs["site"] == HOSTILE
    assert found.before.attrs["flag_meanings"].split()[1] == "cropland"
    unseen = found.where(found.code == 0, drop=True)
    assert unseen.sizes["x"] == 5
    assert cover_as_dataset(report.changes.codes, LOCAL.window(0, 0, *UTM.shape)).x[0] == 0.25
    assert pictures_as_array(report).sel(which="after", channel="alpha").dims == ("y", "x")


def test_a_dataset_gives_no_pixel_of_a_turned_picture_a_wrong_place():
    turned = replace(UTM, transform=UTM.transform @ Affine.rotation(20))
    found = cover_as_dataset(np.ones(UTM.shape, np.uint8), turned)
    assert not {"x", "y"} & set(found.coords)
    told = [float(number) for number in found.spatial_ref.attrs["GeoTransform"].split()]
    assert Affine.from_gdal(*told).almost_equals(turned.transform)


@pytest.mark.parametrize(
    ("epsg", "across", "down"),
    [
        (32652, ("projection_x_coordinate", "m"), ("projection_y_coordinate", "m")),
        (5186, ("projection_x_coordinate", "m"), ("projection_y_coordinate", "m")),
        (4326, ("longitude", "degrees_east"), ("latitude", "degrees_north")),
        (2263, ("projection_x_coordinate", "0.304800609601219 metre"),
         ("projection_y_coordinate", "0.304800609601219 metre")),
    ],
)  # fmt: skip
def test_a_dataset_says_what_its_coordinates_count(epsg, across, down):
    grid = Grid(CRS.from_epsg(epsg), Affine(1e-5, 0, 127, 0, -1e-5, 39), (3, 4))
    found = cover_as_dataset(np.ones((3, 4), np.uint8), grid)
    for axis, told in ((found.x, across), (found.y, down)):
        assert (axis.attrs["standard_name"], axis.attrs["units"]) == told


def test_a_preview_is_small_and_keeps_what_is_seen():
    rng = np.random.default_rng(0)
    bands = rng.uniform(0.02, 0.3, (4, *UTM.shape)).astype(np.float32)
    valid = np.ones(UTM.shape, bool)
    valid[:, :40] = False
    raster = Raster(bands * valid, valid, UTM, Sensor(("blue", "green", "red", "nir"), 1.0))
    small = make_preview(raster, PreviewSettings(most_side_px=100))
    assert small.rgba.shape == (75, 100, 4)
    assert small.grid.bounds == UTM.bounds
    assert (small.rgba[:, :10, 3] == 0).all()
    assert (small.rgba[:, 10:, 3] == 255).all()
    whole = make_preview(raster, PreviewSettings())
    assert whole.rgba.shape == (*UTM.shape, 4)
    spread = whole.rgba[:, 40:, :3]
    assert spread.min() < 10
    assert spread.max() > 245
    assert jpeg_bytes(whole.rgba).startswith(b"\xff\xd8")


def test_a_name_with_what_xml_cannot_hold_leaves_the_rest():
    report = made_report()
    odd = replace(report, site=replace(report.site, name="a\x00\x1b\ufffe 경성 \U0001f33e\tb"))
    with zipfile.ZipFile(BytesIO(kmz_bytes(odd, ()))) as archive:
        document = ElementTree.fromstring(archive.read("doc.kml"))[0]
    assert document.findtext(f"{KML}name") == "a 경성 \U0001f33e\tb"


def test_pictures_in_the_wrong_order_have_spans_that_end_after_they_begin():
    report = made_report()
    days = {"before": "2024-05-29", "after": "2023-05-12"}
    odd = replace(report, **{which: replace(getattr(report, which), date=day)
                             for which, day in days.items()})  # fmt: skip
    with zipfile.ZipFile(BytesIO(kmz_bytes(odd, ()))) as archive:
        document = ElementTree.fromstring(archive.read("doc.kml"))
    spans = [
        (one.findtext(f"{KML}begin"), one.findtext(f"{KML}end"))
        for one in document.iter(f"{KML}TimeSpan")
    ]
    assert spans[:2] == [("2024-05-29", None), ("2023-05-12", "2024-05-29")]
    assert all(end is None or begin <= end for begin, end in spans)
    assert {begin for begin, _ in spans[2:]} <= {"2024-05-29"}


def test_a_picture_beyond_the_180th_meridian_lies_whole_in_google_earth():
    shown = []
    for lon in (179.0, 179.9995):
        x, y = Transformer.from_crs(4326, 32660, always_xy=True).transform(lon, 65.0)
        grid = Grid(CRS.from_epsg(32660), Affine(1, 0, x - 200, 0, -1, y + 150), (300, 400))
        rgba, (_, _, east, west) = _in_degrees(made_report(grid).after_picture, grid.crs)
        assert east - west == pytest.approx(0.0087, abs=2e-4)
        shown.append((rgba[..., 3] > 0).mean())
    assert shown[1] == pytest.approx(shown[0], abs=0.05)


def test_cautions_and_what_a_model_may_be_used_for_go_with_every_file_that_travels_alone(tmp_path):
    only = "research only: learned from imagery whose terms allow no more"
    model = random_model(tmp_path, licence=only)
    free = random_model(tmp_path, seed=1)
    assert _software(model)["model_licence"] == only
    assert "model_licence" not in _software(free)
    warning = f"the model {model.name} may be used for {only}"
    report = made_report()
    report = replace(report, warnings=(*report.warnings, warning), software=_software(model))
    with zipfile.ZipFile(BytesIO(kmz_bytes(report, ()))) as archive:
        document = ElementTree.fromstring(archive.read("doc.kml"))[0]
    told = next(one.text for one in document if one.tag.endswith("description"))
    assert unescape(told).split("<br>") == [VERDICT_WORDS["caution"], *report.warnings]
    item = stac_item(report, tmp_path)
    assert item["properties"]["landshift:warnings"] == list(report.warnings)
    texts = [one.get_text() for one in draw(report, ()).texts]
    assert sum("for research only." in text for text in texts) == 1
    assert not any("research" in one.get_text() for one in draw(made_report(), ()).texts)


def test_verdict_and_warnings_stand_in_every_map_and_every_file_of_outlines(folder):
    report, out = hostile_report(), folder
    lines = "\n".join(report.warnings)
    assert lines
    for name in ("changes.tif", "probability.tif"):
        with rasterio.open(out / name) as written:
            tags = written.tags()
        assert (tags["VERDICT"], tags["WARNINGS"]) == ("caution", lines)
    collection = json.loads((out / "buildings.geojson").read_text("utf-8"))
    assert collection["verdict"] == "caution"
    assert collection["warnings"] == list(report.warnings)
    meta, _, _, fields = pyogrio.raw.read(out / "changes.gpkg", layer="site")
    assert dict(zip(meta["fields"], (one[0] for one in fields), strict=True)) == {
        "verdict": "caution", "warnings": lines,
    }  # fmt: skip
    with sqlite3.connect(out / "changes.gpkg") as database:
        told = {text for (text,) in database.execute("SELECT description FROM gpkg_contents")}
    assert told == {f"{VERDICT_WORDS['caution']}\n{lines}"}
    schema = parquet.read_schema(out / "changes.parquet")
    assert json.loads(schema.metadata[b"landshift"]) == report.judgement


@pytest.mark.parametrize("odd", ["\x01", "\ufffe", "<&>", "\U0001f3ed", "]]>"])
def test_a_map_holds_warnings_of_files_of_any_name(tmp_path, odd):
    report = replace(made_report(), warnings=(f"{odd}.tif is old", "another"))
    writing.write_report(report, tmp_path / "out", False, figure_formats=())
    with rasterio.open(tmp_path / "out" / "changes.tif") as written:
        told = written.tags()["WARNINGS"].split("\n")
    assert told == [xml_text(line) for line in report.warnings]
