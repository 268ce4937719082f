"""Dense towns as they grow on fields: terraces, schools, packed workshops, sites at work."""

from __future__ import annotations

import math

import numpy as np

from landshift.simulation.houses import Roof, draw_roof, set_building
from landshift.simulation.lots import paint_lots
from landshift.simulation.nature import heap, paint_cleared, worn
from landshift.simulation.settlements import lay, plan_box
from landshift.simulation.spectra import draw, mix, spectrum, vary
from landshift.simulation.stage import Stage, Zone
from landshift.simulation.surfaces import BARE, PAVED, Look


def _ground(stage: Stage, weights: dict[str, float]) -> int:
    """A surface between buildings: grass, bare ground or a kind of paving."""
    kind = draw(stage.rng, weights)
    if kind == "grass":
        return stage.grass()
    return stage.bare(0.1) if kind == "bare" else stage.paved(kind)


def _stand(
    stage: Stage, place: tuple[float, float], size: tuple[float, float], roof: Roof, eaves: float,
    kind: str,
) -> None:  # fmt: skip
    """Stand a building at a point of the plan; ``size`` along u and v."""
    if stage.in_sight(*place, max(size)):
        x, y = stage.plan.to_ground(*place)
        set_building(stage, x, y, stage.plan.heading_at(*place), size, roof, eaves, kind)


def paint_terraces(stage: Stage, zone: Zone) -> None:
    """Long narrow roofs, all alike, close together: joined houses or low flats with gardens."""
    rng = stage.rng
    lay(stage, zone, _ground(stage, {"grass": 4, "concrete": 2, "bare": 2, "asphalt_old": 1}))
    width, depth = zone.size
    across = rng.uniform(8.5, 13.0)
    along = min(rng.uniform(18, 70), 0.9 * width)
    gap = rng.uniform(4, 11)
    row = across + rng.uniform(7, 17)
    lane = stage.paved("concrete" if rng.random() < 0.7 else "asphalt")
    garden = stage.grass() if rng.random() < 0.6 else stage.bare(0.1)
    roofs = [draw_roof(stage, "terrace") for _ in range(1 if rng.random() < 0.75 else 2)]
    height = rng.uniform(5.5, 18.0)
    count = max(1, int((width + gap) // (along + gap)))
    left = zone.u0 + (width - count * (along + gap) + gap) / 2
    finished = 1.0 if rng.random() < 0.75 else rng.uniform(0.5, 0.9)
    for j in range(max(1, int(depth // row))):
        v = zone.v0 + (j + 0.5) * row
        plan_box(stage, zone.middle[0], v + row / 2 - 1.5, (width, 3.0), lane)
        for i in range(count):
            u = left + along / 2 + i * (along + gap)
            plan_box(stage, u, v - across / 2 - 1.5, (along, 3.0), garden)
            if rng.random() < finished:
                roof = roofs[int(rng.integers(len(roofs)))]
                _stand(stage, (u, v), (along, across), roof, height, "block")
    middle = lane if rng.random() < 0.5 else stage.grass()
    plan_box(stage, *zone.middle, (rng.uniform(4, 8), depth), middle)


def _oval(
    stage: Stage, place: tuple[float, float], straight: float, radius: float, surface: int
) -> None:
    """Lay a running track's shape, its straights along u."""
    u, v = place
    plan_box(stage, u, v, (straight, 2 * radius), surface)
    for end in (-0.5, 0.5):
        x, y = stage.plan.to_ground(u + end * straight, v)
        stage.canvas.disc(x, y, radius, surface)


def _coloured(stage: Stage, material: str) -> int:
    """Painted or rubber paving."""
    rng = stage.rng
    base = vary(rng, mix(spectrum(material), spectrum("asphalt_old"), rng.uniform(0, 0.5)), 0.15)
    return stage.table.add(PAVED, Look(ground=base, stain=(0.03, 0.02, 0.02)))


def _running_track(stage: Stage, place: tuple[float, float], room: tuple[float, float]) -> None:
    """A track round a field of grass, soil or rubber, as large as the room allows."""
    rng = stage.rng
    wanted = rng.uniform(16, 36)
    radius = min(wanted, 0.48 * room[1], 0.3 * room[0])
    straight = min(2.4 * wanted, room[0] - 2 * radius)
    if radius < 9 or straight < 8:
        return
    material = draw(rng, {"roof_red": 4, "roof_tile": 2, "soil_dark": 1, "asphalt": 1.5})
    track = stage.bare(0.1) if rng.random() < 0.15 else _coloured(stage, material)
    inner = (stage.grass() if rng.random() < 0.5 else
             stage.bare(0.1) if rng.random() < 0.4 else _coloured(stage, "roof_green"))  # fmt: skip
    _oval(stage, place, straight, radius, track)
    _oval(stage, place, straight, radius - min(rng.uniform(4, 9), 0.4 * radius), inner)


def paint_school(stage: Stage, zone: Zone) -> None:
    """Wings about a court, a running track, ball courts and rows of trees."""
    rng = stage.rng
    lay(stage, zone, _ground(stage, {"concrete": 4, "grass": 2, "bare": 1.5, "asphalt_old": 1}))
    width, depth = zone.size
    roof = draw_roof(stage, "school")
    height = rng.uniform(7, 18)
    spine = (min(rng.uniform(40, 110), 0.85 * width), rng.uniform(9, 16))
    top = zone.v0 + 0.06 * depth + spine[1] / 2
    left = zone.u0 + 0.06 * width + spine[0] / 2
    _stand(stage, (left, top), spine, roof, height, "block")
    reach = min(rng.uniform(18, 45), 0.4 * depth)
    for share in (-0.5, 0.0, 0.5) if rng.random() < 0.5 else (-0.5, 0.5):
        u = left + share * (spine[0] - 12)
        _stand(stage, (u, top + reach / 2), (rng.uniform(9, 14), reach), roof, height, "block")
    for k in range(int(rng.integers(0, 3))):
        v = top + reach + 14 + k * rng.uniform(20, 30)
        if v < zone.v1 - 10:
            size = (spine[0] * rng.uniform(0.5, 1.0), rng.uniform(10, 16))
            _stand(stage, (left, v), size, draw_roof(stage, "school"), height, "block")
    beside = zone.u1 - left - spine[0] / 2
    if beside > 45:
        _running_track(stage, (zone.u1 - beside / 2, zone.middle[1]), (beside, depth))
    elif depth - reach > 60:
        _running_track(stage, (zone.middle[0], zone.v1 - 32), (width, 60))
    for _ in range(int(rng.integers(0, 6))):
        court = _coloured(stage, str(rng.choice(["roof_green", "roof_red", "roof_blue"])))
        u, v = rng.uniform(zone.u0, zone.u1), rng.uniform(zone.v0, zone.v1)
        if stage.in_sight(u, v, 20) and zone.u0 + 9 < u < zone.u1 - 9 and v > top + reach + 10:
            plan_box(stage, u, v, (15.0, 28.0), court)
    for _ in range(int(rng.integers(3, 30))):
        u, v = rng.uniform(zone.u0, zone.u1), rng.choice([zone.v0 + 2, zone.v1 - 2])
        stage.plant(
            *stage.plan.to_ground(u, v), rng.uniform(1.2, 3), rng.uniform(3, 8), stage.tree()
        )


def paint_workshops(stage: Stage, zone: Zone) -> None:
    """Sheds and halls end to end with hardly a yard between them, each under its own roof."""
    rng = stage.rng
    lay(stage, zone, _ground(stage, {"concrete": 5, "asphalt_old": 1.5, "bare": 2.5}))
    along_u = rng.random() < 0.5
    run, span = zone.size if along_u else zone.size[::-1]
    across = rng.uniform(1, 4)
    kinds = str(rng.choice(["hall", "old hall", "town"]))
    while True:
        deep = rng.uniform(9, 40)
        if across + deep > span:
            return
        at = rng.uniform(0, 8)
        while at < run - 8:
            length = min(rng.uniform(10, 70), run - at)
            if rng.random() < 0.84:
                a, b = at + length / 2 - run / 2, across + deep / 2 - span / 2
                u, v = zone.middle
                place = (u + a, v + b) if along_u else (u + b, v + a)
                own = (length, deep * rng.uniform(0.8, 1.0))
                size = own if along_u else own[::-1]
                _stand(stage, place, size, draw_roof(stage, kinds), rng.uniform(4, 9), "hall")
            at += length + (0.3 if rng.random() < 0.4 else rng.uniform(1, 9))
        across += deep + (rng.uniform(0.5, 3) if rng.random() < 0.3 else rng.uniform(5, 16))


def paint_dense_town(stage: Stage, zone: Zone) -> None:
    """Houses of two and three floors wall to wall, with a slit of yard each; hardly a tree."""
    rng = stage.rng
    lot = (rng.uniform(8, 14), rng.uniform(12, 24))
    ground = _ground(stage, {"concrete": 4, "bare": 3, "asphalt_old": 1})
    lane = (stage.paved("concrete") if rng.random() < 0.6 else stage.bare(0.1),
            rng.uniform(2.5, 5.0), int(rng.integers(1, 3)))  # fmt: skip
    if stage.canvas.pixel_m > 0.9:
        house = (lot[0] * rng.uniform(0.85, 1.05), lot[1] * rng.uniform(0.6, 0.95))
        paint_lots(stage, zone, lot, house, "town", [ground], rng.uniform(0.85, 1.0), lane)
        return
    lay(stage, zone, ground)
    row = lot[1] + lane[1] / lane[2]
    for j in range(int(zone.size[1] // row)):
        v = zone.v0 + (j + 0.5) * row
        if j % lane[2] == 0:
            plan_box(stage, zone.middle[0], v - row / 2, (zone.size[0], lane[1]), lane[0])
        front = 1 if j % 2 else -1
        for i in range(int(zone.size[0] // lot[0])):
            u = zone.u0 + (i + 0.5) * lot[0]
            if rng.random() < 0.05 or not stage.in_sight(u, v, 20.0):
                continue
            deep = lot[1] * rng.uniform(0.35, 0.7)
            main = (lot[0] * rng.uniform(0.9, 1.0), deep)
            at = v + front * (lot[1] - deep) * 0.48
            _stand(stage, (u, at), main, draw_roof(stage, "town"), rng.uniform(3, 9.5), "house")
            if rng.random() < 0.75:
                wing = (lot[0] * rng.uniform(0.3, 0.5), lot[1] - deep)
                side = float(rng.choice([-0.5, 0.5])) * (lot[0] - wing[0])
                spot = (u + side, v - front * deep * 0.48)
                _stand(stage, spot, wing, draw_roof(stage, "town"), rng.uniform(2.5, 4), "shed")


def _huts(stage: Stage, zone: Zone) -> None:
    """Rows of the builders' sheet-metal huts, close together."""
    rng = stage.rng
    roof = draw_roof(stage, "hut")
    ground = stage.paved("concrete") if rng.random() < 0.6 else stage.bare(0.1)
    lay(stage, zone, ground)
    length = min(rng.uniform(15, 45), 0.95 * zone.size[0])
    for v in np.arange(zone.v0 + 4, zone.v1 - 3, rng.uniform(8, 12)):
        if rng.random() < 0.9:
            _stand(stage, (zone.middle[0], float(v)), (length, 5.8), roof, 3.0, "hall")


def _dust_net(stage: Stage, zone: Zone) -> None:
    """Green or black netting over heaped soil: stripped ground, whatever its colour."""
    rng = stage.rng
    net = spectrum("net_green" if rng.random() < 0.7 else "net_dark")
    look = Look(
        ground=vary(rng, net, 0.25, 0.08), canopy=stage.soil, mean=rng.uniform(0.1, 0.5),
        patch=(0.1, 0.3, 0.2), stain=(0.08, 0.06, 0.04),
    )  # fmt: skip
    worn(stage, zone, stage.table.add(BARE, look), rng.uniform(-0.3, 0.8))


def build_busy_site(stage: Stage, zone: Zone) -> None:
    """A large site at work: stripped ground, huts, nets, roads, towers and slabs half done."""
    rng = stage.rng
    paint_cleared(stage, zone)
    if rng.random() < 0.5:
        _dust_net(stage, zone)
    width, depth = zone.size
    road = stage.paved("concrete")
    plan_box(stage, *zone.middle, (width, rng.uniform(4, 7)), road)
    if rng.random() < 0.5:
        plan_box(stage, *zone.middle, (rng.uniform(4, 7), depth), road)
    if min(width, depth) > 40 and rng.random() < 0.75:
        deep = min(rng.uniform(20, 45), depth * 0.4)
        wide = min(rng.uniform(30, 90), width * 0.6)
        _huts(stage, Zone(zone.u0 + 3, zone.u0 + 3 + wide, zone.v0 + 3, zone.v0 + 3 + deep))
    rising = draw_roof(stage, "rising")
    block = (rng.uniform(15, 50), rng.uniform(11, 18))
    step = (block[0] + rng.uniform(10, 30), block[1] + rng.uniform(16, 40))
    slab, height = stage.paved("concrete_pale"), rng.uniform(3, 30)
    for v in np.arange(zone.middle[1] + step[1] / 2, zone.v1 - block[1] / 2, step[1]):
        for u in np.arange(zone.u0 + step[0] / 2, zone.u1 - block[0] / 2, step[0]):
            what = rng.random()
            if what < 0.45:
                _stand(stage, (float(u), float(v)), block, rising, height, "frame")
            elif what < 0.7:
                plan_box(stage, float(u), float(v), block, slab)
    for _ in range(int(rng.integers(0, 12))):
        u, v = rng.uniform(zone.u0, zone.u1), rng.uniform(zone.v0, zone.v1)
        heap(stage, u, v, rng.uniform(1.5, 6.0), stage.bare(0.2))


def build_quarter(stage: Stage, zone: Zone) -> None:
    """A quarter at one stroke: terraces, a school, workshops, a plot still idle, streets."""
    rng = stage.rng
    u, v = zone.middle
    du, dv = rng.normal(0, 0.08, 2) * zone.size
    street = stage.paved("asphalt" if rng.random() < 0.5 else "concrete")
    half = rng.uniform(3.5, 7.0)
    uses = (paint_terraces, paint_school, paint_workshops, paint_dense_town, build_busy_site)
    chances = np.array([4.0, 1.5, 2.0, 1.5, 1.5])
    for left, right in ((zone.u0, u + du - half), (u + du + half, zone.u1)):
        for low, high in ((zone.v0, v + dv - half), (v + dv + half, zone.v1)):
            part = Zone(left, right, low, high)
            if min(part.size) > 25:
                uses[int(rng.choice(len(uses), p=chances / chances.sum()))](stage, part)
    plan_box(stage, u + du, v, (2 * half, zone.size[1]), street)
    plan_box(stage, u, v + dv, (zone.size[0], 2 * half), street)
    for _ in range(int(math.hypot(*zone.size) / 12)):
        a = rng.uniform(zone.u0, zone.u1)
        x, y = stage.plan.to_ground(a, v + dv + float(rng.choice([-1, 1])) * (half + 1.5))
        stage.plant(x, y, rng.uniform(1.2, 2.6), rng.uniform(3, 7), stage.tree())
