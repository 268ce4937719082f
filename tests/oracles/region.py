"""Plain numpy: slow, short, and easy to believe."""

from __future__ import annotations

import numpy as np
from scipy import ndimage


def label_regions(codes):
    """Regions of equal code, 4-connected, numbered in reading order of their first pixel."""
    labels = np.zeros(codes.shape, int)
    firsts = []
    for code in np.unique(codes[codes > 0]):
        regions, count = ndimage.label(codes == code)
        for number in range(1, count + 1):
            firsts.append((np.flatnonzero(regions == number)[0], regions == number))
    for number, (_, mask) in enumerate(sorted(firsts, key=lambda one: one[0]), start=1):
        labels[mask] = number
    return labels


def sieve(codes, least_px, passes):
    """Regions below ``least_px[code]`` take the code of large neighbours that most sides face."""
    codes = codes.copy()
    for _ in range(passes):
        labels = label_regions(codes)
        sizes = np.bincount(labels.ravel())
        old = codes.copy()
        for number in range(1, labels.max() + 1):
            pixels = np.argwhere(labels == number)
            if sizes[number] >= least_px[old[tuple(pixels[0])]]:
                continue
            faced = []
            for row, col in pixels:
                for dr, dc in ((0, 1), (1, 0), (0, -1), (-1, 0)):
                    r, c = row + dr, col + dc
                    if not (0 <= r < codes.shape[0] and 0 <= c < codes.shape[1]):
                        continue
                    if labels[r, c] in (0, number) or sizes[labels[r, c]] < least_px[old[r, c]]:
                        continue
                    faced.append(int(old[r, c]))
            if faced:
                most = max(faced.count(code) for code in faced)
                codes[labels == number] = next(c for c in faced if faced.count(c) == most)
        if np.array_equal(codes, old):
            break
    return codes
