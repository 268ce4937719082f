"""SiteReport → changes.parquet: every patch of change as GeoParquet, for those who have pyarrow."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import shapely
from shapely.geometry import MultiPolygon

from landshift.change_kinds import KIND_OF_CODE, from_to
from landshift.errors import OutputError
from landshift.legend import transition_code
from landshift.patches import Patch
from landshift.report import SiteReport

_VERSION = "1.1.0"
"""Of GeoParquet."""


def write_geoparquet(report: SiteReport, patches: Sequence[Patch], path: Path) -> None:
    """Write the columns of the layer ``changes`` of changes.gpkg, and its geometry.

    The CRS is the site's UTM zone, as PROJJSON; null for pictures that lie nowhere on Earth.

    Raises
    ------
    OutputError
        When pyarrow is not installed.
    """
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ModuleNotFoundError as error:
        raise OutputError(f"{path.name} needs pyarrow: pip install 'landshift[geoparquet]'") from (
            error
        )
    polygons = [MultiPolygon([patch.polygon]) for patch in patches]
    pairs = [from_to(patch.code) for patch in patches]
    table = pa.table({
        "code": pa.array([transition_code(*pair) for pair in pairs], pa.int32()),
        "before": pa.array([before.label for before, _ in pairs], pa.string()),
        "after": pa.array([after.label for _, after in pairs], pa.string()),
        "kind": pa.array([KIND_OF_CODE[patch.code].label for patch in patches], pa.string()),
        "hectares": pa.array([round(patch.hectares, 4) for patch in patches], pa.float64()),
        "probability": pa.array([round(patch.probability, 3) for patch in patches], pa.float64()),
        "geometry": pa.array([shapely.to_wkb(one) for one in polygons], pa.binary()),
    })  # fmt: skip
    about = json.dumps(_about(report, polygons))
    told = json.dumps(report.judgement, ensure_ascii=False)
    parquet.write_table(table.replace_schema_metadata({"geo": about, "landshift": told}), path)


def _about(report: SiteReport, polygons: Sequence[MultiPolygon]) -> dict[str, Any]:
    """GeoParquet's own metadata of the file."""
    crs = report.changes.grid.crs
    column: dict[str, Any] = {
        "encoding": "WKB",
        "geometry_types": ["MultiPolygon"] if polygons else [],
        # null says: nowhere on Earth; a file that says nothing would be taken for degrees
        "crs": None if crs is None else crs.to_json_dict(),
    }
    if polygons:
        column["bbox"] = list(shapely.total_bounds(polygons))
    return {"version": _VERSION, "primary_column": "geometry", "columns": {"geometry": column}}
