"""``landshift teach``: polygons drawn on one picture → a model that maps it better."""

from __future__ import annotations

from pathlib import Path

import click

from landshift.cli.options import progress_to_stderr, read_bands

_FILE = click.Path(path_type=Path)


@click.command()
@click.argument("image", type=_FILE)
@click.argument("labels", type=_FILE)
@click.option("--out", type=_FILE, required=True, metavar="NPZ", help="The model to write.")
@click.option("--gsd", type=float, metavar="METRES",
              help="Side of a pixel: of the picture where it has no CRS, else to work at.")
@click.option("--bands", callback=read_bands, metavar="ROLE,…",
              help="Roles of the bands in their order, e.g. red,green,blue,nir.")
@click.option("--model", default="open", show_default=True, metavar="NAME|FILE",
              help="The model to start from.")
@click.option("--overwrite", is_flag=True, help="Replace NPZ where it exists.")
def teach(
    image: Path, labels: Path, out: Path, gsd: float | None, bands: tuple[str, ...] | None,
    model: str, overwrite: bool,
) -> None:  # fmt: skip
    """Refit the classes of a model to LABELS drawn on IMAGE.

    LABELS are GeoJSON polygons with a property `class` (cropland, greenhouse, building, bare,
    paved, woody, herbaceous, water), or a raster of codes 1-8. The network itself is kept; the
    evidence of change stays as it was. Use the result with --model NPZ.
    """
    from landshift.lessons import teach_model
    from landshift.settings import GridSettings, Settings
    from landshift.site import Image

    settings = Settings(grid=GridSettings(gsd_m=gsd))
    picture = Image(image, gsd, bands)
    lesson = teach_model(picture, labels, out, model, settings, overwrite, progress_to_stderr())
    click.echo(
        f"{out}: {lesson.regions} regions of {lesson.pixels} pixels; right before "
        f"{lesson.accuracy_before:.0%}, on regions left out {lesson.accuracy_left_out:.0%}; "
        f"{lesson.renamed:.0%} of the rest of the picture has another name"
    )
    if lesson.unmet:
        click.echo(f"! {lesson.unmet} polygons taught nothing: outside of what the picture shows, "
                   "smaller than a pixel, or covered by later ones", err=True)  # fmt: skip
    if lesson.kept:
        click.echo(f"nothing was drawn of {', '.join(lesson.kept)}: kept as they were named")
    if not lesson.helped:
        click.echo("! named no better than before: keep the old model", err=True)
