"""Smooth displacement fields: what a set of tie points says everywhere, and how surely.

A field is a Gaussian process (Rasmussen & Williams 2006, chapters 2 and 5): a shift or an affine
trend with a wide prior, plus a smooth part with a Gaussian covariance whose reach and strength are
chosen by marginal likelihood, so that a field is as flexible as the tie points prove and no more.
Its tie points' errors have long tails: they weigh as under a Student t distribution (Lange, Little
& Taylor 1989, doi:10.1080/01621459.1989.10478852), for where a field bends no limit tells a gross
error from a fair one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve, lapack, solve_triangular

from landshift.settings import FieldSettings

_MOST_APART = 700
"""Tie points up to which down and right have a covariance each; beyond, one serves both."""
Floats = NDArray[np.float64]
Model = Literal["identity", "shift", "affine", "field"]

_TREND_PRIOR = 1e6
"""Prior variance of each trend term over the noise variance: wide against any residual."""

_LEAST_SPREAD = 1e-3
"""Of a tie point in parts of the median; below it the covariance is no longer positive definite in
double precision (3e-6 was seen)."""
_INVERSION_STEPS = 4
"""The slope of a displacement is below 0.1, so that each step of its inversion gains a digit."""


def undo(displacement: Callable[[Floats, Floats], Floats], place: Floats) -> Floats:
    """What leads back from ``place``, by fixed point.

    Parameters
    ----------
    displacement
        From a place's first and second coordinate to how far it is displaced, (2, ...).
    place
        (2, ...) places where displaced ones have come to, any unit.

    Returns
    -------
    ndarray of float64
        (2, ...); ``place`` plus this is what was displaced to ``place``.
    """
    back = np.zeros_like(place)
    for _ in range(_INVERSION_STEPS):
        back = -displacement(*(place + back))
    return back


@dataclass(frozen=True, eq=False)
class Field:
    """Displacement in pixels as a function of the place; rows first."""

    model: Model
    """A shift or an affine map alone, or with a smooth part."""
    sloped: bool
    """Whether the trend has slopes: those of a field only where the tie points prove them, for
    they reach beyond the last of these."""
    centre: Floats
    """(2,) row and col about which the trend is written."""
    half_px: float
    """Half the grid's longer side, px: the unit of the trend's slopes."""
    trend: Floats
    """(2, 3): for down and right the constant and the slopes per ``half_px`` along row and col."""
    places: Floats
    """(n, 2) row and col of the tie points behind the field; empty for a bare trend."""
    weights: Floats
    """(2, n) kernel weights."""
    factors: tuple[Floats, Floats] | None
    """Cholesky factors (lower) of both components' covariance, px² taken off."""
    reach_px: float
    """Correlation length of the smooth part, px."""
    strength: float
    """Variance of the smooth part over ``noise_px``²."""
    noise_px: float
    """Deviation of a tie point of unit spread, px."""

    def at(self, row: Floats, col: Floats) -> Floats:
        """Displacement (2, ...) down and right, px, at places of any one shape."""
        shape = np.shape(row)
        place = np.stack([np.ravel(row), np.ravel(col)], axis=1).astype(np.float64)
        moved = self.trend @ self._basis(place).T
        for part in _parts(len(place), len(self.places)):
            moved[:, part] += self.weights @ self._covariance(self.places, place[part])
        return moved.reshape(2, *shape)

    def on_lattice(self, rows: Floats, cols: Floats) -> Floats:
        """Displacement (2, row, col) at every crossing of ``rows`` (n,) and ``cols`` (m,)."""
        row, col = (np.asarray(axis, np.float64) for axis in (rows, cols))
        down = (row - self.centre[0]) / self.half_px
        right = (col - self.centre[1]) / self.half_px
        scale = _trend_scale(self.sloped)
        basis = self._basis(self.places)
        trend = self.trend + (self.weights @ basis) * scale
        moved = trend[:, :1, None] + trend[:, 1, None, None] * down[:, None]
        moved = moved + trend[:, 2, None, None] * right
        if self.strength > 0:
            # The Gaussian covariance is a product of one along the rows and one along the cols.
            fall = -0.5 / self.reach_px**2
            along_row = np.exp(fall * (row[:, None] - self.places[:, 0]) ** 2)
            along_col = np.exp(fall * (col[:, None] - self.places[:, 1]) ** 2)
            for component in range(2):
                weighted = along_row * (self.strength * self.weights[component])
                moved[component] += weighted @ along_col.T
        return np.asarray(moved)

    def deviation(self, row: Floats, col: Floats) -> Floats:
        """Standard deviation (2, ...) of `at`, px, from the tie points' own scatter."""
        shape = np.shape(row)
        place = np.stack([np.ravel(row), np.ravel(col)], axis=1).astype(np.float64)
        if self.factors is None:
            return np.zeros((2, *shape))
        variance = np.empty((2, len(place)))
        for part in _parts(len(place), len(self.places)):
            cross = self._covariance(self.places, place[part])
            prior = self._prior(place[part])
            for component in range(2):
                half = solve_triangular(
                    self.factors[component], cross, lower=True, check_finite=False
                )
                variance[component, part] = prior - np.einsum("ij,ij->j", half, half)
        return self.noise_px * np.sqrt(np.maximum(variance, 0)).reshape(2, *shape)

    def _basis(self, place: Floats) -> Floats:
        terms = (place - self.centre) / self.half_px
        return np.concatenate([np.ones((len(place), 1)), terms], axis=1)

    def _trend_scale(self) -> Floats:
        return _trend_scale(self.sloped)

    def _covariance(self, one: Floats, other: Floats) -> Floats:
        return _covariance(
            one, other, self._basis(one) * self._trend_scale(), self._basis(other),
            self.reach_px, self.strength,
        )  # fmt: skip

    def _prior(self, place: Floats) -> Floats:
        basis = self._basis(place)
        return np.asarray((basis**2) @ self._trend_scale() + self.strength)


@dataclass(frozen=True, eq=False)
class Fit:
    """A field, and what its own tie points say about it."""

    field: Field
    kept: NDArray[np.bool_]
    """(n,) tie points that the field rests on."""
    miss: Floats
    """(n, 2) px between each tie point and the field made without it."""
    expected: Floats
    """(n, 2) px deviation that such a miss should have."""


def constant_field(shape: tuple[int, int], down: float = 0.0, right: float = 0.0) -> Field:
    """The same displacement everywhere, of no stated uncertainty."""
    return trend_field(shape, np.array([[down, 0.0, 0.0], [right, 0.0, 0.0]]), "shift")


def trend_field(shape: tuple[int, int], trend: Floats, model: Model) -> Field:
    """An affine displacement of no stated uncertainty."""
    rows, cols = shape
    return Field(
        model=model, sloped=model != "shift", centre=np.array([(rows - 1) / 2, (cols - 1) / 2]),
        half_px=max(rows, cols) / 2, trend=trend, places=np.empty((0, 2)),
        weights=np.empty((2, 0)), factors=None, reach_px=1.0, strength=0.0, noise_px=1.0,
    )  # fmt: skip


def fit_trend(shape: tuple[int, int], place: Floats, moved: Floats, weight: Floats) -> Field:
    """Weighted least-squares affine displacement through ``place`` (n, 2) and ``moved`` (n, 2)."""
    blank = constant_field(shape)
    basis = blank._basis(place)
    root = np.sqrt(weight)[:, None]
    # A faint pull of the slopes toward 0 keeps few or collinear tie points harmless.
    pull = np.diag([0.0, 1.0, 1.0]) * np.sqrt(1e-4 * weight.sum())
    trend, *_ = np.linalg.lstsq(
        np.concatenate([basis * root, pull]), np.concatenate([moved * root, np.zeros((3, 2))]),
        rcond=None,
    )  # fmt: skip
    return trend_field(shape, trend.T, "affine")


def _trend_scale(sloped: bool) -> Floats:
    return _TREND_PRIOR * np.array([1.0, 1.0, 1.0] if sloped else [1.0, 0.0, 0.0])


def _parts(places: int, ties: int) -> list[slice]:
    """Slices of at most some 4 million covariances each."""
    many = max(1, 4_000_000 // max(1, ties))
    return [slice(i, i + many) for i in range(0, places, many)] if ties else []


def _covariance(
    one: Floats, other: Floats, trend_one: Floats, trend_other: Floats, reach: float,
    strength: float,
) -> Floats:  # fmt: skip
    trend = trend_one @ trend_other.T
    if strength <= 0:
        return np.asarray(trend)
    gap = (one[:, :1] - other[:, 0]) ** 2 + (one[:, 1:] - other[:, 1]) ** 2
    return np.asarray(trend + strength * np.exp(gap * (-0.5 / reach**2)))


def _evidence(matrix: Floats, values: Floats) -> tuple[float, float]:
    """Log marginal likelihood of ``values`` (n, 2) and their noise variance, given shape alone.

    ``matrix`` (n, n) is symmetric and is overwritten.
    """
    # LAPACK's own routines: for some hundred tie points the wrappers' checks cost as much again.
    factor, failed = lapack.dpotrf(matrix.T, lower=1, clean=0, overwrite_a=1)
    if failed:
        raise np.linalg.LinAlgError("covariance is not positive definite")
    solved, _ = lapack.dtrtrs(factor, values, lower=1)
    n = values.size
    variance = max(float(np.sum(solved**2)) / n, 1e-10)
    log_determinant = 2 * float(np.log(np.diag(factor)).sum())
    return -0.5 * n * np.log(variance) - log_determinant, variance


@dataclass(frozen=True)
class _Shape:
    """Covariance of a field up to its noise: what the evidence chooses between."""

    model: Model
    sloped: bool
    reach_px: float
    strength: float


def _candidates(
    side_px: float, shortest_px: float, allowed: Model | None, settings: FieldSettings
) -> list[_Shape]:
    shapes = [_Shape("shift", False, 1.0, 0.0), _Shape("affine", True, 1.0, 0.0)]
    reach = side_px / 2
    while reach >= shortest_px:
        shapes += [_Shape("field", True, reach, strength) for strength in settings.strengths]
        reach /= 1.7
    return [s for s in shapes if allowed is None or s.model == allowed]


def _neighbours(
    shape: _Shape, side_px: float, shortest_px: float, settings: FieldSettings
) -> list[_Shape]:
    """Fields one finer step off, and the one whose trend has no slopes, or has them."""
    step = settings.reach_step
    reaches = [r for r in (shape.reach_px / step, shape.reach_px * step)
               if shortest_px <= r <= side_px / 2]  # fmt: skip
    step, most = settings.strength_step, max(settings.strengths)
    strengths = [s for s in (shape.strength / step, shape.strength * step)
                 if 0.99 * settings.faintest <= s <= 1.01 * most]  # fmt: skip
    return [
        replace(shape, sloped=not shape.sloped),
        *(replace(shape, reach_px=reach) for reach in reaches),
        *(replace(shape, strength=strength) for strength in strengths),
        *(replace(shape, reach_px=r, strength=s) for r in reaches for s in strengths),
    ]


def choose_shape(
    field: Field, place: Floats, rest: Floats, spread: Floats, spacing_px: float,
    allowed: Model | None, settings: FieldSettings,
) -> _Shape:  # fmt: skip
    """The covariance with the best evidence for ``rest`` (n, 2) at ``place`` (n, 2).

    ``spread`` (n, 2) is each tie point's relative deviation.
    """
    many = min(settings.most_tried, len(place))
    some = np.unique(np.linspace(0, len(place) - 1, many).astype(int))
    place, rest = place[some], rest[some]
    noise = np.mean(spread[some] ** 2, axis=1)
    basis = field._basis(place)
    gap = (place[:, :1] - place[:, 0]) ** 2 + (place[:, 1:] - place[:, 1]) ** 2
    side_px = 2 * field.half_px
    shortest_px = max(1.25 * spacing_px, side_px / settings.shortest)

    @cache
    def smooth(reach_px: float) -> Floats:
        return np.asarray(np.exp(gap * (-0.5 / reach_px**2)))

    @cache
    def bend(sloped: bool) -> float:
        """Most that the variance of a smooth part may be, px²."""
        flat, *_ = np.linalg.lstsq(basis[:, : 3 if sloped else 1], rest, rcond=None)
        off = rest - basis[:, : len(flat)] @ flat
        seen = float(np.average(np.mean(off**2, axis=1), weights=1 / noise))
        return settings.bend_variance_limit * seen

    @cache
    def evidence(shape: _Shape) -> float:
        matrix = (basis * _trend_scale(shape.sloped)) @ basis.T
        if shape.strength > 0:
            matrix += shape.strength * smooth(shape.reach_px)
        matrix[np.diag_indices(len(place))] += noise
        said, variance = _evidence(matrix, rest)
        # the weakest that is looked for at all is always allowed
        too_strong = shape.strength > 1.01 * settings.faintest
        if too_strong and shape.strength * variance > bend(shape.sloped):
            return -np.inf
        return said

    choice = max(_candidates(side_px, shortest_px, allowed, settings), key=evidence)
    while choice.strength > 0:
        better = max(_neighbours(choice, side_px, shortest_px, settings), key=evidence)
        if evidence(better) <= evidence(choice):
            break
        choice = better
    return choice


def fit_field(
    shape: tuple[int, int], start: Field, place: Floats, moved: Floats, spread: Floats,
    spacing_px: float, allowed: Model | None, settings: FieldSettings, like: Field | None = None,
) -> Fit:  # fmt: skip
    """The field that tie points prove, those that do not fit it dropped.

    Parameters
    ----------
    shape
        (rows, cols) of the grid.
    start
        Affine displacement near the truth, about which the trend's prior is centred.
    place, moved
        (n, 2) rows and cols, and the displacement measured there, px.
    spread
        (n, 2) relative deviation of each measurement; only ratios matter.
    spacing_px
        Least distance of neighbouring tie points, px: no field is bent faster.
    allowed
        The one model to use; None lets the evidence choose.
    settings
        How flexible it may be.
    like
        A field whose model, reach and strength are taken over; None: they are chosen.
    """
    spread = np.maximum(spread / np.median(spread), _LEAST_SPREAD)
    # About a bare shift: whether slopes are needed is for the evidence to say.
    base = constant_field(shape, start.trend[0, 0], start.trend[1, 0])
    rest = moved - base.at(place[:, 0], place[:, 1]).T
    kept = np.ones(len(place), bool)
    chosen = None if like is None else _Shape(
        like.model, like.sloped, like.reach_px, like.strength
    )  # fmt: skip
    if like is None and allowed is None:
        # A single gross error would be believed by a field that bends to it, not by a plane.
        plane = fit_trend(shape, place, rest, 1 / np.mean(spread**2, axis=1))
        off = (rest - plane.at(place[:, 0], place[:, 1]).T) / spread
        kept = _agreeing(off, kept, settings.outlier, 0.0)
    fit, trust = None, np.ones(len(place))
    for turn in range(4):
        if like is None and turn < 2:  # once more when gross errors no longer drown the slopes
            weighed = spread / np.sqrt(trust)[:, None]
            chosen = choose_shape(
                base, place[kept], rest[kept], weighed[kept], spacing_px, allowed, settings
            )
        assert chosen is not None
        fit = _solve(base, chosen, place, rest, spread, trust, kept)
        standard = fit.miss / fit.expected
        now = _agreeing(standard, kept, settings.outlier, 1.0)
        bends = chosen.strength > 0
        if now.sum() < max(4, 0.3 * kept.sum()) or ((now == kept).all() and not bends):
            break
        kept = now
        if bends:
            trust = _trust(standard, kept, settings.tails)
    assert fit is not None
    return fit


def _trust(standard: Floats, kept: NDArray[np.bool_], tails: float) -> Floats:
    """(n,) weight of each tie point by its ``standard`` miss (n, 2).

    Under a Student t distribution of ``tails`` degrees of freedom.

    The unit is the middle of the ``kept`` ones' squares, which gross errors do not move.
    """
    square = np.sum(standard**2, axis=1)
    square *= 2 * np.log(2) / max(1e-12, float(np.median(square[kept])))
    return np.asarray((tails + 2) / (tails + square))


def _agreeing(
    standard: Floats, kept: NDArray[np.bool_], outlier: float, least: float
) -> NDArray[np.bool_]:
    """(n,) tie points whose ``standard`` miss (n, 2) is no ``outlier`` among the ``kept`` ones'.

    Their middle is the unit, or ``least`` if that is more.
    """
    radial = np.hypot(*standard.T) / np.sqrt(2)
    unit = max(least, float(np.median(radial[kept])) / 0.83)
    return np.asarray(radial < outlier * unit)


def _solve(
    base: Field, chosen: _Shape, place: Floats, rest: Floats, spread: Floats, trust: Floats,
    kept: NDArray[np.bool_],
) -> Fit:  # fmt: skip
    """Field and misses where each tie point weighs by ``spread`` (n, 2) and ``trust`` (n,)."""
    trial = Field(
        chosen.model, chosen.sloped, base.centre, base.half_px, base.trend, place[kept],
        np.zeros((2, kept.sum())), None, chosen.reach_px, chosen.strength, 1.0,
    )  # fmt: skip
    matrix = trial._covariance(place[kept], place[kept])
    weights = np.empty((2, kept.sum()))
    factors, variance = [], []
    if len(matrix) > _MOST_APART:
        spread = np.repeat(np.sqrt(np.mean(spread**2, axis=1, keepdims=True)), 2, axis=1)
    weighed = spread / np.sqrt(trust)[:, None]
    diagonal = np.diag_indices(len(matrix))
    miss, expected = np.empty((len(place), 2)), np.empty((len(place), 2))
    for component in range(2):
        if component == 0 or len(matrix) <= _MOST_APART:
            full = matrix.copy()
            full[diagonal] += weighed[kept, component] ** 2
            factor = cho_factor(full, lower=True, check_finite=False)
            inverse, _ = lapack.dpotri(factor[0], lower=True)
        weights[component] = cho_solve(factor, rest[kept, component], check_finite=False)
        variance.append(float(rest[kept, component] @ weights[component]) / len(full))
        miss[kept, component] = weights[component] / np.diag(inverse)
        # as a tie point of full trust would miss the others' field, whatever its own trust is
        own = weighed[kept, component] ** 2 - spread[kept, component] ** 2
        least = spread[kept, component] ** 2
        expected[kept, component] = np.sqrt(np.maximum(1 / np.diag(inverse) - own, least))
        factors.append(np.tril(factor[0]))
    noise = float(np.sqrt(max(sum(variance) / 2, 1e-10)))
    field = Field(
        chosen.model, chosen.sloped, base.centre, base.half_px, base.trend, place[kept],
        weights, (factors[0], factors[1]), chosen.reach_px, chosen.strength, 1.0,
    )  # fmt: skip
    out = ~kept
    if out.any():
        own = base.at(place[out, 0], place[out, 1]).T
        miss[out] = rest[out] + own - field.at(place[out, 0], place[out, 1]).T
        sure = field.deviation(place[out, 0], place[out, 1]).T
        expected[out] = np.sqrt(sure**2 + spread[out] ** 2)
    return Fit(replace(field, noise_px=noise), kept, miss, expected * noise)
