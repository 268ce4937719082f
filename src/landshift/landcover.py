"""Raster → LandCover: the network of `landshift.model`, run block by block.

A pixel's answer depends on the pixels at most 77 away (`inference.REACH`), so every block is
computed from its own surroundings alone, and equals what one run over the whole picture would have
given. 77 px are 35 m at 0.45 m, and fields and halls are wider. So, where the model says so, the
picture is looked at again at pixels twice as coarse, and the logits of both looks are averaged,
those of classes with a third look's at pixels four times as coarse; or what the network makes of
pixels four times as coarse goes into what it makes of those twice as coarse, and that into what it
makes of the picture's own.

How common each class is differs from place to place, and the pictures tell it (`shares_of_place`).
Maps of one date are weighed by it, and unchanged ground between two dates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from landshift.errors import ModelError
from landshift.features import Exposure, reads_gsd
from landshift.grid import Grid
from landshift.inference import (
    REACH,
    UNIT,
    Block,
    CoarseLook,
    Network,
    View,
    Window,
    each_block,
)
from landshift.model import CHANGES, CLASSES, Model
from landshift.raster import Raster
from landshift.settings import CoverSettings, is_up_to
from landshift.weights import Weights

_LEAST_SHARE = 1e-4
"""Of a class in what a model learned from; one that it never saw is not divided by nothing."""


@dataclass(frozen=True, eq=False)
class LandCover:
    """What the ground carries, with one calibrated probability per class and pixel."""

    probability: NDArray[np.float32]
    """(class, row, col) in the order of `landshift.legend.COVERS`; sums to 1, all 0 where not
    valid."""
    valid: NDArray[np.bool_]
    """(row, col); True where the picture was seen."""
    grid: Grid
    """Where the pixels lie."""

    def __post_init__(self) -> None:
        """Freeze the arrays."""
        self.probability.flags.writeable = False
        self.valid.flags.writeable = False


@dataclass(frozen=True, eq=False)
class Evidence:
    """What both dates together say of change."""

    probability: NDArray[np.float32]
    """(change, row, col): same, building gained, building lost, other lasting change; sums to 1,
    all 0 where not valid."""
    valid: NDArray[np.bool_]
    """(row, col); True where both pictures were seen."""
    grid: Grid
    """Where the pixels lie."""
    prior: tuple[float, float, float, float]
    """The same probabilities before anything was seen: their shares in the training material."""

    def __post_init__(self) -> None:
        """Freeze the arrays."""
        self.probability.flags.writeable = False
        self.valid.flags.writeable = False


def classify(raster: Raster, model: Model, threads: int | None = None) -> LandCover:
    """Land cover of one picture.

    Parameters
    ----------
    raster : Raster
        With all bands of the model, at a gsd that it knows.
    model : Model
        See `landshift.model.load_model`.
    threads : int, optional
        Blocks computed at a time, all cores by default; the answer does not depend on it.

    Raises
    ------
    ModelError
        When the model cannot read this raster.
    """
    view, weights = View(raster, model), Weights(model)
    coarse = _coarse_look([view], weights, model, threads)
    probability = np.empty((CLASSES, *raster.grid.shape), np.float32)

    def run(block: Block, net: Network) -> None:
        (features,) = net.look([view], block)
        net.classify(features, 0, block, raster.valid, probability, coarse)

    each_block(run, raster.grid.shape, weights, 1, threads)
    _check_finite(model, probability)
    return LandCover(probability, raster.valid, raster.grid)


def classify_pair(
    before: Raster,
    after: Raster,
    model: Model,
    threads: int | None = None,
    exposures: tuple[Exposure, Exposure] | None = None,
    where: Window | None = None,
) -> tuple[LandCover, LandCover, Evidence]:
    """Land cover of both dates, and the evidence of change; parameters as in `classify`.

    ``exposures`` are measured on the pictures themselves; given, a part of a picture is seen as
    in the whole. ``where`` is the part of the pictures that is asked about, all of them by default;
    elsewhere probabilities may be 0. Two pictures of exactly the same values show no change, by
    definition.

    Raises
    ------
    ModelError
        When the model cannot read these rasters.
    """
    if before.grid != after.grid:
        raise ValueError(f"rasters lie on different grids: {before.grid} and {after.grid}")
    shape = before.grid.shape
    seen_as = exposures or (None, None)
    views = (View(before, model, seen_as[0]), View(after, model, seen_as[1]))
    weights = Weights(model)
    coarse = _coarse_look(views, weights, model, threads, where)
    covers = [np.zeros((CLASSES, *shape), np.float32) for _ in views]
    change = np.zeros((CHANGES, *shape), np.float32)
    valid = before.valid & after.valid
    valid.flags.writeable = False  # the kernels are compiled for masks as a Raster holds them

    def run(block: Block, net: Network) -> None:
        *features, kinds = net.look(views, block, coarse, change=True)
        for date, raster in enumerate((before, after)):
            net.classify(features[date], date, block, raster.valid, covers[date], coarse)
        net.compare(kinds, valid, change, coarse)

    each_block(run, shape, weights, 2, threads, where)
    _check_finite(model, *covers, change)
    if np.array_equal(before.bands, after.bands) and np.array_equal(before.valid, after.valid):
        change[:] = 0.0  # whatever a model makes of it: one picture twice shows no change
        change[0, valid] = 1.0
    same, gained, lost, other = model.change_prior
    return (
        LandCover(covers[0], before.valid, before.grid),
        LandCover(covers[1], after.valid, after.grid),
        Evidence(change, valid, before.grid, (same, gained, lost, other)),
    )


def _check_finite(model: Model, *found: NDArray[np.float32]) -> None:
    """Refuse a model whose weights, each finite, add up to what is not.

    The first class would be the likeliest of eight that are no numbers.
    """
    if not all(np.isfinite(planes.sum()) for planes in found):
        raise ModelError(
            f"model {model.name} gives no probabilities for this picture: numbers run over; "
            "allowed are weights and calibration of the size of the packaged models'"
        )


def _coarse_look(
    views: Sequence[View], weights: Weights, model: Model, threads: int | None,
    where: Window | None = None, last: bool = False,
) -> CoarseLook | None:  # fmt: skip
    """What the network makes of pixels twice as coarse.

    None where the model does not ask for it, or there are too few pixels. Of a pair 36 numbers for
    every four pixels, and 32 more where there is a third look; the answer itself is 80. ``where``
    says which of the finer pixels are asked about; ``last`` that this is the third look, which
    counts in the classes of the second and is context to its change.
    """
    shares = _shares_of_look(model, 2 * views[0].gsd_m, last)
    counts, pair = max(shares) > 0, len(views) == 2
    if not (counts or (model.context and pair)) or min(views[0].shape) < UNIT:
        return None
    halved = [view.halved() for view in views]
    half = halved[0].shape
    features = [np.zeros((model.widths.f, *half), np.float32) for _ in views]
    asked = pair and counts and not last
    change = np.zeros((CHANGES if asked else 0, *half), np.float32)
    own = None if where is None else (_read_around(where[0]), _read_around(where[1]))
    coarser = None
    if counts and not last:
        coarser = _coarse_look(halved, weights, model, threads, own, last=True)
    if blends := coarser is not None and coarser.shares[0] > 0:
        shares = shares[0] + model.third_look, shares[1]
    class_features = [np.zeros_like(each) for each in features] if blends else features

    def run(block: Block, net: Network) -> None:
        found = net.look(halved, block, coarser, asked)
        for plane, into in zip(found, [*features, change][: len(found)], strict=True):
            net.hand_out(plane, block, into)
        for date, into in enumerate(class_features if blends else ()):
            net.blend_features(found[date], date, coarser)
            net.hand_out(found[date], block, into)

    each_block(run, half, weights, len(views), threads, own)
    return CoarseLook(features, class_features, change, shares)


def _shares_of_look(model: Model, gsd_m: float, last: bool) -> tuple[float, float]:
    """Weight of a look at pixels of ``gsd_m`` in classes and in change.

    Of the third look (``last``) that in classes as the second look has them.
    """
    if not reads_gsd(gsd_m, model.finest_gsd_m, model.coarsest_gsd_m):
        return 0.0, 0.0
    if not last:
        return model.second_look
    both = model.second_look[0] + model.third_look
    return (model.third_look / both if both > 0 else 0.0), 0.0


def _read_around(span: slice) -> slice:
    """Which of the pixels twice as coarse are read for the blocks that hold ``span`` of an axis.

    A pixel beside them, and one more for what lies between two.
    """
    first, stop = span.start // UNIT * UNIT, -(-span.stop // UNIT) * UNIT
    return slice(max(first // 2 - 2, 0), stop // 2 + 2)


def span_seen(model: Model, places: NDArray[np.intp], size: int) -> slice:
    """The part of an axis of ``size`` pixels that the answer at ``places`` hangs on.

    It begins and ends where the coarsest look's pixels do, in the squares of 16 in which the
    network works, so that a part is seen as the whole is.
    """
    coarsest = 2 ** (max(model.context, model.third_look > 0) + (max(model.second_look) > 0))
    step = coarsest * UNIT
    margin = coarsest * (REACH + UNIT)
    first = max(int(places.min()) - margin, 0) // step * step
    last = -(-(int(places.max()) + 1 + margin) // step) * step
    return slice(first, min(last, size))


@dataclass(frozen=True, eq=False)
class ClassShares:
    """How common each class is."""

    trained: NDArray[np.float64]
    """(class,) in what the model learned from, 0-1."""
    here: NDArray[np.float64]
    """(class,) at the place, 0-1."""

    @property
    def factors(self) -> NDArray[np.float64]:
        """(class,); by how much more common each is here."""
        return np.asarray(self.here / self.trained)


def shares_of_place(
    covers: Sequence[LandCover], model: Model, settings: CoverSettings
) -> ClassShares:
    """How common each class is at the place that all ``covers`` show.

    A model takes a class to be as common as it was in what it learned from: a third of it was
    grass, and a county town among paddies has hardly any. The pictures tell otherwise: expectation
    maximisation after Saerens, Latinne and Decaestecker 2002 (doi:10.1162/089976602753284446), with
    the model's own shares as a Dirichlet prior, so that a rare class is not argued away. What
    changed between the dates is a small part of a place; swapping them changes nothing.

    Parameters
    ----------
    covers
        Of the dates of one place, as `classify` or `classify_pair` gives them.
    model
        That gave them.
    settings
        How much its own shares count, and at which pixels nothing else does.
    """
    trained = np.maximum(model.class_prior, _LEAST_SHARE)
    if not is_up_to(covers[0].grid.gsd_m, settings.prior_coarsest_gsd_m):
        return ClassShares(trained, trained)
    samples = [_sampled(cover, settings.most_samples) for cover in covers]
    here = trained
    for _ in range(settings.prior_rounds):
        seen = sum(_mean_weighed(one, here / trained) for one in samples) / len(samples)
        here = (seen + settings.prior_weight * trained) / (1.0 + settings.prior_weight)
    return ClassShares(trained, here)


def _sampled(cover: LandCover, most: int) -> NDArray[np.float64]:
    """Probabilities (class, pixel) of evenly spaced pixels that were seen."""
    at = np.flatnonzero(cover.valid)
    at = at[:: max(1, -(-len(at) // most))]
    return cover.probability.reshape(CLASSES, -1)[:, at].astype(np.float64)


def _mean_weighed(
    probability: NDArray[np.float64], factors: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Mean probability of each class once all are more common by ``factors`` (class,)."""
    weighed = probability * factors[:, None]
    return np.asarray((weighed / weighed.sum(axis=0)).sum(axis=1) / max(1, probability.shape[1]))


def weighed_by_shares(cover: LandCover, shares: ClassShares) -> LandCover:
    """The same land cover with the shares of the place in place of the model's: Bayes' rule."""
    probability = cover.probability * shares.factors.astype(np.float32)[:, None, None]
    probability /= np.maximum(probability.sum(axis=0), np.float32(1e-30))
    return LandCover(probability, cover.valid, cover.grid)


def learned_features(
    raster: Raster, model: Model, threads: int | None = None
) -> NDArray[np.float32]:
    """What the network makes of every pixel, (feature, row, col): the input of its classifier.

    The classifier is linear, and means of features over the ways up and both looks are what the
    means of logits are made of: on these features it gives what `classify` gives. Parameters and
    errors as there.
    """
    view, weights = View(raster, model), Weights(model)
    coarse = _coarse_look([view], weights, model, threads)
    features = np.empty((model.widths.f, *view.shape), np.float32)

    def run(block: Block, net: Network) -> None:
        (found,) = net.look([view], block)
        net.blend_features(found, 0, coarse)
        net.hand_out(found, block, features)

    each_block(run, view.shape, weights, 1, threads)
    return features
