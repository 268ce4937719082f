"""What more simulated scenes are worth: models trained on simulation alone, scored on real tiles.

    python benchmarks/training_tiles.py open DATA > tiles.csv
    python benchmarks/simulator_curve.py tiles.csv WORK [--scenes 150 600 2400] [--steps 1200]

Trains one RGB model for each count, all else equal, and prints for each the share of the labelled
pixels of the tiles (train and held-out alike: none is learned from here) that it names rightly,
the mean F1 of the classes, and the F1 of building. WORK keeps scenes and models; run again, it
goes on.
"""

import argparse
import dataclasses
import sys
from pathlib import Path

import numpy as np
from affine import Affine

from landshift.grid import Grid
from landshift.landcover import classify
from landshift.legend import COVERS, Cover
from landshift.model import load_model
from landshift.raster import Raster
from landshift.sensor import FAMILY_BANDS, Sensor
from landshift.training.fitting import train
from landshift.training.material import read_tiles
from landshift.training.recipe import Recipe, read_recipe


def trained(recipe: Recipe, count: int, steps: int, work: Path) -> Path:
    """Path of the model learned from so many scenes."""
    out = work / f"{count}.npz"
    own = dataclasses.replace(
        recipe, name=f"scenes-{count}", simulated_pairs=count, simulated_share=1.0, steps=steps
    )
    if not out.exists():
        train(own, None, work, out, lambda line: print(line, file=sys.stderr))
    return out


def scored(model_path: Path, tiles) -> tuple[float, float, float]:
    model = load_model(str(model_path), "rgb")
    matrix = np.zeros((9, 9), np.int64)
    for tile in tiles:
        bands = tile.bands[0].astype(np.float32)
        valid = np.ones(bands.shape[1:], bool) if tile.seen is None else tile.seen[0]
        grid = Grid(None, Affine.scale(tile.gsd_m), valid.shape)
        sensor = Sensor(FAMILY_BANDS["rgb"], tile.gsd_m)
        found = classify(Raster(bands, valid, grid, sensor), model)
        codes = found.probability.argmax(axis=0) + 1
        known = tile.covers[0] > 0
        np.add.at(matrix, (tile.covers[0][known], codes[known]), 1)
    right = np.diagonal(matrix)
    f1 = 2 * right / np.maximum(matrix.sum(axis=0) + matrix.sum(axis=1), 1)
    there = [c for c in COVERS if matrix[c].any()]
    return right.sum() / matrix.sum(), float(f1[there].mean()), float(f1[Cover.BUILDING])


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("tiles", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--scenes", type=int, nargs="+", default=[150, 600, 2400])
    parser.add_argument("--steps", type=int, default=1200)
    chosen = parser.parse_args()
    recipe = read_recipe("open-rgb-first")
    gsd_m = (recipe.finest_gsd_m, recipe.coarsest_gsd_m)
    tiles = [tile for _, tile in read_tiles(chosen.tiles, FAMILY_BANDS["rgb"], gsd_m)]
    print("| simulated scenes | pixels right | mean F1 | F1 of building |\n|---|---|---|---|")
    for count in chosen.scenes:
        share, mean, building = scored(trained(recipe, count, chosen.steps, chosen.work), tiles)
        print(f"| {count} | {share:.3f} | {mean:.3f} | {building:.3f} |", flush=True)
