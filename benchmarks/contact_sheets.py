"""Sheets to look at: before, after, what landshift calls each, what changed, and the label.

    python benchmarks/contact_sheets.py DATA OUT [--pairs 10] [--model open] [--only dsifn_cd]

Takes pairs from each of the labelled sets below DATA in turn (folders with before/, after/ and
label/) and writes one PNG for each to OUT. White in the last picture: the label; in the fifth, what
is named the same on both dates is dimmed.
"""

import argparse
import itertools
import warnings
from pathlib import Path

import numpy as np
import rasterio
from PIL import Image as Drawing

from landshift import api
from landshift.errors import LandshiftError
from landshift.legend import COLOURS, COVERS

SETS = {"levir_cd": 0.5, "whu_cd": 0.2, "fotbcd": 0.2, "dsifn_cd": 2.0, "sun_optical": 1.0}
SIDE = 420
PALETTE = np.zeros((256, 3), np.uint8)
for cover in COVERS:
    PALETTE[cover] = COLOURS[cover]


def pairs(data: Path, only: str | None):
    """(set, gsd, before) in turn: the first of each set, then the second."""
    sets = [
        [(name, gsd, path) for path in sorted((data / name / "before").glob("*"))]
        for name, gsd in SETS.items()
        if only in (None, name)
    ]
    for row in itertools.zip_longest(*sets):
        yield from (entry for entry in row if entry)


def picture(path: Path):
    with rasterio.open(path) as source:
        bands = source.read()[:3]
    bands = bands.repeat(3, axis=0) if len(bands) == 1 else bands
    return fitted(np.moveaxis(bands, 0, -1))


def fitted(pixels):
    return np.asarray(Drawing.fromarray(pixels.astype(np.uint8)).resize((SIDE, SIDE)))


def sheet(data: Path, name: str, gsd_m: float, before: Path, model: str):
    after, label = (data / name / part / before.name for part in ("after", "label"))
    report = api.compare(before, after, gsd_m=gsd_m, model=model)
    codes = report.changes.codes
    first, second = np.where(codes == 255, 0, codes // 10), np.where(codes == 255, 0, codes % 10)
    changed = PALETTE[second] * np.where(first == second, 0.25, 1.0)[..., None]
    maps = [fitted(PALETTE[first]), fitted(PALETTE[second]), fitted(changed)]
    row = [picture(before), maps[0], picture(after), maps[1], maps[2], picture(label)]
    return np.concatenate(row, axis=1)


if __name__ == "__main__":
    warnings.filterwarnings("ignore", category=rasterio.errors.NotGeoreferencedWarning)
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--pairs", type=int, default=10)
    parser.add_argument("--model", default="open")
    parser.add_argument("--only")
    chosen = parser.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    for name, gsd_m, before in itertools.islice(pairs(chosen.data, chosen.only), chosen.pairs):
        try:
            drawn = sheet(chosen.data, name, gsd_m, before, chosen.model)
        except LandshiftError as error:
            print(f"{name}/{before.stem}: {error}")
            continue
        Drawing.fromarray(drawn).save(chosen.out / f"{name}-{before.stem}.png")
        print(f"{name}/{before.stem}", flush=True)
