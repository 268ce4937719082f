"""What a unit of a file's values means, and values that mean nothing."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

_REFLECTANCE_SCALE = 1e-4
"""Surface reflectance in 16 bits is times ten thousand in every product that we know of."""
_LEAST_REFLECTANCE = 0.05
"""Brightest tenth of the brightest band of a picture, below which its numbers are counts of a
camera. Judgement, between 0.34 to 0.41 of three real pictures (Sentinel-2, Landsat 7) and 0.03 of
one that used 0 to 300; open water all over would be taken for counts too."""
_OFFSET = -0.1
"""Of Sentinel-2 from processing baseline 04.00 on (January 2022), and of all that was processed
again: 1000 is added to every number (Sentinel-2 Products Specification Document, RADIO_ADD_OFFSET
and BOA_ADD_OFFSET)."""
_DARK_SHARE = 0.01
"""Share of the pixels that are darker than ground that is dark in one band or other. Of 80
simulated pictures of ten bands that share lies below a reflectance of 0.056, of a real one (Deva)
below 0.013; with the offset it lies above 0.1. Thick haze over all ten was not tried."""
_SPOTS = 5
_SPOT_PX = 48
"""A picture is tried in so many spots each way, of so many pixels each way: 57 600 pixels, without
all of a large file being unpacked as a thinned copy of it would be."""
_FILLS = np.array([-9999.0, -32767.0, -32768.0, -99999.0], np.float32)
"""Numbers that stand for no measurement, whether or not the file says so. None of them is a
reflectance, a brightness or a decibel."""
_MOST = 1e20
"""Nor is any number from this one on, above or below 0: 3.4e38 is written with many endings."""


def scaling_of(
    source: Any, wanted: tuple[int, ...], roles: tuple[str, ...]
) -> tuple[float, float, tuple[str, ...]]:
    """Scale and offset of the bands with these numbers and ``roles``: as the file says, or likely.

    Parameters
    ----------
    source
        An open file.
    wanted
        Numbers of the bands that are read, from 1.
    roles
        Of the same bands.

    Returns
    -------
    scale, offset : float
        Values are file values times the one plus the other.
    notes : tuple of str
        What was found out of the values and not said by the file.
    """
    scale, offset, said = 1.0, 0.0, False
    if max(wanted) <= source.count:
        given = source.scales[wanted[0] - 1], source.offsets[wanted[0] - 1]
        if math.isfinite(given[0]) and given[0] != 0.0 and given != (1.0, 0.0):
            (scale, offset), said = given, True
    whole = source.dtypes[0] in ("int16", "uint16")
    if not whole or offset != 0.0 or "nir" not in roles:
        return float(scale), float(offset), ()
    values = _without_blanks(spot_values(source, wanted), source.dtypes[0])
    if values.shape[1] == 0:
        return float(scale if said else _REFLECTANCE_SCALE), 0.0, ()
    if not said:
        brightest = np.quantile(values, 0.9, axis=1).max() * _REFLECTANCE_SCALE
        scale = _REFLECTANCE_SCALE if brightest >= _LEAST_REFLECTANCE else 1.0
    sentinel2 = {"rededge1", "rededge2", "rededge3", "nir08", "swir1", "swir2"} <= set(roles)
    if sentinel2 and math.isclose(scale, _REFLECTANCE_SCALE, rel_tol=1e-6):
        dark = np.quantile(values.min(axis=0), _DARK_SHARE) * scale
        offset = _OFFSET if dark >= -_OFFSET else 0.0
    note = "all bands are 1000 and more, as Sentinel-2 has it since 2022; 1000 is taken off"
    return float(scale), offset, (note,) if offset else ()


def _without_blanks(values: NDArray[Any], dtype: str) -> NDArray[np.float64]:
    """(band, pixel) without pixels that are blank in a band."""
    shown = ((values > 0) & (values < np.iinfo(dtype).max)).all(axis=0)
    return np.asarray(values[:, shown], np.float64)


def spot_values(source: Any, bands: tuple[int, ...]) -> NDArray[Any]:
    """Values of an open file's ``bands``, numbers from 1, at spots all over it: (band, pixel)."""
    sides = [
        np.unique(np.linspace(0, max(0, size - _SPOT_PX), _SPOTS).astype(int))
        for size in (source.height, source.width)
    ]
    spots = [
        source.read(bands, window=Window(col, row, *(min(_SPOT_PX, n) for n in source.shape[::-1])))
        for row in sides[0] for col in sides[1]
    ]  # fmt: skip
    return np.concatenate([spot.reshape(len(bands), -1) for spot in spots], axis=1)


def is_fill(raw: NDArray[np.float32], dtype: str) -> NDArray[np.bool_]:
    """(row, col): True where a band (band, row, col) of a signed file holds no measurement."""
    if np.dtype(dtype).kind not in "if":
        return np.zeros(raw.shape[1:], np.bool_)
    return np.asarray((np.isin(raw, _FILLS) | (np.abs(raw) >= _MOST)).any(axis=0))
