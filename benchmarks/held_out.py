"""What choices rest on: a place's shares, smoothing, a second look, what is called change.

    python benchmarks/training_tiles.py open DATA > tiles.csv
    python benchmarks/held_out.py tiles.csv WORK [--family rgb] [--scenes 60] [--model open]
                                  [--first-seed 10000000]

One way up. Prints the mean log-likelihood of the right class for several weights of the model's own
class shares beside those of the place (`CoverSettings.prior_weight`), on simulated pairs and on the
labelled public pictures held out; for several steps of smoothing, how well buildings gained or lost
and other changes are found on the pairs (F1 at the settings' threshold), how likely the right class
is, and by how much buildings come out too large; precision, recall and F1 of change and the
hectares called for those that probabilities add up to, for several thresholds; and for RGB the
share of labelled pixels that are named rightly for several weights of a second look at pixels twice
as coarse and a third at pixels four times as coarse, on the pictures learned from too, and the
log-likelihood of the right kind of change and F1 of all change, calibrated anew for each weight, on
scenes that the calibration did not see. No benchmark of change detection is looked at. WORK keeps
the scenes.
"""

import argparse
import dataclasses
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
from affine import Affine
from scipy import special

from landshift.alignment import Alignment
from landshift.grid import Grid
from landshift.landcover import classify, classify_pair, shares_of_place, weighed_by_shares
from landshift.model import Model, load_model
from landshift.raster import Raster
from landshift.sensor import FAMILY_BANDS, Sensor
from landshift.settings import CoverSettings, TransitionSettings
from landshift.training.calibration import fit_scaling
from landshift.training.material import (
    CHANGE_RIGHT,
    GAINED,
    IGNORED,
    LOST,
    OTHER,
    Tile,
    read_tiles,
)
from landshift.training.scenes import simulated_tiles
from landshift.transition import smoothed_posteriors

CLASS_WEIGHTS = (
    (0.0, 0.0), (0.2, 0.0), (0.35, 0.0), (0.5, 0.0), (0.35, 0.1), (0.35, 0.2), (0.35, 0.35),
)  # fmt: skip
"""Of the second look and of the third."""
PRIOR_WEIGHTS = (1e6, 4.0, 2.0, 1.0, 0.5, 0.1)
"""The first leaves the model's own shares as they are."""
SIDES_PX = {"rgb": 256, "rgbn": 224, "multispectral": 128}
THRESHOLDS = (0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6)
SWEEPS = (0, 1, 3, 6)
FIRST_SEED = 10_000_000
CHANGE_WEIGHTS = (0.0, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8)
FINE_BINS_M = (0.0, 0.6, 0.85, 1.11)
SAMPLED_PX = 3000
"""Of each pair, for the likelihood of change."""
FINE_M = 1.1
"""Pixel side up to which a second look is possible: the model ends at 2.2 m."""


def raster(tile: Tile, date: int) -> Raster:
    bands = tile.bands[date].astype(np.float32)
    grid = Grid(None, Affine.scale(tile.gsd_m), bands.shape[1:])
    family = next(name for name, roles in FAMILY_BANDS.items() if len(roles) == len(bands))
    sensor = Sensor(FAMILY_BANDS[family], tile.gsd_m)
    seen = np.ones(bands.shape[1:], bool) if tile.seen is None else tile.seen[date]
    return Raster(bands, seen, grid, sensor)


def named_rightly(tiles: list[Tile], model: Model) -> float:
    right = known = 0
    for tile in tiles:
        for date, cover in enumerate(tile.covers):
            if not cover.any():
                continue
            codes = classify(raster(tile, date), model).probability.argmax(axis=0) + 1
            right += int(((codes == cover) & (cover > 0)).sum())
            known += int((cover > 0).sum())
    return right / max(known, 1)


def shares(sets: dict[str, list[Tile]], model: Model) -> None:
    """No class is rated at less than a millionth, or one pixel would outweigh a picture."""
    sums = np.zeros((len(PRIOR_WEIGHTS), len(sets), 2))
    for column, tiles in enumerate(sets.values()):
        for tile in tiles:
            found = [classify(raster(tile, date), model) for date in range(len(tile.bands))]
            for row, weight in enumerate(PRIOR_WEIGHTS):
                settings = CoverSettings(prior_weight=weight, prior_coarsest_gsd_m=1000.0)
                here = shares_of_place(found, model, settings)
                for one, cover in zip(found, tile.covers, strict=True):
                    known = cover > 0
                    said = weighed_by_shares(one, here).probability[:, known]
                    right = said[cover[known] - 1, np.arange(known.sum())]
                    sums[row, column] += np.log(np.maximum(right, 1e-6)).sum(), known.sum()
    print(f"| weight of the model's own shares | {' | '.join(sets)} |\n|---{'|---' * len(sets)}|")
    for weight, columns in zip(PRIOR_WEIGHTS, sums, strict=True):
        told = [f"{total / max(count, 1):.3f}" for total, count in columns]
        print(f"| {weight:g} | {' | '.join(told)} |", flush=True)
    print()


def smoothings(pairs: list[Tile], model: Model) -> None:
    counts, likelihood = np.zeros((len(SWEEPS), 2, 3)), np.zeros(len(SWEEPS))
    sums, true_m2 = np.zeros(len(SWEEPS)), 0.0
    for tile in pairs:
        truth = tile.kinds
        true_m2 += np.isin(truth, (GAINED, LOST)).sum() * tile.gsd_m**2
        rasters = raster(tile, 0), raster(tile, 1)
        found = classify_pair(*rasters, model)
        still = Alignment.identity(rasters[0].grid)
        for row, sweeps in enumerate(SWEEPS):
            settings = TransitionSettings(
                smoothing_sweeps=sweeps, smoothing_coarsest_gsd_m=1000.0
            )
            told = smoothed_posteriors(*found, still, rasters, settings)
            built = told.kinds[GAINED] + told.kinds[LOST]
            sums[row] += built[truth != IGNORED].sum() * tile.gsd_m**2
            for place, (p, true) in enumerate(
                ((built, np.isin(truth, (GAINED, LOST))), (told.kinds[OTHER], truth == OTHER))
            ):
                called = (p >= settings.change_threshold) & (truth != IGNORED)
                counts[row, place] += (called & true).sum(), called.sum(), true.sum()
            classes = told.classes(slice(0, len(told.valid)))
            for probability, cover in zip(classes, tile.covers, strict=True):
                known = cover > 0
                right = probability[:, known][cover[known] - 1, np.arange(known.sum())]
                likelihood[row] += np.log(np.maximum(right, 1e-6)).mean() / (2 * len(pairs))
    print("| steps of smoothing | buildings, F1 | other change, F1 | classes, log-likelihood | "
          "buildings, sum of probabilities over truth |\n|---|---|---|---|---|")  # fmt: skip
    for sweeps, both, mean, m2 in zip(SWEEPS, counts, likelihood, sums, strict=True):
        scores = [2 * hit / max(called + true, 1) for hit, called, true in both]
        print(f"| {sweeps} | {scores[0]:.3f} | {scores[1]:.3f} | {mean:.3f} | "
              f"{m2 / true_m2:.2f} |", flush=True)  # fmt: skip
    print()


def looks(sets: dict[str, list[Tile]], model: Model) -> None:
    heads = "|---" * (len(sets) + 1)
    print(f"| weight of the second and third look in classes | {' | '.join(sets)} |\n{heads}|")
    for second, third in CLASS_WEIGHTS:
        own = dataclasses.replace(
            model, second_look=(second, model.second_look[1]), third_look=third
        )
        shares = [f"{named_rightly(tiles, own):.3f}" for tiles in sets.values()]
        print(f"| {second:.2f}, {third:.2f} | {' | '.join(shares)} |", flush=True)
    print()


def change_looks(pairs: list[Tile], model: Model) -> None:
    """Logits of both looks add up, so two answers of each pair tell those of every weight."""
    rng = np.random.default_rng(1)
    logits: list[list[np.ndarray]] = [[], []]
    right, sides, scenes = [], [], []
    for number, tile in enumerate(pairs):
        known = np.flatnonzero(CHANGE_RIGHT[tile.kinds.ravel()].any(axis=1))
        at = rng.choice(known, min(SAMPLED_PX, len(known)), replace=False)
        for weight, kept in zip((0.0, 0.5), logits, strict=True):
            own = dataclasses.replace(model, second_look=(model.second_look[0], weight))
            p = classify_pair(raster(tile, 0), raster(tile, 1), own)[2].probability
            kept.append(np.log(np.maximum(p.reshape(len(p), -1)[:, at].T, 1e-12)))
        right.append(CHANGE_RIGHT[tile.kinds.ravel()[at]])
        sides.append(np.full(len(at), tile.gsd_m))
        scenes.append(np.full(len(at), number))
    own, half = (np.concatenate(kept) for kept in logits)
    truth, side_m, scene = (np.concatenate(kept) for kept in (right, sides, scenes))
    bins = [
        (low, high) for low, high in pairwise(FINE_BINS_M)
        if len(set(scene[(side_m >= low) & (side_m < high)] % 2)) == 2
    ]  # fmt: skip
    print("| weight of the second look in change | "
          + " | ".join(f"{low:g}-{high:g} m: log-likelihood, F1" for low, high in bins)
          + f" |\n|---{'|---' * len(bins)}|")  # fmt: skip
    for weight in CHANGE_WEIGHTS:
        found = own + 2 * weight * (half - own)
        told = []
        for low, high in bins:
            fits, counts = [], np.zeros(2)
            for part in (0, 1):
                here = (side_m >= low) & (side_m < high)
                learned, judged = (here & (scene % 2 == n) for n in (part, 1 - part))
                scale, offset, *_ = fit_scaling(found[learned], truth[learned])
                p = special.log_softmax(found[judged] * scale + np.array(offset), axis=1)
                fits.append(special.logsumexp(np.where(truth[judged], p, -np.inf), axis=1).mean())
                called = p[:, 0] < np.log1p(-TransitionSettings().change_threshold)
                changed = ~truth[judged, 0]
                counts += (called & changed).sum(), called.sum() + changed.sum()
            told.append(f"{np.mean(fits):.4f}, {2 * counts[0] / counts[1]:.3f}")
        print(f"| {weight:g} | {' | '.join(told)} |", flush=True)
    print()


def thresholds(pairs: list[Tile], model: Model) -> None:
    sums = np.zeros((len(THRESHOLDS), 3))
    expected = 0.0
    for tile in pairs:
        truth = tile.kinds
        known, changed = truth != IGNORED, truth > 0
        found = classify_pair(raster(tile, 0), raster(tile, 1), model)[2].probability
        p = 1 - found[0]
        hectares = tile.gsd_m**2 / 1e4
        expected += float(p[known].sum()) * hectares
        for place, threshold in enumerate(THRESHOLDS):
            called = (p >= threshold) & known
            counts = (called & changed).sum(), called.sum(), (changed & known).sum()
            sums[place] += np.array(counts) * hectares
    print("| called change from | precision | recall | F1 | called per hectare expected |\n"
          "|---|---|---|---|---|")  # fmt: skip
    for threshold, (hit, called, true) in zip(THRESHOLDS, sums, strict=True):
        print(f"| {threshold:.2f} | {hit / called:.2f} | {hit / true:.2f} | "
              f"{2 * hit / (called + true):.3f} | {called / expected:.2f} |")  # fmt: skip
    print()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tiles", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--scenes", type=int, default=60)
    parser.add_argument("--family", choices=list(SIDES_PX), default="rgb")
    parser.add_argument("--first-seed", type=int, default=FIRST_SEED)
    parser.add_argument("--model", default="open")
    given = parser.parse_args()
    model = dataclasses.replace(load_model(given.model, given.family), turns=1)
    gsd_m = (model.finest_gsd_m, model.coarsest_gsd_m)
    seeds = range(given.first_seed, given.first_seed + given.scenes)
    pairs = simulated_tiles(
        given.family, seeds, SIDES_PX[given.family], gsd_m, given.work,
        lambda line: print(line, file=sys.stderr),
    )  # fmt: skip
    read = read_tiles(given.tiles, FAMILY_BANDS[given.family], gsd_m)
    kept = [tile for told, tile in read if told == "held-out" and tile.covers.any()]
    shares({"simulated": pairs, "pictures held out": kept}, model)
    smoothings(pairs, model)
    thresholds(pairs, model)
    if given.family != "rgb":
        raise SystemExit
    sets = {
        f"{side_m:g} m, {split}": [
            tile for told, tile in read
            if told == split and tile.gsd_m == side_m and tile.covers.any()
        ]
        for side_m in sorted({tile.gsd_m for _, tile in read if tile.gsd_m <= FINE_M})
        for split in ("train", "held-out")
    }  # fmt: skip
    sets["simulated, held out"] = [tile for tile in pairs if tile.gsd_m <= FINE_M]
    looks(sets, model)
    change_looks(sets["simulated, held out"], model)
