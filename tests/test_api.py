"""landshift from Python: light to import, small, and good to look at in a notebook."""

from __future__ import annotations

import doctest
import subprocess
import sys
from datetime import date

import numpy as np
import pytest

import landshift
import landshift.api
from conftest import CHECKOUT
from landshift.errors import OutputError, SettingsError
from networks import random_model
from pictures import ground, write
from reports import hostile_report


def test_import_loads_nothing_heavy():
    script = (
        "import sys, landshift; dir(landshift); "
        "print([m for m in ('numpy', 'rasterio', 'matplotlib', 'xarray') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr


def test_every_public_name_is_there():
    for name in landshift.__all__:
        assert name in dir(landshift)
        assert getattr(landshift, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = landshift.nothing


def test_a_notebook_shows_a_report_as_text_and_pictures():
    shown = hostile_report()._repr_html_()
    assert "<img src=x" not in shown
    assert "<script" not in shown
    assert shown.count("data:image/jpeg") == 2
    assert "0.25 to 0.50" in shown


@pytest.mark.jit
def test_compare_classify_and_save(tmp_path):
    random_model(tmp_path)
    model = next(tmp_path.glob("*.npz"))
    before = write(tmp_path / "before.tif", ground(160, 200))
    after = write(tmp_path / "after.tif", ground(160, 200))
    stages = []
    report = landshift.compare(
        before, after, name="Field 4", before_date=date(2023, 5, 12), model=model,
        progress=stages.append,
    )  # fmt: skip
    assert stages[0] == "reading"
    assert (report.site.id, report.site.name) == ("Field-4", "Field 4")
    assert report.after_picture.rgba.shape == (160, 200, 4)
    assert landshift.as_dataset(report).code.shape == (160, 200)
    landshift.save(report, tmp_path / "out", figures=())
    assert (tmp_path / "out" / "report.html").stat().st_size > 200_000
    assert not (tmp_path / "out" / "figure.png").exists()

    cover = landshift.classify(before, model=model)
    assert set(np.unique(landshift.as_dataset(cover).cover)) <= set(range(9))
    assert "data:image/png" in cover._repr_html_()


@pytest.mark.jit
def test_a_band_of_no_use_hides_nothing(tmp_path):
    random_model(tmp_path, seed=1)
    bands = np.concatenate([ground(), np.full((1, *ground().shape[1:]), -np.inf, np.float32)])
    picture = write(tmp_path / "a.tif", bands, dtype="float32")
    cover = landshift.classify(
        picture, bands=["red", "green", "blue", "skip"], model=tmp_path / "random-rgb-1.npz"
    )
    assert cover.seen_share == 1.0


@pytest.mark.parametrize(
    ("bands", "why"),
    [(["red", "green", "blue", "nri"], "'nri' is no band; allowed are coastal, "),
     (["red", "green", "blue", "red"], "'red,green,blue,red' names a band twice"),
     ("red,green,blue", "'r' is no"), (["skip", "skip"], "or none")],
)  # fmt: skip
def test_a_band_that_is_none_is_refused(tmp_path, bands, why):
    picture = write(tmp_path / "a.tif", np.concatenate([ground(), ground()[:1]]))
    every = (
        lambda: landshift.classify(picture, bands=bands),
        lambda: landshift.compare(picture, picture, bands=bands),
        lambda: landshift.teach(picture, picture, tmp_path / "o.npz", bands=bands),
    )
    for ask in every:
        with pytest.raises(SettingsError, match=f"^bands: .*{why}"):
            ask()


@pytest.mark.jit
def test_teach_and_assess(tmp_path):
    """What was drawn is learned; a map is judged by a reference, whatever form the map has."""
    random_model(tmp_path)
    model = next(tmp_path.glob("*.npz"))
    picture = write(tmp_path / "picture.tif", ground(160, 200))
    cover = landshift.classify(picture, model=model)
    known = np.zeros((160, 200), np.uint8)
    for place in range(8):
        known[20 * place : 20 * place + 12, 10:60] = 1 + place % 2
    truth = write(tmp_path / "truth.tif", known[None])
    lesson = landshift.teach(picture, truth, tmp_path / "taught.npz", model=model)
    assert lesson.regions == 8
    with pytest.raises(OutputError, match=r"taught\.npz exists"):
        landshift.teach(picture, truth, tmp_path / "taught.npz", model=model)
    taught = landshift.classify(picture, model=tmp_path / "taught.npz")
    assert not np.array_equal(taught.codes, cover.codes)
    found = landshift.assess(cover, truth)
    assert found.matrix.sum() == 40
    for confidence in (90, 1.0, 0.0, -0.9, float("nan")):
        with pytest.raises(SettingsError, match=r"confidence is .*; allowed is more than 0"):
            landshift.assess(cover, truth, confidence=confidence)
    shown = found._repr_html_()
    assert f"{found.overall_accuracy:.0%}" in shown
    by_file = landshift.assess(write(tmp_path / "map.tif", cover.codes[None]), truth)
    assert by_file.matrix.tolist() == found.matrix.tolist()


@pytest.mark.jit
def test_the_examples_of_the_docstrings_run(monkeypatch):
    """In the order of the file; one goes on with what the other made."""
    monkeypatch.chdir(CHECKOUT)
    examples = doctest.DocTestFinder(recurse=True).find(landshift.api)
    examples = sorted((one for one in examples if one.examples), key=lambda one: one.lineno)
    assert {one.name.split(".")[-1] for one in examples} >= {"compare", "classify", "save"}
    runner = doctest.DocTestRunner()
    kept = {}
    for one in examples:
        one.globs = kept
        runner.run(one, clear_globs=False)
    assert runner.summarize(verbose=False).failed == 0
