"""A folder of somebody's own pictures and labels → tiles to learn from."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from landshift.errors import InputError
from landshift.reading import describe_image, read_covers
from landshift.site import Image
from landshift.training.material import Tile, fits_family
from landshift.training.pictures import read_pixels

PICTURES = (".tif", ".tiff", ".jp2", ".png", ".jpg", ".jpeg")
"""Suffixes of what may be a picture."""
LABELS = (".geojson", ".json", ".label.tif", ".label.png")
"""What follows a picture's stem in the name of its labels."""
_HELD_OUT_EVERY = 5
"""Every so manieth picture, by name, is kept from training for calibration."""


def read_folder(
    folder: Path, bands: tuple[str, ...], gsd_m: tuple[float, float], own_gsd_m: float | None
) -> list[tuple[str, Tile]]:
    """Labelled pictures of a folder, each with ``train`` or ``held-out``.

    A picture ``town.tif`` is labelled by ``town.geojson`` (polygons with a property ``class``), or
    by ``town.label.tif`` or ``town.label.png`` (codes 1-8 of `legend.Cover`, 0 where nobody
    knows). Pictures that lack one of ``bands``, or whose pixels cannot be brought within ``gsd_m``,
    are left out; every fifth of the others is held out.

    Parameters
    ----------
    folder
        Looked through without its subfolders.
    bands, gsd_m
        What the family of sensors needs.
    own_gsd_m
        Side of a pixel of pictures that have no CRS, metres.

    Raises
    ------
    InputError
        When there is no labelled picture that fits, or one cannot be read.
    """
    found: list[Tile] = []
    for picture in sorted(p for p in folder.iterdir() if p.suffix.lower() in PICTURES):
        label = _label_of(picture)
        if label is None:
            continue
        info = describe_image(Image(picture, own_gsd_m))
        if fits_family(info.sensor.bands, info.sensor.gsd_m, bands, gsd_m):
            cover = read_covers(label, info.grid)
            pixels, seen = read_pixels(info, bands)
            cover = np.where(seen, cover, np.uint8(0))
            found.append(
                Tile(picture.name, pixels[None], cover[None], info.sensor.gsd_m, True,
                     seen=seen[None])
            )  # fmt: skip
    if not found:
        raise InputError(
            f"{folder}: no labelled picture with {' '.join(bands)} at {gsd_m[0]:g} to "
            f"{gsd_m[1]:g} m; a picture NAME.tif needs {', '.join('NAME' + end for end in LABELS)}"
        )
    return [
        ("held-out" if number % _HELD_OUT_EVERY == 0 else "train", tile)
        for number, tile in enumerate(found, start=1)
    ]


def _label_of(picture: Path) -> Path | None:
    if ".label" in picture.suffixes:
        return None
    candidates = (picture.with_name(picture.stem + end) for end in LABELS)
    return next((path for path in candidates if path.exists()), None)

