"""What was done and what came of it, in one SQLite file beside the results.

SQLite's rollback journal makes every note whole or absent, whenever the process is killed. A site
counts as done only under the very key (`landshift.batch.fingerprint`) that it was done with.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from landshift.batch.fetching import without_query
from landshift.batch.listed_site import ListedSite
from landshift.batch.outcome import Outcome
from landshift.errors import OutputError

LEDGER_FILE = "ledger.sqlite"
_LOCK_FILE = ".lock.sqlite"
_FORMAT = "landshift/ledger/1"
_TABLES = """
CREATE TABLE IF NOT EXISTS note (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS listed (
    position INTEGER PRIMARY KEY, key TEXT NOT NULL, row TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS outcome (
    folder TEXT PRIMARY KEY, key TEXT NOT NULL, status TEXT NOT NULL, kind TEXT NOT NULL,
    reason TEXT NOT NULL, detail TEXT NOT NULL, digest TEXT, seconds REAL NOT NULL);
CREATE TABLE IF NOT EXISTS begun (key TEXT NOT NULL, folder TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS content (
    source TEXT PRIMARY KEY, stamp TEXT NOT NULL, version TEXT NOT NULL);
"""
_ROW_FIELDS = (
    "place", "id", "folder", "name", "province", "year", "before", "after", "lon", "lat", "problem",
)  # fmt: skip


class Ledger:
    """The notes of one output folder; one writer at a time."""

    def __init__(self, out: Path) -> None:
        """Open the ledger of ``out``, or begin one.

        Raises
        ------
        OutputError
            When it cannot be opened, or belongs to another format.
        """
        self.path = out / LEDGER_FILE
        try:
            self._db = sqlite3.connect(self.path, timeout=30.0, isolation_level=None)
            self._db.executescript(_TABLES)
            told = self._db.execute("SELECT value FROM note WHERE name = 'format'").fetchone()
            if told is None:
                self._db.execute("INSERT INTO note VALUES ('format', ?)", (_FORMAT,))
        except sqlite3.Error as error:
            raise OutputError(f"{self.path} cannot be used as a ledger: {error}") from error
        if told is not None and told[0] != _FORMAT:
            raise OutputError(f"{self.path} is a {told[0]}; allowed is {_FORMAT}")

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    def forget_outcomes(self) -> None:
        """Take nothing as done any more."""
        with self._whole():
            self._db.execute("DELETE FROM outcome")
            self._db.execute("DELETE FROM begun")

    def list_sites(
        self, sites: Iterable[ListedSite], asked: Callable[[ListedSite], str] = lambda site: ""
    ) -> None:
        """Take over a list in place of an earlier run's; outcomes stay, keys are noted later.

        Until then a site of which the same is ``asked`` as before keeps its key: a run that is
        killed before it comes to it takes no answer out of the tables. "" asks nothing that lasts.
        """
        earlier = {}
        for key, text in self._db.execute("SELECT key, row FROM listed WHERE key != ''"):
            row = json.loads(text)
            earlier[row["folder"], row.get("asked")] = key
        rows = []
        for position, site in enumerate(sites):
            row = {**_row_of(site), "asked": asked(site)}
            key = earlier.get((site.folder, row["asked"]), "") if row["asked"] else ""
            rows.append((position, key, json.dumps(row, ensure_ascii=False)))
        with self._whole():
            self._db.execute("DELETE FROM listed")
            self._db.executemany("INSERT INTO listed VALUES (?, ?, ?)", rows)

    def note_key(self, position: int, key: str) -> None:
        """Note the key of a row's work."""
        self._db.execute("UPDATE listed SET key = ? WHERE position = ?", (key, position))

    def known(self, key: str) -> Outcome | None:
        """What came of the work with this key, None where it has not been done."""
        found = self._db.execute(
            "SELECT status, kind, reason, detail, digest, seconds FROM outcome WHERE key = ?",
            (key,),
        ).fetchone()
        return None if found is None else _outcome(*found)

    def note_begun(self, key: str, folder: str) -> None:
        """Note that work begins: from now on nothing in the site's folder counts as done."""
        with self._whole():
            self._db.execute("DELETE FROM outcome WHERE folder = ?", (folder,))
            self._db.execute("INSERT INTO begun VALUES (?, ?)", (key, folder))

    def note_outcome(self, key: str, folder: str, outcome: Outcome) -> None:
        """Note what came of it."""
        digest = None if outcome.digest is None else json.dumps(outcome.digest, allow_nan=False)
        self._db.execute(
            "INSERT OR REPLACE INTO outcome VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (folder, key, outcome.status, outcome.kind, outcome.reason, outcome.detail, digest,
             outcome.seconds),
        )  # fmt: skip

    def times_begun(self) -> dict[str, int]:
        """How often work was begun on each folder, over all runs."""
        return dict(self._db.execute("SELECT folder, count(*) FROM begun GROUP BY folder"))

    def rows(self) -> Iterator[tuple[dict[str, Any], Outcome]]:
        """The last list in its order, each row with its outcome; one in memory at a time.

        Raises
        ------
        OutputError
            When the file is damaged.
        """
        for row, *columns in self._joined():
            listed = json.loads(row)
            if listed["problem"]:
                yield listed, Outcome("failed", "list", f"{listed['place']}: {listed['problem']}")
            elif columns[0] is None:
                yield listed, Outcome("not run", "", "the batch ended before it")
            else:
                yield listed, _outcome(*columns)

    def _joined(self) -> Iterator[Any]:
        try:
            yield from self._db.execute(
                "SELECT row, status, kind, reason, detail, digest, seconds FROM listed"
                " LEFT JOIN outcome ON listed.key = outcome.key ORDER BY position"
            )
        except sqlite3.Error as error:
            raise OutputError(
                f"{self.path} is damaged ({error}); batch can begin anew in another folder"
            ) from error

    def known_content(self, source: str, stamp: str) -> str | None:
        """Hash of a file whose stamp is still this, or the last version of an address."""
        found = self._db.execute(
            "SELECT version FROM content WHERE source = ? AND stamp = ?", (source, stamp)
        ).fetchone()
        return None if found is None else str(found[0])

    def note_content(self, source: str, stamp: str, version: str) -> None:
        """Remember what a file or an address holds."""
        self._db.execute(
            "INSERT OR REPLACE INTO content VALUES (?, ?, ?)", (source, stamp, version)
        )

    @contextmanager
    def _whole(self) -> Iterator[None]:
        """All of the notes inside, or none."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")


@contextmanager
def sole_writer(out: Path) -> Iterator[None]:
    """Keep a second batch out of ``out``; the lock goes with the process, however it ends.

    Raises
    ------
    OutputError
        When another batch is writing there.
    """
    try:
        lock = sqlite3.connect(out / _LOCK_FILE, timeout=2.0, isolation_level=None)
    except sqlite3.Error as error:
        raise OutputError(f"{out} may not be written: {error}") from error
    try:
        lock.execute("BEGIN EXCLUSIVE")
    except sqlite3.Error as error:
        lock.close()
        raise OutputError(f"another batch is writing to {out}: {error}") from error
    try:
        yield
    finally:
        lock.close()


def ledger_of(out: Path) -> Ledger:
    """The ledger of a folder that holds one.

    Raises
    ------
    OutputError
        When it holds none.
    """
    if not (out / LEDGER_FILE).is_file():
        raise OutputError(f"{out} holds no {LEDGER_FILE}; it is not the folder of a batch")
    if not os.access(out, os.W_OK):
        raise OutputError(f"{out} may not be written")
    return Ledger(out)


def _row_of(site: ListedSite) -> dict[str, Any]:
    row = {name: getattr(site, name) for name in _ROW_FIELDS} | {"extra": {**site.extra}}
    row |= {when: without_query(row[when]) for when in ("before", "after")}
    if site.site is not None:
        for when, image in (("before", site.site.before), ("after", site.site.after)):
            row[f"{when}_date"] = None if image.date is None else image.date.isoformat()
    return row


def _outcome(
    status: str, kind: str, reason: str, detail: str, digest: str | None, seconds: float
) -> Outcome:
    return Outcome(
        status, kind, reason, None if digest is None else json.loads(digest), detail, seconds
    )
