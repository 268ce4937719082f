"""How well do the halves of `research` do on the scenes that each had not learned from?

    python benchmarks/training_tiles.py research DATA --without a > a.csv      # and b
    landshift train --recipe research-rgb-half-first --tiles a.csv --out research-rgb-half-first.npz
    landshift train --recipe research-rgb-half-second … and, after it, research-rgb-half
    python benchmarks/left_out.py DATA research-rgb-without-a.npz research-rgb-without-b.npz

Each model is scored on the half of the scenes (`training_tiles.FIRST_HALF`) that its list left out.
Change: pixels of all pairs of a set together; what a label means is that of the set: buildings
gained or lost, or ground built on or cleared. Hectares: how often the 90 % interval of
building_change holds the label's, its median width and error over the label's (0.1 ha at least).
Cover: F1 of classes on the single pictures. ``open`` in place of both models gives the scores of
the packaged one, which learned from none of these scenes.
"""

import argparse
import warnings
from pathlib import Path

import numpy as np
import rasterio

from calibration import LOVEDA, code, nearest, probabilities
from landshift.comparison import compare_site
from landshift.legend import Cover
from landshift.report import SiteReport
from landshift.settings import Settings
from landshift.site import Image, Site
from training_tiles import in_first_half

SETS = {
    "levir_cd": (0.5, "building"), "whu_cd": (0.2, "building"), "fotbcd": (0.2, "building"),
    "dsifn_cd": (2.0, "ground"), "sun_optical": (1.0, "ground"),
}  # fmt: skip
"""Side of a pixel, metres, and what changed where the label says so."""
SOFT = (Cover.CROPLAND, Cover.WOODY, Cover.HERBACEOUS)
LEAST_TRUE = 0.1


def found(report: SiteReport, meaning: str, shape: tuple[int, int]) -> np.ndarray:
    """Where the report says what the label means, on the label's pixels."""
    codes = report.changes.codes[nearest(shape, report.changes.codes.shape)]
    before, after = codes // 10, codes % 10
    if meaning == "building":
        hit = (before == Cover.BUILDING) != (after == Cover.BUILDING)
    else:
        soft = np.isin(before, SOFT)
        hit = (soft | (before == Cover.BARE)) & np.isin(after, (Cover.BUILDING, Cover.PAVED))
        hit |= soft & (after == Cover.BARE)
    return hit & (codes > 0) & (codes < 255)


def f1(right: int, wrong: int, missed: int) -> float:
    return 2 * right / max(2 * right + wrong + missed, 1)


def change(data: Path, models: dict[bool, str], sets: list[str]) -> None:
    held, widths, errors = [], [], []
    for name in sets:
        gsd_m, meaning = SETS[name]
        counts = np.zeros(3, np.int64)
        pairs = sorted((data / name / "before").glob("*"))
        for before in pairs:
            after = data / name / "after" / before.name
            site = Site(before.stem, Image(before, gsd_m), Image(after, gsd_m))
            model = models[in_first_half(name, before.stem)]
            report = compare_site(site, model, Settings(), lambda stage: None)
            label = code(data / name / "label" / before.name) > 127
            hit = found(report, meaning, label.shape)
            counts += [(hit & label).sum(), (hit & ~label).sum(), (~hit & label).sum()]
            if meaning == "building":
                true, told = label.sum() * gsd_m**2 / 1e4, report.totals["building_change"]
                held.append(told.low <= true <= told.high)
                widths.append((told.high - told.low) / max(true, LEAST_TRUE))
                errors.append(abs(told.value - true) / max(true, LEAST_TRUE))
        right, wrong, missed = map(int, counts)
        print(f"{name:12} {len(pairs):2} pairs  F1 {f1(right, wrong, missed):.3f}  "
              f"precision {right / max(right + wrong, 1):.3f}  "
              f"recall {right / max(right + missed, 1):.3f}", flush=True)  # fmt: skip
    if held:
        print(f"hectares     {len(held)} pairs  held {np.mean(held):.3f}  "
              f"width {np.median(widths):.2f}  error {np.median(errors):.3f}")  # fmt: skip


def cover(data: Path, models: dict[bool, str]) -> None:
    counts: dict[Cover, np.ndarray] = {}
    for label in sorted((data / "loveda/labels").glob("*.png")):
        truth = LOVEDA[code(label)]
        picture = data / "loveda/images" / label.name
        model = models[in_first_half("loveda", label.stem)]
        said = probabilities(picture, 0.3, truth.shape, model).argmax(axis=0) + 1
        for one in (Cover(value) for value in np.unique(truth[truth > 0])):
            hit, there = said[truth > 0] == one, truth[truth > 0] == one
            counts.setdefault(one, np.zeros(3, np.int64))
            counts[one] += [(hit & there).sum(), (hit & ~there).sum(), (~hit & there).sum()]
    told = (f"{one.label} {f1(*map(int, count)):.2f}" for one, count in sorted(counts.items()))
    print("loveda       F1 " + "  ".join(told))


if __name__ == "__main__":
    warnings.filterwarnings("ignore", category=rasterio.errors.NotGeoreferencedWarning)
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("without_a", help="scored on the first half")
    parser.add_argument("without_b", help="scored on the other")
    parser.add_argument("--only", type=lambda names: names.split(","), default=[*SETS, "loveda"])
    asked = parser.parse_args()
    halves = {True: asked.without_a, False: asked.without_b}
    change(asked.data, halves, [name for name in SETS if name in asked.only])
    if "loveda" in asked.only:
        cover(asked.data, halves)
