"""``landshift assess``: a map against what is known of the ground."""

from __future__ import annotations

from pathlib import Path

import click

from landshift.cli.options import FiniteRange

_FILE = click.Path(path_type=Path)
_MOST_SPACING_M = 1e6
"""More than any picture is wide."""


@click.command()
@click.argument("map_", metavar="MAP", type=_FILE)
@click.argument("reference", type=_FILE)
@click.option("--gsd", type=float, metavar="METRES", help="Side of MAP's pixels, if it has no CRS.")
@click.option("--spacing", type=FiniteRange(0, _MOST_SPACING_M, min_open=True),
              metavar="METRES",
              help="Distance of the reference pixels that are taken as separate units; a "
              "raster's own pixel where that is larger.")
@click.option("--confidence", type=FiniteRange(0.5, 0.999), default=0.9, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, not a table.")
def assess(
    map_: Path, reference: Path, gsd: float | None, spacing: float | None, confidence: float,
    as_json: bool,
) -> None:  # fmt: skip
    """Compare MAP with REFERENCE: error matrix, scores per class, corrected hectares.

    MAP is what `classify` or `compare` wrote; REFERENCE a raster of the same codes, 0 where nobody
    knows, or GeoJSON polygons or points with a property `class`; without a CRS a raster has MAP's
    pixels. Areas are corrected after Olofsson et al. 2014, which supposes that REFERENCE was
    sampled at random within each class of MAP.
    """
    import json

    from landshift.cli.table import print_assessment
    from landshift.lessons import assess_map
    from landshift.reading import read_codes
    from landshift.settings import AssessmentSettings

    mapped, grid = read_codes(map_, gsd)
    spacing_m = spacing or AssessmentSettings().spacing_m
    found = assess_map(mapped, grid, reference, confidence, spacing_m)
    if as_json:
        click.echo(json.dumps(found.as_dict(), allow_nan=False))
    else:
        print_assessment(found)
