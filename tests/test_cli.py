"""The commands, from words to files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib import resources

import jsonschema
import numpy as np
import pytest
import rasterio
from click.testing import CliRunner

from landshift import OWN_PROCESS
from landshift.cli import main
from landshift.reading import picture
from pictures import ground, north_up, write

pytestmark = pytest.mark.jit  # whole comparisons: minutes each as plain Python
SCHEMA = json.loads(
    resources.files("landshift").joinpath("schemas/report-1.schema.json").read_text("utf-8")
)


@pytest.fixture
def pair(tmp_path):
    before = write(tmp_path / "before_20230512.tif", ground(200, 240))
    after = write(tmp_path / "after.tif", np.roll(ground(200, 240), 2, axis=2))
    return before, after


def run(*args: object):
    result = CliRunner().invoke(main, [str(arg) for arg in args])
    assert result.exit_code == 0, result.output
    return result


def test_compare_writes_the_contract_and_prints_it(pair, model, tmp_path):
    out = tmp_path / "deep" / "out"
    result = run("compare", *pair, "--model", model, "--out", out, "--json")
    assert {p.name for p in out.iterdir()} == {
        "report.json", "changes.tif", "changes.qml", "probability.tif", "buildings.geojson",
        "changes.gpkg", "figure.png", "report.html", "site.kmz", "stac-item.json",
    }  # fmt: skip
    report = json.loads(result.stdout)
    jsonschema.validate(report, SCHEMA)
    assert report == json.loads((out / "report.json").read_text())
    assert report["before"]["date"] == "2023-05-12"
    with rasterio.open(out / "changes.tif") as changes:
        assert changes.transform == north_up()


def test_a_person_reads_a_table(pair, model):
    result = run("compare", *pair, "--model", model, "--after-date", "2024-05-01")
    for word in ("aligned", "hectares", "90 % interval", "cropland lost"):
        assert word in result.stdout
    assert len(max(result.stdout.splitlines(), key=len)) < 200


def test_an_empty_folder_may_be_written_into_and_a_result_overwritten(pair, model, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    run("compare", *pair, "--model", model, "--out", out, "-q")
    first = (out / "report.json").read_bytes()
    run("compare", *pair, "--model", model, "--out", out, "--overwrite", "-q")
    assert (out / "report.json").read_bytes() == first


def test_pictures_without_crs_give_changes_on_the_before_picture(tmp_path, model):
    before = write(tmp_path / "a.png", ground(200, 230), crs=None, driver="PNG")
    moved = np.roll(ground(200, 230), 2, axis=1)
    after = write(tmp_path / "b.png", moved, crs=None, driver="PNG")
    run("compare", before, after, "--gsd", 0.5, "--model", model, "--out", tmp_path / "out")
    with rasterio.open(tmp_path / "out" / "changes.tif") as changes:
        assert changes.crs is None
        assert changes.shape == (200, 230)
        assert tuple(changes.transform)[:6] == (0.5, 0.0, 0.0, 0.0, -0.5, 0.0)


def test_the_same_file_twice_answers_zero_and_says_so(pair, model):
    report = json.loads(run("compare", pair[0], pair[0], "--model", model, "--json").stdout)
    assert any("same file" in warning for warning in report["warnings"])
    for name, total in report["totals"].items():
        assert total["hectares"] == 0.0, name
    assert not report["buildings"]
    assert all(t["before"] == t["after"] for t in report["transitions"])


def test_pixels_that_are_nan_or_infinite_are_not_seen(tmp_path, model):
    before = ground(200, 240) / 255
    after = before.copy()
    after[:, 50:100, 50:100] = np.nan
    after[1, 120:150, 120:150] = np.inf
    paths = [
        write(tmp_path / name, bands, dtype="float32")
        for name, bands in (("a.tif", before), ("b.tif", after))
    ]
    report = json.loads(run("compare", *paths, "--model", model, "--json").stdout)
    # without an aoi the site is what both pictures show
    assert report["site"]["aoi_hectares"] == pytest.approx((200 * 240 - 50**2 - 30**2) / 1e4, 0.01)


@pytest.mark.parametrize("gsd", [0.2, 0.5])
def test_classify_maps_the_pictures_own_pixels(tmp_path, model, gsd):
    image = write(tmp_path / "a.png", ground(101, 203), crs=None, driver="PNG")
    out = tmp_path / "cover.tif"
    result = run("classify", image, "--gsd", gsd, "--model", model, "--out", out, "--json")
    with rasterio.open(out) as cover:
        codes = cover.read(1)
        assert codes.shape == (101, 203)
    assert set(np.unique(codes)) <= set(range(1, 9))
    hectares = json.loads(result.stdout)["hectares"]
    assert sum(hectares.values()) == pytest.approx(101 * 203 * gsd**2 / 1e4)
    assert "land cover" in run(
        "classify", image, "--gsd", gsd, "--model", model, "--out", out, "--overwrite"
    ).stdout  # fmt: skip


@pytest.mark.parametrize("gsd", [0.1, 0.5])
def test_classify_counts_no_pixel_that_the_picture_does_not_show(tmp_path, model, gsd):
    """Every fourth row is lost: narrower than the pixels that the model works at, or not."""
    shown = np.full((160, 200), 255, np.uint8)
    shown[::4] = 0
    image = write(tmp_path / "a.tif", ground(160, 200), mask=shown,
                  transform=north_up(gsd))  # fmt: skip
    out = tmp_path / "cover.tif"
    told = json.loads(run("classify", image, "--model", model, "--out", out, "--json").stdout)
    with rasterio.open(out) as cover:
        assert not cover.read(1)[::4].any()
    assert told["seen_share"] <= 0.75
    assert sum(told["hectares"].values()) <= 0.75 * 160 * 200 * gsd**2 / 1e4 * 1.001


def test_classify_reads_its_picture_once(tmp_path, monkeypatch, model):
    image = write(tmp_path / "a.tif", ground(160, 200))
    read, original = [], picture._read_raw
    monkeypatch.setattr(
        picture, "_read_raw",
        lambda *given: read.append(given[2].width * given[2].height) or original(*given),
    )  # fmt: skip
    run("classify", image, "--model", model, "--out", tmp_path / "cover.tif")
    assert 160 * 200 <= sum(read) < 1.5 * 160 * 200


def test_show_versions_names_what_matters():
    words = run("--show-versions").stdout
    for name in ("landshift", "python", "numpy", "numba", "rasterio", "GDAL"):
        assert f"{name} " in words


def test_help_names_every_command_and_the_exit_codes():
    words = run("--help").stdout
    for name in ("compare", "classify", "align", "simulate", "train", "Exit codes"):
        assert name in words


@pytest.mark.jit
def test_kernels_find_a_cache_where_nothing_may_be_written(tmp_path):
    script = (
        "import os; os.access = lambda path, mode: False\n"
        "from landshift.cli import main, _find_numba_cache\n"
        "_find_numba_cache(); print(os.environ['NUMBA_CACHE_DIR'])\n"
    )
    free = {name: value for name, value in os.environ.items() if name != "NUMBA_CACHE_DIR"}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, env=free
    )
    assert "landshift-numba" in done.stdout


def test_a_process_of_ours_sets_what_its_user_did_not(monkeypatch):
    monkeypatch.setattr(os, "environ", {**os.environ, "OPENBLAS_NUM_THREADS": "3"})
    os.environ.pop("GDAL_CACHEMAX", None)
    assert CliRunner().invoke(main, ["sites", "--help"]).exit_code == 0
    said = {name: os.environ[name] for name in OWN_PROCESS}
    assert said == OWN_PROCESS | {"OPENBLAS_NUM_THREADS": "3"}
