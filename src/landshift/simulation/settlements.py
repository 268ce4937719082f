"""Where people live and work: villages, suburbs, apartments, factories and sheds."""

from __future__ import annotations

import math

import numpy as np

from landshift.simulation.farmland import lattice, paint_vegetables
from landshift.simulation.houses import Roof, car, draw_roof, set_building
from landshift.simulation.lots import paint_lots
from landshift.simulation.spectra import draw
from landshift.simulation.stage import Stage, Zone


def lay(stage: Stage, zone: Zone, surface: int) -> None:
    """Cover a whole zone with one level surface."""
    window = stage.window(zone)
    if window is not None:
        stage.canvas.flat(window.rows, window.cols, window.inside, surface)


def plan_box(
    stage: Stage, u: float, v: float, size: tuple[float, float], surface: int, height: float = 0.0
) -> None:
    """Lay a rectangle given in the plan: ``size`` along u and v."""
    x, y = stage.plan.to_ground(u, v)
    heading = stage.plan.heading_at(u, v)
    stage.canvas.box(x, y, heading, size[0], size[1], surface, height)


def _compound(stage: Stage, u: float, v: float, lot: tuple[float, float], kinds: str) -> None:
    """A walled lot with a main house, a shed or two and a courtyard."""
    rng = stage.rng
    yard = stage.bare(0.1) if rng.random() < 0.55 else stage.paved("concrete")
    if rng.random() < 0.2:
        yard = stage.grass()
    plan_box(stage, u, v, lot, yard)
    if min(lot) > 6 * stage.canvas.pixel_m:
        wall = stage.paved("roof_grey")
        for side in (-1, 1):
            plan_box(stage, u, v + side * lot[1] / 2, (lot[0], 0.4), wall, 2.0)
            plan_box(stage, u + side * lot[0] / 2, v, (0.4, lot[1]), wall, 2.0)
    x, y = stage.plan.to_ground(u, v - lot[1] * rng.uniform(0.18, 0.28))
    heading = stage.plan.heading_at(u, v)
    length = lot[0] * rng.uniform(0.65, 0.95)
    width = min(rng.uniform(5.0, 8.5), lot[1] * 0.6)
    roof = draw_roof(stage, kinds)
    set_building(stage, x, y, heading, (length, width), roof, rng.uniform(2.6, 4.5), "house")
    for _ in range(int(rng.integers(0, 3))):
        side = rng.choice([-1.0, 1.0])
        shed = (rng.uniform(2.5, 5.0), lot[1] * rng.uniform(0.25, 0.55))
        su = u + side * (lot[0] / 2 - shed[0] / 2 - 0.3)
        sx, sy = stage.plan.to_ground(su, v + lot[1] * rng.uniform(0.05, 0.2))
        set_building(
            stage, sx, sy, heading, shed, draw_roof(stage, "shed"), rng.uniform(2.0, 3.0), "shed"
        )
    if rng.random() < 0.3:
        tx, ty = stage.plan.to_ground(
            u + rng.uniform(-0.4, 0.4) * lot[0], v + lot[1] * rng.uniform(0.1, 0.45)
        )
        stage.plant(tx, ty, rng.uniform(1.2, 3.0), rng.uniform(3, 7), stage.tree())


def paint_village(stage: Stage, zone: Zone) -> None:
    """A village: compounds wall to wall along lanes, or farmsteads set more loosely."""
    rng = stage.rng
    kinds = str(rng.choice(["old village", "village", "blue village"], p=[0.5, 0.3, 0.2]))
    ground = stage.bare(0.1) if rng.random() < 0.6 else stage.grass()
    lot = (rng.uniform(10, 18), rng.uniform(11, 20))
    if stage.canvas.pixel_m > 1.2:
        grounds = [ground, stage.bare(0.1), stage.paved("concrete"), stage.grass()]
        house = (lot[0] * rng.uniform(0.6, 0.98), lot[1] * rng.uniform(0.4, 0.85))
        lanes = (stage.bare(0.1), rng.uniform(2, 5), int(rng.integers(1, 3)))
        paint_lots(stage, zone, lot, house, kinds, grounds, rng.uniform(0.7, 1.0), lanes)
        return
    lay(stage, zone, ground)
    if rng.random() < 0.4:
        _farmsteads(stage, zone, kinds)
        return
    lane = rng.uniform(2.0, 5.0)
    width, depth = zone.size
    density = rng.uniform(0.7, 1.0)
    gap = 0.0 if rng.random() < 0.6 else rng.uniform(0.4, 3.0)
    for j in range(int(depth // (lot[1] + lane))):
        shift = rng.uniform(0, 3)
        for i in range(int((width - shift) // (lot[0] + gap))):
            u = zone.u0 + shift + (i + 0.5) * (lot[0] + gap)
            v = zone.v0 + (j + 0.5) * (lot[1] + lane)
            if not stage.in_sight(u, v, 25.0):
                continue
            if rng.random() < density:
                own = (lot[0] * rng.uniform(0.85, 1.0), lot[1] * rng.uniform(0.8, 1.0))
                _compound(stage, u, v + rng.normal(0, 0.7), own, kinds)
            elif rng.random() < 0.5:
                u0, v0 = u - lot[0] / 2, v - lot[1] / 2
                paint_vegetables(stage, Zone(u0, u0 + lot[0], v0, v0 + lot[1]))


def _farmsteads(stage: Stage, zone: Zone, kinds: str) -> None:
    """Loosely set houses, each turned its own way, among gardens and trees."""
    rng = stage.rng
    step = rng.uniform(14, 26)
    for u, v in lattice(rng, zone, (step, step * rng.uniform(0.8, 1.2)), 0.0, 0.16 * step):
        if not stage.in_sight(u, v, 30.0):
            continue
        x, y = stage.plan.to_ground(u, v)
        heading = stage.plan.heading_at(u, v) + rng.normal(0, 0.12)
        heading += math.pi / 2 if rng.random() < 0.3 else 0.0
        yard = (rng.uniform(10, 18), rng.uniform(10, 18))
        what = rng.random()
        if what < 0.15:
            half = step * 0.45
            paint_vegetables(stage, Zone(u - half, u + half, v - half, v + half))
            continue
        ground = stage.paved("concrete") if what < 0.6 else stage.bare(0.1)
        stage.canvas.box(x, y, heading, *yard, ground)
        roof = draw_roof(stage, kinds)
        size = (rng.uniform(8, 15), rng.uniform(5.5, 10))
        set_building(stage, x, y, heading, size, roof, rng.uniform(2.8, 6), "house")
        if rng.random() < 0.35:
            wing = (rng.uniform(4, 7), size[1] * rng.uniform(1.1, 1.6))
            set_building(stage, x, y, heading, wing, roof, 3.2, "house")
        for _ in range(int(rng.integers(0, 3))):
            turn, reach = rng.uniform(0, 2 * math.pi), rng.uniform(7, 11)
            sx, sy = x + reach * math.cos(turn), y + reach * math.sin(turn)
            shed = (rng.uniform(3, 8), rng.uniform(2.5, 5))
            set_building(
                stage, sx, sy, heading, shed, draw_roof(stage, "shed"), rng.uniform(2, 3), "shed"
            )
        for _ in range(int(rng.integers(0, 4))):
            tx, ty = x + rng.normal(0, 9), y + rng.normal(0, 9)
            stage.plant(tx, ty, rng.uniform(0.8, 2.6), rng.uniform(2, 6), stage.tree())


def paint_housing_rows(stage: Stage, zone: Zone) -> None:
    """New houses, all alike, in rows with gardens."""
    rng = stage.rng
    lay(stage, zone, stage.bare(0.1) if rng.random() < 0.6 else stage.grass())
    roof = draw_roof(stage, "village")
    house = (rng.uniform(8, 16), rng.uniform(6.5, 9.0))
    step = (house[0] + rng.uniform(3, 9), house[1] + rng.uniform(8, 16))
    width, depth = zone.size
    path = stage.paved("concrete")
    if stage.canvas.pixel_m > 1.2:
        grounds = [stage.bare(0.1), stage.grass()]
        paint_lots(stage, zone, step, house, "village", grounds, 1.0, (path, 3.0, 1))
        return
    for j in range(int(depth // step[1])):
        v = zone.v0 + (j + 0.5) * step[1]
        plan_box(stage, zone.middle[0], v + step[1] / 2 - 1.2, (width, 2.4), path)
        for i in range(int(width // step[0])):
            u = zone.u0 + (i + 0.5) * step[0]
            if not stage.in_sight(u, v, 25.0):
                continue
            x, y = stage.plan.to_ground(u, v)
            heading = stage.plan.heading_at(u, v)
            set_building(stage, x, y, heading, house, roof, 3.2, "house")


def _suburban_house(
    stage: Stage, u: float, v: float, side: int, size: tuple[float, float], roofs: str
) -> None:
    """A house with one to three wings under one roof."""
    rng = stage.rng
    roof = draw_roof(stage, roofs)
    x, y = stage.plan.to_ground(u, v)
    heading = stage.plan.heading_at(u, v) + rng.normal(0, 0.03)
    set_building(stage, x, y, heading, size, roof, 3.2, "suburban")
    for _ in range(int(rng.integers(1, 4))):
        wing = (rng.uniform(5, 8), size[1] * rng.uniform(1.1, 1.5))
        wx, wy = stage.plan.to_ground(
            u + rng.uniform(-0.32, 0.32) * size[0], v + rng.choice([-1, 1, side]) * 2.0
        )
        set_building(stage, wx, wy, heading, wing, roof, 3.2, "suburban")


def _suburban_lot(
    stage: Stage, u: float, v: float, lot: tuple[float, float], side: int, lawns: list[int]
) -> None:
    """A house with lawn and driveway; the street lies toward ``side`` along v."""
    rng = stage.rng
    plan_box(stage, u, v, lot, lawns[int(rng.integers(len(lawns)))])
    length = min(rng.uniform(11, 19), lot[0] * 0.86)
    front = v + side * lot[1] * rng.uniform(0.05, 0.15)
    drive_u = u + rng.choice([-1.0, 1.0]) * length * 0.3
    reach = lot[1] / 2 + side * (v - front) + 1.5
    drive = (rng.uniform(3.5, 6.5), reach)
    plan_box(stage, drive_u, front + side * reach / 2, drive, stage.paved("concrete_pale"))
    _suburban_house(stage, u, front, side, (length, rng.uniform(9, 14)), "suburb")
    back = v - side * lot[1] * 0.33
    if rng.random() < 0.12:
        px, py = stage.plan.to_ground(u, back)
        stage.canvas.disc(px, py, rng.uniform(2, 4), stage.pool())
    if rng.random() < 0.6:
        fence = stage.paved("roof_brown")
        plan_box(stage, u - lot[0] / 2, back, (0.3, lot[1] * 0.4), fence, 1.8)
        plan_box(stage, u, v - side * lot[1] / 2, (lot[0], 0.3), fence, 1.8)
    for _ in range(int(rng.integers(0, 4))):
        tx, ty = stage.plan.to_ground(
            u + rng.uniform(-0.5, 0.5) * lot[0],
            v + rng.choice([-1, 1]) * rng.uniform(0.3, 0.5) * lot[1],
        )
        stage.plant(tx, ty, rng.uniform(1.0, 3.6), rng.uniform(2.5, 7), stage.tree())
    if rng.random() < 0.5:
        x, y = stage.plan.to_ground(drive_u, front + side * reach * 0.7)
        car(stage, x, y, stage.plan.heading_at(u, v) + math.pi / 2)


def suburb_lots(
    stage: Stage, zone: Zone, lot: tuple[float, float]
) -> list[tuple[float, float, int]]:
    """Lay streets and return the lots (u, v, side of the street)."""
    width, depth = zone.size
    street = stage.paved("asphalt" if stage.rng.random() < 0.6 else "concrete")
    step = 2 * lot[1] + 8.0
    lots = []
    for j in range(max(1, int(depth // step))):
        v = zone.v0 + (j + 0.5) * step
        plan_rows = max(1, int(width // 20))
        for k in range(plan_rows):
            part = width / plan_rows
            plan_box(stage, zone.u0 + (k + 0.5) * part, v, (part + 1.0, 8.0), street)
        for i in range(int(width // lot[0])):
            u = zone.u0 + (i + 0.5) * lot[0]
            lots += [(u, v - 4 - lot[1] / 2, 1), (u, v + 4 + lot[1] / 2, -1)]
    return lots


def paint_suburb(stage: Stage, zone: Zone, built: float = 1.0) -> None:
    """Detached houses along streets; a share of the lots is built on, the rest is bare."""
    rng = stage.rng
    lot = (rng.uniform(15, 26), rng.uniform(26, 40))
    bare = stage.bare(0.1)
    lawns = [stage.grass() for _ in range(int(rng.integers(1, 4)))]
    if stage.canvas.pixel_m > 1.2:
        street = (stage.paved("asphalt"), 8.0, 2)
        size = (rng.uniform(12, 16), rng.uniform(10, 13))
        paint_lots(stage, zone, lot, size, "suburb", lawns, 0.95 * built, street)
        return
    lay(stage, zone, lawns[0] if built > 0.6 else bare)
    finished = rng.uniform(0.6, 1.0)
    for u, v, side in suburb_lots(stage, zone, lot):
        if not stage.in_sight(u, v, 40.0):
            continue
        chance = rng.random()
        if chance < built * 0.98:
            own = lawns if rng.random() < finished else [bare]
            _suburban_lot(stage, u, v, (lot[0] - 0.3, lot[1]), side, own)
        elif built < 0.95:
            ground = bare if rng.random() < 0.85 else stage.grass()
            plan_box(stage, u, v, (lot[0] - 0.3, lot[1] - 1), ground)


def paint_apartments(stage: Stage, zone: Zone) -> None:
    """Long blocks in rows."""
    rng = stage.rng
    ground = draw(rng, {"concrete": 3, "asphalt": 1, "asphalt_old": 1, "grass": 4, "bare": 0.7})
    lay(stage, zone, stage.grass() if ground == "grass" else
        stage.bare(0.1) if ground == "bare" else stage.paved(ground))  # fmt: skip
    block = (min(rng.uniform(35, 75), zone.size[0] * 0.85), rng.uniform(9, 14))
    height = float(rng.choice([9.0, 15.0, 18.0, 36.0], p=[0.35, 0.35, 0.2, 0.1]))
    step = (block[0] + rng.uniform(6, 14), block[1] + rng.uniform(14, 26))
    roof = draw_roof(stage, "block")
    for j in range(max(1, int(zone.size[1] // step[1]))):
        v = zone.v0 + (j + 0.5) * step[1]
        for i in range(max(1, int(zone.size[0] // step[0]))):
            u = zone.u0 + (i + 0.5) * step[0]
            x, y = stage.plan.to_ground(u, v)
            heading = stage.plan.heading_at(u, v)
            set_building(stage, x, y, heading, block, roof, height, "block")
        points = [
            stage.plan.to_ground(zone.u0 + rng.random() * zone.size[0], v + step[1] * 0.45)
            for _ in range(int(zone.size[0] / 14))
        ]
        stage.trees(np.asarray(points).reshape(-1, 2), 2.0, 5.0)


def _parking(stage: Stage, zone: Zone) -> None:
    """Rows of cars."""
    rng = stage.rng
    if stage.canvas.pixel_m > 1.6 or min(zone.size) < 12:
        return
    for v in np.arange(zone.v0 + 3, zone.v1 - 3, rng.uniform(8.0, 15.0)):
        full = rng.beta(0.8, 0.9)
        for u in np.arange(zone.u0 + 2, zone.u1 - 2, 2.7):
            if rng.random() < full and stage.in_sight(float(u), float(v), 3.0):
                x, y = stage.plan.to_ground(float(u), float(v))
                car(stage, x, y, stage.plan.heading_at(float(u), float(v)) + math.pi / 2)


def set_halls(stage: Stage, zone: Zone, roofs: list[Roof], count: int) -> int:
    """Stand up to ``count`` halls side by side in a zone, all with one heading; how many fit."""
    rng = stage.rng
    along_u = zone.size[0] >= zone.size[1] if rng.random() < 0.7 else rng.random() < 0.5
    run, span = zone.size if along_u else zone.size[::-1]
    turn = 0.0 if along_u else math.pi / 2
    turn += rng.normal(0, 0.02) if rng.random() < 0.8 else rng.normal(0, 0.15)
    heading = stage.plan.heading_at(*zone.middle) + turn
    large = min(zone.size) > 60 and rng.random() < 0.4
    base = rng.uniform(24, 75) if large else rng.uniform(12, 30)
    longest = rng.uniform(60, 240) if large else rng.uniform(30, 120)
    offset, done = rng.uniform(1, 4), 0
    while done < count:
        width = base * rng.uniform(0.85, 1.2) if rng.random() < 0.8 else rng.uniform(9, 45)
        length = min(run * rng.uniform(0.55, 0.92), longest * rng.uniform(0.7, 1.0), 8.0 * width)
        if offset + width > span or length < 8:
            break
        b = offset + width / 2
        a = run / 2 + rng.uniform(-0.5, 0.5) * (run - length) * 0.6
        u, v = (zone.u0 + a, zone.v0 + b) if along_u else (zone.u0 + b, zone.v0 + a)
        x, y = stage.plan.to_ground(u, v)
        roof = roofs[int(rng.integers(len(roofs)))]
        set_building(stage, x, y, heading, (length, width), roof, rng.uniform(4.5, 10), "hall")
        offset += width + rng.uniform(4, 22)
        done += 1
    return done


def paint_industry(stage: Stage, zone: Zone, old: bool | None = None) -> None:
    """Factory halls in a yard."""
    rng = stage.rng
    aged = bool(rng.random() < 0.5) if old is None else old
    draw_ground = rng.random()
    if draw_ground < 0.45:
        ground = stage.paved("concrete")
    elif draw_ground < 0.7:
        ground = stage.paved("asphalt" if rng.random() < 0.5 else "asphalt_old")
    else:
        ground = stage.bare(0.1)
    lay(stage, zone, ground)
    kinds = "old hall" if aged else "hall"
    roofs = [draw_roof(stage, kinds) for _ in range(int(rng.integers(1, 4)))]
    inner = zone.shrunk(min(4.0, min(zone.size) * 0.06))
    if min(inner.size) < 12:
        return
    set_halls(stage, inner, roofs, int(rng.integers(2, 9)))
    if rng.random() < 0.5:
        part = Zone(inner.u0, inner.u1, inner.v1 - min(18.0, inner.size[1] / 3), inner.v1)
        _parking(stage, part)
    for _ in range(int(rng.integers(0, 14))):
        u = rng.uniform(inner.u0, inner.u1)
        v = rng.choice([inner.v0, inner.v1]) + rng.normal(0, 1.5)
        x, y = stage.plan.to_ground(u, v)
        stage.plant(x, y, rng.uniform(1.2, 3), rng.uniform(3, 8), stage.tree())


def paint_car_park(stage: Stage, zone: Zone) -> None:
    """An asphalt or concrete square with rows of cars and islands."""
    rng = stage.rng
    if max(zone.size) > 90:
        lay(stage, zone, stage.grass())
        width, depth = (min(side, rng.uniform(35, 90)) for side in zone.size)
        zone = Zone(zone.u0, zone.u0 + width, zone.v0, zone.v0 + depth)
    lay(stage, zone, stage.paved("asphalt" if rng.random() < 0.7 else "concrete"))
    _parking(stage, zone.shrunk(2.0))
    for _ in range(int(rng.integers(0, 9))):
        u, v = rng.uniform(zone.u0, zone.u1), rng.uniform(zone.v0, zone.v1)
        plan_box(stage, u, v, (rng.uniform(3, 14), 2.0), stage.grass())
        x, y = stage.plan.to_ground(u, v)
        stage.plant(x, y, rng.uniform(1.0, 2.5), 4.0, stage.tree())
