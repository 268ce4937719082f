"""Masks beside a picture in whole answers: compare, classify, explain, batch, Python."""

from __future__ import annotations

import json
import os
from contextlib import closing
from importlib import resources
from pathlib import Path

import jsonschema
import numpy as np
import pytest
import rasterio

import landshift
from command_line import refused, run
from conftest import CHECKOUT
from landshift.batch.fingerprint import asked_of, key_of
from landshift.batch.ledger import Ledger
from landshift.batch.site_list import read_site_list
from landshift.batch.site_work import SiteJob, answer_site
from landshift.settings import GridSettings, Settings
from pictures import ground, north_up, write
from test_masks import blot, drawn

pytestmark = pytest.mark.jit  # whole comparisons: minutes each as plain Python
SCHEMA = json.loads(
    resources.files("landshift").joinpath("schemas/report-1.schema.json").read_text("utf-8")
)
TILE = CHECKOUT / "sample_tiles" / "songchon"
SIDE = (200, 240)


def answered(*args: object):
    done = run(*args)
    assert done.exit_code == 0, done.output
    return done


@pytest.fixture
def pair(tmp_path):
    before = write(tmp_path / "before.tif", ground(*SIDE))
    after = write(tmp_path / "after.tif", np.roll(ground(*SIDE), 2, axis=2))
    return before, after


@pytest.fixture(scope="module")
def songchon(tmp_path_factory):
    """The sample site as it is, and with a mask of 3 m over one of its halls in the picture after.

    Both reports, the outline of the hall, and the mask.
    """
    bare = landshift.compare(TILE / "before.tif", TILE / "after.tif", aoi=TILE / "site.geojson")
    hall = bare.buildings[0].outline
    west, south, east, north = hall.bounds
    rows, cols = int((north - south) / 3) + 4, int((east - west) / 3) + 4
    values = np.zeros((200, 200), np.uint8)
    values[100 : 100 + rows, 100 : 100 + cols] = 1
    corner = west - 6 - 300, north + 6 + 300
    path = drawn(tmp_path_factory.mktemp("songchon") / "cloud.tif", values,
                 crs="EPSG:32652", transform=north_up(3.0, corner))  # fmt: skip
    hidden = landshift.compare(
        TILE / "before.tif", TILE / "after.tif", aoi=TILE / "site.geojson",
        after_mask=f"hidden:{path}",
    )  # fmt: skip
    return bare, hidden, hall, path


def codes_within(report, outline):
    from landshift.reading import inside

    return report.changes.codes[inside(outline, report.changes.grid)]


def test_a_hidden_hall_is_not_assessable_and_not_nothing_built(songchon):
    bare, hidden, hall, path = songchon
    assert (codes_within(bare, hall) % 10 == 3).mean() > 0.9
    assert (codes_within(hidden, hall) == 0).all()
    assert not any(one.outline.intersects(hall) for one in hidden.buildings)
    # the mask's square cuts the hall beside it in two, and both parts say so
    assert sum(one.part_unseen for one in hidden.buildings) == 2
    assert not any(one.part_unseen for one in bare.buildings)
    assert bare.seen_share == pytest.approx(1)
    share = hidden.after.mask.hidden_share
    assert hidden.seen_share == pytest.approx(1 - share, abs=1e-3)
    assert hidden.not_seen_hectares > hall.area / 1e4
    # what may stand there is in the upper end, and not in the value
    new = hidden.totals["new_building"]
    assert new.value < 0.75 * bare.totals["new_building"].value  # two halls of three are left
    assert new.high - new.value > new.value - new.low
    assert new.high > bare.totals["new_building"].value
    said = f"the mask {path.name} hides {100 * share:.0f} % of the site in the after picture"
    assert said in hidden.warnings
    assert hidden.before.mask is None


def test_the_mask_belongs_to_its_picture_in_either_order(songchon):
    _, _, hall, path = songchon
    swapped = landshift.compare(
        TILE / "after.tif", TILE / "before.tif", aoi=TILE / "site.geojson",
        before_mask=f"hidden:{path}",
    )  # fmt: skip
    assert (codes_within(swapped, hall) == 0).all()
    assert swapped.totals["removed_building"].value > 0.1
    assert any("hides" in said and "in the before picture" in said for said in swapped.warnings)


def test_it_stands_in_the_report_on_the_page_and_on_the_terminal(pair, model, tmp_path):
    scl = drawn(tmp_path / "m.tif", np.where(blot((10, 12), slice(2, 4), slice(3, 6)), 9, 4),
                transform=north_up(20.0))  # fmt: skip
    given = ("compare", *pair, "--model", model, "--before-mask", f"scl:{scl}", "--out")
    done = answered(*given, tmp_path / "out")
    said = "the mask m.tif hides 5 % of the site in the before picture"
    assert f"! {said}" in done.stdout
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    jsonschema.validate(report, SCHEMA)
    mask = report["before"]["mask"]
    assert (mask["path"], mask["kind"]) == (str(scl), "scl")
    # 6 of 120 pixels of 20 m; the outline of what is left is cut at its pixels' middles
    assert mask["hidden_share"] == pytest.approx(0.05, abs=0.002)
    assert report["after"]["mask"] is None
    assert report["seen_share"] == pytest.approx(1 - mask["hidden_share"], abs=1e-3)
    page = (tmp_path / "out" / "report.html").read_text()
    assert said in page
    assert page.count(mask["sha256"]) == 1
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**report, "before": {**report["before"], "mask": {}}}, SCHEMA)


def test_a_mask_that_hides_nothing_changes_nothing_that_was_found(pair, model, tmp_path):
    def found(folder):
        """Pixels and outlines; what the files say of the mask differs."""
        maps = []
        for name in ("changes.tif", "probability.tif"):
            with rasterio.open(folder / name) as source:
                maps.append(source.read().tolist())
        return maps, json.loads((folder / "buildings.geojson").read_text())["features"]

    nothing = drawn(tmp_path / "nothing.tif", np.zeros((20, 20)), transform=north_up(20.0))
    given = ("compare", *pair, "--model", model, "--figure-format", "none", "--out")
    answered(*given, tmp_path / "bare")
    for option, name in (("--before-mask", "one"), ("--after-mask", "two")):
        done = answered(*given, tmp_path / name, option, f"hidden:{nothing}")
        assert "the mask nothing.tif hides 0 % of the site" in done.stdout
        assert found(tmp_path / name) == found(tmp_path / "bare")


def test_without_an_outline_what_is_hidden_is_part_of_the_site(pair, model, tmp_path):
    path = drawn(tmp_path / "m.tif", blot(SIDE, slice(0, 50), slice(0, 240)))
    report = landshift.compare(*pair, model=model, after_mask=f"hidden:{path}")
    assert report.changes.aoi_hectares > 4.7
    assert report.after.mask.hidden_share == pytest.approx(0.25, abs=0.01)
    assert report.seen_share == pytest.approx(0.75, abs=0.01)


def test_a_bad_mask_is_one_line_and_leaves_nothing(pair, model, tmp_path):
    path = drawn(tmp_path / "m.tif", blot(SIDE))
    for option in ("--before-mask", "--after-mask"):
        out = tmp_path / "deep" / "out"
        line = refused("compare", *pair, "--model", model, "--out", out, option, path)
        assert f"{path}: does not say what kind of mask it is" in line
        assert not out.parent.exists()


def test_explain_reads_the_mask_again(pair, model, tmp_path):
    path = drawn(tmp_path / "m.tif", blot(SIDE))
    out = tmp_path / "out"
    answered("compare", *pair, "--model", model, "--after-mask", f"hidden:{path}", "--out", out,
             "--figure-format", "none")  # fmt: skip
    ask = ("explain", out, "--model", model, "--pixel")
    line = refused(*ask, "50,70")
    assert "row 50, col 70 was not seen: the mask beside the after picture hides it" in line
    assert answered(*ask, "120,120").exit_code == 0
    drawn(path, blot(SIDE, cols=slice(50, 91)))
    os.utime(path, ns=(1, 1))
    assert f"{path}: changed since {out} was made from it" in refused(*ask, "120,120")
    path.unlink()
    assert f"{path}: no such file, and {out} was made from it" in refused(*ask, "120,120")
    moved = tmp_path / "moved"
    moved.mkdir()
    for one in pair:
        one.rename(moved / one.name)
    drawn(moved / "m.tif", blot(SIDE))
    assert answered(*ask, "120,120", "--inputs", moved).exit_code == 0


def test_classify_leaves_out_what_its_mask_hides(pair, model, tmp_path, caplog):
    path = drawn(tmp_path / "m.tif", blot(SIDE))
    out = tmp_path / "cover.tif"
    given = ("classify", pair[0], "--model", model, "--out", out, "--mask", f"hidden:{path}")
    answered(*given)
    assert "warning: the mask m.tif hides 2 % of the picture" in caplog.text
    with rasterio.open(out) as source:
        np.testing.assert_array_equal(source.read(1) == 0, blot(SIDE))
    cover = landshift.classify(pair[0], model=model, mask=f"hidden:{path}")
    assert cover.seen_share == pytest.approx(1 - blot(SIDE).mean())
    line = refused("classify", pair[0], "--model", model, "--mask", f"hidden:{path}", "--overwrite",
                   "--out", path)  # fmt: skip
    assert f"is the input {path}" in line


# --- a list of sites ---------------------------------------------------------------------------


def listed(folder: Path, *masks: str):
    (folder / "sites.csv").write_text(f"id,before,after,before_mask,after_mask\nky,before.tif,"
                                      f"after.tif,{','.join(masks)}\n")  # fmt: skip
    (site,) = read_site_list(folder / "sites.csv").sites
    return site


def test_columns_of_a_list_name_masks(pair, tmp_path):
    site = listed(tmp_path, "scl:a/m.tif", "")
    assert site.problem == ""
    assert site.site.before.mask.path == tmp_path / "a" / "m.tif"
    assert (site.site.before.mask.kind, site.before_mask) == ("scl", "a/m.tif")
    assert site.site.after.mask is None
    assert not site.extra
    assert "before_mask is missing" in listed(tmp_path, "scl:", "").problem
    assert "allowed are files" in listed(tmp_path, "", "seen:/vsizip/a.zip").problem


def test_another_mask_is_other_work_and_none_is_the_work_it_was(pair, tmp_path):
    given = "0" * 64, Settings(), ()
    drawn(tmp_path / "m.tif", blot(SIDE))
    masks = ("", ""), ("hidden:m.tif", ""), ("seen:m.tif", ""), ("", "hidden:m.tif")
    with closing(Ledger(tmp_path)) as ledger:
        keys = [key_of(listed(tmp_path, *each), *given, ledger) for each in masks]
        assert len(set(keys)) == 4
        drawn(tmp_path / "m.tif", ~blot(SIDE))
        assert key_of(listed(tmp_path, "hidden:m.tif", ""), *given, ledger) != keys[1]
        assert key_of(listed(tmp_path, "", ""), *given, ledger) == keys[0]
    (tmp_path / "sites.csv").write_text("id,before,after\nky,before.tif,after.tif\n")
    (plain,) = read_site_list(tmp_path / "sites.csv").sites
    assert asked_of(plain, *given) == asked_of(listed(tmp_path, "", ""), *given)


def test_a_site_of_a_list_is_answered_without_what_its_mask_hides(pair, model, tmp_path):
    drawn(tmp_path / "m.tif", blot(SIDE))
    settings = Settings(grid=GridSettings(gsd_m=1.0))

    def answer(*masks):
        job = SiteJob("key", listed(tmp_path, *masks), str(model), settings, tmp_path / "ky", ())
        return answer_site(job)

    done = answer("", "hidden:m.tif")
    assert done["status"] == "answered", done
    assert "the mask m.tif hides 2 % of the site in the after picture" in done["digest"]["warnings"]
    report = json.loads((tmp_path / "ky" / "report.json").read_text())
    assert report["after"]["mask"]["path"] == "m.tif"
    failed = answer("gone.tif", "")
    assert (failed["status"], failed["kind"]) == ("failed", "input")
    assert failed["reason"] == "gone.tif: no such file"
