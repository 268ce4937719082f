"""What the network sees: bands made comparable between pictures, and the scale of the picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from landshift.errors import ModelError
from landshift.model import Model
from landshift.raster import Raster
from landshift.sensor import FAMILY_BANDS

_SAMPLE_PIXELS = 200_000
"""Pixels from which median and spread are taken: their standard error is then below 0.3 % of the
spread."""
_LEAST_SPREAD = 1e-6
"""Keeps a picture of one colour finite; far below one count of any sensor, also in reflectance."""
_MOST = 6.0
"""Spreads from the median at which values are clipped: glints and burnt-out roofs say no more."""
_GSD_TOLERANCE = 1.1
"""Factor by which pixels may be finer or coarser than those that the model was trained on."""


@dataclass(frozen=True)
class Exposure:
    """How bright and how rich in contrast one picture is."""

    median: NDArray[np.float32]
    """Of every band over the valid pixels, (band,)."""
    spread: np.float32
    """Half the distance of the 16th and 84th percentile, mean over the bands."""


def measure_exposure(
    bands: Sequence[NDArray[np.float32]] | NDArray[np.float32], valid: NDArray[np.bool_]
) -> Exposure:
    """Median and spread of a picture.

    Parameters
    ----------
    bands : ndarray of float32, shape (band, row, col), or a sequence of (row, col)
        Any unit.
    valid : ndarray of bool, shape (row, col)
        Pixels that count.

    Returns
    -------
    Exposure
        From every n-th row and column, n such that about 200 000 pixels are looked at. Median 0
        and the least spread where nothing is valid.
    """
    step = max(1, math.ceil(math.sqrt(valid.size / _SAMPLE_PIXELS)))
    thinned = valid[::step, ::step]
    if thinned.any():
        sample = np.stack([band[::step, ::step][thinned] for band in bands])
    else:  # the few valid pixels of a large picture lie between the samples
        rows, cols = np.nonzero(valid)
        step = max(1, rows.size // _SAMPLE_PIXELS)
        sample = np.stack([band[rows[::step], cols[::step]] for band in bands])
    sample = sample[:, np.isfinite(sample).all(axis=0)].astype(np.float64)
    if sample.shape[1] == 0:
        return Exposure(np.zeros(len(bands), np.float32), np.float32(_LEAST_SPREAD))
    low, median, high = np.quantile(sample, (0.16, 0.5, 0.84), axis=1)
    spread = max(float(np.mean(high - low)) / 2, _LEAST_SPREAD)
    return Exposure(median.astype(np.float32), np.float32(spread))


def apply_exposure(
    bands: Sequence[NDArray[np.float32]] | NDArray[np.float32],
    valid: NDArray[np.bool_],
    exposure: Exposure,
) -> NDArray[np.float32]:
    """Bands in spreads from their median, -6 to 6, and 0 where not valid; (band, row, col)."""
    scaled = np.empty((len(bands), *valid.shape), np.float32)
    hidden = ~valid
    for band, median, into in zip(bands, exposure.median, scaled, strict=True):
        with np.errstate(over="ignore"):
            np.subtract(band, median, out=into)
            np.divide(into, exposure.spread, out=into)
        np.clip(into, -_MOST, _MOST, out=into)
        np.copyto(into, 0, where=hidden)
        if into.size and np.isnan(into.min()):
            into[np.isnan(into)] = 0
    return scaled


def normalise_bands(bands: NDArray[np.float32], valid: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Make one picture's bands comparable with any other's; training and inference share it.

    Every band loses its median; all are divided by one spread, so that colour stays colour.

    Parameters
    ----------
    bands : ndarray of float32, shape (band, row, col)
        Any unit.
    valid : ndarray of bool, shape (row, col)
        Pixels that were seen.

    Returns
    -------
    ndarray of float32, shape (band, row, col)
        -6 to 6; 0 where not valid.
    """
    return apply_exposure(bands, valid, measure_exposure(bands, valid))


def scale_channel(gsd_m: float, reference_gsd_m: float) -> np.float32:
    """The value of the network's last input channel: log2 of the gsd over the reference gsd."""
    return np.float32(np.log2(gsd_m / reference_gsd_m))


def band_indices(raster: Raster, model: Model) -> list[int]:
    """Where in ``raster`` the model's bands stand.

    Raises
    ------
    ModelError
        When a band is missing, or the pixels are finer or coarser than the model knows.
    """
    roles = raster.sensor.bands
    if missing := [band for band in model.bands if band not in roles]:
        raise ModelError(
            f"model {model.name} needs band {missing[0]!r}; the image has {', '.join(roles)}"
        )
    gsd = raster.grid.gsd_m
    if not reads_gsd(gsd, model.finest_gsd_m, model.coarsest_gsd_m):
        ten = FAMILY_BANDS["multispectral"]
        more = f"; coarser ones need all of {' '.join(ten)}, as Sentinel-2 has them"
        raise ModelError(
            f"model {model.name} cannot read pixels of {gsd:.3g} m from {' '.join(model.bands)}; "
            f"allowed are {model.finest_gsd_m:g} to {model.coarsest_gsd_m:g} m"
            f"{more if gsd > model.coarsest_gsd_m and model.bands != ten else ''}"
        )
    return [roles.index(band) for band in model.bands]


def reads_gsd(gsd_m: float, finest_gsd_m: float, coarsest_gsd_m: float) -> bool:
    """Whether pixels of that side are what a model was trained on, or nearly that; all metres."""
    return finest_gsd_m / _GSD_TOLERANCE <= gsd_m <= coarsest_gsd_m * _GSD_TOLERANCE


def network_input(raster: Raster, model: Model) -> NDArray[np.float32]:
    """Everything that the network sees of a picture.

    Returns
    -------
    ndarray of float32, shape (len(model.bands) + 1, row, col)
        Normalised bands, and the scale channel last.

    Raises
    ------
    ModelError
        As `band_indices`.
    """
    bands = raster.bands[band_indices(raster, model)]
    scale = scale_channel(raster.grid.gsd_m, model.reference_gsd_m)
    return np.concatenate([normalise_bands(bands, raster.valid), np.full_like(bands[:1], scale)])
