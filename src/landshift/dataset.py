"""Reports and maps as xarray objects with coordinates, CRS and attributes."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from landshift.grid import Grid
from landshift.legend import COVERS, NOT_SEEN, OUTSIDE
from landshift.report import SiteReport

_FLAGS = {
    "flag_values": np.array([NOT_SEEN, *COVERS], np.uint8),
    "flag_meanings": " ".join(["not_seen", *(cover.label for cover in COVERS)]),
}


def report_as_dataset(report: SiteReport) -> xr.Dataset:
    """One comparison's maps.

    Returns
    -------
    Dataset
        ``code``, ``before``, ``after`` (uint8), ``changed``, ``replaced``, ``new_building``
        (bool), ``probability`` and ``new_building_probability`` (float32) on (y, x).
        ``spatial_ref`` holds the CRS as rioxarray and GDAL read it.
    """
    changes = report.changes
    known = (changes.codes != NOT_SEEN) & (changes.codes != OUTSIDE)
    before = np.where(known, changes.codes // 10, NOT_SEEN).astype(np.uint8)
    after = np.where(known, changes.codes % 10, NOT_SEEN).astype(np.uint8)
    at = ("y", "x")
    return xr.Dataset(
        {
            "code": (at, changes.codes, {
                "long_name": "land cover before and after: 10 * before + after",
                "comment": f"{NOT_SEEN} not seen on both dates, {OUTSIDE} outside the aoi",
            }),
            "before": (at, before, {"long_name": "land cover before", **_FLAGS}),
            "after": (at, after, {"long_name": "land cover after", **_FLAGS}),
            "changed": (at, (before != after) | changes.replaced, {"long_name": "changed"}),
            "replaced": (at, changes.replaced, {"long_name": "building replaced by another"}),
            "new_building": (at, changes.new_building, {"long_name": "building new or replaced"}),
            "probability": (at, changes.probability, {
                "long_name": "probability of the code", "units": "1",
            }),
            "new_building_probability": (at, changes.new_building_probability, {
                "long_name": "probability of a new building", "units": "1",
            }),
        },
        coords=_coordinates(changes.grid),
        attrs={
            "site": report.site.name or report.site.id,
            "before_date": report.before.date or "", "after_date": report.after.date or "",
            "seen_share": report.seen_share, "fitness": report.fitness.verdict,
            "landshift": report.software.get("landshift", ""),
        },
    )  # fmt: skip


def cover_as_dataset(codes: NDArray[np.uint8], grid: Grid) -> xr.Dataset:
    """The land cover of one picture: ``cover`` (uint8) on (y, x).

    Of a turned picture these are no coordinates: see `_coordinates`.
    """
    cover = (("y", "x"), codes, {"long_name": "land cover", **_FLAGS})
    return xr.Dataset({"cover": cover}, coords=_coordinates(grid))


def pictures_as_array(report: SiteReport) -> xr.DataArray:
    """Both pictures for display, uint8 on (which, y, x, channel), reduced where they are large.

    They stand apart from the maps because they lie on coarser pixels: in one Dataset a mask of the
    maps would be spread over every pixel of the pictures.
    """
    both = (report.before_picture, report.after_picture)
    return xr.DataArray(
        np.stack([picture.rgba for picture in both]),
        dims=("which", "y", "x", "channel"),
        coords={
            "which": ["before", "after"], "channel": ["red", "green", "blue", "alpha"],
            **_coordinates(both[0].grid),
        },
        attrs={"long_name": "aligned pictures, stretched for display"},
    )  # fmt: skip


def _coordinates(grid: Grid) -> dict[str, Any]:
    """Centres of pixels, and the CRS.

    A comparison is made on a grid that is north up; a picture of its own may be turned, and then no
    row has one y and no column one x: its GeoTransform alone says where it lies.
    """
    rows, cols = grid.shape
    t = grid.transform
    place = {
        "spatial_ref": ((), 0, {
            "crs_wkt": "" if grid.crs is None else grid.crs.to_wkt(),
            "GeoTransform": f"{t.c} {t.a} {t.b} {t.f} {t.d} {t.e}",
        }),
    }  # fmt: skip
    if t.b or t.d:
        return place
    x, _ = grid.xy(np.zeros(cols), np.arange(cols, dtype=np.float64))
    _, y = grid.xy(np.arange(rows, dtype=np.float64), np.zeros(rows))
    return {"x": ("x", x, _axis("x", grid)), "y": ("y", y, _axis("y", grid)), **place}


def _axis(name: str, grid: Grid) -> dict[str, str]:
    """What a coordinate counts, as CF writes it."""
    found = {"standard_name": f"projection_{name}_coordinate", "units": "m"}
    for axis in [] if grid.crs is None else grid.crs.cs_to_cf():
        if axis.get("axis") == name.upper():
            found |= {key: str(axis[key]) for key in found if key in axis}
    return found | ({"units": "m"} if found["units"] == "metre" else {})
