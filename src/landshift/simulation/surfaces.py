"""How a surface looks on a date, and the table of all surfaces of a scene.

A surface is a ground seen through a cover that varies: soil and crop rows, film and what
grows under it, asphalt and its stains. All textures of a scene are drawn in one pass from
the numbers kept here, so a scene may have thousands of surfaces at no cost.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from landshift.legend import COVERS
from landshift.simulation.spectra import Spectrum

CROPLAND, GREENHOUSE, BUILDING, BARE, PAVED, WOODY, HERBACEOUS, WATER = map(int, COVERS)
"""The legend's codes as plain numbers; 0 is unknown."""


@dataclass(frozen=True, eq=False)
class Look:
    """What a surface looks like on one date; lengths in metres, shares from 0 to 1."""

    ground: Spectrum
    """Reflectance below, shape (10,)."""
    canopy: Spectrum | None = None
    """Reflectance of what partly covers the ground."""
    mean: float = 0.0
    """Share that the canopy covers on average."""
    row: float = 0.0
    """How much the covered share swings from row to gap."""
    period: float = 1.0
    """Distance from row to row."""
    heading: float = 0.0
    """Direction of the rows: radians from east, clockwise as seen from above."""
    along: float = 0.0
    """How much the covered share swings along the row."""
    along_period: float = 3.0
    """Distance from plant to plant along the row."""
    streak: float = 0.0
    """Standard deviation of the covered share from row to row."""
    streak_period: float = 3.0
    """Width of those streaks."""
    patch: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Standard deviation of the covered share: grain, fractal, smooth."""
    stain: tuple[float, float, float] = (0.03, 0.04, 0.03)
    """Standard deviation of the brightness: grain, fractal, smooth."""
    streak_light: float = 0.0
    """Standard deviation of the brightness from streak to streak."""
    snow: float = 1.0
    """How readily snow stays on it."""
    wall: float = 0.5
    """Brightness of its side when it stands upright, against its top."""
    gloss: float = 0.0
    """How strongly slopes toward the sun glitter."""

    def numbers(self) -> tuple[float, ...]:
        """The texture parameters in the order of `Texture` fields."""
        return (
            self.mean,
            self.row,
            1.0 / max(self.period, 1e-3),
            float(np.sin(self.heading)),
            float(np.cos(self.heading)),
            self.along,
            1.0 / max(self.along_period, 1e-3),
            self.streak,
            1.0 / max(self.streak_period, 1e-3),
            *self.patch,
            *self.stain,
            self.streak_light,
            self.snow,
            self.wall,
            self.gloss,
        )


TEXTURE_FIELDS = (
    "mean",
    "row",
    "row_rate",
    "row_sin",
    "row_cos",
    "along",
    "along_rate",
    "streak",
    "streak_rate",
    "patch_grain",
    "patch_fractal",
    "patch_smooth",
    "stain_grain",
    "stain_fractal",
    "stain_smooth",
    "streak_light",
    "snow",
    "wall",
    "gloss",
)
"""Names of the columns that `Look.numbers` gives."""


@dataclass
class SurfaceTable:
    """All surfaces of a scene; a canvas holds their numbers, pixel by pixel."""

    cover: list[int] = field(default_factory=list)
    """Land cover code of each surface."""
    looks: tuple[list[Look], list[Look]] = field(default_factory=lambda: ([], []))
    """How each looks before, and after."""

    def add(self, cover: int, before: Look, after: Look | None = None) -> int:
        """Keep a surface and return its number."""
        self.cover.append(cover)
        self.looks[0].append(before)
        self.looks[1].append(before if after is None else after)
        return len(self.cover) - 1

    def cover_codes(self) -> NDArray[np.uint8]:
        """Land cover code by surface number, shape (surface,)."""
        return np.asarray(self.cover, dtype=np.uint8)

    def spectra(
        self, date: int, bands: NDArray[np.intp]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Reflectance of ground, and canopy less ground; both (band, surface)."""
        looks = self.looks[date]
        ground = np.stack([look.ground for look in looks]).T[bands]
        canopy = np.stack([look.ground if look.canopy is None else look.canopy for look in looks])
        return np.ascontiguousarray(ground), np.ascontiguousarray(canopy.T[bands] - ground)

    def textures(self, date: int) -> dict[str, NDArray[np.float32]]:
        """Texture parameters by name, each of shape (surface,)."""
        numbers = np.asarray([look.numbers() for look in self.looks[date]], dtype=np.float32)
        return {name: np.ascontiguousarray(numbers[:, k]) for k, name in enumerate(TEXTURE_FIELDS)}
