"""Proof of a registration on windows held back from it, in both directions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landshift.alignment.displacement import Field, Floats, undo
from landshift.alignment.tie_points import (
    Cut,
    Displaced,
    Level,
    Ties,
    Windows,
    agreement,
    cross,
    cut,
    lattice_of,
    lattice_step,
    low_pass,
    no_ties,
    peaks,
    spectra,
)
from landshift.kernels import window

_Place = tuple[float, float]


@dataclass(frozen=True, eq=False)
class Inverse:
    """The displacement from the moving picture's places back to the reference's."""

    lattice: NDArray[np.float32]
    """(2, node row, node col) forward displacement, px."""
    step_px: int
    """Pixels between nodes."""

    def at(self, row: Floats, col: Floats) -> Floats:
        """Displacement (2, ...) back from places of the moving picture, px."""
        place = np.stack([np.ravel(row), np.ravel(col)]).astype(np.float64)
        return undo(self._forth, place).reshape(2, *np.shape(row))

    def _forth(self, row: Floats, col: Floats) -> Floats:
        forth = np.empty((2, row.size))
        window.lattice_values(self.lattice, float(self.step_px), row, col, forth)
        return forth

    def on_lattice(self, rows: Floats, cols: Floats) -> Floats:
        """Displacement (2, row, col) at every crossing, px."""
        return self.at(*np.meshgrid(rows, cols, indexing="ij"))


def inverse(field: Field, shape: tuple[int, int]) -> Inverse:
    """The displacement that undoes ``field`` on a grid of (rows, cols)."""
    step = lattice_step(shape)
    return Inverse(lattice_of(field, shape, 1, step), step)


@dataclass(frozen=True, eq=False)
class Proof:
    """What windows held back from the fit say about it."""

    compared: int
    """Held-back windows that both pictures show."""
    agreeing: int
    """Those whose peak lies near zero when cut in either picture."""
    close: int
    """Those of them whose peaks lie nearer still, where chance puts next to none."""
    spread_share: float
    """Share of the picture's sixteen parts with compared windows in which one agrees, 0-1."""
    residual_px: float
    """Radial RMS of the agreeing windows' miss, px; NaN without any."""
    rival: float
    """Median height of the agreeing windows' second peak over the first."""
    agreement_before: float
    agreement_after: float
    """Mean correlation of gradient directions in the windows as they came and once moved."""

    @property
    def share(self) -> float:
        """Agreeing windows among those compared, 0-1."""
        return self.agreeing / max(1, self.compared)


def prove(
    reference: Level, moving: Level, field: Field, tops: NDArray[np.int64], windows: Windows,
    tolerance_px: float, close_px: float,
) -> Proof:  # fmt: skip
    """Compare the held-back windows at ``tops`` in both directions.

    Parameters
    ----------
    reference, moving
        Both pictures at full size.
    field
        What is to be proved.
    tops
        (n, 2) first pixels of the windows.
    windows
        With a reach far beyond ``tolerance_px``, so that agreement by chance is rare.
    tolerance_px
        Farthest peak from zero that agrees.
    close_px
        Farthest that agrees closely.
    """
    shape = (reference.image.shape[0], reference.image.shape[1])
    backward, there = inverse(field, shape), _same_ground(field, shape, tops, windows.side)
    still, came = cut(reference, None, tops, windows), cut(moving, None, tops, windows)
    moved = cut(moving, field, tops, windows)
    forth, compared, after = _compared(still, moved, field, tops, windows)
    back, _, _ = _compared(
        cut(moving, None, there, windows), cut(reference, backward, there, windows), backward,
        there, windows,
    )  # fmt: skip
    middle = (windows.side - 1) / 2
    partner = dict(zip(_places(tops + middle), _places(there + middle), strict=True))
    near = _matches(forth, back, partner, tolerance_px)
    miss = np.hypot(*forth.miss[near].T)
    return Proof(
        compared=compared, agreeing=int(near.sum()),
        close=int(_matches(forth, back, partner, close_px).sum()),
        spread_share=_spread_share(forth.place, near, shape),
        residual_px=float(np.sqrt(np.mean(miss**2))) if near.any() else float("nan"),
        rival=float(np.median(forth.rival[near])) if near.any() else 1.0,
        agreement_before=_agreement(still, came, tops, windows), agreement_after=after,
    )  # fmt: skip


def _same_ground(
    field: Field, shape: tuple[int, int], tops: NDArray[np.int64], side: int
) -> NDArray[np.int64]:
    """First pixels (n, 2) of the windows of the moving picture that show what those at ``tops`` do.

    At the picture's rim they are pushed inside. Windows at the same pixels would show other ground,
    and after a long shift none that the reference shows.
    """
    moved = field.at(*(tops + (side - 1) / 2).T).T.round().astype(np.int64)
    return np.asarray(np.clip(tops + moved, 1, np.array(shape) - side - 1))


def _places(centres: NDArray[np.floating[Any]]) -> list[_Place]:
    """Each of (n, 2): halves, which are exact."""
    return [(float(row), float(col)) for row, col in centres]


def _compared(
    one: Cut, other: Cut, field: Displaced, tops: NDArray[np.int64], windows: Windows
) -> tuple[Ties, int, float]:
    """Tie points of windows already cut at full size, how many were compared, their agreement."""
    own, crossed, good = spectra(one, other, tops, windows)
    if good.size == 0:
        return no_ties(), 0, float("nan")
    energy = cross(own, crossed, low_pass(windows.side))
    ties = peaks(crossed, energy, tops[good], field, 1, windows)
    return ties, int(good.size), agreement(crossed, energy)


def _agreement(one: Cut, other: Cut, tops: NDArray[np.int64], windows: Windows) -> float:
    own, crossed, _ = spectra(one, other, tops, windows)
    return agreement(crossed, cross(own, crossed, low_pass(windows.side)))


def _matches(
    forth: Ties, back: Ties, partner: dict[_Place, _Place], tolerance_px: float
) -> NDArray[np.bool_]:
    """(n,) which forward tie points are near zero and have a backward one that is too.

    ``partner`` names the backward window's centre by the forward one's.
    """
    fine = np.hypot(*back.miss.T) < tolerance_px
    known = set(_places(back.place[fine]))
    return np.array(
        [
            partner[place] in known and np.hypot(*miss) < tolerance_px
            for place, miss in zip(_places(forth.place), forth.miss, strict=True)
        ],
        np.bool_,
    )


def _spread_share(place: Floats, near: NDArray[np.bool_], shape: tuple[int, int]) -> float:
    if not near.any():
        return 0.0
    part = np.minimum((place / np.array(shape) * 4).astype(int), 3) @ np.array([4, 1])
    return len(set(part[near])) / len(set(part))
