"""Pairs of pictures between which nothing lasting changed, and only one thing differs at all."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from landshift.sensor import FAMILY_BANDS
from landshift.simulation.canvas import Canvas, FloatArray
from landshift.simulation.clouds import draw_cloud, under_cloud
from landshift.simulation.geolocation import Displacement, displaced
from landshift.simulation.greenhouses import paint_tunnels
from landshift.simulation.layout import PLACES, paint_land
from landshift.simulation.light import View
from landshift.simulation.noise import noise
from landshift.simulation.pairs import along_lines, draw_weather
from landshift.simulation.rendering import Rendering, Weather, render
from landshift.simulation.seasons import Season, season_of
from landshift.simulation.sensors import draw_camera, expose, pooled
from landshift.simulation.spectra import mix, spectrum
from landshift.simulation.stage import Stage, Zone, draw_plan, set_stage
from landshift.simulation.surfaces import CROPLAND, GREENHOUSE, HERBACEOUS, WATER, WOODY, Look

QUIET_FAMILIES = ("season", "sun", "view", "film", "haze", "shift", "cloud", "snow")
"""What may differ: the season; sun and shadow; the lean of the view; film off some greenhouses;
haze; where the picture lies, by one pixel; a cloud over a tenth to a third of it; snow."""
_STREAM = 23
"""Seeds of these pairs begin their own stream: no pair of `simulate_pair` shares a scene."""
_BANDS = FAMILY_BANDS["rgb"]
_FACTOR = 2
_GROWING = (CROPLAND, WOODY, HERBACEOUS, WATER)
"""What a season changes; film and paint it does not."""


@dataclass(frozen=True, eq=False)
class QuietPair:
    """Two pictures of one place that did not change."""

    before: FloatArray
    """(band, row, col): display values from 0 to 1, red, green, blue."""
    after: FloatArray
    """The same, with one thing different."""
    family: str
    """Which: one of `QUIET_FAMILIES`."""
    gsd_m: float
    """Side of a pixel on the ground."""
    days: tuple[int, int]
    """Days of the year."""
    east_m: float
    """How far the content of the after picture lies off, metres east; 0 but for "shift"."""
    north_m: float
    """The same, metres north."""


@dataclass(frozen=True, eq=False)
class _Scene:
    """A place, and the light and camera that both pictures share unless the family says else."""

    stage: Stage
    weather: Weather
    days: tuple[int, int]
    ground: tuple[FloatArray, FloatArray]
    seed: tuple[int, ...]


def simulate_quiet(family: str, seed: int, shape: tuple[int, int], gsd_m: float) -> QuietPair:
    """Two pictures of a place that never was, alike but for one thing.

    Grain of the ground, sun, view, sky, season, camera and exposure are the same on both dates,
    except the one that ``family`` names; noise of the sensor is each picture's own.

    Parameters
    ----------
    family
        One of `QUIET_FAMILIES`.
    seed
        The same seed gives the same pair.
    shape
        Rows and columns.
    gsd_m
        Side of a pixel in metres, 0.2 to 5.
    """
    if family not in QUIET_FAMILIES:
        raise ValueError(f"family must be one of {QUIET_FAMILIES}: {family!r}")
    seeds = (seed, _STREAM, QUIET_FAMILIES.index(family))
    pad = int(min(max(round(14 / gsd_m), 3), 28))
    full = ((shape[0] + 2 * pad) * _FACTOR, (shape[1] + 2 * pad) * _FACTOR)
    scene = _set_scene(family, seeds, full, gsd_m / _FACTOR)
    before = _seen(scene, scene.weather, 0)
    after, moved = _CHANGES[family](scene, before, gsd_m)
    rng = np.random.default_rng((*seeds, 2))
    sampled = [pooled(values, _FACTOR) for values in (before, after)]
    # exposed for the brighter of the two: snow seen by a camera set for fields is white all over
    camera = draw_camera(rng, "rgb", _BANDS, sampled[family == "snow"])
    pictures = [expose(rng, values, camera)[:, pad:-pad, pad:-pad] for values in sampled]
    return QuietPair(
        np.ascontiguousarray(pictures[0]), np.ascontiguousarray(pictures[1]), family, gsd_m,
        scene.days, moved.east_m, moved.north_m,
    )  # fmt: skip


def _set_scene(
    family: str, seeds: tuple[int, ...], full: tuple[int, int], pixel_m: float
) -> _Scene:
    rng = np.random.default_rng(seeds)
    first = int(rng.integers(70, 320))
    days = first, first
    if family == "season":
        days = first, int((first + rng.integers(60, 306)) % 365) + 1
    seasons: tuple[Season, Season] = season_of(rng, days[0]), season_of(rng, days[1])
    places = ["greenhouse belt"] if family == "film" else _place(rng)
    plan = draw_plan(rng, max(full) * pixel_m)
    stage = set_stage(rng, Canvas.blank(full, pixel_m), plan, seasons, False)
    paint_land(stage, places)
    if family == "film":  # a block of tunnels in the middle, or some pairs would have none
        extent = max(full) * pixel_m
        u, v = plan.to_plan(extent / 2, extent / 2)
        half = 0.3 * extent
        paint_tunnels(stage, Zone(u - half, u + half, v - half, v + half))
    weather = draw_weather(rng, first, rng.exponential(1.5), coarse=False)
    return _Scene(
        stage, weather, days, (noise(rng, "fractal", full), noise(rng, "smooth", full)), seeds
    )


def _place(rng: np.random.Generator) -> list[str]:
    return [str(rng.choice([name for name, place in PLACES.items() if not place.western]))]


def _seen(
    scene: _Scene, weather: Weather, date: int, snow: float | None = None
) -> FloatArray:
    """Reflectance (band, row, col), with the same grain each time; ``snow`` or the season's."""
    stage = scene.stage
    lying = stage.seasons[date].snow if snow is None else snow
    rng = np.random.default_rng((*scene.seed, 1))
    rendering: Rendering = render(
        rng, stage.canvas, stage.table, date, weather, lying,
        along_lines(stage), scene.ground, _BANDS,
    )  # fmt: skip
    return rendering.reflectance


_Changed = tuple[FloatArray, Displacement]


def _other_season(scene: _Scene, before: FloatArray, gsd_m: float) -> _Changed:
    _, after = scene.stage.table.looks
    for surface, cover in enumerate(scene.stage.table.cover):
        if cover not in _GROWING:
            after[surface] = scene.stage.table.looks[0][surface]
    return _seen(scene, scene.weather, 1), Displacement()


def _other_sun(scene: _Scene, before: FloatArray, gsd_m: float) -> _Changed:
    rng = np.random.default_rng((*scene.seed, 3))
    other = draw_weather(rng, int(rng.integers(1, 366)), 0.0, coarse=False)
    weather = replace(scene.weather, sun=other.sun, diffuse=other.diffuse)
    return _seen(scene, weather, 0), Displacement()


def _other_view(scene: _Scene, before: FloatArray, gsd_m: float) -> _Changed:
    rng = np.random.default_rng((*scene.seed, 3))
    view = View(rng.uniform(0, 360), rng.uniform(5, 25))
    return _seen(scene, replace(scene.weather, view=view), 0), Displacement()


def _film_off(scene: _Scene, before: FloatArray, gsd_m: float) -> _Changed:
    rng = np.random.default_rng((*scene.seed, 3))
    stage = scene.stage
    covered, later = stage.table.looks
    share = rng.uniform(0.3, 1.0)  # of the kinds of film that a scene has, 8 to a block
    for surface, cover in enumerate(stage.table.cover):
        later[surface] = covered[surface]
        if cover == GREENHOUSE and rng.random() < share:
            later[surface] = _bare_hoops(rng, stage, covered[surface])
    return _seen(scene, scene.weather, 1), Displacement()


def _bare_hoops(rng: np.random.Generator, stage: Stage, film: Look) -> Look:
    """Hoops over beds where the film was."""
    return Look(
        ground=mix(stage.soil, spectrum("crop_green"), rng.uniform(0.0, 0.7)),
        canopy=spectrum("frame"),
        mean=rng.uniform(0.15, 0.3),
        row=rng.uniform(0.15, 0.35),
        period=rng.uniform(1.0, 2.0),
        heading=film.heading,
        patch=(0.12, 0.12, 0.06),
        stain=(0.08, 0.05, 0.03),
    )


def _hazy(scene: _Scene, before: FloatArray, gsd_m: float) -> _Changed:
    rng = np.random.default_rng((*scene.seed, 3))
    thick = rng.uniform(0.15, 0.6)
    veil = np.asarray([0.24, 0.27, 0.31], np.float32)[:, None, None]
    patchy = np.clip(thick * (1 + 0.25 * scene.ground[1]), 0.0, 0.9).astype(np.float32)
    return before * (1 - patchy) + veil * patchy, Displacement()


def _clouded(scene: _Scene, before: FloatArray, gsd_m: float) -> _Changed:
    rng = np.random.default_rng((*scene.seed, 3))
    cloud = draw_cloud(rng, before.shape[1:], scene.stage.canvas.pixel_m, rng.uniform(0.1, 0.33))
    return under_cloud(rng, before, cloud, _BANDS), Displacement()


def _snowed(scene: _Scene, before: FloatArray, gsd_m: float) -> _Changed:
    rng = np.random.default_rng((*scene.seed, 3))
    return _seen(scene, scene.weather, 0, rng.uniform(0.3, 1.0)), Displacement()


def _moved(scene: _Scene, before: FloatArray, gsd_m: float) -> _Changed:
    rng = np.random.default_rng((*scene.seed, 3))
    toward = rng.uniform(0, 2 * math.pi)
    error = Displacement(gsd_m * math.cos(toward), gsd_m * math.sin(toward))
    return displaced(before, scene.stage.canvas.pixel_m, error), error


_CHANGES: dict[str, Callable[[_Scene, FloatArray, float], _Changed]] = {
    "season": _other_season,
    "sun": _other_sun,
    "view": _other_view,
    "film": _film_off,
    "haze": _hazy,
    "shift": _moved,
    "cloud": _clouded,
    "snow": _snowed,
}
"""What makes the after picture of each family."""
