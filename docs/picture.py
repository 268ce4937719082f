"""Make `onchon.png` again, the picture of the README: ``python docs/picture.py``.

It is figure.png of the sample site onchon, in the size of a screen and in few colours.
"""

from io import BytesIO
from pathlib import Path

from PIL import Image

import landshift
from landshift import figure
from landshift.patches import find_patches

HERE = Path(__file__).parent
TILES = HERE.parent / "sample_tiles" / "onchon"
WIDTH_PX = 1000
COLOURS = 256


def main() -> None:
    """Compare, draw, reduce, write."""
    report = landshift.compare(
        TILES / "before.tif", TILES / "after.tif", aoi=TILES / "site.geojson",
        name="onchon (simulated)",
    )  # fmt: skip
    drawn = figure.draw_bytes(report, find_patches(report.changes), "png")
    with Image.open(BytesIO(drawn)) as whole:
        height = round(whole.height * WIDTH_PX / whole.width)
        small = whole.convert("RGB").resize((WIDTH_PX, height), Image.Resampling.LANCZOS)
    # what covers little keeps its colour too, which the median cut takes from it
    small.quantize(COLOURS, Image.Quantize.FASTOCTREE).save(HERE / "onchon.png", optimize=True)


if __name__ == "__main__":
    main()
