"""Simulated places where halls went up, with the masks that a faultless classifier would find."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from shapely.geometry import Polygon

from landshift.change_map import ChangeMap
from landshift.legend import Cover
from landshift.raster import Raster
from landshift.sensor import Sensor
from landshift.simulation import events
from landshift.simulation.canvas import Canvas
from landshift.simulation.layout import paint_land
from landshift.simulation.light import View
from landshift.simulation.noise import noise
from landshift.simulation.pairs import along_lines, draw_weather
from landshift.simulation.rendering import render
from landshift.simulation.seasons import season_of
from landshift.simulation.sensors import draw_camera, expose, pooled
from landshift.simulation.stage import BuildingRecord, Stage, Zone, draw_plan, set_stage
from landshift.simulation.truth import azimuth_deg, building_ring
from posteriors import RGB, change_map, utm_grid

REACH_M = 110.0
LEAST_M2 = 150.0
"""Halls of the programme; sheds are not counted."""


@dataclass(frozen=True)
class TrueHall:
    """A hall that was set there."""

    outline: Polygon
    azimuth_deg: float
    frame: bool
    """Whether it still has no roof."""


def building_site(event: str, seed: int, gsd_m: float) -> tuple[ChangeMap, Raster, list[TrueHall]]:
    """What ``event`` of `landshift.simulation.events` builds on fields, seen at ``gsd_m``.

    The masks are those of the picture itself: what leans over hides what lies behind.
    """
    rng = np.random.default_rng([seed, 77])
    pixel_m = gsd_m / 2
    side = int(2 * REACH_M / pixel_m) // 2 * 2
    day = int(rng.integers(100, 300))
    season = season_of(rng, day)
    plan = draw_plan(rng, 2 * REACH_M)
    blank = Canvas.blank((side, side), pixel_m)
    stage = set_stage(rng, blank, plan, (season, season), False)
    paint_land(stage, ["strip fields"])
    before, stage.canvas = stage.canvas, stage.canvas.copy()
    known = len(stage.buildings)
    u, v = plan.to_plan(REACH_M, REACH_M)
    width, depth = rng.uniform(70, 130), rng.uniform(60, 110)
    zone = Zone(u - width / 2, u + width / 2, v - depth / 2, v + depth / 2)
    getattr(events, event)(stage, zone)
    changes, after = _seen(rng, stage, before, day, gsd_m)
    corner = changes.grid.transform @ (0, 0)
    halls = [_hall(stage, one, corner) for one in stage.buildings[known:]]
    return changes, after, [hall for hall in halls if hall.outline.area >= LEAST_M2]


def _majority(cover: np.ndarray) -> np.ndarray:
    """The commonest code of each square of two pixels, a roof where two have one."""
    rows, cols = (side // 2 for side in cover.shape)
    squares = cover[: 2 * rows, : 2 * cols].reshape(rows, 2, cols, 2)
    counts = np.stack([(squares == code).sum(axis=(1, 3)) for code in range(10)])
    counts[Cover.BUILDING] += counts[Cover.BUILDING] == 2
    return counts.argmax(axis=0).astype(np.uint8)


def _seen(
    rng: np.random.Generator, stage: Stage, before: Canvas, day: int, gsd_m: float
) -> tuple[ChangeMap, Raster]:
    weather = draw_weather(rng, day, 0.5, coarse=True)
    view = View(weather.view.azimuth_deg, min(weather.view.off_nadir_deg, 4))
    weather = replace(weather, view=view)
    shape = before.surface.shape
    ground = noise(rng, "fractal", shape), noise(rng, "smooth", shape)
    bent = along_lines(stage)
    covers = []
    for canvas in (before, stage.canvas):
        seen = render(rng, canvas, stage.table, 0, weather, 0.0, bent, ground, RGB)
        covers.append(_majority(seen.cover))
    scene = pooled(seen.reflectance, 2)
    picture = expose(rng, scene, draw_camera(rng, "rgb", RGB, scene))
    moved = pooled((before.surface != stage.canvas.surface).astype(np.float32), 2) > 0.5
    built = covers[1] == Cover.BUILDING
    stood = covers[0] == Cover.BUILDING
    # walls have no class of their own: fields stood there
    codes = np.where(built & ~stood, 10 * np.where(covers[0] == 0, 1, covers[0]) + 3, 11)
    replaced = built & stood & moved
    codes[replaced] = 33
    grid = utm_grid(*built.shape, gsd_m)
    after = Raster(picture * np.float32(255), np.ones(built.shape, bool), grid, Sensor(RGB, gsd_m))
    return change_map(codes, grid, replaced=replaced), after


def _hall(stage: Stage, record: BuildingRecord, corner: tuple[float, float]) -> TrueHall:
    pixel_m = stage.canvas.pixel_m
    rows, cols = stage.canvas.surface.shape
    row, col = int(record.y / pixel_m), int(record.x / pixel_m)
    frame = False
    if 0 <= row < rows and 0 <= col < cols:
        look = stage.table.looks[0][stage.canvas.surface[row, col]]
        frame = look.row >= 0.15 and look.mean >= 0.2  # beams over soil; roofs have no such rows
    ring = [(corner[0] + x, corner[1] - y) for x, y in building_ring(record)]
    return TrueHall(Polygon(ring), azimuth_deg(record.heading), frame)
