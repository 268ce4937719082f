"""Tie points: small windows of two pictures compared, each telling one displacement.

Pictures are compared by their gradient phasors (see ``kernels.gradient``). All displacements here
are in pixels of the full grid, rows first: the content that the reference shows at ``place`` is
found in the moving picture at ``place + moved``.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from landshift.alignment.displacement import Floats
from landshift.kernels import gradient, registration, window

_LEAST_STEP, _MOST_NODES = 8, 128
"""Pixels of a level between the nodes on which a displacement is handed to the kernels, at least;
nodes along the longer side, at most some: ten and more to a field's correlation length, which costs
a thousandth of its bend."""
_LEAST_ENERGY = 1e-3
"""Of a window in parts of the median, that it may say whether two pictures agree. Flat windows
moved by a part of a pixel hold 1e-6 and less."""
_BATCH_BYTES = 12_000_000
"""Window spectra held at once: memory stays bounded whatever the picture's size."""


class Displaced(Protocol):
    """A displacement in pixels of the full grid; see `displacement.Field`."""

    def at(self, row: Floats, col: Floats) -> Floats:
        """Displacement (2, ...) at places."""
        ...

    def on_lattice(self, rows: Floats, cols: Floats) -> Floats:
        """Displacement (2, row, col) at every crossing."""
        ...


@dataclass(frozen=True, eq=False)
class Level:
    """One picture at one scale of its pyramid."""

    image: gradient.Pixels
    """(row, col) brightness in any unit."""
    valid: NDArray[np.bool_]
    """(row, col)"""
    factor: int
    """Pixels of the full grid along one side of a pixel here."""
    blur_px: float
    """Deviation of the Gaussian that is resampled with, px of the level; 0 for Lanczos."""
    floor: float
    """Gradient at which a phasor has half its length, brightness per px."""
    whole: bool
    """Whether every pixel is valid."""


@dataclass(frozen=True, eq=False)
class Ties:
    """Tie points, one array element each."""

    place: Floats
    """(n, 2) row and col of the window's centre on the reference's grid."""
    moved: Floats
    """(n, 2) displacement measured there, px."""
    score: Floats
    """(n,) normalised correlation at the peak, -1 to 1."""
    spread: Floats
    """(n, 2) relative deviation of ``moved`` by the peak's height and sharpness."""
    rival: Floats
    """(n,) height of the second peak over the first; near 1 in rows and other repeating ground."""
    miss: Floats
    """(n, 2) ``moved`` less what the windows were cut with, px."""

    def __len__(self) -> int:
        """How many."""
        return len(self.place)

    def where(self, chosen: NDArray[np.bool_] | NDArray[np.intp]) -> Ties:
        """Some of them."""
        return Ties(**{f.name: getattr(self, f.name)[chosen] for f in fields(self)})


def join(parts: list[Ties]) -> Ties:
    """All of several, in order."""
    return Ties(
        **{f.name: np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(Ties)}
    )


@dataclass(frozen=True)
class Windows:
    """How windows are cut and compared."""

    side: int
    """Window side, pixels of the level."""
    reach: int
    """Farthest peak looked for from where the window was cut, pixels of the level."""
    doubled: bool
    """Whether phasors are doubled, which survives reversed contrast."""
    least_share: float
    """Share of a window that both pictures must show, 0-1."""
    pooled: bool
    """Whether frequencies are weighted by the two pictures' coherence; else by a low-pass."""


def build_level(
    image: gradient.Pixels, valid: NDArray[np.bool_], factor: int
) -> Level:
    """A level and its noise floor: twice the median difference of diagonal neighbours."""
    rows, cols = image.shape
    step = max(1, max(rows, cols) // 256)
    found = np.empty((rows // step + 1) * (cols // step + 1), np.float32)
    many = gradient.neighbour_differences(image, valid, step, found)
    found = found[:many]
    # Flat ground (water, filled collars) says nothing of the noise; what stands out of it does.
    stands_out = found[found > 0.01 * np.quantile(found, 0.99)] if many else found
    middle = float(np.median(stands_out)) if stands_out.size else 0.0
    return Level(image, valid, factor, 0.0, max(2.0 * middle, 1e-12), bool(valid.all()))


def pyramid(image: gradient.Pixels, valid: NDArray[np.bool_], most_px: int) -> list[Level]:
    """The full picture, and every second level from one of at most ``most_px`` a side upwards.

    From the finest to the coarsest. Levels between are not kept: the first of them would be a
    quarter of the picture.
    """
    last = build_level(image, valid, 1)
    levels, halvings = [last], 0
    while max(last.image.shape) >> halvings > most_px:
        halvings += 1
    while halvings > 0:
        by = 1 if halvings % 2 else 2
        shape = (last.image.shape[0] >> by, last.image.shape[1] >> by)
        smaller, seen = np.empty(shape, np.float32), np.empty(shape, np.bool_)
        shrink = gradient.halve if by == 1 else gradient.quarter
        shrink(last.image, last.valid, smaller, seen)
        # as the full picture's arrays are: else every kernel is compiled once more
        smaller.flags.writeable = seen.flags.writeable = False
        last = build_level(smaller, seen, last.factor << by)
        levels.append(last)
        halvings -= by
    return levels


def lay_windows(shape: tuple[int, int], side: int, most: int) -> NDArray[np.int64]:
    """First pixels (n, 2) of at most ``most`` windows, evenly laid, overlapping by half or less."""
    spans = np.array([shape[0] - side - 2, shape[1] - side - 2])
    if spans.min() < 0:
        return np.empty((0, 2), np.int64)
    spacing = side / 2
    while np.prod(np.floor(spans / spacing) + 1) > most:
        spacing *= 1.04
    axes = [
        1 + np.linspace(0, span, int(span // spacing) + 1).round().astype(np.int64)
        if span >= spacing else np.array([1 + span // 2], np.int64)
        for span in spans
    ]  # fmt: skip
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)


def lattice_nodes(shape: tuple[int, ...], step: int) -> tuple[Floats, Floats]:
    """Rows and cols of the nodes ``step`` px apart that cover (rows, cols) pixels."""
    rows, cols = (
        np.arange(max(2, -(-(n - 1) // step) + 1), dtype=np.float64) * step for n in shape
    )
    return rows, cols


def lattice_of(
    field: Displaced, shape: tuple[int, ...], factor: int, step: int
) -> NDArray[np.float32]:
    """A field on a level's lattice (2, node row, node col), in pixels of the level."""
    row, col = (node * factor + (factor - 1) / 2 for node in lattice_nodes(shape, step))
    return (field.on_lattice(row, col) / factor).astype(np.float32)


def lattice_step(shape: tuple[int, ...]) -> int:
    """Pixels between nodes that do for any field on a level of this shape."""
    return max(_LEAST_STEP, max(shape) // _MOST_NODES)


def measure(
    reference: Level, moving: Level, field: Displaced, tops: NDArray[np.int64], windows: Windows,
) -> tuple[Ties, int]:  # fmt: skip
    """Compare windows of the reference with the moving picture cut where ``field`` says.

    Parameters
    ----------
    reference, moving
        The same level of both pictures.
    field
        Where content is expected; windows follow it pixel by pixel.
    tops
        (n, 2) first row and col of each window on the level.
    windows
        Size, reach and kind.

    Returns
    -------
    Ties
        One for each window of which both pictures show enough and that has a peak.
    int
        How many windows both pictures show enough of.
    """
    many = max(1, _BATCH_BYTES // (windows.side**2 * 8))
    weight = None if windows.pooled else low_pass(windows.side)
    parts, compared = [], 0
    batches = max(1, -(-len(tops) // many))
    for batch in range(batches):
        # Every batch is spread over the picture, for the first one sets the weights of all.
        some = tops[batch::batches]
        still, moved = cut(reference, None, some, windows), cut(moving, field, some, windows)
        own, other, good = spectra(still, moved, some, windows)
        compared += good.size
        if good.size == 0:
            continue
        if weight is None:
            weight = _coherence_weight(own, other)
        energy = cross(own, other, weight)
        parts.append(peaks(other, energy, some[good], field, reference.factor, windows))
    return (join(parts) if parts else no_ties()), compared


@dataclass(frozen=True, eq=False)
class Cut:
    """One picture's windows as spectra, or the whole picture's phasors where they overlap much."""

    share: NDArray[np.float32]
    """(window,) part of each that was seen, 0-1."""
    windows: NDArray[np.complex64] | None
    """(window, side, side) spectra."""
    whole: NDArray[np.complex64] | None
    """(row, col) phasors."""

    def spectra(
        self, tops: NDArray[np.int64], good: NDArray[np.intp], side: int
    ) -> NDArray[np.complex64]:
        """Of the ``good`` windows (window, side, side), tapered."""
        if self.windows is not None:
            return self.windows if good.size == len(self.windows) else self.windows[good]
        assert self.whole is not None
        out = np.empty((len(good), side, side), np.complex64)
        top, left = np.ascontiguousarray(tops[good].T)
        window.gather_windows(self.whole, top, left, taper(side), out)
        return _transformed(out)


def _transformed(windows: NDArray[np.complex64]) -> NDArray[np.complex64]:
    """Spectra (window, side, side) in the memory of the windows."""
    return np.asarray(fft.fft2(windows, axes=(1, 2), overwrite_x=True))


def cut(level: Level, field: Displaced | None, tops: NDArray[np.int64], windows: Windows) -> Cut:
    """Windows of a picture at ``tops`` (n, 2), displaced by ``field``; None moves nothing."""
    side, shape = windows.side, level.image.shape
    lattice = np.zeros((2, 2, 2), np.float32)
    if field is not None:
        lattice = lattice_of(field, shape, level.factor, lattice_step(shape))
    top, left = np.ascontiguousarray(tops.T)
    share = np.empty(len(tops), np.float32)
    common: dict[str, Any] = {
        "image": level.image, "valid": level.valid, "whole": level.whole, "lattice": lattice,
        "step": float(lattice_step(shape)), "floor": np.float32(level.floor),
        "doubled": windows.doubled, "table": window.filter_table(level.blur_px),
    }  # fmt: skip
    if len(tops) * side**2 < level.image.size:
        phasors = np.empty((len(tops), side, side), np.complex64)
        window.cut_windows(
            tops=top, lefts=left, taper=taper(side), phasors=phasors, share=share, **common
        )
        return Cut(share, _transformed(phasors), None)
    phasors, known = np.empty(shape, np.complex64), np.empty(shape, np.bool_)
    window.cut_whole(phasors=phasors, known=known, **common)
    window.shares_known(known, top, left, side, share)
    return Cut(share, None, phasors)


def spectra(
    one: Cut, other: Cut, tops: NDArray[np.int64], windows: Windows
) -> tuple[NDArray[np.complex64], NDArray[np.complex64], NDArray[np.intp]]:
    """Spectra (window, side, side) of two pictures' windows, and which of ``tops`` they are.

    Left out are those of which either picture shows too little. What `cross` then does to the
    second may be done to the windows of ``other`` themselves.
    """
    good = np.flatnonzero(np.minimum(one.share, other.share) >= windows.least_share)
    side = windows.side
    return one.spectra(tops, good, side), other.spectra(tops, good, side), good


def cross(
    own: NDArray[np.complex64], other: NDArray[np.complex64], weight: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Turn ``other`` (window, side, side) into the cross-spectrum, in place.

    ``weight`` is (side, side). Returns the largest value that each correlation could reach.
    """
    energy = np.empty(len(own), np.float32)
    registration.cross_spectra(own, other, weight, energy)
    return energy


def agreement(crossed: NDArray[np.complex64], energy: NDArray[np.float32]) -> float:
    """Mean normalised correlation of windows as they were cut; NaN without any.

    ``crossed`` (window, side, side) and ``energy`` (window,) as `cross` makes them. Windows of next
    to no energy are left out: flat ground that was moved by a part of a pixel holds rounding errors
    and nothing else.
    """
    if not (energy > 0).any():
        return float("nan")
    good = energy > _LEAST_ENERGY * np.median(energy[energy > 0])
    return float(np.mean(crossed.real.sum(axis=(1, 2), dtype=np.float64)[good] / energy[good]))


def no_ties() -> Ties:
    """An empty set of tie points."""
    pair, one = np.empty((0, 2)), np.empty(0)
    return Ties(pair, pair, one, pair, one, pair)


def taper(side: int) -> NDArray[np.float32]:
    """Hann window (side, side), 0 just outside."""
    line = np.sin(np.pi * (np.arange(side) + 0.5) / side) ** 2
    return np.asarray(np.outer(line, line), np.float32)


def low_pass(side: int) -> NDArray[np.float32]:
    """Weights (side, side) that favour frequencies below a quarter of the sampling rate."""
    line = fft.fftfreq(side)
    return np.asarray(np.exp(-(line[:, None] ** 2 + line**2) / (2 * 0.17**2)), np.float32)


def peaks(
    crossed: NDArray[np.complex64], energy: NDArray[np.float32], tops: NDArray[np.int64],
    field: Displaced, factor: int, windows: Windows,
) -> Ties:  # fmt: skip
    """Tie points from the cross-spectra of windows cut at ``tops`` where ``field`` says.

    ``crossed`` (window, side, side) and ``energy`` (window,) as `cross` makes them.
    """
    count, side = len(crossed), windows.side
    place = np.zeros((count, 2))
    height, second = np.ones(count, np.float32), np.zeros(count, np.float32)
    registration.find_peaks(
        fft.ifft2(crossed, axes=(1, 2)), windows.reach, 4, place, height, second
    )
    at_rim = np.abs(place).max(axis=1) >= windows.reach
    peak, curvature = np.empty(count), np.empty((count, 3))
    registration.refine_peaks(crossed, 4, place, peak, curvature)
    score = peak / np.maximum(energy, 1e-20)
    good = (curvature[:, 0] > 0) & (score > 0) & ~at_rim
    place, curvature, score = place[good], curvature[good], score[good]
    centre = (tops[good] + (side - 1) / 2) * factor + (factor - 1) / 2
    miss = place * factor
    return Ties(
        place=centre, moved=field.at(centre[:, 0], centre[:, 1]).T + miss, score=score,
        spread=_spread(curvature, peak[good], score) * factor,
        rival=(second[good] / height[good]).astype(np.float64), miss=miss,
    )  # fmt: skip


def _spread(curvature: Floats, peak: Floats, score: Floats) -> Floats:
    """Relative deviation (n, 2) of a correlation peak, px.

    Noise moves the peak by its own slope over the peak's curvature; its power is what the
    score leaves unexplained.
    """
    determinant = np.maximum(curvature[:, 0] * curvature[:, 2] - curvature[:, 1] ** 2, 1e-30)
    inverse = np.stack([curvature[:, 2], curvature[:, 0]], axis=1) / determinant[:, None]
    unexplained = (1 - np.minimum(score, 0.999) ** 2) / score**2
    return np.asarray(np.sqrt(inverse * peak[:, None] * unexplained[:, None]))


def _coherence_weight(
    own: NDArray[np.complex64], other: NDArray[np.complex64]
) -> NDArray[np.float32]:
    """Weight (side, side) of each frequency by how well the two pictures agree on it.

    The maximum-likelihood weight of time-delay estimation (Knapp & Carter 1976,
    doi:10.1109/TASSP.1976.1162830), coherence² / (1 - coherence²) over the cross-spectrum, with
    the coherence pooled over rings of equal frequency in all windows: noise, different optics and
    aliasing lose their say by themselves. The windows must be cut where content is expected.
    """
    side = own.shape[1]
    line = fft.fftfreq(side) * side
    last = side // 2 + 1
    ring = np.minimum(np.hypot(line[:, None], line).round(), last).astype(np.int64)
    cross, power_own, power_other = np.zeros((3, last + 1))
    trust = np.ones(len(own), np.float32)
    registration.pool_spectra(own, other, trust, ring, cross, power_own, power_other)
    power = np.sqrt(np.maximum(power_own * power_other, 1e-30))
    coherence = np.clip(cross / power, 0.0, 0.98)
    coherence[-1] = 0.0  # the corners, where aliasing is strongest
    weight = coherence / (1 - coherence**2) / power
    if weight.max() <= 0:
        return low_pass(side)
    return np.asarray((weight / weight.max())[ring], np.float32)
