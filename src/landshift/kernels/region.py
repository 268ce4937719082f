"""Connected regions of a map of codes: numbered, measured, and given back where too small."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

_STEPS = ((0, 1), (1, 0), (0, -1), (-1, 0))


@njit(cache=True, nogil=True)
def fill_region(
    codes: NDArray[np.uint8],
    row: int,
    col: int,
    label: int,
    labels: NDArray[np.int32],
    stack: NDArray[np.int64],
) -> int:
    """Number the region of like codes around (row, col); return its size in pixels."""
    rows, cols = codes.shape
    code = codes[row, col]
    labels[row, col] = label
    stack[0] = row * cols + col
    top = 1
    size = 0
    while top > 0:
        top -= 1
        here = stack[top]
        size += 1
        for dr, dc in _STEPS:
            r, c = here // cols + dr, here % cols + dc
            if r < 0 or c < 0 or r >= rows or c >= cols:
                continue
            if labels[r, c] == 0 and codes[r, c] == code:
                labels[r, c] = label
                stack[top] = r * cols + c
                top += 1
    return size


@njit(cache=True, nogil=True)
def label_regions(
    codes: NDArray[np.uint8],
    labels: NDArray[np.int32],
    sizes: NDArray[np.int64],
    stack: NDArray[np.int64],
) -> int:
    """Number the regions of equal code, 4-connected, from 1 in reading order; code 0 stays 0.

    ``sizes[label]`` receives the pixels of each; ``stack`` needs one element a pixel and ``sizes``
    one more. Returns the count.
    """
    labels[:] = 0
    count = 0
    for row in range(codes.shape[0]):
        for col in range(codes.shape[1]):
            if labels[row, col] == 0 and codes[row, col] != 0:
                count += 1
                sizes[count] = fill_region(codes, row, col, count, labels, stack)
    return count


@njit(cache=True, nogil=True)
def give_back(
    codes: NDArray[np.uint8],
    least_px: NDArray[np.int64],
    labels: NDArray[np.int32],
    sizes: NDArray[np.int64],
    stack: NDArray[np.int64],
    count: int,
) -> int:
    """Recode regions smaller than ``least_px[code]`` to the code that surrounds them most.

    Only regions that are large enough may take others over. On a tie the code met first in
    reading order wins, which does not depend on the codes themselves. Returns the number of
    regions recoded; islands without a large neighbour stay for the next pass.
    """
    rows, cols = codes.shape
    starts = np.zeros(count + 2, np.int64)
    for label in range(1, count + 1):
        starts[label + 1] = starts[label] + sizes[label]
    fill = starts.copy()
    # The stack becomes a list of pixels sorted by region, in reading order within each.
    for row in range(rows):
        for col in range(cols):
            label = labels[row, col]
            if label > 0:
                stack[fill[label]] = row * cols + col
                fill[label] += 1
    old = codes.copy()
    votes = np.zeros(256, np.int64)
    given = 0
    for label in range(1, count + 1):
        pixels = stack[starts[label] : starts[label + 1]]
        if sizes[label] >= least_px[old[pixels[0] // cols, pixels[0] % cols]]:
            continue
        winner = surrounding_code(old, least_px, labels, sizes, pixels, votes)
        if winner > 0:
            given += 1
            for pixel in pixels:
                codes[pixel // cols, pixel % cols] = winner
    return given


@njit(cache=True, nogil=True)
def surrounding_code(
    codes: NDArray[np.uint8],
    least_px: NDArray[np.int64],
    labels: NDArray[np.int32],
    sizes: NDArray[np.int64],
    pixels: NDArray[np.int64],
    votes: NDArray[np.int64],
) -> int:
    """The code of large regions that most sides of one region's ``pixels`` face; 0 for none.

    On a tie the one met first, so that the answer does not hang on the codes themselves.
    ``votes`` (256,) is scratch of zeros, and is left so.
    """
    rows, cols = codes.shape
    own = labels[pixels[0] // cols, pixels[0] % cols]
    winner = 0
    for counting in range(3):
        # Twice around: first to count, then to find the first with most; and once to wipe.
        most = votes.max() if counting == 1 else 0
        for pixel in pixels:
            for dr, dc in _STEPS:
                r, c = pixel // cols + dr, pixel % cols + dc
                if r < 0 or c < 0 or r >= rows or c >= cols:
                    continue
                label, code = labels[r, c], codes[r, c]
                if label == 0 or label == own or sizes[label] < least_px[code]:
                    continue
                if counting == 0:
                    votes[code] += 1
                elif counting == 1 and winner == 0 and votes[code] == most:
                    winner = int(code)
                elif counting == 2:
                    votes[code] = 0
    return winner


@njit(cache=True, nogil=True)
def sieve(codes: NDArray[np.uint8], least_px: NDArray[np.int64], passes: int) -> None:
    """Give regions smaller than ``least_px[code]`` (256,) back to their surroundings, in place."""
    labels = np.zeros(codes.shape, np.int32)
    sizes = np.zeros(codes.size + 1, np.int64)
    stack = np.zeros(codes.size, np.int64)
    for _ in range(passes):
        count = label_regions(codes, labels, sizes, stack)
        if give_back(codes, least_px, labels, sizes, stack, count) == 0:
            break
