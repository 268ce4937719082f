"""Values into files: all of an answer at once, or nothing."""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

import numpy as np
import rasterio
import shapely
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.io import MemoryFile
from rasterio.shutil import copy as copy_raster
from shapely.geometry import Polygon, mapping
from shapely.geometry.polygon import orient

from landshift import __version__
from landshift.buildings import Building
from landshift.errors import SettingsError
from landshift.grid import WGS84, Grid
from landshift.legend import (
    COLOURS,
    COVERS,
    NOT_SEEN,
    OUTSIDE,
    TRANSITION_CODES,
    split_code,
    transition_code,
    transition_colour,
)
from landshift.patches import find_patches
from landshift.placing import check_file, check_files, check_output, new_files, new_folder
from landshift.raster import Raster
from landshift.report import ImageRecord, MaskRecord, SiteReport
from landshift.wording import xml_text

SCHEMA = "landshift/report/1"
FIGURE_FORMATS = ("png", "svg", "pdf")
_DEGREE_DECIMALS = 7
"""A centimetre on the ground; RFC 7946 advises 6 or 7."""
_METRE_DECIMALS = 2
_HECTARE_DECIMALS = 4
"""One square metre."""
_NOT_SEEN_COLOUR = (60, 60, 60)
_NO_JUDGEMENT: Mapping[str, str] = {}
"""Of a map that no comparison made."""
_Legend = Mapping[int, tuple[str, tuple[int, int, int]]]
"""Code → name and red, green, blue."""


def write_report(
    report: SiteReport,
    out: Path,
    overwrite: bool,
    figure_formats: tuple[str, ...] = ("png",),
    geoparquet: bool = False,
) -> None:
    """Write the folder ``out``: report, maps, buildings, and all that people look at.

    Parameters
    ----------
    report
        What was found.
    out
        The folder.
    overwrite
        Whether an earlier result may be replaced.
    figure_formats
        Any of png, svg, pdf; none for no figure.
    geoparquet
        Whether to write changes.parquet too; it needs pyarrow.

    Raises
    ------
    OutputError
        When the folder exists or cannot be written; nothing is left behind.
    SettingsError
        When a figure of another format is asked for.
    """
    for kind in figure_formats:
        if kind not in FIGURE_FORMATS:
            allowed = ", ".join(FIGURE_FORMATS)
            raise SettingsError(f"figures names {str(kind)[:40]!r}; allowed are {allowed}")
    out = out.absolute()
    check_output(out, overwrite)
    changes = report.changes
    told = (changes.codes != NOT_SEEN) & (changes.codes != OUTSIDE)
    # as nodata, what has no code darkens no rim of an overview and lowers no mean in a GIS
    probability = np.where(told, np.rint(changes.probability * 100), OUTSIDE).astype(np.uint8)
    with new_folder(out, overwrite) as folder:
        text = json.dumps(report_as_json(report), indent=1, ensure_ascii=False, allow_nan=False)
        (folder / "report.json").write_text(text + "\n", encoding="utf-8")
        _write_codes(
            folder / "changes.tif", folder / "changes.qml", changes.codes, changes.grid,
            _transition_legend(), "land cover before and after: 10 * before + after", OUTSIDE,
            report.judgement,
        )  # fmt: skip
        _write_cog(
            folder / "probability.tif", probability[None], changes.grid,
            ["probability of the code, percent"], "AVERAGE", OUTSIDE, judgement=report.judgement,
        )  # fmt: skip
        features = json.dumps(buildings_as_geojson(report), indent=1, allow_nan=False)
        (folder / "buildings.geojson").write_text(features + "\n", encoding="utf-8")
        _write_views(report, folder, figure_formats, geoparquet)


def load_views() -> None:
    """Load what draws and writes `_write_views`: a second that whoever wants numbers need not wait.

    Called in a thread while kernels run, which leave Python alone, it costs little of that time. It
    must have ended before anything else that touches Python's warning filters: these are one for
    all threads, and matplotlib sets them while it is loaded.
    """
    from landshift import figure, geopackage, google_earth, page, stac  # noqa: F401


def _write_views(
    report: SiteReport, folder: Path, figure_formats: tuple[str, ...], geoparquet: bool
) -> None:
    """Write what people open: figure, page, GeoPackage, KMZ; and the STAC Item of all of it."""
    from landshift import figure, geopackage, google_earth, page, stac

    patches = find_patches(report.changes)
    # One after the other: matplotlib, rasterio and pyogrio each keep and restore Python's warning
    # filters, which are one for all threads, and beside one another they undo each other's.
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"Glyph .* missing from font", UserWarning)
        # a picture without CRS has none to give
        warnings.filterwarnings("ignore", "'crs' was not provided", UserWarning)
        for kind in figure_formats:
            (folder / f"figure.{kind}").write_bytes(figure.draw_bytes(report, patches, kind))
        (folder / "report.html").write_text(page.render(report, patches), encoding="utf-8")
        geopackage.write_geopackage(report, patches, folder / "changes.gpkg")
        if geoparquet:
            from landshift.geoparquet import write_geoparquet

            write_geoparquet(report, patches, folder / "changes.parquet")
        overlays = google_earth.kmz_bytes(report, patches)
        if overlays is not None:
            (folder / "site.kmz").write_bytes(overlays)
    item = stac.stac_item(report, folder)
    if item is not None:
        text = json.dumps(_plain(item), indent=1, ensure_ascii=False, allow_nan=False)
        (folder / "stac-item.json").write_text(text + "\n", encoding="utf-8")


def cover_files(path: Path) -> tuple[Path, Path]:
    """What `write_cover` writes: the map, and the style that QGIS looks for beside it."""
    return path, path.with_suffix(".qml")


def write_cover(codes: NDArray[np.uint8], grid: Grid, path: Path, overwrite: bool = False) -> None:
    """Write land-cover codes (row, col), 0 not seen, as a COG with colour table and .qml.

    Raises
    ------
    OutputError
        When one of both exists or cannot be written; nothing is left behind.
    """
    legend = {int(cover): (cover.label, COLOURS[cover]) for cover in COVERS}
    legend[NOT_SEEN] = ("not seen", _NOT_SEEN_COLOUR)
    check_files(cover_files(path), overwrite)
    with new_files(*cover_files(path)) as (new, style):
        _write_codes(new, style, codes, grid, legend, "land cover", None)


def write_picture(raster: Raster, path: Path, overwrite: bool = False) -> None:
    """Write a raster's bands as a COG, NaN where not valid, each named by its role.

    Raises
    ------
    OutputError
        When the file exists or cannot be written; nothing is left behind.
    """
    bands = np.where(raster.valid, raster.bands, np.float32(np.nan))
    write_bands(bands, raster.grid, path, raster.sensor.bands, overwrite)


def write_bands(
    bands: NDArray[np.float32],
    grid: Grid,
    path: Path,
    names: tuple[str, ...],
    overwrite: bool = False,
) -> None:
    """Write float32 bands (band, row, col) as a COG; NaN is nodata.

    Raises
    ------
    OutputError
        When the file exists or cannot be written; nothing is left behind.
    """
    check_file(path, overwrite)
    with new_files(path) as (new,):
        _write_cog(new, bands, grid, names, "AVERAGE", math.nan)


def report_as_json(report: SiteReport) -> dict[str, Any]:
    """The report as plain values, as ``schemas/report-1.schema.json`` describes them."""
    alignment = report.alignment
    return {
        "schema": SCHEMA,
        "site": {
            "id": report.site.id,
            "name": report.site.name,
            "aoi_hectares": round(report.changes.aoi_hectares, _HECTARE_DECIMALS),
            "crs": None if report.changes.grid.crs is None else _crs_name(report.changes.grid.crs),
            "gsd_m": _number(report.changes.grid.gsd_m, 4),
        },
        "before": _image_as_json(report.before),
        "after": _image_as_json(report.after),
        "fitness": {"verdict": report.fitness.verdict, "reasons": list(report.fitness.reasons)},
        "alignment": {
            "verdict": alignment.verdict,
            "reason": alignment.reason,
            "model": alignment.model,
            "east_m": _number(alignment.east_m, 3),
            "north_m": _number(alignment.north_m, 3),
            "residual_rms_m": _number(alignment.residual_rms_m, 3),
            "tie_points": int(np.count_nonzero(alignment.kept)),
        },
        "seen_share": round(float(report.seen_share), 4),
        "not_seen_hectares": round(report.not_seen_hectares, _HECTARE_DECIMALS),
        "transitions": [
            {
                "code": transition_code(change.before, change.after),
                "before": change.before.label,
                "after": change.after.label,
                **change.hectares.as_json(),
            }
            for change in report.transitions
        ],
        "totals": {name: total.as_json(with_clues=True) for name, total in report.totals.items()},
        "balance": [one.as_json() for one in report.balance],
        "buildings": [_building_as_json(building) for building in report.buildings],
        "clusters": [
            {
                "buildings": list(cluster.buildings),
                "built_hectares": round(cluster.built_hectares, _HECTARE_DECIMALS),
                "hull_hectares": round(cluster.hull_hectares, _HECTARE_DECIMALS),
                "azimuth_deg": cluster.azimuth_deg,
            }
            for cluster in report.clusters
        ],
        "warnings": list(report.warnings),
        "settings": _plain(report.settings),
        "software": dict(report.software),
    }


def buildings_as_geojson(report: SiteReport) -> dict[str, Any]:
    """Every new building as a feature: RFC 7946 in degrees, or local metres without CRS."""
    crs = report.changes.grid.crs
    collection: dict[str, Any] = {
        "type": "FeatureCollection",
        "verdict": report.fitness.verdict,
        "warnings": list(report.warnings),
        "features": [
            {
                "type": "Feature",
                "id": number,
                "geometry": mapping(_outline(building.outline, crs)),
                # as on the page and in the figure, where people count from 1
                "properties": {"number": number + 1, **_building_as_json(building)},
            }
            for number, building in enumerate(report.buildings)
        ],
    }
    if crs is None:
        # "crs": null is how GeoJSON before RFC 7946 said that coordinates are nowhere on Earth
        collection["crs"] = None
        collection["coordinates"] = (
            "metres right and, negative, down from the after picture's upper left corner"
        )
    return collection


def _outline(outline: Polygon, crs: CRS | None) -> Polygon:
    if crs is None:
        return orient(shapely.set_precision(outline, 10.0**-_METRE_DECIMALS))
    to_degrees = Transformer.from_crs(crs, WGS84, always_xy=True)

    def moved(xy: NDArray[np.float64]) -> NDArray[np.float64]:
        degrees = np.column_stack(to_degrees.transform(xy[:, 0], xy[:, 1]))
        return np.round(degrees, _DEGREE_DECIMALS)

    return orient(shapely.transform(outline, moved))


def _building_as_json(building: Building) -> dict[str, Any]:
    return {
        "hectares": round(float(building.hectares), _HECTARE_DECIMALS),
        "length_m": round(building.length_m, 1),
        "width_m": round(building.width_m, 1),
        "azimuth_deg": building.azimuth_deg,
        "rectangularity": round(building.rectangularity, 3),
        "was": building.was.label,
        "stage": building.stage,
        "probability": round(building.probability, 3),
        "replaced": bool(building.replaced),
        "part_unseen": building.part_unseen,
    }


def _image_as_json(image: ImageRecord) -> dict[str, Any]:
    return {
        "path": image.path,
        "sha256": image.sha256,
        "date": image.date,
        "sensor": image.sensor,
        "gsd_m": _number(image.gsd_m, 4),
        "bands": None if image.bands is None else list(image.bands),
        "mask": None if image.mask is None else _mask_as_json(image.mask),
    }


def _mask_as_json(mask: MaskRecord) -> dict[str, Any]:
    return {**asdict(mask), "hidden_share": round(mask.hidden_share, 4)}


def _number(value: float, decimals: int) -> float | None:
    """JSON knows no NaN: what was not measured is null."""
    return round(float(value), decimals) if math.isfinite(value) else None


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, bool | int | str) else str(value)


def _crs_name(crs: CRS) -> str:
    authority = crs.to_authority()
    return ":".join(authority) if authority else crs.name


def _transition_legend() -> _Legend:
    legend = {}
    for code in TRANSITION_CODES:
        before, after = split_code(code)
        name = f"{after.label}, as before" if before is after else f"{before.label} → {after.label}"
        legend[code] = (name, transition_colour(code))
    legend[NOT_SEEN] = ("not seen", _NOT_SEEN_COLOUR)
    return legend


def _write_codes(
    path: Path,
    style: Path,
    codes: NDArray[np.uint8],
    grid: Grid,
    legend: _Legend,
    what: str,
    nodata: int | None,
    judgement: Mapping[str, str] = _NO_JUDGEMENT,
) -> None:
    _write_cog(path, codes[None], grid, [what], "MODE", nodata, legend, judgement)
    style.write_text(_style(legend), encoding="utf-8")


def _write_cog(
    path: Path,
    bands: NDArray[Any],
    grid: Grid,
    names: list[str] | tuple[str, ...],
    overviews: str,
    nodata: float | None = None,
    legend: _Legend | None = None,
    judgement: Mapping[str, str] = _NO_JUDGEMENT,
) -> None:
    profile = {
        "driver": "GTiff", "count": len(bands), "height": grid.shape[0], "width": grid.shape[1],
        "dtype": bands.dtype.name, "transform": grid.transform, "nodata": nodata, "tiled": True,
        "blockxsize": 256, "blockysize": 256,
        "compress": "deflate", "zlevel": 1,  # only until it is unpacked into the file
        "crs": None if grid.crs is None else grid.crs.to_wkt(),
    }  # fmt: skip
    no_sidecars = rasterio.Env(GDAL_PAM_ENABLED="NO")
    with no_sidecars, warnings.catch_warnings(), MemoryFile() as memory:
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with memory.open(**profile) as target:
            target.write(bands)
            told = {key.upper(): xml_text(text) for key, text in judgement.items()}
            target.update_tags(SOFTWARE=f"landshift {__version__}", **told)
            for number, name in enumerate(names, 1):
                target.set_band_description(number, name)
            if legend is not None:
                palette = {code: (*colour, 255) for code, (_, colour) in legend.items()}
                target.write_colormap(1, palette)
        with memory.open() as source:
            try:
                copy_raster(
                    source, path, driver="COG", compress="DEFLATE", overview_resampling=overviews,
                    blocksize=256, bigtiff="IF_SAFER",
                )  # fmt: skip
            except Exception as error:  # GDAL's own, which have no public name
                raise OSError(str(error)) from error
        _check_written(path, bands)


def _check_written(path: Path, bands: NDArray[Any]) -> None:
    """Read a map again, for GDAL tells nobody of what it could not write as it closed a file.

    On a disk that fills up towards its end it leaves a cut map and says that all is well.

    Raises
    ------
    OSError
        When the file does not hold ``bands`` (band, row, col).
    """
    with_nan = bands.dtype.kind == "f"
    try:
        with rasterio.open(path) as written:
            smaller = len(written.overviews(1))
            for _, window in written.block_windows(1):
                rows, cols = window.toslices()
                if not np.array_equal(
                    written.read(window=window), bands[:, rows, cols], equal_nan=with_nan
                ):
                    raise OSError("the file does not hold what was written; is the disk full?")
        for level in range(smaller):
            with rasterio.open(path, overview_level=level) as written:
                for _, window in written.block_windows(1):
                    written.read(window=window)
    except RasterioError as error:
        raise OSError("the file was cut short; is the disk full?") from error


def _style(legend: _Legend) -> str:
    """A QGIS style that names every code; without it QGIS lists 256 numbers."""
    entries = "\n".join(
        f'        <paletteEntry value="{code}" label={quoteattr(name)} '
        f'color="#{red:02x}{green:02x}{blue:02x}" alpha="255"/>'
        for code, (name, (red, green, blue)) in sorted(legend.items())
    )
    return (
        "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n"
        '<qgis version="3.22" styleCategories="AllStyleCategories">\n'
        '  <pipe>\n    <rasterrenderer type="paletted" band="1" opacity="1" alphaBand="-1">\n'
        f"      <colorPalette>\n{entries}\n      </colorPalette>\n"
        "    </rasterrenderer>\n  </pipe>\n</qgis>\n"
    )
