"""Buildings that a cloud, the pictures' edge or a mask cuts: told, drawn and written as such."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
from matplotlib.patches import PathPatch

from landshift import figure, page
from landshift.buildings import outline_buildings
from landshift.cli.table import print_report
from landshift.google_earth import kmz_bytes
from landshift.patches import find_patches
from landshift.settings import BuildingSettings
from landshift.wording import PART_UNSEEN
from landshift.writing import buildings_as_geojson
from posteriors import change_map, picture, rectangle, utm_grid
from reports import made_report

SETTINGS = BuildingSettings()
SHAPE = (260, 260)
GRID = utm_grid(*SHAPE, 0.5)
HALL = rectangle(GRID, 130, 130, 60, 20, 90.0)
"""120 × 40 px around the middle: columns 70 to 189."""


def found_where(seen, after_seen=None, hall=HALL, inside=None):
    """The one building of a hall of which both dates show what is ``seen``."""
    codes = np.where(seen, np.where(hall, 13, 11), 0)
    after_seen = np.ones(SHAPE, bool) if after_seen is None else after_seen
    after = picture(np.where(hall, 3, 1), GRID, np.random.default_rng(0), 2.0, after_seen)
    (one,), _ = outline_buildings(change_map(codes, GRID, inside), after, SETTINGS)
    return one


@pytest.mark.parametrize(("first_unseen", "cut"), [(150, True), (192, True), (200, False)])
def test_a_hall_is_told_to_be_cut_where_a_cloud_lies_on_or_against_it(first_unseen, cut):
    seen = np.ones(SHAPE, bool)
    seen[:, first_unseen:] = False
    assert found_where(seen).part_unseen == cut


def test_the_after_picture_tells_it_beyond_the_aoi_too():
    inside, shown = np.zeros(SHAPE, bool), np.ones(SHAPE, bool)
    inside[:, :150] = True
    assert not found_where(shown, inside=inside).part_unseen
    shown[:, 185:] = False
    assert found_where(np.ones(SHAPE, bool), shown, inside=inside).part_unseen


@pytest.mark.parametrize(("row", "col"), [(0, 130), (259, 130), (130, 0), (130, 259)])
def test_the_pictures_edge_cuts_as_a_cloud_does(row, col):
    at_edge = rectangle(GRID, row, col, 40, 20, 90.0)
    assert found_where(np.ones(SHAPE, bool), hall=at_edge).part_unseen


def test_the_line_of_a_cloud_makes_no_roof_of_a_frame():
    beams = (np.arange(SHAPE[0])[:, None] % 6 < 2) | (np.arange(SHAPE[1])[None] % 6 < 2)
    seen = np.zeros(SHAPE, bool)
    seen[118:142] = True  # clouds along both sides
    codes = np.where(seen, np.where(HALL, 13, 11), 0)
    for shown, stage in ((HALL & beams, "frame or foundation"), (HALL, "roofed")):
        after = picture(np.where(shown, 3, 1), GRID, np.random.default_rng(1), 2.0, seen)
        (one,), _ = outline_buildings(change_map(codes, GRID), after, SETTINGS)
        assert one.stage == stage


def cut_report():
    report = made_report()
    whole = report.buildings[0]
    return replace(report, buildings=(whole, replace(whole, part_unseen=True)))


def test_a_cut_outline_is_told_wherever_a_person_or_a_program_reads_it(capsys):
    report = cut_report()
    features = buildings_as_geojson(report)["features"]
    assert [one["properties"]["part_unseen"] for one in features] == [False, True]
    print_report(report, None)
    lines = [line.split() for line in capsys.readouterr().out.splitlines() if " × " in line]
    assert [row[1] for row in lines if row[0].isdigit()] == ["0.333", "≥"]
    patches = find_patches(report.changes)
    with zipfile.ZipFile(BytesIO(kmz_bytes(report, patches))) as archive:
        assert archive.read("doc.kml").decode().count(PART_UNSEEN) == 1
    text = page.render(report, patches)
    assert text.count("≥ 0.3333") == 1
    assert f"≥: seen {PART_UNSEEN}" in text
    assert "≥: seen" not in page.render(made_report(), patches)


def test_a_cut_outline_is_dashed_and_the_legend_says_why():
    report = cut_report()
    for given, dashed in ((report, 1), (made_report(), 0)):
        drawn = figure.draw(given, find_patches(given.changes))
        words = [text.get_text() for text in drawn.axes[3].get_legend().texts]
        assert words.count("the same, seen in part") == dashed
        outlines = drawn.axes[2].findobj(PathPatch)
        assert sum(one.get_linestyle() != "solid" for one in outlines) == dashed
