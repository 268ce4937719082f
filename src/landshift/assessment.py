"""Map against reference: error matrix, scores per class, and areas corrected for map errors.

Olofsson et al. 2014, "Good practices for estimating area and assessing accuracy of land change",
Remote Sensing of Environment 148:42-57, doi:10.1016/j.rse.2014.02.015; equations by its numbers.

Areas, accuracies and standard errors are the paper's. Intervals are not its estimate ± z standard
errors, which at 50 units a class hold the truth half of the times and at 5 are often of no width:
they are put together from a Wilson interval of each class of the map, the distances to whose ends
add in quadrature (MOVER; Zou & Donner 2008, doi:10.1002/sim.3095), and hold it in nine of ten
cases from 2 units a class on (`tests/test_assessment.py`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, special

Counts = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ClassScore:
    """How well one class was mapped; shares 0-1, nan where there is nothing to divide by.

    Corrected hectares are nan where the map has the class and the reference fewer than 2 units of
    its ground: they cannot be told.
    """

    label: str
    users_accuracy: float
    """Share of the mapped area that is truly of this class (eq. 2)."""
    producers_accuracy: float
    """Share of the true area that is mapped as it (eq. 3)."""
    f1: float
    """Of the sampled pixels themselves, not weighted by area: 2 TP / (2 TP + FP + FN)."""
    iou: float
    """Likewise: TP / (TP + FP + FN)."""
    mapped_hectares: float
    """Pixels of the class counted on the map."""
    hectares: float
    """Area corrected for the errors that the reference shows (eq. 9)."""
    standard_error: float
    """Of that, hectares (eq. 11)."""
    low: float
    """Lower end of its interval, hectares; not below 0."""
    high: float
    """Upper end of its interval, hectares."""


@dataclass(frozen=True, eq=False)
class Assessment:
    """What a reference sample says of a map."""

    labels: tuple[str, ...]
    matrix: Counts
    """(class, class); sampled units, rows as mapped, columns as in the reference."""
    overall_accuracy: float
    """Share of the area mapped rightly, 0-1 (eq. 1)."""
    overall_low: float
    """Lower end of its interval."""
    overall_high: float
    """Upper end of its interval."""
    confidence: float
    """Of all intervals, 0-1."""
    unassessed_hectares: float
    """Mapped area of classes with fewer than 2 units in the reference: no other number here says
    anything of it."""
    classes: tuple[ClassScore, ...]
    unmet: int = 0
    """Polygons and points of the reference that are no unit: outside of what is mapped, smaller
    than a pixel, or covered by later ones."""
    spacing_m: float | None = None
    """Distance of the reference pixels that were taken as separate units, metres; None where
    nobody thinned them."""

    def _repr_html_(self) -> str:
        """What a notebook shows: a row of the error matrix and scores for each class."""
        head = "".join(f"<th>{escape(label)}</th>" for label in self.labels)
        rows = "".join(
            f"<tr><th>{escape(score.label)}</th>"
            + "".join(f"<td>{units}</td>" for units in row)
            + f"<td>{score.f1:.2f}</td><td>{score.mapped_hectares:.2f}</td>"
            f"<td>{_hectares_words(score)}</td></tr>"
            for score, row in zip(self.classes, self.matrix, strict=True)
        )
        return (
            f"<p>{self.overall_accuracy:.0%} of the area is mapped rightly "
            f"({confidence_words(self.confidence)} interval {self.overall_low:.0%} to "
            f"{self.overall_high:.0%}). Units by class, rows as mapped, columns as in the "
            f"reference:</p><table><tr><th></th>{head}<th>F1</th><th>mapped ha</th>"
            f"<th>corrected ha</th></tr>{rows}</table>"
            + (f"<p>{escape(unmet_words(self.unmet))}</p>" if self.unmet else "")
        )

    def as_dict(self) -> dict[str, Any]:
        """Plain nested values; None where there is nothing to divide by, which JSON cannot say."""
        return {
            "labels": list(self.labels), "matrix": self.matrix.tolist(),
            "overall_accuracy": self.overall_accuracy, "overall_low": self.overall_low,
            "overall_high": self.overall_high,
            "confidence": self.confidence, "unassessed_hectares": self.unassessed_hectares,
            "unmet": self.unmet, "spacing_m": self.spacing_m,
            "classes": [
                {name: None if value != value else value for name, value in vars(score).items()}
                for score in self.classes
            ],
        }  # fmt: skip


def unmet_words(count: int) -> str:
    """How many polygons and points of a reference say nothing, and why."""
    which = "1 polygon or point says" if count == 1 else f"{count} polygons or points say"
    why = "outside of what is mapped, smaller than a pixel, or covered by later ones"
    return f"{which} nothing: {why}"


def confidence_words(confidence: float) -> str:
    """How sure an interval is; 99.9 % is not 100 %."""
    return f"{round(100 * confidence, 6):g}%"


def _hectares_words(score: ClassScore) -> str:
    if math.isnan(score.hectares):
        return "cannot be told"
    return f"{score.hectares:.2f} ({score.low:.2f} to {score.high:.2f})"


def assess(
    matrix: Counts, mapped_hectares: Floats, labels: tuple[str, ...], confidence: float
) -> Assessment:
    """Accuracy and corrected areas from a stratified sample whose strata are the map's classes.

    Parameters
    ----------
    matrix
        (class, class); sampled units, rows as mapped, columns as in the reference.
    mapped_hectares
        (class,); area of each class on the map, 0 or more.
    labels
        Name of each class.
    confidence
        Of the intervals, 0-1 exclusive.

    Raises
    ------
    ValueError
        When the shapes differ, or no class was sampled twice.
    """
    sampled = matrix.sum(axis=1)
    if matrix.shape != (len(labels),) * 2 or mapped_hectares.shape != (len(labels),):
        shapes = f"matrix {matrix.shape}, areas {mapped_hectares.shape}"
        raise ValueError(f"{shapes}, but {len(labels)} labels")
    assessed = np.where(sampled >= 2, mapped_hectares, 0.0)
    total = float(assessed.sum())
    if total <= 0.0:
        raise ValueError("no class of the map has 2 units or more in the reference")
    z = float(special.ndtri(0.5 + confidence / 2))
    weight = (assessed / total)[:, None]
    share = matrix / np.maximum(sampled, 1)[:, None]
    p = weight * share  # eq. 4
    right = np.diagonal(p)
    variance = weight**2 * share * (1 - share) / np.maximum(sampled - 1, 1)[:, None]  # of eq. 5, 10
    errors = total * np.sqrt(variance.sum(axis=0))  # eq. 11
    below, above = (weight * gap for gap in _wilson(share, sampled, z))
    area = total * p.sum(axis=0)
    low, high = area - total * _joined(below), area + total * _joined(above)
    overall = float(right.sum())
    # Of a class whose own ground nobody looked at, what other strata hold of it is no area.
    untold = (sampled < 2) & (mapped_hectares > 0)
    area, errors, low, high = (
        np.where(untold, np.nan, part)
        for part in (area, errors, np.maximum(low, 0.0), np.minimum(high, total))
    )
    hits, rows, cols = np.diagonal(matrix), sampled, matrix.sum(axis=0)
    scores = tuple(
        ClassScore(
            label, _ratio(share[k, k], float(rows[k] > 0)), _ratio(right[k], p[:, k].sum()),
            _ratio(2 * hits[k], rows[k] + cols[k]), _ratio(hits[k], rows[k] + cols[k] - hits[k]),
            float(mapped_hectares[k]), float(area[k]), float(errors[k]), float(low[k]),
            float(high[k]),
        )
        for k, label in enumerate(labels)
    )  # fmt: skip
    return Assessment(
        labels, matrix, overall, max(0.0, overall - float(_joined(np.diagonal(below)))),
        min(1.0, overall + float(_joined(np.diagonal(above)))), confidence,
        float(mapped_hectares.sum()) - total, scores,
    )  # fmt: skip


def _wilson(share: Floats, sampled: Counts, z: float) -> tuple[Floats, Floats]:
    """Distances of the ends of Wilson's interval (1927) of each share (class, class) from it."""
    units = np.maximum(sampled, 1)[:, None]
    middle = (share + z**2 / (2 * units)) / (1 + z**2 / units)
    half = z / (1 + z**2 / units) * np.sqrt(share * (1 - share) / units + (z / (2 * units)) ** 2)
    return np.maximum(share - middle + half, 0.0), np.maximum(middle + half - share, 0.0)


def _joined(gaps: Floats) -> Floats:
    """Distance of the end of a sum's interval, from those of its independent parts (axis 0)."""
    return np.asarray(np.sqrt((gaps**2).sum(axis=0)))


def error_matrix(mapped: NDArray[np.uint8], reference: NDArray[np.uint8], count: int) -> Counts:
    """Units per pair of classes, rows as mapped; units that are 0 in either are left out.

    Parameters
    ----------
    mapped, reference
        Codes 1 to ``count``, of one shape; 0 where there is nothing to compare.
    """
    known = (mapped > 0) & (reference > 0)
    pairs = (mapped[known].astype(np.int64) - 1) * count + reference[known] - 1
    return np.bincount(pairs, minlength=count * count).reshape(count, count)


def thinned(reference: NDArray[np.uint8], spacing_px: int) -> NDArray[np.uint8]:
    """A systematic sample of a reference raster: every ``spacing_px``-th row and column, else 0.

    Neighbouring pixels err together; counting each as a unit of its own would make intervals
    many times too narrow (SURVEY: 25 times at 0.5 m). Ground that somebody knows apart from all
    other, a sampled point or a small polygon, and that no such row and column meets, is one unit.
    """
    sample = np.zeros_like(reference)
    start = spacing_px // 2
    lattice = np.s_[start::spacing_px, start::spacing_px]
    sample[lattice] = reference[lattice]
    pieces, count = ndimage.label(reference > 0, structure=np.ones((3, 3)))
    missed = np.setdiff1d(np.arange(1, count + 1), pieces[sample > 0])
    if len(missed):
        at = np.flatnonzero(np.isin(pieces, missed))
        at = at[np.argsort(pieces.flat[at], kind="stable")]
        first = np.flatnonzero(np.diff(pieces.flat[at], prepend=0))
        middle = (first + np.append(first[1:], len(at)) - 1) // 2
        sample.flat[at[middle]] = reference.flat[at[middle]]
    return sample


def _ratio(part: float, whole: float) -> float:
    return float(part / whole) if whole else float("nan")
