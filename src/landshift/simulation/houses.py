"""Single buildings: their roofs, walls and what stands beside them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from landshift.simulation.canvas import FloatArray, Patch
from landshift.simulation.spectra import draw, mix, spectrum, vary
from landshift.simulation.stage import BuildingRecord, Stage
from landshift.simulation.surfaces import BUILDING, PAVED, Look

_COLOURS = {
    "old village": {"roof_grey": 6, "roof_dark": 2, "roof_tile": 3, "roof_brown": 5,
                    "roof_orange": 0.7, "roof_pale": 1, "roof_blue": 0.5},
    "village": {"roof_grey": 3, "roof_orange": 2, "roof_red": 1, "roof_blue": 2, "roof_dark": 2,
                "roof_pale": 2, "roof_tile": 2, "roof_green": 0.7, "roof_white": 0.7},
    "blue village": {"roof_blue": 3, "roof_grey": 6, "roof_pale": 2, "roof_red": 1,
                     "roof_turquoise": 0.5, "roof_brown": 2},
    "shed": {"roof_grey": 4, "roof_blue": 1.5, "roof_rust": 2, "roof_pale": 2, "roof_brown": 1},
    "suburb": {"roof_dark": 3, "roof_grey": 5, "roof_brown": 4, "roof_tile": 1, "roof_pale": 0.5},
    "block": {"roof_grey": 5, "roof_pale": 4, "roof_red": 1.5, "roof_blue": 0.7, "roof_tile": 1},
    "hall": {"roof_blue": 4, "roof_white": 3, "roof_pale": 3, "roof_grey": 3, "roof_red": 1.3,
             "roof_light_blue": 1.5, "roof_green": 0.5, "roof_turquoise": 0.5,
             "roof_orange": 0.4},
    "old hall": {"roof_grey": 5, "roof_rust": 3, "roof_brown": 2, "roof_pale": 1.5,
                 "roof_dark": 1.5, "roof_blue": 1, "roof_tile": 1},
    "terrace": {"roof_red": 2.5, "roof_tile": 3, "roof_brown": 2, "roof_grey": 3, "roof_pale": 1.5,
                "roof_orange": 1, "roof_dark": 1.5, "roof_blue": 0.5},
    "school": {"roof_red": 3, "roof_grey": 3, "roof_pale": 2.5, "roof_tile": 2, "roof_blue": 1,
               "roof_dark": 1},
    "town": {"roof_grey": 6, "roof_pale": 3, "roof_brown": 3, "roof_dark": 2, "roof_blue": 2,
             "roof_rust": 1, "roof_tile": 1.5, "roof_red": 0.7, "roof_white": 0.5},
    "hut": {"roof_blue": 4, "roof_white": 2.5, "roof_light_blue": 2, "roof_pale": 1.5,
            "roof_red": 0.5},
    "rising": {"roof_pale": 3, "roof_grey": 3, "roof_rust": 1, "roof_brown": 0.7},
}


@dataclass(frozen=True)
class Roof:
    """A roof to set: its shape and the surfaces that make it."""

    shape: str
    """"gable", "hip" or "flat"."""
    pitch: float
    """Rise over run."""
    material: str
    """Name of the spectrum."""
    cover: int
    """Surface of the roof."""
    skylight: int | None
    """Surface of the light strips across, if it has them."""
    skylight_step: float
    """Metres from strip to strip."""
    skylight_width: float
    """Metres."""
    gear: int | None
    """Surface of ducts and tanks on it, if it has them."""


def roof_look(stage: Stage, material: str, aged: float) -> Look:
    """A roof; the run of its sheets is set when it is laid."""
    rng = stage.rng
    base = vary(rng, spectrum(material), 0.2, 0.07)
    # Paint fades and dust settles: few roofs keep their colour.
    base = mix(base, spectrum("roof_grey"), min(rng.exponential(0.12 + 0.25 * aged), 0.8))
    dirt = mix(spectrum("roof_brown"), spectrum("roof_dark"), rng.random())
    return Look(
        ground=base,
        canopy=dirt,
        mean=rng.uniform(0.0, 0.12) + 0.25 * aged * rng.random(),
        row=rng.uniform(0.0, 0.08),
        period=rng.uniform(0.8, 2.0),
        patch=(0.04 + 0.05 * aged, rng.uniform(0.02, 0.08) + 0.1 * aged, 0.04),
        stain=(rng.uniform(0.02, 0.07), rng.uniform(0.01, 0.05), 0.02),
        streak_light=rng.uniform(0.0, 0.05) + 0.04 * aged,
        streak_period=rng.uniform(1.0, 4.0),
        snow=0.9,
        wall=rng.uniform(0.35, 1.0),
        gloss=rng.uniform(0.0, 0.12),
    )


def draw_roof(stage: Stage, kinds: str) -> Roof:
    """A roof of the kind usual for "village", "suburb", "hall" and so on."""
    rng = stage.rng
    material = draw(rng, _COLOURS[kinds])
    industrial = kinds in ("hall", "old hall")
    aged = float(rng.beta(1, 2)) if kinds != "hall" else float(rng.beta(1, 6))

    def make() -> int:
        look = roof_look(stage, material, aged)
        after = look
        if rng.random() < 0.06:
            after = replace(roof_look(stage, draw(rng, _COLOURS[kinds]), aged), wall=look.wall)
        return stage.table.add(BUILDING, look, after)

    cover = make() if industrial else stage.shared(f"roof {kinds}", 14, make)
    shapes = {"gable": 6.0, "hip": 1.5, "flat": 3.0}
    if kinds == "suburb":
        shapes = {"hip": 5.0, "gable": 2.0}
    elif kinds in ("terrace", "school"):
        shapes = {"hip": 3.0, "gable": 3.0, "flat": 2.0}
    elif kinds in ("town", "hut", "rising"):
        shapes = {"flat": 5.0, "gable": 0.0 if kinds == "rising" else 3.0}
    elif kinds == "block":
        shapes = {"flat": 4.0, "hip": 1.0, "gable": 0.6}
    elif industrial:
        shapes = {"gable": 5.0, "flat": 3.0}
    skylight = gear = None
    if industrial and rng.random() < 0.33:
        skylight = stage.table.add(BUILDING, roof_look(stage, "skylight", 0.2))
    if rng.random() < (0.5 if kinds == "block" or industrial else 0.1):
        gear = stage.table.add(
            BUILDING, roof_look(stage, str(rng.choice(["roof_pale", "roof_dark", "solar"])), 0.3)
        )
    pitch = rng.uniform(0.08, 0.25) if industrial else rng.uniform(0.2, 0.6)
    return Roof(
        draw(rng, shapes),
        pitch,
        material,
        cover,
        skylight,
        rng.uniform(4.0, 12.0),
        rng.uniform(0.8, 1.6),
        gear,
    )


def _roof_form(
    patch: Patch, roof: Roof, length: float, width: float, eaves: float
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Height, and rise along and across, of a roof over its patch."""
    flat = np.zeros_like(patch.along)
    if roof.shape == "flat":
        return flat + np.float32(eaves), flat, flat
    from_side = np.float32(width / 2) - np.abs(patch.across)
    rise_across = -np.float32(roof.pitch) * np.sign(patch.across)
    if roof.shape == "gable":
        return np.float32(eaves) + np.float32(roof.pitch) * from_side, flat, rise_across
    from_end = np.float32(length / 2) - np.abs(patch.along)
    end = from_end < from_side
    height = np.float32(eaves) + np.float32(roof.pitch) * np.minimum(from_end, from_side)
    rise_along = np.where(end, -np.float32(roof.pitch) * np.sign(patch.along), 0)
    return height, rise_along.astype(np.float32), np.where(end, 0, rise_across).astype(np.float32)


def set_building(
    stage: Stage,
    x: float,
    y: float,
    heading: float,
    size: tuple[float, float],
    roof: Roof,
    eaves: float,
    kind: str,
) -> BuildingRecord:
    """Stand a building on the ground and note it down.

    Parameters
    ----------
    stage
        Where.
    x, y, heading
        Middle in metres and direction of ``size[0]``, radians from east, clockwise.
    size
        Outer length and width in metres.
    roof, eaves
        Its roof, and how high the eaves are, in metres.
    kind
        What the record shall say: "hall", "house", "suburban", "block" or "shed".
    """
    length, width = size
    record = BuildingRecord(x, y, heading, length, width, kind)
    if width > length:
        record = BuildingRecord(x, y, heading + math.pi / 2, width, length, kind)
    if kind != "shed":
        stage.buildings.append(record)
    x, y, heading, length, width = (
        record.x,
        record.y,
        record.heading,
        record.length_m,
        record.width_m,
    )
    patch = stage.canvas.patch(x, y, heading, length, width)
    if patch is None:
        return record
    inside = (np.abs(patch.along) <= length / 2) & (np.abs(patch.across) <= width / 2)
    height, rise_along, rise_across = _roof_form(patch, roof, length, width, eaves)
    surface: int | np.ndarray[tuple[int, ...], np.dtype[np.int32]] = roof.cover
    if roof.skylight is not None:
        place = (patch.along + np.float32(length / 2)) % np.float32(roof.skylight_step)
        band = np.abs(patch.across) - np.float32(width / 4)
        lit = (place < roof.skylight_width) & (np.abs(band) < width * 0.17)
        surface = np.where(lit, roof.skylight, roof.cover).astype(np.int32)
    stage.canvas.solid(
        patch, inside, heading, surface, height.astype(np.float32), rise_along, rise_across
    )
    if roof.gear is not None and roof.shape == "flat":
        for _ in range(int(stage.rng.integers(1, 6))):
            a = stage.rng.uniform(-0.42, 0.42) * length
            b = stage.rng.uniform(-0.35, 0.35) * width
            gx = x + math.cos(heading) * a - math.sin(heading) * b
            gy = y + math.sin(heading) * a + math.cos(heading) * b
            box = (stage.rng.uniform(1.0, 4.0), stage.rng.uniform(1.0, 3.0))
            stage.canvas.box(gx, gy, heading, *box, roof.gear, eaves + stage.rng.uniform(0.8, 2.5))
    return record


_CAR_COLOURS = ("roof_white", "roof_dark", "roof_grey", "roof_pale", "roof_red", "solar",
                "roof_blue")


def car(stage: Stage, x: float, y: float, heading: float) -> None:
    """Park a car or a lorry, unless pixels are too coarse to show one."""
    if stage.canvas.pixel_m > 1.6:
        return
    rng = stage.rng
    paint = str(rng.choice(_CAR_COLOURS))

    def make() -> int:
        return stage.table.add(
            PAVED, Look(ground=vary(rng, spectrum(paint), 0.2), stain=(0.05, 0.0, 0.0), gloss=0.3)
        )

    body = stage.shared(f"car {paint}", 2, make)
    size = (4.4, 1.8) if rng.random() < 0.9 else (rng.uniform(6, 11), 2.5)
    stage.canvas.box(x, y, heading + rng.normal(0, 0.05), *size, body, 1.5)
