"""What a person reads at a glance."""

from __future__ import annotations

import math
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from landshift.area import Hectares
from landshift.assessment import Assessment, confidence_words, unmet_words
from landshift.mapping import CoverMap
from landshift.report import SiteReport
from landshift.wording import (
    PART_UNSEEN,
    UNTOLD,
    VERDICT_WORDS,
    direction_words,
    fold_small,
    folded_words,
    seen_words,
    transition_words,
)

_COLOURS = {"ok": "green", "good": "green", "caution": "yellow", "doubtful": "yellow"}
_MOST_BUILDINGS = 20
"""Buildings listed on a terminal; all are in the report."""
_TOTALS = {
    "cropland_loss": "cropland lost to building or paving",
    "greenhouse_loss": "greenhouse lost",
    "new_building": "new building",
    "removed_building": "building removed",
    "cleared_ground": "ground cleared, a stage and not yet a loss",
}


def print_report(report: SiteReport, out: Path | None) -> None:
    """Print verdict, alignment, hectares and new buildings of one comparison."""
    console = _console()
    console.print(f"[bold]{escape(report.site.name or report.site.id)}[/]  {_verdicts(report)}")
    aoi = "the aoi" if report.site.aoi else "the pictures' overlap"
    console.print(
        f"{report.changes.aoi_hectares:.{report.decimals}f} ha in {aoi}, "
        f"{seen_words(report.seen_share)} of it seen in both"
    )
    console.print()
    console.print(_totals_table(report))
    for reason, totals in _reasons(report).items():
        console.print(f"[dim]wide through {escape(reason)}: {', '.join(totals)}[/]")
    if report.buildings:
        console.print()
        console.print(_buildings_table(report))
    _print_pairs(console, report, out)
    if report.not_seen_hectares >= report.settings["area"]["least_reported_hectares"]:
        unseen = f"{report.not_seen_hectares:.{report.decimals}f} ha"
        console.print(f"not seen, nothing said of it: {unseen}")
    balance = _balance_table(report)
    if balance.row_count:
        console.print()
        console.print(balance)
    console.print()
    for warning in report.warnings:
        console.print(f"[yellow]![/] {escape(warning)}", soft_wrap=True)
    if out is not None:
        console.print(f"written to {escape(str(out))}", soft_wrap=True)


def print_cover(cover: CoverMap, out: Path) -> None:
    """Print hectares of each class of one picture."""
    console = _console()
    table = Table("land cover", box=None, pad_edge=False)
    table.add_column("hectares", justify="right")
    for label, hectares in cover.hectares.items():
        if hectares > 0.0:
            table.add_row(label, f"{hectares:.2f}")
    console.print(table)
    seen = seen_words(cover.seen_share)
    console.print(f"{seen} of the picture seen; written to {escape(str(out))}", soft_wrap=True)


def print_assessment(found: Assessment) -> None:
    """Print the error matrix, and scores and corrected hectares of each class."""
    console = _console()
    matrix = Table("mapped as ↓, truly →", box=None, pad_edge=False)
    for label in found.labels:
        matrix.add_column(label, justify="right")
    for label, row in zip(found.labels, found.matrix, strict=True):
        matrix.add_row(label, *(str(count) for count in row))
    console.print(matrix)
    interval = f"{confidence_words(found.confidence)} interval"
    table = Table("class", box=None, pad_edge=False)
    for head in ("user's", "producer's", "F1", "IoU", "mapped ha", "corrected ha", interval):
        table.add_column(head, justify="right")
    for s in found.classes:
        shares = (s.users_accuracy, s.producers_accuracy, s.f1, s.iou)
        hectares = UNTOLD, ""
        if not math.isnan(s.hectares):
            hectares = f"{s.hectares:.2f}", f"{s.low:.2f} – {s.high:.2f}"
        table.add_row(
            s.label, *("-" if math.isnan(share) else f"{share:.2f}" for share in shares),
            f"{s.mapped_hectares:.2f}", *hectares,
        )  # fmt: skip
    console.print(table)
    if found.unassessed_hectares > 0:
        console.print(f"[yellow]![/] {found.unassessed_hectares:.2f} ha are mapped as classes with "
                      "fewer than 2 units in the reference: not assessed")  # fmt: skip
    if found.unmet:
        console.print(f"[yellow]![/] {unmet_words(found.unmet)}", soft_wrap=True)
    apart = "" if found.spacing_m is None else f", {found.spacing_m:.3g} m apart"
    console.print(
        f"overall accuracy {found.overall_accuracy:.3f} "
        f"({found.overall_low:.3f} – {found.overall_high:.3f}), "
        f"{int(found.matrix.sum())} units of reference{apart}"
    )


def _console() -> Console:
    return Console(highlight=False)


def _verdicts(report: SiteReport) -> str:
    verdict, alignment = report.fitness.verdict, report.alignment
    moved = math.hypot(alignment.east_m, alignment.north_m)
    words = f"moved {moved:.2f} m"
    if alignment.verdict == "failed":
        words = f"left as they came, {alignment.residual_rms_m:.2f} m apart assumed"
    elif math.isfinite(alignment.residual_rms_m):
        words += f", {alignment.residual_rms_m:.2f} m left"
    return (
        f"[{_COLOURS.get(verdict, 'red')}]{VERDICT_WORDS[verdict]}[/], "
        f"[{_COLOURS.get(alignment.verdict, 'red')}]{VERDICT_WORDS[alignment.verdict]}[/] ({words})"
    )


def _row(table: Table, what: str, hectares: Hectares, decimals: int, style: str = "") -> None:
    value, low, high = (
        f"{one:.{decimals}f}" for one in (hectares.value, hectares.low, hectares.high)
    )
    table.add_row(what, value, f"{low} – {high}", style=style)


def _reasons(report: SiteReport) -> dict[str, list[str]]:
    """What makes intervals wide, most often met first, and of which totals."""
    reasons: dict[str, list[str]] = {}
    for name, words in _TOTALS.items():
        if name in report.totals:
            reasons.setdefault(report.totals[name].dominant, []).append(words.split(",")[0])
    return dict(sorted(reasons.items(), key=lambda item: -len(item[1])))


def _balance_table(report: SiteReport) -> Table:
    """Gross and net of each cover that is more than noughts; the net may be below 0."""
    table = Table("cover", box=None, pad_edge=False)
    for heading in ("gained ha", "lost ha", "net ha", "90 % interval"):
        table.add_column(heading, justify="right")
    few = f".{report.decimals}f"
    for one in report.balance:
        if max(round(part.value, report.decimals) for part in (one.gained, one.lost)) == 0.0:
            continue
        table.add_row(
            one.cover.label, f"{one.gained.value:{few}}", f"{one.lost.value:{few}}",
            # z: no -0.00
            f"{one.net:+z{few}}", f"{one.net_low:+z{few}} – {one.net_high:+z{few}}",
        )  # fmt: skip
    return table


def _hectares_table(heading: str) -> Table:
    """Without rows; as wide as every other such table, so that their numbers stand in line."""
    table = Table(box=None, pad_edge=False)
    table.add_column(heading, min_width=max(map(len, _TOTALS.values())))
    table.add_column("hectares", justify="right")
    table.add_column("90 % interval", justify="right", min_width=len("100.00 – 1000.00"))
    return table


def _totals_table(report: SiteReport) -> Table:
    table = _hectares_table("in total")
    for name, words in _TOTALS.items():
        if name in report.totals:
            _row(table, words, report.totals[name], report.decimals, "bold")
    return table


def _print_pairs(console: Console, report: SiteReport, out: Path | None) -> None:
    """Print from→to pairs, the small ones on one line, and where each of those can be read."""
    table = _hectares_table("what became what")
    shown, small = fold_small(report.transitions, report.settings["area"])
    for pair in shown:
        _row(table, transition_words(pair), pair.hectares, report.decimals)
    if small:
        folded = [pair.hectares for pair in small]
        table.add_row(*folded_words(folded, "smaller ones", report.decimals), "")
    if shown or small:
        console.print()
        console.print(table)
    if small:
        where = "--json prints" if out is None else "report.json lists"
        console.print(f"[dim]{where} every transition with its interval[/]")


def _buildings_table(report: SiteReport) -> Table:
    count = len(report.buildings)
    table = Table("new buildings", box=None, pad_edge=False)
    for heading in ("hectares", "size m", "azimuth °"):
        table.add_column(heading, justify="right")
    table.add_column("was")
    staged = any(building.stage is not None for building in report.buildings)
    if staged:
        table.add_column("stage")
    for number, building in enumerate(report.buildings[:_MOST_BUILDINGS], 1):
        stage = [building.stage or UNTOLD] if staged else []
        table.add_row(
            str(number), f"{'≥ ' if building.part_unseen else ''}{building.hectares:.3f}",
            f"{building.length_m:.0f} × {building.width_m:.0f}",
            direction_words(building.azimuth_deg), building.was.label, *stage,
        )  # fmt: skip
    notes = [f"and {count - _MOST_BUILDINGS} smaller ones"] if count > _MOST_BUILDINGS else []
    if not staged:
        notes.append(f"stage: {UNTOLD} at this pixel size")
    if any(building.part_unseen for building in report.buildings[:_MOST_BUILDINGS]):
        notes.append(f"≥: seen {PART_UNSEEN}")
    table.caption = "; ".join(notes) or None
    return table
