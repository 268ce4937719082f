"""What the whole chain finds between pictures of a place where nothing changed but one thing.

    python benchmarks/false_alarms.py [--pairs 20] [--model open] [--families season,sun]

For each family (`landshift.simulation.families`: season, sun and shadow, lean of the view, film off
greenhouses, haze, one pixel of residual shift, a cloud over a tenth to a third) simulated pairs of
320 × 320 px, at 0.5 and 1 m in turn, are written as GeoTIFF and compared as ``landshift compare``
does. Printed, as markdown: how many pairs were refused, and of the others the share of the aoi (the
inner 256 × 256 px) that was falsely lost (cropland or greenhouse) or built (new building), as the
mean, the median and the worst pair, and how many keep below 0.5 %. Buildings falsely removed stand
beside them.

The shift of a pixel would be registered away; what is asked is what a residual of that size does.
So for that family the alignment is taken as it is when a picture is left in its frame: identity,
with a residual of one pixel. Seeds are 500 to 500 + pairs, in a stream of their own: no training
or calibration scene shares one.
"""

import argparse
import tempfile
from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from pyproj import CRS
from shapely.geometry import box

from landshift import comparison
from landshift.alignment import Alignment
from landshift.area import sum_codes
from landshift.change_map import TOTALS
from landshift.comparison import compare_site
from landshift.errors import ComparisonError
from landshift.mosaic import Shared
from landshift.settings import Settings
from landshift.simulation.families import QUIET_FAMILIES, QuietPair, simulate_quiet
from landshift.site import Aoi, Image, Site

FIRST_SEED = 500
SIDE_PX, RIM_PX = 320, 32
GOAL = 0.005
LOST_OR_BUILT = tuple(
    {code for name in ("cropland_loss", "greenhouse_loss", "new_building") for code in TOTALS[name]}
)
UTM = "EPSG:32652"
CORNER = (400_000.0, 4_400_000.0)


def written(pair: QuietPair, folder: Path) -> Site:
    lie = Affine(pair.gsd_m, 0, CORNER[0], 0, -pair.gsd_m, CORNER[1])
    images = []
    for when, values, day in zip(
        ("before", "after"), (pair.before, pair.after), pair.days, strict=True
    ):
        path = folder / f"{when}.tif"
        profile = {"count": 3, "height": SIDE_PX, "width": SIDE_PX, "dtype": "uint8",
                   "crs": UTM, "transform": lie, "photometric": "RGB"}  # fmt: skip
        with rasterio.open(path, "w", driver="GTiff", **profile) as target:
            target.write(np.round(values * 255).astype(np.uint8))
        year = 2023 if when == "before" else 2024
        images.append(Image(path, date=date(year, 1, 1) + timedelta(days=day - 1)))
    near, far = RIM_PX * pair.gsd_m, (SIDE_PX - RIM_PX) * pair.gsd_m
    outline = box(CORNER[0] + near, CORNER[1] - far, CORNER[0] + far, CORNER[1] - near)
    return Site("quiet", *images, Aoi(outline, CRS.from_user_input(UTM)))


def as_it_came(after, pictures, settings):
    """No registration: a pixel of shift remains, and is known to."""
    lies = Alignment.identity(after.grid)
    lies = replace(lies, residual_rms_m=after.grid.gsd_m)
    return lies, Shared.none(after.grid.shape)


def found_in(site: Site, family: str, model: str) -> tuple[float, float]:
    """Shares of the aoi lost or built, and of buildings removed."""
    register = comparison.align_pictures
    if family == "shift":
        comparison.align_pictures = as_it_came
    try:
        changes = compare_site(site, model, Settings(), lambda stage: None, threads=1).changes
    finally:
        comparison.align_pictures = register
    table = changes.expected_hectares.sum(axis=(0, 1))
    alarm = sum_codes(table, LOST_OR_BUILT) + float(changes.replaced_hectares.sum())
    removed = sum_codes(table, TOTALS["removed_building"])
    return alarm / changes.aoi_hectares, removed / changes.aoi_hectares


def row(family: str, pairs: int, model: str, verbose: bool) -> str:
    alarms, removed, refused = [], [], Counter()
    for number in range(pairs):
        gsd_m = (0.5, 1.0)[number % 2]
        pair = simulate_quiet(family, FIRST_SEED + number, (SIDE_PX, SIDE_PX), gsd_m)
        with tempfile.TemporaryDirectory() as folder:
            try:
                alarm, gone = found_in(written(pair, Path(folder)), family, model)
            except ComparisonError as error:
                refused[str(error).split(": ", 1)[-1].split(":")[0][:60]] += 1
                continue
        alarms.append(alarm)
        removed.append(gone)
        if verbose:
            print(f"{family} {FIRST_SEED + number}: {alarm:.2%}, removed {gone:.2%}", flush=True)
    reasons = "; ".join(f"{count} {reason}" for reason, count in refused.items())
    if not alarms:
        return f"| {family} | {sum(refused.values())} of {pairs} | – | – | – | – | – | {reasons} |"
    good = sum(alarm <= GOAL for alarm in alarms)
    return (
        f"| {family} | {sum(refused.values())} of {pairs} | {np.mean(alarms):.2%} | "
        f"{np.median(alarms):.2%} | {max(alarms):.2%} | {good} of {len(alarms)} | "
        f"{np.mean(removed):.2%} | {reasons} |"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--pairs", type=int, default=20)
    parser.add_argument("--model", default="open")
    parser.add_argument("--families", default=",".join(QUIET_FAMILIES))
    parser.add_argument("--each", action="store_true", help="print every pair")
    given = parser.parse_args()
    print("| what differs | refused | lost or built, mean | median | worst | within 0.5 % | "
          "removed, mean | reasons |\n|---|---|---|---|---|---|---|---|", flush=True)  # fmt: skip
    for name in given.families.split(","):
        print(row(name, given.pairs, given.model, given.each), flush=True)
