"""``landshift summarise``: the tables of a batch, made again and printed."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), metavar="DIR")
@click.option("--json", "as_json", is_flag=True, help="Print summary.json, not tables.")
def summarise(folder: Path, as_json: bool) -> None:
    """Make a batch's sites.csv, sites.gpkg, summary.json, index.html again and print what they say.

    DIR is what batch wrote, finished or not.
    """
    import json

    from landshift.batch.ledger import ledger_of
    from landshift.batch.morning import write_tables
    from landshift.cli.summary_table import print_summary

    ledger = ledger_of(folder)
    try:
        summary = write_tables(ledger, folder).as_json()
        if as_json:
            click.echo(json.dumps(summary, indent=1, allow_nan=False))
        else:
            print_summary(ledger, summary)
    finally:
        ledger.close()
