"""SiteReport → a STAC Item, so that a catalogue can hold the comparison and its files."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from pyproj import Transformer
from shapely.geometry import box, mapping
from shapely.geometry.polygon import orient

from landshift import __version__
from landshift.grid import WGS84, Grid
from landshift.legend import NOT_SEEN, TRANSITION_CODES, split_code, transition_colour
from landshift.report import SiteReport

_EXTENSIONS = (
    "https://stac-extensions.github.io/projection/v2.0.0/schema.json",
    "https://stac-extensions.github.io/classification/v2.0.0/schema.json",
    "https://stac-extensions.github.io/processing/v1.1.0/schema.json",
    "https://stac-extensions.github.io/file/v2.1.0/schema.json",
)
_COG = "image/tiff; application=geotiff; profile=cloud-optimized"
_ASSETS: dict[str, tuple[str, str, str, str]] = {
    "changes": ("changes.tif", _COG, "data", "from→to code of every pixel"),
    "probability": ("probability.tif", _COG, "data", "probability of the code, percent"),
    "patches": ("changes.gpkg", "application/geopackage+sqlite3", "data",
                "patches of change, buildings and outlines"),
    "patches-parquet": ("changes.parquet", "application/vnd.apache.parquet", "data",
                        "patches of change"),
    "buildings": ("buildings.geojson", "application/geo+json", "data", "new buildings"),
    "report": ("report.json", "application/json", "metadata", "everything found"),
    "page": ("report.html", "text/html", "overview", "the report to look at"),
    "figure": ("figure.png", "image/png", "overview", "the figure"),
    "figure-svg": ("figure.svg", "image/svg+xml", "overview", "the figure"),
    "figure-pdf": ("figure.pdf", "application/pdf", "overview", "the figure"),
    "google-earth": ("site.kmz", "application/vnd.google-earth.kmz", "visual",
                     "both dates and what changed"),
}  # fmt: skip
"""Key → file, media type, role, title."""
_MULTIHASH_SHA256 = "1220"
"""The multihash code of SHA-256, and its 32 bytes."""
_HECTARE_DECIMALS = 4
"""One square metre."""
_OUTLINE_POINTS = 8
"""Points along each side of the grid that are brought to degrees."""


def stac_item(report: SiteReport, folder: Path) -> dict[str, Any] | None:
    """The Item of the files that stand in ``folder``.

    None for pictures without a CRS or without any date: a catalogue of places and times has no
    place for them.
    """
    grid = report.changes.grid
    days = [day for day in (report.before.date, report.after.date) if day]
    if grid.crs is None or not days:
        return None
    geometry = _geometry(report, grid)
    return {
        "type": "Feature",
        "stac_version": "1.1.0",
        "stac_extensions": list(_EXTENSIONS),
        "id": report.site.id,
        "geometry": mapping(geometry),
        "bbox": [round(value, 7) for value in geometry.bounds],
        "properties": {
            "title": report.site.name or report.site.id,
            "datetime": None if len(days) == 2 else f"{days[0]}T00:00:00Z",
            **(_span(days) if len(days) == 2 else {}),
            **_projection(grid),
            "processing:level": "L4",
            "processing:software": _software(report),
            "processing:lineage": "two pictures co-registered, both classified, and compared; "
            f"model {report.software.get('model', 'unknown')}",
            "landshift:fitness": report.fitness.verdict,
            "landshift:warnings": list(report.warnings),
            "landshift:hectares": {
                name: {
                    end: round(getattr(one, end), _HECTARE_DECIMALS)
                    for end in ("value", "low", "high")
                }
                for name, one in report.totals.items()
            },
        },
        "links": [],
        "assets": {
            key: _asset(folder / name, kind, role, title, key == "changes")
            for key, (name, kind, role, title) in _ASSETS.items() if (folder / name).is_file()
        },
    }  # fmt: skip


def _software(report: SiteReport) -> dict[str, str]:
    """Program → version; what the report says of its model is no program."""
    told = {key: value for key, value in report.software.items() if not key.startswith("model")}
    return {"landshift": __version__, **told}


def _span(days: list[str]) -> dict[str, str]:
    first, last = sorted(days)
    return {"start_datetime": f"{first}T00:00:00Z", "end_datetime": f"{last}T23:59:59Z"}


def _geometry(report: SiteReport, grid: Grid) -> Any:
    """The aoi, else the grid's rim, in degrees."""
    west, south, east, north = grid.bounds
    rim = shapely.segmentize(box(west, south, east, north), (east - west) / _OUTLINE_POINTS)
    to_degrees = Transformer.from_crs(grid.crs, WGS84, always_xy=True)
    degrees = shapely.transform(
        report.outline or rim,
        lambda xy: np.round(np.column_stack(to_degrees.transform(*xy.T)), 7),
    )
    turned = [orient(part) for part in shapely.get_parts(degrees)]  # as RFC 7946 wants every ring
    return turned[0] if degrees.geom_type == "Polygon" else shapely.MultiPolygon(turned)


def _projection(grid: Grid) -> dict[str, Any]:
    authority = grid.crs.to_authority() if grid.crs else None
    return {
        "proj:code": ":".join(authority) if authority else None,
        **({} if authority or grid.crs is None else {"proj:wkt2": grid.crs.to_wkt()}),
        "proj:shape": list(grid.shape),
        "proj:transform": list(grid.transform)[:6],
        "proj:bbox": list(grid.bounds),
    }


def _asset(path: Path, kind: str, role: str, title: str, classified: bool) -> dict[str, Any]:
    content = path.read_bytes()
    asset: dict[str, Any] = {
        "href": f"./{path.name}",
        "type": kind,
        "title": title,
        "roles": [role],
        "file:size": len(content),
        "file:checksum": _MULTIHASH_SHA256 + hashlib.sha256(content).hexdigest(),
    }
    if classified:
        asset["classification:classes"] = [_class(code) for code in TRANSITION_CODES] + [
            {"value": NOT_SEEN, "name": "not_seen", "title": "not seen on both dates"}
        ]
    return asset


def _class(code: int) -> Mapping[str, Any]:
    before, after = split_code(code)
    return {
        "value": code,
        "name": f"{before.label}_to_{after.label}",
        "title": f"{before.label} → {after.label}",
        "color_hint": "{:02X}{:02X}{:02X}".format(*transition_colour(code)),
    }
