"""SiteReport → one figure for an article: before, after, what changed, and how many hectares."""

from __future__ import annotations

import math
from collections.abc import Sequence
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from matplotlib import font_manager
from matplotlib import patheffects as effects
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.legend_handler import HandlerTuple
from matplotlib.lines import Line2D
from matplotlib.patches import Patch as Swatch
from matplotlib.patches import PathPatch
from matplotlib.path import Path

from landshift.change_kinds import CHANGE_KINDS, KIND_OF_CODE, ChangeKind
from landshift.encoding import png_bytes
from landshift.ground import extent_m, round_length_m, to_local_metres, true_north_deg
from landshift.legend import NOT_SEEN, Cover
from landshift.patches import Patch, find_unseen
from landshift.preview import Preview
from landshift.report import ImageRecord, SiteReport
from landshift.wording import (
    TOTAL_WORDS,
    VERDICT_WORDS,
    fold_small,
    folded_words,
    seen_words,
    transition_words,
    unoutlined_words,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from landshift.area import Hectares

_WIDTH_IN = 7.2
"""Two columns of a journal page."""
_DPI = 300
_SCREEN_DPI = 120
_MOST_PANEL_RATIO = 1.35
"""Height over width of a panel beyond which a page would not hold two of them."""
_LEAST_PANEL_RATIO = 0.55
_MARGIN_SHARE = 0.06
"""Ground shown around the aoi, in parts of its longer side."""
_MOST_LABELS = 40
"""Buildings that carry a number, where it has room; all are outlined."""
_APART_PT = 2.0
"""Least room between two numbers: closer, 31 beside 29 reads as one of four digits."""
_MOST_ROWS = 12
"""Rows of the chart of hectares."""
_ROW_IN = 0.27
"""Most height of a row: the chart fills its panel, but the eye must not lose the row across it."""
_SMALL, _TEXT, _LARGE = 6.5, 7.5, 10.0
_LEFT, _RIGHT, _WIDE = 0.02, 0.51, 0.47
"""Left edges of both columns of panels, and their width, in parts of the figure's."""
_LEAST_BAR_IN = 0.45
"""Shorter scale bars than their words are avoided, where thin ground has room for that."""
_FONTS = (
    "DejaVu Sans", "Noto Sans CJK KR", "NanumGothic", "Malgun Gothic", "Apple SD Gothic Neo",
    "Arial Unicode MS",
)  # fmt: skip
"""Tried in this order for every letter, so that a Korean name is not a row of boxes."""
_HATCHES = {
    "rising": "////", "falling": "\\\\\\\\", "crossed": "xxxx", "level": "----",
    "upright": "||||", "grid": "++++", "dots": "....", "none": "",
}  # fmt: skip
_CUT = (0, (3, 1.5))
"""Dashes of an outline that a cloud or the pictures' edge cuts."""
_HALO = [effects.withStroke(linewidth=1.6, foreground="white")]
_OUTLINE = [effects.withStroke(linewidth=2.0, foreground="black")]


class SiteFigure(Figure):
    """A figure that a notebook shows without pyplot."""

    def _repr_png_(self) -> bytes:
        target = BytesIO()
        self.savefig(target, format="png", dpi=_SCREEN_DPI)
        return target.getvalue()


def draw(report: SiteReport, patches: Sequence[Patch]) -> SiteFigure:
    """The figure of one comparison, 7.2 inches wide.

    Panels a and b show both dates, c the changes over the dimmed after picture, d the hectares
    with their 90 % intervals and the legend.
    """
    frame = _frame(report)
    ratio = (frame[3] - frame[2]) / (frame[1] - frame[0])
    panel_in = 0.47 * _WIDTH_IN * min(max(ratio, _LEAST_PANEL_RATIO), _MOST_PANEL_RATIO)
    missed = unoutlined_words(patches, report.buildings, report.changes.grid, report.settings)
    height_in = 2 * panel_in + 1.42 + (0.1 if missed else 0.0)
    figure = SiteFigure(figsize=(_WIDTH_IN, height_in), dpi=_DPI)
    top, gap = 1 - 0.69 / height_in, 0.3 / height_in
    tall = panel_in / height_in
    panels = [
        figure.add_axes((x, y, _WIDE, tall))
        for y in (top - tall, top - 2 * tall - gap) for x in (_LEFT, _RIGHT)
    ]  # fmt: skip
    _title(figure, report, height_in)
    _picture(panels[0], report, report.before_picture, frame)
    _caption(panels[0], "a", "before", report.before)
    _picture(panels[1], report, report.after_picture, frame)
    _caption(panels[1], "b", "after", report.after)
    kinds = _changes(panels[2], report, patches, frame)
    for panel in panels[:3]:
        _scale_bar(panel, frame, panel_in)
    _north_arrow(panels[0], report)
    numbered, count = _numbers(figure, panels[2], report), len(report.buildings)
    told = f" · {numbered} of {count} new buildings numbered" if numbered < count else ""
    _caption(panels[2], "c", f"changes{told}", None)
    _hectares_and_legend(panels[3], report, kinds)
    _footnote(figure, report, missed, height_in)
    return figure


def draw_bytes(report: SiteReport, patches: Sequence[Patch], kind: str) -> bytes:
    """The figure as the bytes of a ``png`` (300 dpi), ``svg`` or ``pdf`` file."""
    figure = draw(report, patches)
    if kind == "png":  # matplotlib's own way keeps an alpha that nothing needs, and is slower
        canvas = FigureCanvasAgg(figure)
        canvas.draw()  # type: ignore[no-untyped-call]  # matplotlib has no types for these two
        drawn = np.asarray(canvas.buffer_rgba())  # type: ignore[no-untyped-call]
        return png_bytes(drawn[..., :3], _DPI)
    target = BytesIO()
    undated = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}[kind]
    figure.savefig(target, format=kind, dpi=_DPI, metadata=undated)
    return target.getvalue()


def _frame(report: SiteReport) -> tuple[float, float, float, float]:
    """Left, right, bottom, top of what is shown, local metres: the aoi and a rim, or everything."""
    grid = report.changes.grid
    whole = extent_m(grid, grid)
    if report.outline is None:
        return whole
    west, south, east, north = to_local_metres(report.outline, grid).bounds
    rim = _MARGIN_SHARE * max(east - west, north - south)
    return (
        max(west - rim, whole[0]), min(east + rim, whole[1]),
        max(south - rim, whole[2]), min(north + rim, whole[3]),
    )  # fmt: skip


def _text(where: Any, x: float, y: float, words: str, size: float = _TEXT, **style: Any) -> Any:
    """Text that is taken as it stands: a dollar sign in a name begins no formula."""
    family = [name for name in _FONTS if name in _installed()] or ["sans-serif"]
    return where.text(x, y, words, fontsize=size, parse_math=False, fontfamily=family, **style)


def _fit(text: Any, most_in: float) -> None:
    """Make words smaller, and then fewer, until they take no more than ``most_in`` inches."""
    figure, whole = text.figure, text.get_text()
    renderer = FigureCanvasAgg(figure).get_renderer()  # type: ignore[no-untyped-call]

    def fits() -> bool:
        return bool(text.get_window_extent(renderer).width <= most_in * figure.dpi)

    while not fits() and text.get_fontsize() > _SMALL:
        text.set_fontsize(max(text.get_fontsize() - 0.5, _SMALL))
    for length in range(len(whole) - 1, 0, -1):
        if fits():
            return
        text.set_text(whole[:length].rstrip() + "…")


def _installed() -> set[str]:
    return {font.name for font in font_manager.fontManager.ttflist}


def _title(figure: Figure, report: SiteReport, height_in: float) -> None:
    name = report.site.name or report.site.id
    title = _text(figure, 0.02, 1 - 0.09 / height_in, name[:150], _LARGE, weight="bold", va="top")
    _fit(title, (1 - 2 * _LEFT) * _WIDTH_IN)
    of = "site" if report.site.aoi else "the pictures' overlap"
    words = (
        f"{report.changes.aoi_hectares:.{report.decimals}f} ha of {of}, "
        f"{seen_words(report.seen_share)} of it seen on both dates; "
        f"{VERDICT_WORDS[report.alignment.verdict]}; {VERDICT_WORDS[report.fitness.verdict]}"
    )
    _text(figure, 0.02, 1 - 0.29 / height_in, words, _TEXT, va="top", color="0.25")


def _picture(
    axes: Axes, report: SiteReport, picture: Preview, frame: tuple[float, float, float, float],
    dimmed: bool = False,
) -> None:  # fmt: skip
    rgb = picture.rgba[..., :3]
    if dimmed:
        grey = rgb.mean(axis=2, keepdims=True)
        rgb = (125 + 0.5 * (0.75 * grey + 0.25 * rgb)).astype(np.uint8)
    shown = np.dstack([rgb, picture.rgba[..., 3]])
    axes.set_facecolor("0.8")
    axes.imshow(
        shown, extent=extent_m(picture.grid, report.changes.grid), interpolation="antialiased"
    )
    axes.set(xlim=frame[:2], ylim=frame[2:], xticks=[], yticks=[])
    # thin ground begins where its caption does, and leaves that the room beside it
    axes.set_aspect("equal", adjustable="box", anchor="NW")
    for spine in axes.spines.values():
        spine.set_linewidth(0.5)
    if report.outline is not None:
        outline = _path(to_local_metres(report.outline, report.changes.grid))
        # add_artist here and below: add_patch would measure every curve for limits that are set
        for colour, width in (("black", 1.6), ("white", 0.8)):
            axes.add_artist(
                PathPatch(outline, facecolor="none", edgecolor=colour, linewidth=width,
                          linestyle=(0, (4, 2)) if colour == "white" else "solid")
            )  # fmt: skip


def _caption(axes: Axes, letter: str, what: str, image: ImageRecord | None) -> None:
    words = f"{letter}  {what}"
    if image is not None:
        sensor = image.sensor.split(" (")[0]
        known = "" if sensor == "unknown" else f", {sensor}"
        words += f" · {image.date or 'date unknown'}{known}, {image.gsd_m:.2g} m"
    _fit(
        _text(axes, 0.0, 1.015, words, _TEXT, transform=axes.transAxes, va="bottom", weight="bold"),
        _WIDE * _WIDTH_IN,
    )


def _path(geometry: Any) -> Path:
    """Every ring of a polygon or many as one path, holes cut out by their direction."""
    paths = []
    for polygon in shapely.get_parts(geometry):
        turned = shapely.geometry.polygon.orient(polygon)
        for ring in (turned.exterior, *turned.interiors):
            paths.append(Path(np.asarray(ring.coords), closed=True))
    return Path.make_compound_path(*paths)


def _hatched(kind: ChangeKind) -> dict[str, Any]:
    red, green, blue = (part / 255 for part in kind.colour)
    dark = 0.3 * red + 0.59 * green + 0.11 * blue < 0.45
    lines = (1.0, 1.0, 1.0, 0.8) if dark else (0.0, 0.0, 0.0, 0.65)
    return {
        "facecolor": (red, green, blue, 0.9 * kind.strength), "hatch": _HATCHES[kind.hatch],
        "edgecolor": lines, "linewidth": 0.0,
    }  # fmt: skip


_UNSEEN_STYLE: dict[str, Any] = {
    "facecolor": (0.55, 0.55, 0.55, 0.75), "edgecolor": (1, 1, 1, 0.8), "hatch": "oo",
    "linewidth": 0.0,
}  # fmt: skip


def _changes(
    axes: Axes, report: SiteReport, patches: Sequence[Patch],
    frame: tuple[float, float, float, float],
) -> list[ChangeKind]:  # fmt: skip
    """Draw changes and buildings; the kinds that are there, in the legend's order."""
    grid = report.changes.grid
    _picture(axes, report, report.after_picture, frame, dimmed=True)
    unseen = find_unseen(report.changes)
    if unseen:
        path = _path(to_local_metres(shapely.MultiPolygon(unseen), grid))
        axes.add_artist(PathPatch(path, **_UNSEEN_STYLE))
    of_kind: dict[str, list[Any]] = {}
    for patch in patches:
        of_kind.setdefault(KIND_OF_CODE[patch.code].key, []).append(patch.polygon)
    kinds = [kind for kind in CHANGE_KINDS if kind.key in of_kind]
    for kind in kinds:
        path = _path(to_local_metres(shapely.MultiPolygon(of_kind[kind.key]), grid))
        axes.add_artist(PathPatch(path, **_hatched(kind)))
    for building in report.buildings:
        outline = _path(to_local_metres(building.outline, grid))
        lines: list[tuple[str, float, Any]] = [("black", 0.9, "solid")]
        if building.part_unseen:
            lines = [("white", 1.6, "solid"), ("black", 1.2, _CUT)]
        for colour, width, style in lines:
            axes.add_artist(
                PathPatch(outline, facecolor="none", edgecolor=colour, linewidth=width,
                          linestyle=style)
            )  # fmt: skip
    return kinds


def _numbers(figure: Figure, axes: Axes, report: SiteReport) -> int:
    """Number buildings, the largest first, where no words stand yet; how many have room for it."""
    axes.apply_aspect()
    renderer = FigureCanvasAgg(figure).get_renderer()  # type: ignore[no-untyped-call]
    panel = axes.get_window_extent(renderer)
    taken = [words.get_window_extent(renderer) for words in axes.texts]
    numbered = 0
    for number, building in enumerate(report.buildings[:_MOST_LABELS], 1):
        ring = to_local_metres(building.outline, report.changes.grid).exterior.coords
        # beside the building, so that the roof stays in sight: above, below, right, left
        for axis, sign in ((1, 1), (1, -1), (0, 1), (0, -1)):
            corner = max(ring, key=lambda point: sign * point[axis])
            words = axes.annotate(
                str(number), corner, xytext=(1.5 * sign * (axis == 0), 1.5 * sign * (axis == 1)),
                textcoords="offset points", fontsize=_SMALL, weight="bold", path_effects=_HALO,
                ha="center" if axis else ("left" if sign > 0 else "right"),
                va="center" if not axis else ("bottom" if sign > 0 else "top"),
            )  # fmt: skip
            box = words.get_window_extent(renderer).padded(_APART_PT / 144 * figure.dpi)
            inside = panel.x0 <= box.x0 and box.x1 <= panel.x1 and panel.y0 <= box.y0
            if inside and box.y1 <= panel.y1 and not any(map(box.overlaps, taken)):
                taken.append(box)
                numbered += 1
                break
            words.remove()
    return numbered


def _scale_bar(
    axes: Axes, frame: tuple[float, float, float, float], panel_in: float
) -> None:
    wide, tall = frame[1] - frame[0], frame[3] - frame[2]
    inch_m = max(wide / (_WIDE * _WIDTH_IN), tall / panel_in)
    length = round_length_m(min(max(0.3 * wide, 1.5 * _LEAST_BAR_IN * inch_m), 0.9 * wide))
    x, y = frame[0] + max(0.04 * wide, 0.03 * inch_m), frame[2] + 0.08 * inch_m
    axes.plot([x, x + length], [y, y], color="white", linewidth=2.2, solid_capstyle="butt",
              path_effects=_OUTLINE_BAR)  # fmt: skip
    words = f"{length:g} m" if length < 1000 else f"{length / 1000:g} km"
    short = length < _LEAST_BAR_IN * inch_m
    _text(axes, x if short else x + length / 2, y + 0.05 * inch_m, words, _TEXT, color="white",
          ha="left" if short else "center", va="bottom", path_effects=_OUTLINE,
          # the site's own outline may run behind the words
          bbox={"facecolor": (0, 0, 0, 0.45), "edgecolor": "none", "pad": 1.2})  # fmt: skip


_OUTLINE_BAR = [effects.withStroke(linewidth=3.6, foreground="black")]


def _north_arrow(axes: Axes, report: SiteReport) -> None:
    """Toward true north, which in a UTM zone lies up to some degrees off the picture's up."""
    turn = true_north_deg(report.changes.grid)
    if turn is None:
        return
    east, north = math.sin(math.radians(turn)), math.cos(math.radians(turn))
    foot, reach_pt = (0.94, 0.86), 20.0
    axes.annotate(
        "", xy=foot, xycoords="axes fraction", xytext=(-east * reach_pt, -north * reach_pt),
        textcoords="offset points",
        arrowprops={"arrowstyle": "-|>,head_width=0.28,head_length=0.55", "color": "white",
                    "linewidth": 1.4, "path_effects": _OUTLINE, "shrinkA": 0, "shrinkB": 0},
    )  # fmt: skip
    axes.annotate(
        "N", xy=foot, xycoords="axes fraction", xytext=(east * 6, north * 6), ha="center",
        va="center", textcoords="offset points", color="white", fontsize=_TEXT, weight="bold",
        path_effects=_OUTLINE,
    )  # fmt: skip


def _hectares_and_legend(axes: Axes, report: SiteReport, kinds: Sequence[ChangeKind]) -> None:
    axes.axis("off")
    rows, small = _rows(report)
    _text(axes, 0.03, 1.015, "d  hectares with 90 % interval", _TEXT, weight="bold",
          transform=axes.transAxes, va="bottom")  # fmt: skip
    handles: list[Any] = [Swatch(label=kind.label, **_hatched(kind)) for kind in kinds]
    cut = [building.part_unseen for building in report.buildings]
    if cut:
        handles.append(Swatch(label="new building, by number", facecolor="none", edgecolor="black"))
    if any(cut):
        handles.append(
            Swatch(label="the same, seen in part", facecolor="none", edgecolor="black",
                   linestyle=_CUT)
        )  # fmt: skip
    if (report.changes.codes == NOT_SEEN).any():
        handles.append(Swatch(label="not seen on both dates", **_UNSEEN_STYLE))
    labels = [one.get_label() for one in handles]
    if report.outline is not None:
        line = Line2D([], [], color="black", linewidth=1.6)
        handles.append((line, Line2D([], [], color="white", linestyle=(0, (4, 2)), linewidth=0.8)))
        labels.append("site")
    legend_rows = -(-len(handles) // 2)
    height_in = axes.get_position().height * axes.figure.get_figheight()  # type: ignore[union-attr]
    share = max(1 - (0.16 * legend_rows + 0.2) / height_in, 0.35)
    lines = len(rows) + bool(small)
    share = min(share, _ROW_IN * lines / height_in)
    chart = axes.inset_axes((0.0, 1 - share, 1.0, share))
    _chart(chart, rows, small, report.decimals)
    axes.legend(
        handles, labels, handler_map={tuple: HandlerTuple(ndivide=1)},
        loc="lower left", bbox_to_anchor=(0.02, -0.02), ncols=2, frameon=False,
        fontsize=_SMALL, handlelength=1.9, handleheight=1.3, columnspacing=1.4,
        handletextpad=0.5, borderpad=0.0, labelspacing=0.45,
    )  # fmt: skip


def _rows(report: SiteReport) -> tuple[list[tuple[str, Hectares, bool]], list[Hectares]]:
    """Rows of words, hectares, and whether it is a total; and what stands together below them.

    Totals come first, then the largest pairs. Where there is no room for all, what became a
    building or was one, which is what is asked about, goes before larger pairs of other ground.
    """
    totals = [
        (words, report.totals[key], True)
        for key, words in TOTAL_WORDS.items() if key in report.totals
    ]  # fmt: skip
    shown, small = fold_small(report.transitions, report.settings["area"])
    room = _MOST_ROWS - len(totals)
    if len(shown) + bool(small) > room:
        by_rank = sorted(shown, key=lambda pair: Cover.BUILDING not in (pair.before, pair.after))
        kept = by_rank[: room - 1]
        shown, small = [pair for pair in shown if pair in kept], [*by_rank[room - 1 :], *small]
    pairs = [(transition_words(pair), pair.hectares, False) for pair in shown]
    return [*totals, *pairs], [pair.hectares for pair in small]


def _chart(
    axes: Axes, rows: Sequence[tuple[str, Hectares, bool]], small: Sequence[Hectares],
    decimals: int,
) -> None:  # fmt: skip
    axes.axis("off")
    most = max((hectares.high for _, hectares, _ in rows), default=0.0) or 1.0
    axes.set(xlim=(0, 1), ylim=(len(rows) + bool(small), 0))
    if small:
        y, (told, together) = len(rows) + 0.5, folded_words(small, "other changes", decimals)
        _text(axes, 0.03, y, told, _SMALL, va="center", color="0.35")
        _text(axes, 1.0, y, together, _SMALL, va="center", ha="right", color="0.35")
    left, wide = 0.42, 0.26

    def at(value: float) -> float:
        return left + wide * value / most

    for row, (words, hectares, total) in enumerate(rows):
        y, weight = row + 0.5, "bold" if total else "normal"
        colour = "black" if total else "0.35"
        _text(axes, 0.03, y, words, _SMALL, va="center", weight=weight, color=colour)
        axes.plot([left, left + wide], [y, y], color="0.88", linewidth=0.5, zorder=0)
        axes.plot([at(hectares.low), at(hectares.high)], [y, y], color=colour, linewidth=1.6,
                  solid_capstyle="butt")  # fmt: skip
        axes.plot([at(hectares.value)], [y], "o", color=colour, markersize=3.2)
        value, *ends = (
            f"{one:.{decimals}f}" for one in (hectares.value, hectares.low, hectares.high)
        )
        words = f"{value} ({ends[0]}–{ends[1]})"
        _text(axes, 1.0, y, words, _SMALL, va="center", ha="right", weight=weight, color=colour)


def _footnote(figure: Figure, report: SiteReport, missed: str, height_in: float) -> None:
    software = report.software
    # a figure goes its own way, without the report that says so
    only = software.get("model_licence", "").partition(":")[0]
    words = (
        "The words on the pair judge both pictures, not the answer. Totals overlap: cropland that "
        "became a building is cropland lost and new building.\n"
        + (f"{missed}\n" if missed else "")
        + f"landshift {software.get('landshift', '')}, model {software.get('model', 'unknown')}"
        + (f", for {only}." if only else ".")
    )
    _text(figure, 0.02, 0.1 / height_in, words, _SMALL - 1, va="bottom", color="0.35")
