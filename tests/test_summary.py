"""The morning table and the roll-up: what counts as what, and how sure the sum is."""

from __future__ import annotations

import csv
import json
import re
from dataclasses import replace

import numpy as np
import pytest
import shapely
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Transformer
from shapely.affinity import translate
from shapely.geometry import box

from landshift.area import interval, measure_area, site_error
from landshift.batch.digest import digest_of
from landshift.batch.ledger import Ledger
from landshift.batch.listed_site import ListedSite
from landshift.batch.morning import write_tables
from landshift.batch.outcome import Outcome
from landshift.batch.overlap import Overlap, find_overlaps, overlap_words
from landshift.batch.rollup import Sum, judge_site
from landshift.change_map import TOTALS
from landshift.cli import main
from landshift.settings import AreaSettings, SummarySettings
from reports import LOCAL, UTM, made_report

JUDGED = SummarySettings()


def hectares(value, low=None, high=None):
    return {"hectares": value, "low": value * 0.6 if low is None else low,
            "high": value * 1.5 if high is None else high, "model_error": 0.35,
            "left_out": 0.0}  # fmt: skip


def digest(transitions=(), buildings=(), kept=0.0, **totals):
    return {
        "verdict": "ok", "alignment": "good", "warnings": [], "seen_share": 1.0, "gsd_m": 0.5,
        "aoi_hectares": 4.0, "before_date": None, "after_date": "2024-05-29",
        "totals": {name: hectares(totals.get(name, 0.0)) for name in TOTALS},
        "transitions": [
            {"before": before, "after": after, **hectares(value)}
            for before, after, value in transitions
        ],
        "greenhouse_kept_hectares": kept,
        "buildings": [
            {"hectares": size, "width_m": width, "was": "cropland", "stage": stage}
            for size, width, stage in buildings
        ],
        "clusters": [], "outline": None,
    }  # fmt: skip


HALL, HOUSE = (0.12, 18.0, "roofed"), (0.008, 8.0, "roofed")


def test_kinds_of_ground_are_told_apart():
    told = judge_site(
        digest([("cropland", "building", 0.5), ("greenhouse", "paved", 0.3),
                ("building", "building", 0.01), ("building", "paved", 5.0)], [HALL]), JUDGED,
    )  # fmt: skip
    assert (told["on_farmland"], told["on_greenhouses"], told["on_older_buildings"]) == (
        True, True, False
    )  # fmt: skip
    assert told["replaced"] == "farmland, greenhouses"
    assert told["built_on_greenhouse_ha"] == pytest.approx(0.3)


def test_a_kind_of_ground_counts_from_a_share_of_all_that_was_built_on():
    built = digest([("cropland", "building", 10.0), ("greenhouse", "building", 0.5)])
    for share, counts in ((0.1, False), (0.04, True)):
        told = judge_site(built, replace(JUDGED, least_hectares=0.05, least_share=share))
        assert (told["on_farmland"], told["on_greenhouses"]) == (True, counts)


def test_bare_ground_and_plants_that_were_built_on_are_no_farmland():
    told = judge_site(digest([("bare", "building", 0.5), ("woody", "building", 0.2)]), JUDGED)
    assert (told["built_on_other_ha"], told["built_on_cropland_ha"]) == (0.7, 0.0)
    assert told["replaced"] == ""


def test_a_house_is_small_and_narrow():
    given = [(JUDGED.house_hectares, JUDGED.house_width_m, "roofed"),
             (JUDGED.house_hectares, JUDGED.house_width_m + 0.1, "roofed"),
             (JUDGED.house_hectares + 0.001, JUDGED.house_width_m, "roofed")]  # fmt: skip
    assert judge_site(digest(buildings=given), JUDGED)["houses"] == 1


def test_greenhouses_cleared_count_before_anything_is_built():
    assert judge_site(digest(greenhouse_loss=0.4), JUDGED)["on_greenhouses"]


def test_housing_and_surviving_greenhouses_are_seen():
    built = [("cropland", "building", 0.5)]
    told = judge_site(digest(built, [HALL, *[HOUSE] * 5], kept=0.6), JUDGED)
    assert told["with_housing"]
    assert told["beside_greenhouses"]
    assert told["houses"] == 5
    alone = judge_site(digest(built, [HALL, *[HOUSE] * 4], kept=0.05), JUDGED)
    assert not alone["with_housing"]
    assert not alone["beside_greenhouses"]
    assert not judge_site(digest(kept=3.0), JUDGED)["beside_greenhouses"]


@pytest.mark.parametrize(
    ("given_digest", "stage"),
    [(digest(buildings=[(0.3, 20.0, "frame or foundation"), HALL]), "frame or foundation"),
     (digest(buildings=[HALL]), "roofed"), (digest(buildings=[(0.3, 20.0, None)]), "built"),
     (digest(cleared_ground=0.8), "cleared"),
     (digest(new_building=0.8), "built"), (digest(), "nothing new")],
)  # fmt: skip
def test_the_stage_is_that_of_most_of_the_roofs(given_digest, stage):
    assert judge_site(given_digest, JUDGED)["stage"] == stage


sizes = st.floats(0.01, 50.0)


@given(sizes, st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_one_site_keeps_its_own_interval(value, down, up):
    low, high = value * (1 - down), value * (1 + 2 * up)
    total = Sum()
    total.add(hectares(value, low, high))
    told = total.as_json()
    assert told["low"] == pytest.approx(low, abs=2e-4)
    assert told["high"] == pytest.approx(high, abs=2e-4)


@given(st.lists(sizes, min_size=2, max_size=20), st.floats(1.0, 3.0))
def test_a_sum_lies_between_all_errors_shared_and_none(values, wider):
    total = Sum()
    ups = []
    for value in values:
        own = hectares(value, None, value + wider * (interval(value, 0.35 * value)[1] - value))
        ups.append(own["high"] - value)
        total.add(own)
    reach = total.as_json()["high"] - sum(values)
    assert reach <= sum(ups) + 1e-3
    assert reach >= sum(up**2 for up in ups) ** 0.5 - 1e-3
    if wider == 1.0:
        assert reach == pytest.approx(sum(ups), rel=1e-3, abs=1e-3)


def test_a_shared_model_error_does_not_average_out():
    one, many = Sum(), Sum()
    error = interval(1.0, 0.35)
    one.add(hectares(1.0, *error))
    for _ in range(100):
        many.add(hectares(1.0, *error))
    shares = [(t["high"] - t["hectares"]) / t["hectares"] for t in (one.as_json(), many.as_json())]
    assert shares[0] == pytest.approx(shares[1], rel=1e-3)


def test_sites_that_may_each_be_nothing_may_be_nothing_together():
    total, told = Sum(), Sum()
    for _ in range(50):
        total.add(hectares(0.02, 0.0, 0.08))
        told.add(hectares(0.02, 0.015, 0.08))
    assert total.as_json()["low"] == 0.0
    assert told.as_json()["low"] > 0.2


def test_what_was_not_seen_does_not_average_out():
    total = Sum()
    for _ in range(100):
        total.add({**hectares(1.0, 0.9, 3.2), "model_error": 0.0, "left_out": 2.0})
    # 2 ha a site that the value leaves out, and 0.2 ha that are each site's own
    assert total.as_json()["high"] == pytest.approx(100 + 200 + 0.2 * 10, abs=1e-3)


def test_what_was_not_seen_adds_no_more_than_the_upper_end_holds():
    total = Sum()
    total.add({**hectares(1.0, 0.9, 1.2), "left_out": 2.0})
    assert total.as_json()["high"] == 1.2


def test_nothing_answered_is_not_zero():
    assert Sum().as_json() == {"hectares": None, "low": None, "high": None}


@pytest.mark.parametrize("grid", [UTM, LOCAL], ids=["utm", "local"])
def test_a_digest_is_small_plain_and_placed(grid):
    told = digest_of(made_report(grid))
    assert len(json.dumps(told, allow_nan=False)) < 3000
    assert (told["outline"] is None) == (grid is LOCAL)
    size = {"hectares": 0.3333, "low": 0.25, "high": 0.5}
    assert told["totals"]["new_building"] == {**size, "model_error": 1.0, "left_out": 0.0}
    assert told["clusters"] == [0.6666]


def test_a_digest_says_of_each_total_how_far_the_model_may_be_off():
    """What an interval was made with, kind by kind: the error of halls is not that of fields."""
    report = made_report(UTM)
    _, totals = measure_area(report.changes, report.alignment, AreaSettings())
    told = digest_of(replace(report, totals=totals))["totals"]
    errors = {name: told[name]["model_error"] for name in ("new_building", "cropland_loss")}
    for name, error in errors.items():
        assert error == pytest.approx(float(site_error(totals[name].clues, AreaSettings())), 1e-3)
    half = replace(report.changes, seen_hectares=report.changes.seen_hectares / 2)
    _, totals = measure_area(half, report.alignment, AreaSettings())
    less = digest_of(replace(report, totals=totals))["totals"]["new_building"]
    assert 0.0 < told["new_building"]["left_out"] + 0.01 < less["left_out"] <= less["high"]
    assert errors["new_building"] < errors["cropland_loss"]


@pytest.fixture
def folder(tmp_path):
    ledger = Ledger(tmp_path)
    hostile = {"-x": "+y", "year": "z"}
    sites = [
        ListedSite("line 2", "=1+1", "site-a", "@evil", "North", "2024", extra=hostile),
        ListedSite("line 3", "b", "b", "[bold]B[/]", "North", "2024", lon=129.6, lat=41.6),
        ListedSite("line 4", "c", "c", "C", "South", "2026"),
        ListedSite("line 5", "d", "", "D", "South", "2026", problem="before is missing"),
        ListedSite("line 6", "e", "e", "E", "South", "2026"),
    ]  # fmt: skip
    ledger.list_sites(sites)
    for place, outcome in enumerate((
        Outcome("answered", digest=digest_of(made_report())),
        Outcome("refused", "pair", "all of it is cloud"), Outcome("failed", "crash", "SIGSEGV"),
    )):  # fmt: skip
        ledger.note_key(place, f"key{place}")
        ledger.note_outcome(f"key{place}", sites[place].folder, outcome)
    yield tmp_path, ledger
    ledger.close()


def overlapping(tmp_path, *given):
    """What summarise tells of sites with the report's outline, moved (m) and dated as given."""
    folder = tmp_path / "overlapping"
    folder.mkdir()
    ledger = Ledger(folder)
    sites = [ListedSite(f"line {n}", f"s{n}", f"s{n}") for n in range(2, 2 + len(given))]
    ledger.list_sites(sites)
    for place, (grid, moved, days) in enumerate(given):
        report = made_report(grid)
        report = replace(
            report, outline=translate(box(*grid.bounds), moved),
            before=replace(report.before, date=days[0]), after=replace(report.after, date=days[1]),
        )  # fmt: skip
        ledger.note_key(place, f"key{place}")
        ledger.note_outcome(f"key{place}", sites[place].folder,
                            Outcome("answered", digest=digest_of(report)))  # fmt: skip
    write_tables(ledger, folder)
    ledger.close()
    with (folder / "sites.csv").open(encoding="utf-8", newline="") as file:
        warnings = [row["warnings"] for row in csv.DictReader(file)]
    return json.loads((folder / "summary.json").read_text()), warnings, folder


FIRST, SECOND = ("2023-05-12", "2024-05-29"), ("2024-05-29", "2025-05-29")


@pytest.mark.parametrize("grid", [UTM, LOCAL], ids=["utm", "local"])
def test_ground_that_is_listed_twice_is_told(tmp_path, grid):
    outline = box(*grid.bounds)
    west, _, east, _ = outline.bounds
    half = (east - west) / 2
    summary, warnings, folder = overlapping(
        tmp_path, (grid, 0, FIRST), (grid, half, FIRST), (grid, 5e4, FIRST), (grid, 0, SECOND),
    )  # fmt: skip
    assert [pair["ids"] for pair in summary["overlaps"]] == [["s2", "s3"]]
    hectares = outline.intersection(translate(outline, half)).area / 1e4
    assert summary["overlaps"][0]["hectares"] == pytest.approx(hectares, rel=2e-3)
    assert summary["cautions"][0].startswith("s2 and s3 share ")
    assert warnings[0].startswith(f"shares {hectares:.2f} ha with s3")
    assert warnings[1].startswith(f"shares {hectares:.2f} ha with s2")
    assert "shares" not in warnings[2] + warnings[3]
    page = (folder / "index.html").read_text("utf-8")
    # in sight, and before the sums that it is about
    caution = page.index('<p class="warning"><strong>Caution:</strong> s2 and s3 share')
    assert caution < page.index("<table>")
    printed = CliRunner().invoke(main, ["summarise", str(folder)], env={"COLUMNS": "200"})
    assert "! s2 and s3 share" in printed.output
    total = summary["all"]["totals"]["new_building"]["hectares"]
    assert total == pytest.approx(4 * 0.3333, abs=1e-3)  # nothing is taken out


@pytest.mark.parametrize("days", [FIRST, (None, FIRST[1]), (FIRST[0], FIRST[0])])
def test_one_site_under_two_ids_is_told_whatever_its_days(tmp_path, days):
    summary, *_ = overlapping(tmp_path, (UTM, 0, days), (UTM, 0, days))
    assert [pair["ids"] for pair in summary["overlaps"]] == [["s2", "s3"]]


def test_every_overlap_is_counted_and_neighbours_have_none(tmp_path):
    west, _, east, _ = UTM.bounds
    same, beside = [(UTM, 0, (None, None))] * 4, (UTM, east - west, FIRST)
    summary, warnings, _ = overlapping(tmp_path, *same, beside)
    assert len(summary["overlaps"]) == 6
    assert len(summary["cautions"]) == 4
    assert summary["cautions"][3] == "3 more pairs of sites share ground"
    assert "shares" not in warnings[4]


def test_neighbouring_tiles_that_lie_askew_share_no_ground():
    side, turn = 200.0, np.radians(2.0)
    along, across = (np.cos(turn), np.sin(turn)), (np.sin(turn), -np.cos(turn))
    digests = []
    for place in (0, 1):
        report = made_report(UTM)
        row, col = np.indices(UTM.shape)
        x, y = UTM.xy(row, col)
        x, y = x - 400_010.3, y - 4_599_990.7
        right, down = x * along[0] + y * along[1], x * across[0] + y * across[1]
        tile = (right >= 0) & (right < side) & (down >= 0) & (down < side)
        if place == 1:  # the one below it
            tile = (right >= 0) & (right < side) & (down >= side) & (down < side + 40.0)
        changes = replace(report.changes, codes=np.where(tile, 11, 255).astype(np.uint8))
        digests.append(digest_of(replace(report, changes=changes)))
        drawn = to_utm(shapely.from_wkb(digests[-1]["outline"]))
        assert drawn.area == pytest.approx(tile.sum(), rel=0.05)
    found = find_overlaps(
        [({"id": name}, Outcome("answered", digest=told)) for name, told in zip("ab", digests,
         strict=True)], SummarySettings(),
    )  # fmt: skip
    assert found == ()


def to_utm(degrees):
    change = Transformer.from_crs(4326, UTM.crs, always_xy=True)
    return shapely.transform(degrees, lambda xy: np.column_stack(change.transform(*xy.T)))


def test_the_words_for_one_more_overlap():
    pair = Overlap((0, 1), ("a", "b"), 1.5)
    assert overlap_words([pair] * 4)[3] == "1 more pair of sites shares ground"


def test_every_site_stands_in_every_table(folder):
    out, ledger = folder
    write_tables(ledger, out)
    with (out / "sites.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["status"] for row in rows] == ["answered", "refused", "failed", "failed", "not run"]
    assert (rows[0]["id"], rows[0]["name"], rows[0]["'-x"]) == ("'=1+1", "'@evil", "'+y")
    assert rows[0]["list_year"] == "z"
    assert rows[0]["new_building_ha"] == "0.3333"
    assert rows[3]["reason"] == "line 5: before is missing"
    summary = json.loads((out / "summary.json").read_text())
    assert summary["all"]["sites"]["listed"] == 5
    assert [group["year"] for group in summary["by_year_and_province"]] == ["2024", "2026"]
    assert summary["by_year_and_province"][1]["totals"]["new_building"]["hectares"] is None
    assert summary["all"]["median_cluster_hectares"] == 0.6666
    assert summary["reasons"] == {"crash": 1, "list": 1, "pair": 1}
    assert sorted(p.name for p in out.iterdir() if not p.name.startswith("ledger")) == [
        "index.html", "sites.csv", "sites.gpkg", "summary.json",
    ]  # fmt: skip


def test_the_geopackage_holds_the_same_rows_and_the_same_bytes(folder):
    pyogrio = pytest.importorskip("pyogrio")
    out, ledger = folder
    write_tables(ledger, out)
    first = (out / "sites.gpkg").read_bytes()
    write_tables(ledger, out)
    assert (out / "sites.gpkg").read_bytes() == first
    meta, _, geometry, columns = pyogrio.raw.read(out / "sites.gpkg")
    assert (meta["crs"], len(geometry)) == ("EPSG:4326", 5)
    assert [wkb is not None for wkb in geometry] == [True, True, False, False, False]
    named = dict(zip(meta["fields"], columns, strict=True))
    assert list(named["status"]) == ["answered", "refused", "failed", "failed", "not run"]
    assert named["new_building_ha"][0] == 0.3333


def test_summarise_prints_what_analysts_publish(folder):
    out, ledger = folder
    ledger.close()
    done = CliRunner().invoke(main, ["summarise", str(out)], env={"COLUMNS": "200"})
    assert done.exit_code == 0, done.output
    assert "[bold]B[/]" in done.output
    assert "all of it is cloud" in done.output
    assert "1 answered, 1 refused, 2 failed, 1 not run" in done.output
    as_json = CliRunner().invoke(main, ["summarise", str(out), "--json"])
    assert json.loads(as_json.stdout)["schema"] == "landshift/summary/1"
    assert CliRunner().invoke(main, ["summarise", str(out / "none")]).exit_code == 1


def test_hectares_of_a_small_site_are_told_to_the_square_metre_among_others_too(tmp_path):
    ledger = Ledger(tmp_path)
    ledger.list_sites([ListedSite("line 2", "hut", "hut")])
    ledger.note_key(0, "key")
    small = {**digest(new_building=0.0041, cropland_loss=0.0032), "aoi_hectares": 0.09}
    ledger.note_outcome("key", "hut", Outcome("answered", digest=small))
    ledger.close()
    done = CliRunner().invoke(main, ["summarise", str(tmp_path)])
    assert re.search(r"^hut .* 0\.0041 +0\.0025 – 0\.0062 ", done.output, re.M), done.output
    row = (tmp_path / "index.html").read_text("utf-8").partition('data-site="0"')[2]
    assert "0.0041<small>0.0025 – 0.0062</small>" in row
    assert ">0.0032</td>" in row


def test_sums_over_small_sites_are_told_to_the_square_metre(tmp_path):
    def told(*hectares):
        ledger = Ledger(tmp_path)
        names = [f"hut{number}" for number in range(len(hectares))]
        ledger.list_sites([ListedSite(f"line {name}", name, name) for name in names])
        for number, (name, size) in enumerate(zip(names, hectares, strict=True)):
            ledger.note_key(number, name)
            small = {**digest(new_building=0.0041), "aoi_hectares": size}
            ledger.note_outcome(name, name, Outcome("answered", digest=small))
        ledger.close()
        done = CliRunner().invoke(main, ["summarise", str(tmp_path)]).output
        (group,) = re.findall(r"^all  .*", done, re.M)
        (total,) = re.findall(r"^new building  .*", done, re.M)
        page = (tmp_path / "index.html").read_text("utf-8").partition('data-site="0"')[0]
        return group, total, page

    for part in told(0.09, 0.08):
        assert re.search(r"0\.0082\D.*0\.00\d\d – 0\.0\d\d\d", part), part
    for part in told(0.09, 2.0):
        assert "0.01" in part
        assert "0.0082" not in part
    for shared, words in ((0.0041, "0.0041"), (0.0541, "0.05")):
        (line,) = overlap_words([Overlap((0, 1), ("a", "b"), shared)])
        assert line.startswith(f"a and b share {words} ha:")
