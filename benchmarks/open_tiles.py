"""List the labelled public-domain and Copernicus pictures that the recipe `open` learns from.

    python benchmarks/open_tiles.py DATA > tiles.csv
    landshift train --recipe open-rgb --tiles tiles.csv --out open-rgb.npz

DATA holds joplin_pre, naip_cropland_5m, naip_landcover_1m, s2_landcover_deva and labels/{us,s2}.
Paths in the table are absolute. One Joplin tile, one North Dakota date and two West Virginia
patches are held out for calibration.
"""

import csv
import sys
from pathlib import Path

HELD_OUT = {"joplin_1361-9136", "nd_20150926", "wv_3708020_sw_1-3", "wv_3708035_ne_1-0"}
S2_BANDS = "blue green red rededge1 rededge2 rededge3 nir nir08 swir1 swir2"


def rows(data: Path):
    for label in sorted((data / "labels/us").glob("*.png")):
        place, _, rest = label.stem.partition("_")
        if place == "joplin":
            image, gsd, bands = data / f"joplin_pre/tile_{rest}.tif", 0.6, "red green blue"
        elif place == "nd":
            image = data / f"naip_cropland_5m/m_4709963_se_14_1_{rest}.tif"
            gsd, bands = 5.0, "red green blue nir"
        else:
            quad, _, patch = rest.rpartition("_")
            image = data / f"naip_landcover_1m/images/wv_1m_2014-m_{quad}_17_{patch}_new.tif"
            gsd, bands = 1.0, "red green blue nir"
        yield image, label, gsd, bands, "held-out" if label.stem in HELD_OUT else "train"
    deva = data / "labels/s2/deva.png"
    yield data / "s2_landcover_deva/s2_10bands_10m.tif", deva, 10.0, S2_BANDS, "train"


if __name__ == "__main__":
    out = csv.writer(sys.stdout)
    out.writerow(["image", "label", "gsd_m", "bands", "split"])
    out.writerows(row for row in rows(Path(sys.argv[1]).resolve()) if row[0].exists())
