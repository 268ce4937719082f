"""One from→to code per pixel of a grid, and the hectares of every from→to pair per cell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from landshift.grid import Grid
from landshift.legend import COVERS, Cover, change_codes

_NOT_BUILDING = tuple(cover for cover in COVERS if cover is not Cover.BUILDING)
_CLEARABLE = (Cover.CROPLAND, Cover.GREENHOUSE, Cover.WOODY, Cover.HERBACEOUS)

TOTALS: dict[str, tuple[int, ...]] = {
    "cropland_loss": change_codes((Cover.CROPLAND,), (Cover.BUILDING, Cover.PAVED)),
    "greenhouse_loss": change_codes((Cover.GREENHOUSE,), (Cover.BUILDING, Cover.PAVED, Cover.BARE)),
    "new_building": change_codes(_NOT_BUILDING, (Cover.BUILDING,)),
    "removed_building": change_codes((Cover.BUILDING,), _NOT_BUILDING),
    "building_change": change_codes(_NOT_BUILDING, (Cover.BUILDING,))
    + change_codes((Cover.BUILDING,), _NOT_BUILDING),
    "cleared_ground": change_codes(_CLEARABLE, (Cover.BARE,)),
}
"""The codes that each total adds up. They overlap on purpose: cropland→building is both cropland
lost and new building, greenhouse→bare both greenhouse lost and ground cleared. Cropland→bare is no
cropland loss: bare is a stage."""

REPLACED_TOTALS: frozenset[str] = frozenset({"new_building"})
"""Totals that also count a building which another one replaced. Hence new_building +
removed_building exceeds building_change by what was replaced: a map of buildings before and one of
buildings after do not differ there."""

MIRRORED_TOTALS: dict[str, tuple[int, ...]] = {
    name: tuple(code % 10 * 10 + code // 10 for code in codes) for name, codes in TOTALS.items()
}
"""What the totals would add up were the pictures swapped. They stand in no report: they keep a
pair's interval as far within its sums in one order as in the other."""


@dataclass(frozen=True, eq=False)
class ChangeMap:
    """What every pixel was and became, and how much of each from→to pair to expect.

    Hectares are sums of probability, not counts of codes; the sums are kept per cell, so that
    memory does not grow with 64 probabilities a pixel and spatial correlation can be reckoned.
    """

    codes: NDArray[np.uint8]
    """(row, col); 10 · before + after of `legend.Cover`, 0 not seen, 255 outside the aoi."""
    probability: NDArray[np.float32]
    """(row, col); 0-1, probability of the code; 0 where there is none."""
    replaced: NDArray[np.bool_]
    """(row, col); True where code 33 means another building than before, inside the aoi."""
    new_building: NDArray[np.bool_]
    """(row, col); True where a building was gained or replaced, beyond the aoi as well, so that
    an outline does not end at a line that nobody built."""
    new_building_probability: NDArray[np.float32]
    """(row, col); 0-1, probability of the same, beyond the aoi as well."""
    expected_hectares: NDArray[np.float64]
    """(cell row, cell col, 8, 8); expected hectares of before-class × after-class inside the aoi.
    Building × building holds both buildings that stayed and buildings that were replaced."""
    replaced_hectares: NDArray[np.float64]
    """(cell row, cell col); expected hectares of building replaced by another building."""
    faint_hectares: NDArray[np.float64]
    """(8, 8); hectares of change inside the aoi that were expected where no region supports them.
    They stand in no other sum; they only widen intervals upward."""
    noise_hectares: NDArray[np.float64]
    """(8, 8); standard deviation of the sums of `expected_hectares` through pixel noise, errors
    within a cell taken as one."""
    replaced_noise_hectares: float
    """The same of the sum of `replaced_hectares`."""
    total_noise_hectares: Mapping[str, float]
    """The same of each of `TOTALS`."""
    mirrored_noise_hectares: Mapping[str, float]
    """The same of each of `MIRRORED_TOTALS`."""
    cell_px: int
    """Side of a cell in pixels; the last cells of a row or column may be cut."""
    seen_hectares: NDArray[np.float64]
    """(cell row, cell col); hectares inside the aoi that both pictures show."""
    aoi_hectares: float
    """Hectares of the aoi, seen or not."""
    grid: Grid
    """Where the pixels lie."""

    def __post_init__(self) -> None:
        """Refuse arrays off the grid, and freeze them."""
        pixels = (
            self.codes, self.probability, self.replaced, self.new_building,
            self.new_building_probability,
        )  # fmt: skip
        for array in pixels:
            if array.shape != self.grid.shape:
                raise ValueError(f"{array.shape} does not lie on grid {self.grid.shape}")
        sums = (
            self.expected_hectares, self.replaced_hectares, self.faint_hectares,
            self.noise_hectares, self.seen_hectares,
        )  # fmt: skip
        for frozen in (*pixels, *sums):
            frozen.flags.writeable = False
