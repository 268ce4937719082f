"""One quantity is one number wherever it stands: every output of drawn sites, held side by side."""

from __future__ import annotations

import csv
import json
import re
import zipfile
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.text import Text
from pyogrio import raw
from shapely.geometry import box

from landshift import figure
from landshift.area import measure_area, measure_balance
from landshift.batch.digest import digest_of
from landshift.batch.ledger import Ledger
from landshift.batch.listed_site import ListedSite
from landshift.batch.morning import write_tables
from landshift.batch.outcome import Outcome
from landshift.change_map import TOTALS
from landshift.cli import summary_table, table
from landshift.fitness import Fitness
from landshift.report import SiteReport
from landshift.settings import AreaSettings
from landshift.site import Aoi
from landshift.wording import TOTAL_WORDS
from landshift.writing import write_report
from reports import UTM, made_report

ENDS = ("hectares", "low", "high")
PAIRS = ((0, 2), (0, 4), (1, 2), (1, 3), (2, 0), (2, 6), (3, 2), (6, 3), (5, 4))
"""Places of before and after that totals add up, and two that none does."""
HALFWAY = 0.13499996
"""In two decimals 0.13; in four 0.1350, which would be 0.14."""
SITES = 6


def drawn(number: int) -> SiteReport:
    """A report whose hectares are measured on drawn sums: nothing, halfway, tiny or anything."""
    rng = np.random.default_rng(number)
    table_ = np.zeros((1, 1, 8, 8))
    for pair in PAIRS:
        table_[0, 0][pair] = (0.0, 1e-7, 10 ** rng.uniform(-4, 0.5))[min(number, 2)]
    if number == 2:
        table_[0, 0][:, 2] = 0.0
        table_[0, 0][0, 2] = HALFWAY
    made = made_report(UTM)
    changes = replace(made.changes, expected_hectares=table_)
    transitions, totals = measure_area(changes, made.alignment, AreaSettings())
    west, south, east, north = UTM.bounds
    outline = box(west + 3, south + 3, east - 3, north - 3)
    return replace(
        made, changes=changes, transitions=transitions, totals=totals, outline=outline,
        balance=measure_balance(changes, made.alignment, AreaSettings()),
        site=replace(made.site, id=f"s{number}", name=f"Site {number}", aoi=Aoi(outline, UTM.crs)),
        fitness=made.fitness if number % 2 else Fitness("ok", ()),
        after=replace(made.after, date="2024-05-29"),
    )  # fmt: skip


@pytest.fixture(scope="module")
def batch(tmp_path_factory):
    """Drawn sites, each of its own province, one refused and one failed, and all their files."""
    out = tmp_path_factory.mktemp("batch")
    reports = [drawn(number) for number in range(SITES)]
    names = [report.site.id for report in reports]
    ledger = Ledger(out)
    sites = [
        ListedSite(f"line {n}", name, name, name.replace("s", "Site "), f"Province {n}", "2024")
        for n, name in enumerate([*names, "refused", "failed"])
    ]
    ledger.list_sites(sites)
    outcomes = [Outcome("answered", digest=digest_of(report)) for report in reports]
    outcomes += [Outcome("refused", "pair", "all is cloud"), Outcome("failed", "crash", "SIGSEGV")]
    for place, outcome in enumerate(outcomes):
        ledger.note_key(place, f"key{place}")
        ledger.note_outcome(f"key{place}", sites[place].folder, outcome)
    for report in reports:
        write_report(report, out / "sites" / report.site.id, False, ())
    write_tables(ledger, out)
    yield out, reports, ledger
    ledger.close()


def told(folder: Path) -> dict[str, dict[str, float]]:
    """The totals of a site's report.json: all others are held against them."""
    totals = json.loads((folder / "report.json").read_text())["totals"]
    return {name: {end: total[end] for end in ENDS} for name, total in totals.items()}


def words(total: dict[str, float]) -> tuple[str, str, str]:
    """What a person reads of it."""
    value, low, high = (f"{total[end]:.2f}" for end in ENDS)
    return value, low, high


def rows_of(html: str) -> dict[str, tuple[str, str, str]]:
    found = re.findall(
        r'<th scope="row">([^<]+)<small>[^<]*</small></th><td class="number">([^<]*)</td>'
        r'<td class="number">(?:([^<]*)\s–\s([^<]*))?</td>', html,
    )  # fmt: skip
    return {name: (value, low, high) for name, value, low, high in found}


def test_files_of_a_site_say_the_same(batch):
    out, reports, _ = batch
    for report in reports:
        folder = out / "sites" / report.site.id
        totals = told(folder)
        assert totals.keys() == TOTALS.keys()
        shown = {TOTAL_WORDS[name]: words(totals[name]) for name in TOTAL_WORDS}
        assert rows_of((folder / "report.html").read_text("utf-8")) == shown
        stac = json.loads((folder / "stac-item.json").read_text())["properties"]
        assert stac["landshift:hectares"] == {
            name: {"value": one["hectares"], "low": one["low"], "high": one["high"]}
            for name, one in totals.items()
        }
        with zipfile.ZipFile(folder / "site.kmz") as kmz:
            kml = ElementTree.fromstring(kmz.read("doc.kml"))
        data = {node.get("name"): node[0].text for node in kml.findall(".//{*}Data")}
        for name, one in totals.items():
            value, low, high = words(one)
            assert data[f"{name.replace('_', ' ')}, ha"] == f"{value} ({low} to {high})"


def test_what_is_printed_and_drawn_of_a_site_says_the_same(batch, capsys):
    out, reports, _ = batch
    for report in reports:
        totals = told(out / "sites" / report.site.id)
        table.print_report(report, None)
        printed = capsys.readouterr().out
        notebook = report._repr_html_()
        assert "-0.00" not in printed + notebook
        for name, spoken in table._TOTALS.items():
            value, low, high = words(totals[name])
            found = re.search(rf"^{spoken} +(\S+) +(\S+) – (\S+)", printed, re.MULTILINE)
            assert found, spoken
            assert found.groups() == (value, low, high)
            cells = f"<td>{value}</td><td>{low} to {high}</td>"
            assert f"<th>{TOTAL_WORDS[name]}</th>{cells}" in notebook
    for report in reports[:3]:  # a figure takes a second
        texts = [text.get_text() for text in figure.draw(report, ()).findobj(Text)]
        for name, spoken in TOTAL_WORDS.items():
            value, low, high = words(told(out / "sites" / report.site.id)[name])
            assert texts[texts.index(spoken) + 1] == f"{value} ({low}–{high})"


def test_tables_of_many_sites_say_the_same(batch):
    out, reports, _ = batch
    with (out / "sites.csv").open(encoding="utf-8", newline="") as file:
        rows = {row["id"]: row for row in csv.DictReader(file)}
    meta, _, _, columns = raw.read(out / "sites.gpkg")
    layer = dict(zip(meta["fields"], columns, strict=True))
    groups = {
        group["province"]: group["totals"]
        for group in json.loads((out / "summary.json").read_text())["by_year_and_province"]
    }
    for place, report in enumerate(reports):
        row = rows[report.site.id]
        assert row["verdict"] == report.fitness.verdict
        for name, total in told(out / "sites" / report.site.id).items():
            own = [f"{name}_ha{end}" for end in ("", "_low", "_high")]
            assert [float(row[column]) for column in own] == list(total.values())
            assert [layer[column][place] for column in own] == list(total.values())
            # a sum over one site is that site
            assert groups[f"Province {place}"][name] == pytest.approx(total, abs=1.01e-4)
    for name in ("refused", "failed"):
        assert rows[name]["status"] == name
        assert not any(cell for column, cell in rows[name].items() if "_ha" in column)
    for place in (SITES, SITES + 1):
        assert np.isnan(layer["new_building_ha"][place])
        assert set(groups[f"Province {place}"]["new_building"].values()) == {None}


def test_what_is_printed_and_drawn_of_many_sites_says_the_same(batch, capsys):
    out, reports, ledger = batch
    summary = json.loads((out / "summary.json").read_text())
    summary_table.print_summary(ledger, summary)
    printed, html = capsys.readouterr().out, (out / "index.html").read_text("utf-8")
    sites = re.findall(
        r'data-key="new"[^>]*>([\d.]*)(?:<small>([\d.]+)\s–\s([\d.]+)</small>)?</td>\s*'
        r'<td[^>]*>([\d.]*)</td>\s*<td[^>]*>([\d.]*)</td>\s*<td[^>]*>([\d.]*)</td>', html,
    )  # fmt: skip
    for report, (*new, cropland, greenhouse, cleared) in zip(reports, sites, strict=False):
        totals = {name: words(one) for name, one in
                  told(out / "sites" / report.site.id).items()}  # fmt: skip
        assert tuple(new) == totals["new_building"]
        assert (cropland, greenhouse, cleared) == tuple(
            totals[name][0] for name in ("cropland_loss", "greenhouse_loss", "cleared_ground")
        )
        line = next(line for line in printed.splitlines() if line.startswith(report.site.name))
        value, low, high = (re.escape(word) for word in totals["new_building"])
        assert re.search(rf" {value} +{low} – {high} ", line), line
    assert sites[SITES:] == [("",) * 6] * 2
    whole = {TOTAL_WORDS[name]: words(summary["all"]["totals"][name]) for name in TOTAL_WORDS}
    assert rows_of(html) == whole
    assert "-0.00" not in printed + html


def test_an_interval_holds_its_value_as_it_is_printed(batch):
    out, reports, _ = batch
    for report in reports:
        plain = json.loads((out / "sites" / report.site.id / "report.json").read_text())
        numbers = [*plain["totals"].values(), *plain["transitions"]]
        numbers += [one[side] for one in plain["balance"] for side in ("gained", "lost", "net")]
        for one in numbers:
            assert one["low"] <= one["hectares"] <= one["high"]
        for one in plain["balance"]:
            left = one["gained"]["hectares"] - one["lost"]["hectares"]
            assert one["net"]["hectares"] == pytest.approx(left, abs=1e-9)
