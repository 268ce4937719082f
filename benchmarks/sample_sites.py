"""What a model finds on the simulated sites, beside their truth, in markdown.

    python benchmarks/sample_sites.py [--model open]
    python benchmarks/sample_sites.py --seeds 1000-1019 [--only songchon,onchon,kosan]

The six sample tiles are one draw each: a row a site. With ``--seeds`` each of the six stories is
told anew with every seed, other ground, sun, season and colours, and a row sums up a story: how
many pairs were refused; at how many of the others the 90 % interval holds the truth, of new
building, cropland lost and greenhouse lost; the median error of new building over the truth; of all
new halls how many have an outline of the same place (intersection over union 0.5), how many of the
listed buildings of at least 150 m2 are such halls, and the median error of the area of those, and
of their azimuth. No threshold or model was chosen by seeds from 1000 on.

Sites whose pictures the model does not read are named below the table.
"""

import argparse
import json
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from shapely.geometry import Polygon

from landshift.comparison import compare_site
from landshift.errors import ComparisonError, ModelError
from landshift.reading import read_aoi
from landshift.report import SiteReport
from landshift.settings import Settings
from landshift.simulation import write_site
from landshift.site import Image, Site

TILES = Path(__file__).parent.parent / "sample_tiles"
NAMES = ("kyongsong", "songchon", "onchon", "kosan", "kumya", "unchanged")
LEAST_HALL_HECTARES = 0.015
SAME_PLACE = 0.5
"""Intersection over union."""
TOTALS = ("new_building", "cropland_loss", "greenhouse_loss")


def compared(folder: Path, model: str) -> tuple[SiteReport, dict]:
    truth = json.loads((folder / "truth.json").read_text())
    pictures = (Image(folder / "before.tif"), Image(folder / "after.tif"))
    site = Site(folder.name, *pictures, read_aoi(folder / "site.geojson"))
    return compare_site(site, model, Settings(), lambda stage: None), truth


def hectares(truth: dict, total: str) -> float:
    if total == "cropland_loss":
        return truth[total]["to_building"] + truth[total]["to_paved"]
    return truth[total]["hectares"]


def halls_of(truth: dict) -> list[dict]:
    return [one for one in truth["buildings"] if one["kind"] != "house"]


def likeness(one: Polygon, other: Polygon) -> float:
    return one.intersection(other).area / one.union(other).area


def row(name: str, model: str) -> str:
    report, truth = compared(TILES / name, model)
    built, lost = report.totals["new_building"], report.totals["cropland_loss"]
    found = [b.outline for b in report.buildings if b.hectares >= LEAST_HALL_HECTARES]
    halls = [Polygon(one["outline"]) for one in halls_of(truth)]
    matched = sum(any(likeness(h, o) >= SAME_PLACE for o in found) for h in halls)
    return (
        f"| {name} | {report.changes.grid.gsd_m:.1f} m | {hectares(truth, 'new_building'):.2f} | "
        f"{built.value:.2f} ({built.low:.2f}–{built.high:.2f}) | "
        f"{hectares(truth, 'cropland_loss'):.2f} | "
        f"{lost.value:.2f} ({lost.low:.2f}–{lost.high:.2f}) | {len(halls)} | {len(found)} | "
        f"{matched} |"
    )


@dataclass
class Story:
    """What came of one story with every seed."""

    refused: int = 0
    held: Counter = field(default_factory=Counter)
    told: int = 0
    errors: list[float] = field(default_factory=list)
    halls: int = 0
    listed: int = 0
    area_errors: list[float] = field(default_factory=list)
    turns_deg: list[float] = field(default_factory=list)

    def add(self, report: SiteReport, truth: dict) -> None:
        self.told += 1
        for total in TOTALS:
            one, true = report.totals[total], hectares(truth, total)
            self.held[total] += one.low <= true <= one.high
        true = hectares(truth, "new_building")
        if true > 0:
            self.errors.append(abs(report.totals["new_building"].value - true) / true)
        found = [b for b in report.buildings if b.hectares >= LEAST_HALL_HECTARES]
        self.listed += len(found)
        for hall in halls_of(truth):
            self.halls += 1
            outline = Polygon(hall["outline"])
            best = max(found, key=lambda b: likeness(b.outline, outline), default=None)
            if best is None or likeness(best.outline, outline) < SAME_PLACE:
                continue
            self.area_errors.append(abs(best.outline.area / outline.area - 1))
            if best.azimuth_deg is not None:
                apart = abs(best.azimuth_deg - hall["azimuth_deg"]) % 180
                self.turns_deg.append(min(apart, 180 - apart))

    def __str__(self) -> str:
        held = " | ".join(f"{self.held[total]} of {self.told}" for total in TOTALS)
        error = f"{np.median(self.errors):.2f}" if self.errors else "–"
        right = len(self.area_errors)
        area = f"{np.median(self.area_errors):.0%}" if right else "–"
        turn = f"{np.median(self.turns_deg):.1f}°" if self.turns_deg else "–"
        return (f"{self.refused} | {held} | {error} | {right} of {self.halls} | "
                f"{right} of {self.listed} | {area} | {turn}")  # fmt: skip


def story(name: str, model: str, seeds: range, verbose: bool) -> Story:
    all_told = Story()
    for seed in seeds:
        with tempfile.TemporaryDirectory() as folder:
            site = Path(folder) / name
            write_site(name, seed, site)
            try:
                report, truth = compared(site, model)
            except ComparisonError as error:
                all_told.refused += 1
                if verbose:
                    print(f"{name} {seed}: {error}", flush=True)
                continue
            all_told.add(report, truth)
        if verbose:
            built = report.totals["new_building"]
            print(f"{name} {seed}: built {built.value:.2f} ({built.low:.2f}–{built.high:.2f}) of "
                  f"{hectares(truth, 'new_building'):.2f}; "
                  f"{'; '.join(report.fitness.reasons)}", flush=True)  # fmt: skip
    return all_told


def seeds_of(text: str) -> range:
    first, last = map(int, text.split("-"))
    return range(first, last + 1)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("--model", default="open")
    options.add_argument("--seeds", type=seeds_of, metavar="FIRST-LAST")
    options.add_argument("--only", type=lambda names: names.split(","), default=NAMES)
    options.add_argument("--verbose", action="store_true")
    asked, unread = options.parse_args(), []
    if asked.seeds is None:
        print("| site | pixel | built, true ha | found (90 %) | cropland lost to building or "
              "paving, true ha | found (90 %) | halls | found | matched |")  # fmt: skip
        print("|---|---|---|---|---|---|---|---|---|")
    else:
        print("| site | refused | held: new building | cropland lost | greenhouse lost | error | "
              "halls found | listed that are halls | area off | turned |")  # fmt: skip
        print("|---|---|---|---|---|---|---|---|---|---|")
    for name in asked.only:
        try:
            if asked.seeds is None:
                print(row(name, asked.model), flush=True)
            else:
                told = story(name, asked.model, asked.seeds, asked.verbose)
                print(f"| {name} | {told} |", flush=True)
        except ModelError:
            unread.append(name)
    if unread:
        print(f"not for {asked.model}: {', '.join(unread)}")


if __name__ == "__main__":
    main()
