"""Models with random weights, and pictures to show them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from affine import Affine

from landshift.grid import Grid
from landshift.model import WITHOUT_BIAS, Model, Widths, layer_shapes, load_model, save_model
from landshift.raster import Raster
from landshift.sensor import FAMILY_BANDS, Family, Sensor

META: dict[str, Any] = {
    "name": "random",
    "family": "rgb",
    "bands": ["red", "green", "blue"],
    "finest_gsd_m": 0.3,
    "coarsest_gsd_m": 1.3,
    "reference_gsd_m": 0.5,
    "class_scale": [0.9, 1.0, 1.1, 1.2, 0.8, 1.0, 1.0, 1.0],
    "class_offset": [0.1, 0.0, 0.0, -0.1, 0.0, 0.2, 0.0, 0.0],
    "change_scale": [0.9, 1.0, 1.1, 1.0],
    "change_offset": [0.0, 0.1, 0.0, 0.0],
    "class_prior": [0.3, 0.05, 0.1, 0.1, 0.1, 0.15, 0.15, 0.05],
    "change_prior": [0.9, 0.05, 0.02, 0.03],
    "symmetric": False,
    "training": {"seed": 0},
    "licence": "CC0-1.0",
}


def random_layers(
    bands: int, seed: int = 0, widths: Widths | None = None, context: bool = False
) -> dict[str, np.ndarray]:
    """Weights that keep the spread of their input (He et al. 2015), and biases that matter."""
    rng = np.random.default_rng(seed)
    layers = {}
    for layer, shape in layer_shapes(bands, widths or Widths(), context).items():
        spread = np.sqrt(2.0 / np.prod(shape[1:]))
        layers[f"{layer}.weight"] = rng.normal(0, spread, shape).astype(np.float32)
        if layer not in WITHOUT_BIAS:
            layers[f"{layer}.bias"] = rng.normal(0, 0.1, shape[0]).astype(np.float32)
    return layers


def random_model(
    folder: Path,
    family: Family = "rgb",
    seed: int = 0,
    widths: Widths | None = None,
    context: bool = False,
    **meta: Any,
) -> Model:
    """A model that has been through a file in ``folder``."""
    bands = FAMILY_BANDS[family]
    path = folder / f"random-{family}-{seed}.npz"
    whole = {**META, "family": family, "bands": list(bands), **meta}
    save_model(path, whole, random_layers(len(bands), seed, widths, context))
    return load_model(path, family)


def random_raster(
    shape: tuple[int, int], seed: int = 0, gsd_m: float = 0.6, bands: int = 3, seen: float = 1.0
) -> Raster:
    """Blurred noise with a share ``seen`` of valid pixels."""
    rng = np.random.default_rng(seed)
    values = rng.normal(100, 30, (bands, *shape)).astype(np.float32)
    values[..., 1:] = (values[..., 1:] + values[..., :-1]) / 2
    valid = rng.random(shape) < seen
    values[:, ~valid] = 0
    grid = Grid(None, Affine(gsd_m, 0, 0, 0, -gsd_m, 0), shape)
    roles = ("red", "green", "blue", "nir")[:bands]
    return Raster(values, valid, grid, Sensor(roles, gsd_m))
