"""The network of `landshift.model` on a picture, block by block; nothing here knows what it means.

A block is computed from its own surroundings alone (`REACH`), and equals what one run over the
whole picture would have given.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import product
from queue import SimpleQueue

import numpy as np
from numpy.typing import NDArray

from landshift.cores import usable_cores
from landshift.features import (
    Exposure,
    apply_exposure,
    band_indices,
    measure_exposure,
    scale_channel,
)
from landshift.kernels.classifier import blend_coarse, softmax
from landshift.kernels.convolution import (
    convolve1,
    convolve3,
    difference,
    double,
    halve,
    plane_stride,
)
from landshift.model import (
    CHANGES,
    CLASSES,
    CONTEXT,
    HALVINGS,
    Model,
    Widths,
)
from landshift.raster import Raster
from landshift.weights import Weights

UNIT = 2**HALVINGS
BLOCK_PIXELS = 512
"""Side of a block. Its surroundings cost 22 % at 512 and 50 % at 256; memory grows with its square,
270 MB a thread at 512 for two dates."""


REACH = 77
"""Pixels of the picture that count on each side of a pixel; twice as many in the second look, and
twice as many once more in a third, and where change is told from coarser pixels as well."""


def planes(widths: Widths) -> dict[str, tuple[int, int, int]]:
    """Halvings, margin in pixels around the block, channels of every plane.

    Read the margins backwards from the answer: each 3 × 3 convolution needs one pixel more of what
    it reads, each halving twice as many. s0 to s3 hold what comes up from below in front of what
    the encoder left there.
    """
    w = widths
    return {
        "s0": (0, 76, 2 * w.c0), "p1": (1, 38, w.c0), "t1": (1, 37, w.c1),
        "s1": (1, 36, w.d1 + w.c1), "p2": (2, 18, w.c1), "t2": (2, 17, w.c2),
        "s2": (2, 16, w.c3 + w.c2), "p3": (3, 8, w.c2), "t3": (3, 7, w.c3),
        "s3": (3, 6, w.c4 + w.c3), "p4": (4, 3, w.c3), "t4": (4, 2, w.c4),
        "s4": (4, 1, w.c4),
        "d3": (3, 1, w.c3), "d2": (2, 1, w.d2), "d1": (1, 1, w.d1), "f": (0, 1, w.f),
        "ctx": (1, 1, w.f), "r1": (2, 1, w.d1), "r0": (1, 1, w.c0), "cls": (0, 0, CLASSES),
        "chg2": (2, 1, w.h), "chg1": (1, 1, w.h), "chg0": (0, 1, w.h), "chg3": (0, 0, w.h),
        "chg4": (0, 0, CHANGES), "mean0": (0, 1, w.f), "mean1": (0, 1, w.f),
        "mean2": (0, 0, CHANGES),
    }  # fmt: skip


_JOINT = frozenset({"d2", "d1", "f", "ctx"})
"""Planes that hold the channels of both dates, and of their absolute difference."""
_BOTH_ORDERS = frozenset({"chg0", "chg1", "chg2", "chg3"})
"""Planes that are twice as wide where the model is asked in both orders of the dates."""


@dataclass(frozen=True, eq=False)
class CoarseLook:
    """What the network makes of the whole picture at pixels twice as coarse."""

    features: list[NDArray[np.float32]]
    """(feature, row, col) of each date, as the change head of finer pixels reads them."""
    class_features: list[NDArray[np.float32]]
    """The same as the classifier reads them, with those of still coarser pixels in them."""
    change: NDArray[np.float32]
    """(change, row, col); without channels where nobody asks."""
    shares: tuple[float, float]
    """Weight in the features, and so in the logits of classes, and in those of change."""


@dataclass(frozen=True)
class Block:
    """A part of a picture whose answer is computed at once; its sides are multiples of 16."""

    row: int
    col: int
    rows: int
    cols: int
    picture: tuple[int, int]
    """Rows and columns of the picture, mirrored below and to the right up to multiples of 16."""

    def around(self, level: int, margin: int) -> tuple[int, int, int, int]:
        """First row and column, rows and columns of this block after ``level`` halvings.

        ``margin`` pixels are added on each side, but for those that lie outside the picture.
        """
        spans = []
        for first, count, limit in zip(
            (self.row, self.col), (self.rows, self.cols), self.picture, strict=True
        ):
            start = max(0, (first >> level) - margin)
            stop = min(limit >> level, ((first + count) >> level) + margin)
            spans.append((start, stop - start))
        (row, rows), (col, cols) = spans
        return row, col, rows, cols


Window = tuple[slice, slice]
"""Rows and columns of a picture."""


def blocks(shape: tuple[int, int], where: Window | None = None) -> Iterator[Block]:
    """Cut a picture into blocks of about the same size, none beyond `BLOCK_PIXELS`.

    Only what of it lies ``where`` is asked for, and what lies in the same squares of 16.
    """
    picture = tuple(-(-side // UNIT) * UNIT for side in shape)
    spans = []
    for side, asked in zip(picture, where or map(slice, picture), strict=True):
        first, stop = (asked.start or 0) // UNIT * UNIT, min(-(-asked.stop // UNIT) * UNIT, side)
        step = -(-(stop - first) // -(-(stop - first) // BLOCK_PIXELS) // UNIT) * UNIT
        spans.append([(at, min(step, stop - at)) for at in range(first, stop, step)])
    for (row, rows), (col, cols) in product(*spans):
        yield Block(row, col, rows, cols, (picture[0], picture[1]))


def each_block(
    run: Callable[[Block, Network], None],
    shape: tuple[int, int],
    weights: Weights,
    dates: int,
    threads: int | None,
    where: Window | None = None,
) -> None:
    """Call ``run`` for the blocks of a picture, each thread with its own scratch memory."""
    parts = list(blocks(shape, where))
    workers = max(1, min(threads or usable_cores(), len(parts)))
    idle: SimpleQueue[Network] = SimpleQueue()
    for _ in range(workers):
        idle.put(Network(weights, dates))

    def run_one(block: Block) -> None:
        network = idle.get()
        try:
            run(block, network)
        finally:
            idle.put(network)

    with ThreadPoolExecutor(workers) as pool:
        for _ in pool.map(run_one, parts):
            pass


class View:
    """A raster as the network wants to see it."""

    def __init__(
        self, raster: Raster, model: Model, exposure: Exposure | None = None, side: int = 1
    ) -> None:
        """``side`` of the square of pixels that are averaged into one."""
        self._at = band_indices(raster, model)
        self._raster = raster
        self._model = model
        self._side = side
        self.gsd_m = raster.grid.gsd_m * side
        rows, cols = raster.grid.shape
        self.shape = -(-rows // side), -(-cols // side)
        self._exposure = exposure or measure_exposure(
            [raster.bands[at] for at in self._at], raster.valid
        )

    def halved(self) -> View:
        """The same picture in the same light at pixels twice as coarse."""
        return View(self._raster, self._model, self._exposure, 2 * self._side)

    def fill(self, plane: Plane) -> None:
        """Write the part of the picture on which ``plane`` lies, mirrored beyond its edges.

        Zeros in place of the mirror would be a frame that no picture has: along two sides of it
        roofs went missing.
        """
        side = self._side
        rows, cols = (
            _mirrored(side * first, side * count, length)
            for first, count, length in zip(
                (plane.row, plane.col), (plane.rows, plane.cols), self._raster.grid.shape,
                strict=True,
            )
        )  # fmt: skip
        bands = [self._raster.bands[at][rows][:, cols] for at in self._at]
        seen = apply_exposure(bands, self._raster.valid[rows][:, cols], self._exposure)
        if side > 1:
            seen = _averaged(seen, side)
        plane.array.fill(0)
        inside = plane.array[:, 1 : plane.rows + 1, 1 : plane.cols + 1]
        inside[:-1] = seen
        inside[-1] = scale_channel(self.gsd_m, self._model.reference_gsd_m)


def _mirrored(first: int, count: int, length: int) -> slice | NDArray[np.intp]:
    """Where ``count`` pixels from ``first`` lie on an axis that is mirrored at its last pixel."""
    if first + count <= length:
        return slice(first, first + count)
    period = max(1, 2 * (length - 1))
    at = np.arange(first, first + count) % period
    return np.minimum(at, period - at)


def _averaged(bands: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """Means over squares of pixels, (band, row, col)."""
    count, rows, cols = bands.shape
    squares = bands.reshape(count, rows // side, side, cols // side, side)
    return np.asarray(squares.mean(axis=(2, 4), dtype=np.float32))


@dataclass(frozen=True, eq=False)
class Plane:
    """Channels of a part of a picture, as the kernels take them."""

    array: NDArray[np.float32]
    """(channel, rows + 2, stride), see `landshift.kernels.convolution`."""
    row: int
    """First row, counted at this plane's own halving; likewise below."""
    col: int
    rows: int
    cols: int

    def fill(self, whole: NDArray[np.float32]) -> None:
        """Write the part of a whole picture's channels on which this lies, mirrored beyond it."""
        rows, cols = (
            _mirrored(*span)
            for span in zip(
                (self.row, self.col), (self.rows, self.cols), whole.shape[1:], strict=True
            )
        )
        self.array.fill(0)
        self.array[:, 1 : self.rows + 1, 1 : self.cols + 1] = whole[:, rows][:, :, cols]

    def channels(self, first: int, stop: int) -> Plane:
        """Some of the channels, without a copy."""
        return replace(self, array=self.array[first:stop])

    def parted(self, count: int) -> tuple[Plane, Plane]:
        """The first ``count`` channels and the others."""
        return self.channels(0, count), self.channels(count, len(self.array))


class Network:
    """The layers, run on one block at a time; owns the scratch memory of one thread."""

    def __init__(self, weights: Weights, dates: int) -> None:
        """For pictures of one date, or of two to be compared."""
        self._weights = weights
        self._joint = 3 if dates == 2 else 1
        self._planes = planes(weights.widths)
        self._buffers: dict[str, NDArray[np.float32]] = {}
        self._layers = weights.ways[0]

    def look(
        self, views: Sequence[View], block: Block, coarse: CoarseLook | None = None,
        change: bool = False,
    ) -> list[Plane]:  # fmt: skip
        """Features of every date, and logits of ``change`` between two; means of all ways up.

        The classifier is linear: on the mean of the features it gives the mean of the logits.
        ``coarse`` is what a model with context tells change from as well.
        """
        context = self._context(block, coarse) if change else None
        found: list[Plane] = []
        for turn, layers in enumerate(self._weights.ways):
            self._layers = layers
            found = []
            for date, view in enumerate(views):
                self.read(view, block, date)
                features = self._of_date("f", block, date)
                found.append(self._mean(f"mean{date}", features, block, turn))
            if change:
                found.append(self._mean("mean2", self.change_logits(block, context), block, turn))
        return found

    def _mean(self, name: str, found: Plane, block: Block, turn: int) -> Plane:
        """The mean of what was found so far; the first ``turn`` begins it."""
        mean = self._plane(name, block)
        if turn == 0:
            mean.array[:] = found.array
        else:
            mean.array[:] += (found.array - mean.array) * np.float32(1 / (turn + 1))
        return mean

    def read(self, view: View, block: Block, date: int) -> None:
        """Compute the features of one date: planes f, d1 and d2."""
        picture = self._plane("x", block)
        view.fill(picture)
        s0 = self._plane("s0", block)
        up0, own0 = s0.parted(self._weights.widths.c0)
        self._convolve("enc0", picture, own0)
        up1, own1, s1 = self._encode(1, own0, block)
        up2, own2, s2 = self._encode(2, own1, block)
        up3, own3, s3 = self._encode(3, own2, block)
        _, s4, _ = self._encode(4, own3, block)
        self._double(s4, up3)
        d3 = self._convolve("dec3", s3, self._plane("d3", block))
        self._double(d3, up2)
        d2 = self._convolve("dec2", s2, self._of_date("d2", block, date))
        self._double(self._convolve("red1", d2, self._plane("r1", block)), up1)
        d1 = self._convolve("dec1", s1, self._of_date("d1", block, date))
        self._double(self._convolve("red0", d1, self._plane("r0", block)), up0)
        self._convolve("dec0", s0, self._of_date("f", block, date))

    def classify(
        self, features: Plane, date: int, block: Block, valid: NDArray[np.bool_],
        probability: NDArray[np.float32], coarse: CoarseLook | None,
    ) -> None:  # fmt: skip
        """Write the class probabilities of a date from what `look` found."""
        self.blend_features(features, date, coarse)
        logits = self._convolve("cls", features, self._plane("cls", block), least=-np.inf)
        self._answer("cls", logits, valid, probability)

    def compare(
        self, logits: Plane, valid: NDArray[np.bool_], probability: NDArray[np.float32],
        coarse: CoarseLook | None,
    ) -> None:  # fmt: skip
        """Write the probabilities of change."""
        if coarse is not None:
            self._blend(logits, coarse.change, coarse.shares[1])
        self._answer("chg4", logits, valid, probability)

    def blend_features(self, features: Plane, date: int, coarse: CoarseLook | None) -> None:
        """Give the coarser looks their share in what the classifier reads."""
        if coarse is not None:
            self._blend(features, coarse.class_features[date], coarse.shares[0])

    @staticmethod
    def hand_out(plane: Plane, block: Block, into: NDArray[np.float32]) -> None:
        """Write the block's part of a plane into the whole picture's, (channel, row, col)."""
        own = into[:, block.row : block.row + block.rows, block.col : block.col + block.cols]
        row, col = block.row - plane.row + 1, block.col - plane.col + 1
        own[:] = plane.array[:, row : row + own.shape[1], col : col + own.shape[2]]

    def _context(self, block: Block, coarse: CoarseLook | None) -> Plane | None:
        """What is known of pixels twice as coarse, where the head reads it; any way up the same."""
        if coarse is None or CONTEXT not in self._layers:
            return None
        for date, features in enumerate(coarse.features):
            self._of_date("ctx", block, date).fill(features)
        return self._joined("ctx", block)

    def change_logits(self, block: Block, context: Plane | None) -> Plane:
        """Logits of the kinds of change, once both dates were `read`."""
        f, d1, d2 = (self._joined(name, block) for name in ("f", "d1", "d2"))
        quarter, half, full, last, logits = (
            self._plane(f"chg{number}", block) for number in (2, 1, 0, 3, 4)
        )
        self._convolve("chg2", d2, quarter, -np.inf)
        self._convolve("chg1", d1, half, -np.inf)
        if context is not None:
            self._convolve(CONTEXT, context, half, -np.inf, keep=True)
        self._double(quarter, half, add=True)
        self._double(half, full)
        self._convolve("chg0", f, full, keep=True)
        width = self._weights.widths.h
        for order in range(self._weights.orders):
            here = width * order, width * (order + 1)
            self._convolve("chg3", full.channels(*here), last.channels(*here))
        return self._convolve("chg4", last, logits, -np.inf)

    def _joined(self, name: str, block: Block) -> Plane:
        """What was found at both dates, and how far it is apart."""
        joined = self._plane(name, block)
        before, after, apart = np.split(joined.array, 3)
        difference(before, after, apart)
        return joined

    @staticmethod
    def _blend(own: Plane, coarse: NDArray[np.float32], share: float) -> None:
        if share > 0:
            blend_coarse(
                own.array, coarse, np.float32(share), own.row, own.col, own.rows, own.cols
            )

    def _encode(self, level: int, finer: Plane, block: Block) -> tuple[Plane, Plane, Plane]:
        """Halve and convolve twice; a decoder's input: what comes from below, what is own, both."""
        pooled = self._plane(f"p{level}", block)
        halve(finer.array, pooled.array, pooled.rows, pooled.cols)
        first = self._convolve(f"enc{level}a", pooled, self._plane(f"t{level}", block))
        joined = self._plane(f"s{level}", block)
        channels = len(self._layers[f"enc{level}b"][1])
        below, own = joined.parted(len(joined.array) - channels)
        self._convolve(f"enc{level}b", first, own)
        return below, own, joined

    def _convolve(
        self,
        layer: str,
        source: Plane,
        target: Plane,
        least: float = 0.0,
        keep: bool = False,
    ) -> Plane:
        weight, bias = self._layers[layer]
        down, right = target.row - source.row, target.col - source.col
        floor = np.float32(least)
        if weight.shape[2] == 9:
            convolve3(
                source.array, down, right, weight, bias, floor, target.array, target.rows,
                target.cols,
            )  # fmt: skip
        else:
            convolve1(
                source.array, down, right, weight, bias, floor, keep, target.array, target.rows,
                target.cols,
            )  # fmt: skip
        return target

    @staticmethod
    def _double(coarse: Plane, fine: Plane, add: bool = False) -> None:
        """Write ``coarse`` twice as large into the part of ``fine`` on which it lies."""
        row, col = max(fine.row, 2 * coarse.row), max(fine.col, 2 * coarse.col)
        rows = min(fine.row + fine.rows, 2 * (coarse.row + coarse.rows)) - row
        cols = min(fine.col + fine.cols, 2 * (coarse.col + coarse.cols)) - col
        double(
            coarse.array, row - 2 * coarse.row, col - 2 * coarse.col, fine.array, row - fine.row,
            col - fine.col, rows, cols, add,
        )  # fmt: skip

    def _answer(
        self,
        layer: str,
        logits: Plane,
        valid: NDArray[np.bool_],
        probability: NDArray[np.float32],
    ) -> None:
        scale, offset = self._weights.calibration[layer]
        rows = min(logits.rows, valid.shape[0] - logits.row)
        cols = min(logits.cols, valid.shape[1] - logits.col)
        softmax(logits.array, scale, offset, valid, probability, logits.row, logits.col, rows, cols)

    def _of_date(self, name: str, block: Block, date: int) -> Plane:
        channels = self._planes[name][2]
        return self._plane(name, block).channels(channels * date, channels * (date + 1))

    def _plane(self, name: str, block: Block) -> Plane:
        """The plane of that name; what was written to it for this block still stands there."""
        level, margin, channels = self._planes.get(name, (0, REACH, self._weights.bands + 1))
        if name in _JOINT:
            channels *= self._joint
        if name in _BOTH_ORDERS:
            channels *= self._weights.orders
        row, col, rows, cols = block.around(level, margin)
        shape = (channels, rows + 2, plane_stride(cols))
        size = math.prod(shape)
        if name not in self._buffers or self._buffers[name].size < size:
            self._buffers[name] = np.zeros(size, np.float32)
        return Plane(self._buffers[name][:size].reshape(shape), row, col, rows, cols)
