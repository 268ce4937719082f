"""Where the pixels lie: one frozen value, compared, cropped and measured."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from pyproj import CRS, Geod, Transformer

WGS84 = CRS.from_epsg(4326)
_GEOD = Geod(ellps="WGS84")
_SQUARE_METRES_PER_HECTARE = 10_000.0
_AREA_SAMPLES = 65
"""Rows at which geodesic pixel area is computed; between them it is interpolated linearly."""


@dataclass(frozen=True)
class Grid:
    """Where the pixels of a raster lie on the ground."""

    crs: CRS | None
    """None for pictures that say nothing of their place: x, y are then local metres."""
    transform: Affine
    """From (col, row), counted at pixel corners, to (x, y) of the CRS."""
    shape: tuple[int, int]
    """(rows, cols), each at least 1."""

    def __post_init__(self) -> None:
        """Refuse grids without pixels or without extent."""
        if min(self.shape) < 1:
            raise ValueError(f"a grid needs at least one row and column, got {self.shape}")
        if self.transform.is_degenerate:
            raise ValueError(f"grid transform has no area: {self.transform!r}")

    @property
    def gsd_m(self) -> float:
        """Side of a pixel on the ground in metres, at the centre of the grid."""
        return float(np.sqrt(self.pixel_hectares[self.shape[0] // 2] * _SQUARE_METRES_PER_HECTARE))

    @property
    def metres_per_unit(self) -> float:
        """Ground metres to one unit of the CRS, at the centre of the grid.

        0.9996 to 1.001 in UTM, the cosine of the latitude in Web Mercator, 0.3048 in feet.
        """
        return self.gsd_m / float(np.sqrt(abs(self.transform.determinant)))

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """Least x, least y, greatest x, greatest y of the corners, in CRS units."""
        rows, cols = self.shape
        corners = [self.transform @ p for p in ((0, 0), (cols, 0), (0, rows), (cols, rows))]
        xs, ys = zip(*corners, strict=True)
        return min(xs), min(ys), max(xs), max(ys)

    def xy(self, row: NDArray[np.floating], col: NDArray[np.floating]) -> tuple[
        NDArray[np.float64], NDArray[np.float64]
    ]:
        """World coordinates of pixel centres; (0, 0) is the centre of the first pixel."""
        t = self.transform
        r, c = np.asarray(row, np.float64) + 0.5, np.asarray(col, np.float64) + 0.5
        return t.a * c + t.b * r + t.c, t.d * c + t.e * r + t.f

    def rowcol(self, x: NDArray[np.floating], y: NDArray[np.floating]) -> tuple[
        NDArray[np.float64], NDArray[np.float64]
    ]:
        """Row and column of world coordinates, as fractions; the inverse of `xy`."""
        t = ~self.transform
        x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
        return t.d * x + t.e * y + t.f - 0.5, t.a * x + t.b * y + t.c - 0.5

    def window(self, row: int, col: int, rows: int, cols: int) -> Grid:
        """The part of this grid that begins at (row, col)."""
        return Grid(self.crs, self.transform @ Affine.translation(col, row), (rows, cols))

    @cached_property
    def pixel_hectares(self) -> NDArray[np.float64]:
        """Ground area of one pixel in each row.

        Returns
        -------
        ndarray of float64, shape (rows,)
            Hectares, geodesic on WGS84 (Karney 2013, doi:10.1007/s00190-012-0578-z), taken at the
            middle column: a pixel of a geographic or Mercator grid shrinks toward the poles, one
            of a UTM grid by up to 0.1 % within its zone. Local metres where there is no CRS.
        """
        rows, cols = self.shape
        if self.crs is None:
            return np.full(rows, abs(self.transform.determinant) / _SQUARE_METRES_PER_HECTARE)
        at = np.unique(np.linspace(0, rows - 1, min(rows, _AREA_SAMPLES)).round().astype(int))
        to_degrees = Transformer.from_crs(self.crs, WGS84, always_xy=True)
        areas = [self._pixel_square_metres(int(row), cols // 2, to_degrees) for row in at]
        return np.interp(np.arange(rows), at, areas) / _SQUARE_METRES_PER_HECTARE

    def _pixel_square_metres(self, row: int, col: int, to_degrees: Transformer) -> float:
        corners = [(col, row), (col + 1, row), (col + 1, row + 1), (col, row + 1)]
        x, y = zip(*(self.transform @ corner for corner in corners), strict=True)
        lon, lat = to_degrees.transform(x, y)
        return abs(float(_GEOD.polygon_area_perimeter(lon, lat)[0]))
