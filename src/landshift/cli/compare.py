"""``landshift compare``: the main job."""

from __future__ import annotations

import logging
import threading
from datetime import date, datetime
from pathlib import Path

import click

from landshift.cli.options import (
    DAY,
    FIGURES,
    MASK,
    progress_to_stderr,
    read_bands,
    read_figures,
    set_up_messages,
    verbosity,
)

log = logging.getLogger(__name__)
_FILE = click.Path(path_type=Path)


@click.command()
@click.argument("before", type=_FILE)
@click.argument("after", type=_FILE)
@click.option("--aoi", type=_FILE, metavar="GEOJSON",
              help="The site's outline; without one the pictures' overlap is the site.")
@click.option("--gsd", type=float, metavar="METRES",
              help="Side of a pixel: of the pictures where they have no CRS, else to work at, "
              "where none is coarser.")
@click.option("--bands", callback=read_bands, multiple=True, metavar="ROLE,…",
              help="Roles of the bands, e.g. red,green,blue,nir; twice: before's, then after's.")
@click.option("--before-date", type=DAY, metavar="YYYY-MM-DD", help="Day of the before picture.")
@click.option("--after-date", type=DAY, metavar="YYYY-MM-DD", help="Day of the after picture.")
@click.option("--before-mask", metavar=MASK,
              help="What hides parts of the before picture, as not seen. KIND is udm2 or udm "
              "(Planet), scl (Sentinel-2), seen or hidden (0, and another value that says so).")
@click.option("--after-mask", metavar=MASK, help="The same of the after picture.")
@click.option("--model", default="open", show_default=True, metavar="NAME|FILE",
              help="A packaged model (open; research, for RGB alone) or a model file.")
@click.option("--out", type=_FILE, metavar="DIR", help="Write maps, buildings and report there.")
@click.option("--figure-format", type=click.Choice(["png", "svg", "pdf", "none"]), multiple=True,
              default=FIGURES, show_default=True, callback=read_figures,
              help="Of the figure in DIR; may be repeated.")
@click.option("--geoparquet", is_flag=True, help="Write changes.parquet too; needs pyarrow.")
@click.option("--overwrite", is_flag=True, help="Replace an earlier result in DIR.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON, not as a table.")
@verbosity
def compare(
    before: Path, after: Path, aoi: Path | None, gsd: float | None,
    bands: tuple[tuple[str, ...], ...], before_date: datetime | None, after_date: datetime | None,
    before_mask: str | None, after_mask: str | None, model: str, out: Path | None,
    figure_format: tuple[str, ...], geoparquet: bool, overwrite: bool,
    as_json: bool, quiet: bool, verbose: bool,
) -> None:  # fmt: skip
    """Compare two pictures of a site: BEFORE and AFTER.

    Tells what was built, what it replaced, and how many hectares, each with a 90 % interval.
    GeoTIFF, COG, JPEG 2000, PNG and JPEG; any CRS, or none with --gsd.
    """
    set_up_messages(quiet, verbose)
    if len(bands) > 2:
        raise click.UsageError("--bands may be given once, or twice: before's, then after's")
    if out is None and (geoparquet or overwrite or figure_format != FIGURES):
        raise click.UsageError("--geoparquet, --figure-format and --overwrite need --out DIR")
    import json

    from landshift.cli.table import print_report
    from landshift.comparison import compare_site
    from landshift.placing import check_output
    from landshift.precompile import compiling_ahead
    from landshift.reading import read_aoi, read_facts
    from landshift.settings import GridSettings, Settings
    from landshift.site import Image, Site, mask_named, site_id
    from landshift.writing import load_views, report_as_json, write_report

    if out is not None:
        check_output(out, overwrite)
    roles = bands or (None,)
    facts = {} if aoi is None else read_facts(aoi)
    days = [
        given.date() if given else date.fromisoformat(facts[key]) if key in facts else None
        for given, key in ((before_date, "before_date"), (after_date, "after_date"))
    ]
    site = Site(
        id=site_id(facts.get("id") or (aoi or before).stem),
        name=facts.get("name", ""),
        before=Image(before, gsd, roles[0], days[0], mask_named(before_mask)),
        after=Image(after, gsd, roles[-1], days[1], mask_named(after_mask)),
        aoi=None if aoi is None else read_aoi(aoi),
    )
    tell, loading = progress_to_stderr(), threading.Thread(target=load_views)

    def progress(stage: str) -> None:
        if stage == "classifying" and out is not None:
            loading.start()
        elif stage == "measuring" and out is not None:
            loading.join()
        tell(stage)

    with compiling_ahead():
        report = compare_site(site, model, Settings(grid=GridSettings(gsd_m=gsd)), progress)
    if out is not None:
        write_report(report, out, overwrite, figure_format, geoparquet)
    if as_json:
        for warning in report.warnings:
            log.warning("warning: %s", warning)
        click.echo(json.dumps(report_as_json(report), indent=1, allow_nan=False))
    else:
        print_report(report, out)
