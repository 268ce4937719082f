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


def blend_coarse(logits, coarse, share, row, col):
    """Logits (channel, row, col) of the part that begins at ``row``, ``col``, blended."""
    def weights(first, count, length):
        at = (np.arange(first, first + count) + 0.5) / 2 - 0.5
        below = np.floor(at).astype(int)
        matrix = np.zeros((count, length))
        for k, (lower, part) in enumerate(zip(below, at - below, strict=True)):
            matrix[k, np.clip(lower, 0, length - 1)] += 1 - part
            matrix[k, np.clip(lower + 1, 0, length - 1)] += part
        return matrix

    down = weights(row, logits.shape[1], coarse.shape[1])
    across = weights(col, logits.shape[2], coarse.shape[2])
    return (1 - share) * logits + share * (down @ coarse.astype(np.float64) @ across.T)
