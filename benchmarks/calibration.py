"""How far probabilities of land cover are off on labelled pictures that no model learned from.

    python benchmarks/calibration.py DATA [--model open]

Prints, for each set of pictures below DATA, the overall accuracy and, for each class, the expected
calibration error (15 bins of equal width, one class against the rest) over the labelled pixels,
with the share of the class that is there and the share that the probabilities add up to. The sets
are jeju_greenhouse with labels/jeju, and loveda; neither is ever trained on. Classes that a set
does not name are left out.
"""

import argparse
import warnings
from pathlib import Path

import numpy as np
import rasterio

from landshift.comparison import model_for
from landshift.landcover import classify, shares_of_place, weighed_by_shares
from landshift.legend import COVERS
from landshift.reading import describe_image, plan_own_grid, read_raster
from landshift.settings import Settings
from landshift.site import Image

BINS = 15
LOVEDA = np.array([0, 0, 3, 5, 8, 4, 6, 1], np.uint8)
"""Its codes as those of the legend; its background is nobody's class."""
SAMPLE = 400_000


def jeju(data: Path):
    for label in sorted((data / "labels/jeju").glob("*.png")):
        yield data / "jeju_greenhouse/images" / label.name, code(label), 0.25


def loveda(data: Path):
    for label in sorted((data / "loveda/labels").glob("*.png")):
        yield data / "loveda/images" / label.name, LOVEDA[code(label)], 0.3


def code(path: Path):
    with rasterio.open(path) as source:
        return source.read(1)


def nearest(shape: tuple[int, int], source: tuple[int, int]):
    """Rows and columns of ``source`` below the pixels of a raster of ``shape`` over the ground."""
    rows, cols = (
        ((np.arange(n) + 0.5) * m / n).astype(int) for n, m in zip(shape, source, strict=True)
    )
    return rows[:, None], cols[None, :]


def probabilities(path: Path, gsd_m: float, shape: tuple[int, int], model: str):
    """(8, row, col) on the label's pixels."""
    picture = describe_image(Image(path, gsd_m))
    settings = Settings()
    network = model_for(picture, picture, model, settings)
    grid = plan_own_grid(picture, settings.grid, network.finest_gsd_m)
    found = classify(read_raster(picture.image, grid), network)
    cover = weighed_by_shares(found, shares_of_place([found], network, settings.cover))
    return cover.probability[:, *nearest(shape, grid.shape)]


def one_against_rest(p, is_class) -> float:
    """Expected calibration error of one class."""
    at = np.minimum((p * BINS).astype(int), BINS - 1)
    count = np.bincount(at, minlength=BINS)
    said = np.bincount(at, weights=p, minlength=BINS)
    true = np.bincount(at, weights=is_class, minlength=BINS)
    return float(np.abs(said - true).sum() / count.sum())


def judge(name: str, pictures, model: str) -> None:
    rng = np.random.default_rng(0)
    said, truth = [], []
    for path, label, gsd_m in pictures:
        p = probabilities(path, gsd_m, label.shape, model)
        known = np.flatnonzero(label)
        known = rng.choice(known, min(len(known), SAMPLE), replace=False)
        said.append(p.reshape(8, -1)[:, known])
        truth.append(label.ravel()[known])
    p, label = np.concatenate(said, axis=1), np.concatenate(truth)
    right = (p.argmax(axis=0) + 1 == label).mean()
    print(f"{name}: {len(truth)} pictures, accuracy {right:.3f}")
    for cover in COVERS:
        is_class = label == cover
        if is_class.any():
            error = one_against_rest(p[cover - 1], is_class)
            print(f"  {cover.label:12} calibration error {error:.3f}   "
                  f"there {is_class.mean():.3f}, said {p[cover - 1].mean():.3f}")  # fmt: skip


if __name__ == "__main__":
    warnings.filterwarnings("ignore", category=rasterio.errors.NotGeoreferencedWarning)
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("--model", default="open")
    chosen = parser.parse_args()
    for name, pictures in (("jeju", jeju), ("loveda", loveda)):
        judge(name, pictures(chosen.data), chosen.model)
