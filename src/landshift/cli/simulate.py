"""``landshift simulate``: a pair of pictures that knows its truth."""

from __future__ import annotations

from pathlib import Path

import click

_FOLDER = click.Path(path_type=Path)
_SEED = 20


@click.command()
@click.option("--site", metavar="NAME", help="kyongsong, songchon, onchon, kosan, kumya or "
              "unchanged.")
@click.option("--seed", type=click.IntRange(min=0), metavar="N",
              help=f"The same seed gives the same pictures.  [default: {_SEED}]")
@click.option("--out", type=_FOLDER, metavar="DIR", help="Folder to make for --site.")
@click.option("--samples", type=_FOLDER, metavar="DIR",
              help="Write all six sites, each into a folder of its own below DIR.")
@click.option("--overwrite", is_flag=True, help="Replace folders that exist.")
def simulate(
    site: str | None, seed: int | None, out: Path | None, samples: Path | None, overwrite: bool
) -> None:  # fmt: skip
    """Make a pair of pictures that knows its truth.

    Writes before.tif, after.tif, site.geojson and truth.json. Nothing in them is real: the
    sites are invented after what analysts describe, and every file says so.
    """
    if (site is None) == (samples is None):
        raise click.UsageError("give either --site NAME --out DIR, or --samples DIR")
    if site is not None and out is None:
        raise click.UsageError("--site needs --out DIR")
    if samples is not None and (out is not None or seed is not None):
        raise click.UsageError("--samples DIR has a place and seeds of its own; --out and --seed "
                               "go with --site")  # fmt: skip
    from landshift.simulation import write_samples, write_site

    if samples is not None:
        for name in write_samples(samples, overwrite):
            click.echo(samples / name)
    elif site is not None and out is not None:
        write_site(site, _SEED if seed is None else seed, out, overwrite)
        click.echo(out)
