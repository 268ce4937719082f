"""How far one picture's content must move to lie on another's: estimated, proved, applied."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from landshift.coarse import Consensus, Guess, consensus, guesses
from landshift.displacement import Field, Fit, Floats, Model, constant_field, fit_field
from landshift.grid import Grid
from landshift.kernels import registration
from landshift.raster import Raster
from landshift.settings import AlignmentSettings
from landshift.tie_points import (
    Level,
    Ties,
    Windows,
    frequency_weight,
    lay_windows,
    measure,
    pyramid,
)

Verdict = Literal["good", "doubtful", "failed"]


@dataclass(frozen=True, eq=False)
class Alignment:
    """How far the moving picture's content must move, everywhere on the reference's grid."""

    grid: Grid
    model: Model
    lattice_m: NDArray[np.float32]
    """(2, node row, node col) east and north, CRS units; node (i, j) at pixel centre
    (i · step, j · step) of the grid, bilinear between nodes."""
    uncertainty_lattice_m: NDArray[np.float32]
    """(node row, node col) radial standard deviation, CRS units."""
    lattice_step_px: float
    residual_rms_m: float
    """Radial RMS of the held-back windows that agree, CRS units."""
    agreement_before: float
    """Mean correlation of gradient directions in the held-back windows as they came, -1 to 1."""
    agreement_after: float
    """The same once moved."""
    tie_points: Ties
    kept: NDArray[np.bool_]
    """(n,) which of the tie points the displacement rests on."""
    verdict: Verdict
    reason: str

    def displacement(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """East and north displacement, place in the reference less place in the moving picture."""
        row, col = self.grid.rowcol(x, y)
        shape = np.shape(row)
        moved = np.empty((2, row.size))
        registration.lattice_values(
            self.lattice_m, self.lattice_step_px, np.ravel(row), np.ravel(col), moved
        )
        return moved[0].reshape(shape), moved[1].reshape(shape)

    def uncertainty(self, x: Floats, y: Floats) -> Floats:
        """Radial standard deviation of `displacement`, CRS units."""
        row, col = self.grid.rowcol(x, y)
        twice = np.stack([self.uncertainty_lattice_m] * 2)
        moved = np.empty((2, row.size))
        registration.lattice_values(
            twice, self.lattice_step_px, np.ravel(row), np.ravel(col), moved
        )
        return moved[0].reshape(np.shape(row))

    @property
    def east_m(self) -> float:
        """East displacement at the grid's centre, CRS units."""
        return float(self._at_centre()[0])

    @property
    def north_m(self) -> float:
        """North displacement at the grid's centre, CRS units."""
        return float(self._at_centre()[1])

    def _at_centre(self) -> tuple[Floats, Floats]:
        rows, cols = self.grid.shape
        x, y = self.grid.xy(np.array((rows - 1) / 2), np.array((cols - 1) / 2))
        return self.displacement(np.asarray(x), np.asarray(y))

    @staticmethod
    def identity(grid: Grid) -> Alignment:
        """Nothing moves, and nothing was measured."""
        nothing = constant_field(grid.shape)
        return _alignment(grid, nothing, None, Proof.none(), "good", "taken as aligned")


@dataclass(frozen=True, eq=False)
class Proof:
    """What windows held back from the fit say about it."""

    agreement_before: float
    agreement_after: float
    residual_px: float
    share: float
    count: int

    @staticmethod
    def none() -> Proof:
        return Proof(float("nan"), float("nan"), float("nan"), 0.0, 0)


def _brightness(raster: Raster) -> NDArray[np.float32]:
    if len(raster.bands) == 1:
        return np.ascontiguousarray(raster.bands[0])
    return np.ascontiguousarray(raster.bands.mean(axis=0, dtype=np.float32))


def estimate_alignment(
    reference: Raster, moving: Raster, settings: AlignmentSettings
) -> Alignment:
    if reference.grid != moving.grid:
        raise ValueError(f"rasters lie on different grids: {reference.grid} and {moving.grid}")
    grid = reference.grid
    levels = [
        pyramid(_brightness(r), r.valid, settings.coarse_px) for r in (reference, moving)
    ]
    rng = np.random.default_rng(20)
    found = first_affine(levels, grid, settings, rng)
    if found is None:
        return _alignment(grid, constant_field(grid.shape), None, Proof.none(), "failed", "no agreement")
    field, doubled = found
    fit, ties = refine(levels, field, doubled, settings, rng)
    if fit is None:
        return _alignment(grid, constant_field(grid.shape), None, Proof.none(), "failed", "no fine agreement")
    return _alignment(grid, fit.field, (fit, ties), Proof.none(), "good", "")


def first_affine(levels, grid, settings, rng):
    reference, moving = levels[0][-1], levels[1][-1]
    side = min(settings.window_px, (min(reference.image.shape) - 4) // 2 // 2 * 2)
    most = min(reference.image.shape) / 2.2
    if settings.max_shift_m is not None:
        most = min(most, settings.max_shift_m / grid.gsd_m / reference.factor + 1)
    tops = lay_windows(reference.image.shape, side, 144)
    best = None
    for doubled in (False, True):
        for guess in guesses(reference, moving, constant_field(grid.shape), doubled, most, 2):
            w = Windows(side, side // 3, doubled, settings.least_share)
            ties = measure(reference, moving, guess.field, tops, w, None)
            c = consensus(grid.shape, ties, 3.0 * reference.factor, rng)
            if c is None:
                continue
            if best is None or c.support > best[0]:
                best = (c.support, c.field, doubled, c.agreeing.mean(), guess.height)
            if c.agreeing.mean() > 0.7:
                return c.field, doubled
    if best is None:
        return None
    return best[1], best[2]


def refine(levels, field, doubled, settings, rng):
    reference, moving = levels[0][0], levels[1][0]
    shape = reference.image.shape
    side = min(settings.window_px, (min(shape) - 4) // 2 // 2 * 2)
    tops = lay_windows(shape, side, settings.most_windows)
    spacing = side / 2
    w = Windows(side, side // 4, doubled, settings.least_share)
    ties = measure(reference, moving, field, tops, w, None)
    c = consensus(shape, ties, 4.0, rng)
    if c is None:
        return None, None
    allowed = None if settings.model == "auto" else settings.model
    near = ties.where(c.agreeing)
    fit = fit_field(shape, c.field, near.place, near.moved, near.spread, spacing, allowed, settings.outlier, 300)
    for p in range(2):
        fine = p == 1 and fit.field.model == "field"
        if fine:
            side = settings.fine_window_px
            tops = lay_windows(shape, side, settings.most_windows)
            spacing = side / 2
        good = near.place[fit.kept]
        w = Windows(side, 4, doubled, settings.least_share)
        weight = frequency_weight(reference, moving, fit.field, tops[:: len(tops) // 250 + 1], np.ones(len(tops[:: len(tops) // 250 + 1])), w)
        ties = measure(reference, moving, fit.field, tops, w, weight)
        c = consensus(shape, ties, 4.0, rng)
        near = ties.where(np.hypot(*ties.miss.T) < 2.0)
        if len(near) < 6:
            return None, None
        start = c.field if c is not None else fit.field
        fit = fit_field(shape, start, near.place, near.moved, near.spread, spacing, allowed, settings.outlier, 300)
    return fit, near


def _alignment(
    grid: Grid, field: Field, found: tuple[Fit, Ties] | None, proof: Proof, verdict: Verdict,
    reason: str,
) -> Alignment:  # fmt: skip
    step = max(4, max(grid.shape) // 128)
    nodes = [np.arange(max(2, -(-(n - 1) // step) + 1)) * float(step) for n in grid.shape]
    row, col = np.meshgrid(*nodes, indexing="ij")
    down, right = field.on_lattice(*nodes)
    t = grid.transform
    lattice = np.stack([-(t.a * right + t.b * down), -(t.d * right + t.e * down)])
    unsure = np.zeros(row.shape)
    empty = Ties(np.empty((0, 2)), np.empty((0, 2)), np.empty(0), np.empty((0, 2)), np.empty(0), np.empty((0, 2)))
    return Alignment(
        grid=grid, model=field.model, lattice_m=lattice.astype(np.float32),
        uncertainty_lattice_m=unsure.astype(np.float32), lattice_step_px=float(step),
        residual_rms_m=0.0, agreement_before=0.0, agreement_after=0.0,
        tie_points=found[1] if found else empty, kept=found[0].kept if found else np.empty(0, bool),
        verdict=verdict, reason=reason,
    )  # fmt: skip
