"""From two pictures on one grid to an alignment: coarse guess, refinement, proof, verdict."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from landshift.alignment.blocks import doubt_blocks
from landshift.alignment.coarse import Start, consensus, find_start
from landshift.alignment.displacement import (
    Field,
    Fit,
    Floats,
    Model,
    fit_field,
    fit_trend,
)
from landshift.alignment.drawings import drawn_alike
from landshift.alignment.outcome import Alignment, Verdict
from landshift.alignment.proof import Proof, prove
from landshift.alignment.tie_points import (
    Level,
    Ties,
    Windows,
    lattice_nodes,
    lay_windows,
    measure,
    pyramid,
)
from landshift.grid import Grid
from landshift.raster import Brightness, Raster
from landshift.sensor import Sensor
from landshift.settings import AlignmentSettings

_KEY = np.array([1.0, 1j])
"""Makes one number of a row and a col."""
_STRAIGHT_PX = 1.5
"""Displacement by the first guess's slopes up to which its own windows, cut with a bare shift, are
good enough to go on with, px."""


@dataclass(frozen=True, eq=False)
class _Work:
    """What every step needs."""

    reference: list[Level]
    """From the full picture to the coarsest."""
    moving: list[Level]
    shape: tuple[int, int]
    allowed: Model | None
    settings: AlignmentSettings
    rng: np.random.Generator


def estimate_alignment(reference: Raster, moving: Raster, settings: AlignmentSettings) -> Alignment:
    """Find how far the content of ``moving`` must move to lie on ``reference``, and prove it.

    Both rasters lie on one grid, the moving one where its own georeference puts it. The answer is
    the same for the same input: what is drawn at random is drawn from a fixed seed.
    """
    roles = shared_roles(reference.sensor, moving.sensor)
    return align_brightness(
        brightness_of(reference, roles), brightness_of(moving, roles), settings
    )


def align_brightness(
    reference: Brightness, moving: Brightness, settings: AlignmentSettings
) -> Alignment:
    """The same from one band of each, of the same `shared_roles`."""
    if reference.grid != moving.grid:
        raise ValueError(f"pictures lie on different grids: {reference.grid} and {moving.grid}")
    grid = reference.grid
    side = _window_side(grid.shape, settings)
    if side < settings.least_window_px:
        return Alignment.failed(
            grid, f"the picture is {grid.shape[0]} × {grid.shape[1]} px; "
            f"needed are {2 * settings.least_window_px + 4} px a side",
        )  # fmt: skip
    if not any((a & b).any() for a, b in zip(reference.valid, moving.valid, strict=True)):
        return Alignment.failed(grid, "the pictures have no pixel in common")
    pixels, grounds = (reference.pixels, moving.pixels), _grounds(reference, moving, settings)
    levels = [pyramid(*one, settings.coarse_px) for one in zip(pixels, grounds, strict=True)]
    work = _Work(
        reference=levels[0], moving=levels[1], shape=grid.shape,
        allowed=None if settings.model == "auto" else settings.model,
        settings=settings, rng=np.random.default_rng(20),
    )  # fmt: skip
    start = _start(work, grid)
    if start is None:
        return Alignment.failed(grid, "no part of one picture was found in the other")
    return doubt_blocks(_refined(work, grid, start), reference, moving, settings.blocks)


def _grounds(
    reference: Brightness, moving: Brightness, settings: AlignmentSettings
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Where each picture shows ground, (row, col): neither blank nor drawn over."""
    drawn = drawn_alike(reference, moving, settings.drawings)
    if drawn is None:
        return reference.valid, moving.valid
    grounds = reference.valid & ~drawn, moving.valid & ~drawn
    for ground in grounds:
        ground.flags.writeable = False  # as the pictures' own are: else kernels compile once more
    return grounds


def _window_side(shape: tuple[int, int], settings: AlignmentSettings) -> int:
    """The settings' window, or a smaller even one of which five stand side by side."""
    side = max(settings.least_window_px, min(shape) // 10 * 2)
    return min(settings.window_px, side, (min(shape) - 4) // 4 * 2)


def shared_roles(reference: Sensor, moving: Sensor) -> tuple[str, ...]:
    """Visible bands that both have; all alike is better than more."""
    both = set(reference.bands) & set(moving.bands)
    return tuple(role for role in ("green", "red", "pan") if role in both)


def brightness_of(raster: Raster, roles: tuple[str, ...]) -> Brightness:
    """Mean of the bands with these roles, or of all; the band itself where it is one."""
    chosen = [raster.bands[k] for k in raster.sensor.numbers_of(roles)]
    if len(chosen) == 1:
        return Brightness(np.ascontiguousarray(chosen[0]), raster.valid, raster.grid)
    total: NDArray[np.float32] = chosen[0] + chosen[1]
    for band in chosen[2:]:
        total += band
    total /= np.float32(len(chosen))
    return Brightness(total, raster.valid, raster.grid)


def _start(work: _Work, grid: Grid) -> Start | None:
    reference, moving = work.reference[-1], work.moving[-1]
    rows, cols = reference.image.shape
    most = min(rows, cols) / 2.2
    if work.settings.max_shift_m is not None:
        most = min(most, work.settings.max_shift_m / grid.gsd_m / reference.factor + 1)
    side = _window_side((rows, cols), work.settings)
    return find_start(reference, moving, side, most, work.settings.least_share, work.rng)


def _refined(work: _Work, grid: Grid, start: Start) -> Alignment:
    settings, least = work.settings, work.settings.least_share
    side = _window_side(work.shape, settings)
    tops = lay_windows(work.shape, side, settings.most_windows)
    held = _held_back(tops)
    fit = _descend(work, start, tops[~held], side)
    if fit is None:
        return Alignment.failed(grid, "the first guess was not borne out at full size")
    doubled, blur, lean = _choose_variant(work, fit.field, tops[~held], side)
    windows = Windows(side, 4, doubled, least, True)
    found = _fitted(work, fit.field, tops, held, windows, blur)
    if found is None:
        return Alignment.failed(grid, "too few windows agree at full size")
    fit, ties = found
    if settings.fine_window_px < side and _is_bent(fit.field, work.shape, side, settings):
        blur, windows = 0.0, replace(windows, side=settings.fine_window_px)
        places = lay_windows(work.shape, windows.side, settings.most_fine_windows)
        near_held = _near_held(places, windows.side, tops[held], side)
        for _ in range(2):
            found = _fitted(work, fit.field, places, near_held, windows, blur)
            if found is None:
                break
            fit, ties = found
    proof = prove(
        *_full(work, blur), fit.field, tops[held], Windows(side, side // 4, doubled, least, False),
        settings.agree_px, settings.close_px,
    )  # fmt: skip
    # What the proof holds for is close to it, and surer.
    fit = _fit_all(work, fit, ties, windows.side)
    middle = (np.array(work.shape) - 1) / 2
    moved_m = float(np.hypot(*fit.field.at(*middle))) * grid.gsd_m
    verdict, reason = judge(proof, fit.field.model, start, moved_m, settings)
    if verdict == "failed":
        return Alignment.failed(grid, reason, ties, fit.kept)
    far_px = _far_px(work, side, len(tops))
    unsure = partial(
        _uncertainty, fit, lean_px=None if blur == 0 else lean, far_px=far_px, settings=settings
    )
    outcome = _outcome(grid, fit, ties, proof, verdict, reason, unsure)
    return _doubted(work, outcome, far_px) if verdict == "good" else outcome


def _full(work: _Work, blur_px: float) -> tuple[Level, Level]:
    """Both full pictures, to be looked at with this blur."""
    reference, moving = (
        replace(levels[0], blur_px=blur_px) for levels in (work.reference, work.moving)
    )
    return reference, moving


def _fitted(
    work: _Work, field: Field, tops: NDArray[np.int64], held: NDArray[np.bool_], windows: Windows,
    blur_px: float,
) -> tuple[Fit, Ties] | None:  # fmt: skip
    """A new fit to windows cut where ``field`` says, and the tie points of all windows.

    The fit leaves out those that are ``held`` back (n,).
    """
    ties, _ = measure(*_full(work, blur_px), field, tops, windows)
    # What lies farther off was matched by mistake: the field has converged to within this.
    near = ties.where(np.hypot(*ties.miss.T) < work.settings.near_px)
    centre = tops[held] + (windows.side - 1) / 2
    own = ~np.isin(near.place @ _KEY, centre @ _KEY)
    fit = _fit(work, near.where(own), field, windows.side)
    return None if fit is None else (fit, near)


def _fit_all(work: _Work, proved: Fit, ties: Ties, side: int) -> Fit:
    """The proved field's kind of field through all tie points, the held-back windows' too.

    A fourth more of them: 7 % less error under noise (the score's kind noise2, seeds 400-447).
    """
    return fit_field(
        work.shape, proved.field, ties.place, ties.moved, ties.spread, side / 2, work.allowed,
        work.settings.field, like=proved.field,
    )  # fmt: skip


def _is_bent(
    field: Field, shape: tuple[int, int], side: int, settings: AlignmentSettings
) -> bool:
    """Whether windows of ``side`` px are too large to follow the field."""
    if field.model != "field" or field.reach_px >= settings.bent_windows * side:
        return False
    row, col = (np.linspace(0, n - 1, 12) for n in shape)
    moved = field.on_lattice(row, col).reshape(2, -1).T
    place = np.stack(np.meshgrid(row, col, indexing="ij"), axis=-1).reshape(-1, 2)
    flat = fit_trend(shape, place, moved, np.ones(len(place)))
    bend = moved - flat.at(place[:, 0], place[:, 1]).T
    return bool(np.sqrt(np.mean(np.sum(bend**2, axis=1))) > settings.bent_px)


def _doubted(work: _Work, found: Alignment, far_px: float) -> Alignment:
    """The same, called doubtful where too much of it is unsure or lies beyond all tie points."""
    settings = work.settings
    limit = settings.unsure_px * float(np.sqrt(abs(found.grid.transform.determinant)))
    unsure = float(np.mean(found.uncertainty_lattice_m[_seen_nodes(work, found)] > limit))
    if unsure > settings.most_unsure_share:
        where = f"in {unsure:.0%} of the picture"
        reason = f"uncertain by more than {settings.unsure_px:.1f} px {where}"
        return replace(found, verdict="doubtful", reason=reason)
    beyond = _beyond_share(work, found, far_px)
    if found.model != "shift" and beyond > settings.most_unsure_share:
        reason = f"{beyond:.0%} of the picture lies beyond all tie points"
        return replace(found, verdict="doubtful", reason=reason)
    return found


def _seen_nodes(work: _Work, found: Alignment) -> NDArray[np.bool_]:
    """Nodes of the lattice where both pictures show something; all, where they do at none."""
    seen = work.reference[0].valid & work.moving[0].valid
    row, col = (
        np.minimum(np.arange(nodes) * round(found.lattice_step_px), side - 1)
        for nodes, side in zip(found.uncertainty_lattice_m.shape, seen.shape, strict=True)
    )
    shown = seen[np.ix_(row, col)]
    return shown if shown.any() else np.ones_like(shown)


def _far_px(work: _Work, side: int, windows: int) -> float:
    """Distance from any tie point beyond which a slope or a bend is extrapolated, px."""
    spacing = float(np.sqrt(np.prod(work.shape) / max(1, windows)))
    return work.settings.uncertainty.far_windows * max(side, spacing)


def _beyond_share(work: _Work, found: Alignment, far_px: float) -> float:
    """Share of what both pictures show that lies far from any tie point."""
    rows, cols = found.grid.shape
    step = max(1, max(rows, cols) // 64)
    seen = work.reference[0].valid[::step, ::step] & work.moving[0].valid[::step, ::step]
    places = np.argwhere(seen) * float(step)
    if len(places) == 0:
        return 0.0
    gap, _ = cKDTree(found.tie_points.place[found.kept]).query(places)
    return float(np.mean(gap > far_px))


def _held_back(tops: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(n,) every fifth window, in a slanted pattern that leaves no row or column out."""
    _, row = np.unique(tops[:, 0], return_inverse=True)
    _, col = np.unique(tops[:, 1], return_inverse=True)
    return np.asarray((row + 2 * col) % 5 == 2)


def _near_held(
    tops: NDArray[np.int64], side: int, held: NDArray[np.int64], held_side: int
) -> NDArray[np.bool_]:
    """(n,) windows whose centre lies inside the middle half of a held-back window."""
    centre, middle = tops + side / 2, held + held_side / 2
    gap = np.abs(centre[:, None] - middle[None]).max(axis=2)
    return np.asarray(gap.min(axis=1) <= held_side / 5)


def _descend(work: _Work, start: Start, tops: NDArray[np.int64], side: int) -> Fit | None:
    """Follow the start from level to level to the full picture; fit a field there."""
    field, agreed = start.field, None
    last = len(work.reference) - 1
    ties = start.ties
    if last == 0 and np.abs(field.trend[:, 1:]).sum(axis=1).max() < _STRAIGHT_PX:
        return _fit(work, _unrivalled(ties, work.settings), field, side)
    for index in range(max(last - 1, 0), -1, -1):
        reference, moving = work.reference[index], work.moving[index]
        rows, cols = reference.image.shape
        places = lay_windows((rows, cols), side, 150) if index else tops[:: len(tops) // 160 + 1]
        windows = Windows(side, side // 4, start.doubled, work.settings.least_share, False)
        ties, _ = measure(reference, moving, field, places, windows)
        agreed = consensus(work.shape, ties, 4.0 * reference.factor, work.rng)
        if agreed is None:
            return None
        field = agreed.field
    assert agreed is not None
    return _fit(work, _unrivalled(ties.where(agreed.agreeing), work.settings), field, side)


def _unrivalled(ties: Ties, settings: AlignmentSettings) -> Ties:
    """Those with one clear peak, or all where these are too few."""
    near = ties.where(ties.rival < settings.most_rival)
    return ties if len(near) < 4 else near


def _fit(work: _Work, ties: Ties, field: Field, side: int) -> Fit | None:
    if len(ties) < 4:
        return None
    agreed = consensus(work.shape, ties, 4.0, work.rng)
    start = field if agreed is None else agreed.field
    return fit_field(
        work.shape, start, ties.place, ties.moved, ties.spread, side / 2, work.allowed,
        work.settings.field,
    )  # fmt: skip


def _choose_variant(
    work: _Work, field: Field, tops: NDArray[np.int64], side: int
) -> tuple[bool, float, float]:
    """Whether to double phasors, and the blur, px: what promises the least error of the whole.

    Last how far sharp and blurred tie points lie apart as a whole, px.
    """
    some = tops[:: len(tops) // 48 + 1]

    def seen(doubled: bool, blur_px: float) -> Ties:
        windows = Windows(side, 4, doubled, work.settings.least_share, True)
        return measure(*_full(work, blur_px), field, some, windows)[0]

    sharp = seen(False, 0.0), seen(True, 0.0)
    doubled = _scatter(sharp[1]) < _scatter(sharp[0])
    settings = work.settings
    soft = seen(doubled, settings.blur_px)
    # Sharp tie points all lean the same way, of which their scatter says nothing.
    most = np.hypot(settings.blurred_scatter * _scatter(sharp[doubled]), settings.lean_px)
    noise, blur_px = _scatter(soft), 0.0
    if noise < most:
        blur_px = settings.blur_px if noise < settings.lean_px else settings.noisy_blur_px
    return doubled, blur_px, _lean(sharp[doubled], soft)


def _lean(sharp: Ties, soft: Ties) -> float:
    """Radial distance between two looks at the same windows, px, less what their scatter makes."""
    key, soft_key = (ties.place[:, 0] + 1j * ties.place[:, 1] for ties in (sharp, soft))
    _, one, other = np.intersect1d(key, soft_key, return_indices=True)
    if len(one) < 4:
        return 0.0
    apart = soft.miss[other] - sharp.miss[one]
    off = np.abs(apart - np.median(apart, axis=0))
    near = (off <= 6 * np.median(off, axis=0) + 1e-9).all(axis=1)  # four deviations
    weight = (1 / np.sum(soft.spread[other][near] ** 2, axis=1))[:, None]
    weight = weight / weight.sum()
    whole = (weight * apart[near]).sum(axis=0)
    noise = (weight * (apart[near] - whole)) ** 2
    return float(np.sqrt(max(0.0, float(np.sum(whole**2) - noise.sum()))))


def _scatter(ties: Ties) -> float:
    """Deviation that the mean of all tie points would have, by their misfit and their spread."""
    if len(ties) < 4:
        return 1e3
    weight = 1 / ties.spread**2
    middle = np.average(ties.miss, axis=0, weights=weight)
    off = np.abs(ties.miss - middle) / ties.spread
    unit = float(np.median(off)) / 0.674
    return unit / float(np.sqrt(weight.sum()))


def judge(
    proof: Proof, model: Model, start: Start, moved_m: float, settings: AlignmentSettings
) -> tuple[Verdict, str]:
    """Verdict and reason; see `AlignmentSettings` for each limit."""
    closely = f"of them within {settings.close_px} px"
    found = f"{proof.agreeing} of {proof.compared} held-back windows agree, {proof.close} {closely}"
    if proof.compared < 3:
        return "failed", f"only {proof.compared} held-back windows are seen in both pictures"
    needed = max(3, int(np.ceil(settings.fail_share * proof.compared)))
    if proof.close < settings.fail_close or (
        proof.agreeing < needed and proof.close < settings.close_any
    ):
        return "failed", f"{found}; needed are {needed}, {settings.fail_close} {closely}"
    if settings.max_shift_m is not None and moved_m > settings.max_shift_m:
        most = settings.max_shift_m
        return "failed", f"best shift {moved_m:.1f} m exceeds max_shift_m {most:.1f}"
    if not proof.agreement_after > proof.agreement_before - settings.worse_agreement:
        return "failed", (
            f"agreement falls from {proof.agreement_before:.2f} to {proof.agreement_after:.2f}"
        )
    if proof.share < settings.doubt_share or proof.close < settings.close_count:
        return "doubtful", (
            f"{found}; good are {settings.doubt_share:.0%}, {settings.close_count} {closely}"
        )
    # A shift found in one part says more of the others than a slope or a bend does.
    least = settings.doubt_spread_shift if model == "shift" else settings.doubt_spread
    if proof.spread_share < least:
        return "doubtful", f"{found}, all in {proof.spread_share:.0%} of the picture's parts"
    if start.rival > settings.most_rival or proof.rival > settings.most_rival:
        return "doubtful", "the ground repeats itself: another shift fits nearly as well"
    return "good", ""


def _outcome(
    grid: Grid, fit: Fit, ties: Ties, proof: Proof, verdict: Verdict, reason: str,
    unsure_px: Callable[[Floats, Floats], Floats],
) -> Alignment:  # fmt: skip
    field = fit.field
    step = _lattice_step(field, grid.shape)
    rows, cols = lattice_nodes(grid.shape, step)
    down, right = field.on_lattice(rows, cols)
    t = grid.transform
    lattice = np.stack([-(t.a * right + t.b * down), -(t.d * right + t.e * down)])
    pixel = float(np.sqrt(abs(t.determinant)))
    unsure = unsure_px(rows, cols) * pixel
    return Alignment(
        grid=grid, model=field.model, lattice_m=lattice.astype(np.float32),
        uncertainty_lattice_m=unsure.astype(np.float32), lattice_step_px=float(step),
        residual_rms_m=proof.residual_px * pixel, agreement_before=proof.agreement_before,
        agreement_after=proof.agreement_after, tie_points=ties, kept=fit.kept, verdict=verdict,
        reason=reason,
    )  # fmt: skip


def _lattice_step(field: Field, shape: tuple[int, int]) -> int:
    """Pixels between nodes: a trend needs few, a smooth part ten to its correlation length."""
    if field.strength <= 0:
        return max(8, max(shape) // 16)
    return int(np.clip(field.reach_px / 12, 4, 32))


def _uncertainty(
    fit: Fit, rows: Floats, cols: Floats, lean_px: float | None, far_px: float,
    settings: AlignmentSettings,
) -> Floats:  # fmt: skip
    """Radial deviation (row, col), px: the tie points' scatter, what they share, aliasing.

    ``lean_px`` is how far blurred tie points lie from sharp ones; None says that sharp ones rule.
    From half of ``far_px`` off any tie point grows what none of them would have told: a bend too
    faint to be looked for.
    """
    field = fit.field
    every = max(1, len(rows) // 12), max(1, len(cols) // 12)
    few = [np.unique(np.r_[a[::k], a[-1]]) for a, k in zip((rows, cols), every, strict=True)]
    row, col = np.meshgrid(*few, indexing="ij")
    variance = (field.deviation(row, col) ** 2).sum(axis=0)
    if field.model != "shift":
        gap, _ = cKDTree(field.places).query(np.stack([row, col], axis=-1))
        # nearer lies the rim, which no window's centre reaches
        beyond = np.maximum(gap - far_px / 2, 0.0) / (2 * field.half_px / settings.field.shortest)
        unnoticed = 2 * settings.field.faintest * field.noise_px**2
        variance += unnoticed * (1 - np.exp(-0.5 * beyond**2))
    inner = np.stack([np.interp(cols, few[1], line) for line in variance])
    variance = np.stack([np.interp(rows, few[0], line) for line in inner.T], axis=1)
    said = settings.uncertainty
    common = said.common_sharp if lean_px is None else said.common
    if field.strength > 0:
        common = said.common_in_field
    lean = (said.aliasing_kept * (lean_px or 0.0)) ** 2
    variance = variance * (1 + said.aliasing_on_slopes * lean / field.noise_px**2)
    return np.sqrt(variance + (common * field.noise_px) ** 2 + said.aliasing_px**2 + lean)
