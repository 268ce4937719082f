"""``landshift train``: a model from simulated scenes and labelled pictures."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.option("--recipe", required=True, metavar="NAME|FILE.toml",
              help="Packaged (open-rgb, open-rgbn, open-multispectral, research-rgb, and those "
                   "that each begins from: see its start) or a file.")  # fmt: skip
@click.option("--tiles", type=click.Path(path_type=Path, exists=True), metavar="CSV|FOLDER",
              help="Labelled pictures: a table (image, label, gsd_m, bands, split), or a folder of "
                   "NAME.tif with NAME.geojson (polygons with a class) or NAME.label.tif (codes "
                   "1-8).")  # fmt: skip
@click.option("--gsd", type=float, metavar="METRES",
              help="Side of a pixel of a folder's pictures that have no CRS.")  # fmt: skip
@click.option("--work", type=click.Path(path_type=Path, file_okay=False), default=Path("runs"),
              show_default=True,
              help="Simulated scenes and checkpoints; a killed run goes on here.")  # fmt: skip
@click.option("--steps", type=click.IntRange(1), help="Fewer or more steps than the recipe says.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), required=True,
              help="The .npz to write.")  # fmt: skip
def train(
    recipe: str, tiles: Path | None, gsd: float | None, work: Path, steps: int | None, out: Path
) -> None:
    """Train and calibrate a model, and write it to OUT.

    Needs PyTorch: pip install 'landshift[train]'.
    """
    import dataclasses

    from landshift.errors import InputError, OutputError
    from landshift.placing import check_file
    from landshift.training.recipe import read_recipe

    if out.exists():
        raise OutputError(f"{out} exists; choose another --out")
    check_file(out, overwrite=False)  # what cannot be written is told before hours of work
    chosen = read_recipe(recipe)
    if steps:
        chosen = dataclasses.replace(chosen, steps=steps)
    try:
        from landshift.training.fitting import train as fit
    except ModuleNotFoundError as error:
        raise InputError(
            f"training needs {error.name}, which is not installed: pip install 'landshift[train]'"
        ) from error
    meta = fit(chosen, tiles, work, out, lambda line: click.echo(line, err=True), gsd)
    click.echo(f"{out}: class calibration error {meta['class_ece']['calibrated']:.3f}, "
               f"change {meta['change_ece']['calibrated']:.3f} on held-out material")  # fmt: skip
