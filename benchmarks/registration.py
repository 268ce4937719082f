"""Accuracy and CPU time of registration against other tools, in one run, as a markdown table.

    python benchmarks/registration.py [--side 512] [--cases 4]

Each case is a synthetic scene sampled twice from a finer one, so that no estimator's own
interpolation is the truth. A tool that is not installed is left out and named.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
from affine import Affine
from pyproj import CRS
from scipy import ndimage

from landshift.alignment import estimate_alignment
from landshift.grid import Grid
from landshift.raster import Raster
from landshift.sensor import Sensor
from landshift.settings import AlignmentSettings

Shift = tuple[float, float]
Method = Callable[[np.ndarray, np.ndarray], Shift]
PAD = 40


def case(side: int, seed: int, kind: str) -> tuple[np.ndarray, np.ndarray, Shift]:
    rng = np.random.default_rng(seed)
    fine = 2 * (side + 2 * PAD)
    scene = sum(
        ndimage.gaussian_filter(rng.normal(size=(fine, fine)), s) * s for s in (1.5, 3, 8, 20)
    )
    scene = scene + 2.0 * (ndimage.gaussian_filter(rng.normal(size=(fine, fine)), 15) > 0)
    shift = tuple(rng.uniform(-30, 30, 2))
    row, col = np.mgrid[:side, :side].astype(float) + PAD
    pictures = []
    for down, right in ((0.0, 0.0), shift):
        total = 0
        for a in (0.0, 1.0):
            for b in (0.0, 1.0):
                place = [2 * (row + down) + a, 2 * (col + right) + b]
                total = total + ndimage.map_coordinates(scene, place, order=3, mode="mirror")
        pictures.append(total / 4)
    one, other = pictures
    if kind == "noise":
        one, other = (p + rng.normal(0, p.std() / 2, p.shape) for p in pictures)
    elif kind == "reversed":
        other = -other + np.linspace(0, 3, side)[:, None]
    elif kind == "rebuilt":
        other = other.copy()
        other[side // 4 : side * 3 // 4, side // 4 : side * 3 // 4] = rng.normal(
            0, 2, (side * 3 // 4 - side // 4,) * 2
        )
    return one.astype(np.float32), other.astype(np.float32), shift


def landshift(one: np.ndarray, other: np.ndarray) -> Shift:
    grid = Grid(CRS.from_epsg(32652), Affine(1, 0, 500_000, 0, -1, 4_600_000), one.shape)
    valid = np.ones(one.shape, bool)
    rasters = (Raster(p[None].copy(), valid.copy(), grid, Sensor(("",), 1.0)) for p in (one, other))
    found = estimate_alignment(*rasters, AlignmentSettings())
    return -found.north_m, found.east_m


def phase_correlation(one: np.ndarray, other: np.ndarray) -> Shift:
    from skimage.registration import phase_cross_correlation

    moved, _, _ = phase_cross_correlation(one, other, upsample_factor=100, normalization=None)
    return moved[0], moved[1]


def simple_itk(one: np.ndarray, other: np.ndarray) -> Shift:
    import SimpleITK as sitk

    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(64)
    method.SetOptimizerAsRegularStepGradientDescent(4.0, 1e-4, 200)
    method.SetInitialTransform(sitk.TranslationTransform(2))
    method.SetInterpolator(sitk.sitkLinear)
    method.SetShrinkFactorsPerLevel([8, 4, 2, 1])
    method.SetSmoothingSigmasPerLevel([4, 2, 1, 0])
    right, down = method.Execute(*map(sitk.GetImageFromArray, (one, other))).GetParameters()
    return -down, -right


METHODS: dict[str, Method] = {
    "landshift": landshift,
    "scikit-image phase_cross_correlation": phase_correlation,
    "SimpleITK mutual information": simple_itk,
}
KINDS = ("plain", "noise", "reversed", "rebuilt")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--side", type=int, default=512)
    options.add_argument("--cases", type=int, default=4)
    asked = options.parse_args()
    cases = {k: [case(asked.side, s, k) for s in range(asked.cases)] for k in KINDS}
    print(f"| {asked.side} px | " + " | ".join(f"{k}, px" for k in KINDS) + " | CPU s | ratio |")
    print("|---" * (len(KINDS) + 3) + "|")
    own = 0.0
    for name, method in METHODS.items():
        try:
            method(*cases["plain"][0][:2])  # compile before the clock starts
        except ImportError as missing:
            print(f"| {name}: not installed ({missing.name}) |")
            continue
        cells, spent = [], []
        for kind in KINDS:
            misses = []
            for one, other, (down, right) in cases[kind]:
                start = time.process_time()
                found = method(one, other)
                spent.append(time.process_time() - start)
                misses.append(np.hypot(found[0] - down, found[1] - right))
            cells.append(f"{np.median(misses):.4f}")
        cpu = float(np.median(spent))
        own = own or cpu
        print(f"| {name} | " + " | ".join(cells) + f" | {cpu:.2f} | {cpu / own:.1f} |", flush=True)


if __name__ == "__main__":
    main()
