"""``landshift explain``: why a pixel or a building was called what it was."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from landshift.cli.options import progress_to_stderr, set_up_messages, verbosity

if TYPE_CHECKING:
    from rich.table import Table

    from landshift.explanation import Check, Explanation

_FOLDER = click.Path(path_type=Path)
_LEAST_SHOWN = 0.02
"""Probability of a class below which it is not printed; all are in the JSON."""


def _two(kind: type[int] | type[float]) -> Callable[..., Any]:
    """What reads two numbers with a comma between them."""

    def read(ctx: click.Context, option: click.Parameter, value: str | None) -> Any:
        if value is None:
            return None
        try:
            one, two = (kind(part) for part in value.split(","))
        except ValueError as error:
            wanted = option.metavar if isinstance(option, click.Option) else "two numbers"
            raise click.BadParameter(f"{value!r} is not {wanted}") from error
        return one, two

    return read


@click.command()
@click.argument("folder", type=_FOLDER, metavar="DIR")
@click.option("--at", callback=_two(float), metavar="LON,LAT", help="A place in degrees.")
@click.option("--pixel", callback=_two(int), metavar="ROW,COL",
              help="A pixel of changes.tif, counted from 0.")
@click.option("--building", type=int, metavar="N", help="A building, as numbered in the report.")
@click.option("--inputs", type=_FOLDER, metavar="FOLDER",
              help="Where both pictures lie now, if not where they were.")
@click.option("--model", metavar="NAME|FILE", help="The model, if it is not a packaged one.")
@click.option("--json", "as_json", is_flag=True, help="Print the explanation as JSON.")
@verbosity
def explain(
    folder: Path, at: tuple[float, float] | None, pixel: tuple[int, int] | None,
    building: int | None, inputs: Path | None, model: str | None, as_json: bool, quiet: bool,
    verbose: bool,
) -> None:  # fmt: skip
    """Say why a pixel or a building of a result was called what it was.

    DIR is what compare wrote. The comparison is made again from the same pictures and the same
    model, so it takes as long; exit code 1 where they moved or changed. The place is one of --at,
    --pixel, --building.
    """
    set_up_messages(quiet, verbose)
    if sum(given is not None for given in (at, pixel, building)) != 1:
        raise click.UsageError("one of --at LON,LAT, --pixel ROW,COL and --building N is needed")
    import json

    from landshift import explanation
    from landshift.recomparison import compare_again, read_result

    result = read_result(folder, inputs)
    place = None
    if at is not None:  # before the long work: a slip of the pen is told at once
        place = explanation.pixel_under(result.grid, *at)
    elif pixel is not None:
        place = explanation.pixel_at(result.grid, *pixel)
    again = compare_again(result, model, progress_to_stderr())
    if place is None:
        place = explanation.building_at(again, building or 0)
    found = explanation.explain(again, place)
    if as_json:
        click.echo(json.dumps(found.as_json(), indent=1, allow_nan=False))
    else:
        _print(found)


def _print(found: Explanation) -> None:
    from rich.console import Console

    console = Console(highlight=False)
    where = f"row {found.row}, col {found.col}"
    if found.lon_lat is not None:
        where += f" ({found.lon_lat[0]:.6f}, {found.lon_lat[1]:.6f})"
    if found.building is not None:
        where += f", building {found.building}"
    if found.pixels > 1:
        where += f", mean over {found.pixels} pixels"
    console.print(where, soft_wrap=True)
    sure = f", probability {found.probability:.2f}" if found.probability > 0 else ""
    console.print(f"[bold]{found.called}[/]{sure}")
    for table in (_classes(found), _kinds(found), _inputs(found), _thresholds(found)):
        console.print()
        console.print(table)
    for note in found.notes:
        console.print(f"- {note}", soft_wrap=True)


def _table(*headings: str) -> Table:
    from rich.table import Table

    table = Table(headings[0], box=None, pad_edge=False)
    for heading in headings[1:]:
        table.add_column(heading, justify="right")
    return table


def _classes(found: Explanation) -> Table:
    table = _table("land cover", "before", "after")
    for label, before in found.before.items():
        after = found.after[label]
        if max(before, after) >= _LEAST_SHOWN:
            table.add_row(label, f"{before:.2f}", f"{after:.2f}")
    return table


def _kinds(found: Explanation) -> Table:
    table = _table("kind of change", "prior", "evidence", "less rims", "with prior", "smoothed")
    for one in found.kinds:
        numbers = (one.prior, one.evidence, one.without_rims, one.weighed, one.smoothed)
        table.add_row(one.kind, *(f"{number:.3f}" for number in numbers))
    return table


def _inputs(found: Explanation) -> Table:
    table = _table("what moved it", "before", "after", "evidence of change")
    for band in found.bands:
        table.add_row(f"{band.band}, spreads from median", f"{band.before:+.2f}",
                      f"{band.after:+.2f}", "")  # fmt: skip
    table.add_row("everything as it is", "", "", f"{found.change:.3f}")
    for one in found.occlusions:
        table.add_row(f"with {one.what}", "", "", f"{one.change:.3f}")
    return table


def _thresholds(found: Explanation) -> Table:
    table = _table("threshold", "found", "needed", "passed")
    # the words wrap instead: a name that is cut short is found in no report.json
    table.add_column("setting", no_wrap=True)
    for check in found.checks:
        table.add_row(check.what, *_amounts(check),
                      "yes" if check.passed else "no", check.setting)  # fmt: skip
    return table


def _amounts(check: Check) -> tuple[str, str]:
    """What was found and what was needed, with the digits that tell one from the other."""
    least = 0 if check.unit == "m²" else 2
    for digits in range(least, 6):
        found, limit = (f"{number:.{digits}f}" for number in (check.found, check.limit))
        if found != limit or check.found == check.limit:
            break
    return f"{found} {check.unit}".strip(), f"{limit} {check.unit}".strip()
