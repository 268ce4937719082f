"""Named bands and a valid mask on a grid."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from landshift.grid import Grid
from landshift.sensor import Sensor


@dataclass(frozen=True, eq=False)
class Raster:
    """One date's picture on a grid; its arrays are read-only."""

    bands: NDArray[np.float32]
    """(band, row, col); 0 where not valid."""
    valid: NDArray[np.bool_]
    """(row, col); True where every band was seen."""
    grid: Grid
    """Where the pixels lie."""
    sensor: Sensor
    """What the bands are, in the order of the band axis."""
    date: date | None = None
    """Day of acquisition, where known."""
    hidden: NDArray[np.bool_] | None = None
    """(row, col); True where it is not valid for the mask beside the picture alone; None where it
    has no mask."""

    def __post_init__(self) -> None:
        """Refuse arrays that do not fit together, and freeze them."""
        if self.bands.ndim != 3 or self.bands.shape[1:] != self.grid.shape:
            raise ValueError(f"bands {self.bands.shape} do not lie on grid {self.grid.shape}")
        if self.valid.shape != self.grid.shape:
            raise ValueError(f"valid {self.valid.shape} does not lie on grid {self.grid.shape}")
        if len(self.sensor.bands) != len(self.bands):
            raise ValueError(f"{len(self.bands)} bands but roles {self.sensor.bands}")
        self.bands.flags.writeable = False
        self.valid.flags.writeable = False
        if self.hidden is not None:
            self.hidden.flags.writeable = False

    @property
    def shown(self) -> NDArray[np.bool_]:
        """(row, col); True where the picture's file shows something, hidden by a mask or not."""
        return self.valid if self.hidden is None else self.valid | self.hidden

    def select(self, roles: tuple[str, ...]) -> NDArray[np.float32]:
        """The bands of these roles, in this order, (len(roles), row, col).

        Raises
        ------
        KeyError
            When a role is not among the sensor's bands.
        """
        missing = [role for role in roles if role not in self.sensor.bands]
        if missing:
            raise KeyError(f"no band {missing[0]!r} among {self.sensor.bands}")
        return self.bands[[self.sensor.bands.index(role) for role in roles]]


@dataclass(frozen=True, eq=False)
class Brightness:
    """What registration looks at: one band of a picture on a grid; its arrays are read-only."""

    pixels: NDArray[np.float32] | NDArray[np.uint16]
    """(row, col) in any unit; whatever where not valid."""
    valid: NDArray[np.bool_]
    """(row, col); True where it was seen."""
    grid: Grid
    """Where the pixels lie."""

    def __post_init__(self) -> None:
        """Refuse arrays that do not fit together, and freeze them."""
        if not self.pixels.shape == self.valid.shape == self.grid.shape:
            shapes = f"pixels {self.pixels.shape} and valid {self.valid.shape}"
            raise ValueError(f"{shapes} do not lie on grid {self.grid.shape}")
        self.pixels.flags.writeable = False
        self.valid.flags.writeable = False


def block_means(
    bands: NDArray[np.float32], valid: NDArray[np.bool_], factor: int
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Means of the valid pixels of each block of ``factor`` × ``factor``; seen where half are.

    Parameters
    ----------
    bands
        (band, row, col).
    valid
        (row, col).
    factor
        Side of a block, pixels; blocks of the last row and column may be cut.

    Returns
    -------
    ndarray of float32, shape (band, block row, block col)
    ndarray of bool, shape (block row, block col)
    """
    if factor == 1:
        return bands, valid
    at = [np.arange(0, side, factor) for side in valid.shape]

    def sums(values: NDArray[np.float32]) -> NDArray[np.float32]:
        rows = np.add.reduceat(values, at[0], axis=0, dtype=np.float32)
        return np.asarray(np.add.reduceat(rows, at[1], axis=1), np.float32)

    count = sums(valid.astype(np.float32))
    whole = sums(np.ones(valid.shape, np.float32))
    means = np.stack([sums(band * valid) for band in bands]) / np.maximum(count, 1)
    return means.astype(np.float32), count * 2 >= whole
