"""How exact registration is, whether it knows when it is not, what it costs, and how others do.

    python benchmarks/registration.py cases --data DIR [--side 512] [--first-seed 0] [--seeds 6]
    python benchmarks/registration.py uncertainty --data DIR [as above]
    python benchmarks/registration.py trust [--cases 300] [--first-seed 0]
    python benchmarks/registration.py speed [--sides 512 2048 8192]
    python benchmarks/registration.py peers [--side 512] [--cases 4]

``cases`` registers real ground whose displacement is known (`registration_pairs`, which says what
DIR must hold) and prints a row for each kind: the median of the pairs' radial RMS errors, how many
missed by 1 px or more, and how many of those were called good; exit code 1 if there is any of the
last. ``uncertainty`` prints for the same pairs quantiles of error over stated uncertainty. ``--keep
FOLDER`` keeps the pairs, which take longer to make than to register.

``trust`` mixes made pairs that can be registered with as many that cannot (different places, clouds
over 95 %, noise, featureless water) and counts answers that are wrong (1 px or more) and called
good, and right ones that are not; exit code 1 if there is any of the first. ``speed`` prints CPU
seconds of warm estimation, as ``landshift align`` does it, and of reading and warping one band, and
peak memory, each side in a process of its own. ``peers`` prints the README's table: made scenes
sampled twice from a finer one, so that no estimator's own interpolation is the truth. A tool that
is not installed is left out and named.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from pyproj import CRS
from rasterio.windows import Window
from scipy import fft, ndimage

from landshift import OWN_PROCESS
from landshift.alignment import Alignment, align_brightness, estimate_alignment, shared_roles
from landshift.grid import Grid
from landshift.raster import Brightness, Raster
from landshift.reading import read_brightness, read_raster
from landshift.reading.opening import open_picture
from landshift.reading.picture import describe_image, read_block
from landshift.sensor import Sensor
from landshift.settings import AlignmentSettings
from landshift.site import Image
from registration_pairs import KINDS as REAL_KINDS
from registration_pairs import Pair, pair_of, scenes

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


def arosics(one: np.ndarray, other: np.ndarray) -> Shift:
    """Needs GDAL's Python bindings, built or, from Python 3.12 on, as ``gdal-wheel``."""
    from arosics import COREG
    from geoarray import GeoArray

    grid = grid_of(one.shape)
    at = grid.transform.to_gdal(), grid.crs.to_wkt()
    # its own search for nodata takes valid values for it; 5 px is as far as it looks unasked; and
    # not every GDAL has the format that it would write
    found = COREG(
        *(GeoArray(picture, *at, nodata=-9999.0) for picture in (one, other)),
        nodata=(-9999.0, -9999.0), max_shift=45, fmt_out="GTiff", CPUs=1,
        progress=False, q=True,
    )  # fmt: skip
    try:
        found.calculate_spatial_shifts()
    except RuntimeError:  # no match in the one window that it looks at, the middle one
        return np.inf, np.inf
    return found.y_shift_px, found.x_shift_px


METHODS: dict[str, Method] = {
    "landshift": landshift,
    "scikit-image phase_cross_correlation": phase_correlation,
    "SimpleITK mutual information": simple_itk,
    "AROSICS COREG, window of 256 px": arosics,
}
KINDS = ("plain", "noise", "reversed", "rebuilt")


def peers(asked: argparse.Namespace) -> None:
    pairs = {k: [case(asked.side, s, k) for s in range(asked.cases)] for k in KINDS}
    print(f"| {asked.side} px | " + " | ".join(f"{k}, px" for k in KINDS) + " | CPU s | ratio |")
    print("|---" * (len(KINDS) + 3) + "|")
    own, missing = 0.0, []
    for name, method in METHODS.items():
        try:
            method(*pairs["plain"][0][:2])  # compile before the clock starts
        except ImportError as lacking:
            missing.append(f"{name} ({lacking.name})")
            continue
        cells, spent = [], []
        for kind in KINDS:
            misses = []
            for one, other, (down, right) in pairs[kind]:
                start = time.process_time()
                found = method(one, other)
                spent.append(time.process_time() - start)
                misses.append(np.hypot(found[0] - down, found[1] - right))
            middle = np.median(misses)
            cells.append(f"{middle:.4f}" if np.isfinite(middle) else "refused")
        cpu = float(np.median(spent))
        own = own or cpu
        print(f"| {name} | " + " | ".join(cells) + f" | {cpu:.2f} | {cpu / own:.1f} |", flush=True)
    print("not installed: " + (", ".join(missing) or "none"))


def registered(asked: argparse.Namespace) -> Iterator[tuple[Pair, Alignment, np.ndarray, float]]:
    """Every real pair asked for, what was found, its miss at the check points, px, and CPU s."""
    pool = scenes(asked.data)
    small = np.random.default_rng(0).normal(size=(150, 150))
    aligned(small, small)  # compile
    for kind in asked.kinds:
        for seed in range(asked.first_seed, asked.first_seed + asked.seeds):
            pair = pair_of(kind, seed, asked.side, pool, asked.keep)
            start = time.process_time()
            found = aligned(pair.reference, pair.moving)
            spent = time.process_time() - start
            x, y = grid_of(pair.reference.shape).xy(*pair.in_reference)
            east, north = found.displacement(x, y)
            missed = np.hypot(
                pair.in_moving[0] - north - pair.in_reference[0],
                pair.in_moving[1] + east - pair.in_reference[1],
            )
            yield pair, found, missed[_shown(pair)], spent


def _shown(pair: Pair) -> np.ndarray:
    return np.all((pair.in_reference > 0) & (pair.in_reference < len(pair.reference)), axis=0)


def cases(asked: argparse.Namespace) -> None:
    rows: dict[str, list[tuple[float, str, float]]] = {}
    for pair, found, missed, spent in registered(asked):
        error = float(np.sqrt(np.mean(missed**2)))
        rows.setdefault(pair.kind, []).append((error, found.verdict, spent))
        if error >= 1 or found.verdict != "good":
            where = f"{pair.kind} {pair.seed} ({pair.scene})"
            print(f"{where}: {error:.2f} px, {found.verdict}: {found.reason}", file=sys.stderr)
    print(f"| {asked.side} px | median error, px | worst | 1 px or more | of those good "
          "| right and not good | CPU s |")  # fmt: skip
    print("|---" * 7 + "|")
    for kind, mine in rows.items():
        errors = np.array([error for error, _, _ in mine])
        good = np.array([verdict == "good" for _, verdict, _ in mine])
        off = errors >= 1
        middle = float(np.median(errors[~off])) if (~off).any() else float("nan")
        print(f"| {kind} | {middle:.4f} | {errors.max():.3f} | {off.sum()} of {len(mine)} "
              f"| {(off & good).sum()} | {(~off & ~good).sum()} "
              f"| {np.median([spent for _, _, spent in mine]):.2f} |")  # fmt: skip
    every = [one for mine in rows.values() for one in mine]
    wrong = [verdict for error, verdict, _ in every if error >= 1]
    sure = wrong.count("good")
    print(f"1 px or more: {len(wrong)} of {len(every)}; of those good: {sure}")
    sys.exit(1 if sure else 0)


def uncertainty(asked: argparse.Namespace) -> None:
    ratios: dict[str, list[np.ndarray]] = {}
    for pair, found, missed, _ in registered(asked):
        if found.verdict != "failed":  # which states none
            places = pair.in_reference[:, _shown(pair)]
            stated = found.uncertainty(*grid_of(pair.reference.shape).xy(*places))
            ratios.setdefault(pair.kind, []).append(missed / stated)
    ratios["all together"] = [one for mine in ratios.values() for one in mine]
    print("| error over stated | pairs | median | 90th percentile | of single pairs |")
    print("|---" * 5 + "|")
    for kind, mine in ratios.items():
        half, most = np.quantile(np.concatenate(mine), (0.5, 0.9))
        single = np.quantile([np.quantile(one, 0.9) for one in mine], (0, 1))
        print(f"| {kind} | {len(mine)} | {half:.2f} | {most:.2f} "
              f"| {single[0]:.2f}–{single[1]:.2f} |")  # fmt: skip


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
    heads = ("side, px", "estimation, CPU s", "warp of a band, CPU s", "reading it, CPU s",
             "both pictures, MB", "beyond them, MB", "with Python and libraries, MB",
             "peak with reading, MB",
             "error, px")  # fmt: skip
    print("| " + " | ".join(heads) + " |")
    print("|---" * len(heads) + "|")
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
        print(f"| {side} | {a['estimation_s']:.2f} | {a['warp_s']:.2f} | {a['reading_s']:.2f} "
              f"| {a['pictures_mb']:.0f} | {a['beyond_mb']:.0f} | {a['highest_mb']:.0f} "
              f"| {a['peak_mb']:.0f} | {a['error_px']:.4f} |", flush=True)  # fmt: skip


def peak_mb() -> float:
    """Of this process alone; what `resource` says may be its parent's."""
    return memory_mb("VmHWM:") or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def memory_mb(what: str) -> float:
    """A line of this process's status, or 0 where the system tells none."""
    status = Path("/proc/self/status")
    return int(status.read_text().split(what)[1].split()[0]) / 1024 if status.exists() else 0.0


def highest_during(work: Callable[[], object]) -> float:
    """Most memory that the process held while ``work`` ran, MB, looked at every 2 ms."""
    seen, done = [memory_mb("VmRSS:")], threading.Event()

    def look() -> None:
        while not done.wait(0.002):
            seen.append(memory_mb("VmRSS:"))

    watch = threading.Thread(target=look)
    watch.start()
    work()
    done.set()
    watch.join()
    return max(seen)


def user_s(work: Callable[[], object], repeats: int) -> float:
    """Least CPU seconds of ``work`` over some repeats; what the system does beside is not counted:
    a busy machine adds to it and never takes away."""
    spent = []
    for _ in range(repeats):
        start = resource.getrusage(resource.RUSAGE_SELF).ru_utime
        work()
        spent.append(resource.getrusage(resource.RUSAGE_SELF).ru_utime - start)
    return min(spent)


def read_alone(image: Image) -> None:
    """All of a picture in the blocks in which it is warped, and nothing done with them."""
    info = describe_image(image)
    with open_picture(image.path, info.driver) as source:
        for row in range(0, info.grid.shape[0], 512):
            for col in range(0, info.grid.shape[1], 512):
                height, width = info.grid.shape[0] - row, info.grid.shape[1] - col
                read_block(source, info, Window(col, row, min(512, width), min(512, height)))


def child(asked: argparse.Namespace) -> None:
    """One side of `speed`, in a process that has done nothing else."""
    one, other = (Image(asked.folder / f"{name}.tif", None) for name in ("one", "other"))
    with rasterio.open(one.path) as source:
        grid = grid_of(source.shape)
    noise = np.random.default_rng(0).integers(0, 65535, (150, 150), np.uint16)
    small = Brightness(noise, np.ones(noise.shape, bool), grid_of(noise.shape))
    align_brightness(small, small, AlignmentSettings())  # compile
    empty = memory_mb("VmRSS:")
    # as `landshift align` does
    roles = shared_roles(*(describe_image(image).sensor for image in (one, other)))
    pictures = [read_brightness(image, grid, roles) for image in (one, other)]
    found = Alignment.identity(grid)

    def estimate() -> None:
        nonlocal found
        found = align_brightness(*pictures, AlignmentSettings())

    highest = highest_during(estimate)
    peak = peak_mb()
    # what takes a tenth of a second falls into one busy spell when it is repeated five times
    estimation = user_s(estimate, max(5, 20_000 // grid.shape[0]))
    held = sum(p.pixels.nbytes + p.valid.nbytes for p in pictures) / 2**20
    pictures.clear()
    reading = user_s(lambda: read_alone(other), 3)
    both = user_s(lambda: read_raster(other, grid, found), 3)
    print(json.dumps({
        "estimation_s": estimation, "warp_s": both - reading, "reading_s": reading,
        "peak_mb": peak, "pictures_mb": held, "beyond_mb": highest - empty - held,
        "highest_mb": highest,
        "verdict": found.verdict,
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


def trust(asked: argparse.Namespace) -> None:
    counts: Counter[tuple[str, bool, str]] = Counter()
    for seed in range(asked.first_seed, asked.first_seed + asked.cases):
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
        if bool(right) != (found.verdict == "good"):  # either mistake
            said = f"{found.verdict}: {found.reason}"
            print(f"{kind} {seed} {'right' if right else 'wrong'}, {said}", file=sys.stderr)
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
    refused = sum(n for k, n in counts.items() if k[0] in KINDS and k[2] == "failed")
    print(f"of pairs that can be registered, refused: {refused}")
    sys.exit(1 if sure else 0)


def main() -> None:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parts = options.add_subparsers(dest="part", required=True)
    for name in ("cases", "uncertainty"):
        part = parts.add_parser(name)
        part.add_argument("--data", type=Path, required=True)
        part.add_argument("--side", type=int, default=512)
        part.add_argument("--kinds", nargs="+", choices=REAL_KINDS, default=REAL_KINDS)
        part.add_argument("--first-seed", type=int, default=0)
        part.add_argument("--seeds", type=int, default=6)
        part.add_argument("--keep", type=Path)
    part = parts.add_parser("trust")
    part.add_argument("--cases", type=int, default=300)
    part.add_argument("--first-seed", type=int, default=0)
    part = parts.add_parser("speed")
    part.add_argument("--sides", type=int, nargs="+", default=[512, 2048, 8192])
    part = parts.add_parser("peers")
    part.add_argument("--side", type=int, default=512)
    part.add_argument("--cases", type=int, default=4)
    part = parts.add_parser("child")
    part.add_argument("folder", type=Path)
    asked = options.parse_args()
    if not os.environ.keys() >= OWN_PROCESS.keys():  # as the command line does, before numpy loads
        sys.stdout.flush()
        os.execve(sys.executable, [sys.executable, *sys.argv], OWN_PROCESS | os.environ)
    todo = {
        "cases": cases, "uncertainty": uncertainty, "trust": trust, "speed": speed, "peers": peers,
        "child": child,
    }  # fmt: skip
    todo[asked.part](asked)


if __name__ == "__main__":
    main()
