"""``landshift assess``: a map against what is known of the ground."""

from __future__ import annotations

from pathlib import Path

import click

_FILE = click.Path(path_type=Path)


@click.command()
@click.argument("map_", metavar="MAP", type=_FILE)
@click.argument("reference", type=_FILE)
@click.option("--gsd", type=float, metavar="METRES", help="Side of MAP's pixels, if it has no CRS.")
@click.option("--spacing", type=click.FloatRange(0, min_open=True), metavar="METRES",
              help="Distance of the reference pixels that are taken as separate units.")
@click.option("--confidence", type=click.FloatRange(0.5, 0.999), default=0.9, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, not a table.")
def assess(
    map_: Path, reference: Path, gsd: float | None, spacing: float | None, confidence: float,
    as_json: bool,
) -> None:  # fmt: skip
    """Compare MAP with REFERENCE: error matrix, scores per class, corrected hectares.

    MAP is what `classify` or `compare` wrote; REFERENCE a raster of the same codes, 0 where nobody
    knows, or GeoJSON polygons with a property `class`. Areas are corrected after Olofsson et al.
    2014, which supposes that REFERENCE was sampled at random within each class of MAP.
    """
    import json

    import numpy as np

    from landshift.assessment import assess as assess_matrix
    from landshift.assessment import error_matrix, thinned
    from landshift.cli.table import print_assessment
    from landshift.errors import InputError
    from landshift.legend import code_label
    from landshift.reading import read_codes, read_reference
    from landshift.settings import AssessmentSettings

    mapped, grid = read_codes(map_, gsd)
    known = read_reference(reference, grid)
    spacing_m = spacing or AssessmentSettings().spacing_m
    sample = thinned(known, max(1, round(spacing_m / grid.gsd_m)))
    codes = np.union1d(mapped[mapped > 0], sample[(sample > 0) & (mapped > 0)])
    number = np.zeros(256, np.uint8)
    number[codes] = np.arange(1, len(codes) + 1)
    hectares = [float((mapped == code).sum(axis=1) @ grid.pixel_hectares) for code in codes]
    labels = tuple(code_label(int(code)) for code in codes)
    matrix = error_matrix(number[mapped], number[sample], len(codes))
    if not matrix.any():
        raise InputError(f"{reference}: no unit of it lies on {map_}; nothing can be compared")
    try:
        found = assess_matrix(matrix, np.array(hectares), labels, confidence)
    except ValueError as error:
        raise InputError(f"{reference}: {error}") from error
    if as_json:
        click.echo(json.dumps(found.as_dict() | {"spacing_m": spacing_m}))
    else:
        print_assessment(found)
