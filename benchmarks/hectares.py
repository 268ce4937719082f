"""Do the 90 % intervals hold the truth? Over simulated sites that nothing was ever fitted to.

    python benchmarks/hectares.py [--pairs 200] [--families rgb,rgbn,multispectral] [--model open]
                                  [--results hectares.jsonl]

For each sensor family, simulated pairs of 320 × 320 px (rgb at 0.5 and 1 m in turn, rgbn at 3 m,
multispectral at 10 m) are written as GeoTIFF and compared as ``landshift compare`` does; the truth
is counted on the exact class maps inside the aoi, the inner 256 × 256 px (walls as the roof above
them; a building that took another's place is not in it). A third of the pairs have no lasting
change, as in training. Printed, as markdown, for each family and total: at how many
sites the interval holds the truth (85 to 95 % is the goal), the median width of the interval and
the median error, both over the truth, over sites with at least 0.1 ha of it, and the number of
those; and how many pairs were refused.

Seeds are 20 000 000 and up. Training takes those from 1, calibration those from 10 000 000; no
threshold was fitted to these. Every result is a line of the JSON-lines file; run again, the
benchmark goes on where it was. The file belongs to one model and one version of landshift: remove
it when either changes.
"""

import argparse
import json
import tempfile
import zlib
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from pyproj import CRS
from shapely.geometry import box

from landshift.change_map import TOTALS
from landshift.comparison import compare_site
from landshift.errors import ComparisonError
from landshift.settings import Settings
from landshift.simulation import SimulatedPair, simulate_pair
from landshift.site import Aoi, Image, Site

FIRST_SEED = 20_000_000
SIDE_PX, RIM_PX = 320, 32
GSD_M = {"rgb": (0.5, 1.0), "rgbn": (3.0,), "multispectral": (10.0,)}
SHOWN = ("new_building", "removed_building", "cropland_loss", "greenhouse_loss", "cleared_ground")
LEAST_TRUE = 0.1
"""Hectares below which a share of the truth says nothing."""
UTM = "EPSG:32652"
CORNER = (400_000.0, 4_400_000.0)


def written(pair: SimulatedPair, family: str, folder: Path) -> Site:
    lie = Affine(pair.gsd_m, 0, CORNER[0], 0, -pair.gsd_m, CORNER[1])
    paths = []
    for when, values in (("before", pair.before), ("after", pair.after)):
        bits = 255 if family == "rgb" else 10_000
        dtype = "uint8" if family == "rgb" else "uint16"
        profile = {"count": len(values), "height": SIDE_PX, "width": SIDE_PX, "dtype": dtype,
                   "crs": UTM, "transform": lie}  # fmt: skip
        paths.append(folder / f"{when}.tif")
        with rasterio.open(paths[-1], "w", driver="GTiff", **profile) as target:
            target.write(np.round(values * bits).astype(dtype))
            target.descriptions = pair.bands
            if family != "rgb":
                target.scales = (1e-4,) * len(values)
    near, far = RIM_PX * pair.gsd_m, (SIDE_PX - RIM_PX) * pair.gsd_m
    outline = box(CORNER[0] + near, CORNER[1] - far, CORNER[0] + far, CORNER[1] - near)
    return Site("simulated", *(Image(p) for p in paths), Aoi(outline, CRS.from_user_input(UTM)))


def true_hectares(pair: SimulatedPair) -> dict[str, float]:
    """Each total as counted; walls count as the roof above them."""
    inner = np.s_[RIM_PX:-RIM_PX, RIM_PX:-RIM_PX]
    before, after = (
        np.where(cover == 0, 3, cover)[inner].astype(int)
        for cover in (pair.cover_before, pair.cover_after)
    )
    counts = np.bincount((10 * before + after).ravel(), minlength=100)
    return {
        name: float(counts[list(codes)].sum()) * pair.gsd_m**2 / 1e4
        for name, codes in TOTALS.items()
    }


def measured(family: str, seed: int, model: str) -> dict:
    gsd_m = GSD_M[family][seed % len(GSD_M[family])]
    pair = simulate_pair(family, seed, (SIDE_PX, SIDE_PX), gsd_m)
    found = {"family": family, "seed": seed, "gsd_m": gsd_m, "true": true_hectares(pair)}
    with tempfile.TemporaryDirectory() as folder:
        site = written(pair, family, Path(folder))
        try:
            report = compare_site(site, model, Settings(), lambda stage: None, threads=1)
        except ComparisonError as error:
            return found | {"refused": str(error)}
    return found | {
        "model": report.software["model_sha256"],
        "found": {name: [h.value, h.low, h.high] for name, h in report.totals.items()},
    }


def resumed(path: Path) -> dict[tuple[str, int], dict]:
    if not path.exists():
        return {}
    lines = path.read_text(encoding="utf-8").splitlines()
    done = (json.loads(line) for line in lines if line.endswith("}"))  # the last may be cut
    return {(one["family"], one["seed"]): one for one in done}


def rows(family: str, results: list[dict]) -> list[str]:
    answered = [one for one in results if "found" in one]
    if not answered:
        return [f"| {family} | all | – | – | – | – | {len(results)} |"]
    out = []
    for name in SHOWN:
        true = np.array([one["true"][name] for one in answered])
        value, low, high = np.array([one["found"][name] for one in answered]).reshape(-1, 3).T
        # the report's own precision is a square metre
        held = (low - 1e-4 <= true) & (true <= high + 1e-4)
        big = true >= LEAST_TRUE
        shares = "–", "–", "–"
        if big.any():
            width = np.median((high - low)[big] / true[big])
            error = np.median(np.abs(value - true)[big] / true[big])
            shares = f"{held[big].mean():.0%} of {big.sum()}", f"{width:.2f}", f"{error:.2f}"
        out.append(
            f"| {family} | {name} | {held.mean():.0%} of {len(answered)} | "
            f"{' | '.join(shares)} | {len(results) - len(answered)} |"
        )
    return out


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--pairs", type=int, default=200, help="of each family")
    parser.add_argument("--families", default=",".join(GSD_M))
    parser.add_argument("--model", default="open")
    parser.add_argument("--results", type=Path, default=Path("hectares.jsonl"))
    given = parser.parse_args()
    done = resumed(given.results)
    table = []
    for family in given.families.split(","):
        results = []
        for number in range(given.pairs):
            # families share no scene either
            seed = FIRST_SEED + zlib.crc32(family.encode()) % 1000 * 10_000 + number
            if (family, seed) not in done:
                line = measured(family, seed, given.model)
                with given.results.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(line) + "\n")
                done[family, seed] = line
            results.append(done[family, seed])
        table += rows(family, results)
    print("| sensors | total | truth within the interval | where it is at least 0.1 ha | median "
          "width | median error | refused |\n|---|---|---|---|---|---|---|")  # fmt: skip
    print("\n".join(table))
