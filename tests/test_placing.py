"""What stands where an answer should go: what is ours is replaced, all else stays as it is."""

from __future__ import annotations

import os

import pytest
from click.testing import CliRunner

from landshift.cli import main
from landshift.errors import OutputError
from landshift.placing import (
    check_file,
    check_files,
    check_output,
    new_files,
    new_folder,
    remove_result,
)
from networks import random_model
from pictures import ground, write

LIST = "id,before,after\na,none.tif,none.tif\n"


@pytest.fixture
def result(tmp_path):
    """A folder as compare leaves it, opened in QGIS since."""
    folder = tmp_path / "result"
    folder.mkdir()
    for name in ("report.json", "changes.tif", "changes.tif.aux.xml", "figure.png",
                 "changes.gpkg", "changes.gpkg-wal", ".DS_Store"):  # fmt: skip
        (folder / name).write_text(name)
    return folder


def refused(*args, code=1):
    done = CliRunner().invoke(main, [str(arg) for arg in args])
    assert done.exit_code == code, done.output
    return done.output


def test_a_result_is_overwritten_when_told_so(result):
    check_output(result, overwrite=True)
    with pytest.raises(OutputError, match="--overwrite replaces it"):
        check_output(result, overwrite=False)


@pytest.mark.parametrize("name", ["notes.txt", "before.tif", "project.qgz", "sub/report.json"])
def test_a_result_with_something_of_the_users_is_not(result, name):
    (result / name).parent.mkdir(exist_ok=True)
    (result / name).write_text("mine")
    with pytest.raises(OutputError, match=f"holds {name.partition('/')[0]}, which landshift did"):
        check_output(result, overwrite=True)


def test_a_result_is_taken_away_and_nothing_of_the_users(result, tmp_path):
    (result / "notes.txt").write_text("three days of interpretation")
    (result / "._maps").mkdir()
    remove_result(result)
    assert sorted(os.listdir(result)) == ["._maps", "notes.txt"]
    (result / "._maps").rmdir()
    remove_result(result)  # no result any more
    assert os.listdir(result) == ["notes.txt"]
    (result / "notes.txt").unlink()
    (result / "report.json").write_text("{}")
    remove_result(result)
    assert not result.exists()
    remove_result(tmp_path / "none")


def filled(out, text, overwrite=False):
    with new_folder(out, overwrite) as folder:
        (folder / "report.json").write_text(text)
        (folder / "changes.tif").write_text(text)


def told(out):
    return {path.name: path.read_text() for path in out.iterdir()}


def test_of_two_answers_into_one_folder_the_later_one_is_refused(tmp_path):
    for out in (tmp_path / "new", tmp_path / "empty"):
        if out.name == "empty":
            out.mkdir()
        later = new_folder(out, overwrite=False)
        (later.__enter__() / "report.json").write_text("later")
        filled(out, "first")
        with pytest.raises(OutputError, match="is not empty; --overwrite replaces it"):
            later.__exit__(None, None, None)
        assert set(told(out).values()) == {"first"}
        filled(out, "again", overwrite=True)
        assert set(told(out).values()) == {"again"}
    assert sorted(os.listdir(tmp_path)) == ["empty", "new"]


def test_an_empty_folder_is_filled_where_it_stands(tmp_path, monkeypatch):
    (tmp_path / "own").mkdir()
    (tmp_path / "link").symlink_to("own")
    monkeypatch.chdir(tmp_path / "own")
    filled(tmp_path / "link", "through the link")
    assert (tmp_path / "link").is_symlink()
    assert sorted(os.listdir()) == ["changes.tif", "report.json"]
    filled(tmp_path / "link", "anew", overwrite=True)
    assert (tmp_path / "link").is_symlink()
    assert told(tmp_path / "own") == dict.fromkeys(("report.json", "changes.tif"), "anew")
    assert sorted(os.listdir(tmp_path)) == ["link", "own"]


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_folder_where_a_disk_is_mounted_is_filled_and_not_replaced(
    tmp_path, monkeypatch, overwrite
):
    out = tmp_path / "disk"
    out.mkdir()
    if overwrite:
        filled(out, "old")
    monkeypatch.setattr(os.path, "ismount", lambda path: str(path) == str(out))
    inode = out.stat().st_ino
    started = new_folder(out, overwrite)
    (started.__enter__() / "report.json").write_text("half")
    error = OSError("no space")
    with pytest.raises(OutputError, match="no space"):
        started.__exit__(OSError, error, None)
    assert set(told(out).values()) == ({"old"} if overwrite else set())
    filled(out, "new", overwrite)
    assert told(out) == dict.fromkeys(("report.json", "changes.tif"), "new")
    assert out.stat().st_ino == inode


def test_what_was_moved_goes_back_when_the_rest_cannot_follow(result, monkeypatch):
    def refuses(path, target):
        if path.name == "new":
            raise OSError("no rename")
        os.rename(path, target)

    monkeypatch.setattr("pathlib.Path.rename", refuses)
    before = told(result)
    with pytest.raises(OutputError, match="no rename"):
        filled(result, "new", overwrite=True)
    assert told(result) == before


def test_an_input_is_never_an_output(tmp_path):
    picture, link = tmp_path / "picture.tif", tmp_path / "link.tif"
    picture.write_text("picture")
    link.symlink_to(picture)
    for name in (picture, link, tmp_path / "." / "picture.tif"):
        with pytest.raises(OutputError, match="is the input"):
            check_file(name, overwrite=True, inputs=[tmp_path / "other.tif", picture])


def test_two_outputs_are_two_files(tmp_path):
    with pytest.raises(OutputError, match="named for two outputs"):
        check_files([tmp_path / "a.tif", tmp_path / "b" / ".." / "a.tif"], overwrite=True)


def test_several_files_take_their_places_together_or_not_at_all(tmp_path):
    places = tmp_path / "new" / "x.tif", tmp_path / "x.tif", tmp_path / "x.json"
    places[1].write_text("old")

    def filled(count):
        with new_files(*places) as fresh:
            for path in fresh[:count]:
                path.write_text("new")
            if count < len(fresh):
                raise OSError("no space")

    with pytest.raises(OutputError, match="no space"):
        filled(2)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["old"]
    filled(3)
    assert [path.read_text() for path in places] == ["new"] * 3
    assert sorted(os.listdir(tmp_path)) == ["new", "x.json", "x.tif"]


def test_a_map_takes_no_style_and_no_picture_away(tmp_path):
    picture = write(tmp_path / "picture.tif", ground(60, 60))
    before = picture.read_bytes()
    (tmp_path / "map.qml").write_text("my style")
    told = refused("classify", picture, "--out", tmp_path / "map.tif")
    assert "map.qml exists; --overwrite" in told
    assert "is the input" in refused("classify", picture, "--out", picture, "--overwrite")
    assert "two outputs" in refused("classify", picture, "--out", tmp_path / "map.qml",
                                    "--overwrite")  # fmt: skip
    align = ("align", picture, picture, "--overwrite", "--out")
    assert "is the input" in refused(*align, picture)
    assert "two outputs" in refused(*align, tmp_path / "a.tif", "--field", tmp_path / "a.tif")
    assert picture.read_bytes() == before
    assert (tmp_path / "map.qml").read_text() == "my style"
    assert len(list(tmp_path.iterdir())) == 2


def test_nothing_takes_the_place_of_the_model_that_it_is_made_with(tmp_path):
    random_model(tmp_path)
    model = next(tmp_path.glob("*.npz"))
    was = model.read_bytes()
    picture = write(tmp_path / "picture.tif", ground(60, 60))
    asked = ("--model", model, "--out", model, "--overwrite")
    assert f"is the input {model}" in refused("classify", picture, *asked)
    assert f"is the input {model}" in refused("teach", picture, picture, *asked)
    assert model.read_bytes() == was


def test_a_batch_takes_no_place_but_its_own(tmp_path):
    sites = tmp_path / "sites.csv"
    sites.write_text(LIST)
    assert "is the list itself" in refused("batch", sites, "--out", tmp_path)
    other = tmp_path / "list.csv"
    other.write_text(LIST)
    assert "holds sites.csv and no ledger" in refused("batch", other, "--out", tmp_path)
    assert sites.read_text() == LIST
    sites.unlink()
    (tmp_path / "sites" / "mine").mkdir(parents=True)
    assert "holds sites and no ledger" in refused("batch", other, "--out", tmp_path)
    (tmp_path / "sites" / "mine").rmdir()
    for _ in range(2):  # and then it is a batch's own
        refused("batch", other, "--out", tmp_path, code=3)
    assert "is the list itself" in refused("batch", sites, "--out", tmp_path)


@pytest.mark.parametrize(
    "args",
    [
        "sites --table --out {0}/list.csv",
        "simulate --samples {0}/s --out {0}/o",
        "simulate --samples {0}/s --seed 3",
        "compare a.tif b.tif --geoparquet",
        "compare a.tif b.tif --overwrite",
        "compare a.tif b.tif --figure-format svg",
        "compare a.tif b.tif --out {0}/o --figure-format svg --figure-format none",
        "batch list.csv --out {0}/o --workers 2 --scheduler tcp://nowhere:1",
    ],
)
def test_options_that_would_be_ignored_are_wrong_usage(tmp_path, args):
    refused(*args.format(tmp_path).split(), code=2)
    assert not list(tmp_path.iterdir())
