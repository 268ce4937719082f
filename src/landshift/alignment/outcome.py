"""What a registration hands on: the displacement everywhere, and how far it is to be believed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from landshift.alignment.displacement import Floats, Model, undo
from landshift.alignment.tie_points import Ties, no_ties
from landshift.grid import Grid
from landshift.kernels import window

Verdict = Literal["good", "doubtful", "failed"]


@dataclass(frozen=True, eq=False)
class Alignment:
    """How far the moving picture's content must move, everywhere on the reference's grid."""

    grid: Grid
    """The reference's grid."""
    model: Model
    """What the displacement may be: nothing, a shift, an affine map, a smooth field."""
    lattice_m: NDArray[np.float32]
    """(2, node row, node col) east and north, CRS units; node (i, j) is the centre of pixel
    (i · step, j · step) of the grid; bilinear between nodes, constant beyond them."""
    uncertainty_lattice_m: NDArray[np.float32]
    """(node row, node col) radial standard deviation, CRS units; NaN where nothing is known."""
    lattice_step_px: float
    """Pixels between nodes."""
    residual_rms_m: float
    """Radial RMS over the held-back windows that agree, CRS units; NaN without any."""
    agreement_before: float
    """Mean correlation of gradient directions in held-back windows as they came, -1 to 1."""
    agreement_after: float
    """The same once moved. Not above agreement_before: not to be trusted."""
    tie_points: Ties
    """What was measured, pixels of the grid."""
    kept: NDArray[np.bool_]
    """(n,) which of the tie points the displacement rests on."""
    verdict: Verdict
    """Whether to believe it."""
    reason: str
    """Why the verdict is not good; empty where it is."""

    def __post_init__(self) -> None:
        """Freeze the arrays."""
        self.lattice_m.flags.writeable = False
        self.uncertainty_lattice_m.flags.writeable = False

    def displacement(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """East and north displacement, place in the reference less place in the moving picture.

        Parameters
        ----------
        x, y
            World coordinates on the reference's grid, arrays of one shape.

        Returns
        -------
        tuple of ndarray of float64
            CRS units, of the shape of ``x``. The content of the reference at (x, y) stands in the
            moving picture at (x - east, y - north).
        """
        row, col = self.grid.rowcol(x, y)
        east, north = self._interpolate(self.lattice_m, row, col)
        return east, north

    def uncertainty(self, x: Floats, y: Floats) -> Floats:
        """Radial standard deviation of `displacement`, CRS units."""
        row, col = self.grid.rowcol(x, y)
        twice = np.stack([self.uncertainty_lattice_m] * 2)
        return self._interpolate(twice, row, col)[0]

    def reversed(self) -> Alignment:
        """The same read from the other side: how far the reference's content must move instead.

        Where the content of the reference at x stands in the moving picture at z = x - d(x), that
        of the moving picture at z stands in the reference at z + d(x).
        """
        _, rows, cols = self.lattice_m.shape
        node = np.meshgrid(*(np.arange(n) * self.lattice_step_px for n in (rows, cols)),
                           indexing="ij")  # fmt: skip
        z = np.stack(self.grid.xy(*node))
        back = undo(lambda x, y: -np.stack(self.displacement(x, y)), z)
        ties = self.tie_points
        return replace(
            self, lattice_m=-back.astype(np.float32),
            uncertainty_lattice_m=self.uncertainty(*(z + back)).astype(np.float32),
            tie_points=replace(ties, place=ties.place + ties.moved, moved=-ties.moved,
                               miss=-ties.miss),
        )  # fmt: skip

    @property
    def east_m(self) -> float:
        """East displacement at the grid's centre, CRS units."""
        return self._at_centre()[0]

    @property
    def north_m(self) -> float:
        """North displacement at the grid's centre, CRS units."""
        return self._at_centre()[1]

    @property
    def uncertainty_m(self) -> float:
        """Median radial standard deviation over the grid, CRS units."""
        return float(np.median(self.uncertainty_lattice_m))

    def _at_centre(self) -> tuple[float, float]:
        rows, cols = self.grid.shape
        east, north = self._interpolate(
            self.lattice_m, np.array([(rows - 1) / 2]), np.array([(cols - 1) / 2])
        )
        return float(east[0]), float(north[0])

    def _interpolate(
        self, lattice: NDArray[np.float32], row: Floats, col: Floats
    ) -> tuple[Floats, Floats]:
        shape = np.shape(row)
        row, col = (np.ascontiguousarray(np.ravel(a), np.float64) for a in (row, col))
        moved = np.empty((2, row.size))
        window.lattice_values(lattice, self.lattice_step_px, row, col, moved)
        return moved[0].reshape(shape), moved[1].reshape(shape)

    @staticmethod
    def identity(grid: Grid) -> Alignment:
        """Nothing moves, and nothing was measured."""
        return Alignment(
            grid=grid, model="identity", lattice_m=np.zeros((2, 2, 2), np.float32),
            uncertainty_lattice_m=np.zeros((2, 2), np.float32),
            lattice_step_px=float(max(grid.shape)), residual_rms_m=0.0,
            agreement_before=float("nan"), agreement_after=float("nan"), tie_points=no_ties(),
            kept=np.empty(0, np.bool_), verdict="good", reason="",
        )  # fmt: skip

    @staticmethod
    def failed(
        grid: Grid, reason: str, ties: Ties | None = None, kept: NDArray[np.bool_] | None = None
    ) -> Alignment:
        """No displacement can be given; the reason says why."""
        ties = no_ties() if ties is None else ties
        return Alignment(
            grid=grid, model="identity", lattice_m=np.zeros((2, 2, 2), np.float32),
            uncertainty_lattice_m=np.full((2, 2), np.nan, np.float32),
            lattice_step_px=float(max(grid.shape)), residual_rms_m=float("nan"),
            agreement_before=float("nan"), agreement_after=float("nan"), tie_points=ties,
            kept=np.zeros(len(ties), np.bool_) if kept is None else kept, verdict="failed",
            reason=reason,
        )  # fmt: skip
