"""Land cover of two dates and the evidence of change → ChangeMap.

P(i→j) = P(kind) · T(i, j) · p_before(i) · p_after(j) / the same summed over the pairs of that kind.
The siamese evidence alone says whether and how something changed; both dates' classes say what from
and what to. So the same ground seen as cropland in June and as bare in November is one unchanged
use. Their disagreement has no vote on *whether*: errors of both maps go together, and where it had
one it moved the F1 of three public sets by less than 0.01.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from landshift.change_map import MIRRORED_TOTALS, REPLACED_TOTALS, TOTALS, ChangeMap
from landshift.kernels import region, smoothing
from landshift.kernels import transition as kernel
from landshift.legend import Cover, transition_code
from landshift.settings import TransitionSettings, is_up_to
from landshift.standing import keep_frames, keep_leaning_roofs

if TYPE_CHECKING:
    from landshift.alignment import Alignment
    from landshift.grid import Grid
    from landshift.landcover import ClassShares, Evidence, LandCover
    from landshift.raster import Raster

Pixels = NDArray[np.float32]
Mask = NDArray[np.bool_]

_REPLACED_CODE = kernel.REPLACED_CODE
_STAYED_BUILDING = transition_code(Cover.BUILDING, Cover.BUILDING)
_LEAST_FAINT = 1e-4
"""Probability of change that is not even added up as faint: a square metre in a hectare."""
_STRIP_PX = 256
"""Rows of which classes are held at a time: few beside a large map, many beside the rows around
them that are smoothed twice."""
_SIEVE_PASSES = 4
"""Islands within islands are given back from the outside in; deeper nests were not seen."""


@dataclass(frozen=True, eq=False)
class CellSums:
    """Hectares per cell and pair inside the aoi, with their noise."""

    table: NDArray[np.float64]
    """(cell row, cell col, 8, 8); hectares, replaced buildings among building × building."""
    replaced: NDArray[np.float64]
    """(cell row, cell col); hectares."""
    seen: NDArray[np.float64]
    """(cell row, cell col); hectares."""
    noise: NDArray[np.float64]
    """(8, 8); standard deviation of the sums, hectares."""
    replaced_noise: float
    """The same of the replaced buildings."""
    total_noise: dict[str, float]
    """The same of each total."""
    mirrored_noise: dict[str, float]
    """The same of each total of the swapped pair."""

    @staticmethod
    def of(
        expected: NDArray[np.float64],
        seen: NDArray[np.float64],
        variance: NDArray[np.float64],
        total_variance: NDArray[np.float64],
    ) -> CellSums:
        """The sums as `kernels.transition.sum_cells` leaves them, by what they are of."""
        table = expected[..., : kernel.REPLACED].reshape(*seen.shape, 8, 8).copy()
        replaced = expected[..., kernel.REPLACED].copy()
        table[..., Cover.BUILDING - 1, Cover.BUILDING - 1] += replaced
        noise = np.sqrt(variance)
        own, mirrored = (
            dict(zip(TOTALS, half.tolist(), strict=True))
            for half in np.split(np.sqrt(total_variance), 2)
        )
        return CellSums(
            table, replaced, seen, noise[: kernel.REPLACED].reshape(8, 8).copy(),
            float(noise[kernel.REPLACED]), own, mirrored,
        )  # fmt: skip


@dataclass(frozen=True, eq=False)
class Posteriors:
    """Probabilities of kinds and classes, freed of rims and smoothed along edges.

    Classes are smoothed where they are asked for, some rows at a time: those of all rows would be
    64 bytes a pixel, as much as the pictures and all that was found in them.
    """

    kinds: Pixels
    """(4, row, col); same, building gained, building lost, other lasting change."""
    valid: Mask
    """(row, col); True where both dates were seen."""
    reach_px: float
    """How far a like pixel may lie through misregistration, pixels."""
    given: tuple[Pixels, Pixels]
    """(8, row, col) before and after, not smoothed."""
    likeness: tuple[Pixels, Pixels] | None
    """See `smoothing_weights`; None where nothing is smoothed."""
    settings: TransitionSettings

    def classes(self, rows: slice) -> tuple[Pixels, Pixels]:
        """(8, row, col) before and after, smoothed, of some rows: the same as of them all."""
        if self.likeness is None:
            before, after = (planes[:, rows].copy() for planes in self.given)
            return before, after
        # in each step a pixel hears of its neighbours alone
        first = max(rows.start - self.settings.smoothing_sweeps, 0)
        around = slice(first, rows.stop + self.settings.smoothing_sweeps)
        own = slice(rows.start - first, rows.stop - first)
        right, down = (one[around] for one in self.likeness)
        found = []
        for planes in self.given:
            part = planes[:, around].copy()
            smooth(part, right, down, self.settings)
            found.append(part[:, own].copy())
        return found[0], found[1]

    def strips(self, cell_px: int = 1) -> Iterator[slice]:
        """Rows that are worked on at a time, in whole cells."""
        rows, step = len(self.valid), -(-_STRIP_PX // cell_px) * cell_px
        return (slice(first, min(first + step, rows)) for first in range(0, rows, step))


def total_outcomes() -> Mask:
    """Which outcomes each of `TOTALS` adds up, and then each mirrored one, (2 · total, 65)."""
    groups = np.zeros((2 * len(TOTALS), kernel.OUTCOMES), np.bool_)
    for row, (name, codes) in enumerate((*TOTALS.items(), *MIRRORED_TOTALS.items())):
        for code in codes:
            groups[row, 8 * (code // 10 - 1) + code % 10 - 1] = True
        groups[row, kernel.REPLACED] = name in REPLACED_TOTALS
    return groups


def find_transitions(
    before: LandCover,
    after: LandCover,
    evidence: Evidence,
    alignment: Alignment,
    inside: Mask,
    pictures: Sequence[Raster],
    settings: TransitionSettings,
) -> ChangeMap:
    """From→to of every pixel of the grid, and expected hectares inside the aoi.

    Swapping ``before`` and ``after`` (and gained and lost in the evidence) mirrors the table.
    Nothing but the sums and codes depends on ``inside``, so that the sums over parts of an aoi add
    up to those over the whole.

    Parameters
    ----------
    before, after
        Calibrated class probabilities of both dates on one grid.
    evidence
        What the pair itself says of each kind of change.
    alignment
        Its residual shift is how far a like pixel may lie; thinner differences vanish.
    inside
        (row, col) True inside the aoi.
    pictures
        Whose edges the smoothing respects: both dates', so that it holds for what was removed as
        for what was built.
    settings
        Priors, weights, smallest regions.
    """
    if not before.grid == after.grid == evidence.grid or before.grid.shape != inside.shape:
        raise ValueError("classes, evidence and aoi lie on different grids")
    found = smoothed_posteriors(before, after, evidence, alignment, pictures, settings)
    codes = _codes(found, before.grid.gsd_m, settings)
    if is_up_to(before.grid.gsd_m, settings.frame_coarsest_gsd_m):
        keep_frames(codes, found.kinds, pictures, settings)
    keep_leaning_roofs(codes, before.grid.gsd_m, settings)
    return _change_map(found, before.grid, codes, inside)


def settings_of_place(settings: TransitionSettings, shares: ClassShares) -> TransitionSettings:
    """The settings with unchanged ground of each class as common as it is at the place.

    The other pairs are left alone: what ground is built on or cleared has shares of its own, which
    the pair prior says and a picture is too small to tell. Where they were weighed too, sites that
    know their truth lost: cropland built on or paved at *onchon* 0.52 instead of 0.70 of 1.20 ha.
    """
    pairs = np.array(settings.pair_prior)
    np.fill_diagonal(pairs, np.diagonal(pairs) * shares.factors)
    return replace(settings, pair_prior=tuple(map(tuple, pairs.tolist())))


def smoothed_posteriors(
    before: LandCover,
    after: LandCover,
    evidence: Evidence,
    alignment: Alignment,
    pictures: Sequence[Raster],
    settings: TransitionSettings,
) -> Posteriors:
    """Everything that is known of each pixel before anything is decided.

    Parameters as in `find_transitions`.
    """
    valid = before.valid & after.valid & evidence.valid
    reach_px = residual_reach_px(alignment, before.grid.gsd_m, settings)
    kinds = weighed_kinds(evidence, valid, reach_px, settings)
    likeness = None
    if settings.sweeps_at(before.grid.gsd_m) > 0:
        likeness = smoothing_weights(pictures, valid, settings)
        smooth(kinds, *likeness, settings)
    given = before.probability, after.probability
    return Posteriors(kinds, valid, reach_px, given, likeness, settings)


def residual_reach_px(alignment: Alignment, gsd_m: float, settings: TransitionSettings) -> float:
    """How far a like pixel may lie through misregistration, pixels, within its limit.

    Less than half a pixel is none: probabilities do not resolve it.
    """
    residual_px = settings.shift_reach * alignment.residual_rms_m / gsd_m
    if not np.isfinite(residual_px) or residual_px < 0.5:
        return 0.0
    return float(min(max(residual_px, 1.0), settings.most_shift_px))


def smoothing_weights(
    pictures: Sequence[Raster], valid: Mask, settings: TransitionSettings
) -> tuple[Pixels, Pixels]:
    """How alike each pixel is to its right and lower neighbour in the least alike picture, 0-1."""
    right, down = np.ones(valid.shape, np.float32), np.ones(valid.shape, np.float32)
    for picture in pictures:
        steps = np.abs(np.diff(picture.bands, axis=2))
        seen = picture.valid[:, 1:] & picture.valid[:, :-1]
        # The median step is the picture's own noise and texture, whatever its units.
        typical = np.array([np.median(step[seen]) if seen.any() else 1.0 for step in steps])
        scale = np.maximum(settings.edge_contrast * typical, 1e-6).astype(np.float32)
        smoothing.edge_weights(picture.bands, valid & picture.valid, scale, right, down)
    return right, down


def smooth(planes: Pixels, right: Pixels, down: Pixels, settings: TransitionSettings) -> None:
    """Smooth ``planes`` (plane, row, col) in place between pixels that look alike."""
    for plane in planes:
        given, current, result = plane.copy(), plane.copy(), np.empty_like(plane)
        for _ in range(settings.smoothing_sweeps):
            smoothing.diffuse_once(
                given, current, right, down, np.float32(settings.smoothing_pull), result
            )
            current, result = result, current
        plane[:] = current


def weighed_kinds(
    evidence: Evidence, valid: Mask, reach_px: float, settings: TransitionSettings
) -> Pixels:
    """Probability of each kind of change, (4, row, col); 0 where not valid."""
    kinds = without_rims(evidence.probability, reach_px)
    if settings.kind_prior is not None:  # Bayes: other shares of change than the training had
        shift = np.divide(settings.kind_prior, evidence.prior).astype(np.float32)
        kinds *= shift[:, None, None]
        kinds /= np.maximum(kinds.sum(axis=0), np.float32(1e-30))
    kinds[:, ~valid] = 0.0
    return kinds


def without_rims(evidence: Pixels, reach_px: float) -> Pixels:
    """The evidence (4, row, col) without change narrower than twice the reach and a pixel.

    Grey opening of the probability of change by a disc: rims vanish, wider regions keep their
    extent, straight bars from 2 · ⌊reach⌋ + 1 pixels on. What is taken away goes to *same*, the
    other kinds keep their proportions.
    """
    if reach_px <= 0.0:
        return evidence.copy()
    reach = int(np.ceil(reach_px))
    dr, dc = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    changed = evidence[1:].sum(axis=0)
    opened = ndimage.grey_opening(changed, footprint=dr**2 + dc**2 <= reach_px**2)
    kept = np.divide(opened, changed, out=np.zeros_like(changed), where=changed > 0)
    result = np.empty_like(evidence)
    result[1:] = evidence[1:] * kept
    result[0] = evidence[0] + changed - opened
    return result


def name_codes(
    found: Posteriors, decided: NDArray[np.uint8], settings: TransitionSettings
) -> NDArray[np.uint8]:
    """Working codes (row, col), the likeliest of each pixel's decided kind of change."""
    codes = np.empty(decided.shape, np.uint8)
    for rows in found.strips():
        kernel.name_codes(
            *found.classes(rows), decided[rows], np.array(settings.pair_prior, np.float32),
            np.float32(settings.replaced_prior), codes[rows],
        )  # fmt: skip
    return codes


def decide_kinds(found: Posteriors, settings: TransitionSettings) -> NDArray[np.uint8]:
    """1 + the kind of change of every pixel, (row, col); 0 where not valid."""
    decided = np.empty(found.valid.shape, np.uint8)
    threshold = np.float32(settings.change_threshold)
    kernel.decide_kinds(found.kinds, found.valid, threshold, decided)
    return decided


def least_regions_px(gsd_m: float, settings: TransitionSettings) -> tuple[int, int]:
    """Pixels of the smallest region of one code, and of the smallest of one kind of change."""
    region_px = int(np.ceil(settings.least_side_px**2))
    return region_px, max(region_px, int(np.ceil(settings.least_change_m2 / gsd_m**2)))


def _codes(
    found: Posteriors, gsd_m: float, settings: TransitionSettings
) -> NDArray[np.uint8]:
    """Working codes with the smallest regions given back, 133 for a replaced building.

    Regions of one kind of change first: a hall that rose on a patchwork of beds, paths and grass is
    one region, however small the pieces of what it replaced. Then small pieces inside each kind.
    """
    region_px, change_px = least_regions_px(gsd_m, settings)
    decided = decide_kinds(found, settings)
    least_px = np.full(256, change_px, np.int64)
    least_px[1 + kernel.SAME] = region_px
    region.sieve(decided, least_px, _SIEVE_PASSES)
    codes = name_codes(found, decided, settings)
    piece_px = np.full(256, region_px, np.int64)
    for kind in (kernel.SAME, kernel.GAIN, kernel.LOSS, kernel.OTHER):
        # Each by itself: a small piece joins others of its kind, never the ground around them.
        own = decided == 1 + kind
        pieces = np.where(own, codes, np.uint8(0))
        region.sieve(pieces, piece_px, _SIEVE_PASSES)
        codes[own] = pieces[own]
    return codes


def _supported(codes: NDArray[np.uint8], settings: TransitionSettings) -> Mask:
    """Where a region of change is near enough for weaker change to count, (row, col).

    A change of half a percent over ten hectares of field adds up to 0.05 ha that nobody could
    point at. Where calibrated probabilities stand inside and around a region they stay as they
    are; the tail elsewhere leaves the value and widens the interval upward instead.
    """
    changed = codes // 10 != codes % 10  # so is 133, a building that gave way to another
    if settings.support_px > 0:
        disc = ndimage.generate_binary_structure(2, 1)
        changed = ndimage.binary_dilation(changed, disc, iterations=settings.support_px)
    return np.asarray(changed)


@dataclass(frozen=True, eq=False)
class _Rated:
    """What codes are worth, and what they add up to."""

    probability: Pixels
    """(row, col) of each code."""
    built: Pixels
    """(row, col) of a new building."""
    sums: CellSums
    faint: NDArray[np.float64]
    """(65,); hectares of each outcome where no region of change is near."""


def _rated(
    found: Posteriors, codes: NDArray[np.uint8], counted: Mask,
    row_hectares: NDArray[np.float64], cell_px: int,
) -> _Rated:  # fmt: skip
    """Rate the ``codes`` (row, col) and add up the outcomes of every pixel that is ``counted``."""
    settings = found.settings
    priors = np.array(settings.pair_prior, np.float32), np.float32(settings.replaced_prior)
    probability, built = np.empty(codes.shape, np.float32), np.empty(codes.shape, np.float32)
    cells = tuple(-(-side // cell_px) for side in codes.shape)
    expected, seen = np.zeros((*cells, kernel.OUTCOMES)), np.zeros(cells)
    variance, total_variance = np.zeros(kernel.OUTCOMES), np.zeros(2 * len(TOTALS))
    faint_sums, near = np.zeros(kernel.OUTCOMES), _supported(codes, settings)
    for rows in found.strips(cell_px):
        classes, kinds = found.classes(rows), found.kinds[:, rows].copy()
        faint, hectares = np.empty_like(kinds), row_hectares[rows]
        kernel.quieten(kinds, near[rows], faint)
        kernel.rate_codes(*classes, kinds, codes[rows], *priors, probability[rows], built[rows])
        within = slice(rows.start // cell_px, -(-rows.stop // cell_px))
        kernel.sum_cells(
            *classes, kinds, counted[rows], hectares, cell_px, total_outcomes(), *priors,
            expected[within], seen[within], variance, total_variance,
        )  # fmt: skip
        kernel.sum_outcomes(
            *classes, faint, counted[rows], hectares, *priors, np.float32(_LEAST_FAINT), faint_sums
        )
    sums = CellSums.of(expected, seen, variance, total_variance)
    return _Rated(probability, built, sums, faint_sums)


def _change_map(
    found: Posteriors, grid: Grid, codes: NDArray[np.uint8], inside: Mask
) -> ChangeMap:
    settings = found.settings
    cell_px = max(settings.least_cell_px, round(settings.cell_m / grid.gsd_m))
    rated = _rated(found, codes, inside & (codes > 0), grid.pixel_hectares, cell_px)
    sums = rated.sums
    replaced = codes == _REPLACED_CODE
    gained = (codes % 10 == Cover.BUILDING) & (codes != _STAYED_BUILDING)  # 133 among them
    written = codes.copy()
    written[replaced] = _STAYED_BUILDING
    written[~inside] = 255
    return ChangeMap(
        codes=written,
        probability=np.where(inside, rated.probability, np.float32(0.0)),
        replaced=replaced & inside,
        new_building=gained,
        new_building_probability=rated.built,
        expected_hectares=sums.table,
        replaced_hectares=sums.replaced,
        faint_hectares=rated.faint[: kernel.REPLACED].reshape(8, 8).copy(),
        noise_hectares=sums.noise,
        replaced_noise_hectares=sums.replaced_noise,
        total_noise_hectares=sums.total_noise,
        mirrored_noise_hectares=sums.mirrored_noise,
        cell_px=cell_px,
        seen_hectares=sums.seen,
        aoi_hectares=float(inside.sum(axis=1) @ grid.pixel_hectares),
        grid=grid,
    )
