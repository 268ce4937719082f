"""``landshift batch``: a list of sites, overnight."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from landshift.cli.options import FIGURES, read_figures, set_up_messages, verbosity

if TYPE_CHECKING:
    from landshift.batch.site_list import SiteList

_FILE = click.Path(path_type=Path)
_SOME_NOT_ANSWERED = 3


@click.command()
@click.argument("sites", type=_FILE)
@click.option("--out", type=_FILE, required=True, metavar="DIR",
              help="Folder of the results; run again, it goes on where it was.")
@click.option("--workers", type=click.IntRange(1), metavar="N",
              help="Sites at a time; one for each core by default.")
@click.option("--timeout", type=float, default=1800.0, show_default=True, metavar="S",
              help="Seconds after which a site is given up; 0 for no end.")
@click.option("--memory-limit", type=float, metavar="MB",
              help="Memory of a worker beyond which its site is given up.")
@click.option("--retry-failed", is_flag=True, help="Do again what failed in an earlier run.")
@click.option("--fresh", is_flag=True, help="Do everything again.")
@click.option("--dry-run", is_flag=True, help="Check the list and begin nothing.")
@click.option("--max-failures", type=click.IntRange(1), metavar="N",
              help="Begin no other site after N failures.")
@click.option("--gsd", type=float, metavar="METRES",
              help="Side of a pixel to work at, where the list has none and no picture is coarser.")
@click.option("--model", default="open", show_default=True, metavar="NAME|FILE",
              help="A packaged model (open; research, for RGB alone) or a model file.")
@click.option("--figure-format", type=click.Choice(["png", "svg", "pdf", "none"]), multiple=True,
              default=FIGURES, show_default=True, callback=read_figures,
              help="Of each site's figure; may be repeated.")
@click.option("--progress", type=click.Choice(["rich", "plain", "json"]),
              help="How progress is told on stderr; plain where nobody watches.")
@click.option("--scheduler", metavar="ADDRESS",
              help="Send sites to the Dask cluster there, e.g. tcp://head:8786.")
@verbosity
@click.pass_context
def batch(
    ctx: click.Context, sites: Path, out: Path, workers: int | None, timeout: float,
    memory_limit: float | None, retry_failed: bool, fresh: bool, dry_run: bool,
    max_failures: int | None, gsd: float | None, model: str, figure_format: tuple[str, ...],
    progress: str | None, scheduler: str | None, quiet: bool, verbose: bool,
) -> None:  # fmt: skip
    """Compare every site of a list: SITES, a CSV, GeoJSON, GeoPackage or GeoParquet.

    Columns: id, before, after; and as known name, province, year, before_date, after_date, gsd,
    bands, before_mask, after_mask, and aoi (path or WKT) or lat, lon, radius_m. Others travel into
    the results. Paths are relative to the list; pictures and masks may be https or s3 addresses.

    Writes DIR/sites/ID as compare does, DIR/sites.csv, sites.gpkg, summary.json and a page of all,
    index.html. Exit code 3 where some sites failed or were refused.
    """
    set_up_messages(quiet, verbose)
    if workers is not None and scheduler is not None:
        raise click.UsageError("--workers are of this machine; with --scheduler the cluster has "
                               "its own")  # fmt: skip
    from landshift.batch.child import Limits
    from landshift.batch.night import BatchPlan, run_batch
    from landshift.batch.site_list import read_site_list
    from landshift.cli.progress import tell_progress
    from landshift.cores import usable_cores
    from landshift.settings import GridSettings, Settings

    listed = read_site_list(sites)
    if dry_run:
        ctx.exit(_SOME_NOT_ANSWERED if _print_check(listed) else 0)
    plan = BatchPlan(
        sites=listed, out=out, model=model, settings=Settings(grid=GridSettings(gsd_m=gsd)),
        workers=workers or usable_cores(),
        limits=Limits(timeout or None, memory_limit),
        retry_failed=retry_failed, fresh=fresh, max_failures=max_failures, scheduler=scheduler,
        figure_formats=figure_format,
    )  # fmt: skip
    counts = tell_progress(run_batch(plan), len(listed.sites), progress, quiet)
    _print_end(counts, len(listed.sites), out)
    if counts.get("answered", 0) < len(listed.sites):
        ctx.exit(_SOME_NOT_ANSWERED)


def _print_check(listed: SiteList) -> int:
    """Print what is wrong with the list; how many rows cannot be used."""
    from landshift.batch.fetching import is_remote
    from landshift.batch.naming import plain

    bad = 0
    for site in listed.sites:
        problem = site.problem
        if site.site is not None:
            missing = [
                name
                for name, image in ((site.before, site.site.before), (site.after, site.site.after))
                if not is_remote(name) and not image.path.is_file()
            ]
            problem = f"no such file: {', '.join(missing)}" if missing else ""
        if problem:
            bad += 1
            click.echo(f"{site.place}: {site.id or '(no id)'}: {plain(problem)}")
    click.echo(f"{len(listed.sites)} sites, {len(listed.sites) - bad} can be begun, {bad} cannot")
    return bad


def _print_end(counts: dict[str, int], total: int, out: Path) -> None:
    told = ", ".join(f"{count} {status}" for status, count in counts.items())
    done = sum(counts.values())
    rest = f", {total - done} not run" if done < total else ""
    click.echo(f"{total} sites: {told or 'none done'}{rest}; written to {out}")
    click.echo(f"open {out / 'index.html'} to see them all")

