"""No room and no place for an answer: one line, and nothing half written stays."""

from __future__ import annotations

import os
import sqlite3
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from click.testing import CliRunner
from pyogrio.errors import DataSourceError

from landshift import geopackage, writing
from landshift.batch.child import Limits
from landshift.batch.ledger import Ledger
from landshift.batch.night import BatchPlan, run_batch
from landshift.batch.site_list import read_site_list
from landshift.cli import main
from landshift.errors import OutputError
from landshift.settings import Settings
from reports import UTM, made_report


def cut(monkeypatch, missing):
    """As GDAL leaves a map whose last bytes found no room when it closed the file: silently."""
    whole = writing.copy_raster

    def copied(source, path, **options):
        whole(source, path, **options)
        os.truncate(path, path.stat().st_size - missing)

    monkeypatch.setattr(writing, "copy_raster", copied)


@pytest.mark.parametrize("missing", [8, 20, 400, 4000])
def test_a_map_that_was_cut_short_is_no_answer(missing, tmp_path, monkeypatch):
    cut(monkeypatch, missing)
    codes = np.random.default_rng(0).integers(0, 9, UTM.shape).astype(np.uint8)
    with pytest.raises(OutputError, match="is the disk full"):
        writing.write_cover(codes, UTM, tmp_path / "cover.tif")
    bands = np.random.default_rng(1).random((2, *UTM.shape), np.float32)
    bands[:, :9] = np.nan
    with pytest.raises(OutputError, match="is the disk full"):
        writing.write_bands(bands, UTM, tmp_path / "field.tif", ("east_m", "north_m"))
    with pytest.raises(OutputError, match="is the disk full"):
        writing.write_report(made_report(), tmp_path / "out", False, ())
    assert list(tmp_path.iterdir()) == []


def fails(monkeypatch, module, name, error):
    def raised(*args, **options):
        raise error

    monkeypatch.setattr(module, name, raised)


@pytest.mark.parametrize(
    ("module", "name", "error"),
    [
        (writing, "copy_raster", Exception("TIFFWriteDirectoryTagData: IO error")),
        (geopackage.raw, "write", DataSourceError("Failed to commit transaction")),
        (geopackage.sqlite3, "connect", sqlite3.OperationalError("disk I/O error")),
    ],
)
def test_what_libraries_say_of_it_is_one_line(module, name, error, tmp_path, monkeypatch):
    fails(monkeypatch, module, name, error)
    with pytest.raises(OutputError, match=str(error)):
        writing.write_report(made_report(), tmp_path / "out", False, ())
    assert list(tmp_path.iterdir()) == []


def test_a_ledger_that_finds_no_room_is_one_line(tmp_path, monkeypatch):
    fails(monkeypatch, Ledger, "note_begun", sqlite3.OperationalError("database or disk is full"))
    for name in ("a.tif", "b.tif"):
        (tmp_path / name).write_bytes(b"II*\0")
    (tmp_path / "sites.csv").write_text("id,before,after\nky,a.tif,b.tif\n")
    sites = read_site_list(tmp_path / "sites.csv")
    plan = BatchPlan(sites, tmp_path / "out", "open", Settings(), 1, Limits())
    with pytest.raises(OutputError, match=r"ledger\.sqlite could not be written: database or disk"):
        list(run_batch(plan))


def test_a_model_that_has_no_place_is_not_trained(tmp_path, monkeypatch):
    begun = []
    stand_in = SimpleNamespace(train=lambda *given: begun.append(given))
    monkeypatch.setitem(sys.modules, "landshift.training.fitting", stand_in)
    (tmp_path / "file").write_text("no folder")
    out = tmp_path / "file" / "model.npz"
    given = ["train", "--recipe", "open-rgbn", "--work", str(tmp_path / "work"), "--out", str(out)]
    told = CliRunner().invoke(main, given)
    assert told.exit_code == 1
    assert "cannot be made" in told.output
    assert begun == []
