"""Gradient phasors: where edges point, whatever their contrast; the input of all registration.

A phasor is the gradient as a complex number (column part real, row part imaginary), shortened to
``g / (|g| + floor)``: length near 1 on clear edges, near 0 where noise rules. The doubled phasor
``g² / (|g| (|g| + floor))`` has twice the angle, so that an edge and its negative look the same
(red against near infrared).
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Pixels = NDArray[np.float32] | NDArray[np.uint16]
"""A band in float32, or in the 16 bits of its file; differences are taken in float32."""


@njit(cache=True, nogil=True)
def phasor(
    along_col: np.float32, along_row: np.float32, floor: np.float32, doubled: bool
) -> np.complex64:
    """Shortened gradient of one pixel; ``floor`` is in units of the gradient and above 0."""
    length = np.sqrt(along_col * along_col + along_row * along_row)
    if doubled:
        scale = np.float32(1.0) / (length * (length + floor) + np.float32(1e-30))
        real = (along_col * along_col - along_row * along_row) * scale
        imag = np.float32(2.0) * along_col * along_row * scale
    else:
        scale = np.float32(1.0) / (length + floor)
        real = along_col * scale
        imag = along_row * scale
    return np.complex64(complex(real, imag))


@njit(cache=True, nogil=True)
def phasor_image(
    image: Pixels,
    valid: NDArray[np.bool_],
    floor: np.float32,
    doubled: bool,
    phasors: NDArray[np.complex64],
) -> None:
    """Fill ``phasors`` (row, col) from central differences of ``image`` (row, col).

    0 on the rim of the picture and where the pixel or a direct neighbour is not ``valid``.
    """
    rows, cols = image.shape
    phasors[:, :] = 0
    half = np.float32(0.5)
    for row in range(1, rows - 1):
        for col in range(1, cols - 1):
            if not (
                valid[row, col]
                and valid[row - 1, col]
                and valid[row + 1, col]
                and valid[row, col - 1]
                and valid[row, col + 1]
            ):
                continue
            along_col = half * (np.float32(image[row, col + 1]) - np.float32(image[row, col - 1]))
            along_row = half * (np.float32(image[row + 1, col]) - np.float32(image[row - 1, col]))
            phasors[row, col] = phasor(along_col, along_row, floor, doubled)


@njit(cache=True, nogil=True)
def halve(
    image: Pixels,
    valid: NDArray[np.bool_],
    half: NDArray[np.float32],
    half_valid: NDArray[np.bool_],
) -> None:
    """Fill ``half`` with means of 2 × 2 pixels; valid where at least three of the four are.

    Shapes: ``image`` and ``valid`` (row, col), ``half`` and ``half_valid`` (row // 2, col // 2).
    """
    rows, cols = half.shape
    for row in range(rows):
        for col in range(cols):
            total = np.float32(0.0)
            seen = 0
            for down in range(2):
                for right in range(2):
                    if valid[2 * row + down, 2 * col + right]:
                        total += np.float32(image[2 * row + down, 2 * col + right])
                        seen += 1
            half_valid[row, col] = seen >= 3
            half[row, col] = total / np.float32(seen) if seen >= 3 else np.float32(0.0)


@njit(cache=True, nogil=True)
def quarter(
    image: Pixels,
    valid: NDArray[np.bool_],
    out: NDArray[np.float32],
    out_valid: NDArray[np.bool_],
) -> None:
    """What `halve` gives when called twice, without the half in between.

    Shapes: ``image`` and ``valid`` (row, col), ``out`` and ``out_valid`` (row // 2 // 2,
    col // 2 // 2). The half of a large picture would be the most memory that registration asks for.
    """
    rows, cols = out.shape
    strip, strip_valid = np.empty((2, 2 * cols), np.float32), np.empty((2, 2 * cols), np.bool_)
    for row in range(rows):
        end = 4 * row + 4
        halve(image[4 * row : end], valid[4 * row : end], strip, strip_valid)
        halve(strip, strip_valid, out[row : row + 1], out_valid[row : row + 1])


@njit(cache=True, nogil=True)
def neighbour_differences(
    image: Pixels, valid: NDArray[np.bool_], step: int, found: NDArray[np.float32]
) -> int:
    """Fill ``found`` with |differences| of diagonal neighbours on every ``step``-th pixel.

    Returns how many were found; ``found`` must hold (rows // step + 1) · (cols // step + 1).
    """
    count = 0
    for row in range(0, image.shape[0] - 1, step):
        for col in range(0, image.shape[1] - 1, step):
            if valid[row, col] and valid[row + 1, col + 1]:
                found[count] = abs(
                    np.float32(image[row + 1, col + 1]) - np.float32(image[row, col])
                )
                count += 1
    return count


@njit(cache=True, nogil=True)
def compare_blocks(
    one: Pixels, other: Pixels, valid: NDArray[np.bool_], other_valid: NDArray[np.bool_],
    sides: tuple[int, int], limits: tuple[float, float], found: NDArray[np.uint8],
) -> None:  # fmt: skip
    """Say of each block whether both pictures vary there (1), alike (2), or in the same way (3).

    Pictures and what is ``valid`` of them are (row, col); a block has ``sides`` (rows, cols) pixels
    and ``found`` is (row // rows, col // cols). The length of the gradients' difference over both
    together, all lengths being sums of their two parts, is below the first of the ``limits`` where
    they are alike and below the second where they are the same. 0 where a block is not seen in
    full.
    """
    rows, cols = one.shape
    half = np.float32(0.5)
    for block_row in range(found.shape[0]):
        for block_col in range(found.shape[1]):
            top, left = max(1, block_row * sides[0]), max(1, block_col * sides[1])
            end = min(rows - 1, (block_row + 1) * sides[0])
            right = min(cols - 1, (block_col + 1) * sides[1])
            seen = True
            own = theirs = apart = np.float32(0)
            for row in range(top, end):
                for col in range(left, right):
                    seen &= valid[row, col] and other_valid[row, col]
                    a = half * (np.float32(one[row, col + 1]) - np.float32(one[row, col - 1]))
                    b = half * (np.float32(other[row, col + 1]) - np.float32(other[row, col - 1]))
                    c = half * (np.float32(one[row + 1, col]) - np.float32(one[row - 1, col]))
                    d = half * (np.float32(other[row + 1, col]) - np.float32(other[row - 1, col]))
                    own += abs(a) + abs(c)
                    theirs += abs(b) + abs(d)
                    apart += abs(a - b) + abs(c - d)
            found[block_row, block_col] = 0
            if seen and own > 0 and theirs > 0:
                share = apart / (own + theirs)
                found[block_row, block_col] = 1 + (share < limits[0]) + (share < limits[1])
