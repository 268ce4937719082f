"""Probabilities that mean what they say: vector scaling, and how far off they are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special

_SCALE_PULL, _OFFSET_PULL = 1e-3, 1e-6
"""Weight of squares beside the mean negative logarithm of the likelihood."""


def fit_scaling(
    logits: NDArray[np.float32], right: NDArray[np.bool_]
) -> tuple[list[float], list[float], list[float], float, float]:
    """Scale and offset of each class's logit that make the probabilities fit the truth best.

    Vector scaling (Guo et al. 2017, "On Calibration of Modern Neural Networks",
    arXiv:1706.04599, §4.2), fitted by maximum likelihood with a weak pull toward one common scale,
    so that a class that is rare among the held-out pixels is not thrown about, and a far weaker one
    toward no offset: probabilities of a class add up to its pixels but for that pull, and what is a
    thousandth of all pixels may be a tenth of a class.

    Parameters
    ----------
    logits
        (pixel, class).
    right
        (pixel, class); True for the true class, or for each that may be the true one.

    Returns
    -------
    scale, offset
        One number a class; a calibrated logit is ``logit * scale + offset``.
    prior
        Share of each class among the pixels; where several may be true, as the calibrated
        probabilities divide them.
    before, after
        Expected calibration error with and without scaling, 0-1.
    """
    count = logits.shape[1]
    x = logits.astype(np.float64)

    def among_right(p: NDArray[np.float64]) -> NDArray[np.float64]:
        kept = np.where(right, p, 0.0)
        return np.asarray(kept / np.maximum(kept.sum(1, keepdims=True), 1e-30))

    def loss(theta: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        scale, offset = theta[:count], theta[count:]
        z = x * scale + offset
        p = special.softmax(z, axis=1)
        chosen = special.logsumexp(np.where(right, z, -np.inf), axis=1)
        fit = np.mean(special.logsumexp(z, axis=1) - chosen)
        gap = (p - among_right(p)) / len(x)
        apart = scale - scale.mean()
        pull = _SCALE_PULL * np.sum(apart**2) + _OFFSET_PULL * np.sum(offset**2)
        slope = np.concatenate([
            np.sum(gap * x, 0) + 2 * _SCALE_PULL * apart,
            np.sum(gap, 0) + 2 * _OFFSET_PULL * offset,
        ])  # fmt: skip
        return float(fit + pull), slope

    start = np.concatenate([np.ones(count), np.zeros(count)])
    bounds = [(0.05, 5.0)] * count + [(-6.0, 6.0)] * count
    best = optimize.minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x
    scale, offset = best[:count], best[count:]
    calibrated = special.softmax(x * scale + offset, axis=1)
    prior = (among_right(calibrated).sum(0) + 1) / (len(x) + count)
    before = calibration_error(special.softmax(x, axis=1), right)
    after = calibration_error(calibrated, right)
    return scale.round(5).tolist(), offset.round(5).tolist(), prior.round(5).tolist(), before, after


def calibration_error(
    probability: NDArray[np.float64], right: NDArray[np.bool_], bins: int = 15
) -> float:
    """Expected calibration error of the winning class (Naeini et al. 2015, AAAI), 0-1.

    Parameters
    ----------
    probability
        (pixel, class).
    right
        (pixel, class); True for the true class, or for each that may be the true one.
    bins
        Equal widths of confidence.
    """
    confidence = probability.max(1)
    hit = right[np.arange(len(right)), probability.argmax(1)]
    which = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = [
        (which == b).mean() * abs(hit[which == b].mean() - confidence[which == b].mean())
        for b in range(bins)
        if (which == b).any()
    ]
    return float(np.sum(gaps))
