"""Convolutions over planes: channels first, a ring of zeros around every picture.

A *plane* is a C-contiguous float32 array (channel, rows + 2, stride) whose pixel (row, col) stands
at ``[:, row + 1, col + 1]``. The ring of zeros about it is the zero padding of the convolution, and
``stride`` (see `plane_stride`) leaves room for whole vectors beyond the last column, so that no
inner loop asks where it is. Concatenation costs nothing: two producers write to different channels
of one plane.

The work is done by one small piece of LLVM code (`_compiled_tile`): it holds 8 output channels of
three registers of columns in the processor's registers while it walks once over all channels and
taps. The same as plain loops keeps the sums in the cache and gets vectors of half the width: 48-72
GFLOP/s on one AVX-512 core for the layers of our network, against 99-150 this way and 13-130 for
PyTorch in the same minute.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import llvmlite.binding
import numpy as np
from llvmlite import ir
from numba import config, njit
from numba.core import cgutils, types
from numba.extending import intrinsic
from numpy.typing import NDArray

_FEATURES = llvmlite.binding.get_host_cpu_features()
_X86 = "sse2" in _FEATURES
LANES = 16 if _FEATURES.get("avx512f") else 8 if _FEATURES.get("avx") else 4
"""Floats that one register of this processor holds."""
_OUTPUTS = 4 if _X86 and LANES < 16 else 8
"""Output channels a pass: SSE and AVX have 16 registers for the sums, AVX-512 and NEON have 32."""
_VECTORS = 3
"""Registers of columns a pass. 8 × 3 sums, 3 inputs and a weight fit into 32 registers, 4 × 3 into
16; 4 × 6, 8 × 2, 12 × 2 and 16 × 1 were measured and are slower or no faster."""
_SPAN = LANES * _VECTORS


def plane_stride(cols: int) -> int:
    """Floats in one row of a plane of ``cols`` columns: the ring and whole vectors fit in."""
    return -(-(cols + 2 + LANES - 1) // 16) * 16


def pack_weights(weight: NDArray[np.float32]) -> NDArray[np.float32]:
    """Lay weights out in the order in which they are read.

    Parameters
    ----------
    weight : ndarray of float32, shape (cout, cin, 3, 3) or (cout, cin)
        The number of output channels must be a multiple of 4.

    Returns
    -------
    ndarray of float32, shape (cout / block, cin, taps, block)
        ``taps`` is 9 or 1, ``block`` 8 or 4 output channels.
    """
    outputs, inputs = weight.shape[:2]
    block = _OUTPUTS if outputs % _OUTPUTS == 0 else 4
    if outputs % block:
        raise ValueError(f"output channels must be a multiple of 4, got {outputs}")
    cut = np.asarray(weight, np.float32).reshape(outputs // block, block, inputs, -1)
    return np.ascontiguousarray(cut.transpose(0, 2, 3, 1))


def _plain_tile(side: int, outputs: int, columns: int) -> Callable[..., None]:
    """Make the function that computes one tile of one row; this one serves where JIT is off.

    It multiplies the ``side`` × ``side`` neighbourhoods that begin at ``source[:, row, col]``, and
    those to the right of it, with weight block ``block``. It fills ``outputs`` channels and
    ``columns * LANES`` columns of ``target`` from (outputs * block, target_row, target_col).
    """

    def tile(
        source: Any, weight: Any, bias: Any, target: Any, least: Any, keep: Any,
        block: int, row: int, col: int, target_row: int, target_col: int,
    ) -> None:  # fmt: skip
        width = columns * LANES
        first = outputs * block
        into = target[first : first + outputs, target_row, target_col : target_col + width]
        total = np.repeat(bias[first : first + outputs, None], width, axis=1)
        for tap in range(side * side):
            down, right = divmod(tap, side)
            seen = source[:, row + down, col + right : col + right + width]
            total += weight[block, :, tap].T @ seen
        into[:] = np.maximum(total + into if keep else total, least)

    return tile


class _Address:
    """Where the elements of an array lie, as numbers in the code that is being built."""

    def __init__(self, context: Any, builder: Any, array_type: Any, value: Any) -> None:
        array = context.make_array(array_type)(context, builder, value)
        self._builder = builder
        self.start = builder.ptrtoint(array.data, ir.IntType(64))
        unpack: Any = cgutils.unpack_tuple
        self.strides = unpack(builder, array.strides, array_type.ndim)
        self.shape = unpack(builder, array.shape, array_type.ndim)

    def at(self, *index: Any) -> Any:
        """The address of the element at ``index``, its trailing axes left out."""
        address = self.start
        for number, stride in zip(index, self.strides, strict=False):
            address = self._builder.add(address, self._builder.mul(number, stride))
        return address


class _Vectors:
    """Vector loads, broadcasts, stores and multiply-adds in the code that is being built."""

    def __init__(self, builder: Any) -> None:
        self._builder = builder
        self._float = ir.FloatType()
        self.type = ir.VectorType(self._float, LANES)

    def _pointer(self, address: Any, offset: int, kind: Any) -> Any:
        shifted = self._builder.add(address, ir.Constant(ir.IntType(64), 4 * offset))
        return self._builder.inttoptr(shifted, kind.as_pointer())

    def load(self, address: Any, offset: int) -> Any:
        """As many floats as a register holds, from ``offset`` floats beyond ``address``."""
        return self._builder.load(self._pointer(address, offset, self.type), align=4)

    def store(self, value: Any, address: Any, offset: int) -> None:
        """The inverse of `load`."""
        self._builder.store(value, self._pointer(address, offset, self.type), align=4)

    def spread(self, value: Any) -> Any:
        """One float in every lane."""
        none = ir.Constant(self.type, ir.Undefined)
        first = self._builder.insert_element(none, value, ir.Constant(ir.IntType(32), 0))
        lanes = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
        return self._builder.shuffle_vector(first, none, lanes)

    def load_spread(self, address: Any, offset: int) -> Any:
        """The float at ``offset`` floats beyond ``address`` in every lane."""
        return self.spread(self._builder.load(self._pointer(address, offset, self._float), align=4))

    def fetch(self, address: Any, offset: int) -> None:
        """Have the cache line at ``offset`` floats beyond ``address`` brought near."""
        number, pointer = ir.IntType(32), ir.IntType(8).as_pointer()
        kind = ir.FunctionType(ir.VoidType(), [pointer, number, number, number])
        prefetch = self._builder.module.declare_intrinsic("llvm.prefetch", (pointer,), kind)
        at = self._pointer(address, offset, ir.IntType(8))
        self._builder.call(prefetch, [at, number(0), number(3), number(1)])  # to read; L1; data

    def multiply_add(self, total: Any, left: Any, right: Any) -> Any:
        """``total + left * right``, one instruction and one rounding where there is one."""
        product = self._builder.fmul(left, right, flags=("contract",))
        return self._builder.fadd(total, product, flags=("contract",))


class _Tile:
    """Builds the code for ``columns`` registers of columns in ``outputs`` output channels."""

    def __init__(self, builder: Any, side: int, outputs: int, columns: int) -> None:
        self._builder, self._vectors = builder, _Vectors(builder)
        self._side, self._outputs, self._columns = side, outputs, columns

    def sum_channels(
        self, source: _Address, weight: _Address, start: list[Any], block: Any, row: Any, col: Any
    ) -> list[Any]:
        """The loop over input channels; ``start`` and the result are vectors, columns fastest."""
        builder, count = self._builder, ir.IntType(64)
        before = builder.block
        loop, done = (builder.append_basic_block(name) for name in ("channel", "channels.done"))
        builder.branch(loop)
        builder.position_at_end(loop)
        channel = builder.phi(count)
        carried = [builder.phi(self._vectors.type) for _ in start]
        sums = self._add_channel(
            source.at(channel, row, col), source.strides[1], weight.at(block, channel), carried
        )
        following = builder.add(channel, count(1))
        channel.add_incoming(count(0), before)
        channel.add_incoming(following, loop)
        for phi, first, last in zip(carried, start, sums, strict=True):
            phi.add_incoming(first, before)
            phi.add_incoming(last, loop)
        builder.cbranch(builder.icmp_signed("<", following, source.shape[0]), loop, done)
        builder.position_at_end(done)
        return sums

    def _add_channel(self, source: Any, row_step: Any, weight: Any, sums: list[Any]) -> list[Any]:
        """Straight code: what one input channel adds through all its taps."""
        vectors, columns = self._vectors, self._columns
        sums = list(sums)
        for tap in range(self._side**2):
            down, right = divmod(tap, self._side)
            at_row = self._builder.add(source, self._builder.mul(row_step, ir.IntType(64)(down)))
            seen = [vectors.load(at_row, right + LANES * v) for v in range(columns)]
            if columns > 1 and (down, right) == (self._side - 1, 0):
                # the channels are too many streams for the processor to foresee the next tile
                for v in range(columns):
                    vectors.fetch(at_row, _SPAN + LANES * v)
            for out in range(self._outputs):
                factor = vectors.load_spread(weight, tap * self._outputs + out)
                for v in range(columns):
                    at = out * columns + v
                    sums[at] = vectors.multiply_add(sums[at], factor, seen[v])
        return sums

    def start_from(self, bias: Any) -> list[Any]:
        """The bias of each output channel in every lane."""
        return [
            self._vectors.load_spread(bias, out)
            for out in range(self._outputs)
            for _ in range(self._columns)
        ]

    def finish(self, sums: list[Any], keep: Any, least: Any, target: list[Any]) -> None:
        """Add what stands in ``target`` where ``keep``, raise to ``least``, store."""
        builder, vectors = self._builder, self._vectors
        least = vectors.spread(least)
        for at, total in enumerate(sums):
            out, v = divmod(at, self._columns)
            kept = builder.fadd(total, vectors.load(target[out], LANES * v))
            total = builder.select(keep, kept, total)
            above = builder.fcmp_ordered(">", total, least)
            vectors.store(builder.select(above, total, least), target[out], LANES * v)


def _compiled_tile(side: int, outputs: int, columns: int) -> Callable[..., None]:
    """Make the same function as `_plain_tile`, all sums held in registers."""

    def tile(
        typingctx: Any, source: Any, weight: Any, bias: Any, target: Any, least: Any, keep: Any,
        block: Any, row: Any, col: Any, target_row: Any, target_col: Any,
    ) -> Any:  # fmt: skip
        del typingctx, least, keep, block, row, col, target_row, target_col
        numbers = (types.float32, types.boolean) + (types.int64,) * 5
        signature = types.void(source, weight, bias, target, *numbers)

        def build(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            source, weight, bias, target = (
                _Address(context, builder, kind, value)
                for kind, value in zip(signature.args[:4], values[:4], strict=True)
            )
            least, keep, block, row, col, target_row, target_col = values[4:]
            count = ir.IntType(64)
            first = builder.mul(block, count(outputs))
            made = _Tile(builder, side, outputs, columns)
            sums = made.sum_channels(
                source, weight, made.start_from(bias.at(first)), block, row, col
            )
            at = [
                target.at(builder.add(first, count(out)), target_row, target_col)
                for out in range(outputs)
            ]
            made.finish(sums, keep, least, at)
            return context.get_dummy_value()

        return signature, build

    tile.__name__ = f"tile_{side}_{outputs}_{columns}"
    return intrinsic(tile)


_tile = _plain_tile if config.DISABLE_JIT else _compiled_tile  # type: ignore[attr-defined]
_WIDE_3, _NARROW_3 = _tile(3, 8, _VECTORS), _tile(3, 8, 1)
_WIDE_3_OF_4, _NARROW_3_OF_4 = _tile(3, 4, _VECTORS), _tile(3, 4, 1)
_WIDE_1, _NARROW_1 = _tile(1, 8, _VECTORS), _tile(1, 8, 1)
_WIDE_1_OF_4, _NARROW_1_OF_4 = _tile(1, 4, _VECTORS), _tile(1, 4, 1)


@njit(cache=True, nogil=True)
def _clear_ring(target: NDArray[np.float32], rows: int, cols: int) -> None:
    """Put zeros around the first ``rows`` × ``cols`` pixels of a plane."""
    for channel in range(target.shape[0]):
        target[channel, 0] = 0
        target[channel, rows + 1] = 0
        for row in range(1, rows + 1):
            target[channel, row, 0] = 0
            target[channel, row, cols + 1 :] = 0


@njit(cache=True, nogil=True)
def convolve3(
    source: NDArray[np.float32],
    down: int,
    right: int,
    weight: NDArray[np.float32],
    bias: NDArray[np.float32],
    least: np.float32,
    target: NDArray[np.float32],
    rows: int,
    cols: int,
) -> None:
    """3 × 3 convolution of a plane, bias and floor, into all of another plane.

    Parameters
    ----------
    source : ndarray of float32, shape (cin, source rows + 2, stride)
        The plane that is read.
    down, right : int
        Which pixel of ``source`` lies under pixel (0, 0) of ``target``.
    weight : ndarray of float32, shape (cout / block, cin, 9, block)
        From `pack_weights`.
    bias : ndarray of float32, shape (cout,)
        Added to every sum.
    least : float32
        Results below are raised to this: 0 for a ReLU, -inf for none.
    target : ndarray of float32, shape (cout, rows + 2, stride)
        The plane that is filled, its ring included.
    rows, cols : int
        Pixels of ``target``.
    """
    of_8 = weight.shape[3] == 8
    for row in range(rows):
        col = 0
        while col < cols:
            wide = col + _SPAN <= cols
            for block in range(weight.shape[0]):
                place = (block, row + down, col + right, row + 1, col + 1)
                if of_8 and wide:
                    _WIDE_3(source, weight, bias, target, least, False, *place)
                elif of_8:
                    _NARROW_3(source, weight, bias, target, least, False, *place)
                elif wide:
                    _WIDE_3_OF_4(source, weight, bias, target, least, False, *place)
                else:
                    _NARROW_3_OF_4(source, weight, bias, target, least, False, *place)
            col += _SPAN if wide else LANES
    _clear_ring(target, rows, cols)


@njit(cache=True, nogil=True)
def convolve1(
    source: NDArray[np.float32],
    down: int,
    right: int,
    weight: NDArray[np.float32],
    bias: NDArray[np.float32],
    least: np.float32,
    keep: bool,
    target: NDArray[np.float32],
    rows: int,
    cols: int,
) -> None:
    """1 × 1 convolution of a plane; like `convolve3` otherwise.

    ``keep`` says that the sums are added to what stands in ``target`` before the floor.
    """
    of_8 = weight.shape[3] == 8
    for row in range(1, rows + 1):
        col = 1
        while col < cols + 1:
            wide = col + _SPAN <= cols + 1
            for block in range(weight.shape[0]):
                place = (block, row + down, col + right, row, col)
                if of_8 and wide:
                    _WIDE_1(source, weight, bias, target, least, keep, *place)
                elif of_8:
                    _NARROW_1(source, weight, bias, target, least, keep, *place)
                elif wide:
                    _WIDE_1_OF_4(source, weight, bias, target, least, keep, *place)
                else:
                    _NARROW_1_OF_4(source, weight, bias, target, least, keep, *place)
            col += _SPAN if wide else LANES
    _clear_ring(target, rows, cols)


@njit(cache=True, nogil=True)
def halve(source: NDArray[np.float32], target: NDArray[np.float32], rows: int, cols: int) -> None:
    """Fill a plane of ``rows`` × ``cols`` pixels with the largest of each 2 × 2 of ``source``."""
    for channel in range(target.shape[0]):
        for row in range(rows):
            upper, lower = source[channel, 2 * row + 1], source[channel, 2 * row + 2]
            into = target[channel, row + 1]
            for col in range(cols):
                left, right = 2 * col + 1, 2 * col + 2
                into[col + 1] = max(max(upper[left], upper[right]), max(lower[left], lower[right]))
    _clear_ring(target, rows, cols)


@njit(cache=True, nogil=True)
def double(
    source: NDArray[np.float32],
    source_row: int,
    source_col: int,
    target: NDArray[np.float32],
    row: int,
    col: int,
    rows: int,
    cols: int,
    add: bool,
) -> None:
    """Write part of a plane, each pixel to 2 × 2 pixels, into another.

    Parameters
    ----------
    source : ndarray of float32, shape (channel, source rows + 2, stride)
        The plane that is read.
    source_row, source_col : int
        First pixel that is read, counted in pixels of half the size.
    target : ndarray of float32, shape (channel, target rows + 2, stride)
        The plane that is written to.
    row, col, rows, cols : int
        First pixel that is written, how many rows and columns are.
    add : bool
        Add to what stands there. Otherwise the pixels written get a ring of zeros, which is the
        ring of ``target`` where they reach it.
    """
    odd_col = source_col % 2
    pairs = (cols - odd_col) // 2
    last = cols - odd_col - 2 * pairs
    for channel in range(source.shape[0]):
        for r in range(rows):
            seen = source[channel, (source_row + r) // 2 + 1, (source_col + odd_col) // 2 + 1 :]
            into = target[channel, row + r + 1, col + 1 + odd_col :]
            edge = target[channel, row + r + 1, col : col + cols + 2]
            before = source[channel, (source_row + r) // 2 + 1, source_col // 2 + 1]
            if add:
                for c in range(pairs):
                    into[2 * c] += seen[c]
                    into[2 * c + 1] += seen[c]
                if odd_col:
                    edge[1] += before
                if last:
                    edge[cols] += seen[pairs]
            else:
                for c in range(pairs):
                    into[2 * c] = seen[c]
                    into[2 * c + 1] = seen[c]
                if odd_col:
                    edge[1] = before
                if last:
                    edge[cols] = seen[pairs]
                edge[0] = edge[cols + 1] = 0
        if not add:
            target[channel, row, col : col + cols + 2] = 0
            target[channel, row + rows + 1, col : col + cols + 2] = 0


@njit(cache=True, nogil=True)
def difference(
    before: NDArray[np.float32], after: NDArray[np.float32], target: NDArray[np.float32]
) -> None:
    """Fill ``target`` with the absolute difference of two planes of the same shape."""
    for channel in range(target.shape[0]):
        for row in range(target.shape[1]):
            left, right, into = before[channel, row], after[channel, row], target[channel, row]
            for col in range(target.shape[2]):
                into[col] = abs(left[col] - right[col])
