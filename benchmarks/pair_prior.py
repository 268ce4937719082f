"""How readily is each pair of classes believed? Fits `TransitionSettings.pair_prior`.

    python benchmarks/pair_prior.py WORK [--families rgb,rgbn,multispectral] [--scenes 300]
                                    [--model open] [--first-seed 10000000]

A pixel that changed in a known way (gained, lost, other) went from class i to class j with a
probability in proportion to T(i, j) · p_before(i) · p_after(j), or to T(replaced) where a building
gave way to a building. T is what makes the pairs that simulated scenes really hold the likeliest
(maximum likelihood; pixels of every scene weigh as its changed pixels are sampled, families alike).
It is symmetric, so that swapped pictures mirror the table, and pulled a little toward the settings
of now, for pairs that no scene holds. The diagonal says what unchanged ground is and is left alone.

Prints the mean log-likelihood of the right pair on scenes that the fit did not see (two folds), of
the settings of now and of the fit, and the fit on all scenes, cropland → paved being 1. Scenes are
those of calibration, which no model learned from. WORK keeps them.
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
from landshift.training.material import GAINED, LOST, OTHER
from landshift.training.scenes import simulated_tiles
from landshift.transition import smoothed_posteriors

SAMPLED_PX = 500
"""Of each scene's changed pixels."""
PULL = 1e-3
"""Weight of the squared logarithm of what is fitted over what is set, beside the mean negative
logarithm of the likelihood: a pair of a hundred among 100,000 pixels hardly feels it."""
LEAST = 1e-6
"""Probability of a class below which nothing is read into it."""

UPPER = np.triu_indices(kernel.CLASSES, 1)
KINDS = np.array([[kernel.kind_of(i, j) for j in range(8)] for i in range(8)])


@dataclasses.dataclass(frozen=True)
class Sample:
    """Pixels whose change is known."""

    weights: NDArray[np.float64]
    """(pixel, 65); p_before · p_after of the outcomes of its kind, 0 of the others."""
    right: NDArray[np.int64]
    """(pixel,); which outcome is true."""
    scene: NDArray[np.int64]
    """(pixel,)"""

    def part(self, rows: NDArray[np.bool_]) -> "Sample":
        return Sample(self.weights[rows], self.right[rows], self.scene[rows])


def sample(family: str, given: argparse.Namespace) -> Sample:
    model = dataclasses.replace(load_model(given.model, family), turns=1)
    tiles = simulated_tiles(
        family, range(given.first_seed, given.first_seed + given.scenes), SIDES_PX[family],
        (model.finest_gsd_m, model.coarsest_gsd_m), given.work,
        lambda line: print(line, file=sys.stderr),
    )  # fmt: skip
    rng = np.random.default_rng(1)
    weights, right, scenes = [], [], []
    for number, tile in enumerate(tiles):
        before, after = (cover.ravel().astype(np.int64) for cover in tile.covers)
        kinds = tile.kinds.ravel()
        replaced = (before == Cover.BUILDING) & (after == Cover.BUILDING)
        known = np.isin(kinds, (GAINED, LOST, OTHER)) & (before > 0) & (after > 0)
        at = np.flatnonzero(known & ((before != after) | replaced))
        at = rng.choice(at, min(SAMPLED_PX, len(at)), replace=False)
        if not len(at):
            continue
        rasters = raster(tile, 0), raster(tile, 1)
        still = Alignment.identity(rasters[0].grid)
        found = smoothed_posteriors(
            *classify_pair(*rasters, model), still, rasters, TransitionSettings()
        )
        one, other = (
            planes.reshape(8, -1)[:, at].T.astype(np.float64)
            for planes in found.classes(slice(0, len(found.valid)))
        )
        pairs = np.maximum(one, LEAST)[:, :, None] * np.maximum(other, LEAST)[:, None]
        of_kind = kinds[at][:, None, None] == KINDS
        own = np.where(of_kind, pairs, 0.0).reshape(len(at), -1)
        again = pairs[:, Cover.BUILDING - 1, Cover.BUILDING - 1]
        weights.append(np.column_stack([own, again]))
        outcome = 8 * (before[at] - 1) + after[at] - 1
        # a picture's labels may say what the kind does not: a roof that leans over a yard
        agrees = KINDS.ravel()[outcome] == kinds[at]
        right.append(np.where(replaced[at], kernel.REPLACED, np.where(agrees, outcome, -1)))
        scenes.append(np.full(len(at), number))
    found = Sample(*(np.concatenate(one) for one in (weights, right, scenes)))
    return found.part(found.right >= 0)


def outcomes(logs: NDArray[np.float64]) -> NDArray[np.float64]:
    """(65,) from the 28 pairs above the diagonal and what was replaced, as logarithms."""
    pairs = np.zeros((8, 8))
    pairs[UPPER] = np.exp(logs[:-1])
    return np.append((pairs + pairs.T).ravel(), np.exp(logs[-1]))


def settings_now() -> NDArray[np.float64]:
    settings = TransitionSettings()
    return np.log(np.append(np.array(settings.pair_prior)[UPPER], settings.replaced_prior))


def likelihood(
    logs: NDArray[np.float64], one: Sample
) -> tuple[float, NDArray[np.float64]]:
    """Mean log-likelihood, and its slope over ``logs``."""
    table = outcomes(logs)
    weighed = one.weights * table
    shares = weighed / weighed.sum(axis=1, keepdims=True)
    fit = np.log(shares[np.arange(len(shares)), one.right]).mean()
    slope = np.bincount(one.right, minlength=kernel.OUTCOMES) / len(shares) - shares.mean(axis=0)
    pairs = slope[: kernel.REPLACED].reshape(8, 8)
    return float(fit), np.append((pairs + pairs.T)[UPPER], slope[kernel.REPLACED])


def fit(parts: list[Sample]) -> NDArray[np.float64]:
    start = settings_now()

    def loss(logs: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        fits, slopes = zip(*(likelihood(logs, one) for one in parts), strict=True)
        apart = logs - start
        return (PULL * np.sum(apart**2) - np.mean(fits),
                2 * PULL * apart - np.mean(slopes, axis=0))  # fmt: skip

    return optimize.minimize(loss, start, jac=True, method="L-BFGS-B").x


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("--families", type=lambda names: names.split(","), default=list(SIDES_PX))
    parser.add_argument("--scenes", type=int, default=300)
    parser.add_argument("--model", default="open")
    parser.add_argument("--first-seed", type=int, default=FIRST_SEED)
    given = parser.parse_args()
    samples = {family: sample(family, given) for family in given.families}
    judged = {family: np.zeros(2) for family in samples}
    for fold in (0, 1):
        fitted = fit([one.part(one.scene % 2 != fold) for one in samples.values()])
        for family, one in samples.items():
            left = one.part(one.scene % 2 == fold)
            own = [likelihood(logs, left)[0] for logs in (settings_now(), fitted)]
            judged[family] += np.array(own) / 2
    print("| family | pixels | log-likelihood, settings of now | fitted on the other half |\n"
          "|---|---|---|---|")  # fmt: skip
    for family, (now, then) in judged.items():
        print(f"| {family} | {len(samples[family].right)} | {now:.3f} | {then:.3f} |")
    table = outcomes(fit(list(samples.values())))
    pairs = table[: kernel.REPLACED].reshape(8, 8)
    unit = pairs[Cover.CROPLAND - 1, Cover.PAVED - 1]
    print(f"\n| from, to | {' | '.join(cover.label for cover in COVERS)} |\n|---{'|---' * 8}|")
    for cover, row in zip(COVERS, pairs / unit, strict=True):
        print(f"| {cover.label} | {' | '.join(f'{value:.2f}' for value in row)} |")
    print(f"\nreplaced {table[kernel.REPLACED] / unit:.3f}")
