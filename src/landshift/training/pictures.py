"""Pictures to learn from, read as those are that a model is asked about."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from landshift.colour import full_scale
from landshift.raster import Raster
from landshift.reading import PictureInfo
from landshift.reading.opening import open_picture
from landshift.reading.picture import read_block


def read_pixels(
    info: PictureInfo, bands: tuple[str, ...]
) -> tuple[NDArray[np.float16], NDArray[np.bool_]]:
    """A picture's own pixels, and which of them were seen.

    Nodata, opacity, masks, palettes and blank collars are what they are to every other command: a
    collar that counted as ground would shift the values of all the rest.

    Parameters
    ----------
    info
        As `landshift.reading.describe_image` gives it.
    bands
        Roles, each one of the picture's.

    Returns
    -------
    ndarray of float16, shape (band, row, col)
        Reflectance, or display values as a share of white, 0-1, whatever the unit of the file: what
        is pasted from one picture into another must be of its kind. 0 where not seen.
    ndarray of bool, shape (row, col)

    Raises
    ------
    ImageError
        When the file is damaged.
    """
    rows, cols = info.grid.shape
    with open_picture(info.image.path, info.driver) as source:
        pixels, seen = read_block(source, info, Window(0, 0, cols, rows))
    raster = Raster(pixels, seen, info.grid, info.sensor)
    white = 1.0 if info.sensor.scale is not None else full_scale(raster)
    return (raster.select(bands) / np.float32(white)).astype(np.float16), seen
