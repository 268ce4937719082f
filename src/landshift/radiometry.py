"""One date's values made comparable with the other's.

A monotone curve per band, fitted by ranks on the pixels that look unchanged and refitted as it
becomes clearer which those are. Ranks, because they do not shrink the slope where noise or
misregistration loosens the pairing; trimming, because what was built must not bend the curve.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from landshift.raster import Raster
from landshift.settings import RadiometrySettings

Samples = NDArray[np.float32]
_LEAST_SPREAD = 1e-12


def match_radiometry(moving: Raster, reference: Raster, settings: RadiometrySettings) -> Raster:
    """``moving`` with the values of the bands that both pictures have drawn onto ``reference``'s.

    Bands that the reference lacks keep their values; their scale is then their own. The picture
    comes back unchanged where too few pixels are seen in both, or no role is shared.
    """
    if moving.grid != reference.grid:
        raise ValueError(f"rasters lie on different grids: {moving.grid} and {reference.grid}")
    roles = tuple(role for role in moving.sensor.bands if role and role in reference.sensor.bands)
    both = np.flatnonzero(moving.valid & reference.valid)
    if not roles or both.size < settings.least_samples:
        return moving
    if np.array_equal(moving.bands, reference.bands):  # a curve would only add rounding
        return moving
    both = both[:: -(-both.size // settings.most_samples)]
    given = moving.select(roles).reshape(len(roles), -1)[:, both]
    wanted = reference.select(roles).reshape(len(roles), -1)[:, both]
    curves = fit_curves(given, wanted, settings)
    bands = moving.bands.copy()
    for role, (knots, values) in zip(roles, curves, strict=True):
        band = moving.sensor.bands.index(role)
        bands[band] = np.where(moving.valid, apply_curve(bands[band], knots, values), 0.0)
    return replace(moving, bands=bands)


def fit_curves(
    given: Samples, wanted: Samples, settings: RadiometrySettings
) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Knots and values of each band's curve from paired samples (band, sample).

    Each round ranks the pixels by their residual over all bands, in units of the band's own
    residual, and fits the next curves on the least `kept_share` of them.
    """
    kept = np.ones(given.shape[1], np.bool_)
    curves = [fit_curve(*pair, settings) for pair in zip(given, wanted, strict=True)]
    for _ in range(settings.rounds):
        misses = np.zeros(given.shape[1])
        for one, other, curve in zip(given, wanted, curves, strict=True):
            miss = np.abs(apply_curve(one, *curve) - other)
            misses += (miss / max(float(np.median(miss)), _LEAST_SPREAD)) ** 2
        kept = misses <= np.quantile(misses, settings.kept_share)
        if int(kept.sum()) < settings.least_samples:
            break
        curves = [
            fit_curve(one[kept], other[kept], settings)
            for one, other in zip(given, wanted, strict=True)
        ]
    return curves


def fit_curve(
    given: Samples, wanted: Samples, settings: RadiometrySettings
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Knots and values of a monotone curve that gives ``given`` the ranks' values of ``wanted``.

    Mean and spread alone where the two are hardly related, nothing at all where even those would
    need an unlikely gain.
    """
    ranks = np.linspace(0.0, 1.0, settings.knots)
    # The outermost percent is single bright or dark pixels; beyond it the curve runs on.
    ranks = 0.01 + 0.98 * ranks
    knots, values = np.quantile(given, ranks), np.quantile(wanted, ranks)
    spread, target = float(np.std(given)), float(np.std(wanted))
    unchanged = np.array([0.0, 1.0])
    if spread < _LEAST_SPREAD or target < _LEAST_SPREAD:
        return unchanged, unchanged
    gain = target / spread
    if not 1.0 / settings.most_gain <= gain <= settings.most_gain:
        scale = max(float(np.abs(given).mean()), _LEAST_SPREAD)
        # Pictures in other units differ by more than any light does: compare relative spreads.
        relative = gain * scale / max(float(np.abs(wanted).mean()), _LEAST_SPREAD)
        if not 1.0 / settings.most_gain <= relative <= settings.most_gain:
            return unchanged, unchanged
    distinct = np.concatenate([[True], np.diff(knots) > 1e-9 * max(spread, _LEAST_SPREAD)])
    related = float(np.corrcoef(given, wanted)[0, 1]) >= settings.least_correlation
    if not related or int(distinct.sum()) < 2:
        centre, middle = float(np.mean(given)), float(np.mean(wanted))
        ends = np.array([centre - spread, centre + spread])
        return ends, middle + gain * (ends - centre)
    return knots[distinct], values[distinct]


def apply_curve(
    values: NDArray[np.float32], knots: NDArray[np.float64], mapped: NDArray[np.float64]
) -> NDArray[np.float32]:
    """``values`` through a piecewise linear curve, running on beyond its ends with mean slope."""
    inner = np.interp(values, knots, mapped)
    slope = (mapped[-1] - mapped[0]) / (knots[-1] - knots[0])
    below = np.minimum(values - knots[0], 0.0)
    above = np.maximum(values - knots[-1], 0.0)
    return np.asarray(inner + slope * (below + above), np.float32)
