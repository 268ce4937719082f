"""What a person reads of many sites."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from landshift.batch.ledger import Ledger
from landshift.batch.morning import site_row
from landshift.settings import SummarySettings
from landshift.wording import hectare_decimals

_MOST_SITES = 200
"""Sites listed on a terminal; all are in sites.csv."""
_FILE_WIDTH = 150
_COLOURS = {"answered": "green", "refused": "yellow", "failed": "red", "not run": "dim"}
_GROUNDS = {
    "on_farmland": "farm-\nland", "on_greenhouses": "green-\nhouses",
    "on_older_buildings": "older\nbuildings", "with_housing": "with\nhousing",
    "beside_greenhouses": "beside\ngreenh.",
}  # fmt: skip
_TOTALS = {
    "new_building": "new building",
    "cropland_loss": "cropland lost to building or paving",
    "greenhouse_loss": "greenhouse lost",
    "removed_building": "building removed",
    "cleared_ground": "ground cleared, a stage and not yet a loss",
}


def print_summary(ledger: Ledger, summary: Mapping[str, Any]) -> None:
    """Print sites, groups and the whole; refused and failed sites among them."""
    # a table in a file or a pipe is not squeezed into the width of no terminal
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = max(console.width, _FILE_WIDTH)
    console.print(_sites_table(ledger))
    _print_reasons(console, ledger)
    console.print()
    console.print(_groups_table(summary))
    console.print()
    console.print(_totals_table(summary["all"]))
    for caution in summary["cautions"]:
        console.print(f"[yellow]![/] {escape(caution)}", soft_wrap=True)
    counts = summary["all"]["sites"]
    told = ", ".join(f"{counts[status]} {status}" for status in _COLOURS if counts[status])
    console.print(f"{counts['listed']} sites listed: {told}; an interval holds 90 % and takes the "
                  "model's own error as the same at every site", soft_wrap=True)  # fmt: skip


def _sites_table(ledger: Ledger) -> Table:
    table = Table("site", "province", "year", "outcome", box=None, pad_edge=False)
    table.add_column("new building ha", justify="right")
    table.add_column("90 %", justify="right")
    table.add_column("buildings", justify="right")
    table.add_column("cluster ha", justify="right")
    table.add_column("replaced")
    table.add_column("stage")
    for number, (listed, outcome) in enumerate(ledger.rows()):
        if number == _MOST_SITES:
            table.caption = "and more, which stand in sites.csv"
            break
        row = site_row(listed, outcome, SummarySettings())
        told = row["verdict"] if outcome.status == "answered" else outcome.status
        shown = [row["name"] or row["id"] or row["place"], row["province"], row["year"] or ""]
        cells = [escape(str(text)) for text in shown]
        cells.append(f"[{_COLOURS[outcome.status]}]{escape(str(told))}[/]")
        if outcome.digest is None:
            table.add_row(*cells)
            continue
        cluster, few = row["largest_cluster_ha"], f".{hectare_decimals(row['aoi_ha'])}f"
        table.add_row(
            *cells, f"{row['new_building_ha']:{few}}",
            f"{row['new_building_ha_low']:{few}} – {row['new_building_ha_high']:{few}}",
            str(row["buildings"]), "" if cluster is None else f"{cluster:{few}}",
            escape(row["replaced"]), escape(row["stage"]),
        )  # fmt: skip
    return table


def _print_reasons(console: Console, ledger: Ledger) -> None:
    """Print why sites were not answered, each on a line of its own."""
    for number, (listed, outcome) in enumerate(ledger.rows()):
        if number == _MOST_SITES:
            break
        if outcome.reason:
            name = listed["name"] or listed["id"] or listed["place"]
            console.print(
                f"[{_COLOURS[outcome.status]}]{outcome.status}[/] "
                f"{escape(f'{name}: {outcome.reason}')}", soft_wrap=True,
            )  # fmt: skip


def _groups_table(summary: Mapping[str, Any]) -> Table:
    table = Table("year", "province", box=None, pad_edge=False)
    for heading in ("sites", "answered", "refused", "failed", *_GROUNDS.values(),
                    "new building ha", "90 %", "median\ncluster ha"):  # fmt: skip
        table.add_column(heading, justify="right")
    for group in summary["by_year_and_province"]:
        _add_group(table, group["year"], group["province"], group)
    table.add_section()
    _add_group(table, "all", "", summary["all"], "bold")
    return table


def _add_group(
    table: Table, year: str, province: str, group: Mapping[str, Any], style: str = ""
) -> None:
    counts, new = group["sites"], group["totals"]["new_building"]
    median, decimals = group["median_cluster_hectares"], _decimals(group)
    table.add_row(
        escape(year), escape(province), str(counts["listed"]), str(counts["answered"]),
        str(counts["refused"]), str(counts["failed"]),
        *(str(group["sites_by_ground"][ground]) for ground in _GROUNDS),
        *_interval(new, decimals), "" if median is None else f"{median:.{decimals}f}", style=style,
    )  # fmt: skip


def _totals_table(whole: Mapping[str, Any]) -> Table:
    table = Table("all answered sites", box=None, pad_edge=False)
    table.add_column("hectares", justify="right")
    table.add_column("90 % interval", justify="right")
    for name, words in _TOTALS.items():
        total = whole["totals"][name]
        table.add_row(words, *_interval(total, _decimals(whole)))
    return table


def _decimals(group: Mapping[str, Any]) -> int:
    """Of the hectares of sites together: as of the largest of them."""
    return hectare_decimals(group["largest_aoi_hectares"])


def _interval(total: Mapping[str, Any], decimals: int) -> tuple[str, str]:
    if total["hectares"] is None:
        return "", ""
    value, low, high = (f"{total[end]:.{decimals}f}" for end in ("hectares", "low", "high"))
    return value, f"{low} – {high}"
