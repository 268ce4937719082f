"""The whole job on the six simulated sites, against the truth they carry."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from shapely.geometry import Polygon

from landshift.buildings import outlines
from landshift.comparison import compare_site
from landshift.legend import Cover
from landshift.reading import describe_image, read_aoi
from landshift.settings import Settings
from landshift.site import Image, Site

TILES = Path(__file__).parent.parent / "sample_tiles"
NAMES = ("kyongsong", "songchon", "onchon", "kosan", "kumya", "unchanged")
FINE = ("kyongsong", "songchon", "onchon", "kosan")
LEAST_HALL_HECTARES = 0.015
"""150 m²: smaller finds are listed, but no hall of the programme is so small."""
pytestmark = pytest.mark.jit


def missed(why):
    """What the first model does not reach yet; strict, so that reaching it is noticed."""
    return pytest.mark.xfail(reason=why, strict=True)


@pytest.fixture(scope="module")
def reports():
    """One comparison a site, each made when it is first asked for."""
    made = {}

    def report(name):
        if name not in made:
            folder = TILES / name
            site = Site(
                name, Image(folder / "before.tif"), Image(folder / "after.tif"),
                read_aoi(folder / "site.geojson"),
            )  # fmt: skip
            made[name] = compare_site(site, "open", Settings(), lambda stage: None)
        return made[name]

    return report


def truth_of(name):
    return json.loads((TILES / name / "truth.json").read_text())


def close(found, true):
    return abs(found - true) <= max(0.15 * true, 0.1)


def hectares(report, before, after):
    table = report.changes.expected_hectares.sum(axis=(0, 1))
    return float(sum(table[b - 1, a - 1] for b in before for a in after))


@pytest.mark.parametrize("name", NAMES)
def test_the_planted_error_is_found(reports, name):
    report, planted = reports(name), truth_of(name)["geolocation_error"]["before"]
    grid = describe_image(Image(TILES / name / "before.tif")).grid
    x0, y0, x1, y1 = grid.bounds
    middle = np.array([(x0 + x1) / 2, (y0 + y1) / 2])
    turn = math.radians(planted["rotation_deg"])
    rotation = np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    outline = report.outline
    spots = np.array(outline.convex_hull.exterior.coords)
    shown = (spots - middle) @ rotation.T + middle + [planted["east_m"], planted["north_m"]]
    east, north = report.alignment.displacement(spots[:, 0], spots[:, 1])
    miss = np.hypot(*(np.stack([east, north]) - (spots - shown).T))
    assert report.alignment.verdict != "failed"
    assert np.sqrt(np.mean(miss**2)) <= 0.5 * report.changes.grid.gsd_m + planted["local_m"]


SLAB = missed("a concrete slab and footings at 1 m are taken for roofs: 0.14 ha too much")
FINE_BUT_SLAB = [pytest.param("kyongsong", marks=SLAB), "songchon", "onchon", "kosan"]


@pytest.mark.parametrize("name", FINE)
def test_new_buildings_hold_the_truth_in_their_interval(reports, name):
    built = reports(name).totals["new_building"]
    assert built.low <= truth_of(name)["new_building"]["hectares"] <= built.high


@pytest.mark.parametrize("name", FINE_BUT_SLAB)
def test_new_building_hectares_at_half_a_metre_to_a_metre(reports, name):
    found = reports(name).totals["new_building"].value
    assert close(found, truth_of(name)["new_building"]["hectares"])


@pytest.mark.parametrize(
    "name",
    [
        "kyongsong",
        "songchon",
        pytest.param(
            "onchon", marks=missed("0.30 ha too little: of a paved yard three fifths are believed")
        ),
        "kosan",
    ],
)
def test_cropland_lost_to_building_or_paving(reports, name):
    lost = truth_of(name)["cropland_loss"]
    found = reports(name).totals["cropland_loss"].value
    assert close(found, lost["to_building"] + lost["to_paved"])


@pytest.mark.parametrize("name", FINE)
@missed("of the cleared ground around new halls a half to two thirds is recognised")
def test_cropland_and_greenhouse_lost_with_what_was_cleared(reports, name):
    report, truth = reports(name), truth_of(name)
    lasting = [Cover.BUILDING, Cover.PAVED, Cover.BARE]
    torn_down = truth["greenhouse_loss"]["hectares"]
    assert close(hectares(report, [Cover.CROPLAND], lasting), truth["cropland_loss"]["hectares"])
    assert close(hectares(report, [Cover.GREENHOUSE], lasting), torn_down)


@pytest.mark.parametrize("name", ["songchon", "onchon", "kosan"])
def test_halls_are_counted_and_the_old_one_is_not_new(reports, name):
    report, truth = reports(name), truth_of(name)
    halls = [b for b in report.buildings if b.hectares >= LEAST_HALL_HECTARES]
    assert len(halls) == truth["halls"]
    assert overlaps(truth, halls).min() >= 0.5


def test_halls_at_three_metres_are_told_from_the_houses_beside_them(reports):
    truth = truth_of("kumya")
    matched = overlaps(truth, reports("kumya").buildings) >= 0.5
    halls = np.array([building["kind"] == "hall" for building in truth["buildings"]])
    assert halls.sum() == 3
    assert matched[halls].all()
    assert matched[~halls].sum() >= 12  # houses of ten pixels each


def overlaps(truth, buildings):
    """Of each true hall, intersection over union with the building that overlaps it most."""
    halls = (Polygon(hall["outline"]) for hall in truth["buildings"])
    return np.array([max(outlines.overlap(hall, b.outline) for b in buildings) for hall in halls])


def test_greenhouses_that_stay_are_not_lost(reports):
    assert reports("onchon").totals["greenhouse_loss"].value <= 0.05


@pytest.mark.parametrize("name", ["kyongsong", "onchon", "kosan", "unchanged"])
def test_no_more_is_seen_than_there_is(reports, name):
    report = reports(name)
    assert report.seen_share <= 1.0
    assert str(report.not_seen_hectares) == "0.0"


def test_a_change_of_season_is_no_change(reports):
    totals = reports("unchanged").totals
    assert totals["cropland_loss"].value + totals["new_building"].value <= 0.05
