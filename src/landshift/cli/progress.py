"""How a batch tells what it is doing, on stderr: a bar for a person, lines for a log."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator

import click
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from landshift.batch.night import SiteOutcome

_COLOURS = {"answered": "green", "refused": "yellow", "failed": "red"}


def tell_progress(
    outcomes: Iterator[SiteOutcome], total: int, style: str | None, quiet: bool
) -> dict[str, int]:
    """Draw all outcomes, tell of each, and count them by status."""
    style = style or ("rich" if sys.stderr.isatty() else "plain")
    told = outcomes if quiet else _STYLES[style](outcomes, total)
    counts: dict[str, int] = {}
    for one in told:
        counts[one.outcome.status] = counts.get(one.outcome.status, 0) + 1
    return dict(sorted(counts.items()))


def _rich(outcomes: Iterator[SiteOutcome], total: int) -> Iterator[SiteOutcome]:
    console = Console(stderr=True, highlight=False)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
               TimeRemainingColumn())  # fmt: skip
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("sites", total=total)
        for one in outcomes:
            colour = _COLOURS.get(one.outcome.status, "white")
            bar.console.print(
                f"[{colour}]{one.outcome.status:8}[/] {escape(_line(one))}", soft_wrap=True
            )
            bar.advance(task)
            yield one


def _plain(outcomes: Iterator[SiteOutcome], total: int) -> Iterator[SiteOutcome]:
    for number, one in enumerate(outcomes, 1):
        click.echo(f"{number}/{total} {one.outcome.status} {_line(one)}", err=True)
        yield one


def _json(outcomes: Iterator[SiteOutcome], total: int) -> Iterator[SiteOutcome]:
    for number, one in enumerate(outcomes, 1):
        line = {
            "done": number, "of": total, "id": one.listed.id, "folder": one.listed.folder,
            "status": one.outcome.status, "kind": one.outcome.kind, "reason": one.outcome.reason,
            "carried": one.carried, "seconds": round(one.outcome.seconds, 2),
        }  # fmt: skip
        click.echo(json.dumps(line, ensure_ascii=True), err=True)
        yield one


_STYLES = {"rich": _rich, "plain": _plain, "json": _json}


def _line(one: SiteOutcome) -> str:
    time = "done before" if one.carried else f"{one.outcome.seconds:.1f} s"
    reason = f": {one.outcome.reason}" if one.outcome.reason else ""
    return f"{one.listed.id or '(no id)'} ({time}){reason}"
