"""What came between the two dates, painted on the after canvas."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from landshift.simulation.greenhouses import paint_multispan, paint_tunnels
from landshift.simulation.houses import draw_roof, roof_look, set_building
from landshift.simulation.layout import (
    BUILT,
    FIELDS,
    GREENHOUSES,
    OPEN,
    Block,
    boundary,
    share_inside,
)
from landshift.simulation.nature import paint_cleared, paint_pond, paint_waste
from landshift.simulation.seasons import grass_look
from landshift.simulation.settlements import (
    lay,
    paint_apartments,
    paint_housing_rows,
    paint_industry,
    paint_suburb,
    paint_village,
    plan_box,
    set_halls,
)
from landshift.simulation.spectra import draw, spectrum, vary
from landshift.simulation.stage import BuildingRecord, Stage, Zone
from landshift.simulation.surfaces import BUILDING, HERBACEOUS, WATER, Look
from landshift.simulation.towns import (
    build_busy_site,
    build_quarter,
    paint_dense_town,
    paint_school,
    paint_terraces,
    paint_workshops,
)


@dataclass(frozen=True)
class Event:
    """Something that was built, torn down or dug."""

    kind: str
    """Which: "halls", "cleared", "houses removed" and so on."""
    x: float
    """Middle, metres east of the canvas's corner."""
    y: float
    """Middle, metres south of the canvas's corner."""


def _yard(stage: Stage, zone: Zone) -> None:
    """The ground round new halls."""
    draw_ground = stage.rng.random()
    if draw_ground < 0.45:
        paint_cleared(stage, zone)
    else:
        lay(stage, zone, stage.paved("concrete" if draw_ground < 0.85 else "asphalt"))


def _pads(stage: Stage, zone: Zone) -> None:
    """Slabs of concrete, flat on the ground: as pale as a roof and as straight, but no building."""
    rng = stage.rng
    slab = stage.paved("concrete_pale" if rng.random() < 0.5 else "concrete")
    for _ in range(int(rng.integers(1, 4))):
        size = (rng.uniform(8, 50), rng.uniform(6, 22))
        if rng.random() < 0.3:  # as broad as a hall, or broader
            size = (rng.uniform(18, 50), rng.uniform(18, 50))
        u = rng.uniform(zone.u0, zone.u1)
        v = rng.uniform(zone.v0, zone.v1)
        if zone.u0 + size[0] / 2 < u < zone.u1 - size[0] / 2:
            plan_box(stage, u, v, size if rng.random() < 0.6 else size[::-1], slab)


def build_halls(stage: Stage, zone: Zone) -> None:
    """Finished halls in a yard, with a wall round it."""
    rng = stage.rng
    _yard(stage, zone)
    if rng.random() < 0.4:
        _pads(stage, zone)
    inner = zone.shrunk(min(6.0, 0.08 * min(zone.size)))
    roofs = [draw_roof(stage, "hall") for _ in range(1 if rng.random() < 0.7 else 2)]
    set_halls(stage, inner, roofs, int(rng.choice([1, 2, 3, 4, 6], p=[0.2, 0.2, 0.35, 0.15, 0.1])))
    if rng.random() < 0.5:
        wall = stage.paved("roof_pale")
        width, depth = zone.size
        u, v = zone.middle
        for side in (-1, 1):
            plan_box(stage, u, v + side * depth / 2, (width, 0.5), wall, 2.2)
            plan_box(stage, u + side * width / 2, v, (0.5, depth), wall, 2.2)


def build_foundations(stage: Stage, zone: Zone) -> None:
    """Slabs and strip footings on stripped ground: no building yet."""
    rng = stage.rng
    paint_cleared(stage, zone)
    slab, footing = stage.paved("concrete"), stage.paved("concrete_pale")
    width, depth = zone.size
    for _ in range(int(rng.integers(1, 4))):
        length, across = width * rng.uniform(0.4, 0.8), min(rng.uniform(12, 28), depth * 0.4)
        u = zone.u0 + width / 2 + rng.normal(0, 0.05) * width
        v = zone.v0 + rng.uniform(0.2, 0.8) * depth
        if rng.random() < 0.5:
            plan_box(stage, u, v, (length, across), slab)
        step = rng.uniform(4, 8)
        for a in np.arange(-length / 2, length / 2 + 0.1, step):
            plan_box(stage, u + float(a), v, (0.6, across), footing, 0.3)
        for b in (-across / 2, 0.0, across / 2):
            plan_box(stage, u, v + b, (length, 0.6), footing, 0.3)


def build_frames(stage: Stage, zone: Zone) -> None:
    """Halls under construction: posts and beams, partly roofed."""
    rng = stage.rng
    paint_cleared(stage, zone)
    roof = draw_roof(stage, "hall")
    open_look = Look(
        ground=stage.soil * np.float32(0.8),
        canopy=vary(rng, spectrum("concrete"), 0.15),
        mean=rng.uniform(0.25, 0.5),
        row=rng.uniform(0.2, 0.4),
        period=rng.uniform(2.0, 6.0),
        heading=stage.plan.heading_at(*zone.middle) + math.pi / 2,
        patch=(0.1, 0.1, 0.05),
        stain=(0.1, 0.06, 0.04),
        streak=0.15,
        streak_period=5.0,
    )
    surface = stage.table.add(BUILDING, open_look)
    frame = replace(roof, cover=surface, skylight=None, gear=None, shape="flat")
    roofs = [frame, roof] if rng.random() < 0.4 else [frame]
    set_halls(stage, zone.shrunk(4.0), roofs, int(rng.integers(1, 4)))


def build_site(stage: Stage, zone: Zone) -> None:
    """A site half done: stripped ground, pads, a slab, one hall roofed or framed."""
    rng = stage.rng
    paint_cleared(stage, zone)
    _pads(stage, zone)
    width, depth = zone.size
    part = rng.uniform(0.35, 0.65)
    if width > depth:
        cut = zone.u0 + part * width
        ready, rest = Zone(zone.u0, cut, zone.v0, zone.v1), Zone(cut, zone.u1, zone.v0, zone.v1)
    else:
        cut = zone.v0 + part * depth
        ready, rest = Zone(zone.u0, zone.u1, zone.v0, cut), Zone(zone.u0, zone.u1, cut, zone.v1)
    if min(ready.size) > 16:
        set_halls(stage, ready.shrunk(3.0), [draw_roof(stage, "hall")], int(rng.integers(1, 4)))
    if min(rest.size) > 16 and rng.random() < 0.6:
        (build_frames if rng.random() < 0.5 else build_foundations)(stage, rest)


def build_suburb(stage: Stage, zone: Zone) -> None:
    """Streets and houses where there were none."""
    share = 1.0 if stage.rng.random() < 0.6 else stage.rng.uniform(0.2, 0.9)
    paint_suburb(stage, zone, share)


def build_tunnels(stage: Stage, zone: Zone) -> None:
    """New greenhouses."""
    if stage.rng.random() < 0.35:
        paint_multispan(stage, zone)
    else:
        paint_tunnels(stage, zone)


def build_road(stage: Stage, zone: Zone) -> None:
    """A road through the middle of a block."""
    u, v = zone.middle
    along_u = stage.rng.random() < 0.5
    line = Zone(zone.u0, zone.u1, v, v) if along_u else Zone(u, u, zone.v0, zone.v1)
    boundary(stage, line, str(stage.rng.choice(["road", "lane", "dirt"])))


def let_grow(stage: Stage, zone: Zone) -> None:
    """Ground given up: grass comes over it."""
    lay(stage, zone, stage.grass())


_NEW: dict[str, Callable[[Stage, Zone], None]] = {
    "halls": build_halls,
    "industry": paint_industry,
    "cleared": paint_cleared,
    "foundations": build_foundations,
    "frames": build_frames,
    "site": build_site,
    "apartments": paint_apartments,
    "rows": paint_housing_rows,
    "village": paint_village,
    "suburb": build_suburb,
    "greenhouses": build_tunnels,
    "pond": paint_pond,
    "road": build_road,
    "grown over": let_grow,
    "idle": paint_waste,
    "quarter": build_quarter,
    "busy site": build_busy_site,
    "terraces": paint_terraces,
    "school": paint_school,
    "workshops": paint_workshops,
    "dense town": paint_dense_town,
}

_ON_FIELDS = {"halls": 6, "cleared": 5, "foundations": 2, "frames": 2, "rows": 2, "greenhouses": 2,
              "industry": 2, "pond": 0.5, "road": 1.0, "site": 4, "apartments": 1.5, "village": 2,
              "idle": 2, "quarter": 4, "busy site": 3, "terraces": 2, "school": 1, "workshops": 2,
              "dense town": 1}
_ON_OPEN = {"halls": 5, "industry": 2, "rows": 1.5, "frames": 1, "cleared": 3, "suburb": 1,
            "greenhouses": 1, "foundations": 1, "road": 1.0, "site": 3, "apartments": 1.5,
            "village": 1.5, "quarter": 3, "busy site": 3, "terraces": 1.5, "school": 0.7,
            "workshops": 1.5, "dense town": 0.7}
_ON_BUILT = {"cleared": 4, "halls": 4, "grown over": 0.7, "rows": 1, "frames": 0.5, "site": 1.5,
             "apartments": 1.5, "busy site": 1.5, "terraces": 1, "workshops": 1}


def event_zone(stage: Stage, block: Block) -> Zone:
    """The part of a block that changes: all of it or a rectangle within."""
    rng = stage.rng
    zone = block.zone
    width, depth = zone.size
    if max(width, depth) < 40 or rng.random() < 0.4:
        return zone
    a = max(rng.uniform(0.4, 1.0) * width, min(width, 30.0))
    b = max(rng.uniform(0.4, 1.0) * depth, min(depth, 30.0))
    limit = rng.uniform(90, 260)
    a, b = min(a, limit), min(b, limit)
    u = zone.u0 + rng.uniform(0, width - a)
    v = zone.v0 + rng.uniform(0, depth - b)
    return Zone(u, u + a, v, v + b)


def change_block(stage: Stage, block: Block) -> Event | None:
    """Let one block change, in a way that fits what it was."""
    rng = stage.rng
    if block.use in FIELDS or block.use in GREENHOUSES:
        weights = dict(_ON_FIELDS)
        if block.use in GREENHOUSES:
            weights.pop("greenhouses")
    elif block.use in OPEN:
        weights = dict(_ON_OPEN)
    elif block.use in BUILT:
        weights = dict(_ON_BUILT)
    else:
        return None
    if stage.western:
        weights = {"suburb": 8, "cleared": 3, "halls": 1, "road": 0.5, "foundations": 0.5}
        if block.use == "suburb":
            weights = {"cleared": 1}
    kind = draw(rng, weights)
    zone = event_zone(stage, block)
    if min(zone.size) < 16:
        return None
    _NEW[kind](stage, zone)
    x, y = stage.plan.to_ground(*zone.middle)
    return Event(kind, x, y)


def remove_building(stage: Stage, record: BuildingRecord) -> Event:
    """Tear one building down; rubble or grass remain."""
    rng = stage.rng
    surface = stage.bare(0.2)
    if rng.random() < 0.3:
        look = grass_look(rng, stage.seasons[1], stage.soil, weedy=True)
        surface = stage.table.add(HERBACEOUS, look)
    stage.canvas.box(
        record.x, record.y, record.heading, record.length_m + 1, record.width_m + 1, surface
    )
    stage.buildings.remove(record)
    return Event("building removed", record.x, record.y)


def replace_building(stage: Stage, record: BuildingRecord) -> Event:
    """A new building, larger or other, in the place of an old one."""
    rng = stage.rng
    remove_building(stage, record)
    size = (record.length_m * rng.uniform(0.9, 1.7), record.width_m * rng.uniform(0.9, 1.6))
    kinds = "suburb" if stage.western else str(rng.choice(["village", "hall", "block"]))
    roof = draw_roof(stage, kinds)
    set_building(
        stage, record.x, record.y, record.heading, size, roof, rng.uniform(3, 9), "house"
    )
    return Event("building replaced", record.x, record.y)


def _covered(stage: Stage, x: float, y: float) -> int:
    """Land cover code at a point of the canvas, 0 off it."""
    rows, cols = stage.canvas.surface.shape
    row, col = int(y / stage.canvas.pixel_m), int(x / stage.canvas.pixel_m)
    if not (0 <= row < rows and 0 <= col < cols):
        return 0
    return stage.table.cover[int(stage.canvas.surface[row, col])]


def add_house(stage: Stage, block: Block) -> Event | None:
    """One new house on open ground."""
    rng = stage.rng
    zone = block.zone.shrunk(min(8.0, 0.3 * min(block.zone.size)))
    u, v = rng.uniform(zone.u0, zone.u1), rng.uniform(zone.v0, zone.v1)
    x, y = stage.plan.to_ground(u, v)
    if _covered(stage, x, y) == WATER:
        return None
    heading = stage.plan.heading_at(u, v) + (math.pi / 2 if rng.random() < 0.4 else 0)
    size = (rng.uniform(8, 24), rng.uniform(6, 13))
    ground = stage.bare(0.1) if rng.random() < 0.6 else stage.paved("concrete")
    yard = (size[0] + rng.uniform(2, 14), size[1] + rng.uniform(2, 14))
    stage.canvas.box(x, y, heading, *yard, ground)
    kinds = "suburb" if stage.western else str(rng.choice(["village", "hall"]))
    set_building(stage, x, y, heading, size, draw_roof(stage, kinds), rng.uniform(3, 6), "house")
    return Event("house", x, y)


def change_land(stage: Stage, blocks: list[Block]) -> list[Event]:
    """Let a random set of things happen; at least one if the scene allows it."""
    rng = stage.rng
    events: list[Event] = []
    inside = [b for b in blocks if share_inside(stage, b) > 0.2]
    order = rng.permutation(len(inside))
    wanted = 1 + int(rng.poisson(0.7 + 0.03 * len(inside)))
    if rng.random() < 0.3:  # a new district rather than a new factory
        wanted += int(rng.poisson(0.3 * len(inside)))
    for k in order:
        if len(events) >= wanted:
            break
        event = change_block(stage, inside[int(k)])
        if event is not None:
            events.append(event)
    width, depth = stage.canvas.extent_m
    standing = [b for b in stage.buildings if 0 < b.x < width and 0 < b.y < depth]
    for _ in range(int(rng.poisson(1.2)) if standing else 0):
        record = standing.pop(int(rng.integers(len(standing))))
        if record in stage.buildings:
            change = remove_building if rng.random() < 0.5 else replace_building
            events.append(change(stage, record))
        if not standing:
            break
    for k in order[: int(rng.poisson(0.8))]:
        event = add_house(stage, inside[int(k)])
        if event is not None:
            events.append(event)
    return events


def repaint_roofs(stage: Stage) -> None:
    """Some roofs get another colour between the dates; nothing was built."""
    rng = stage.rng
    if rng.random() < 0.6:
        return
    for k, code in enumerate(stage.table.cover):
        if code == BUILDING and rng.random() < 0.15:
            name = draw(rng, {"roof_blue": 2, "roof_red": 1, "roof_grey": 1, "roof_pale": 1,
                              "roof_white": 1, "roof_orange": 0.5})
            stage.table.looks[1][k] = roof_look(stage, name, 0.0)
