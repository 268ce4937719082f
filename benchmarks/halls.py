"""Are new halls found whole, of the right size and direction, on fine simulated pictures?

    python benchmarks/halls.py [--pairs 40] [--gsd 0.3,0.5] [--first-seed 30000000] [--model open]

Pairs of 640 × 640 px, of 0.3 and 0.5 m in turn or of other pixels, on which something was built;
seeds are none that anything learned from or was set on. A true building is a roof of at least 150
m² that lies wholly in the aoi (the inner 512 × 512 px), less than half of it on ground that a roof
covered before; its direction is that of its least rotated rectangle. It is matched by a listed
building whose outline overlaps it by half (intersection over union). A listed building of at least
150 m² that is not said to replace another is right where it so overlaps any new roof. Directions
are compared where the true region fills its rectangle by 0.9 and is half again as long as wide, and
the building has one: others have none.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
import shapely
from rasterio.features import shapes
from scipy import ndimage
from shapely.geometry import shape

from hectares import placed, written
from landshift.comparison import compare_site
from landshift.errors import ComparisonError
from landshift.settings import Settings
from landshift.simulation import SimulatedPair, simulate_pair

SIDE_PX, RIM_PX = 640, 64
LEAST_M2 = 150.0
IOU = 0.5


def new_roofs(pair: SimulatedPair) -> list[shapely.Polygon]:
    """Roofs of the after picture most of whose ground bore none, in the pictures' coordinates."""
    roofs, count = ndimage.label(pair.building_after >= 0.5)
    numbers = np.arange(1, count + 1)
    stood = ndimage.mean(pair.cover_that_was == 3, roofs, numbers)
    new = np.isin(roofs, numbers[stood < 0.5])
    outlines = shapes(roofs.astype(np.int32), mask=new, transform=placed(pair))
    return [shape(outline).buffer(0) for outline, _ in outlines]


def overlap(one: shapely.Polygon, other: shapely.Polygon) -> float:
    return one.intersection(other).area / one.union(other).area


def direction_deg(roof: shapely.Polygon) -> float | None:
    """Of the longer side, degrees clockwise of north; None where there is no telling."""
    rectangle = roof.minimum_rotated_rectangle
    corners = np.asarray(rectangle.exterior.coords)
    sides = np.diff(corners, axis=0)[:2]
    lengths = np.hypot(*sides.T)
    if roof.area < 0.9 * rectangle.area or lengths.max() < 1.5 * lengths.min():
        return None
    east, north = sides[lengths.argmax()]
    return float(np.degrees(np.arctan2(east, north)) % 180)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--pairs", type=int, default=40)
    parser.add_argument("--first-seed", type=int, default=30_000_000)
    parser.add_argument("--model", default="open")
    parser.add_argument(
        "--gsd", type=lambda sides: [float(side) for side in sides.split(",")], default=[0.3, 0.5]
    )
    asked = parser.parse_args()
    true = matched = listed = right = refused = 0
    sizes, turns = [], []
    for number in range(asked.pairs):
        gsd_m = asked.gsd[number % len(asked.gsd)]
        seed = asked.first_seed + number
        pair = simulate_pair("rgb", seed, (SIDE_PX, SIDE_PX), gsd_m, unchanged=False)
        roofs = new_roofs(pair)
        with tempfile.TemporaryDirectory() as folder:
            site = written(pair, "rgb", Path(folder), RIM_PX)
            try:
                report = compare_site(site, asked.model, Settings(), lambda stage: None)
            except ComparisonError:
                refused += 1
                continue
        aoi = site.aoi.polygon
        for building in report.buildings:
            if building.replaced or building.outline.area < LEAST_M2:
                continue
            if aoi.contains(building.outline.centroid):
                listed += 1
                right += any(overlap(building.outline, roof) >= IOU for roof in roofs)
        for roof in roofs:
            if roof.area < LEAST_M2 or not aoi.contains(roof):
                continue
            true += 1
            best = max(report.buildings, key=lambda b: overlap(b.outline, roof), default=None)
            if best is None or overlap(best.outline, roof) < IOU:
                continue
            matched += 1
            sizes.append(abs(best.outline.area / roof.area - 1))
            turn = direction_deg(roof)
            if turn is not None and best.azimuth_deg is not None:
                turns.append(abs((best.azimuth_deg - turn + 90) % 180 - 90))
    print("| new roofs | found | listed | right | recall | precision | area off, median | within "
          "10 % | direction off, median | within 3° | refused |")  # fmt: skip
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    print(
        f"| {true} | {matched} | {listed} | {right} | {matched / max(true, 1):.2f} | "
        f"{right / max(listed, 1):.2f} | {np.median(sizes):.1%} | "
        f"{np.mean(np.array(sizes) <= 0.1):.0%} | {np.median(turns):.2f}° of {len(turns)} | "
        f"{np.mean(np.array(turns) <= 3):.0%} | {refused} |"
    )


if __name__ == "__main__":
    main()
