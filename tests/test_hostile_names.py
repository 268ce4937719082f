"""A name is text in every output: markup does not run, a formula is not reckoned, nothing is lost.

One test for each file that compare and batch write, and for what is printed or shown; the last two
hold that no file was forgotten.
"""

from __future__ import annotations

import csv
import json
import re
import zipfile
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from io import BytesIO
from xml.etree import ElementTree

import numpy as np
import pyogrio
import pytest
from PIL import Image

from landshift import figure, writing
from landshift.batch.digest import digest_of
from landshift.batch.ledger import Ledger
from landshift.batch.listed_site import ListedSite
from landshift.batch.morning import write_tables
from landshift.batch.outcome import Outcome
from landshift.cli.summary_table import print_summary
from landshift.cli.table import print_report
from landshift.dataset import report_as_dataset
from landshift.patches import find_patches
from reports import hostile_report

MARKUP = "<img src=y onerror=alert(2)>"
FORMULA = "=cmd|' /C calc'!A9"
NAMES = pytest.mark.parametrize(
    "named", [MARKUP, FORMULA], ids=["markup", "formula"], indirect=True
)

SITE_FILES = {
    "report.json", "report.html", "stac-item.json", "site.kmz", "figure.png", "figure.svg",
    "figure.pdf",
}  # fmt: skip
"""Files of a site in which its name stands, or is drawn."""
NAMELESS = {
    "changes.tif", "changes.qml", "probability.tif", "buildings.geojson", "changes.gpkg",
    "changes.parquet",
}  # fmt: skip
"""Files that say what is on the ground and not what anybody calls it."""
BATCH_FILES = {"sites.csv", "sites.gpkg", "summary.json", "index.html"}


def report_named(name):
    report = hostile_report()
    return replace(report, site=replace(report.site, name=name))


@pytest.fixture(scope="module")
def named(request, tmp_path_factory):
    """A name, a site's files and a batch's files that carry it."""
    name = request.param
    site = tmp_path_factory.mktemp("site") / "out"
    writing.write_report(report_named(name), site, False, ("png", "svg", "pdf"), geoparquet=True)
    batch = tmp_path_factory.mktemp("batch")
    ledger = Ledger(batch)
    ledger.list_sites([
        ListedSite("line 2", name, "site-a", name, name, "2024", extra={"note": name}),
        ListedSite("line 3", "b", "b", "B", problem=f"{name}: no such file"),
    ])  # fmt: skip
    ledger.note_key(0, "key")
    ledger.note_outcome("key", "site-a", Outcome("answered", digest=digest_of(report_named(name))))
    write_tables(ledger, batch)
    yield name, site, batch
    ledger.close()


class Elements(HTMLParser):
    """What a browser makes of a page: elements with their attributes."""

    def __init__(self, text):
        super().__init__()
        self.found = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


def runs_nothing(text):
    """Whether no element handles an event or shows a picture that does not stand in the page."""
    found = Elements(text).found
    assert found
    return not [
        (tag, told) for tag, told in found
        if any(key.startswith("on") for key in told)
        or (tag == "img" and not told["src"].startswith("data:"))
    ]  # fmt: skip


def test_the_check_itself():
    assert runs_nothing('<p title="&lt;img src=x onerror=alert(1)&gt;">a</p>')
    assert not runs_nothing(f"<p>{MARKUP}</p>")
    assert not runs_nothing("<img src=x>")
    assert not runs_nothing("<a onclick=alert(1)>a</a>")


@NAMES
def test_report_json(named):
    name, site, _ = named
    assert json.loads((site / "report.json").read_text("utf-8"))["site"]["name"] == name


@NAMES
def test_report_html(named):
    name, site, _ = named
    text = (site / "report.html").read_text("utf-8")
    assert runs_nothing(text)
    (heading,) = re.findall(r"<h1>(.*?)</h1>", text, re.S)
    assert "<" not in heading
    assert unescape(heading) == name


@NAMES
def test_stac_item(named):
    name, site, _ = named
    item = json.loads((site / "stac-item.json").read_text("utf-8"))
    assert item["properties"]["title"] == name


@NAMES
def test_google_earth(named):
    name, site, _ = named
    with zipfile.ZipFile(site / "site.kmz") as archive:
        text = archive.read("doc.kml").decode()
    document = ElementTree.fromstring(text)[0]
    assert document.findtext("{http://www.opengis.net/kml/2.2}name") == name
    # Google Earth shows a description as HTML; a name alone it shows as text
    told = [one.text for one in document.iter() if one.tag.endswith("description")]
    assert len(told) == 1 == text.count("<description>")
    assert set(re.findall("<[^>]*>?", told[0])) == {"<br>"}
    assert all(warning in unescape(told[0]).split("<br>") for warning in hostile_report().warnings)


@NAMES
@pytest.mark.parametrize("kind", ["png", "svg", "pdf"])
def test_figure(named, kind):
    name, site, _ = named
    drawn = figure.draw(report_named(name), find_patches(hostile_report().changes))
    assert [text for text in drawn.texts if text.get_text() == name and not text.get_parse_math()]
    content = (site / f"figure.{kind}").read_bytes()
    if kind == "png":
        with Image.open(BytesIO(content)) as picture:
            assert np.asarray(picture).std() > 0
    elif kind == "svg":
        tags = {one.tag.split("}")[1] for one in ElementTree.fromstring(content).iter()}
        assert not tags & {"script", "img", "foreignObject"}
    else:
        assert content.startswith(b"%PDF")
        assert not re.search(rb"/(JavaScript|JS|URI|Launch|OpenAction)\b", content)


@NAMES
def test_what_a_notebook_shows(named):
    name, _, _ = named
    shown = report_named(name)._repr_html_()
    assert runs_nothing(shown)
    assert name in unescape(shown)


@NAMES
def test_a_dataset(named):
    name, _, _ = named
    found = report_as_dataset(report_named(name))
    assert found.attrs["site"] == name
    assert runs_nothing(found._repr_html_())


@NAMES
def test_a_terminal(named, capsys):
    name, _, _ = named
    print_report(report_named(name), None)
    assert capsys.readouterr().out.startswith(name)


@NAMES
def test_sites_csv(named):
    name, _, batch = named
    with (batch / "sites.csv").open(encoding="utf-8", newline="") as file:
        first, second = csv.DictReader(file)
    # a spreadsheet reckons what begins with =; with ' before it, it is text there
    told = f"'{name}" if name.startswith("=") else name
    assert {first[key] for key in ("id", "name", "province", "note")} == {told}
    assert f"{name}: no such file" in second["reason"]


@NAMES
def test_sites_gpkg(named):
    name, _, batch = named
    meta, _, _, fields = pyogrio.raw.read(batch / "sites.gpkg", read_geometry=False)
    table = dict(zip(meta["fields"], fields, strict=True))
    assert table["name"][0] == table["province"][0] == name


@NAMES
def test_summary_json(named):
    name, _, batch = named
    summary = json.loads((batch / "summary.json").read_text("utf-8"))
    assert name in {group["province"] for group in summary["by_year_and_province"]}


@NAMES
def test_index_html(named):
    name, _, batch = named
    text = (batch / "index.html").read_text("utf-8")
    assert runs_nothing(text)
    assert name in [unescape(one) for one in re.findall(r"<a href[^>]*>(.*?)</a>", text)]


@NAMES
def test_the_table_of_a_batch(named, capsys):
    name, _, batch = named
    ledger = Ledger(batch)
    summary = json.loads((batch / "summary.json").read_text("utf-8"))
    print_summary(ledger, summary)
    ledger.close()
    assert name in capsys.readouterr().out


@NAMES
def test_no_file_of_a_site_was_forgotten(named):
    name, site, _ = named
    assert {path.name for path in site.iterdir()} == SITE_FILES | NAMELESS
    for file in NAMELESS:
        assert name.encode() not in (site / file).read_bytes()


@NAMES
def test_no_file_of_a_batch_was_forgotten(named):
    _, _, batch = named
    assert {path.name for path in batch.iterdir() if path.suffix != ".sqlite"} <= BATCH_FILES | {
        "ledger.sqlite-wal", "ledger.sqlite-shm",
    }  # fmt: skip
    assert {path.name for path in batch.iterdir()} >= BATCH_FILES
