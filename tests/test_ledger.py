"""The ledger: whole notes or none, and nothing done but under its own key."""

from __future__ import annotations

import sqlite3

import pytest
from click.testing import CliRunner

from landshift.batch.ledger import LEDGER_FILE, Ledger, ledger_of, sole_writer
from landshift.batch.listed_site import ListedSite
from landshift.batch.outcome import Outcome
from landshift.cli import main
from landshift.errors import OutputError

DONE = Outcome("answered", digest={"x": [1.5, None]}, seconds=2.0)


@pytest.fixture
def ledger(tmp_path):
    opened = Ledger(tmp_path)
    yield opened
    opened.close()


def test_an_outcome_comes_back_as_it_was(ledger):
    ledger.note_outcome("key", "ky", DONE)
    assert ledger.known("key") == DONE
    assert ledger.known("other key") is None


def test_work_on_other_inputs_unmakes_what_was_done_in_that_folder(ledger):
    ledger.note_outcome("old", "ky", DONE)
    ledger.note_begun("new", "ky")
    assert ledger.known("old") is None
    ledger.note_outcome("new", "ky", DONE)
    ledger.note_outcome("old", "ky", DONE)
    assert ledger.known("new") is None


def test_rows_come_in_the_lists_order_with_their_outcomes(ledger):
    sites = [ListedSite(f"line {n}", f"id{n}", f"id{n}") for n in (2, 3)]
    bad = ListedSite("line 4", "id4", "", problem="before is missing")
    ledger.list_sites([*sites, bad])
    ledger.note_key(1, "key")
    ledger.note_outcome("key", "id3", DONE)
    rows = list(ledger.rows())
    assert [row["id"] for row, _ in rows] == ["id2", "id3", "id4"]
    assert [outcome.status for _, outcome in rows] == ["not run", "answered", "failed"]
    assert rows[2][1].reason == "line 4: before is missing"


def test_a_new_list_takes_the_place_of_the_old_and_outcomes_stay(ledger):
    ledger.list_sites([ListedSite("line 2", "a", "a")])
    ledger.note_outcome("key", "a", DONE)
    ledger.list_sites([ListedSite("line 2", "b", "b")])
    assert [row["id"] for row, _ in ledger.rows()] == ["b"]
    assert ledger.known("key") is not None
    ledger.forget_outcomes()
    assert ledger.known("key") is None


def test_a_site_of_which_the_same_is_asked_keeps_its_answer_until_its_turn(ledger):
    sites = [ListedSite(f"line {n}", f"id{n}", f"id{n}") for n in (2, 3, 4)]
    ledger.list_sites(sites, lambda site: f"what of {site.id}")
    for position, site in enumerate(sites):
        ledger.note_key(position, f"key {site.id}")
        ledger.note_outcome(f"key {site.id}", site.folder, DONE)
    longer = [ListedSite("line 2", "new", "new"), *sites]
    ledger.list_sites(longer, lambda site: f"what of {site.id}{'?' * (site.id == 'id3')}")
    told = [(row["id"], outcome.status) for row, outcome in ledger.rows()]
    assert told == [("new", "not run"), ("id2", "answered"), ("id3", "not run"),
                    ("id4", "answered")]  # fmt: skip


def test_a_hash_holds_until_size_or_time_change(ledger):
    ledger.note_content("a.tif", "10 20 30", "abc")
    assert ledger.known_content("a.tif", "10 20 30") == "abc"
    assert ledger.known_content("a.tif", "10 20 31") is None
    assert ledger.known_content("b.tif", "10 20 30") is None


def test_a_note_that_fails_leaves_nothing(ledger):
    def sites():
        yield ListedSite("line 2", "a", "a")
        raise KeyboardInterrupt

    ledger.list_sites([ListedSite("line 2", "before", "before")])
    with pytest.raises(KeyboardInterrupt):
        ledger.list_sites(sites())
    assert [row["id"] for row, _ in ledger.rows()] == ["before"]


def test_what_is_no_ledger_is_refused(tmp_path):
    with pytest.raises(OutputError, match="not the folder of a batch"):
        ledger_of(tmp_path)
    (tmp_path / LEDGER_FILE).write_text("no database, and long enough to be looked at" * 50)
    with pytest.raises(OutputError, match="cannot be used as a ledger"):
        ledger_of(tmp_path)


def test_a_ledger_that_was_damaged_is_told_in_a_line(tmp_path):
    ledger = Ledger(tmp_path)
    ledger.list_sites([ListedSite("line 2", "a", "a")])
    (root,) = ledger._db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'listed'")
    (page,) = ledger._db.execute("PRAGMA page_size")
    ledger.close()
    with (tmp_path / LEDGER_FILE).open("r+b") as file:
        file.seek((root[0] - 1) * page[0])
        file.write(b"\x55" * page[0])
    done = CliRunner().invoke(main, ["summarise", str(tmp_path)])
    assert done.exit_code == 1
    assert "ledger.sqlite is damaged (database disk image is malformed); batch" in done.output


def test_another_format_is_refused(tmp_path):
    Ledger(tmp_path).close()
    database = sqlite3.connect(tmp_path / LEDGER_FILE)
    with database:
        database.execute("UPDATE note SET value = 'landshift/ledger/9'")
    database.close()
    with pytest.raises(OutputError, match="allowed is landshift/ledger/1"):
        Ledger(tmp_path)


def test_there_is_one_writer_at_a_time(tmp_path):
    with (
        sole_writer(tmp_path),
        pytest.raises(OutputError, match="another batch"),
        sole_writer(tmp_path),
    ):
        pass
    with sole_writer(tmp_path):
        pass


def test_a_lock_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / ".lock.sqlite").mkdir()  # as in a folder that may only be read
    with pytest.raises(OutputError, match="may not be written"), sole_writer(tmp_path):
        pass
