"""List the labelled public-domain and Copernicus pictures that the recipe `open` learns from.

    python benchmarks/open_tiles.py DATA > tiles.csv
    landshift train --recipe open-rgb --tiles tiles.csv --out open-rgb.npz

DATA holds joplin_pre, naip_cropland_5m, naip_landcover_1m, s2_landcover_deva and labels/{us,s2}.
Paths in the table are absolute. One Joplin tile, one North Dakota date and four West Virginia
patches are held out for calibration. Where two dates of a place are there and nothing was built
between them, both are listed: what differs is season, light and camera.
"""

import csv
import sys
from itertools import pairwise
from pathlib import Path

HELD_OUT = {
    "joplin_1361-9136", "wv_3708020_sw_1-3", "wv_3708020_sw_1-5", "wv_3708035_ne_1-0",
    "wv_3708035_ne_1-4",
}  # fmt: skip
ND_HELD_OUT = "20150926"
S2_BANDS = "blue green red rededge1 rededge2 rededge3 nir nir08 swir1 swir2"
COLUMNS = ["image", "label", "gsd_m", "bands", "split", "second", "second_label"]


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


if __name__ == "__main__":
    data = Path(sys.argv[1]).resolve()
    out = csv.writer(sys.stdout)
    out.writerow(COLUMNS)
    for place in (joplin, west_virginia, north_dakota, sentinel):
        out.writerows(row for row in place(data) if row[0].exists())
