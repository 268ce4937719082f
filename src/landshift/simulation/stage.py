"""What every painter needs: the lie of the land, the palette of the place, the canvas."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from landshift.simulation.canvas import BoolArray, Canvas, FloatArray
from landshift.simulation.noise import noise
from landshift.simulation.seasons import Season, grass_look, tree_look, water_look
from landshift.simulation.spectra import Spectrum, mix, spectrum, vary
from landshift.simulation.surfaces import (
    BARE,
    HERBACEOUS,
    PAVED,
    WATER,
    WOODY,
    Look,
    SurfaceTable,
)


@dataclass(frozen=True)
class Plan:
    """How the place is laid out: turned by a heading and gently bent, as real roads are."""

    heading: float
    """Direction of the main roads, radians from east, clockwise."""
    waves: tuple[tuple[float, float, float, float, float], ...]
    """Bends: amplitude east, amplitude south (m), wave numbers (1/m, radians) and phase."""

    def bend(self, x: float, y: float) -> tuple[float, float]:
        """Where a point of the ground lies in the plan's straight coordinates, unturned."""
        for east, south, kx, ky, phase in self.waves:
            swing = math.sin(kx * x + ky * y + phase)
            x, y = x + east * swing, y + south * swing
        return x, y

    def to_ground(self, u: float, v: float) -> tuple[float, float]:
        """Ground position (x, y) of the plan's point (u, v)."""
        cos, sin = math.cos(self.heading), math.sin(self.heading)
        x, y = cos * u - sin * v, sin * u + cos * v
        for east, south, kx, ky, phase in reversed(self.waves):
            goal_x, goal_y = x, y
            for _ in range(3):
                swing = math.sin(kx * x + ky * y + phase)
                x, y = goal_x - east * swing, goal_y - south * swing
        return x, y

    def to_plan(self, x: float, y: float) -> tuple[float, float]:
        """The plan's point (u, v) of a ground position."""
        x, y = self.bend(x, y)
        cos, sin = math.cos(self.heading), math.sin(self.heading)
        return cos * x + sin * y, -sin * x + cos * y

    def heading_at(self, u: float, v: float) -> float:
        """Ground heading of the plan's u axis at a point."""
        ahead, behind = self.to_ground(u + 6.0, v), self.to_ground(u - 6.0, v)
        return math.atan2(ahead[1] - behind[1], ahead[0] - behind[0])


def draw_plan(rng: np.random.Generator, extent_m: float, bend: float = 0.05) -> Plan:
    """A layout for a scene about ``extent_m`` wide; ``bend`` is the greatest swing per wave."""
    waves = []
    for _ in range(2):
        length = rng.uniform(0.5, 1.6) * max(extent_m, 250.0)
        size = rng.beta(1.0, 2.5) * bend * length
        toward = rng.uniform(0, 2 * math.pi)
        push = rng.uniform(0, 2 * math.pi)
        number = 2 * math.pi / length
        waves.append(
            (
                size * math.cos(push),
                size * math.sin(push),
                number * math.cos(toward),
                number * math.sin(toward),
                rng.uniform(0, 2 * math.pi),
            )
        )
    return Plan(rng.uniform(0, math.pi), tuple(waves))


@dataclass(frozen=True)
class Zone:
    """A block of land between roads, a rectangle of the plan; metres."""

    u0: float
    """Least u."""
    u1: float
    """Greatest u."""
    v0: float
    """Least v."""
    v1: float
    """Greatest v."""

    @property
    def middle(self) -> tuple[float, float]:
        """The plan's point in the middle."""
        return (self.u0 + self.u1) / 2, (self.v0 + self.v1) / 2

    @property
    def size(self) -> tuple[float, float]:
        """Extent along u and along v."""
        return self.u1 - self.u0, self.v1 - self.v0

    def shrunk(self, margin: float) -> Zone:
        """The zone without a strip along its edge."""
        return Zone(self.u0 + margin, self.u1 - margin, self.v0 + margin, self.v1 - margin)


@dataclass(eq=False)
class ZoneWindow:
    """The pixels round a zone, in the plan's coordinates."""

    rows: slice
    """Rows of the canvas."""
    cols: slice
    """Columns of the canvas."""
    u: FloatArray
    """Metres from the zone's least u."""
    v: FloatArray
    """Metres from the zone's least v."""
    inside: BoolArray
    """Whether a pixel's middle lies in the zone."""


@dataclass(frozen=True)
class BuildingRecord:
    """A building as it stands on the ground."""

    x: float
    """Middle, metres east of the canvas's corner."""
    y: float
    """Middle, metres south of the canvas's corner."""
    heading: float
    """Direction of its length, radians from east, clockwise."""
    length_m: float
    """Outer length."""
    width_m: float
    """Outer width."""
    kind: str
    """"hall", "house", "suburban", "block", "shed" or "frame"."""


@dataclass(eq=False)
class Stage:
    """A scene being painted. Painters change ``canvas`` and ``buildings`` and nothing else."""

    rng: np.random.Generator
    """Source of chance."""
    plan: Plan
    """Lie of the roads."""
    table: SurfaceTable
    """Surfaces of both dates."""
    canvas: Canvas
    """The date being painted."""
    seasons: tuple[Season, Season]
    """Before and after."""
    soil: Spectrum
    """The soil of the place, shape (10,)."""
    evergreen: float
    """Share of trees that keep their leaves."""
    western: bool
    """Suburbs with lawns rather than compounds with courtyards."""
    u: FloatArray
    """Plan coordinate of every pixel."""
    v: FloatArray
    """The other one."""
    rough: FloatArray
    """Unit noise of the size of leaves and clods."""
    fractal: FloatArray
    """Unit noise at all sizes."""
    smooth: FloatArray
    """Unit noise of large soft shapes."""
    buildings: list[BuildingRecord] = field(default_factory=list)
    """Every building set so far and still standing."""
    palette: dict[str, list[int]] = field(default_factory=dict)
    """Surfaces shared by the whole scene, by purpose."""

    def window(self, zone: Zone) -> ZoneWindow | None:
        """The pixels of a zone, or None where it lies off the canvas."""
        corners = [
            self.plan.to_ground(u, v)
            for u in (zone.u0, (zone.u0 + zone.u1) / 2, zone.u1)
            for v in (zone.v0, (zone.v0 + zone.v1) / 2, zone.v1)
        ]
        xs, ys = [c[0] for c in corners], [c[1] for c in corners]
        slack = 0.03 * (max(xs) - min(xs) + max(ys) - min(ys)) + self.canvas.pixel_m
        rows, cols = self.canvas.window(
            min(xs) - slack, max(xs) + slack, min(ys) - slack, max(ys) + slack
        )
        if rows.start >= rows.stop or cols.start >= cols.stop:
            return None
        u = self.u[rows, cols] - np.float32(zone.u0)
        v = self.v[rows, cols] - np.float32(zone.v0)
        width, depth = zone.size
        inside = (u >= 0) & (u < width) & (v >= 0) & (v < depth)
        return ZoneWindow(rows, cols, u, v, inside) if inside.any() else None

    def in_sight(self, u: float, v: float, reach: float) -> bool:
        """Whether something at a plan point, ``reach`` metres large, can touch the canvas."""
        x, y = self.plan.to_ground(u, v)
        width, depth = self.canvas.extent_m
        return -reach < x < width + reach and -reach < y < depth + reach

    def shared(self, purpose: str, count: int, make: Callable[[], int]) -> int:
        """One of up to ``count`` surfaces that the scene keeps for a purpose."""
        kept = self.palette.setdefault(purpose, [])
        if len(kept) < count:
            kept.append(make())
            return kept[-1]
        return kept[int(self.rng.integers(len(kept)))]

    def local_soil(self) -> Spectrum:
        """The soil of the place as it is at one spot."""
        return vary(self.rng, self.soil, 0.12, 0.03)

    def grass(self) -> int:
        """A grass surface."""

        def make() -> int:
            soil = self.local_soil()
            weedy = bool(self.rng.random() < 0.4)
            looks = [grass_look(self.rng, season, soil, weedy) for season in self.seasons]
            return self.table.add(HERBACEOUS, looks[0], looks[1])

        return self.shared("grass", 10, make)

    def tree(self, evergreen: bool | None = None) -> int:
        """A crown surface."""
        needles = self.rng.random() < self.evergreen if evergreen is None else evergreen

        def make() -> int:
            looks = [tree_look(self.rng, s, bool(needles), self.soil) for s in self.seasons]
            return self.table.add(WOODY, looks[0], looks[1])

        return self.shared(f"tree {bool(needles)}", 7, make)

    def water(self) -> int:
        """A water surface."""

        def make() -> int:
            looks = [water_look(self.rng, season) for season in self.seasons]
            return self.table.add(WATER, looks[0], looks[1])

        return self.shared("water", 3, make)

    def pool(self) -> int:
        """A swimming pool."""

        def make() -> int:
            blue = Look(ground=vary(self.rng, spectrum("water_pool"), 0.1), stain=(0.03, 0.0, 0.0))
            return self.table.add(WATER, blue)

        return self.shared("pool", 2, make)

    def bare(self, rough: float = 0.10) -> int:
        """Trodden, driven or stripped ground."""

        def make() -> int:
            rng = self.rng
            soil = self.local_soil()
            pale = mix(soil, spectrum("soil_pale"), rng.uniform(0.0, 0.6))
            weeds = grass_look(rng, self.seasons[0], soil, weedy=True)
            look = Look(
                ground=vary(rng, pale, 0.15, 0.03),
                canopy=weeds.canopy if rng.random() < 0.4 else soil * np.float32(0.8),
                mean=rng.uniform(0.0, 0.3),
                patch=(0.12, rng.uniform(0.1, 0.35), rng.uniform(0.05, 0.25)),
                stain=(rough * rng.uniform(0.5, 1.5), rng.uniform(0.04, 0.12), 0.06),
            )
            return self.table.add(BARE, look)

        return self.shared(f"bare {rough:.1f}", 6, make)

    def paved(self, kind: str) -> int:
        """Asphalt, concrete or gravel: ``kind`` is a material name."""

        def make() -> int:
            rng = self.rng
            base = vary(rng, spectrum(kind), 0.18, 0.03)
            dirt = mix(base, self.soil, 0.7)
            look = Look(
                ground=base,
                canopy=dirt.astype(np.float32),
                mean=rng.uniform(0.0, 0.2),
                patch=(0.05, rng.uniform(0.03, 0.15), rng.uniform(0.03, 0.15)),
                stain=(0.04, rng.uniform(0.02, 0.06), 0.03),
                snow=0.7,
            )
            return self.table.add(PAVED, look)

        return self.shared(kind, 3, make)

    def plant(self, x: float, y: float, radius: float, height: float, surface: int) -> None:
        """Set one tree, unless it is far smaller than a pixel."""
        if radius > 0.6 * self.canvas.pixel_m or self.rng.random() < 0.25:
            least = max(radius, 0.75 * self.canvas.pixel_m)
            self.canvas.crown(x, y, least, height, surface, self.rough)

    def trees(self, points: NDArray[np.float64], radius: float, height: float) -> None:
        """Set trees at ground points (n, 2) around a mean radius and height."""
        kinds = [self.tree() for _ in range(3)]
        spread = np.exp(self.rng.normal(0, 0.28, len(points)))
        choice = self.rng.integers(0, 3, len(points))
        for (x, y), factor, kind in zip(points, spread, choice, strict=True):
            self.plant(x, y, radius * factor, height * factor, kinds[int(kind)])


def set_stage(
    rng: np.random.Generator,
    canvas: Canvas,
    plan: Plan,
    seasons: tuple[Season, Season],
    western: bool,
) -> Stage:
    """A stage on an empty canvas, with a soil drawn for the place."""
    rows, cols = canvas.surface.shape
    x = (np.arange(cols, dtype=np.float32) + 0.5) * canvas.pixel_m
    y = (np.arange(rows, dtype=np.float32) + 0.5) * canvas.pixel_m
    east, south = np.broadcast_to(x, (rows, cols)), np.broadcast_to(y[:, None], (rows, cols))
    for push_x, push_y, kx, ky, phase in plan.waves:
        swing = np.sin(
            np.float32(kx) * east + np.float32(ky) * south + np.float32(phase), dtype=np.float32
        )
        east = east + np.float32(push_x) * swing
        south = south + np.float32(push_y) * swing
    cos, sin = np.float32(math.cos(plan.heading)), np.float32(math.sin(plan.heading))
    names = ["soil_brown", "soil_red", "soil_yellow", "soil_grey", "soil_dark"]
    first, second = rng.choice(names, 2)
    soil = vary(rng, mix(spectrum(first), spectrum(second), rng.uniform(0, 0.5)), 0.22, 0.055)
    return Stage(
        rng,
        plan,
        SurfaceTable(),
        canvas,
        seasons,
        soil,
        float(rng.beta(0.7, 1.2)),
        western,
        np.asarray(cos * east + sin * south, np.float32),
        np.asarray(cos * south - sin * east, np.float32),
        noise(rng, "rough", (rows, cols)),
        noise(rng, "fractal", (rows, cols)),
        noise(rng, "smooth", (rows, cols)),
    )
