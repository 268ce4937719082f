"""Alignment → a picture of its displacement field, of its bend and of what its tie points miss.

Only this module of the alignment draws; matplotlib takes a second to load, so import it late.
"""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from landshift.alignment.displacement import Floats
from landshift.alignment.outcome import Alignment
from landshift.raster import Brightness

_WIDTH_IN, _DPI = 10.8, 150
_ARROWS = 18
"""Arrows along the longer side of the picture."""
_LONGEST = 1 / 11
"""Length of the longest arrows, 98 of 100, in parts of the picture's longer side."""
_BACKDROP_PX = 600
_KEPT, _DROPPED, _FIELD = "#0072b2", "#d55e00", "#0072b2"
"""Told apart by people with any colour vision (Okabe & Ito 2008)."""


@dataclass(frozen=True, eq=False)
class _Arrows:
    """Arrows of one panel, metres on the ground; places from the grid's centre."""

    x: Floats
    y: Floats
    east: Floats
    north: Floats
    colour: Any


def quiver_bytes(found: Alignment, reference: Brightness) -> bytes:
    """`draw_quiver` as the bytes of a PNG file."""
    target = BytesIO()
    draw_quiver(found, reference).savefig(target, format="png", dpi=_DPI)
    return target.getvalue()


def draw_quiver(found: Alignment, reference: Brightness) -> Figure:
    """Three panels over the reference picture, each with arrows to a scale of its own.

    Parameters
    ----------
    found
        Not failed.
    reference
        On the grid of ``found``; drawn in grey where the grid's rows run east. Arrows of the
        field are drawn where it shows something.

    Returns
    -------
    Figure
        How far the content must move, that without its mean, and measured less fitted
        displacement of the tie points, kept ones blue and dropped ones orange.
    """
    rows, cols = found.grid.shape
    figure = Figure(
        figsize=(_WIDTH_IN, _WIDTH_IN / 3 * min(max(rows / cols, 0.4), 2.5) + 0.9), dpi=_DPI,
        layout="constrained",
    )  # fmt: skip
    figure.suptitle(_headline(found), fontsize=9)
    panels = figure.subplots(1, 3, sharex=True, sharey=True)
    field, misses = _field_arrows(found, reference.valid), _miss_arrows(found)
    mean = float(field.east.mean()), float(field.north.mean())
    bend = _Arrows(field.x, field.y, field.east - mean[0], field.north - mean[1], _FIELD)
    dropped = int((~found.kept).sum())
    titles = (
        "how far content must move",
        f"the same less its mean ({mean[0]:+.2f} m east, {mean[1]:+.2f} m north)",
        f"tie points: measured less fitted; {len(found.kept) - dropped} kept, {dropped} dropped",
    )
    for axes, title, arrows in zip(panels, titles, (field, bend, misses), strict=True):
        _backdrop(axes, reference)
        _draw(axes, arrows, found)
        axes.set_title(title, fontsize=7.5)
        axes.tick_params(labelsize=6.5)
        axes.set_aspect("equal")
        axes.set_xlabel("metres east of the centre", fontsize=7)
    panels[0].set_ylabel("metres north of the centre", fontsize=7)
    return figure


def _headline(found: Alignment) -> str:
    why = f" ({found.reason})" if found.reason else ""
    uncertainty_m = found.grid.metres_per_unit * found.uncertainty_m
    return (
        f"{found.verdict}{why}: {found.model}, give or take {uncertainty_m:.3g} m; agreement "
        f"{found.agreement_before:.2f} before, {found.agreement_after:.2f} after"
    )


def _from_centre(found: Alignment, row: Floats, col: Floats) -> tuple[Floats, Floats]:
    rows, cols = found.grid.shape
    x, y = found.grid.xy(row, col)
    middle = found.grid.xy(np.array((rows - 1) / 2), np.array((cols - 1) / 2))
    metres = found.grid.metres_per_unit
    return metres * (x - middle[0]), metres * (y - middle[1])


def _displacement_m(found: Alignment, row: Floats, col: Floats) -> tuple[Floats, Floats]:
    """East and north on the ground: a unit of Web Mercator or a foot is no metre."""
    metres = found.grid.metres_per_unit
    east, north = found.displacement(*found.grid.xy(row, col))
    return metres * east, metres * north


def _field_arrows(found: Alignment, seen: NDArray[np.bool_]) -> _Arrows:
    rows, cols = found.grid.shape
    spacing = max(rows, cols) / _ARROWS
    row, col = (
        part.ravel()
        for part in np.meshgrid(
            *((np.arange(max(1, round(n / spacing))) + 0.5) * spacing - 0.5 for n in (rows, cols)),
            indexing="ij",
        )
    )
    shown = seen[
        row.round().astype(int).clip(0, rows - 1), col.round().astype(int).clip(0, cols - 1)
    ]
    if shown.any():
        row, col = row[shown], col[shown]
    east, north = _displacement_m(found, row, col)
    return _Arrows(*_from_centre(found, row, col), east, north, _FIELD)


def _miss_arrows(found: Alignment) -> _Arrows:
    ties, t = found.tie_points, found.grid.transform
    row, col = ties.place.T
    down, right = ties.moved.T
    # The field is given where the reference shows the content, which is the tie point's place.
    east, north = _displacement_m(found, row, col)
    metres = found.grid.metres_per_unit
    east = -metres * (t.a * right + t.b * down) - east
    north = -metres * (t.d * right + t.e * down) - north
    colour = np.where(found.kept, _KEPT, _DROPPED)
    return _Arrows(*_from_centre(found, row, col), east, north, colour)


def _draw(axes: Any, arrows: _Arrows, found: Alignment) -> None:
    length = np.hypot(arrows.east, arrows.north)
    gsd = found.grid.gsd_m
    side = max(found.grid.shape) * gsd
    longest = float(np.quantile(length, 0.98)) if length.size else 0.0
    if longest < 1e-3 * gsd:
        axes.text(0.5, 0.5, "nothing above 0.001 px", transform=axes.transAxes, ha="center",
                  fontsize=8, backgroundcolor="white")  # fmt: skip
        return
    drawn = axes.quiver(
        arrows.x, arrows.y, arrows.east, arrows.north, color=arrows.colour, angles="xy",
        scale_units="xy", scale=longest / (side * _LONGEST), width=0.0035,
    )  # fmt: skip
    shown = _round_down(longest)
    axes.quiverkey(
        drawn, 0.86, 0.04, shown, f"{shown:g} m", coordinates="axes", labelpos="N",
        fontproperties={"size": 7}, color="black",
    )  # fmt: skip


def _round_down(length: float) -> float:
    """The largest of 1, 2 and 5 times a power of ten that is not longer."""
    power = 10.0 ** np.floor(np.log10(length))
    return float(power * max(step for step in (1, 2, 5) if step * power <= length * 1.000001))


def _backdrop(axes: Any, reference: Brightness) -> None:
    t, (rows, cols) = reference.grid.transform, reference.grid.shape
    half = reference.grid.metres_per_unit / 2
    wide, high = half * abs(t.a) * cols, half * abs(t.e) * rows
    if t.b or t.d or t.a < 0 or t.e > 0 or not reference.valid.any():
        return
    step = max(1, max(rows, cols) // _BACKDROP_PX)
    grey: NDArray[np.float32] = reference.pixels[::step, ::step].astype(np.float32)
    seen = reference.valid[::step, ::step]
    if not seen.any():
        return
    low, high_value = np.quantile(grey[seen], [0.02, 0.98])
    axes.imshow(
        np.where(seen, grey, np.nan), cmap="gray", vmin=low, vmax=max(high_value, low + 1e-9),
        extent=(-wide, wide, -high, high), alpha=0.45, interpolation="nearest",
    )  # fmt: skip
