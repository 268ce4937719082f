"""List the labelled pictures that a packaged recipe learns from.

    python benchmarks/training_tiles.py open DATA > tiles.csv
    landshift train --recipe open-rgb --tiles tiles.csv --out open-rgb.npz
    python benchmarks/training_tiles.py research DATA [--without a|b] > tiles.csv

`open` takes public-domain and Copernicus pictures alone: joplin_pre, naip_cropland_5m,
naip_landcover_1m, s2_landcover_deva and labels/{us,s2}. `research` adds levir_cd, whu_cd, fotbcd,
dsifn_cd, sun_optical and loveda with our labels of them, whose terms allow research only;
jeju_greenhouse states no licence and is never learned from. `--without` leaves out one half of the
scenes of each of these sets, to be scored. Paths in the table are absolute. One Joplin tile, one
North Dakota date and four West Virginia patches are held out for calibration, and every fifth scene
of each half of the research sets. Where two dates of a place are there and nothing was built
between them, both are listed: what differs is season, light and camera.
"""

import argparse
import csv
import re
import sys
from itertools import pairwise
from pathlib import Path

HELD_OUT = {
    "joplin_1361-9136", "wv_3708020_sw_1-3", "wv_3708020_sw_1-5", "wv_3708035_ne_1-0",
    "wv_3708035_ne_1-4",
}  # fmt: skip
ND_HELD_OUT = "20150926"
S2_BANDS = "blue green red rededge1 rededge2 rededge3 nir nir08 swir1 swir2"
COLUMNS = [
    "image", "label", "gsd_m", "bands", "split", "second", "second_label", "change", "classes"
]  # fmt: skip
LOVEDA_CLASSES = "0 0 3 5 8 4 6 1"
"""Its codes 0-7: none, background, building, road, water, barren, forest, agriculture."""
FIRST_HALF = {
    "levir_cd": {"test_2", "test_4", "test_5", "test_7", "test_10", "test_11", "test_16",
                 "test_17", "test_21"},
    "fotbcd": {"test_95", "test_114", "test_654", "train_17870"},
    "dsifn_cd": {"0_2", "2_4"}, "sun_optical": {"beijing_B"}, "loveda": {"0"},
}  # fmt: skip
"""The rest is the other half. Of whu_cd it is what begins with lgp: the other source."""


def in_first_half(name: str, stem: str) -> bool:
    return stem.startswith("lgp") if name == "whu_cd" else stem in FIRST_HALF[name]


def joplin(data: Path):
    for label in sorted((data / "labels/us").glob("joplin_*.png")):
        image = data / f"joplin_pre/tile_{label.stem.removeprefix('joplin_')}.tif"
        split = "held-out" if label.stem in HELD_OUT else "train"
        yield image, label, 0.6, "red green blue", split, "", ""


def west_virginia(data: Path):
    for new in sorted((data / "naip_landcover_1m/images").glob("*_new.tif")):
        quad = new.stem.removeprefix("wv_1m_2014-m_").removesuffix("_new")
        stem = "wv_" + quad.replace("_17_", "_")
        drawn = data / f"labels/us/{stem}.png"
        label = drawn if drawn.exists() else ""
        split = "held-out" if stem in HELD_OUT else "train"
        old = new.with_name(new.name.replace("_new", "_old"))
        yield new, label, 1.0, "red green blue nir", split, old, label


def north_dakota(data: Path):
    def label(date):
        drawn = data / f"labels/us/nd_{date}.png"
        return drawn if drawn.exists() else ""

    pictures = {f.stem[-8:]: f for f in sorted((data / "naip_cropland_5m").glob("*.tif"))}
    bands = "red green blue nir"
    if kept := pictures.pop(ND_HELD_OUT, None):
        yield kept, label(ND_HELD_OUT), 5.0, bands, "held-out", "", ""
    for (one, first), (other, second) in pairwise(pictures.items()):
        yield first, label(one), 5.0, bands, "train", second, label(other)


def sentinel(data: Path):
    picture = data / "s2_landcover_deva/s2_10bands_10m.tif"
    yield picture, data / "labels/s2/deva.png", 10.0, S2_BANDS, "train", "", ""


def changed_pairs(data: Path):
    """(set, stem, row) of every pair with drawn change; rows as in `COLUMNS`."""
    for name, gsd_m in (("levir_cd", 0.5), ("whu_cd", 0.2), ("fotbcd", 0.2), ("dsifn_cd", 2.0),
                        ("sun_optical", 1.0)):  # fmt: skip
        pictures = (data / name / "before").glob("*.png")
        for before in sorted(pictures, key=lambda f: [int(n) for n in re.findall(r"\d+", f.stem)]):
            folder = "levir" if name == "levir_cd" else "pairs"
            drawn = [data / f"labels/{folder}/{before.stem}_{d}.png" for d in ("before", "after")]
            first, second = (file if file.exists() else "" for file in drawn)
            if folder == "pairs" and name in ("dsifn_cd", "sun_optical"):
                if not first:
                    continue  # its own mask covers compounds, not roofs
                change = "labels"
            else:
                change = data / name / "label" / before.name
            after = data / name / "after" / before.name
            yield name, before.stem, (
                before, first, gsd_m, "red green blue", "train", after, second, change, ""
            )


def rural_china(data: Path):
    for image in sorted((data / "loveda/images").glob("*.png")):
        label = data / "loveda/labels" / image.name
        yield "loveda", image.stem, (
            image, label, 0.3, "red green blue", "train", "", "", "", LOVEDA_CLASSES
        )  # fmt: skip


def research(data: Path, without: str | None):
    counts = {}
    for name, stem, row in (*changed_pairs(data), *rural_china(data)):
        first = in_first_half(name, stem)
        if without and first == (without == "a"):
            continue
        half = name, first
        counts[half] = counts.get(half, 0) + 1
        # The third, the eighth, ...: halves of one or two scenes give none away. Counted by half,
        # so that no model of one half has learned from what calibrates the mean of both.
        yield (*row[:4], "held-out" if counts[half] % 5 == 3 else "train", *row[5:])


def public(data: Path):
    for place in (joplin, west_virginia, north_dakota, sentinel):
        for row in place(data):
            if row[0].exists():
                yield (*row, "", "")


if __name__ == "__main__":
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("model", choices=["open", "research"])
    asked.add_argument("data", type=Path)
    asked.add_argument("--without", choices=["a", "b"])
    given = asked.parse_args()
    out = csv.writer(sys.stdout)
    out.writerow(COLUMNS)
    out.writerows(public(given.data.resolve()))
    if given.model == "research":
        out.writerows(research(given.data.resolve(), given.without))
