"""First guesses: where the whole of one picture lies on the whole of the other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from landshift.alignment.displacement import (
    Field,
    Floats,
    constant_field,
    fit_trend,
    trend_field,
)
from landshift.alignment.tie_points import (
    Level,
    Ties,
    Windows,
    lattice_of,
    lay_windows,
    measure,
)
from landshift.kernels import gradient, registration, window

_SLOPE_LIMIT = 0.035
"""Largest rotation plus scale that an affine guess may have; 1° and 1 % make 0.0275."""
_TRIALS = 300
"""Triples of tie points tried for an affine guess: 90 % of wrong ones still leave a 26 % chance,
80 % wrong ones 91 %."""


_SLOPES = (
    (0.0, 0.0), (0.009, 0.0), (-0.009, 0.0), (0.018, 0.0), (-0.018, 0.0), (0.0, 0.01), (0.0, -0.01),
)  # fmt: skip
"""Turns (radians) and scales that are tried in this order; each reaches half-way to the next."""
_JUDGES = 100
"""Windows that judge a guess."""
_GUESSES = 3
_RIVAL_HEIGHT = 0.6
"""Height over the highest peak's from which another peak is looked into."""
_CONVINCING, _PLAUSIBLE = 0.6, 0.25
"""Share of windows in agreement at which no further guess, or no further turn, is tried."""


@dataclass(frozen=True, eq=False)
class Guess:
    """One first guess and how it was come by."""

    field: Field
    doubled: bool
    height: float
    """Correlation peak over the surface's deviation."""


def guesses(
    reference: Level, moving: Level, start: Field, doubled: bool, most_px: float, count: int
) -> list[Guess]:
    """The ``count`` best shifts of the whole level beyond ``start``, farther apart than 4 px.

    The cross-power spectrum is damped by the root of its magnitude, half-way between correlation
    and phase correlation, and smoothed so that rotated parts still add up to one peak.
    ``most_px`` is the longest shift allowed, in pixels of the level.
    """
    surface = _surface(reference, moving, start, doubled)
    scale = float(surface.std()) + 1e-30
    rows, cols = surface.shape
    row = fft.fftfreq(rows, 1 / rows)
    col = fft.fftfreq(cols, 1 / cols)
    squares = [(axis**2).astype(np.float32) for axis in (row, col)]
    surface[np.add.outer(*squares) > most_px**2] = -np.inf
    found = []
    for _ in range(count):
        i, j = np.unravel_index(int(np.argmax(surface)), surface.shape)
        if not np.isfinite(surface[i, j]):
            break
        trend = start.trend.copy()
        trend[:, 0] += np.array([row[i], col[j]]) * reference.factor
        moved = trend_field(_full_shape(reference), trend, "affine")
        found.append(Guess(moved, doubled, float(surface[i, j]) / scale))
        near = (np.abs(_around(row - row[i], rows)) <= 4)[:, None] & (
            np.abs(_around(col - col[j], cols)) <= 4
        )
        surface[near] = -np.inf
    return found


def _around(offset: Floats, period: int) -> Floats:
    return (offset + period / 2) % period - period / 2


def _full_shape(level: Level) -> tuple[int, int]:
    rows, cols = level.image.shape
    return rows * level.factor, cols * level.factor


def _surface(reference: Level, moving: Level, start: Field, doubled: bool) -> NDArray[np.float32]:
    shape = reference.image.shape
    padded = [fft.next_fast_len(n + n // 4) for n in shape]
    edge = np.multiply.outer(*[_ramp(n) for n in shape]).astype(np.float32)
    spectra = []
    for level in (reference, moving):
        phasors = np.empty(shape, np.complex64)
        image, valid = level.image, level.valid
        if level is moving and np.abs(start.trend[:, 1:]).max() > 0:
            image, valid = _turned(level, start)
        gradient.phasor_image(image, valid, np.float32(level.floor), doubled, phasors)
        spectra.append(fft.fft2(phasors * edge, padded))
    down, across = (np.exp(-0.5 * (fft.fftfreq(n) / 0.12) ** 2).astype(np.float32) for n in padded)
    registration.damped_cross_spectrum(spectra[0], spectra[1], down, across)
    return np.ascontiguousarray(fft.ifft2(spectra[1], overwrite_x=True).real)


def _ramp(n: int) -> Floats:
    """1 inside, falling to 0 over an eighth at both ends."""
    rise = np.clip((np.arange(n) + 0.5) / max(1.0, n / 8), 0, 1)
    return np.asarray(np.sin(np.pi / 2 * rise) ** 2 * np.sin(np.pi / 2 * rise[::-1]) ** 2)


def _turned(level: Level, start: Field) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """A level's picture turned and scaled by the slopes of ``start``, its shift left out."""
    trend = start.trend.copy()
    trend[:, 0] = 0
    rows, cols = shape = level.image.shape
    step = 64
    slopes = trend_field(_full_shape(level), trend, "affine")
    lattice = lattice_of(slopes, shape, level.factor, step)
    down, right = np.empty(shape, np.float32), np.empty(shape, np.float32)
    window.patch_displacement(lattice, float(step), 0, 0, down, right)
    image, seen = np.empty(shape, np.float32), np.empty(shape, np.bool_)
    scratch = np.empty((rows + rows // 4 + 8, cols), np.float32)
    table = window.filter_table(0.0)
    window.cut_bent(level.image, 0, 0, down, right, table, scratch, image)
    window.patch_seen(level.valid, level.whole, 0, 0, down, right, seen)
    return image, seen


@dataclass(frozen=True, eq=False)
class Consensus:
    """The affine displacement on which most tie points agree."""

    field: Field
    agreeing: NDArray[np.bool_]
    """(n,)"""
    support: float
    """Sum of the agreeing tie points' scores."""


def consensus(
    shape: tuple[int, int], ties: Ties, tolerance_px: float, rng: np.random.Generator
) -> Consensus | None:
    """The shift or affine displacement near which most score lies, refined by least squares."""
    count = len(ties)
    if count < 3:
        return None
    scored = np.maximum(ties.score, 0) ** 2
    trends = _hypotheses(shape, ties, scored, rng)
    support = (_missed(shape, trends, ties) < tolerance_px**2) @ scored
    field = trend_field(shape, trends[int(np.argmax(support))], "affine")
    for _ in range(4):
        off = np.hypot(*(field.at(ties.place[:, 0], ties.place[:, 1]) - ties.moved.T))
        near = off < tolerance_px
        if near.sum() < 3:
            return None
        weight = (scored * (1 - (off / tolerance_px) ** 2) ** 2)[near]
        field = fit_trend(shape, ties.place[near], ties.moved[near], weight + 1e-9)
    off = np.hypot(*(field.at(ties.place[:, 0], ties.place[:, 1]) - ties.moved.T))
    return Consensus(field, off < tolerance_px, float(ties.score[off < tolerance_px].sum()))


def _hypotheses(
    shape: tuple[int, int], ties: Ties, scored: Floats, rng: np.random.Generator
) -> Floats:
    """Shifts through single tie points, affine trends through three (hypothesis, 2, 3)."""
    some = ties.moved[:: len(ties) // 60 + 1]
    shifts = np.concatenate([some[:, :, None], np.zeros((len(some), 2, 2))], axis=2)
    blank = trend_field(shape, np.zeros((2, 3)), "affine")
    basis = blank._basis(ties.place)
    chance = (scored + 1e-9) / (scored + 1e-9).sum()
    three = rng.choice(len(ties), (_TRIALS, 3), p=chance)
    three = three[np.abs(np.linalg.det(basis[three])) > 0.05]
    trends = np.linalg.solve(basis[three], ties.moved[three]).transpose(0, 2, 1)
    within = np.abs(trends[:, :, 1:]).max(axis=(1, 2)) <= _SLOPE_LIMIT * blank.half_px
    return np.concatenate([shifts, trends[within]])


def _missed(shape: tuple[int, int], trends: Floats, ties: Ties) -> Floats:
    """Squared distance (hypothesis, n) of every tie point from every trend, px²."""
    basis = trend_field(shape, np.zeros((2, 3)), "affine")._basis(ties.place)
    off = trends @ basis.T - ties.moved.T
    return np.asarray(off[:, 0] ** 2 + off[:, 1] ** 2)


@dataclass(frozen=True, eq=False)
class Start:
    """The affine displacement from which refinement starts."""

    field: Field
    doubled: bool
    ties: Ties
    """The coarse windows' tie points that agree on it."""
    share: float
    """Share of the coarse windows that agree on it, 0-1."""
    rival: float
    """Support of the best different displacement over its own, 0-1."""


def find_start(
    reference: Level, moving: Level, side: int, most_px: float, least_share: float,
    rng: np.random.Generator,
) -> Start | None:  # fmt: skip
    """The affine displacement that the coarsest level bears out best.

    The best shifts of the plain pictures are tried first, then those of the picture turned and
    scaled a little. Windows judge each: agreement of many small parts, not the height of a peak.

    Parameters
    ----------
    reference, moving
        The coarsest level of both pictures.
    side
        Side of the windows that judge, pixels of the level.
    most_px
        Longest shift allowed, pixels of the level.
    least_share
        Share of a window that both pictures must show, 0-1.
    rng
        Draws the triples of tie points.
    """
    shape = _full_shape(reference)
    tops = lay_windows(_shape(reference), side, _JUDGES)
    tried: list[_Tried] = []
    for turn, scale in _SLOPES:
        half = constant_field(shape).half_px
        trend = np.array([[0.0, scale * half, turn * half], [0.0, -turn * half, scale * half]])
        for doubled in (False, True):
            start = trend_field(shape, trend, "affine")
            found = guesses(reference, moving, start, doubled, most_px, _GUESSES)
            for index, guess in enumerate(found):
                if index and guess.height < _RIVAL_HEIGHT * found[0].height and tried:
                    continue
                windows = Windows(side, side // 3, doubled, least_share, False)
                ties, compared = measure(reference, moving, guess.field, tops, windows)
                seen = consensus(shape, ties, 3.0 * reference.factor, rng)
                if seen is not None:
                    near = ties.where(seen.agreeing)
                    tried.append(_Tried(len(near) / compared, compared, seen.field, near, doubled))
            if tried and max(one.share for one in tried) > _CONVINCING:
                return _best(tried)
        if tried and max(one.share for one in tried) > _PLAUSIBLE:
            return _best(tried)
    return _best(tried) if tried else None


@dataclass(frozen=True, eq=False)
class _Tried:
    share: float
    compared: int
    field: Field
    ties: Ties
    doubled: bool


def _best(tried: list[_Tried]) -> Start:
    # Ground that repeats itself agrees with itself one period on, in as large a share of the fewer
    # windows that are seen there: many windows say more than few.
    best = max(tried, key=lambda one: one.share * np.sqrt(one.compared))
    centre = best.field.trend[:, 0]
    # Another guess may lead to the same place; only a different one is a rival.
    far = [one.share for one in tried if np.hypot(*(one.field.trend[:, 0] - centre)) > 6.0]
    rival = max(far, default=0.0) / max(best.share, 1e-9)
    return Start(best.field, best.doubled, best.ties, best.share, rival)


def _shape(level: Level) -> tuple[int, int]:
    rows, cols = level.image.shape
    return rows, cols
