"""Two pictures that are in part one picture: an older piece in a mosaic.

Providers fill holes with older imagery, and files are copied and drawn upon. What both dates show
to the last digit tells nothing of the later one: it is not seen, and not unchanged. Nor may the
pair be registered by it, for it agrees with itself where it lies, wherever the rest has to go.

The rest says which of both it is. In a mosaic it is the same ground on another day: it can be
registered by itself, and did not lie on the other date's as a copy does. Where it cannot, or did,
as in a scene that was drawn anew only where it changed, nothing proves an older piece: all of it is
compared as it came, with a caution.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from landshift.alignment import Alignment, estimate_alignment
from landshift.landcover import Evidence
from landshift.raster import Raster
from landshift.settings import AlignmentSettings, FitnessSettings

Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Shared:
    """What both pictures show of one and the same picture."""

    part: Mask
    """(row, col) of the comparison's grid, before anything was moved."""
    is_older: bool
    """Whether the rest is another day's, so that this is an older piece of a mosaic."""

    @staticmethod
    def none(shape: tuple[int, int]) -> Shared:
        """Two pictures that have nothing in common to the last digit."""
        return Shared(np.zeros(shape, np.bool_), False)

    def taken_from(self, evidence: Evidence) -> Evidence:
        """The evidence of change, not valid where an older piece hides the later date."""
        if not self.is_older:
            return evidence
        return replace(evidence, valid=evidence.valid & ~self.part)

    def masked(self, after: Raster) -> Raster:
        """The after picture, not valid where an older piece hides the later date."""
        return replace(after, valid=after.valid & ~self.part) if self.is_older else after

    def doubts(self, site: Mask, least_share: float) -> tuple[str, ...]:
        """A caution where more than ``least_share`` of the ``site`` (row, col) is such a part."""
        share = float(self.part[site].mean()) if site.any() else 0.0
        if share <= least_share:
            return ()
        told = f"{share:.0%} of the site is one and the same picture on both dates"
        if self.is_older:
            return (f"{told}, and counts as not seen",)
        return (f"{told}: what was built there cannot be seen",)


def align_apart(
    before: Raster, after: Raster, settings: AlignmentSettings, fitness: FitnessSettings
) -> tuple[Alignment, Shared]:
    """`estimate_alignment` without what is one picture on both dates, and what that is.

    Parameters
    ----------
    before, after
        On one grid, before anything was moved.
    settings
        Of the alignment.
    fitness
        What tells one picture on both dates.
    """
    part = find_shared(before, after, fitness.same_side_px)
    if part.any():
        rest = [replace(one, valid=one.valid & ~part) for one in (before, after)]
        found = estimate_alignment(rest[0], rest[1], settings)
        if found.verdict != "failed" and found.agreement_before < fitness.drawn_agreement:
            return found, Shared(part, True)
    return estimate_alignment(before, after, settings), Shared(part, False)


def find_shared(before: Raster, after: Raster, side_px: int) -> Mask:
    """Where both dates show one and the same picture in every band that both have, (row, col).

    Two days are never alike to the last digit, unless burnt out or blank: squares of one value say
    nothing.

    Parameters
    ----------
    before, after
        On one grid, before anything was moved.
    side_px
        Of the squares by which it is found; see `FitnessSettings.same_side_px`.
    """
    roles = tuple(role for role in before.sensor.bands if role and role in after.sensor.bands)
    equal = before.valid & after.valid & bool(roles)
    for one, other in zip(before.select(roles), after.select(roles), strict=True):
        equal &= one == other
    square = np.ones((side_px, side_px), np.bool_)
    equal = ndimage.binary_erosion(equal, square)
    if equal.any():  # as good as never
        mean = after.select(roles).mean(axis=0)
        equal &= ndimage.maximum_filter(mean, side_px) > ndimage.minimum_filter(mean, side_px)
        equal = ndimage.binary_dilation(equal, square)
    return np.asarray(equal)
