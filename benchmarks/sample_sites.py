"""What the packaged model finds on the six simulated sites, beside their truth, in markdown.

    python benchmarks/sample_sites.py
"""

import json
from pathlib import Path

from shapely.geometry import Polygon

from landshift.comparison import compare_site
from landshift.reading import read_aoi
from landshift.settings import Settings
from landshift.site import Image, Site

TILES = Path(__file__).parent.parent / "sample_tiles"
NAMES = ("kyongsong", "songchon", "onchon", "kosan", "kumya", "unchanged")
LEAST_HALL_HECTARES = 0.015


def row(name: str) -> str:
    folder = TILES / name
    truth = json.loads((folder / "truth.json").read_text())
    pictures = (Image(folder / "before.tif"), Image(folder / "after.tif"))
    site = Site(name, *pictures, read_aoi(folder / "site.geojson"))
    report = compare_site(site, "open", Settings(), lambda stage: None)
    built, lost = report.totals["new_building"], report.totals["cropland_loss"]
    true_lost = truth["cropland_loss"]
    found = [b.outline for b in report.buildings if b.hectares >= LEAST_HALL_HECTARES]
    halls = [Polygon(b["outline"]) for b in truth["buildings"] if b["kind"] != "house"]
    matched = sum(
        any(h.intersection(o).area >= 0.5 * h.union(o).area for o in found) for h in halls
    )
    return (
        f"| {name} | {report.changes.grid.gsd_m:.1f} m | {truth['new_building']['hectares']:.2f} | "
        f"{built.value:.2f} ({built.low:.2f}–{built.high:.2f}) | "
        f"{true_lost['to_building'] + true_lost['to_paved']:.2f} | "
        f"{lost.value:.2f} ({lost.low:.2f}–{lost.high:.2f}) | {len(halls)} | {len(found)} | "
        f"{matched} |"
    )


if __name__ == "__main__":
    print("| site | pixel | built, true ha | found (90 %) | cropland lost to building or paving, "
          "true ha | found (90 %) | halls | found | matched |")  # fmt: skip
    print("|---|---|---|---|---|---|---|---|---|")
    for name in NAMES:
        print(row(name), flush=True)
