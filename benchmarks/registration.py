"""What registration costs, how exact it is beside other tools, and whether it errs in confidence.

    python benchmarks/registration.py compare [--side 512] [--cases 4]
    python benchmarks/registration.py speed [--sides 512 2048 8192]
    python benchmarks/registration.py confidence [--cases 300]

``compare`` prints a markdown table; each case is a synthetic scene sampled twice from a finer one,
so that no estimator's own interpolation is the truth. A tool that is not installed is left out and
named. ``speed`` prints CPU seconds of warm estimation and of reading and warping one band, and peak
memory, each side in a process of its own. ``confidence`` mixes pairs that can be registered with as
many that cannot (different places, clouds over 95 %, noise, featureless water) and counts answers
that are wrong (1 px or more) and called good, and right ones that are not; exit code 1 if there is
any of the first.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from pyproj import CRS
from scipy import fft, ndimage

from landshift.alignment import Alignment, estimate_alignment
from landshift.grid import Grid
from landshift.raster import Raster
from landshift.reading import read_raster
from landshift.sensor import Sensor
from landshift.settings import AlignmentSettings
from landshift.site import Image

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


def grid_of(shape: tuple[int, int]) -> Grid:
    return Grid(CRS.from_epsg(32652), Affine(1, 0, 500_000, 0, -1, 4_600_000), shape)


def raster(picture: np.ndarray, valid: np.ndarray | None = None) -> Raster:
    valid = np.ones(picture.shape, bool) if valid is None else valid
    bands = np.ascontiguousarray(picture, np.float32)[None]
    return Raster(bands, valid, grid_of(picture.shape), Sensor(("",), 1.0))


def aligned(one: np.ndarray, other: np.ndarray, valid: np.ndarray | None = None) -> Alignment:
    return estimate_alignment(raster(one), raster(other, valid), AlignmentSettings())


def landshift(one: np.ndarray, other: np.ndarray) -> Shift:
    found = aligned(one, other)
    return -found.north_m, found.east_m


def phase_correlation(one: np.ndarray, other: np.ndarray) -> Shift:
    from skimage.registration import phase_cross_correlation

    moved, _, _ = phase_cross_correlation(one, other, upsample_factor=100, normalization=None)
    return moved[0], moved[1]


def simple_itk(one: np.ndarray, other: np.ndarray) -> Shift:
    import SimpleITK as sitk

    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
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


def compare(asked: argparse.Namespace) -> None:
    cases = {k: [case(asked.side, s, k) for s in range(asked.cases)] for k in KINDS}
    print(f"| {asked.side} px | " + " | ".join(f"{k}, px" for k in KINDS) + " | CPU s | ratio |")
    print("|---" * (len(KINDS) + 3) + "|")
    own, missing = 0.0, []
    for name, method in METHODS.items():
        try:
            method(*cases["plain"][0][:2])  # compile before the clock starts
        except ImportError as lacking:
            missing.append(f"{name} ({lacking.name})")
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
    print("not installed: " + (", ".join(missing) or "none"))


def large_pair(side: int, down: float, right: float) -> tuple[np.ndarray, np.ndarray]:
    """1/f noise from 0 to 20 000 and the same moved by an exact Fourier shift, uint16."""
    pad = 64
    n = side + 2 * pad
    noise = np.random.default_rng(4).standard_normal((n, n), np.float32)
    y, x = fft.fftfreq(n).astype(np.float32)[:, None], fft.rfftfreq(n).astype(np.float32)
    spectrum = fft.rfft2(noise, overwrite_x=True) / (np.hypot(y, x) + 0.004)
    scale = 0.0
    pictures = []
    for turn in (1.0, np.exp(2j * np.pi * (y * down + x * right)).astype(np.complex64)):
        picture = fft.irfft2(spectrum * turn, (n, n))[pad:-pad, pad:-pad]
        scale = scale or float(picture.std()) / 2000
        pictures.append((picture / scale + 10_000).clip(0, 20_000).astype(np.uint16))
    return pictures[0], pictures[1]


def speed(asked: argparse.Namespace) -> None:
    heads = ("side, px", "estimation, CPU s", "read and warp of a band, CPU s",
             "peak beyond both rasters, MB", "peak in all, MB", "error, px")  # fmt: skip
    print("| " + " | ".join(heads) + " |")
    print("|---" * 6 + "|")
    for side in asked.sides:
        with tempfile.TemporaryDirectory() as folder:
            for name, picture in zip(("one", "other"), large_pair(side, 6.3, -4.7), strict=True):
                profile = {"driver": "GTiff", "count": 1, "dtype": "uint16", "height": side,
                           "width": side, "crs": "EPSG:32652", "tiled": True,
                           "transform": grid_of((side, side)).transform}  # fmt: skip
                with rasterio.open(Path(folder) / f"{name}.tif", "w", **profile) as target:
                    target.write(picture, 1)
            command = [sys.executable, __file__, "child", folder]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
        a = json.loads(done.stdout)
        print(f"| {side} | {a['estimation_s']:.2f} | {a['warp_s']:.2f} | {a['beyond_mb']:.0f} "
              f"| {a['peak_mb']:.0f} | {a['error_px']:.4f} |", flush=True)  # fmt: skip


def peak_mb() -> float:
    """Of this process alone; what `resource` says may be its parent's."""
    status = Path("/proc/self/status")
    if status.exists():
        return int(status.read_text().split("VmHWM:")[1].split()[0]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def child(asked: argparse.Namespace) -> None:
    """One side of `speed`, in a process that has done nothing else."""
    one, other = (Image(asked.folder / f"{name}.tif", None) for name in ("one", "other"))
    with rasterio.open(one.path) as source:
        grid = grid_of(source.shape)
    still, moving = read_raster(one, grid), read_raster(other, grid)
    small = np.random.default_rng(0).normal(size=(150, 150))
    aligned(small, small)  # compile
    before = peak_mb()
    spent = []
    for _ in range(5):
        start = time.process_time()
        found = estimate_alignment(still, moving, AlignmentSettings())
        spent.append(time.process_time() - start)
    peak = peak_mb()
    del still, moving
    warps = []
    for _ in range(3):
        start = time.process_time()
        read_raster(other, grid, found)
        warps.append(time.process_time() - start)
    print(json.dumps({
        "estimation_s": np.median(spent), "warp_s": np.median(warps), "peak_mb": peak,
        "beyond_mb": peak - before, "verdict": found.verdict,
        "error_px": float(np.hypot(found.north_m + 6.3, found.east_m + 4.7)),
    }))  # fmt: skip


UNSOLVABLE = ("other place", "clouds", "pure noise", "water")


def unsolvable(side: int, seed: int, kind: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A pair that shows nothing in common, and where the second one was seen."""
    rng = np.random.default_rng(seed)
    seen = np.ones((side, side), bool)
    one, other, _ = case(side, seed, "plain")
    if kind == "other place":
        other = case(side, seed + 10_000, "plain")[1]
    elif kind == "pure noise":
        one, other = rng.normal(size=(2, side, side))
    elif kind == "water":
        one, other = (
            ndimage.gaussian_filter(rng.normal(size=(side, side)), 30)
            + 0.002 * rng.normal(size=(side, side))
            for _ in range(2)
        )
    else:
        cover = ndimage.gaussian_filter(rng.normal(size=(side, side)), 9)
        seen = cover > np.quantile(cover, 0.96)
    return one, other, seen


def confidence(asked: argparse.Namespace) -> None:
    counts: Counter[tuple[str, bool, str]] = Counter()
    for seed in range(asked.cases):
        if seed % 2:
            kind = UNSOLVABLE[seed // 2 % len(UNSOLVABLE)]
            found, right = aligned(*unsolvable(192, seed, kind)), False
            if kind == "clouds" and found.verdict != "failed":
                move = case(192, seed, "plain")[2]
                right = np.hypot(found.north_m + move[0], found.east_m - move[1]) < 1
        else:
            kind = KINDS[seed // 2 % len(KINDS)]
            one, other, move = case(192, seed, kind)
            found = aligned(one, other)
            right = np.hypot(found.north_m + move[0], found.east_m - move[1]) < 1
        counts[kind, bool(right), found.verdict] += 1
    print("| pair | answer | good | doubtful | failed |\n|---|---|---|---|---|")
    for kind, right in sorted({key[:2] for key in counts}):
        cells = " | ".join(str(counts[kind, right, v]) for v in ("good", "doubtful", "failed"))
        print(f"| {kind} | {'right' if right else 'wrong'} | {cells} |")
    total = {v: sum(n for k, n in counts.items() if k[1] is v) for v in (True, False)}
    doubted = sum(n for k, n in counts.items() if k[1] and k[2] != "good")
    sure = sum(n for k, n in counts.items() if not k[1] and k[2] == "good")
    print(f"wrong and called good: {sure} of {total[False]}")
    print(f"right and not called good: {doubted} of {total[True]}")
    sys.exit(1 if sure else 0)


def main() -> None:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parts = options.add_subparsers(dest="part", required=True)
    part = parts.add_parser("compare")
    part.add_argument("--side", type=int, default=512)
    part.add_argument("--cases", type=int, default=4)
    part = parts.add_parser("speed")
    part.add_argument("--sides", type=int, nargs="+", default=[512, 2048, 8192])
    part = parts.add_parser("confidence")
    part.add_argument("--cases", type=int, default=300)
    part = parts.add_parser("child")
    part.add_argument("folder", type=Path)
    asked = options.parse_args()
    todo = {"compare": compare, "speed": speed, "confidence": confidence, "child": child}
    todo[asked.part](asked)


if __name__ == "__main__":
    main()
