"""Plain numpy: slow, short, and easy to believe."""

from __future__ import annotations

import numpy as np
from scipy import ndimage


def phasor(gx, gy, floor, doubled):
    g = complex(gx, gy)
    short = g / (abs(g) + floor)
    return short * g / abs(g) if doubled and g else short


def phasor_image(image, valid, floor, doubled):
    out = np.zeros(image.shape, np.complex64)
    for row in range(1, image.shape[0] - 1):
        for col in range(1, image.shape[1] - 1):
            cross = [(row, col), (row - 1, col), (row + 1, col), (row, col - 1), (row, col + 1)]
            if all(valid[place] for place in cross):
                gx = (image[row, col + 1] - image[row, col - 1]) / 2
                gy = (image[row + 1, col] - image[row - 1, col]) / 2
                out[row, col] = phasor(gx, gy, floor, doubled)
    return out


def halve(image, valid):
    rows, cols = image.shape[0] // 2, image.shape[1] // 2
    blocks = [
        (np.where(valid, image, 0)[a : 2 * rows : 2, b : 2 * cols : 2],
         valid[a : 2 * rows : 2, b : 2 * cols : 2])
        for a in (0, 1) for b in (0, 1)
    ]  # fmt: skip
    count = sum(seen.astype(int) for _, seen in blocks)
    total = sum(values.astype(float) for values, _ in blocks)
    good = count >= 3
    return np.where(good, total / np.maximum(count, 1), 0), good


def neighbour_differences(image, valid, step):
    gaps = np.abs(image[1:, 1:] - image[:-1, :-1])[::step, ::step]
    return gaps[(valid[1:, 1:] & valid[:-1, :-1])[::step, ::step]]


def lattice_values(lattice, step, row, col):
    """Bilinear, constant beyond the nodes."""
    places = [np.asarray(row) / step, np.asarray(col) / step]
    return np.stack(
        [ndimage.map_coordinates(part.astype(float), places, order=1, mode="nearest")
         for part in lattice]
    )  # fmt: skip


def kernel(blur, away):
    if blur > 0:
        return np.exp(-0.5 * (away / blur) ** 2)
    return np.where(np.abs(away) < 3, np.sinc(away) * np.sinc(away / 3), 0)


def sample(image, y, x, blur):
    """One pixel by the full two-dimensional sum, the picture's rim repeated."""
    reach = 3 if blur <= 0 else int(np.ceil(3.2 * blur + 0.5))
    rows = int(np.floor(y)) + np.arange(-reach + 1, reach + 1)
    cols = int(np.floor(x)) + np.arange(-reach + 1, reach + 1)
    wy, wx = kernel(blur, rows - y), kernel(blur, cols - x)
    part = image[np.ix_(rows.clip(0, image.shape[0] - 1), cols.clip(0, image.shape[1] - 1))]
    return (wy / wy.sum()) @ part @ (wx / wx.sum())


def cross_spectra(reference, moving, weight):
    energy = np.sqrt(
        (weight * np.abs(reference) ** 2).sum((1, 2)) * (weight * np.abs(moving) ** 2).sum((1, 2))
    )
    return weight * reference.conj() * moving, energy


def damped_cross_spectrum(reference, moving, along_row, along_col):
    cross = reference.conj() * moving
    return np.outer(along_row, along_col) * cross / (np.sqrt(np.abs(cross)) + 1e-20)


def pool_spectra(reference, moving, trust, ring):
    out = np.zeros((3, ring.max() + 1))
    parts = ((reference.conj() * moving).real, np.abs(reference) ** 2, np.abs(moving) ** 2)
    for total, part in zip(out, parts, strict=True):
        np.add.at(total, ring, np.tensordot(trust, part, 1))
    return out


def find_peak(surface, reach, apart):
    side = len(surface)
    places = [(r, c) for r in range(-reach, reach + 1) for c in range(-reach, reach + 1)]
    value = {place: surface[place[0] % side, place[1] % side].real for place in places}
    best = max(places, key=value.get)
    second = 0.0
    for r, c in places:
        around = [surface[(r + a) % side, (c + b) % side].real
                  for a, b in ((1, 0), (-1, 0), (0, 1), (0, -1))]  # fmt: skip
        if np.hypot(r - best[0], c - best[1]) > apart and value[r, c] >= max(around):
            second = max(second, value[r, c])
    return best, value[best], second


def correlation_at(cross, y, x):
    side = len(cross)
    w = 2 * np.pi * np.where(np.arange(side) < (side + 1) // 2, 0, -side) / side
    w = w + 2 * np.pi * np.arange(side) / side
    wave = cross * np.exp(1j * (w[:, None] * y + w * x))
    wy, wx = np.broadcast_to(w[:, None], cross.shape), np.broadcast_to(w, cross.shape)
    terms = (1, 1j * wy, 1j * wx, -wy * wy, -wy * wx, -wx * wx)
    return [float((term * wave).sum().real) for term in terms]
