"""How much haze, cloud or snow over one picture of a pair shows, and what looks like it.

    python benchmarks/veils.py [DATA] [--pairs 20] [--first-seed 700]

For each family of quiet simulated pairs (`landshift.simulation.families`), and with DATA for the
labelled real pairs below it (SET/before, SET/after), prints by how much the darker of a window's
pixels lie above those of the other picture, and how much local contrast is left
(`landshift.fitness.measure_veil`): the most of a set, the most of those not refused, and
how many are. Then at how many snow seems to lie over one picture (`landshift.fitness.judge_snow`),
and how many are refused for that; the site is all but a rim.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np

from false_alarms import RIM_PX, SIDE_PX, written
from landshift.fitness import judge_snow, measure_veil
from landshift.reading import describe_image, plan_grid, read_raster
from landshift.settings import FitnessSettings, Settings
from landshift.simulation.families import QUIET_FAMILIES, simulate_quiet
from landshift.site import Image

FINEST_GSD_M = 0.45
"""Finer pictures are brought to this, as for the RGB model."""
REAL_GSD_M = {"levir_cd": 0.5, "whu_cd": 0.2, "fotbcd": 0.2, "dsifn_cd": 2.0, "sun_optical": 1.0}


def veil(before: Image, after: Image) -> tuple[float, float, bool, bool]:
    pictures = describe_image(before), describe_image(after)
    grid = plan_grid(*pictures, None, Settings().grid, FINEST_GSD_M)
    one, other = (read_raster(picture, grid) for picture in (before, after))
    inside = np.zeros(grid.shape, bool)
    inside[RIM_PX:-RIM_PX, RIM_PX:-RIM_PX] = True
    snow = judge_snow(one, other, inside, FitnessSettings())
    refused = any(finding.refuses for finding in snow)
    return *measure_veil(one, other, one.valid & other.valid)[1:], bool(snow), refused


def simulated(family: str, seeds: range):
    for seed in seeds:
        pair = simulate_quiet(family, seed, (SIDE_PX, SIDE_PX), (0.5, 1.0)[seed % 2])
        with tempfile.TemporaryDirectory() as folder:
            site = written(pair, Path(folder))
            yield veil(site.before, site.after)


def real(data: Path):
    for name, gsd_m in REAL_GSD_M.items():
        for before in sorted((data / name / "before").glob("*")):
            after = data / name / "after" / before.name
            yield veil(Image(before, gsd_m), Image(after, gsd_m))


def row(name: str, pairs: list[tuple[float, float, bool, bool]]) -> str:
    limits = FitnessSettings()
    passed = [p for p in pairs if p[0] < limits.veil_lift or p[1] > limits.veil_contrast]
    most = max(pairs)
    clear = max(passed, default=(float("nan"),))[0]
    snowy, refused = (sum(pair[k] for pair in pairs) for k in (2, 3))
    return (
        f"| {name} | {len(pairs)} | {most[0]:.2f} | {most[1]:.2f} | {clear:.2f} | "
        f"{len(pairs) - len(passed)} | {snowy} | {refused} |"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", type=Path, nargs="?")
    parser.add_argument("--pairs", type=int, default=20)
    parser.add_argument("--first-seed", type=int, default=700)
    given = parser.parse_args()
    print("| pairs | number | greatest rise of dark ground | contrast left there | "
          "greatest rise of those not refused | refused | snow seems to lie | refused for it |\n"
          "|---|---|---|---|---|---|---|---|")  # fmt: skip
    seeds = range(given.first_seed, given.first_seed + given.pairs)
    for family in QUIET_FAMILIES:
        print(row(family, list(simulated(family, seeds))), flush=True)
    if given.data:
        print(row("real", list(real(given.data))), flush=True)
