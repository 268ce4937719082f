"""Sun and view: who shades whom, and what leans over what."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from landshift.simulation.canvas import BoolArray, Canvas, FloatArray


@dataclass(frozen=True)
class Sun:
    """Where the sun stands."""

    azimuth_deg: float
    """Clockwise from north."""
    elevation_deg: float
    """Above the horizon."""

    @property
    def toward(self) -> tuple[float, float]:
        """Unit vector on the ground toward the sun: east, south."""
        azimuth = math.radians(self.azimuth_deg)
        return math.sin(azimuth), -math.cos(azimuth)


@dataclass(frozen=True)
class View:
    """Where the sensor looks from."""

    azimuth_deg: float
    """Direction in which roofs are displaced, clockwise from north."""
    off_nadir_deg: float
    """Angle from straight down."""


def shadow_heights(height: FloatArray, pixel_m: float, sun: Sun) -> FloatArray:
    """Height in metres below which a point of the ground plan lies in shadow.

    The shadow is swept away from the sun line by line: it sinks by a fixed step and is
    lifted again by whatever stands in its way.
    """
    east, south = sun.toward
    if abs(east) > abs(south):
        return np.ascontiguousarray(shadow_heights(
            np.ascontiguousarray(height.T), pixel_m, Sun(*_swap(sun))
        ).T)
    rows, cols = height.shape
    drop = np.float32(pixel_m / abs(south) * math.tan(math.radians(sun.elevation_deg)))
    drift = -east / abs(south)
    order = range(rows) if south < 0 else range(rows - 1, -1, -1)
    shade = np.empty_like(height)
    last = np.zeros(cols, np.float32)
    for count, row in enumerate(order):
        step = round((count + 1) * drift) - round(count * drift) if count else 0
        moved = last
        if step > 0:
            moved = np.concatenate([np.zeros(step, np.float32), last[:-step]])
        elif step < 0:
            moved = np.concatenate([last[-step:], np.zeros(-step, np.float32)])
        shade[row] = moved - drop
        last = np.maximum(height[row], shade[row])
    return shade


def _swap(sun: Sun) -> tuple[float, float]:
    """The sun as it stands once rows and columns change places."""
    east, south = sun.toward
    return math.degrees(math.atan2(south, -east)) % 360.0, sun.elevation_deg


@dataclass(eq=False)
class Seen:
    """What the sensor sees at each working pixel."""

    surface: NDArray[np.int32]
    """Surface number."""
    slope_x: FloatArray
    """Rise to the east."""
    slope_y: FloatArray
    """Rise to the south."""
    lit: FloatArray
    """1 in the sun, 0 in full shadow."""
    wall: BoolArray
    """Whether the side of something is seen."""
    height: FloatArray
    """Height of what is seen, metres."""
    place: NDArray[np.int32]
    """Where on the ground plan it stands: row times columns plus column."""


def look_at(canvas: Canvas, sun: Sun, view: View) -> Seen:
    """Lean, occlusion and shadow of a canvas."""
    pixel = canvas.pixel_m
    shade = shadow_heights(canvas.height, pixel, sun)
    slant = math.tan(math.radians(view.off_nadir_deg))
    tallest = float(canvas.height.max())
    steps = int(tallest * slant / pixel)
    if steps < 1:
        plan = np.arange(canvas.surface.size, dtype=np.int32).reshape(canvas.surface.shape)
        lit = (shade <= canvas.height + 0.3).astype(np.float32)
        wall = np.zeros(canvas.surface.shape, bool)
        return Seen(canvas.surface, canvas.slope_x, canvas.slope_y, lit, wall, canvas.height, plan)
    return _lean(canvas, shade, view, slant, steps)


def _lean(canvas: Canvas, shade: FloatArray, view: View, slant: float, steps: int) -> Seen:
    """`look_at` for a slanted view: follow each line of sight from the ground up."""
    rows, cols = canvas.surface.shape
    azimuth = math.radians(view.azimuth_deg)
    east, south = math.sin(azimuth), -math.cos(azimuth)
    rise = canvas.pixel_m / slant
    pad = steps + 1
    tall = np.pad(canvas.height, pad, mode="edge")
    index = np.arange(rows * cols, dtype=np.int32).reshape(rows, cols)
    index = np.pad(index, pad, mode="edge")
    source = np.arange(rows * cols, dtype=np.int32).reshape(rows, cols)
    level = np.zeros((rows, cols), np.float32)
    for step in range(1, steps + 1):
        row = pad - round(step * south)
        col = pad - round(step * east)
        window = slice(row, row + rows), slice(col, col + cols)
        hit = tall[window] >= step * rise
        np.copyto(source, index[window], where=hit)
        level[hit] = step * rise
    flat = source.ravel()
    height = canvas.height.ravel()[flat].reshape(rows, cols)
    lit = shade.ravel()[flat].reshape(rows, cols) <= level + 0.3 + np.float32(rise)
    wall = (height - level > 1.6 * rise) & (height > 1.5)
    return Seen(
        canvas.surface.ravel()[flat].reshape(rows, cols),
        canvas.slope_x.ravel()[flat].reshape(rows, cols),
        canvas.slope_y.ravel()[flat].reshape(rows, cols),
        lit.astype(np.float32),
        wall,
        height,
        source,
    )


def sunlight(seen: Seen, sun: Sun, gloss: FloatArray) -> FloatArray:
    """Direct light on each pixel against level ground in the open."""
    east, south = sun.toward
    elevation = math.radians(sun.elevation_deg)
    cos, sin = math.cos(elevation), math.sin(elevation)
    steep = np.sqrt(1 + seen.slope_x**2 + seen.slope_y**2)
    facing = -(seen.slope_x * np.float32(east) + seen.slope_y * np.float32(south)) * np.float32(cos)
    facing = np.maximum((facing + np.float32(sin)) / steep, 0) / np.float32(max(sin, 0.2))
    glitter = gloss * np.clip(facing - 1.0, 0, 1) * 2.0
    return np.asarray((np.minimum(facing, 2.2) + glitter) * seen.lit, np.float32)
