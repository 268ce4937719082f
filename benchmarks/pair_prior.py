"""How readily is each pair of classes believed? Fits `TransitionSettings.pair_prior`.

    python benchmarks/pair_prior.py WORK [--families rgb,rgbn,multispectral] [--scenes 300]
                                    [--model open] [--first-seed 10000000]

A pixel that changed in a known way (gained, lost, other) went from class i to class j with a
probability in proportion to T(i, j) · p_before(i) · p_after(j), or to T(replaced) where a building
gave way to a building. T is what makes the pairs that simulated scenes really hold the likeliest
(maximum likelihood; pixels of every scene weigh as its changed pixels are sampled, families alike).
It is symmetric, so that swapped pictures mirror the table, and pulled a little toward what was
judged before anything was fitted, for pairs that no scene holds. The diagonal says what unchanged
ground is and is left alone.

Prints, for ways from the judgement to the fit (geometric means), the mean log-likelihood of the
right pair on scenes that the fit did not see (two folds), and what all pixels that changed or
seemed to add up to over what is true there: the fit knows only pixels that did change, and fields
that seem to have come of paving take from those that were paved. Then the fit on all scenes and,
as settings have it, the mean half-way, cropland → paved being 1. Scenes are those of calibration,
which no model learned from. WORK keeps them.
"""

import argparse
import dataclasses
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

from held_out import FIRST_SEED, SIDES_PX, raster
from landshift.alignment import Alignment
from landshift.kernels import transition as kernel
from landshift.landcover import classify_pair
from landshift.legend import COVERS, Cover
from landshift.model import load_model
from landshift.settings import TransitionSettings
from landshift.training.material import GAINED, IGNORED, LOST, OTHER, Tile
from landshift.training.scenes import simulated_tiles
from landshift.transition import smoothed_posteriors

SAMPLED_PX = 500
"""Of each scene's changed pixels."""
EVERY_PX = 4
"""Rows and columns from one to the next of the pixels that are added up."""
PULL = 1e-3
"""Weight of the squared logarithm of what is fitted over what was judged, beside the mean negative
logarithm of the likelihood: a pair of a hundred among 100,000 pixels hardly feels it."""
WAYS = (0.0, 0.25, 0.5, 0.75, 1.0)
CLEARED = (Cover.CROPLAND, Cover.GREENHOUSE, Cover.WOODY, Cover.HERBACEOUS)
SUMS = {
    "cropland built on or paved": [
        8 * (Cover.CROPLAND - 1) + after - 1 for after in (Cover.BUILDING, Cover.PAVED)
    ],
    "cleared": [8 * (before - 1) + Cover.BARE - 1 for before in CLEARED],
    "new building": [
        8 * (before - 1) + Cover.BUILDING - 1 for before in COVERS if before != Cover.BUILDING
    ],
}
JUDGED = np.array((
    (0.00, 0.60, 1.00, 0.60, 1.00, 0.15, 0.15, 0.50),
    (0.60, 0.00, 1.00, 0.80, 1.00, 0.10, 0.10, 0.20),
    (1.00, 1.00, 0.00, 0.50, 0.50, 0.30, 0.50, 0.10),
    (0.60, 0.80, 0.50, 0.00, 0.80, 0.30, 0.30, 0.30),
    (1.00, 1.00, 0.50, 0.80, 0.00, 0.20, 0.30, 0.10),
    (0.15, 0.10, 0.30, 0.30, 0.20, 0.00, 0.20, 0.10),
    (0.15, 0.10, 0.50, 0.30, 0.30, 0.20, 0.00, 0.20),
    (0.50, 0.20, 0.10, 0.30, 0.10, 0.10, 0.20, 0.00),
))  # fmt: skip
"""Off the diagonal, what DOMAIN.md and METHODS §6 let one guess."""
JUDGED_REPLACED = 0.1
LEAST = 1e-6
"""Probability of a class below which nothing is read into it."""

UPPER = np.triu_indices(kernel.CLASSES, 1)
KINDS = np.array([[kernel.kind_of(i, j) for j in range(8)] for i in range(8)])


@dataclasses.dataclass(frozen=True)
class Changed:
    """Pixels whose change is known, of all scenes."""

    weights: NDArray[np.float64]
    """(pixel, 65); p_before · p_after of the outcomes of its kind, 0 of the others."""
    right: NDArray[np.int64]
    """(pixel,); which outcome is true."""
    scene: NDArray[np.int64]
    """(pixel,)"""

    def part(self, rows: NDArray[np.bool_]) -> "Changed":
        return Changed(self.weights[rows], self.right[rows], self.scene[rows])


@dataclasses.dataclass(frozen=True)
class Ground:
    """Pixels of one scene whose two classes are known, changed or not, in one row."""

    before: NDArray[np.float32]
    """(8, 1, pixel)"""
    after: NDArray[np.float32]
    """(8, 1, pixel)"""
    kinds: NDArray[np.float32]
    """(4, 1, pixel)"""
    pixel_hectares: float
    true: NDArray[np.float64]
    """(65,); hectares."""

    def expected(self, table: NDArray[np.float64]) -> NDArray[np.float64]:
        """Hectares (65,) that the probabilities add up to."""
        sums = np.zeros(kernel.OUTCOMES)
        kernel.sum_outcomes(
            self.before, self.after, self.kinds, np.ones(self.before.shape[1:], np.bool_),
            np.array([self.pixel_hectares]), table[: kernel.REPLACED].reshape(8, 8).astype("f4"),
            np.float32(table[kernel.REPLACED]), np.float32(0.0), sums,
        )  # fmt: skip
        return sums


def read(family: str, given: argparse.Namespace) -> tuple[Changed, list[Ground]]:
    model = dataclasses.replace(load_model(given.model, family), turns=1)
    tiles = simulated_tiles(
        family, range(given.first_seed, given.first_seed + given.scenes), SIDES_PX[family],
        (model.finest_gsd_m, model.coarsest_gsd_m), given.work,
        lambda line: print(line, file=sys.stderr),
    )  # fmt: skip
    rng = np.random.default_rng(1)
    found = []
    for number, tile in enumerate(tiles):
        rasters = raster(tile, 0), raster(tile, 1)
        still = Alignment.identity(rasters[0].grid)
        told = smoothed_posteriors(
            *classify_pair(*rasters, model), still, rasters, TransitionSettings()
        )
        classes = told.classes(slice(0, len(told.valid)))
        found.append((_changed(tile, number, classes, rng), _ground(tile, classes, told.kinds)))
    changed = Changed(*map(np.concatenate, zip(*(one for one, _ in found), strict=True)))
    return changed, [ground for _, ground in found]


def _changed(
    tile: Tile, number: int, classes: tuple[NDArray[np.float32], ...], rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """What `Changed` holds of one scene."""
    outcome, kinds = _outcome(tile), tile.kinds.ravel()
    at = np.flatnonzero(outcome >= 0)
    at = rng.choice(at, min(SAMPLED_PX, len(at)), replace=False)
    one, other = (
        np.maximum(planes.reshape(8, -1)[:, at].T.astype(np.float64), LEAST) for planes in classes
    )
    pairs = one[:, :, None] * other[:, None]
    own = np.where(kinds[at][:, None, None] == KINDS, pairs, 0.0).reshape(-1, kernel.REPLACED)
    again = pairs[:, Cover.BUILDING - 1, Cover.BUILDING - 1]
    return np.column_stack([own, again]), outcome[at], np.full(len(at), number)


def _ground(
    tile: Tile, classes: tuple[NDArray[np.float32], ...], kinds: NDArray[np.float32]
) -> Ground:
    known = (tile.kinds != IGNORED) & (tile.covers > 0).all(axis=0)
    spaced = np.zeros_like(known)
    spaced[::EVERY_PX, ::EVERY_PX] = True
    known &= spaced
    hectares = (EVERY_PX * tile.gsd_m) ** 2 / 1e4
    outcome = _outcome(tile)[known.ravel()]
    true = np.bincount(outcome[outcome >= 0], minlength=kernel.OUTCOMES) * hectares
    before, after, seen = (planes[:, known][:, None].copy() for planes in (*classes, kinds))
    return Ground(before, after, seen, hectares, true)


def _outcome(tile: Tile) -> NDArray[np.int64]:
    """The true outcome (pixel,) of what changed in a known way; -1 elsewhere.

    A picture's labels may say what the kind does not: a roof that leans over a yard.
    """
    before, after = (cover.ravel().astype(np.int64) for cover in tile.covers)
    kinds = tile.kinds.ravel()
    known = np.isin(kinds, (GAINED, LOST, OTHER)) & (before > 0) & (after > 0)
    outcome = np.where(known, 8 * (before - 1) + after - 1, 0)
    replaced = known & (before == Cover.BUILDING) & (after == Cover.BUILDING)
    known &= replaced | (KINDS.ravel()[outcome] == kinds)
    return np.where(known, np.where(replaced, kernel.REPLACED, outcome), -1)


def outcomes(logs: NDArray[np.float64]) -> NDArray[np.float64]:
    """(65,) from the 28 pairs above the diagonal and what was replaced, as logarithms."""
    pairs = np.zeros((8, 8))
    pairs[UPPER] = np.exp(logs[:-1])
    return np.append((pairs + pairs.T).ravel(), np.exp(logs[-1]))


START = np.log(np.append(JUDGED[UPPER], JUDGED_REPLACED))


def likelihood(logs: NDArray[np.float64], one: Changed) -> tuple[float, NDArray[np.float64]]:
    """Mean log-likelihood, and its slope over ``logs``."""
    weighed = one.weights * outcomes(logs)
    shares = weighed / weighed.sum(axis=1, keepdims=True)
    fit = np.log(shares[np.arange(len(shares)), one.right]).mean()
    slope = np.bincount(one.right, minlength=kernel.OUTCOMES) / len(shares) - shares.mean(axis=0)
    pairs = slope[: kernel.REPLACED].reshape(8, 8)
    return float(fit), np.append((pairs + pairs.T)[UPPER], slope[kernel.REPLACED])


def fit(parts: list[Changed]) -> NDArray[np.float64]:
    def loss(logs: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        fits, slopes = zip(*(likelihood(logs, one) for one in parts), strict=True)
        apart = logs - START
        return (PULL * np.sum(apart**2) - np.mean(fits),
                2 * PULL * apart - np.mean(slopes, axis=0))  # fmt: skip

    return optimize.minimize(loss, START, jac=True, method="L-BFGS-B").x


def show(logs: NDArray[np.float64]) -> None:
    table = outcomes(logs)
    pairs = table[: kernel.REPLACED].reshape(8, 8)
    unit = pairs[Cover.CROPLAND - 1, Cover.PAVED - 1]
    print(f"\n| from, to | {' | '.join(cover.label for cover in COVERS)} |\n|---{'|---' * 8}|")
    for cover, row in zip(COVERS, pairs / unit, strict=True):
        print(f"| {cover.label} | {' | '.join(f'{value:.2f}' for value in row)} |")
    print(f"\nreplaced {table[kernel.REPLACED] / unit:.2f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("--families", type=lambda names: names.split(","), default=list(SIDES_PX))
    parser.add_argument("--scenes", type=int, default=300)
    parser.add_argument("--model", default="open")
    parser.add_argument("--first-seed", type=int, default=FIRST_SEED)
    given = parser.parse_args()
    sets = {family: read(family, given) for family in given.families}
    halves = [
        fit([one.part(one.scene % 2 != fold) for one, _ in sets.values()]) for fold in (0, 1)
    ]
    whole = fit([one for one, _ in sets.values()])
    print(f"| family | way | log-likelihood | {' | '.join(SUMS)} |")
    print(f"|---|---|---{'|---' * len(SUMS)}|")
    for family, (changed, grounds) in sets.items():
        true = sum(ground.true for ground in grounds)
        for way in WAYS:
            fits = [
                likelihood((1 - way) * START + way * half, changed.part(changed.scene % 2 == fold))
                for fold, half in enumerate(halves)
            ]
            table = outcomes((1 - way) * START + way * whole)
            sums = sum(ground.expected(table) for ground in grounds)
            told = (f"{sums[which].sum() / true[which].sum():.2f}" for which in SUMS.values())
            print(f"| {family} | {way:g} | {np.mean([one for one, _ in fits]):.3f} | "
                  f"{' | '.join(told)} |", flush=True)  # fmt: skip
    show(whole)
    show((START + whole) / 2)
