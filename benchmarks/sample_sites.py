"""What a model finds on the six simulated sites, beside their truth, in markdown.

    python benchmarks/sample_sites.py [--model open]

Sites whose pictures the model does not read are named below the table.
"""

import argparse
import json
from pathlib import Path

from shapely.geometry import Polygon

from landshift.comparison import compare_site
from landshift.errors import ModelError
from landshift.reading import read_aoi
from landshift.settings import Settings
from landshift.site import Image, Site

TILES = Path(__file__).parent.parent / "sample_tiles"
NAMES = ("kyongsong", "songchon", "onchon", "kosan", "kumya", "unchanged")
LEAST_HALL_HECTARES = 0.015


def row(name: str, model: str) -> str:
    folder = TILES / name
    truth = json.loads((folder / "truth.json").read_text())
    pictures = (Image(folder / "before.tif"), Image(folder / "after.tif"))
    site = Site(name, *pictures, read_aoi(folder / "site.geojson"))
    report = compare_site(site, model, Settings(), lambda stage: None)
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


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--model", default="open")
    model, unread = options.parse_args().model, []
    print("| site | pixel | built, true ha | found (90 %) | cropland lost to building or paving, "
          "true ha | found (90 %) | halls | found | matched |")  # fmt: skip
    print("|---|---|---|---|---|---|---|---|---|")
    for name in NAMES:
        try:
            print(row(name, model), flush=True)
        except ModelError:
            unread.append(name)
    if unread:
        print(f"not for {model}: {', '.join(unread)}")


if __name__ == "__main__":
    main()
