"""Slow twin of ``landshift.kernels.resampling``: one target pixel at a time, all taps at once."""

from __future__ import annotations

import numpy as np


def cubic(x):
    x = np.abs(x)
    near = 1.5 * x**3 - 2.5 * x**2 + 1
    far = -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return np.where(x < 1, near, np.where(x < 2, far, 0.0))


def averaged_cubic(x, scale):
    """The cubic's mean over the width by which a target pixel is blunter than a source pixel."""
    width = np.sqrt(scale**2 - 1)
    midpoints = (np.arange(2000) + 0.5) / 2000 - 0.5
    return cubic(x[:, None] + width * midpoints).mean(axis=1)


def tent(x, scale):
    return np.maximum(0.0, 1 - np.abs(x / scale))


def bilinear(lattice, step, row, col):
    i, j = row // step, col // step
    fi, fj = row / step - i, col / step - j
    corners = lattice[i : i + 2, j : j + 2]
    return np.array([1 - fi, fi]) @ corners @ np.array([1 - fj, fj])


def snapped(place):
    return np.round(place) if abs(place - np.round(place)) < 1e-4 else place


def resample_pixel(source, valid, y, x, row_scale, col_scale):
    """The bands at (y, x), None where too little was seen."""
    rows, cols = valid.shape
    if not (-1 < y < rows and -1 < x < cols):
        return None
    # room for every tap outside the picture, where nothing is valid
    pad = int(np.ceil(max(row_scale, col_scale))) + 3
    wide = np.pad(source.astype(np.float64), [(0, 0), (pad, pad), (pad, pad)])
    seen = np.pad(valid, pad)
    at_row = np.arange(-pad, rows + pad)
    at_col = np.arange(-pad, cols + pad)
    for kernel in (averaged_cubic, tent):
        weights = np.outer(kernel(at_row - y, row_scale), kernel(at_col - x, col_scale))
        if kernel is averaged_cubic and not np.any(~seen & (np.abs(weights) > 1e-6)):
            break
        if kernel is tent and weights[seen].sum() < (0.5 - 1e-6) * weights.sum():
            return None
    return (wide * weights)[:, seen].sum(axis=1) / weights[seen].sum()


def resample_block(source, valid, lattice_row, lattice_col, step, row_scale, col_scale, low, high,
                   top, left, rows, cols, out, out_valid):  # fmt: skip
    for row in range(rows):
        for col in range(cols):
            y = snapped(bilinear(lattice_row, step, row, col))
            x = snapped(bilinear(lattice_col, step, row, col))
            bands = resample_pixel(source, valid, y, x, row_scale, col_scale)
            if bands is not None:
                out_valid[top + row, left + col] = True
                out[:, top + row, left + col] = np.clip(bands.astype(np.float32), low, high)
