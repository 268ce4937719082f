"""Slow twins of ``landshift.kernels.convolution`` and ``.classifier``: no rings, whole arrays."""

from __future__ import annotations

import numpy as np


def convolve(source, weight, bias, least):
    """(cin, row, col) → (cout, row, col) in float64; outside the picture are zeros."""
    weight = weight.astype(np.float64)
    if weight.ndim == 2:
        sums = np.einsum("oi,irc->orc", weight, source)
    else:
        padded = np.pad(source.astype(np.float64), ((0, 0), (1, 1), (1, 1)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))
        sums = np.einsum("oiyx,ircyx->orc", weight, windows)
    return np.maximum(sums + bias[:, None, None], least)


def halve(source):
    channels, rows, cols = source.shape
    return source.reshape(channels, rows // 2, 2, cols // 2, 2).max(axis=(2, 4))


def double(source):
    return source.repeat(2, axis=1).repeat(2, axis=2)


def softmax(logits, scale, offset):
    values = logits.astype(np.float64) * scale[:, None, None] + offset[:, None, None]
    powers = np.exp(values - values.max(axis=0))
    return powers / powers.sum(axis=0)
