"""``landshift align``: one picture registered to another."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from landshift.cli.options import set_up_messages, verbosity

if TYPE_CHECKING:
    from landshift.alignment import Alignment
    from landshift.grid import Grid
    from landshift.reading import PictureInfo

log = logging.getLogger(__name__)
_FILE = click.Path(path_type=Path)


@click.command()
@click.argument("reference", type=_FILE)
@click.argument("image", type=_FILE)
@click.option("--out", type=_FILE, metavar="TIF", help="IMAGE on REFERENCE's pixels, to write.")
@click.option(
    "--field",
    type=_FILE,
    metavar="TIF",
    help="Bands east_m and north_m to write: how far IMAGE's content must move.",
)
@click.option(
    "--uncertainty",
    type=_FILE,
    metavar="TIF",
    help="One band uncertainty_m to write: radial standard deviation of the field.",
)
@click.option("--tie-points", type=_FILE, metavar="GEOJSON", help="Tie points to write.")
@click.option(
    "--quiver",
    type=_FILE,
    metavar="PNG",
    help="Picture to draw of the field and of what the tie points miss.",
)
@click.option(
    "--model",
    type=click.Choice(["auto", "shift", "affine", "field"]),
    default="auto",
    show_default=True,
    help="What the displacement may be.",
)
@click.option("--max-shift-m", type=float, metavar="M", help="Longest shift allowed, metres.")
@click.option(
    "--gsd", type=float, metavar="METRES", help="Side of a pixel of pictures that have no CRS."
)
@click.option("--check", is_flag=True, help="Only measure; --out is not needed.")
@click.option("--overwrite", is_flag=True, help="Replace files that exist.")
@click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")
@verbosity
def align(
    reference: Path, image: Path, out: Path | None, field: Path | None, uncertainty: Path | None,
    tie_points: Path | None, quiver: Path | None, model: Any, max_shift_m: float | None,
    gsd: float | None, check: bool, overwrite: bool, as_json: bool, quiet: bool, verbose: bool,
) -> None:  # fmt: skip
    """Register IMAGE to REFERENCE, and say how far that is to be believed.

    The content of IMAGE is moved in one resampling from its own pixels; reprojection is part of
    it. Exit code 1, and nothing written, where the registration cannot be proved.
    """
    set_up_messages(quiet, verbose)
    if out is None and not check:
        raise click.UsageError("--out TIF says where to write; --check only measures")
    if out is not None and check:
        raise click.UsageError("--check only measures; --out does not go with it")
    import json

    from landshift.alignment import align_brightness, shared_roles
    from landshift.errors import AlignmentError
    from landshift.placing import check_files, new_files
    from landshift.reading import describe_image, read_brightness, read_raster
    from landshift.settings import AlignmentSettings
    from landshift.site import Image
    from landshift.writing import write_picture

    settings = AlignmentSettings(model=model, max_shift_m=max_shift_m)
    given = [path for path in (out, field, uncertainty, tie_points, quiver) if path is not None]
    check_files(given, overwrite, inputs=[reference, image])
    ours, other = Image(reference, gsd), Image(image, gsd)
    infos = describe_image(ours), describe_image(other)
    _check_metres(infos[0])
    grid = _working_grid(*infos)
    roles = shared_roles(infos[0].sensor, infos[1].sensor)
    still = read_brightness(ours, grid, roles)
    found = align_brightness(still, read_brightness(other, grid, roles), settings)
    if found.verdict == "failed":
        raise AlignmentError(f"could not align {image} to {reference}: {found.reason}")
    if found.verdict == "doubtful":
        log.warning("warning: the alignment is doubtful: %s", found.reason)
    with new_files(*given) as fresh:  # all of them or none
        new = dict(zip(given, fresh, strict=True))
        if out is not None:
            write_picture(read_raster(other, infos[0].grid, found), new[out])
        _write_maps(found, infos[0].grid, field and new[field], uncertainty and new[uncertainty])
        if tie_points is not None:
            text = json.dumps(_tie_points(found), indent=1, allow_nan=False)
            new[tie_points].write_text(text + "\n", encoding="utf-8")
        if quiver is not None:
            from landshift.alignment.quiver import quiver_bytes

            new[quiver].write_bytes(quiver_bytes(found, still))
    click.echo(json.dumps(_summary(found), allow_nan=False) if as_json else _sentence(found))


def _check_metres(info: PictureInfo) -> None:
    from landshift.errors import ImageError

    if info.grid.crs is not None and info.grid.crs.is_geographic:
        raise ImageError(
            f"{info.image.path}: its CRS {info.grid.crs.name} counts in degrees; "
            "a reference needs one in metres, such as its UTM zone"
        )


def _working_grid(reference: PictureInfo, image: PictureInfo) -> Grid:
    """The reference's grid, or one over the same ground as coarse as a coarser image."""
    from affine import Affine

    from landshift.grid import Grid

    own = reference.grid
    times = int(image.grid.gsd_m / own.gsd_m + 0.5)
    if times < 2:
        return own
    rows, cols = (max(1, -(-n // times)) for n in own.shape)
    return Grid(own.crs, own.transform @ Affine.scale(times), (rows, cols))


def _write_maps(
    found: Alignment, grid: Grid, field: Path | None, uncertainty: Path | None
) -> None:
    import numpy as np

    from landshift.writing import write_bands

    if field is None and uncertainty is None:
        return
    maps = np.empty((3, *grid.shape), np.float32)
    metres = found.grid.metres_per_unit
    cols = np.arange(grid.shape[1], dtype=np.float64)
    for row in range(grid.shape[0]):
        x, y = grid.xy(np.full(cols.shape, float(row)), cols)
        maps[0, row], maps[1, row] = (metres * axis for axis in found.displacement(x, y))
        if uncertainty is not None:
            maps[2, row] = metres * found.uncertainty(x, y)
    if field is not None:
        write_bands(maps[:2], grid, field, ("east_m", "north_m"))
    if uncertainty is not None:
        write_bands(maps[2:], grid, uncertainty, ("uncertainty_m",))


def _summary(found: Alignment) -> dict[str, Any]:
    def number(value: float) -> float | None:
        return round(value, 4) if abs(value) < float("inf") else None

    metres = found.grid.metres_per_unit
    return {
        "verdict": found.verdict,
        "reason": found.reason,
        "model": found.model,
        "east_m": number(metres * found.east_m),
        "north_m": number(metres * found.north_m),
        "uncertainty_m": number(metres * found.uncertainty_m),
        "residual_rms_m": number(metres * found.residual_rms_m),
        "agreement_before": number(found.agreement_before),
        "agreement_after": number(found.agreement_after),
        "tie_points": int(found.kept.sum()),
        "tie_points_dropped": int((~found.kept).sum()),
    }


def _sentence(found: Alignment) -> str:
    east_m, north_m, uncertainty_m = (
        found.grid.metres_per_unit * told
        for told in (found.east_m, found.north_m, found.uncertainty_m)
    )
    return (
        f"{found.verdict}: {found.model}, content moves {east_m:+.2f} m east and "
        f"{north_m:+.2f} m north at the centre, give or take {uncertainty_m:.2f} m; "
        f"{int(found.kept.sum())} tie points, agreement {found.agreement_before:.2f} before and "
        f"{found.agreement_after:.2f} after"
    )


def _tie_points(found: Alignment) -> dict[str, Any]:
    """Tie points as RFC 7946 GeoJSON; in local metres where the pictures have no CRS."""
    from pyproj import Transformer

    from landshift.grid import WGS84

    ties, grid = found.tie_points, found.grid
    x, y = grid.xy(ties.place[:, 0], ties.place[:, 1])
    if grid.crs is not None:
        x, y = Transformer.from_crs(grid.crs, WGS84, always_xy=True).transform(x, y)
    t = grid.transform
    east, north = (
        -grid.metres_per_unit * (across * ties.moved[:, 1] + down * ties.moved[:, 0])
        for across, down in ((t.a, t.b), (t.d, t.e))
    )
    features = [
        {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": [round(x[i], 7), round(y[i], 7)]},
            "properties": {
                "east_m": round(float(east[i]), 3), "north_m": round(float(north[i]), 3),
                "score": round(float(ties.score[i]), 3), "rival": round(float(ties.rival[i]), 3),
                "kept": bool(found.kept[i]),
            },
        }
        for i in range(len(ties))
    ]  # fmt: skip
    return {"type": "FeatureCollection", "features": features}
