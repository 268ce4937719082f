"""From an empty canvas to a town edge: roads, blocks and what fills them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from landshift.simulation.farmland import (
    paint_dry,
    paint_orchard,
    paint_paddy,
    paint_prairie,
    paint_strips,
    paint_tall,
    paint_vegetables,
)
from landshift.simulation.greenhouses import paint_multispan, paint_tunnels
from landshift.simulation.houses import car
from landshift.simulation.nature import (
    herb_strip,
    hill_wood,
    paint_fish_ponds,
    paint_grass,
    paint_lake,
    paint_pond,
    paint_river,
    paint_savanna,
    paint_waste,
    paint_wood,
)
from landshift.simulation.settlements import (
    lay,
    paint_apartments,
    paint_car_park,
    paint_housing_rows,
    paint_industry,
    paint_suburb,
    paint_village,
)
from landshift.simulation.spectra import draw
from landshift.simulation.stage import Stage, Zone
from landshift.simulation.towns import (
    paint_dense_town,
    paint_school,
    paint_terraces,
    paint_workshops,
)

PAINTERS: dict[str, Callable[[Stage, Zone], object]] = {
    "paddy": paint_paddy,
    "strips": paint_strips,
    "dry": paint_dry,
    "prairie": paint_prairie,
    "vegetables": paint_vegetables,
    "tall crops": paint_tall,
    "orchard": paint_orchard,
    "tunnels": paint_tunnels,
    "multispan": paint_multispan,
    "village": paint_village,
    "rows": paint_housing_rows,
    "suburb": paint_suburb,
    "apartments": paint_apartments,
    "industry": paint_industry,
    "terraces": paint_terraces,
    "school": paint_school,
    "workshops": paint_workshops,
    "dense town": paint_dense_town,
    "car park": paint_car_park,
    "wood": paint_wood,
    "savanna": paint_savanna,
    "waste": paint_waste,
    "grass": paint_grass,
    "pond": paint_pond,
    "fish ponds": paint_fish_ponds,
    "lake": paint_lake,
}
"""How each use of land is painted."""

FIELDS = frozenset({"paddy", "strips", "dry", "prairie", "vegetables", "tall crops", "orchard"})
GREENHOUSES = frozenset({"tunnels", "multispan"})
BUILT = frozenset({"village", "rows", "suburb", "apartments", "industry", "terraces", "school",
                   "workshops", "dense town"})  # fmt: skip
OPEN = frozenset({"waste", "grass", "savanna", "wood"})


@dataclass(frozen=True)
class Countryside:
    """A kind of place: what is found there and how it is divided."""

    uses: dict[str, float]
    """Chance of each use of land."""
    block_m: tuple[float, float]
    """Least and greatest block width."""
    roads: dict[str, float]
    """Chance of each kind of boundary between blocks."""
    western: bool = False
    """Suburbs rather than villages."""


_ASIAN = {"lane": 4.0, "dirt": 4.0, "ditch": 1.0, "hedge": 1.5, "road": 1.0, "none": 1.5,
          "canal": 0.4, "avenue": 0.15}
_TOWN = {"road": 4.0, "lane": 4.0, "dirt": 1.0, "hedge": 0.6, "none": 0.5, "avenue": 0.8,
         "canal": 0.2}
_CITY = {"road": 4.0, "avenue": 3.0, "lane": 1.5, "dirt": 0.5, "none": 0.5, "canal": 0.2}
_WEST = {"road": 3.0, "dirt": 0.7, "hedge": 1.5, "none": 4.0, "avenue": 0.3}

PLACES: dict[str, Countryside] = {
    "paddies": Countryside(
        {"paddy": 8, "dry": 1.5, "village": 1, "vegetables": 0.7, "pond": 0.6, "waste": 0.3,
         "tunnels": 0.5, "wood": 0.3, "fish ponds": 0.5},
        (90, 260), _ASIAN,
    ),
    "strip fields": Countryside(
        {"strips": 7, "vegetables": 2, "orchard": 1, "village": 1.2, "dry": 1, "waste": 0.5,
         "industry": 0.4, "tunnels": 0.5},
        (80, 260), _ASIAN,
    ),
    "dry hills": Countryside(
        {"dry": 6, "wood": 3, "grass": 1.5, "orchard": 1.5, "village": 0.6, "waste": 0.7,
         "vegetables": 0.8, "multispan": 0.3, "prairie": 1.5},
        (50, 190), _ASIAN,
    ),
    "village": Countryside(
        {"village": 6, "vegetables": 3, "strips": 1.5, "tunnels": 0.8, "orchard": 0.6,
         "waste": 0.8, "industry": 0.7, "wood": 0.5, "pond": 0.3},
        (45, 140), _ASIAN,
    ),
    "city": Countryside(
        {"apartments": 5, "industry": 3, "car park": 1.2, "waste": 2, "grass": 1, "village": 1.2,
         "wood": 0.4, "rows": 0.5},
        (70, 190), _CITY,
    ),
    "new town": Countryside(
        {"terraces": 3, "apartments": 3, "dense town": 3, "workshops": 2.5, "school": 1.5,
         "strips": 2.5, "dry": 2, "waste": 2.5, "industry": 1.5, "vegetables": 1.5, "grass": 1,
         "tunnels": 0.5, "village": 1, "paddy": 1, "tall crops": 1.5},
        (80, 230), _TOWN,
    ),
    "water land": Countryside(
        {"fish ponds": 5, "paddy": 3, "strips": 2, "pond": 1.5, "village": 1, "tunnels": 0.7,
         "wood": 0.7, "dry": 1, "lake": 0.8, "tall crops": 2.5},
        (70, 220), _ASIAN | {"canal": 2.5},
    ),
    "town edge": Countryside(
        {"village": 3, "apartments": 2, "industry": 2.5, "vegetables": 1.5, "strips": 1.5,
         "waste": 1.5, "tunnels": 1, "rows": 1, "grass": 0.5, "car park": 0.5, "paddy": 1},
        (55, 150), _TOWN,
    ),
    "greenhouse belt": Countryside(
        {"tunnels": 7, "vegetables": 2, "strips": 1.5, "village": 0.7, "waste": 0.5, "paddy": 1,
         "industry": 0.3, "dry": 0.7},
        (50, 140), _ASIAN,
    ),
    "island greenhouses": Countryside(
        {"multispan": 5, "dry": 4, "orchard": 3, "wood": 1.0, "vegetables": 1.5, "village": 1.0,
         "grass": 1, "waste": 0.6, "tunnels": 1.2, "rows": 0.3, "prairie": 1.0,
         "tall crops": 2.5},
        (45, 130), {"lane": 2, "dirt": 2, "hedge": 5, "road": 1.3, "none": 1},
    ),
    "industry": Countryside(
        {"industry": 7, "car park": 0.7, "waste": 1.5, "apartments": 0.7, "grass": 0.7,
         "strips": 0.7, "village": 0.7},
        (80, 230), _TOWN,
    ),
    "suburb": Countryside(
        {"suburb": 6, "savanna": 2.5, "grass": 1, "waste": 1, "wood": 0.7, "car park": 0.3,
         "prairie": 0.5, "industry": 0.3},
        (110, 260), _WEST, western=True,
    ),
    "ranch": Countryside(
        {"savanna": 6, "wood": 1.5, "prairie": 1.5, "suburb": 0.7, "waste": 1, "grass": 1.5,
         "lake": 0.4},
        (120, 350), _WEST, western=True,
    ),
    "big fields": Countryside(
        {"prairie": 7, "grass": 1, "wood": 0.8, "savanna": 0.7, "suburb": 0.2, "pond": 0.2,
         "lake": 2},
        (200, 600), _WEST, western=True,
    ),
}
"""The kinds of place, by name."""


@dataclass(frozen=True)
class Block:
    """A zone and what fills it."""

    zone: Zone
    """Where."""
    use: str
    """Key of `PAINTERS`."""


def _split(
    rng: np.random.Generator, zone: Zone, size: float, level: int
) -> list[tuple[Zone, Zone | None, int]]:
    """Cut a zone into blocks; (block, gap beside it, level of the cut)."""
    width, depth = zone.size
    if max(width, depth) < 1.7 * size or (max(width, depth) < 2.6 * size and rng.random() < 0.25):
        return [(zone, None, level)]
    share = rng.uniform(0.35, 0.65)
    if width > depth * rng.uniform(0.8, 1.25):
        cut = zone.u0 + share * width
        first, second = Zone(zone.u0, cut, zone.v0, zone.v1), Zone(cut, zone.u1, zone.v0, zone.v1)
        line = Zone(cut, cut, zone.v0, zone.v1)
    else:
        cut = zone.v0 + share * depth
        first, second = Zone(zone.u0, zone.u1, zone.v0, cut), Zone(zone.u0, zone.u1, cut, zone.v1)
        line = Zone(zone.u0, zone.u1, cut, cut)
    return [
        *_split(rng, first, size, level + 1),
        *_split(rng, second, size, level + 1),
        (zone, line, level),
    ]


def _road_surface(stage: Stage, kind: str) -> tuple[int, float]:
    """Surface and width of a way."""
    rng = stage.rng
    if kind == "road":
        name = "asphalt" if rng.random() < 0.6 else "asphalt_old"
        return stage.paved(name), rng.uniform(6.0, 11.0)
    if kind == "lane":
        return stage.paved("concrete" if rng.random() < 0.7 else "gravel"), rng.uniform(3.0, 5.0)
    return stage.bare(0.1), rng.uniform(2.0, 4.5)


def boundary(stage: Stage, line: Zone, kind: str) -> None:
    """A road, lane, ditch or row of trees along a line of the plan."""
    rng = stage.rng
    along_u = line.size[0] > line.size[1]
    if kind == "none":
        return

    def strip(width: float, offset: float = 0.0) -> Zone:
        half = width / 2
        if along_u:
            return Zone(line.u0, line.u1, line.v0 + offset - half, line.v0 + offset + half)
        return Zone(line.u0 + offset - half, line.u0 + offset + half, line.v0, line.v1)

    if kind in ("road", "lane", "dirt"):
        surface, width = _road_surface(stage, kind)
        verge = width + 2 * rng.uniform(0.3, 2.5)
        lay(stage, strip(verge), herb_strip(stage) if rng.random() < 0.8 else stage.bare(0.1))
        lay(stage, strip(width), surface)
        if kind == "road" and stage.canvas.pixel_m < 0.4 and rng.random() < 0.7:
            lay(stage, strip(0.25), stage.paved("marking"))
        if rng.random() < 0.35:
            _tree_row(stage, strip(0.1, (verge / 2 + 1) * rng.choice([-1, 1])), along_u)
    elif kind == "avenue":
        _avenue(stage, strip, along_u)
    elif kind == "canal":
        width = rng.uniform(7, 40)
        bank = herb_strip(stage) if rng.random() < 0.7 else stage.paved("concrete")
        lay(stage, strip(width + rng.uniform(3, 16)), bank)
        lay(stage, strip(width), stage.water())
    elif kind == "ditch":
        lay(stage, strip(rng.uniform(3, 6)), herb_strip(stage))
        lay(stage, strip(rng.uniform(0.8, 2.5)), stage.water())
    else:
        lay(stage, strip(rng.uniform(2, 5)), herb_strip(stage))
        _tree_row(stage, strip(0.1), along_u)


def _avenue(stage: Stage, strip: Callable[..., Zone], along_u: bool) -> None:
    """A wide road: carriageways with painted lanes and traffic, often a green middle."""
    rng = stage.rng
    lanes = int(rng.integers(2, 6))
    carriageway = lanes * rng.uniform(3.2, 3.8)
    middle = rng.uniform(1.0, 9.0) if rng.random() < 0.6 else 0.0
    width = 2 * carriageway + middle
    side = stage.paved("concrete") if rng.random() < 0.5 else herb_strip(stage)
    lay(stage, strip(width + rng.uniform(2, 22)), side)
    lay(stage, strip(width), stage.paved("asphalt" if rng.random() < 0.6 else "asphalt_old"))
    if middle:
        lay(stage, strip(middle), herb_strip(stage) if rng.random() < 0.7 else stage.bare(0.1))
    if stage.canvas.pixel_m < 0.6 and rng.random() < 0.85:
        paint = stage.paved("marking")
        for lane in range(lanes + 1):
            for turn in (-1, 1):
                offset = turn * (middle / 2 + lane * carriageway / lanes)
                line = strip(0.25, offset)
                if lane in (0, lanes):
                    lay(stage, line, paint)
                else:
                    _dashes(stage, line, along_u, paint)
    line = strip(0.1)
    length = line.size[0] if along_u else line.size[1]
    for _ in range(int(rng.poisson(length / 40.0 * rng.random())) if width < 80 else 0):
        along = rng.uniform(0, length)
        across = rng.choice([-1, 1]) * (middle / 2 + rng.uniform(0.1, 0.9) * carriageway)
        u, v = (line.u0 + along, line.v0 + across) if along_u else (
            line.u0 + across, line.v0 + along)  # fmt: skip
        if stage.in_sight(u, v, 3.0):
            x, y = stage.plan.to_ground(u, v)
            car(stage, x, y, stage.plan.heading_at(u, v) + (0.0 if along_u else math.pi / 2))
    for turn in (-1, 1):
        if rng.random() < 0.55:
            _tree_row(stage, strip(0.1, turn * (width / 2 + rng.uniform(1.5, 4))), along_u)


def _dashes(stage: Stage, line: Zone, along_u: bool, paint: int) -> None:
    """A broken line of 6 m dashes, 9 m apart."""
    start, stop = (line.u0, line.u1) if along_u else (line.v0, line.v1)
    for at in np.arange(start, stop, 15.0):
        end = min(float(at) + 6.0, stop)
        part = (Zone(float(at), end, line.v0, line.v1) if along_u
                else Zone(line.u0, line.u1, float(at), end))  # fmt: skip
        if stage.in_sight(*part.middle, 4.0):
            lay(stage, part, paint)


def _tree_row(stage: Stage, line: Zone, along_u: bool) -> None:
    """Trees along a line, close or loose."""
    rng = stage.rng
    pixel = stage.canvas.pixel_m
    radius = max(rng.uniform(1.0, 2.6), 0.6 * pixel)
    step = radius * rng.uniform(0.9, 3.0)
    length = line.size[0] if along_u else line.size[1]
    places = np.arange(0, length, step)[:600]
    places = places[rng.random(len(places)) < rng.uniform(0.6, 1.0)]
    u = line.u0 + places if along_u else np.full(len(places), line.u0)
    v = np.full(len(places), line.v0) if along_u else line.v0 + places
    rows, cols = stage.canvas.surface.shape
    points = []
    for a, b in zip(u, v, strict=True):
        x, y = stage.plan.to_ground(a, b + rng.normal(0, 0.4))
        if -5 < x < cols * pixel + 5 and -5 < y < rows * pixel + 5:
            points.append((x, y))
    stage.trees(np.asarray(points).reshape(-1, 2), radius, rng.uniform(3, 9))


def whole_plan(stage: Stage) -> Zone:
    """The least rectangle of the plan that covers the canvas."""
    return Zone(
        float(stage.u.min()), float(stage.u.max()), float(stage.v.min()), float(stage.v.max())
    )


def _districts(
    stage: Stage, zone: Zone, places: list[str]
) -> list[tuple[float, float, Countryside]]:
    """Middles of the kinds of place that share the scene."""
    rng = stage.rng
    extent = max(zone.size)
    count = max(1, min(int(rng.poisson((extent / 450.0) ** 1.5) + 1), 14))
    districts = []
    for _ in range(count):
        place = PLACES[places[int(rng.integers(len(places)))]]
        # No two places of a kind are alike: each favours some uses over others.
        uses = {name: w * float(np.exp(rng.normal(0, 0.9))) for name, w in place.uses.items()}
        u, v = rng.uniform(zone.u0, zone.u1), rng.uniform(zone.v0, zone.v1)
        districts.append((u, v, replace(place, uses=uses)))
    return districts


def paint_land(stage: Stage, places: list[str]) -> list[Block]:
    """Paint the whole canvas and return its blocks.

    Parameters
    ----------
    stage
        An empty stage.
    places
        Names of the kinds of place that may share the scene.
    """
    rng = stage.rng
    pixel_m = stage.canvas.pixel_m
    zone = whole_plan(stage)
    lay(stage, zone, stage.grass())
    districts = _districts(stage, zone, places)
    low, high = districts[0][2].block_m
    extent = min(stage.canvas.extent_m)
    size = max(min(rng.uniform(low, high), extent * rng.uniform(0.25, 0.7)), 32 * pixel_m)
    blocks: list[Block] = []
    lines = []
    for part, line, level in _split(rng, zone, size, 0):
        place = min(
            districts,
            key=lambda d: (d[0] - part.middle[0]) ** 2 + (d[1] - part.middle[1]) ** 2,
        )[2]
        if line is not None:
            lines.append((line, level, place))
            continue
        use = draw(rng, place.uses)
        again = rng.random() < (0.25 if extent < 600 else 0.5)
        if again and blocks and blocks[-1].use in place.uses:
            use = blocks[-1].use
        inner = part.shrunk(min(3.0, 0.05 * min(part.size)))
        PAINTERS[use](stage, inner)
        blocks.append(Block(inner, use))
    if rng.random() < (0.12 if extent < 600 else 0.6):
        kept = [block.zone for block in blocks if block.use in BUILT | GREENHOUSES]
        hill_wood(stage, rng.uniform(0.0, 1.0), kept)
    for line, level, place in sorted(lines, key=lambda entry: -entry[1]):
        kind = draw(rng, place.roads)
        if level == 0 and rng.random() < 0.6:
            kind = "avenue" if rng.random() < 0.2 else "road"
        boundary(stage, line, kind)
    _through_lines(stage, zone)
    return blocks


def _through_lines(stage: Stage, zone: Zone) -> None:
    """Now and then a river or a railway."""
    rng = stage.rng
    if rng.random() < 0.18:
        paint_river(stage, rng.uniform(zone.v0, zone.v1), rng.uniform(6, 90))
    if rng.random() < 0.08:
        v = rng.uniform(zone.v0, zone.v1)
        lay(stage, Zone(zone.u0, zone.u1, v - 6, v + 6), herb_strip(stage))
        lay(stage, Zone(zone.u0, zone.u1, v - 2.4, v + 2.4), stage.paved("ballast"))
        for side in (-0.75, 0.75):
            steel = stage.paved("roof_brown")
            lay(stage, Zone(zone.u0, zone.u1, v + side - 0.1, v + side + 0.1), steel)


def share_inside(stage: Stage, block: Block) -> float:
    """How much of a block lies well within the canvas, 0 to 1."""
    width, depth = stage.canvas.extent_m
    seen = 0
    for a in (0.2, 0.5, 0.8):
        for b in (0.2, 0.5, 0.8):
            u = block.zone.u0 + a * block.zone.size[0]
            v = block.zone.v0 + b * block.zone.size[1]
            x, y = stage.plan.to_ground(u, v)
            seen += int(0.06 * width < x < 0.94 * width and 0.06 * depth < y < 0.94 * depth)
    return seen / 9 if math.isfinite(width) else 0.0
