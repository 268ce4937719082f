"""Streets, lots and houses of a settlement to be, before anything of it is painted."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from landshift.simulation.canvas import BoolArray, FloatArray
from landshift.simulation.estate_houses import (
    SHEETS,
    SHINGLES,
    House,
    estate_house,
    roofs_alike,
    village_house,
)
from landshift.simulation.spectra import mix, spectrum, vary
from landshift.simulation.stage import Stage
from landshift.simulation.surfaces import BARE, Look

_STEP_M = 1.0
"""Metres from point to point of a street's middle line."""
_VERGE_M = 3.0
"""Ground beside a side street that no lot of the main street takes."""


@dataclass(frozen=True, eq=False)
class Street:
    """The middle line of a street."""

    points: NDArray[np.float64]
    """On the ground, about `_STEP_M` apart, (n, 2)."""
    half_m: float
    """Half its width."""
    lot_m: float
    """Width of a lot along it."""
    close: bool = False
    """Whether it is the ring of a close: lots lie outside alone."""

    @property
    def ahead(self) -> NDArray[np.float64]:
        """Unit vector along it at each point, (n, 2)."""
        step = np.gradient(self.points, axis=0)
        return np.asarray(step / np.hypot(step[:, :1], step[:, 1:]))

    @property
    def places(self) -> NDArray[np.float64]:
        """Metres from its beginning at each point, (n,)."""
        return np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(self.points, axis=0).T))])


@dataclass(frozen=True, eq=False)
class Ground:
    """Whose ground each pixel of a window is, (row, col)."""

    rows: slice
    """Rows of the canvas."""
    cols: slice
    """Columns of the canvas."""
    lot: NDArray[np.int32]
    """Number of the lot from 1, 0 for none."""
    place: FloatArray
    """Metres along its street."""
    off: FloatArray
    """Metres from the edge of its street, negative on it."""
    edge: BoolArray
    """Where one lot ends."""


@dataclass(frozen=True, eq=False)
class Lot:
    """A lot and the house that it is for."""

    number: int
    """As in `Ground`."""
    window: tuple[slice, slice]
    """Where it lies in the window of `Ground`."""
    x: float
    """Middle of the house, metres east."""
    y: float
    """The same, metres south."""
    heading: float
    """Along the street; the street lies to the left, radians."""
    house: House | None
    """None where the lot is too small."""
    front_m: float
    """From the street's edge to the house."""
    drive_m: tuple[float, float]
    """Middle of the driveway along the street, and its width."""
    turn: float
    """When it is built on, from 0 for the first of the estate to 1."""


@dataclass(frozen=True, eq=False)
class Estate:
    """A settlement planned, and how far it comes."""

    village: bool
    """Rows of a village rather than an estate."""
    ground: Ground
    """Streets and lots on the canvas."""
    lots: tuple[Lot, ...]
    """All of them."""
    streets: tuple[int, int, int]
    """Surfaces of carriageway, kerb and driveways."""
    footpath: bool
    """Whether one runs beside the carriageway."""
    yards: tuple[int, ...]
    """Surfaces of the lots."""
    earth: int
    """Surface of the lots while building goes on."""
    graded: bool
    """Whether all of it was stripped before the first house."""
    early: bool
    """Whether the streets lay there before the first house."""
    fenced: bool
    """Whether fences or walls part the lots."""
    trees: float
    """How many are planted by a house, on average."""
    levels: tuple[float, float]
    """How far building has come on each date: lots whose turn is below it stand."""


def _winding(
    rng: np.random.Generator, start: tuple[float, float], heading: float, length: float,
    bend_m: float,
) -> NDArray[np.float64]:  # fmt: skip
    """Points of a way whose bends have about so large a radius."""
    count = max(int(length / _STEP_M), 8)
    knots = rng.normal(0, 1 / bend_m, max(count // 45, 1) + 2)
    curve = np.interp(np.linspace(0, len(knots) - 1, count), np.arange(len(knots)), knots)
    course = heading + np.cumsum(curve) * _STEP_M
    steps = np.stack([np.cos(course), np.sin(course)], axis=1) * _STEP_M
    return np.asarray(start) + np.cumsum(steps, axis=0)


def _close(end: NDArray[np.float64], heading: float, half_m: float) -> Street:
    """The ring in which a street ends."""
    radius = half_m + 1.6
    turn = np.arange(0, 2 * math.pi, _STEP_M / radius) + heading + math.pi
    ring = np.stack([np.cos(turn), np.sin(turn)], axis=1) * radius
    middle = end + radius * np.asarray([math.cos(heading), math.sin(heading)])
    return Street(middle + ring, radius + 0.3, 2 * math.pi * radius / 5.5, close=True)


def _clear_of(points: NDArray[np.float64], streets: list[Street], gap_m: float) -> int:
    """How many points come before one nearer than ``gap_m`` to any of the streets."""
    others = np.concatenate([street.points for street in streets])
    near = cKDTree(others).query(points)[0] < gap_m
    near[: int(gap_m / _STEP_M) + 4] = False  # where it leaves the street
    return int(np.argmax(near)) if near.any() else len(points)


def _winding_streets(
    rng: np.random.Generator, middle: tuple[float, float], heading: float, reach_m: float,
    lot: tuple[float, float],
) -> list[Street]:  # fmt: skip
    """One winding street with side streets that end in closes, or several abreast."""
    half = rng.uniform(3.8, 5.2)
    bend = float(np.exp(rng.uniform(np.log(70), np.log(600))))
    start = (
        middle[0] - reach_m * math.cos(heading), middle[1] - reach_m * math.sin(heading)
    )  # fmt: skip
    spine = Street(_winding(rng, start, heading, 2 * reach_m, bend), half, lot[0])
    gap = 2 * (lot[1] + half)
    streets = [spine]
    normal = np.stack([-spine.ahead[:, 1], spine.ahead[:, 0]], axis=1)
    if rng.random() < 0.45:
        for k in (-2, -1, 1, 2):
            beside = spine.points + k * gap * normal
            kept = np.einsum("ij,ij->i", np.gradient(beside, axis=0), spine.ahead) > 0.3
            if abs(k) * gap < 1.3 * reach_m and kept.all():
                streets.append(Street(beside, half, lot[0]))
        return streets
    side = 1.0
    for at in np.arange(rng.uniform(15, 50), spine.places[-1] - 15, gap * rng.uniform(0.5, 0.62)):
        side = -side if rng.random() < 0.9 else side
        k = min(int(at / _STEP_M), len(spine.points) - 1)
        course = math.atan2(*(side * normal[k])[::-1]) + rng.normal(0, 0.08)
        way = _winding(rng, tuple(spine.points[k]), course, rng.uniform(50, 150), bend)
        way = way[: _clear_of(way, streets, 0.8 * gap)]
        if len(way) > 45:
            last = way[-1] - way[-4]
            streets.append(Street(way, half, lot[0]))
            streets.append(_close(way[-1], math.atan2(last[1], last[0]), half))
    return streets


def _village_streets(
    rng: np.random.Generator, middle: tuple[float, float], heading: float, reach_m: float,
    lot: tuple[float, float],
) -> list[Street]:  # fmt: skip
    """Lanes side by side, nearly straight."""
    half = rng.uniform(1.4, 2.8)
    gap = 2 * (lot[1] + half)
    bend = float(np.exp(rng.uniform(np.log(250), np.log(4000))))
    start = (
        middle[0] - reach_m * math.cos(heading), middle[1] - reach_m * math.sin(heading)
    )  # fmt: skip
    line = _winding(rng, start, heading, 2 * reach_m, bend)
    normal = np.asarray([-math.sin(heading), math.cos(heading)])
    count = int(rng.uniform(0.3, 1.0) * reach_m / gap)
    return [
        Street(line[int(rng.uniform(0, 12)) :] + k * gap * normal, half, lot[0])
        for k in range(-count, count + 1)
    ]


@dataclass(frozen=True, eq=False)
class _Reach:
    """What the nearest of some streets is to each pixel, (row, col)."""

    lot: NDArray[np.int32]
    place: FloatArray
    off: FloatArray


def _reach(
    at: NDArray[np.float64], streets: list[Street], first: int, depth_m: float
) -> _Reach:  # fmt: skip
    """Lots of some streets at points (row, col, 2), numbered from ``first``."""
    points = np.concatenate([street.points for street in streets])
    far = depth_m + max(street.half_m for street in streets)
    distance, nearest = cKDTree(points).query(at, distance_upper_bound=far)
    seen = nearest < len(points)
    near = np.where(seen, nearest, 0)
    which = np.repeat(np.arange(len(streets)), [len(street.points) for street in streets])[near]
    ahead = np.concatenate([street.ahead for street in streets])[near]
    away = at - points[near]
    past = away[..., 0] * ahead[..., 0] + away[..., 1] * ahead[..., 1]
    right = ahead[..., 0] * away[..., 1] - ahead[..., 1] * away[..., 0] > 0
    ends = np.concatenate([np.arange(len(s.points)) % (len(s.points) - 1) == 0 for s in streets])
    beyond = ends[near] & (np.abs(past) > _STEP_M)
    place = np.concatenate([street.places for street in streets])[near]
    place = place + np.clip(past, -_STEP_M / 2, _STEP_M / 2)
    total = np.asarray([street.places[-1] for street in streets])[which]
    lots = np.asarray([_count(street) for street in streets])
    before = np.concatenate([[0], np.cumsum(2 * lots)])
    number = np.clip((place / total * lots[which]).astype(np.int32), 0, lots[which] - 1)
    close = np.asarray([street.close for street in streets])[which]
    off = np.where(seen, distance - np.asarray([s.half_m for s in streets])[which], np.inf)
    # The ring of a close runs clockwise: its lots lie to the left.
    off = np.where(close & right & seen, np.minimum(off, -0.1), off)
    owned = seen & (off > 0) & (off < depth_m) & ~beyond
    lot = np.where(owned, first + before[which] + 2 * number + right, 0)
    return _Reach(lot.astype(np.int32), place.astype(np.float32), off.astype(np.float32))


def _ground(stage: Stage, streets: list[Street], depth_m: float) -> Ground | None:
    """Give each pixel near the streets to a lot; the first street has all its lots whole."""
    points = np.concatenate([street.points for street in streets])
    reach = depth_m + max(street.half_m for street in streets)
    low, high = points.min(axis=0) - reach, points.max(axis=0) + reach
    canvas = stage.canvas
    rows, cols = canvas.window(low[0], high[0], low[1], high[1])
    if rows.stop - rows.start < 12 or cols.stop - cols.start < 12:
        return None
    x = (np.arange(cols.start, cols.stop) + 0.5) * canvas.pixel_m
    y = (np.arange(rows.start, rows.stop) + 0.5) * canvas.pixel_m
    at = np.stack(np.broadcast_arrays(x[None, :], y[:, None]), axis=-1)
    main = _reach(at, streets[:1], 1, depth_m)
    lot, place, off = main.lot, main.place, main.off
    if len(streets) > 1:
        side = _reach(at, streets[1:], 1 + 2 * _count(streets[0]), depth_m)
        give = (lot == 0) & (off > 0) | (side.off < _VERGE_M)
        lot = np.where(give, np.where(off > _VERGE_M, side.lot, 0), lot).astype(np.int32)
        place = np.where(give, side.place, place)
        off = np.where(give, np.minimum(off, side.off), off)
        lot[off < 0] = 0
    edge = np.zeros(lot.shape, bool)
    edge[:, 1:] |= lot[:, 1:] != lot[:, :-1]
    edge[1:] |= lot[1:] != lot[:-1]
    return Ground(rows, cols, lot, place, off, edge)


def _count(street: Street) -> int:
    """How many lots there are along each side of a street."""
    return max(int(street.places[-1] / street.lot_m), 1)


@dataclass(frozen=True)
class _Manner:
    """What the houses of a settlement share."""

    village: bool
    roofs: tuple[int, ...]
    lot_m: tuple[float, float]
    front_m: float
    design: tuple[float, float] | None
    """Shares of the lot that every house takes; None where each has its own."""
    facing: float
    """The side of a lane whose houses stand at the rear of their lots: 1 right, -1 left."""


def _manner(stage: Stage, village: bool, lot_m: tuple[float, float]) -> _Manner:
    rng = stage.rng
    roofs = tuple(roofs_alike(stage, 8, SHEETS if village else SHINGLES))
    design = None
    if village and rng.random() < 0.45:
        roofs = roofs[:2]
        design = (rng.uniform(0.7, 0.98), rng.uniform(0.4, 0.72))
    front = 0.7 if village else rng.uniform(4.5, 8.0)
    return _Manner(village, roofs, lot_m, front, design, float(rng.choice([-1.0, 1.0])))


def _house(stage: Stage, manner: _Manner, width: float, right: bool) -> tuple[House, float]:
    """A house for a lot, and how far it stands from the street."""
    rng = stage.rng
    depth = manner.lot_m[1]
    if not manner.village:
        front = manner.front_m + abs(rng.normal(0, 0.8))
        size = width - rng.uniform(1.5, 3.5), (depth - front) * rng.uniform(0.56, 0.78)
        return estate_house(stage, *size, int(rng.choice(manner.roofs))), front
    # All houses of a village look the same way, whichever side of the lane they stand.
    rear = manner.facing if right else -manner.facing
    share = manner.design or (rng.uniform(0.7, 1.0), rng.uniform(0.4, 0.75))
    roofs = int(rng.choice(manner.roofs)), int(rng.choice(manner.roofs))
    house = village_house(stage, width * share[0], depth * share[1], roofs, rear)
    return house, depth - house.depth - 0.5 if rear > 0 else manner.front_m


def _fits(stage: Stage, ground: Ground, lot: Lot, house: House) -> bool:
    """Whether a house lies on its own lot, as far as the canvas shows it."""
    patch = stage.canvas.patch(lot.x, lot.y, lot.heading, house.length, house.depth)
    if patch is None:
        return False
    inside = np.abs(patch.along) <= house.length / 2
    inside &= np.abs(patch.across) <= house.depth / 2
    top, left = ground.rows.start, ground.cols.start
    if patch.rows.start < top or patch.cols.start < left:
        return False
    owner = ground.lot[patch.rows.start - top : patch.rows.stop - top,
                       patch.cols.start - left : patch.cols.stop - left]  # fmt: skip
    if owner.shape != inside.shape or not inside.any():
        return False
    return float((owner[inside] == lot.number).mean()) > 0.95


def _lots(
    stage: Stage, manner: _Manner, streets: list[Street], ground: Ground
) -> tuple[Lot, ...]:  # fmt: skip
    """All lots in sight, each with a house where one of three sizes fits."""
    rng = stage.rng
    windows = ndimage.find_objects(ground.lot)
    waves = rng.uniform(0, 2 * math.pi, 2)
    lots: list[Lot] = []
    first = 1
    for street in streets:
        count, ahead, total = _count(street), street.ahead, float(street.places[-1])
        width = manner.lot_m[0] if street.close else total / count
        own_turn = rng.uniform(0.25, 0.75)
        for k, right in [(k, right) for k in range(count) for right in (False, True)]:
            number = first + 2 * k + right
            window = windows[number - 1] if number <= len(windows) else None
            if window is None:
                continue
            middle = (k + 0.5) * total / count
            at = min(int(np.searchsorted(street.places, middle)), len(ahead) - 1)
            heading = math.atan2(ahead[at, 1], ahead[at, 0]) + (0.0 if right else math.pi)
            # Builders go street by street, so whole stretches are of one age.
            turn = own_turn + 0.25 * math.sin(middle / 45 + waves[int(right)])
            turn = float(np.clip(turn + rng.normal(0, 0.06), 0.0, 1.0))
            side = 0.0 if street.close else float(rng.choice([-0.28, 0.28]))
            for shrink in (1.0, 0.9, 0.8, 0.65):
                house, front = _house(stage, manner, shrink * width, right)
                out = street.half_m + front + house.depth / 2
                x, y = street.points[at] + out * np.asarray([-math.sin(heading), math.cos(heading)])
                # Ways off the ring of a close widen outward.
                drive_m = rng.uniform(1.6, 2.4) if street.close else rng.uniform(3.5, 6.0)
                drive = middle + side * house.length, drive_m
                lot = Lot(number, window, float(x), float(y), heading, house, front, drive, turn)
                if _fits(stage, ground, lot, house):
                    break
                lot = replace(lot, house=None)
            lots.append(lot)
        first += 2 * count
    return tuple(lots)


def plan_estate(stage: Stage, village: bool, changes: bool) -> Estate | None:
    """Lay out a settlement somewhere on the canvas; None where it would lie off it.

    Parameters
    ----------
    stage
        Where; nothing is painted yet.
    village
        A village in rows rather than an estate on winding streets.
    changes
        Whether building goes on between the dates.
    """
    rng = stage.rng
    width, depth = stage.canvas.extent_m
    middle = width * rng.uniform(0.2, 0.8), depth * rng.uniform(0.2, 0.8)
    reach = min(rng.uniform(0.35, 0.75) * max(width, depth), rng.uniform(90, 260))
    heading = stage.plan.heading + (math.pi / 2 if rng.random() < 0.5 else 0.0)
    if village:
        lot_m = rng.uniform(9.5, 15.0), rng.uniform(12.0, 21.0)
        streets = _village_streets(rng, middle, heading, reach, lot_m)
    else:
        lot_m = rng.uniform(14.0, 22.0), rng.uniform(27.0, 37.0)
        streets = _winding_streets(rng, middle, heading, reach, lot_m)
    ground = _ground(stage, streets, lot_m[1])
    if ground is None:
        return None
    lots = _lots(stage, _manner(stage, village, lot_m), streets, ground)
    names = (["concrete", "asphalt", "asphalt_old"] if not village or rng.random() < 0.5
             else ["concrete", "gravel", "concrete_pale"])  # fmt: skip
    way = stage.paved(str(rng.choice(names)))
    pale = stage.paved("concrete_pale")
    lawn = stage.grass()
    yards = [lawn, lawn, lawn, stage.grass()]
    if village:
        yards = [stage.paved("concrete"), stage.bare(0.1), stage.bare(0.1), stage.grass()]
    before = rng.uniform(0.1, 0.75) if rng.random() < 0.5 else -1.0
    after = 1.3 if rng.random() < 0.4 else rng.uniform(max(before, 0.2) + 0.2, 1.25)
    if not changes:
        before = after = 1.3 if rng.random() < 0.7 else rng.uniform(0.2, 1.2)
    return Estate(
        village=village,
        ground=ground,
        lots=lots,
        streets=(way, pale if rng.random() < 0.5 else way, pale),
        footpath=bool(not village and rng.random() < 0.5),
        yards=tuple(yards),
        earth=_stripped(stage),
        graded=bool(rng.random() < 0.5),
        early=bool(rng.random() < 0.5),
        fenced=bool(rng.random() < 0.75),
        trees=float(rng.exponential(1.3)),
        levels=(float(before), float(after)),
    )


def _stripped(stage: Stage) -> int:
    """Ground without its topsoil: paler than what lies about, and alike over the whole estate."""
    rng = stage.rng
    if rng.random() < 0.4:
        return stage.bare(0.1)
    subsoil = vary(rng, mix(stage.soil, spectrum("soil_pale"), rng.uniform(0.3, 1.0)), 0.15)
    look = Look(
        ground=subsoil, canopy=stage.soil, mean=rng.uniform(0.0, 0.25),
        patch=(0.1, rng.uniform(0.05, 0.3), rng.uniform(0.05, 0.2)), stain=(0.08, 0.08, 0.06),
    )  # fmt: skip
    return stage.table.add(BARE, look)
