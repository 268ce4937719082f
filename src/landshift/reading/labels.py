"""Maps and references of land-cover codes: rasters, and polygons that somebody drew."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio import features

from landshift.errors import ImageError, SiteError
from landshift.grid import Grid
from landshift.legend import NOT_SEEN, OUTSIDE, TRANSITION_CODES, Cover
from landshift.reading.aoi import crs_of, load_geojson, polygon_from_geometry, project_aoi
from landshift.reading.picture import describe_image, open_picture
from landshift.reading.resampling import nearest_codes
from landshift.site import Aoi, Image

Codes = NDArray[np.uint8]


def read_codes(path: Path, gsd_m: float | None) -> tuple[Codes, Grid]:
    """A raster of codes: land cover 1-8, or from→to 11-88; 0 and 255 where there are none.

    ``gsd_m`` is the side of its pixels, needed only where it has no CRS.

    Raises
    ------
    ImageError
        When it is no picture of one band, or holds other codes.
    """
    info = describe_image(Image(path, gsd_m))
    with open_picture(path, info.driver) as source:
        if source.count != 1:
            raise ImageError(f"{path}: {source.count} bands; a map of codes has 1")
        codes = source.read(1)
    strange = sorted(set(np.unique(codes).tolist()) - _known())
    if strange:
        raise ImageError(f"{path}: code {strange[0]}; allowed are 1 to 8, 11 to 88, 0 and 255")
    return np.where(codes == OUTSIDE, NOT_SEEN, codes).astype(np.uint8), info.grid


def read_reference(path: Path, grid: Grid) -> Codes:
    """What is known of the ground, on ``grid``: a raster of codes, or GeoJSON polygons.

    A polygon's ``class`` (or ``cover``) property is the name or the code of its class; where
    polygons overlap the later one holds. Pixels belong to the polygon that holds their centre.

    Raises
    ------
    InputError
        What is wrong with the file.
    """
    if path.suffix.lower() in (".json", ".geojson"):
        return _drawn(path, grid)
    codes, own = read_codes(path, grid.gsd_m)
    return nearest_codes(codes, own, grid)


def _drawn(path: Path, grid: Grid) -> Codes:
    document = load_geojson(path)
    crs = crs_of(document, path)
    drawn = document.get("features")
    if not isinstance(drawn, list) or not drawn:
        raise SiteError(f"{path}: no polygons; a FeatureCollection with one or more is needed")
    shapes = []
    for number, feature in enumerate(drawn, start=1):
        where = f"{path}: polygon {number}"
        code = _class_of(feature, where)
        polygon = polygon_from_geometry(feature.get("geometry") or {}, where)
        shapes.append((project_aoi(Aoi(polygon, crs), grid.crs), code))
    lie = grid.transform
    burnt: Codes = features.rasterize(shapes, grid.shape, 0, transform=lie, dtype="uint8")
    return burnt


def _class_of(feature: Any, where: str) -> int:
    properties = feature.get("properties") if isinstance(feature, dict) else None
    properties = properties if isinstance(properties, dict) else {}
    given = properties.get("class", properties.get("cover"))
    names = {cover.label: int(cover) for cover in Cover}
    if isinstance(given, str) and given.lower() in names:
        return names[given.lower()]
    if isinstance(given, int) and not isinstance(given, bool) and given in names.values():
        return given
    raise SiteError(f"{where}: class is {str(given)[:40]!r}; allowed are {', '.join(names)}")


def _known() -> set[int]:
    return {NOT_SEEN, OUTSIDE, *(int(cover) for cover in Cover), *TRANSITION_CODES}
