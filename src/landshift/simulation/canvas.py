"""The drawing board: which surface lies where, how high it stands and how it slopes."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
BoolArray = NDArray[np.bool_]


@dataclass(eq=False)
class Patch:
    """A window of the canvas with coordinates of its own."""

    rows: slice
    """Rows of the canvas."""
    cols: slice
    """Columns of the canvas."""
    along: FloatArray
    """Metres from the middle along the heading, (rows, cols)."""
    across: FloatArray
    """Metres from the middle at right angles to it, clockwise, (rows, cols)."""


@dataclass(eq=False)
class Canvas:
    """Surfaces, heights and slopes of one date; x runs east and y south, in metres."""

    pixel_m: float
    """Side of a working pixel."""
    surface: NDArray[np.int32]
    """Surface number, (row, col)."""
    height: FloatArray
    """Height above ground in metres, (row, col)."""
    slope_x: FloatArray
    """Rise to the east, metres per metre."""
    slope_y: FloatArray
    """Rise to the south, metres per metre."""

    @classmethod
    def blank(cls, shape: tuple[int, int], pixel_m: float) -> Canvas:
        """A flat canvas of surface 0."""
        return cls(
            pixel_m,
            np.zeros(shape, np.int32),
            np.zeros(shape, np.float32),
            np.zeros(shape, np.float32),
            np.zeros(shape, np.float32),
        )

    def copy(self) -> Canvas:
        """A second canvas with the same content."""
        return Canvas(
            self.pixel_m,
            self.surface.copy(),
            self.height.copy(),
            self.slope_x.copy(),
            self.slope_y.copy(),
        )

    @property
    def extent_m(self) -> tuple[float, float]:
        """Metres from west to east and from north to south."""
        rows, cols = self.surface.shape
        return cols * self.pixel_m, rows * self.pixel_m

    def window(
        self, x_min: float, x_max: float, y_min: float, y_max: float
    ) -> tuple[slice, slice]:
        """Rows and columns of all pixels whose middle may lie in the box; may be empty."""
        rows, cols = self.surface.shape
        pixel = self.pixel_m
        top = min(max(math.floor(y_min / pixel - 0.5), 0), rows)
        bottom = min(max(math.ceil(y_max / pixel + 0.5), top), rows)
        left = min(max(math.floor(x_min / pixel - 0.5), 0), cols)
        right = min(max(math.ceil(x_max / pixel + 0.5), left), cols)
        return slice(top, bottom), slice(left, right)

    def patch(
        self, x: float, y: float, heading: float, length: float, width: float
    ) -> Patch | None:
        """The window round a turned rectangle, or None if it lies off the canvas."""
        cos, sin = math.cos(heading), math.sin(heading)
        reach_x = (abs(cos) * length + abs(sin) * width) / 2
        reach_y = (abs(sin) * length + abs(cos) * width) / 2
        rows, cols = self.window(x - reach_x, x + reach_x, y - reach_y, y + reach_y)
        if rows.start >= rows.stop or cols.start >= cols.stop:
            return None
        east = (np.arange(cols.start, cols.stop, dtype=np.float32) + 0.5) * self.pixel_m - x
        south = (np.arange(rows.start, rows.stop, dtype=np.float32) + 0.5) * self.pixel_m - y
        along = (cos * east)[None, :] + (sin * south)[:, None]
        across = (-sin * east)[None, :] + (cos * south)[:, None]
        return Patch(rows, cols, along.astype(np.float32), across.astype(np.float32))

    def flat(
        self,
        rows: slice,
        cols: slice,
        where: BoolArray,
        surface: int | NDArray[np.int32],
        height: float = 0.0,
    ) -> None:
        """Lay a level surface over the pixels ``where`` is true of a window."""
        chosen = surface if isinstance(surface, int) else surface[where]
        self.surface[rows, cols][where] = chosen
        self.height[rows, cols][where] = height
        self.slope_x[rows, cols][where] = 0.0
        self.slope_y[rows, cols][where] = 0.0

    def box(
        self,
        x: float,
        y: float,
        heading: float,
        length: float,
        width: float,
        surface: int,
        height: float = 0.0,
    ) -> None:
        """Lay a level rectangle: a slab, a flat roof, a yard."""
        patch = self.patch(x, y, heading, length, width)
        if patch is not None:
            inside = (np.abs(patch.along) <= length / 2) & (np.abs(patch.across) <= width / 2)
            self.flat(patch.rows, patch.cols, inside, surface, height)

    def solid(
        self,
        patch: Patch,
        where: BoolArray,
        heading: float,
        surface: int | NDArray[np.int32],
        height: FloatArray,
        rise_along: FloatArray | float,
        rise_across: FloatArray | float,
    ) -> None:
        """Lay a body with slopes given in its own directions."""
        cos, sin = np.float32(math.cos(heading)), np.float32(math.sin(heading))
        rows, cols = patch.rows, patch.cols
        self.surface[rows, cols][where] = surface if isinstance(surface, int) else surface[where]
        self.height[rows, cols][where] = height[where]
        slope_x = np.broadcast_to(
            np.asarray(cos * rise_along - sin * rise_across, np.float32), where.shape
        )
        slope_y = np.broadcast_to(
            np.asarray(sin * rise_along + cos * rise_across, np.float32), where.shape
        )
        self.slope_x[rows, cols][where] = slope_x[where]
        self.slope_y[rows, cols][where] = slope_y[where]

    def disc(self, x: float, y: float, radius: float, surface: int) -> None:
        """Lay a level disc."""
        patch = self.patch(x, y, 0.0, 2 * radius, 2 * radius)
        if patch is not None:
            inside = patch.along**2 + patch.across**2 <= radius**2
            self.flat(patch.rows, patch.cols, inside, surface)

    def crown(
        self, x: float, y: float, radius: float, height: float, surface: int, roughness: FloatArray
    ) -> None:
        """Set a tree: a dome on a trunk, its edge and its light broken by ``roughness``.

        Parameters
        ----------
        x, y, radius, height
            Middle, mean radius and top in metres.
        surface
            Number of the crown's surface.
        roughness
            Unit noise as large as the canvas, (row, col).
        """
        reach = radius * 1.25
        rows, cols = self.window(x - reach, x + reach, y - reach, y + reach)
        if rows.start >= rows.stop or cols.start >= cols.stop:
            return
        east = (np.arange(cols.start, cols.stop, dtype=np.float32) + 0.5) * self.pixel_m - x
        south = (np.arange(rows.start, rows.stop, dtype=np.float32) + 0.5) * self.pixel_m - y
        noise = roughness[rows, cols]
        ratio = (east[None, :] ** 2 + south[:, None] ** 2) / np.float32(radius**2)
        ratio = ratio * (1 + 0.30 * noise)
        rise = 0.5 * height * np.sqrt(np.clip(1 - ratio, 0, 1))
        top = 0.5 * height + rise
        current = self.height[rows, cols]
        where = (ratio < 1) & (top > current)
        self.surface[rows, cols][where] = surface
        current[where] = top[where]
        bump = np.float32(0.55 / radius)
        self.slope_x[rows, cols][where] = (
            np.broadcast_to(-bump * east[None, :], noise.shape) + 0.5 * noise
        )[where]
        self.slope_y[rows, cols][where] = (
            np.broadcast_to(-bump * south[:, None], noise.shape) - 0.5 * noise
        )[where]
