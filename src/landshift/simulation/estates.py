"""Estates: detached houses along winding streets and closes, and villages row by row.

An estate is planned once – streets, lots, houses – and painted as far as it has come on each date:
untouched, graded, slab, frame, house. So the dates agree in all but what was built between them.
"""

from __future__ import annotations

import math

import numpy as np

from landshift.simulation.estate_houses import House, framed, roof_of, set_house
from landshift.simulation.estate_plan import Estate, Lot, plan_estate
from landshift.simulation.events import Event
from landshift.simulation.houses import car
from landshift.simulation.layout import Block
from landshift.simulation.nature import paint_savanna, paint_wood
from landshift.simulation.stage import BuildingRecord, Stage, Zone
from landshift.simulation.surfaces import BUILDING, WOODY

ESTATE_SHARE = 0.17
"""Share of pairs in red, green and blue in which a settlement is planned; a few of them lie so that
no house of theirs is seen."""
COARSEST_M = 2.5
"""Pixels too coarse to show a house for itself get none."""
_STREAM = 22
"""Chance of its own, so that pairs without an estate stay as they were."""
_VILLAGES = 0.6
"""Share of villages in rows where land is not divided as in the west."""
_GROWING = 0.75
"""Share of settlements in which building goes on, if anything changes in a pair at all."""


def begin_estate(stage: Stage, seed: int) -> Estate | None:
    """Plan a settlement for some of the seeds and paint it as it is on the first date."""
    rng = np.random.default_rng([seed, _STREAM])
    if rng.random() >= ESTATE_SHARE or 2 * stage.canvas.pixel_m > COARSEST_M:
        return None
    kept, stage.rng = stage.rng, rng
    village = not stage.western and rng.random() < _VILLAGES
    estate = plan_estate(stage, village, bool(rng.random() < _GROWING))
    if estate is not None:
        standing = list(stage.buildings)
        if not village and rng.random() < (0.6 if stage.western else 0.2):
            paint_wilds(stage, estate)
        paint_estate(stage, estate, 0)
        _forget(stage, standing)
    stage.rng = kept
    return estate


def go_on(stage: Stage, estate: Estate, seed: int) -> list[Event]:
    """Paint what was built of a settlement between the dates; what happened."""
    if estate.levels[0] == estate.levels[1]:
        return []
    kept, stage.rng = stage.rng, np.random.default_rng([seed, _STREAM, 1])
    standing = list(stage.buildings)
    paint_estate(stage, estate, 1)
    _forget(stage, standing)
    stage.rng = kept
    moved = [
        lot
        for lot in estate.lots
        if state(estate.levels[0], lot.turn) != state(estate.levels[1], lot.turn)
    ]
    if not moved:
        return []
    middle = moved[len(moved) // 2]
    return [Event("settlement" if estate.village else "estate", middle.x, middle.y)]


def blocks_beside(stage: Stage, estate: Estate, blocks: list[Block]) -> list[Block]:
    """The blocks that a settlement leaves alone."""
    return [block for block in blocks if not _overlaps(stage, estate, block.zone)]


def _overlaps(stage: Stage, estate: Estate, zone: Zone) -> bool:
    ground, pixel_m = estate.ground, stage.canvas.pixel_m
    for a in np.linspace(0, 1, 9):
        for b in np.linspace(0, 1, 9):
            x, y = stage.plan.to_ground(zone.u0 + a * zone.size[0], zone.v0 + b * zone.size[1])
            row, col = int(y / pixel_m) - ground.rows.start, int(x / pixel_m) - ground.cols.start
            if (0 <= row < ground.lot.shape[0] and 0 <= col < ground.lot.shape[1]
                    and (ground.lot[row, col] or ground.off[row, col] < 3)):  # fmt: skip
                return True
    return False


def _forget(stage: Stage, known: list[BuildingRecord]) -> None:
    """Drop the records of buildings that stood where something else lies now."""
    pixel_m = stage.canvas.pixel_m
    rows, cols = stage.canvas.surface.shape
    for record in known:
        row, col = int(record.y // pixel_m), int(record.x // pixel_m)
        if not (0 <= row < rows and 0 <= col < cols) or record not in stage.buildings:
            continue
        if stage.table.cover[int(stage.canvas.surface[row, col])] != BUILDING:
            stage.buildings.remove(record)


def state(level: float, turn: float) -> str:
    """What is on a lot."""
    ahead = level - turn
    if ahead < -0.12:
        return "raw"
    if ahead < 0.0:
        return "graded"
    if ahead < 0.025:
        return "slab"
    return "frame" if ahead < 0.06 else "fresh" if ahead < 0.13 else "done"


def paint_wilds(stage: Stage, estate: Estate) -> None:
    """Wood or scrub round an estate and where it will be."""
    ground, pixel_m = estate.ground, stage.canvas.pixel_m
    u = stage.u[ground.rows, ground.cols]
    v = stage.v[ground.rows, ground.cols]
    zone = Zone(float(u.min()), float(u.max()), float(v.min()), float(v.max()))
    (paint_wood if stage.rng.random() < 0.35 and pixel_m < 1.2 else paint_savanna)(stage, zone)


def paint_estate(stage: Stage, estate: Estate, date: int) -> None:
    """Paint an estate as far as it has come on a date, upon what the canvas shows.

    Parameters
    ----------
    stage
        The canvas is blank of the estate for date 0, and for date 1 is a copy of date 0's.
    estate
        What to paint.
    date
        0 before, 1 after.
    """
    level = estate.levels[date]
    known = ["none"] * len(estate.lots)
    if date:
        known = [state(estate.levels[0], lot.turn) for lot in estate.lots]
    if level > -0.5 or estate.early:
        paved = estate.levels[0] > -0.5 or estate.early
        if date == 0 or not paved:
            _streets(stage, estate)
    coming = [state(level, lot.turn) for lot in estate.lots]
    fresh = []
    for lot, now, was in zip(estate.lots, coming, known, strict=True):
        if now != was and not (date and level == estate.levels[0]):
            _lot_ground(stage, estate, lot, now)
            fresh.append((lot, now))
    for lot, now in fresh:
        if lot.house is not None:
            _raise(stage, lot, lot.house, now)
    for lot, now in fresh:
        if now == "done":
            _garden(stage, estate, lot)


def _streets(stage: Stage, estate: Estate) -> None:
    """Carriageway, kerbs and footpaths, on ground stripped along them."""
    ground, canvas = estate.ground, stage.canvas
    off = ground.off
    way, kerb, drive = estate.streets
    if estate.graded:
        stray = 1.5 * stage.smooth[ground.rows, ground.cols]
        near = (ground.lot > 0) | (off < 4.0 + stray)
        canvas.flat(ground.rows, ground.cols, near, estate.earth)
        other = 0.85 * stage.smooth[ground.rows, ground.cols]
        other = other + 0.4 * stage.fractal[ground.rows, ground.cols]
        patchy = near & (other > stage.rng.uniform(0.3, 1.4))
        canvas.flat(ground.rows, ground.cols, patchy, stage.bare(0.2))
    if estate.footpath:
        canvas.flat(ground.rows, ground.cols, (off > 1.3) & (off < 2.7), drive)
    if not estate.village:
        canvas.flat(ground.rows, ground.cols, off < 0.4, kerb)
    canvas.flat(ground.rows, ground.cols, off < 0.0, way)


def _lot_ground(stage: Stage, estate: Estate, lot: Lot, now: str) -> None:
    """Lawn or soil, driveway and fence of one lot."""
    if now == "raw":
        return
    rng, canvas, ground = stage.rng, stage.canvas, estate.ground
    rows = slice(ground.rows.start + lot.window[0].start, ground.rows.start + lot.window[0].stop)
    cols = slice(ground.cols.start + lot.window[1].start, ground.cols.start + lot.window[1].stop)
    own = ground.lot[lot.window] == lot.number
    off, place = ground.off[lot.window], ground.place[lot.window]
    open_ground = own & ((off > 2.7) | (off < 1.3)) if estate.footpath else own.copy()
    if not estate.village:
        # Builders spare some of the trees at the back.
        codes = stage.table.cover_codes()[canvas.surface[rows, cols]]
        deep = lot.front_m + (lot.house.depth if lot.house else 0.0) + 2.0
        spared = (codes == WOODY) & (off > deep)
        open_ground &= ~(spared & (stage.smooth[rows, cols] > rng.normal(0.5, 0.8)))
    done = now == "done" and (lot.house is not None or rng.random() < 0.7)
    ground_surface = int(rng.choice(estate.yards)) if done else estate.earth
    canvas.flat(rows, cols, open_ground, ground_surface)
    if now == "graded" or lot.house is None:
        return
    if not estate.village and now != "slab":
        middle, width = lot.drive_m
        drive = own & (np.abs(place - np.float32(middle)) < width / 2)
        drive &= off < lot.front_m + 0.3 * lot.house.depth
        canvas.flat(rows, cols, drive, estate.streets[2])
    if done and canvas.pixel_m <= 0.65:
        wall = own & ground.edge[lot.window]
        if not estate.village:
            wall &= off > lot.front_m + 0.4 * lot.house.depth
        if estate.fenced:
            tall, material = (1.8, "roof_brown") if not estate.village else (2.2, "roof_grey")
            canvas.flat(rows, cols, wall, stage.paved(material), tall)


def _raise(stage: Stage, lot: Lot, house: House, now: str) -> None:
    """The house of one lot, or what there is of it."""
    if now == "slab":
        slab = stage.paved("concrete" if stage.rng.random() < 0.5 else "concrete_pale")
        for wing in house.wings:
            a, b = wing.along, wing.across
            x = lot.x + math.cos(lot.heading) * a - math.sin(lot.heading) * b
            y = lot.y + math.sin(lot.heading) * a + math.cos(lot.heading) * b
            stage.canvas.box(x, y, lot.heading, wing.length, wing.depth, slab)
    elif now == "frame":
        set_house(stage, framed(stage, house, lot.heading), lot.x, lot.y, lot.heading)
    elif now in ("fresh", "done"):
        stage.buildings[:] = [
            record for record in stage.buildings if (record.x, record.y) != (lot.x, lot.y)
        ]
        set_house(stage, house, lot.x, lot.y, lot.heading)


def _at(lot: Lot, along: float, across: float) -> tuple[float, float]:
    """Ground position of a point given in a lot's own directions from its house's middle."""
    cos, sin = math.cos(lot.heading), math.sin(lot.heading)
    return lot.x + cos * along - sin * across, lot.y + sin * along + cos * across


def _garden(stage: Stage, estate: Estate, lot: Lot) -> None:
    """What stands about a house that is lived in: trees, a pool, a car, tanks on the roof."""
    rng, house = stage.rng, lot.house
    if house is None:
        return
    if estate.village:
        _courtyard(stage, lot, house)
        return
    behind = house.depth / 2 + rng.uniform(3, 7)
    if rng.random() < 0.3:
        x, y = _at(lot, rng.uniform(-0.3, 0.3) * house.length, house.depth / 2 + 1.5)
        stage.canvas.box(x, y, lot.heading, rng.uniform(2.5, 5), 2.8, estate.streets[2])
    if rng.random() < 0.06:
        x, y = _at(lot, rng.uniform(-0.25, 0.25) * house.length, behind)
        size = rng.uniform(5, 9), rng.uniform(3.5, 5)
        stage.canvas.box(x, y, lot.heading, size[0] + 2.5, size[1] + 2.5, estate.streets[2])
        stage.canvas.box(x, y, lot.heading, *size, stage.pool())
    for _ in range(int(rng.poisson(estate.trees))):
        across = behind + rng.uniform(0, 4) if rng.random() < 0.6 else (
            -house.depth / 2 - rng.uniform(1.5, max(lot.front_m, 2.0)))  # fmt: skip
        x, y = _at(lot, rng.uniform(-0.55, 0.55) * house.length, across)
        grown = rng.uniform(0.35, 1.0)
        stage.plant(x, y, 3.8 * grown, 3 + 6 * grown, stage.tree())
    if rng.random() < 0.4:
        x, y = _at(lot, 0.28 * house.length, -house.depth / 2 - rng.uniform(1, lot.front_m + 4))
        car(stage, x, y, lot.heading + math.pi / 2)


def _courtyard(stage: Stage, lot: Lot, house: House) -> None:
    """A village house has water tanks and collectors on its roof, a shed, a tree."""
    rng = stage.rng
    main = house.wings[0]
    top = main.eaves + (0.0 if main.shape == "flat" else house.pitch * main.depth / 2) + 0.6
    if rng.random() < 0.45 and stage.canvas.pixel_m < 0.5:
        for _ in range(int(rng.integers(1, 3))):
            x, y = _at(lot, rng.uniform(-0.4, 0.4) * main.length, main.across)
            solar = stage.shared("collector", 3, lambda: roof_of(stage, "solar"))
            stage.canvas.box(x, y, lot.heading, rng.uniform(1.4, 3.2), 1.6, solar, top)
    away = 1.0 if main.across <= 0 else -1.0
    if rng.random() < 0.35:
        x, y = _at(lot, rng.choice([-0.36, 0.36]) * house.length, away * (house.depth / 2 + 3.0))
        shed = stage.shared("estate shed", 5, lambda: roof_of(stage, "roof_pale"))
        stage.canvas.box(x, y, lot.heading, rng.uniform(2, 3.5), rng.uniform(2, 5), shed, 2.3)
    if rng.random() < 0.3:
        x, y = _at(lot, rng.uniform(-0.4, 0.4) * house.length, away * (house.depth / 2 + 3.0))
        stage.plant(x, y, rng.uniform(0.9, 2.2), rng.uniform(2.5, 6), stage.tree())
