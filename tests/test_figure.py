"""The figure: all that an article needs is on it, and nobody needs to tell colours apart."""

from __future__ import annotations

import re
from dataclasses import replace
from io import BytesIO
from itertools import combinations
from xml.etree import ElementTree

import numpy as np
import pytest
from affine import Affine
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image
from shapely import box

from landshift import figure
from landshift.area import Hectares, Transition
from landshift.change_kinds import CHANGE_KINDS, KIND_OF_CODE, REPLACED_CODE, shown_codes
from landshift.ground import round_length_m, to_local_metres, true_north_deg
from landshift.legend import TRANSITION_CODES, Cover, split_code
from landshift.patches import find_patches, find_unseen
from landshift.wording import seen_words
from reports import HOSTILE, LOCAL, UTM, hostile_report, made_report

# Machado, Oliveira and Fernandes 2009, full severity, on linear red, green, blue
SIGHT = {
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
               [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
               [-0.011820, 0.042940, 0.968881]],
    "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602],
               [0.004733, 0.691367, 0.303900]],
}  # fmt: skip


def drawn_of(report):
    return figure.draw(report, find_patches(report.changes))


def bytes_of(report, kind):
    return figure.draw_bytes(report, find_patches(report.changes), kind)


def words_of(drawn):
    return [text.get_text() for text in drawn.findobj(match=lambda a: hasattr(a, "get_text"))]


@pytest.fixture(scope="module")
def drawn():
    return drawn_of(hostile_report())


def test_a_name_is_drawn_as_it_stands(drawn):
    assert any(HOSTILE in text for text in words_of(drawn))
    title = next(text for text in drawn.texts if HOSTILE in text.get_text())
    assert not title.get_parse_math()


def test_everything_an_article_needs_is_there(drawn):
    words = " | ".join(words_of(drawn))
    for wanted in ("2023-05-12", "2024-05-01", "0.33 (0.25–0.50)", "N", "100 m", "new building",
                   "cropland → building", "not seen on both dates", "site"):  # fmt: skip
        assert wanted in words
    for kind in CHANGE_KINDS:
        assert kind.label in words


@pytest.mark.parametrize("sensor", ["unknown", "a sensor whose file says a great deal of it"])
def test_no_words_leave_the_page(sensor):
    report = hostile_report()
    long = replace(report.after, sensor=f"{sensor} (red green blue)")
    site = replace(report.site, name="Süd-Hamgyŏng, „Werk“ " * 20)
    drawn = drawn_of(replace(report, site=site, before=long, after=long))
    renderer = FigureCanvasAgg(drawn).get_renderer()
    ends = [text.get_window_extent(renderer) for text in (*drawn.texts, *captions_of(drawn))]
    assert max(end.x1 for end in ends) <= drawn.bbox.x1
    before, after = (text.get_window_extent(renderer) for text in captions_of(drawn)[:2])
    assert before.x1 < after.x0
    assert drawn.texts[0].get_text().endswith("…")


def captions_of(drawn):
    return [text for axes in drawn.axes for text in axes.texts if text.get_text()[1:3] == "  "]


@pytest.mark.parametrize("shape", [(1200, 60), (60, 1200)], ids=["tall", "wide"])
def test_the_scale_of_thin_ground_lies_on_it(shape):
    drawn = drawn_of(made_report(replace(UTM, shape=shape)))
    renderer = FigureCanvasAgg(drawn).get_renderer()
    FigureCanvasAgg(drawn).draw()
    for axes in drawn.axes[:3]:
        panel = axes.get_window_extent(renderer)
        bar = axes.lines[0].get_window_extent(renderer)
        scale = next(t for t in axes.texts if re.fullmatch(r"\d+ m", t.get_text()))
        words = scale.get_bbox_patch().get_window_extent(renderer)
        length = float(scale.get_text().split()[0])
        assert np.ptp(axes.lines[0].get_xdata()) == length
        assert bar.width > 15  # of 300 dots an inch: a tenth of an inch on a page
        assert panel.x0 <= words.x0
        assert bar.y1 < words.y0


def test_a_single_pixel_not_seen_stands_in_the_legend_and_the_words():
    report = made_report()
    codes = np.where(report.changes.codes == 0, np.uint8(11), report.changes.codes)
    codes[50, 50] = 0
    changes = replace(report.changes, codes=codes)
    words = " | ".join(words_of(drawn_of(replace(report, changes=changes, seen_share=0.99999))))
    assert "not seen on both dates" in words
    assert "more than 99 % of it seen" in words
    assert (seen_words(1.0), seen_words(0.994)) == ("100 %", "99 %")


def test_small_pairs_stand_together():
    report = made_report()
    least = report.settings["area"]["least_shown_hectares"]
    small = [
        Transition(Cover.BARE, after, Hectares(0.7 * least, 0.0, least, "pixel noise"))
        for after in (Cover.PAVED, Cover.WOODY)
    ]
    transitions = (*report.transitions, *small)
    words = words_of(drawn_of(replace(report, transitions=transitions)))
    assert "2 other changes of up to 0.01 ha, together" in words
    assert f"{1.4 * least:.2f}" in words
    assert "bare → paved" not in words


def test_more_pairs_than_the_chart_holds_are_counted():
    report = made_report()
    pairs = [
        Transition(one, other, Hectares(1.0, 0.5, 2.0, "pixel noise"))
        for one in Cover for other in Cover if one is not other
    ]  # fmt: skip
    words = words_of(drawn_of(replace(report, transitions=tuple(pairs))))
    (folded,) = [text for text in words if text.endswith(" ha, together")]
    shown = sum(" (0.50–2.00)" in text for text in words)
    assert shown > 3
    assert int(folded.split()[0]) == len(pairs) - shown


def test_what_became_a_building_goes_before_larger_pairs_of_other_ground():
    report = made_report()
    ground = [cover for cover in Cover if cover is not Cover.BUILDING]
    pairs = [
        Transition(one, other, Hectares(1.0, 0.5, 2.0, "pixel noise"))
        for one in ground for other in ground if one is not other
    ]  # fmt: skip
    built = Transition(Cover.WOODY, Cover.BUILDING, Hectares(0.6, 0.3, 0.9, "pixel noise"))
    words = words_of(drawn_of(replace(report, transitions=(*pairs, built))))
    assert "woody → building" in words
    assert any(text.endswith("other changes of up to 1.00 ha, together") for text in words)


@pytest.mark.parametrize(("apart_m", "all_have_room"), [(40.0, True), (12.0, False)])
def test_numbers_lie_on_no_other_words_and_are_counted(apart_m, all_have_room):
    report = made_report()
    west, _, _, north = UTM.bounds
    houses = []
    for place in range(30):
        x, y = west + 60 + apart_m * (place % 6), north - 100 - apart_m * (place // 6)
        outline = box(x, y, x + 9, y + 9)
        houses.append(replace(report.buildings[0], outline=outline))
    drawn = drawn_of(replace(report, buildings=tuple(houses)))
    FigureCanvasAgg(drawn).draw()
    renderer = FigureCanvasAgg(drawn).get_renderer()
    words = [t for t in drawn.axes[2].texts if t.get_text()[1:3] != "  "]
    numbers = [t for t in words if t.get_text().isdigit()]
    assert (len(numbers) == 30) == all_have_room
    assert len(numbers) > 5
    caption = captions_of(drawn)[2].get_text()
    assert (f" · {len(numbers)} of 30 new buildings numbered" in caption) != all_have_room
    spans = [t.get_window_extent(renderer) for t in words]
    assert not any(one.overlaps(two) for one, two in combinations(spans, 2))


def test_no_number_is_drawn_beyond_the_fortieth_and_that_is_said():
    report = made_report()
    west, _, _, north = UTM.bounds
    houses = tuple(
        replace(report.buildings[0], outline=box(x, y, x + 9, y + 9))
        for y in np.arange(north - 40, north - 280, -40)
        for x in np.arange(west + 20, west + 380, 40)
    )  # fmt: skip
    words = words_of(drawn_of(replace(report, buildings=houses)))
    assert f"c  changes · 40 of {len(houses)} new buildings numbered" in words


def test_the_columns_of_the_legend_stand_apart_and_on_the_page():
    report = hostile_report()
    cut = replace(report.buildings[0], part_unseen=True)
    drawn = drawn_of(replace(report, buildings=(report.buildings[0], cut)))
    FigureCanvasAgg(drawn).draw()
    renderer = FigureCanvasAgg(drawn).get_renderer()
    legend = drawn.axes[3].get_legend()
    words = [text.get_window_extent(renderer) for text in legend.get_texts()]
    marks = [mark.get_window_extent(renderer) for mark in legend.get_patches()]
    second = min(mark.x0 for mark in marks if mark.x0 > words[0].x1)
    first = max(one.x1 for one in words if one.x0 < second)
    assert second - first > 0.08 * drawn.dpi
    assert max(one.x1 for one in words) <= drawn.bbox.x1


def test_what_nobody_asked_about_is_faint():
    """A season's change of the whole site must not hide the picture, nor look like water."""
    report = made_report()
    codes = np.where(report.changes.codes == 11, np.uint8(17), report.changes.codes)
    bytes_ = bytes_of(replace(report, changes=replace(report.changes, codes=codes)), "png")
    with Image.open(BytesIO(bytes_)) as picture:
        pixels = np.asarray(picture.convert("RGB"))[picture.height // 2 :]
    other = next(kind for kind in CHANGE_KINDS if kind.key == "other")
    assert (np.abs(pixels.astype(int) - other.colour).max(axis=2) < 40).mean() < 0.001
    assert all(kind.strength == 1 for kind in CHANGE_KINDS if kind is not other)


def test_buildings_without_an_outline_are_told():
    report = made_report()
    for size, told in ((10, "1 patch of new building (0.01 ha) has no outline"), (2, None)):
        codes = report.changes.codes.copy()
        codes[200 : 200 + size, 300 : 300 + size] = 13
        shown = replace(report, changes=replace(report.changes, codes=codes))
        words = " | ".join(words_of(drawn_of(shown)))
        assert (told or "no outline") in words if told else "no outline" not in words
    coarse = replace(UTM, transform=UTM.transform @ Affine.scale(10))
    bare = replace(made_report(coarse), buildings=())
    assert "Buildings are not outlined at pixels of 5 m and more." in " ".join(
        words_of(drawn_of(bare))
    )


def test_png_is_made_to_be_printed():
    with Image.open(BytesIO(bytes_of(made_report(), "png"))) as picture:
        assert picture.width == 2160
        assert round(picture.info["dpi"][0]) == 300
        pixels = np.asarray(picture.convert("RGB"))
    orange = np.abs(pixels.astype(int) - CHANGE_KINDS[0].colour).max(axis=2) < 40
    assert orange.mean() > 0.001


def test_pictures_without_crs_have_no_north_but_a_scale():
    words = words_of(drawn_of(made_report(LOCAL)))
    assert "N" not in words
    assert "10 m" in words


@pytest.mark.parametrize("kind", ["svg", "pdf"])
def test_other_formats_are_whole_and_repeatable(kind):
    content = bytes_of(made_report(LOCAL), kind)
    if kind == "svg":
        assert ElementTree.fromstring(content).tag.endswith("svg")
    else:
        assert content.startswith(b"%PDF")
        assert content.rstrip().endswith(b"%%EOF")


def test_every_change_is_of_exactly_one_kind():
    changes = {code for code in TRANSITION_CODES if split_code(code)[0] != split_code(code)[1]}
    assert set(KIND_OF_CODE) == changes | {REPLACED_CODE}
    assert sum(len(kind.codes) for kind in CHANGE_KINDS) == len(KIND_OF_CODE)


@pytest.mark.parametrize("sight", SIGHT)
def test_kinds_are_told_apart_without_colour_vision(sight):
    def seen(colour):
        linear = (np.array(colour) / 255) ** 2.2
        return (np.array(SIGHT[sight]) @ linear).clip(0, 1) ** (1 / 2.2) * 255

    for one, two in combinations(CHANGE_KINDS, 2):
        if one.hatch == two.hatch:
            assert np.abs(seen(one.colour) - seen(two.colour)).max() > 60, (one.key, two.key)


def test_patches_hold_every_changed_pixel_once():
    report = hostile_report()
    patches = find_patches(report.changes)
    codes = shown_codes(report.changes)
    by_row = report.changes.grid.pixel_hectares
    assert sum(p.hectares for p in patches) == pytest.approx(float((codes > 0).sum(1) @ by_row))
    for patch in patches:
        assert patch.polygon.area == pytest.approx(patch.hectares * 10_000, rel=2e-3)
    assert {patch.code for patch in patches} == set(np.unique(codes)) - {0}
    unseen = sum(polygon.area for polygon in find_unseen(report.changes))
    assert unseen == (report.changes.codes == 0).sum()


def test_ground_is_metres_from_the_upper_left_corner():
    (patch,) = find_patches(made_report(LOCAL).changes)
    assert to_local_metres(patch.polygon, LOCAL).bounds == pytest.approx((13, -15, 20, -10))
    assert true_north_deg(LOCAL) is None
    # 400 km east of false easting lies west of the zone's meridian: north leans to the right
    assert 0 < true_north_deg(UTM) < 2
    assert [round_length_m(most) for most in (0.9, 3, 5, 19, 499)] == [0.5, 2, 5, 10, 200]
