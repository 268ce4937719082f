"""Houses of several wings under one roof, and the frames and slabs that they grow from."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from landshift.simulation.canvas import FloatArray
from landshift.simulation.houses import roof_look
from landshift.simulation.spectra import draw, mix, spectrum, vary
from landshift.simulation.stage import BuildingRecord, Stage
from landshift.simulation.surfaces import BUILDING, Look

SHINGLES = {"roof_grey": 5.0, "roof_brown": 3.0, "roof_dark": 3.0, "roof_tile": 0.6,
            "asphalt_old": 2.0}  # fmt: skip
"""Roofs of an estate: asphalt shingles, now and then clay."""
SHEETS = {"roof_grey": 4.0, "roof_blue": 2.5, "roof_red": 2.5, "roof_tile": 2.0, "roof_pale": 1.5,
          "roof_dark": 1.5, "roof_brown": 1.0, "roof_orange": 0.7, "concrete": 2.5,
          "roof_turquoise": 0.4}  # fmt: skip
"""Roofs of a village: tiles, painted sheet, bare concrete."""


@dataclass(frozen=True)
class Wing:
    """One body of a house, in the house's own directions; metres."""

    along: float
    """Middle along the street."""
    across: float
    """Middle away from the street."""
    length: float
    """Extent along the street."""
    depth: float
    """Extent away from the street."""
    eaves: float
    """Height of the eaves."""
    shape: str
    """"hip", "gable" or "flat"."""
    surface: int
    """Its roof."""


@dataclass(frozen=True)
class House:
    """A house to be: all of it within ``length`` by ``depth`` about its middle."""

    length: float
    """Extent along the street."""
    depth: float
    """Extent away from the street."""
    pitch: float
    """Rise over run of all its roofs."""
    wings: tuple[Wing, ...]
    """Its bodies; the higher roof wins where they meet."""
    kind: str
    """What its record says."""


def roofs_alike(stage: Stage, count: int, weights: dict[str, float]) -> list[int]:
    """Roofs as one builder lays them: of few materials, and none quite like the next."""
    rng = stage.rng
    first = draw(rng, weights)
    surfaces = []
    for _ in range(count):
        name = first if rng.random() < 0.7 else draw(rng, weights)
        look = roof_look(stage, name, 0.25 * float(rng.random()))
        soft = (rng.uniform(0.04, 0.1), rng.uniform(0.01, 0.04), 0.02)
        surfaces.append(stage.table.add(BUILDING, replace(look, stain=soft)))
    return surfaces


def roof_of(stage: Stage, material: str) -> int:
    """A surface of one roofing material."""
    return stage.table.add(BUILDING, roof_look(stage, material, 0.2))


def estate_house(stage: Stage, length: float, depth: float, surface: int) -> House:
    """A hipped or gabled house in the form of an L, a T or worse."""
    rng = stage.rng
    low = rng.uniform(2.7, 3.4)
    eaves = low + (2.6 if rng.random() < 0.35 else 0.0)
    main = "hip" if rng.random() < 0.75 else "gable"
    deep = rng.uniform(0.55, 0.8) * depth
    shift = rng.uniform(-0.5, 0.5) * (depth - deep)
    wings = [Wing(0.0, shift, length, deep, eaves, main, surface)]
    for side in [-1.0, *rng.choice([-1.0, 1.0], int(rng.integers(0, 3)))]:
        wide = rng.uniform(0.35, 0.62) * length
        reach = 0.5 * depth + side * shift  # from the ridge to the front or the back
        along = rng.choice([-0.5, 0.5, rng.uniform(-0.4, 0.4)]) * (length - wide)
        shape = "hip" if rng.random() < 0.6 else "gable"
        across = side * 0.5 * depth - side * 0.5 * reach
        own = low if rng.random() < 0.5 else eaves
        wings.append(Wing(float(along), float(across), wide, reach, own, shape, surface))
    return House(length, depth, rng.uniform(0.4, 0.85), tuple(wings), "suburban")


def village_house(
    stage: Stage, length: float, depth: float, surfaces: tuple[int, int], rear: float
) -> House:
    """A house across its lot, a lower part of another roof before it or beside it.

    ``rear`` is 1 when the main house stands at the far end of the lot, -1 when at the street's.
    """
    rng = stage.rng
    eaves = float(rng.choice([3.0, 3.4, 6.2, 6.8, 9.5], p=[0.3, 0.25, 0.25, 0.15, 0.05]))
    shape = str(rng.choice(["gable", "flat", "hip"], p=[0.6, 0.25, 0.15]))
    deep = depth * (rng.uniform(0.62, 0.8) if rng.random() < 0.6 else 1.0)
    main = Wing(0.0, rear * (depth - deep) / 2, length, deep, eaves, shape, surfaces[0])
    wings = [main]
    if deep < depth:
        front = depth - deep
        wide = length * rng.uniform(0.35, 1.0)
        along = rng.choice([-0.5, 0.5]) * (length - wide)
        low = eaves * rng.uniform(0.5, 1.0) - 0.2
        wings.append(
            Wing(float(along), -rear * (depth - front) / 2, wide, front + 0.3, low, "flat",
                 surfaces[1])
        )  # fmt: skip
    return House(length, depth, rng.uniform(0.25, 0.55), tuple(wings), "house")


def _body(
    wing: Wing, pitch: float, along: FloatArray, across: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Height of a wing, below zero off it, and its rise along and across."""
    a, b = along - np.float32(wing.along), across - np.float32(wing.across)
    from_end, from_side = np.float32(wing.length / 2) - np.abs(a), wing.depth / 2 - np.abs(b)
    inside = (from_end >= 0) & (from_side >= 0)
    end = from_end < from_side
    if wing.shape == "gable":
        end = np.full(end.shape, wing.length < wing.depth)
    slope = np.float32(0.0 if wing.shape == "flat" else pitch)
    height = np.float32(wing.eaves) + slope * np.where(end, from_end, from_side)
    rise_along = np.where(end, -slope * np.sign(a), 0)
    rise_across = np.where(end, 0, -slope * np.sign(b))
    return (
        np.where(inside, height, -1).astype(np.float32),
        rise_along.astype(np.float32),
        rise_across.astype(np.float32),
    )


def set_house(stage: Stage, house: House, x: float, y: float, heading: float) -> None:
    """Stand a house on the ground and note it down."""
    patch = stage.canvas.patch(x, y, heading, house.length, house.depth)
    if patch is None:
        return
    height = np.full(patch.along.shape, -1, np.float32)
    rises = np.zeros((2, *height.shape), np.float32)
    surface: NDArray[np.int32] = np.zeros(height.shape, np.int32)
    for wing in house.wings:
        top, rise_along, rise_across = _body(wing, house.pitch, patch.along, patch.across)
        higher = top > height
        height[higher], surface[higher] = top[higher], wing.surface
        rises[0][higher], rises[1][higher] = rise_along[higher], rise_across[higher]
    stage.canvas.solid(patch, height > 0, heading, surface, height, rises[0], rises[1])
    note_house(stage, house, x, y, heading)


def note_house(stage: Stage, house: House, x: float, y: float, heading: float) -> None:
    """Keep the record of a house: the least rectangle about all of it."""
    length, width, turn = house.length, house.depth, heading
    if width > length:
        length, width, turn = width, length, heading + math.pi / 2
    stage.buildings.append(BuildingRecord(x, y, turn, length, width, house.kind))


def framed(stage: Stage, house: House, heading: float) -> House:
    """The same house as posts and rafters: the floor shines through."""
    rng = stage.rng
    timber = mix(spectrum("straw"), spectrum("concrete_pale"), rng.uniform(0.0, 0.8))
    look = Look(
        ground=mix(stage.soil * np.float32(0.8), spectrum("concrete"), rng.uniform(0.1, 0.6)),
        canopy=vary(rng, timber, 0.15),
        mean=rng.uniform(0.35, 0.6),
        row=rng.uniform(0.15, 0.35),
        period=rng.uniform(1.6, 3.2),
        heading=heading,
        along=rng.uniform(0.1, 0.3),
        along_period=rng.uniform(1.6, 3.2),
        patch=(0.1, 0.05, 0.03),
        stain=(0.08, 0.04, 0.03),
    )
    surface = stage.table.add(BUILDING, look)
    bare = [replace(wing, shape="flat", surface=surface) for wing in house.wings]
    return replace(house, wings=tuple(bare))
