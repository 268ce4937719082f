"""A model's layers as the kernels read them: packed, turned, and asked in both orders."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from landshift.kernels.convolution import pack_weights
from landshift.model import CONTEXT, Calibration, Model, layer_shapes

_Layer = tuple[NDArray[np.float32], NDArray[np.float32]]
"""Packed weights, bias."""


class Weights:
    """A model's layers in the order in which the kernels read them."""

    def __init__(self, model: Model) -> None:
        """Pack the layers of every way up, the change head for both orders if the model asks so."""
        plain = dict(model.layers)
        self.orders = 2 if model.symmetric else 1
        if model.symmetric:
            plain.update(_head_of_both_orders(model.layers))
        names = layer_shapes(len(model.bands), model.widths, model.context)
        self.ways = [
            {layer: _packed(plain, layer, turn) for layer in names}
            for turn in range(model.turns)
        ]
        self.widths = model.widths
        self.bands = len(model.bands)
        self.calibration = {
            "cls": self._calibration(model.cover),
            "chg4": self._calibration(model.change),
        }

    @staticmethod
    def _calibration(calibration: Calibration) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        return np.array(calibration.scale, np.float32), np.array(calibration.offset, np.float32)


def _packed(layers: Mapping[str, NDArray[np.float32]], layer: str, turn: int) -> _Layer:
    """A layer turned by quarters: on a picture it sees what it saw on the picture turned back."""
    weight = layers[f"{layer}.weight"]
    if weight.ndim == 4:
        weight = np.ascontiguousarray(np.rot90(weight, turn, (2, 3)))
    bias = layers.get(f"{layer}.bias", np.zeros(len(weight), np.float32))
    return pack_weights(weight), bias.copy()


def _head_of_both_orders(
    layers: Mapping[str, NDArray[np.float32]],
) -> dict[str, NDArray[np.float32]]:
    """A change head twice as wide: it asks (before, after), and (after, before), and averages.

    For the second question the features of the dates are exchanged on the way in, building gained
    and lost on the way out. Both are read from the same planes in one pass.
    """
    wide = {}
    for layer in ("chg0", "chg1", "chg2", CONTEXT):
        weight = layers.get(f"{layer}.weight")
        if weight is None:  # a network without context
            continue
        before, after, apart = np.split(weight, 3, axis=1)
        swapped = np.concatenate([after, before, apart], axis=1)
        wide[f"{layer}.weight"] = np.concatenate([weight, swapped])
    wide["chg0.bias"] = np.tile(layers["chg0.bias"], 2)
    last, bias, exchanged = layers["chg4.weight"], layers["chg4.bias"], [0, 2, 1, 3]
    half = np.float32(0.5)
    wide["chg4.weight"] = np.concatenate([last, last[exchanged]], axis=1) * half
    wide["chg4.bias"] = (bias + bias[exchanged]) * half
    return wide
