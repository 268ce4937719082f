"""``landshift classify``: the land cover of one picture."""

from __future__ import annotations

import logging
from datetime import datetime
from pathlib import Path

import click

from landshift.cli.options import (
    DAY,
    MASK,
    day_of,
    progress_to_stderr,
    read_bands,
    set_up_messages,
    verbosity,
)

log = logging.getLogger(__name__)
_FILE = click.Path(path_type=Path)


@click.command()
@click.argument("image", type=_FILE)
@click.option("--out", type=_FILE, required=True, metavar="TIF", help="The map to write.")
@click.option("--gsd", type=float, metavar="METRES",
              help="Side of a pixel: of the picture where it has no CRS, else to work at, "
              "where it is no coarser.")
@click.option("--bands", callback=read_bands, metavar="ROLE,…",
              help="Roles of the bands in their order, e.g. red,green,blue,nir.")
@click.option("--date", "day", type=DAY, metavar="YYYY-MM-DD", help="Day of the picture.")
@click.option("--mask", metavar=MASK,
              help="What hides parts of it, as not seen. KIND is udm2 or udm (Planet), scl "
              "(Sentinel-2), seen or hidden (0, and another value that says so).")
@click.option("--model", default="open", show_default=True, metavar="NAME|FILE",
              help="A packaged model (open; research, for RGB alone) or a model file.")
@click.option("--overwrite", is_flag=True, help="Replace TIF where it exists.")
@click.option("--json", "as_json", is_flag=True, help="Print hectares as JSON, not as a table.")
@verbosity
def classify(
    image: Path, out: Path, gsd: float | None, bands: tuple[str, ...] | None,
    day: datetime | None, mask: str | None, model: str, overwrite: bool, as_json: bool,
    quiet: bool, verbose: bool,
) -> None:  # fmt: skip
    """Map the land cover of one picture: IMAGE.

    Writes one code for each of the picture's own pixels: 1 cropland, 2 greenhouse, 3 building,
    4 bare, 5 paved, 6 woody, 7 herbaceous, 8 water, 0 not seen.
    """
    set_up_messages(quiet, verbose)
    import json

    from landshift.cli.table import print_cover
    from landshift.mapping import map_cover
    from landshift.placing import check_files
    from landshift.settings import GridSettings, Settings
    from landshift.site import Image, mask_named
    from landshift.writing import cover_files, write_cover

    picture = Image(image, gsd, bands, day_of(day), mask_named(mask))
    inputs = [image, Path(model), *([] if picture.mask is None else [picture.mask.path])]
    check_files(cover_files(out), overwrite, inputs=inputs)
    cover = map_cover(picture, model, Settings(grid=GridSettings(gsd_m=gsd)), progress_to_stderr())
    write_cover(cover.codes, cover.grid, out, overwrite)
    for warning in cover.warnings:
        log.warning("warning: %s", warning)
    if as_json:
        click.echo(json.dumps({"hectares": cover.hectares, "seen_share": cover.seen_share},
                              allow_nan=False))
    else:
        print_cover(cover, out)
