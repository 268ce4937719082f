"""From surfaces and light to the radiance that leaves the scene, on the working grid."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from landshift.simulation.canvas import Canvas, FloatArray
from landshift.simulation.light import Seen, Sun, View, look_at, sunlight
from landshift.simulation.noise import noise
from landshift.simulation.spectra import BAND_NAMES, spectrum
from landshift.simulation.surfaces import BUILDING, GREENHOUSE, SurfaceTable

SKYLIGHT = np.asarray([0.32, 0.26, 0.21, 0.18, 0.16, 0.15, 0.13, 0.12, 0.08, 0.06], np.float32)
"""Light of the clear sky against sun and sky together, by band: shadows are blue."""


@dataclass(eq=False)
class Rendering:
    """Reflectance as seen from above, and the truth beside it, on the working grid."""

    reflectance: FloatArray
    """(band, row, col), shadows and slopes included, before any sensor."""
    cover: NDArray[np.uint8]
    """Land cover code of what is seen; 0 on walls."""
    place: NDArray[np.int32]
    """Where on the ground plan that stands: row times columns plus column."""


@dataclass(frozen=True)
class Weather:
    """Light and air on one date."""

    sun: Sun
    """Where it stands."""
    view: View
    """Where the sensor looks from."""
    diffuse: float
    """Factor on the share of skylight: 1 on a clear day, 2.5 under thin cloud."""
    terrain_m: float
    """Height of gentle undulations of the ground."""


def _wave(phase: FloatArray) -> FloatArray:
    """A rounded row profile of zero mean, from -1 to 1; ``phase`` in rows."""
    turn = phase - np.floor(phase)
    triangle = np.abs(turn * 4 - 2) - 1
    return np.asarray(triangle * (1.5 - 0.5 * triangle * triangle), np.float32)


def _streaks(place: FloatArray, surface: NDArray[np.int32], values: FloatArray) -> FloatArray:
    """Unit noise that is constant along a row; ``place`` counts rows, broken by surface."""
    whole = np.floor(place)
    part = place - whole
    index = (whole.astype(np.int32) + surface * 37) & (values.size - 2)
    first = values[index]
    return np.asarray(first + (values[index + 1] - first) * part, np.float32)


def _cover_share(
    texture: dict[str, FloatArray],
    surface: NDArray[np.int32],
    pixel_m: float,
    bent: tuple[FloatArray, FloatArray],
    chance: tuple[FloatArray, FloatArray, FloatArray, FloatArray],
) -> tuple[FloatArray, FloatArray]:
    """Share that the canopy covers, and the streaks, at every pixel."""
    grain, fractal, smooth, values = chance

    def of(name: str) -> FloatArray:
        return np.asarray(texture[name][surface], np.float32)

    east, south = bent
    across = south * of("row_cos") - east * of("row_sin")
    share = of("mean")
    # Rows finer than two pixels would alias; they fade as the pixel swallows them.
    fade = np.sinc(np.minimum(texture["row_rate"] * pixel_m, 1.0)).astype(np.float32)
    fade[texture["row_rate"] * pixel_m > 0.45] = 0.0
    rowed = texture["row"] * fade
    if np.any(rowed > 0):
        phase = across * of("row_rate") + 0.06 * fractal
        share = share + rowed[surface] * _wave(phase)
    planted = texture["along"] * (texture["along_rate"] * pixel_m < 0.45)
    if np.any(planted > 0):
        run = east * of("row_cos") + south * of("row_sin")
        share = share + planted[surface] * _wave(run * of("along_rate"))
    streaks = _streaks(across * of("streak_rate") + 0.25 * fractal, surface, values)
    share = share + of("streak") * streaks * (0.75 + 0.25 * smooth)
    share = share + of("patch_grain") * grain
    share = share + of("patch_fractal") * fractal + of("patch_smooth") * smooth
    return np.clip(share, 0, 1), streaks


def _snowed(
    reflectance: FloatArray,
    seen: Seen,
    hold: FloatArray,
    snow: float,
    fractal: FloatArray,
    bands: NDArray[np.intp],
) -> None:
    """Lay snow over what holds it, in place."""
    amount = np.clip((hold - (1.0 - snow) + 0.12 * fractal) * 2.0, 0, 1) * 0.95
    amount[seen.wall] = 0
    white = spectrum("snow")[bands]
    for k in range(reflectance.shape[0]):
        reflectance[k] += (white[k] - reflectance[k]) * amount


def render(
    rng: np.random.Generator,
    canvas: Canvas,
    table: SurfaceTable,
    date: int,
    weather: Weather,
    snow: float,
    bent: tuple[FloatArray, FloatArray],
    ground: tuple[FloatArray, FloatArray],
    bands: tuple[str, ...],
) -> Rendering:
    """What leaves the scene toward the sensor.

    Parameters
    ----------
    rng
        Source of chance for the grain of this date.
    canvas, table, date
        What lies where, and how it looks before (0) or after (1).
    weather, snow
        Sun, view, sky, and the share of open ground under snow.
    bent
        Metres east and south along the bent lines of the place, each (row, col).
    ground
        Unit noise of the ground, the same on both dates: fractal and smooth.
    bands
        Names of the bands to render.
    """
    index = np.asarray([BAND_NAMES.index(name) for name in bands], np.intp)
    seen = look_at(canvas, weather.sun, weather.view)
    surface = seen.surface
    shape = (surface.shape[0], surface.shape[1])
    texture = table.textures(date)
    coarse = np.float32(max(min(1.0, 0.5 / canvas.pixel_m), 0.2))
    grain = noise(rng, "grain", shape) * coarse
    values = rng.standard_normal(4098).astype(np.float32)
    fractal, smooth = ground
    share, streaks = _cover_share(
        texture, surface, canvas.pixel_m, bent, (grain, fractal, smooth, values)
    )
    rough = noise(rng, "rough", shape)
    light = 1 + texture["stain_grain"][surface] * (0.7 * grain + 0.6 * coarse * rough)
    light += texture["stain_fractal"][surface] * fractal
    light += texture["stain_smooth"][surface] * smooth
    light += texture["streak_light"][surface] * streaks
    light[seen.wall] *= texture["wall"][surface][seen.wall]
    np.clip(light, 0.15, 3.0, out=light)
    if weather.terrain_m > 0:
        seen = _undulate(seen, smooth, weather.terrain_m, canvas.pixel_m)
    if canvas.pixel_m < 0.4:
        seen.lit = ndimage.uniform_filter(seen.lit, 3)
    direct = sunlight(seen, weather.sun, texture["gloss"][surface])
    below, above = table.spectra(date, index)
    out = np.empty((len(bands), *shape), np.float32)
    sky = np.minimum(SKYLIGHT[index] * weather.diffuse, 0.75)
    for k in range(len(bands)):
        out[k] = below[k][surface] + above[k][surface] * share
    out *= light
    if snow > 0:
        _snowed(out, seen, texture["snow"][surface], snow, fractal, index)
    for k in range(len(bands)):
        out[k] *= direct * (1 - sky[k]) + sky[k]
    cover = table.cover_codes()[surface]
    cover[seen.wall & ((cover == BUILDING) | (cover == GREENHOUSE))] = 0
    return Rendering(out, cover, seen.place)


def _undulate(seen: Seen, smooth: FloatArray, terrain_m: float, pixel_m: float) -> Seen:
    """Add the gentle slopes of the ground."""
    factor = np.float32(terrain_m / (40.0 * pixel_m))
    slope_y = np.zeros_like(smooth)
    slope_x = np.zeros_like(smooth)
    slope_y[1:] = (smooth[1:] - smooth[:-1]) * factor
    slope_x[:, 1:] = (smooth[:, 1:] - smooth[:, :-1]) * factor
    return replace(seen, slope_x=seen.slope_x + slope_x, slope_y=seen.slope_y + slope_y)
