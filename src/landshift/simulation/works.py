"""What stood and what was built at the six named sites, drawn to measure."""

from __future__ import annotations

import math
from dataclasses import replace

from landshift.simulation.farmland import paint_paddy, paint_plots
from landshift.simulation.greenhouses import paint_tunnels
from landshift.simulation.houses import Roof, draw_roof, set_building
from landshift.simulation.nature import heap, paint_cleared, track, wander
from landshift.simulation.settlements import lay, paint_housing_rows, plan_box
from landshift.simulation.spectra import spectrum, vary
from landshift.simulation.stage import Stage, Zone
from landshift.simulation.surfaces import BUILDING, Look


def part(zone: Zone, u0: float, u1: float, v0: float, v1: float) -> Zone:
    """A rectangle of a zone, its sides given as shares of the zone's."""
    width, depth = zone.size
    return Zone(
        zone.u0 + u0 * width, zone.u0 + u1 * width, zone.v0 + v0 * depth, zone.v0 + v1 * depth
    )


def stand_hall(
    stage: Stage, zone: Zone, place: tuple[float, float], size: tuple[float, float], roof: Roof,
    kind: str = "hall",
) -> None:  # fmt: skip
    """Stand a hall; ``place`` are shares of the zone, ``size`` metres along u and v."""
    u = zone.u0 + place[0] * zone.size[0]
    v = zone.v0 + place[1] * zone.size[1]
    x, y = stage.plan.to_ground(u, v)
    # One azimuth for all halls of a site, as surveyors set them out.
    heading = stage.plan.heading_at(*zone.middle)
    set_building(stage, x, y, heading, size, roof, stage.rng.uniform(6.0, 8.0), kind)


def metal_roof(stage: Stage, material: str) -> Roof:
    """A new gable roof of painted sheet without light strips."""
    roof = draw_roof(stage, "hall")
    look = Look(
        ground=vary(stage.rng, spectrum(material), 0.08, 0.03),
        row=0.04,
        period=1.2,
        stain=(0.03, 0.02, 0.02),
        wall=0.7,
        gloss=0.08,
        snow=0.9,
    )
    cover = stage.table.add(BUILDING, look)
    return replace(
        roof, shape="gable", pitch=0.2, material=material, cover=cover, skylight=None, gear=None
    )


def open_frame(stage: Stage, heading: float) -> Roof:
    """A hall of posts and beams without its roof: the floor shines through."""
    look = Look(
        ground=stage.soil * 0.8,
        canopy=vary(stage.rng, spectrum("concrete"), 0.1),
        mean=0.38,
        row=0.32,
        period=5.0,
        heading=heading + math.pi / 2,
        streak=0.12,
        streak_period=5.0,
        patch=(0.1, 0.08, 0.05),
        stain=(0.1, 0.05, 0.03),
    )
    cover = stage.table.add(BUILDING, look)
    return replace(metal_roof(stage, "roof_grey"), shape="flat", cover=cover)


def slab(stage: Stage, zone: Zone, place: tuple[float, float], size: tuple[float, float]) -> None:
    """A foundation: concrete strips round and across a floor of soil or concrete."""
    u = zone.u0 + place[0] * zone.size[0]
    v = zone.v0 + place[1] * zone.size[1]
    floor, strip = stage.paved("concrete"), stage.paved("concrete_pale")
    plan_box(stage, u, v, size, floor)
    count = max(int(size[0] / 6.0), 1)
    for k in range(count + 1):
        plan_box(stage, u - size[0] / 2 + k * size[0] / count, v, (0.6, size[1]), strip)
    for side in (-0.5, 0.0, 0.5):
        plan_box(stage, u, v + side * size[1], (size[0], 0.6), strip)


def wall_round(stage: Stage, zone: Zone) -> None:
    """A wall of half a metre round a zone."""
    wall = stage.paved("roof_pale")
    (u, v), (width, depth) = zone.middle, zone.size
    for side in (-1, 1):
        plan_box(stage, u, v + side * (depth / 2 - 1.0), (width - 2, 0.5), wall, 2.2)
        plan_box(stage, u + side * (width / 2 - 1.0), v, (0.5, depth - 2), wall, 2.2)


def site_traffic(stage: Stage, zone: Zone) -> None:
    """Lorry tracks and heaps of a building site."""
    rng = stage.rng
    ground = stage.bare(0.2)
    for _ in range(3):
        track(stage, wander(rng, zone, 12), 3.0, ground, ruts=True)
    for _ in range(5):
        u = rng.uniform(zone.u0 + 5, zone.u1 - 5)
        heap(stage, u, zone.v0 + rng.uniform(0.02, 0.08) * zone.size[1], 2.5, ground)


def kyongsong_before(stage: Stage, zone: Zone) -> None:
    """Strip fields and vegetable beds."""
    paint_plots(stage, part(zone, 0.0, 0.62, 0.0, 1.0), "cereal", (9.0, 120.0), 0.5)
    paint_plots(stage, part(zone, 0.62, 1.0, 0.0, 1.0), "vegetable", (14.0, 40.0), 0.6)


def kyongsong_after(stage: Stage, zone: Zone) -> None:
    """A building site: one hall roofed, one in frames, foundations of a third."""
    paint_cleared(stage, zone)
    site_traffic(stage, zone)
    heading = stage.plan.heading_at(*zone.middle)
    stand_hall(stage, zone, (0.36, 0.25), (72.0, 18.0), metal_roof(stage, "roof_blue"))
    frame = open_frame(stage, heading)
    stand_hall(stage, zone, (0.36, 0.52), (72.0, 18.0), frame, "frame")
    slab(stage, zone, (0.36, 0.79), (60.0, 16.0))
    lay(stage, part(zone, 0.72, 0.92, 0.3, 0.6), stage.paved("concrete"))


def songchon_before(stage: Stage, zone: Zone) -> None:
    """Vegetable greenhouses all over."""
    paint_tunnels(stage, zone, films={"film_white": 2.0, "film_grey": 2.0, "film_blue": 1.0})


def songchon_after(stage: Stage, zone: Zone) -> None:
    """Three finished halls in a yard of concrete and soil."""
    paint_cleared(stage, zone)
    lay(stage, part(zone, 0.05, 0.95, 0.08, 0.62), stage.paved("concrete"))
    roof = metal_roof(stage, "roof_blue")
    for place in ((0.3, 0.22), (0.3, 0.48)):
        stand_hall(stage, zone, place, (64.0, 20.0), roof)
    stand_hall(stage, zone, (0.72, 0.35), (46.0, 24.0), metal_roof(stage, "roof_red"))
    wall_round(stage, zone)


def onchon_before(stage: Stage, zone: Zone) -> None:
    """Fields beside a block of greenhouses."""
    paint_plots(stage, part(zone, 0.0, 0.52, 0.0, 1.0), "cereal", (12.0, 130.0), 0.5)
    paint_tunnels(stage, part(zone, 0.54, 1.0, 0.0, 1.0))


def onchon_after(stage: Stage, zone: Zone) -> None:
    """Three halls on the fields; the greenhouses stay."""
    ground = part(zone, 0.0, 0.52, 0.0, 1.0)
    lay(stage, ground, stage.paved("concrete"))
    # Kept off the greenhouses by more than a spoil heap is wide: they stay untouched.
    paint_cleared(stage, part(zone, 0.02, 0.47, 0.72, 0.95))
    roof = metal_roof(stage, "roof_light_blue")
    for place in ((0.5, 0.14), (0.5, 0.36), (0.5, 0.58)):
        stand_hall(stage, ground, place, (88.0, 17.0), roof)


def kosan_before(stage: Stage, zone: Zone) -> None:
    """A hall in its yard, and paddies."""
    paint_paddy(stage, zone)
    yard = part(zone, 0.0, 0.4, 0.0, 1.0)
    lay(stage, yard, stage.paved("concrete"))
    stand_hall(stage, zone, (0.2, 0.3), (48.0, 16.0), metal_roof(stage, "roof_grey"))


def kosan_after(stage: Stage, zone: Zone) -> None:
    """Two more halls on the paddies."""
    ground = part(zone, 0.42, 1.0, 0.0, 1.0)
    paint_cleared(stage, ground)
    lay(stage, part(zone, 0.44, 0.98, 0.1, 0.75), stage.paved("concrete"))
    roof = metal_roof(stage, "roof_blue")
    stand_hall(stage, zone, (0.71, 0.27), (70.0, 18.0), roof)
    stand_hall(stage, zone, (0.71, 0.57), (70.0, 18.0), roof)


def kumya_before(stage: Stage, zone: Zone) -> None:
    """A cooperative farm: paddies and dry fields."""
    paint_paddy(stage, part(zone, 0.0, 0.55, 0.0, 1.0))
    paint_plots(stage, part(zone, 0.55, 1.0, 0.0, 1.0), "dry", (30.0, 80.0), 0.8)


def kumya_after(stage: Stage, zone: Zone) -> None:
    """Halls on one half, rows of new houses on the other."""
    works = part(zone, 0.0, 0.5, 0.0, 1.0)
    paint_cleared(stage, works)
    lay(stage, part(zone, 0.02, 0.48, 0.1, 0.8), stage.paved("concrete"))
    roof = metal_roof(stage, "roof_white")
    for share in (0.2, 0.45, 0.7):
        stand_hall(stage, works, (0.5, share), (96.0, 26.0), roof)
    paint_housing_rows(stage, part(zone, 0.52, 1.0, 0.0, 1.0))


def unchanged_before(stage: Stage, zone: Zone) -> None:
    """Fields on one side, a block of greenhouses on the other."""
    paint_plots(stage, part(zone, 0.0, 0.7, 0.0, 1.0), "dry", (40.0, 120.0), 1.0)
    paint_tunnels(stage, part(zone, 0.72, 1.0, 0.0, 1.0))
