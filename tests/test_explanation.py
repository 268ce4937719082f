"""Why a place was called what it was: the comparison made again, and asked."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from rich.console import Console
from scipy import ndimage

from command_line import refused, run
from conftest import CHECKOUT
from landshift import explanation
from landshift.cli.explain import _amounts, _thresholds
from landshift.comparison import compare_site
from landshift.errors import ComparisonError, InputError, SettingsError
from landshift.explanation import (
    Check,
    _region_checks,
    building_at,
    explain,
    pixel_at,
    pixel_under,
)
from landshift.legend import OUTSIDE, Cover
from landshift.reading import read_aoi
from landshift.recomparison import compare_again, read_result, settings_from
from landshift.settings import (
    AreaSettings,
    BuildingSettings,
    ClueWeights,
    FitnessSettings,
    GridSettings,
    Settings,
    TransitionSettings,
)
from landshift.site import Image, Site
from landshift.writing import write_report
from networks import random_model
from pictures import ground, write

pytestmark = pytest.mark.jit
TILE = CHECKOUT / "sample_tiles" / "songchon"


def quiet(stage):
    pass


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    """The report of a sample site, and the comparison made again from its folder."""
    folder = tmp_path_factory.mktemp("songchon")
    site = Site("songchon", Image(TILE / "before.tif"), Image(TILE / "after.tif"),
                read_aoi(TILE / "site.geojson"))  # fmt: skip
    report = compare_site(site, "open", Settings(), quiet)
    write_report(report, folder / "out", False, ())
    return report, compare_again(read_result(folder / "out"), None, quiet)


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> Path:
    """A folder with a pair, half of one picture not seen, a model and the result in ``out``."""
    folder = tmp_path_factory.mktemp("small")
    model = random_model(folder)
    shown = np.ones((200, 240), np.uint8) * 255
    shown[:, :60] = 0
    write(folder / "before.tif", ground(200, 240), mask=shown)
    write(folder / "after.tif", np.roll(ground(200, 240), 2, axis=2))
    settings = Settings(grid=GridSettings(gsd_m=1.0))
    site = Site("small", Image(folder / "before.tif"), Image(folder / "after.tif"))
    path = next(folder.glob("*.npz"))
    assert model.sha256
    write_report(compare_site(site, str(path), settings, quiet), folder / "out", False, ())
    return folder


def test_the_comparison_made_again_is_the_one_that_was_written(sample):
    report, again = sample
    np.testing.assert_array_equal(again.changes.codes, report.changes.codes)
    np.testing.assert_array_equal(again.changes.codes, again.result.codes)
    assert again.result.settings == Settings()
    assert [one.hectares for one in again.buildings] == [one.hectares for one in report.buildings]
    assert again.result.grid == report.changes.grid


def test_a_building_is_explained(sample):
    report, again = sample
    found = explain(again, building_at(again, 1))
    assert found.building == 1
    assert found.called.endswith("→ building")
    # an outline also holds cracks and skylights that were not called new building
    covered = found.pixels * report.changes.grid.gsd_m**2 / (report.buildings[0].hectares * 1e4)
    assert 0.5 < covered < 1.05
    assert sum(found.before.values()) == pytest.approx(1, abs=1e-4)
    assert max(found.after, key=found.after.get) == "building"
    for stage in ("prior", "evidence", "without_rims", "weighed", "smoothed"):
        assert sum(getattr(one, stage) for one in found.kinds) == pytest.approx(1, abs=1e-4)
    checks = {check.setting: check for check in found.checks}
    assert checks["transition.change_threshold"].passed
    assert checks["transition.change_threshold"].limit == TransitionSettings().change_threshold
    assert checks["transition.least_change_m2"].passed
    assert checks["buildings.least_m2"].found == pytest.approx(report.buildings[0].hectares * 1e4)
    assert checks["buildings.least_m2"].limit == BuildingSettings().least_m2
    assert all(check.passed for name, check in checks.items() if name.startswith("buildings."))
    assert [abs(one.fall) for one in found.occlusions] == sorted(
        (abs(one.fall) for one in found.occlusions), reverse=True
    )


def test_without_its_own_ground_a_new_hall_is_no_change(sample):
    _, again = sample
    found = explain(again, building_at(again, 3))  # the red one: of the pale ones less is seen
    left = {one.what: one.change for one in found.occlusions}
    assert found.change > 0.9
    assert left["the ground itself, after as before"] < 0.5 * found.change
    assert left["the ground itself, before as after"] < 0.5 * found.change
    assert {f"band {band}, after as before" for band in ("red", "green", "blue")} < left.keys()


@pytest.mark.parametrize("share", [(0.0, 0.0), (0.31, 0.47), (0.5, 0.5), (0.99, 0.62)])
def test_a_part_of_the_picture_gives_the_evidence_of_the_whole(sample, share):
    _, again = sample
    rows, cols = again.result.grid.shape
    row, col = int(share[0] * (rows - 1)), int(share[1] * (cols - 1))
    found = explain(again, pixel_at(again.result.grid, row, col))
    whole = 1 - float(again.evidence.probability[0, row, col])
    assert found.change == pytest.approx(whole, abs=1e-4)
    assert found.kinds[0].evidence == pytest.approx(1 - whole, abs=1e-4)


def test_a_pixel_is_explained_as_it_is_called(sample):
    report, again = sample
    codes = report.changes.codes
    for code in (11, 13, 23):
        places = np.argwhere(codes == code)
        row, col = (int(value) for value in places[len(places) // 2])
        found = explain(again, pixel_at(again.result.grid, row, col))
        before, after = Cover(code // 10).label, Cover(code % 10).label
        said = f"{before}, as before" if before == after else f"{before} → {after}"
        assert found.called == said
        lon, lat = found.lon_lat
        place = pixel_under(again.result.grid, lon, lat)
        assert (place.row, place.col) == (row, col)
    row, col = (int(value) for value in np.argwhere(codes == OUTSIDE)[0])
    assert explain(again, pixel_at(again.result.grid, row, col)).called == "outside the aoi"


def test_the_limits_that_are_told_are_those_that_decided(sample):
    """Regions too small for their kind are called unchanged; those large enough keep a change."""
    _, again = sample
    gsd_m = again.result.grid.gsd_m
    changed, codes = again.decided > 1, again.changes.codes
    settled = changed & (codes != OUTSIDE)
    told = {True: 0, False: 0}
    for kind in (2, 3, 4):
        regions, count = ndimage.label(again.decided == kind)
        sizes = np.bincount(regions.ravel())
        for number in range(1, count + 1):
            places = np.argwhere((regions == number) & settled)
            if len(places) == 0 or told[bool(sizes[number] > 60)] > 12:
                continue
            row, col = (int(value) for value in places[len(places) // 2])
            check = _region_checks(again, pixel_at(again.result.grid, row, col))[0]
            assert check.found == pytest.approx(sizes[number] * gsd_m**2)
            told[bool(sizes[number] > 60)] += 1
            if not check.passed:  # a nested region may join a larger change around it
                around = ndimage.binary_dilation(regions == number) & (regions != number)
                if not changed[around].any():
                    assert codes[row, col] // 10 == codes[row, col] % 10
    assert told[False] > 0  # small ones were among them


def test_places_that_are_not_there_are_told(sample):
    _, again = sample
    grid = again.result.grid
    with pytest.raises(InputError, match="pixel 99999,0 lies outside the result; allowed are 0,0"):
        pixel_at(grid, 99999, 0)
    with pytest.raises(InputError, match="0,0 lies outside the result; allowed are 126"):
        pixel_under(grid, 0.0, 0.0)
    # latitude before longitude: beyond the pole x and y are infinite, and numpy warns of it
    with pytest.raises(InputError, match=r"39\.3,126\.2 lies outside the result; allowed are 126"):
        pixel_under(grid, 39.3, 126.2)
    most = len(again.buildings)
    with pytest.raises(InputError, match=f"no building 0; allowed are 1 to {most}"):
        building_at(again, 0)


def test_the_command_prints_a_table_and_json(small):
    model = next(small.glob("*.npz"))
    args = ("explain", small / "out", "--pixel", "100,120", "--model", model)
    table = run(*args)
    assert table.exit_code == 0, table.output
    for word in ("land cover", "evidence", "what moved it", "threshold", "change_threshold"):
        assert word in table.stdout
    plain = json.loads(run(*args, "--json").stdout)
    assert (plain["row"], plain["col"]) == (100, 120)
    assert {one["band"] for one in plain["bands"]} == {"red", "green", "blue"}
    lon, lat = plain["lon_lat"]
    same = run("explain", small / "out", f"--at={lon},{lat}", "--model", model, "--json")
    assert json.loads(same.stdout) == plain


@pytest.mark.parametrize(
    "args",
    [(), ("--pixel", "1,1", "--building", "1"), ("--pixel", "1"), ("--at", "a,b")],
    ids=["none", "two", "one number", "words"],
)
def test_wrong_usage_exits_2(small, args):
    assert run("explain", small / "out", *args).exit_code == 2


def test_pictures_that_moved_or_changed_are_refused(small, tmp_path):
    model = next(small.glob("*.npz"))
    shutil.copytree(small / "out", tmp_path / "out")
    report = tmp_path / "out" / "report.json"
    report.write_text(report.read_text().replace(str(small), str(tmp_path)))
    args = ("explain", tmp_path / "out", "--pixel", "100,120", "--model", model)
    assert "before.tif: no such file" in refused(*args)
    assert "--inputs DIR" in refused(*args)
    assert run(*args, "--inputs", small).exit_code == 0
    write(tmp_path / "before.tif", ground(200, 240, seed=5))
    shutil.copy(small / "after.tif", tmp_path / "after.tif")
    assert "before.tif: changed since" in refused(*args)


def test_pictures_of_one_name_are_found_by_their_folders(small, tmp_path):
    shutil.copytree(small / "out", tmp_path / "out")
    report = tmp_path / "out" / "report.json"
    plain = json.loads(report.read_text())
    new = tmp_path / "new"
    for root in (Path("pictures"), Path("/gone/pictures")):
        for which, year in (("before", "2023"), ("after", "2024")):
            plain[which]["path"] = str(root / year / "site.tif")
            (new / year).mkdir(parents=True, exist_ok=True)
            shutil.copy(small / f"{which}.tif", new / year / "site.tif")
        report.write_text(json.dumps(plain))
        found = [image.path for image in read_result(tmp_path / "out", new).images]
        assert found == [new / "2023" / "site.tif", new / "2024" / "site.tif"]
        model = next(small.glob("*.npz"))
        args = ("explain", tmp_path / "out", "--pixel", "100,120", "--model", model)
        assert run(*args, "--inputs", new).exit_code == 0
        assert "no such file" in refused(*args, "--inputs", new / "2023" / "none")


def test_another_model_is_refused(small, tmp_path):
    random_model(tmp_path, seed=9)
    place = ("explain", small / "out", "--pixel", "100,120")
    assert "not the one" in refused(*place, "--model", next(tmp_path.glob("*.npz")))
    assert "neither packaged" in refused(*place)


def test_what_was_not_seen_is_said_to_be(small):
    model = next(small.glob("*.npz"))
    said = refused("explain", small / "out", "--pixel", "100,20", "--model", model)
    assert "was not seen: the before picture shows nothing there" in said


def test_an_answer_that_differs_is_not_explained(small, tmp_path):
    shutil.copytree(small / "out", tmp_path / "out")
    report = tmp_path / "out" / "report.json"
    plain = json.loads(report.read_text())
    plain["settings"]["transition"]["change_threshold"] = 0.0
    report.write_text(json.dumps(plain))
    result = read_result(tmp_path / "out")
    again = compare_again(result, str(next(small.glob("*.npz"))), quiet)
    place = np.argwhere((again.changes.codes != result.codes) & (result.codes > 0))[0]
    with pytest.raises(ComparisonError, match="made again, the comparison calls 1 of 1 pixels"):
        explain(again, pixel_at(result.grid, *(int(value) for value in place)))


def test_folders_that_are_no_results_are_told(small, tmp_path):
    assert "no result of compare" in refused("explain", tmp_path, "--building", "1")
    for number, text in enumerate(("[]", "{", "{}", '{"before": {}}')):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "report.json").write_text(text)
        assert "not a report" in refused("explain", folder, "--building", "1")
    shutil.copytree(small / "out", tmp_path / "out")
    (tmp_path / "out" / "changes.tif").write_bytes(b"II*\0broken")
    assert "changes.tif: damaged" in refused("explain", tmp_path / "out", "--building", "1")


def test_the_name_of_a_setting_is_whole_on_a_narrow_terminal(capsys):
    names = ("buildings.least_inside_share", "buildings.doubtful_probability")
    checks = tuple(
        Check("ground of one kind of change", 9403.0, 25.0, "m²", name, True) for name in names
    )
    Console(width=80).print(_thresholds(SimpleNamespace(checks=checks)))
    printed = capsys.readouterr().out
    assert all(name in printed for name in names)


def test_settings_survive_the_report_and_names_of_another_version_are_told():
    settings = Settings(transition=TransitionSettings(kind_prior=(0.7, 0.1, 0.1, 0.1)))
    plain = json.loads(json.dumps(settings.as_dict()))
    assert settings_from(plain, "here") == (settings, ())
    del plain["area"]["floor_px"], plain["alignment"]["field"]["tails"], plain["preview"]
    plain["area"]["edge_colour"] = plain["__class__"] = {"a": 1}
    others = ("__class__", "alignment.field.tails", "area.edge_colour", "area.floor_px", "preview")
    assert settings_from(plain, "here") == (settings, others)
    plain["preview"] = {"gamma": "nine"}
    with pytest.raises(SettingsError, match=r"here: setting preview\."):
        settings_from(plain, "here")
    plain["preview"] = [1]
    with pytest.raises(SettingsError, match=r"here: settings preview are no group of values"):
        settings_from(plain, "here")


@pytest.mark.parametrize(
    ("group", "name", "value", "told"),
    [
        ("transition", "lean_m", "six", "'six'; allowed is a number"),
        ("transition", "lean_m", None, "None; allowed is a number"),
        ("transition", "lean_m", [6.0], "(6.0,); allowed is a number"),
        ("buildings", "core_levels", ["a"], "'a'; allowed is a number"),
        ("buildings", "core_levels", 0.5, "0.5; allowed is a list of numbers"),
        ("fitness", "refuse_seen_share", math.nan, "nan; allowed are finite numbers"),
        ("fitness", "caution_season_days", -1, "-1; allowed are 0 and more"),
        ("buildings", "core_levels", [-0.1], "-0.1; allowed are 0 and more"),
        ("alignment", "model", 3, "3; allowed is a word"),
    ],
)
def test_a_report_s_settings_of_another_kind_are_told_by_name(group, name, value, told):
    plain = json.loads(json.dumps(Settings().as_dict()))
    plain[group][name] = value
    with pytest.raises(SettingsError) as raised:
        settings_from(plain, "here")
    assert f"here: setting {group}.{name} is {told}" in str(raised.value)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_threshold_that_is_no_number_is_no_setting(value):
    with pytest.raises(SettingsError, match=r"fitness\.refuse_gsd_m is .*finite"):
        Settings(fitness=FitnessSettings(refuse_gsd_m=value))
    with pytest.raises(SettingsError, match=r"area\.clue_weights\.size is .*finite"):
        Settings(area=AreaSettings(clue_weights=ClueWeights(size=value)))
    with pytest.raises(SettingsError, match=r"transition\.kind_prior is .*finite"):
        Settings(transition=TransitionSettings(kind_prior=(value, 0.1, 0.1, 0.1)))


def test_a_result_of_a_version_with_other_settings_is_explained_where_it_is_the_same(
    small, tmp_path
):
    model = next(small.glob("*.npz"))
    shutil.copytree(small / "out", tmp_path / "out")
    report = tmp_path / "out" / "report.json"
    plain = json.loads(report.read_text())
    plain["software"]["landshift"] = "0.0.7"
    del plain["settings"]["fitness"]["drawn_agreement"]
    plain["settings"]["area"]["gone"] = 1.0
    report.write_text(json.dumps(plain))
    args = ("explain", tmp_path / "out", "--pixel", "100,120", "--model", model, "--json")
    *_, note = json.loads(run(*args).stdout)["notes"]
    assert note == (
        "written by landshift 0.0.7, which has other settings than this one "
        "(area.gone, fitness.drawn_agreement); made again, 0 of 48000 pixels of the map are called "
        "otherwise"
    )
    # another answer is not explained
    plain["settings"]["transition"]["change_threshold"] = 0.0
    report.write_text(json.dumps(plain))
    result = read_result(tmp_path / "out")
    again = compare_again(result, str(model), quiet)
    differ = np.argwhere(again.changes.codes != result.codes)
    assert f"{len(differ)} of 48000 pixels of the map" in again.notes_of_version()[0]
    with pytest.raises(ComparisonError, match=r"out does, which landshift 0\.0\.7 wrote"):
        explain(again, pixel_at(result.grid, *(int(value) for value in differ[0])))


@pytest.mark.parametrize(
    ("code", "words"), [(22, "film is off a frame"), (11, "too small a region")]
)
def test_a_frame_that_stands_is_told_of(code, words):
    again = SimpleNamespace(
        named=np.array([[24]]), changes=SimpleNamespace(codes=np.array([[code]])), reach_px=0.0
    )
    (note,) = explanation._notes(again, SimpleNamespace(row=0, col=0, building=None))
    assert note.startswith("by itself it would be greenhouse → bare")
    assert words in note


@pytest.mark.parametrize(("named", "words"), [
    (13, "cropland → building; it is too small, or a narrow strip"),
    (38, "building → water; it is too small, or a narrow strip"),
    (11, "cropland → cropland; too small a region"),
])  # fmt: skip
def test_a_strip_along_a_roof_that_stands_is_told_of(named, words):
    again = SimpleNamespace(
        named=np.array([[named]]), changes=SimpleNamespace(codes=np.array([[33]])), reach_px=0.0
    )
    (note,) = explanation._notes(again, SimpleNamespace(row=0, col=0, building=None))
    assert note.startswith(f"by itself it would be {words}")


def test_a_name_that_neither_date_alone_gives_is_told_of():
    alone = [SimpleNamespace(probability=np.eye(8, dtype=np.float32)[code - 1][:, None, None])
             for code in (1, 7)]  # fmt: skip
    changes = SimpleNamespace(codes=np.array([[14]]))
    again = SimpleNamespace(named=np.array([[14]]), changes=changes, covers=alone, reach_px=0.0)
    place = SimpleNamespace(row=0, col=0, building=None)
    (note,) = explanation._notes(again, place)
    assert note.endswith("each date alone: cropland, herbaceous")
    again.covers[1] = SimpleNamespace(probability=np.eye(8)[3][:, None, None])
    assert explanation._notes(again, place) == ()


@pytest.mark.parametrize(("found", "limit", "unit", "told"), [
    (0.296, 0.3, "", ("0.296", "0.300")), (0.31, 0.3, "", ("0.31", "0.30")),
    (9.01, 9.01, "m²", ("9 m²", "9 m²")), (8.9, 9.01, "m²", ("8.9 m²", "9.0 m²")),
])  # fmt: skip
def test_what_fell_short_does_not_look_like_enough(found, limit, unit, told):
    check = explanation.Check("size", found, limit, unit, "some.setting", found >= limit)
    assert _amounts(check) == told
