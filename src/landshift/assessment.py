"""Map against reference: error matrix, scores per class, and areas corrected for map errors.

Olofsson et al. 2014, "Good practices for estimating area and assessing accuracy of land change",
Remote Sensing of Environment 148:42-57, doi:10.1016/j.rse.2014.02.015; equations by its numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

Counts = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ClassScore:
    """How well one class was mapped; shares 0-1, nan where there is nothing to divide by."""

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
    overall_error: float
    """Half the width of its interval."""
    confidence: float
    """Of all intervals, 0-1."""
    unassessed_hectares: float
    """Mapped area of classes with fewer than 2 units in the reference: no other number here says
    anything of it."""
    classes: tuple[ClassScore, ...]

    def _repr_html_(self) -> str:
        """What a notebook shows: a row of the error matrix and scores for each class."""
        head = "".join(f"<th>{escape(label)}</th>" for label in self.labels)
        rows = "".join(
            f"<tr><th>{escape(score.label)}</th>"
            + "".join(f"<td>{units}</td>" for units in row)
            + f"<td>{score.f1:.2f}</td><td>{score.mapped_hectares:.2f}</td>"
            f"<td>{score.hectares:.2f} ({score.low:.2f} to {score.high:.2f})</td></tr>"
            for score, row in zip(self.classes, self.matrix, strict=True)
        )
        return (
            f"<p>{self.overall_accuracy:.0%} ± {self.overall_error:.0%} of the area is mapped "
            f"rightly ({self.confidence:.0%} interval). Units by class, rows as mapped, columns as "
            f"in the reference:</p><table><tr><th></th>{head}<th>F1</th><th>mapped ha</th>"
            f"<th>corrected ha</th></tr>{rows}</table>"
        )

    def as_dict(self) -> dict[str, Any]:
        """Plain nested values; None where there is nothing to divide by, which JSON cannot say."""
        return {
            "labels": list(self.labels), "matrix": self.matrix.tolist(),
            "overall_accuracy": self.overall_accuracy, "overall_error": self.overall_error,
            "confidence": self.confidence, "unassessed_hectares": self.unassessed_hectares,
            "classes": [
                {name: None if value != value else value for name, value in vars(score).items()}
                for score in self.classes
            ],
        }  # fmt: skip


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
    weight = assessed / total
    share = matrix / np.maximum(sampled, 1)[:, None]
    p = weight[:, None] * share  # eq. 4
    users, right = np.diagonal(share), np.diagonal(p)
    spread = share * (1 - share) / np.maximum(sampled - 1, 1)[:, None]
    area_error = z * total * np.sqrt((weight[:, None] ** 2 * spread).sum(axis=0))  # eq. 10, 11
    overall_error = z * float(np.sqrt((weight**2 * np.diagonal(spread)).sum()))  # eq. 5
    area = total * p.sum(axis=0)
    hits, rows, cols = np.diagonal(matrix), sampled, matrix.sum(axis=0)
    scores = tuple(
        ClassScore(
            label, _ratio(users[k], float(sampled[k] > 0)), _ratio(right[k], p[:, k].sum()),
            _ratio(2 * hits[k], rows[k] + cols[k]), _ratio(hits[k], rows[k] + cols[k] - hits[k]),
            float(mapped_hectares[k]), float(area[k]), float(max(0.0, area[k] - area_error[k])),
            float(area[k] + area_error[k]),
        )
        for k, label in enumerate(labels)
    )  # fmt: skip
    return Assessment(labels, matrix, float(right.sum()), overall_error, confidence,
                      float(mapped_hectares.sum()) - total, scores)  # fmt: skip


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
    many times too narrow (SURVEY: 25 times at 0.5 m).
    """
    sample = np.zeros_like(reference)
    start = spacing_px // 2
    lattice = np.s_[start::spacing_px, start::spacing_px]
    sample[lattice] = reference[lattice]
    return sample


def _ratio(part: float, whole: float) -> float:
    return float(part / whole) if whole else float("nan")
