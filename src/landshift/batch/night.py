"""A whole list: what is to be done, who does it, what is noted; run again, it goes on."""

from __future__ import annotations

import re
import shutil
import sqlite3
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from landshift.batch.child import Limits
from landshift.batch.fingerprint import asked_of, key_of, model_hash, model_place
from landshift.batch.ledger import LEDGER_FILE, Ledger, sole_writer
from landshift.batch.listed_site import ListedSite
from landshift.batch.morning import TABLES, write_tables
from landshift.batch.naming import alike, folder_name
from landshift.batch.outcome import Outcome
from landshift.batch.site_list import SiteList
from landshift.batch.site_work import COMPARE, SiteJob
from landshift.batch.workers import run_locally
from landshift.errors import OutputError, SettingsError
from landshift.placing import remove_result
from landshift.settings import Settings

SITES_FOLDER = "sites"
_UNFINISHED = re.compile(r"\.(.+)-[a-z0-9_]{8}")
"""Folders that writing fills beside their place; what a killed process leaves of them."""
Run = Callable[
    [Iterator[SiteJob], Callable[[SiteJob], bool]], Iterator[tuple[SiteJob, Outcome]]
]
"""Whoever does the work: jobs and who is asked before each begins → outcomes as they come."""


@dataclass(frozen=True)
class BatchPlan:
    """What a night's work is."""

    sites: SiteList
    out: Path
    model: str
    """A packaged model's name or a file."""
    settings: Settings
    workers: int
    """Processes at a time, where no cluster does the work."""
    limits: Limits
    retry_failed: bool = False
    """Whether sites that failed before are done again; refused ones would be refused again."""
    fresh: bool = False
    """Whether everything is done again."""
    max_failures: int | None = None
    """Failures after which no other site is begun."""
    scheduler: str | None = None
    """Address of a Dask scheduler."""
    figure_formats: tuple[str, ...] = ("png",)
    """Of the figures to draw: png, svg, pdf; they take longer than small sites do."""
    compare: str = COMPARE
    """What answers a site, as module:function."""

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        if self.workers < 1:
            raise SettingsError(f"workers is {self.workers}; allowed are 1 and more")


@dataclass(frozen=True)
class SiteOutcome:
    """One site and what came of it."""

    listed: ListedSite
    outcome: Outcome
    carried: bool
    """True where an earlier run had done the work."""


def run_batch(plan: BatchPlan) -> Iterator[SiteOutcome]:
    """One outcome a site as each is done; tables are written when the last one is.

    Raises
    ------
    ModelError
        When there is no such model; nothing is begun.
    OutputError
        When the folder cannot be written, holds what would be lost, or another batch is writing
        there.
    """
    model_sha256 = model_hash(plan.model)
    sites_folder = plan.out.absolute() / SITES_FOLDER
    check_batch_folder(plan.out, plan.sites.path)
    with _ledger(plan.out, sites_folder) as ledger:
        _remove_unfinished(sites_folder)
        for name in TABLES:
            _remove_unfinished(plan.out, name)
        if plan.fresh:
            ledger.forget_outcomes()

        def asked(listed: ListedSite) -> str:
            settings = _settings(plan, listed)
            return asked_of(listed, model_sha256, settings, plan.figure_formats)

        ledger.list_sites(plan.sites.sites, asked)
        try:
            yield from _do(plan, sites_folder, ledger, model_sha256)
        finally:  # of machines that went away, and of workers that Ctrl-C ended while they wrote
            _remove_unfinished(sites_folder)
        write_tables(ledger, plan.out)


def check_batch_folder(out: Path, site_list: Path) -> None:
    """Refuse a folder where tables or sites would take the place of what no batch wrote.

    Raises
    ------
    OutputError
        What stands there.
    """
    for name in TABLES:
        if (out / name).exists() and site_list.exists() and (out / name).samefile(site_list):
            raise OutputError(
                f"{out / name} is the list itself, whose place a table would take; name another "
                "folder"
            )
    if (out / LEDGER_FILE).exists():
        return
    sites = out / SITES_FOLDER
    there = [name for name in TABLES if (out / name).exists() or (out / name).is_symlink()]
    if there or (sites.is_dir() and any(sites.iterdir())):
        raise OutputError(
            f"{out} holds {(*there, SITES_FOLDER)[0]} and no {LEDGER_FILE}; it is not the folder "
            "of a batch and stays as it is"
        )


def _do(
    plan: BatchPlan, sites_folder: Path, ledger: Ledger, model_sha256: str
) -> Iterator[SiteOutcome]:
    known: deque[SiteOutcome] = deque()
    failures = 0

    def jobs() -> Iterator[SiteJob]:
        for found in _unfinished(plan, sites_folder, ledger, model_sha256):
            if isinstance(found, SiteOutcome):
                known.append(found)
            else:
                yield found

    def begin(job: SiteJob) -> bool:
        if plan.max_failures is not None and failures >= plan.max_failures:
            return False
        ledger.note_begun(job.key, job.listed.folder)
        return True

    for job, outcome in _run(plan)(jobs(), begin):
        yield from _drained(known)
        if outcome.status != "answered":
            if outcome.kind != "output":  # then it says what of the user's stands in the way
                remove_result(job.folder)
            _remove_unfinished(sites_folder, job.folder.name)
        ledger.note_outcome(job.key, job.listed.folder, outcome)
        failures += outcome.status == "failed"
        yield SiteOutcome(job.listed, outcome, carried=False)
    yield from _drained(known)


def _run(plan: BatchPlan) -> Run:
    if plan.scheduler is None:
        return partial(run_locally, workers=plan.workers, limits=plan.limits)
    # dask takes a second to load and is an extra
    from landshift.batch.cluster import run_on_cluster

    return partial(run_on_cluster, address=plan.scheduler, limits=plan.limits)


def _unfinished(
    plan: BatchPlan, sites_folder: Path, ledger: Ledger, model_sha256: str
) -> Iterator[SiteJob | SiteOutcome]:
    """Every site in the list's order: a job, or what is known of it already."""
    model = model_place(plan.model)
    used = {alike(listed.folder) for listed in plan.sites.sites if listed.folder}
    for position, listed in enumerate(plan.sites.sites):
        settings = _settings(plan, listed)
        key = key_of(listed, model_sha256, settings, plan.figure_formats, ledger)
        ledger.note_key(position, key)
        if listed.problem:
            name = folder_name(listed.id)
            if listed.id and alike(name) not in used:  # what an earlier list's row gave
                remove_result(sites_folder / name)
            problem = Outcome("failed", "list", f"{listed.place}: {listed.problem}")
            yield SiteOutcome(listed, problem, carried=False)
            continue
        folder = sites_folder / listed.folder
        known = ledger.known(key)
        if known is not None and _stands(known, folder, plan.retry_failed):
            yield SiteOutcome(listed, known, carried=True)
        else:
            yield SiteJob(
                key, listed, model, settings, folder, plan.figure_formats, plan.compare
            )


def _settings(plan: BatchPlan, listed: ListedSite) -> Settings:
    """The plan's, at the pixel that the list gives the site."""
    grid = replace(plan.settings.grid, gsd_m=listed.gsd_m or plan.settings.grid.gsd_m)
    return replace(plan.settings, grid=grid)


def _stands(known: Outcome, folder: Path, retry_failed: bool) -> bool:
    """Whether an earlier outcome needs no work."""
    if known.status == "answered":
        return (folder / "report.json").is_file()
    return known.status == "refused" or not (retry_failed or known.kind == "fetch")


def _drained(known: deque[SiteOutcome]) -> Iterator[SiteOutcome]:
    while known:
        yield known.popleft()


@contextmanager
def _ledger(out: Path, sites_folder: Path) -> Iterator[Ledger]:
    try:
        sites_folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{out} cannot be made: {error.strerror}") from error
    with sole_writer(out):
        ledger = Ledger(out)
        try:
            yield ledger
        except sqlite3.Error as error:  # a full disk, for one; what was noted stands
            raise OutputError(f"{ledger.path} could not be written: {error}") from error
        finally:
            ledger.close()


def _remove_unfinished(folder: Path, name: str | None = None) -> None:
    """Remove what killed processes left half written in ``folder``, of one name or of all."""
    for path in folder.iterdir():
        found = _UNFINISHED.fullmatch(path.name)
        if found and name in (None, found[1]) and path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
