"""Maps and references of land-cover codes: rasters, and polygons that somebody drew."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from rasterio import features
from shapely.geometry import MultiPolygon, Point, Polygon

from landshift.errors import ImageError, SiteError
from landshift.grid import Grid
from landshift.legend import NOT_SEEN, OUTSIDE, TRANSITION_CODES, Cover, code_label
from landshift.reading.aoi import crs_of, load_geojson, polygon_from_geometry, project_aoi
from landshift.reading.opening import check_exists, check_pixels, driver_of, open_picture
from landshift.reading.picture import describe_image
from landshift.reading.resampling import nearest_codes
from landshift.settings import GridSettings
from landshift.site import Aoi, Image

Codes = NDArray[np.uint8]

_DRAWN = (".json", ".geojson")
"""Suffixes of files that somebody drew."""


def read_codes(path: Path, gsd_m: float | None) -> tuple[Codes, Grid]:
    """A raster of codes: land cover 1-8, or from→to 11-88; 0, 255, nodata and mask: there are none.

    ``gsd_m`` is the side of its pixels, needed only where it has no CRS.

    Raises
    ------
    ImageError
        When it is no picture of one band, or holds other codes.
    """
    info = describe_image(Image(path, gsd_m))
    with open_picture(path, info.driver) as source:
        codes = _only_band(path, source)
        codes[source.read_masks(1) == 0] = NOT_SEEN  # by a mask inside the file
    if info.nodata is not None:
        codes = np.where((codes == info.nodata) | np.isnan(codes), NOT_SEEN, codes)
    strange = sorted(set(np.unique(codes).tolist()) - _known())
    if strange:
        raise ImageError(f"{path}: code {strange[0]}; allowed are 1 to 8, 11 to 88, 0 and 255")
    return np.where(codes == OUTSIDE, NOT_SEEN, codes).astype(np.uint8), info.grid


def read_drawing(path: Path) -> Codes:
    """A raster of one band, (row, col), 0-255, for a caller that knows what its values mean.

    Raises
    ------
    ImageError
        When it is no picture of one band, too large, or holds other values.
    """
    check_exists(path)
    with open_picture(path, driver_of(path)) as source:
        check_pixels(path, source, GridSettings.most_pixels)
        values = _only_band(path, source)
    with np.errstate(invalid="ignore"):
        drawn: Codes = values.astype(np.uint8)
    strange = values[drawn != values]
    if strange.size:
        raise ImageError(f"{path}: value {strange[0]}; allowed are whole numbers from 0 to 255")
    return drawn


def _only_band(path: Path, source: Any) -> NDArray[Any]:
    if source.count != 1:
        raise ImageError(f"{path}: {source.count} bands; a map of codes has 1")
    values: NDArray[Any] = source.read(1)
    return values


def read_reference(path: Path, grid: Grid, picture: Grid | None = None) -> Codes:
    """What is known of the ground, on ``grid``: a raster of codes, or GeoJSON polygons and points.

    A feature's ``class`` (or ``cover``) property is the name or the code of its class; where
    they overlap the later one holds. Pixels belong to the polygon that holds their centre, a
    point to the pixel that holds it. A raster without CRS has the pixels of ``picture``, the one
    that it was drawn on; ``grid`` where none is given.

    Raises
    ------
    InputError
        What is wrong with the file.
    """
    if path.suffix.lower() in _DRAWN:
        numbers, codes = _drawn(path, grid)
        return codes[numbers]
    under = picture or grid
    codes, own = read_codes(path, under.gsd_m)
    if own.crs is None:
        if own.shape != under.shape:
            raise ImageError(
                f"{path}: {own.shape[0]} x {own.shape[1]} pixels and no CRS; allowed without one "
                f"are the {under.shape[0]} x {under.shape[1]} of the picture that it describes"
            )
        own = under
    elif grid.crs is None:
        raise ImageError(f"{path}: has a CRS and what it describes has none")
    return nearest_codes(codes, own, grid)


def reference_gsd_m(path: Path, grid: Grid) -> float:
    """Side in metres of the pixels of what `read_reference` laid on ``grid``.

    0 for polygons and points, which have none: however fine the grid, one pixel of a raster that
    is coarser says one thing.

    Raises
    ------
    ImageError
        When it is a raster that cannot be used.
    """
    if path.suffix.lower() in _DRAWN:
        return 0.0
    return describe_image(Image(path, grid.gsd_m)).grid.gsd_m


def read_covers(path: Path, grid: Grid, picture: Grid | None = None) -> Codes:
    """As `read_reference`, for land cover alone.

    Raises
    ------
    InputError
        What is wrong with the file, and where it holds a change.
    """
    codes = read_reference(path, grid, picture)
    if codes.max(initial=0) > max(Cover):
        raise ImageError(f"{path}: code {codes.max()} is a change; allowed are 1 to 8, and 0")
    return codes


def unmet_features(path: Path, grid: Grid, shown: NDArray[np.bool_]) -> int:
    """How many polygons and points of a GeoJSON file say nothing of what is ``shown``, (row, col).

    They lie outside, hold the centre of no pixel of ``grid`` that is shown, or later ones cover
    them. 0 of a raster.
    """
    if path.suffix.lower() not in _DRAWN:
        return 0
    numbers, codes = _drawn(path, grid)
    return len(codes) - 1 - len(np.unique(numbers[shown & (numbers > 0)]))


def _drawn(path: Path, grid: Grid) -> tuple[NDArray[np.int32], Codes]:
    """The number from 1 of the feature that holds at each pixel, else 0; and the code of each."""
    document = load_geojson(path)
    crs = crs_of(document, path)
    drawn = document.get("features")
    if not isinstance(drawn, list) or not drawn:
        raise SiteError(f"{path}: no polygons; a FeatureCollection with one or more is needed")
    shapes, codes = [], [NOT_SEEN]
    for number, feature in enumerate(drawn, start=1):
        where = f"{path}: polygon {number}"
        codes.append(_class_of(feature, where))
        geometry = feature.get("geometry")
        geometry = geometry if isinstance(geometry, dict) else {}
        shapes.append((_placed(geometry, crs, grid, where), number))
    numbers: NDArray[np.int32] = features.rasterize(
        shapes, grid.shape, 0, transform=grid.transform, dtype="int32"
    )
    return numbers, np.array(codes, np.uint8)


def _placed(
    geometry: dict[str, Any], crs: CRS | None, grid: Grid, where: str
) -> Polygon | MultiPolygon | Point:
    """A polygon or a point, in the grid's CRS."""
    if geometry.get("type") != "Point":
        return project_aoi(Aoi(polygon_from_geometry(geometry, where), crs), grid.crs)
    if (crs is None) != (grid.crs is None):
        raise SiteError(f"{where}: only one of the point and the picture has a CRS")
    try:
        x, y = (float(value) for value in geometry["coordinates"][:2])
        if crs is not None and grid.crs is not None:
            x, y = Transformer.from_crs(crs, grid.crs, always_xy=True).transform(x, y)
    except (KeyError, TypeError, ValueError) as error:
        raise SiteError(f"{where}: the point's coordinates cannot be read") from error
    if not (math.isfinite(x) and math.isfinite(y)):
        raise SiteError(f"{where}: the point lies nowhere in the CRS of the picture")
    return Point(x, y)


def _class_of(feature: Any, where: str) -> int:
    properties = feature.get("properties") if isinstance(feature, dict) else None
    properties = properties if isinstance(properties, dict) else {}
    given = properties.get("class", properties.get("cover"))
    names = {cover.label: int(cover) for cover in Cover}
    every = names | {code_label(code): code for code in TRANSITION_CODES}
    if isinstance(given, str) and given.lower() in every:
        return every[given.lower()]
    if isinstance(given, int) and not isinstance(given, bool) and given in every.values():
        return given
    raise SiteError(f"{where}: class is {str(given)[:40]!r}; allowed are {', '.join(names)}")


def _known() -> set[int]:
    return {NOT_SEEN, OUTSIDE, *(int(cover) for cover in Cover), *TRANSITION_CODES}
