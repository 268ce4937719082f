"""What stands on a terminal, and what is folded away there."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest
from matplotlib.text import Text

from landshift import figure, page
from landshift.area import Balance, Hectares, Transition
from landshift.cli.table import _TOTALS, print_report
from landshift.google_earth import kmz_bytes
from landshift.legend import Cover
from landshift.settings import AreaSettings
from landshift.wording import transition_words
from reports import made_report

LEAST = AreaSettings().least_shown_hectares
PAIRS = [(a, b) for a in Cover for b in Cover if a is not b]


def printed(capsys, values) -> list[str]:
    """The lines that are printed of pairs of these hectares."""
    transitions = tuple(
        Transition(a, b, Hectares(value, 0.5 * value, 2 * value, "noise"))
        for (a, b), value in zip(PAIRS, values, strict=False)
    )
    print_report(replace(made_report(), transitions=transitions), None)
    return capsys.readouterr().out.splitlines()


def test_small_transitions_stand_on_one_line(capsys):
    lines = printed(capsys, [0.5, 0.2, LEAST, 0.6 * LEAST, 0.5 * LEAST, 0.4 * LEAST])
    pairs = [line for line in lines if " → " in line]
    folded = [line for line in lines if "smaller ones" in line]
    assert len(pairs) == 3
    assert len(folded) == 1
    told = f"3 smaller ones of up to {0.6 * LEAST:.2f} ha, together {1.5 * LEAST:.2f}"
    assert " ".join(folded[0].split()) == told
    assert "--json prints every transition with its interval" in lines


@pytest.mark.parametrize("values", [[], [0.5], [0.5, 0.1 * LEAST], [0.1 * LEAST]])
def test_nothing_is_folded_where_it_saves_no_line(capsys, values):
    lines = printed(capsys, values)
    assert len([line for line in lines if " → " in line]) == len(values)
    assert not [line for line in lines if "smaller ones" in line or "every transition" in line]


@pytest.mark.parametrize(
    ("aoi_hectares", "told"),
    [(0.0036, "0.0036"), (0.0999, "0.0999"), (0.1, "0.10"), (11.8, "11.80")],
)
def test_a_small_site_is_told_in_square_metres_wherever_a_person_reads_it(
    capsys, aoi_hectares, told
):
    made = made_report()
    size = Hectares(0.002, 0.001, 0.0034, "noise")
    report = replace(
        made, changes=replace(made.changes, aoi_hectares=aoi_hectares),
        outline=made.buildings[0].outline, totals=dict.fromkeys(made.totals, size),
        balance=(Balance(Cover.BUILDING, size, replace(size, value=1.0), 0.0, 0.0, 0.0),),
    )  # fmt: skip
    digits = len(told) - told.index(".") - 1
    value, low, high = (f"{one:.{digits}f}" for one in (0.002, 0.001, 0.0034))
    print_report(report, None)
    lines = capsys.readouterr().out
    assert f"{told} ha in" in lines
    assert lines.count(f"{low} – {high}") == len(_TOTALS)
    assert f"+{0:.{digits}f} – +{0:.{digits}f}" in lines
    html = report._repr_html_()
    assert f"<p>{told} ha, " in html
    assert f"<td>{low} to {high}</td>" in html
    text = page.render(report, [])
    assert f"· {told} ha in" in text
    assert f"{low}\xa0–\xa0{high}</td>" in text
    drawn = {one.get_text() for one in figure.draw(report, []).findobj(Text)}
    assert any(one.startswith(f"{told} ha of") for one in drawn)
    assert f"{value} ({low}–{high})" in drawn
    with zipfile.ZipFile(BytesIO(kmz_bytes(report, []))) as archive:
        assert f"{value} ({low} to {high})" in archive.read("doc.kml").decode()


def test_totals_come_first(capsys):
    lines = printed(capsys, [0.5, 0.2, 0.1])
    words = set(_TOTALS.values())
    totals = [place for place, line in enumerate(lines) if line.split("  ")[0] in words]
    pairs = [place for place, line in enumerate(lines) if " → " in line]
    assert len(totals) == len(_TOTALS)
    assert max(totals) < min(pairs)


def test_pairs_small_beside_the_whole_are_folded_unless_they_surely_happened(capsys):
    """Of 10 ha, 2 % are 0.2 ha: ten times what is folded on a small site."""
    sure = Transition(*PAIRS[5], Hectares(0.19, 0.1, 0.3, "noise"))
    rest = [
        Transition(*pair, Hectares(value, 0.0, 2 * value, "noise"))
        for pair, value in zip(PAIRS, (9.2, 0.25, 0.19, 0.17), strict=False)
    ]
    print_report(replace(made_report(), transitions=(*rest, sure)), Path("out"))
    out = capsys.readouterr().out
    assert [line.split("  ")[0] for line in out.splitlines() if " → " in line] == [
        transition_words(pair) for pair in (*rest[:2], sure)
    ]
    assert "2 smaller ones of up to 0.19 ha, together" in out
    assert "report.json lists every transition with its interval" in out


def test_a_replaced_building_is_listed(capsys):
    """It comes from building and becomes building, and is a change all the same."""
    replaced = Transition(Cover.BUILDING, Cover.BUILDING, Hectares(0.3, 0.1, 0.5, "noise"))
    print_report(replace(made_report(), transitions=(replaced,)), None)
    assert "building → another building" in capsys.readouterr().out


def test_totals_say_what_makes_them_wide(capsys):
    lines = printed(capsys, [0.5])
    told = " ".join(lines).partition("wide through errors from site to site:")[2]
    assert told
    for words in ("new building", "ground cleared", "greenhouse lost"):
        assert words in told


def test_gross_net_and_what_was_not_seen(capsys):
    gained, lost = Hectares(0.4, 0.3, 0.6, "noise"), Hectares(1.25, 1.0, 1.5, "noise")
    balance = (Balance(Cover.CROPLAND, gained, lost, -0.85, -1.1, -0.6),)
    print_report(replace(made_report(), balance=balance), None)
    out = capsys.readouterr().out
    assert "not seen, nothing said of it: 0.30 ha" in out  # 2.5 % of 11.8 ha
    row = next(line for line in out.splitlines() if line.startswith("cropland  ")).split()
    assert row[:4] == ["cropland", "0.40", "1.25", "-0.85"]
    least = (Balance(Cover.WOODY, gained, gained, -0.004, -0.004, 0.2),)
    print_report(replace(made_report(), balance=least), None)
    assert "-0.00" not in capsys.readouterr().out
    assert "-0.0" not in str(replace(least[0], net=-1e-5, net_low=-1e-5).as_json()["net"])
    print_report(replace(made_report(), seen_share=1.0), None)
    assert "not seen" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("value", "aoi_hectares", "listed"),
    [(0.0049, 11.8, False), (0.0051, 11.8, True), (0.00004, 0.05, False), (0.00006, 0.05, True)],
)
def test_covers_that_would_be_noughts_are_not_listed(capsys, value, aoi_hectares, listed):
    made = made_report()
    made = replace(made, changes=replace(made.changes, aoi_hectares=aoi_hectares))
    none, moved = Hectares(0.0, 0.0, 0.1, "noise"), Hectares(value, 0.0, 1.0, "noise")
    for gained, lost in ((none, moved), (moved, none)):
        balance = (Balance(Cover.WATER, gained, lost, 0.0, -0.1, 0.1),)
        print_report(replace(made, balance=balance), None)
        rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("water ")]
        assert len(rows) == listed


def test_where_no_cover_moved_no_table_of_covers_is_begun(capsys):
    none = Hectares(0.0, 0.0, 0.1, "noise")
    balance = (Balance(Cover.WATER, none, none, 0.0, -0.1, 0.1),)
    print_report(replace(made_report(), balance=balance), None)
    assert "gained ha" not in capsys.readouterr().out


@pytest.mark.parametrize(("aoi_hectares", "most", "together"), [
    (0.0625, "0.0079 ha", "0.0091"), (11.8, "0.01 ha", "0.01"),
])  # fmt: skip
def test_what_stands_on_one_line_is_told_as_finely_as_the_rest(
    capsys, aoi_hectares, most, together
):
    made = made_report()
    small = [
        Transition(*pair, Hectares(value, 0.0, 2 * value, "noise"))
        for pair, value in zip(PAIRS, (0.0079, 0.0012), strict=False)
    ]
    made = replace(
        made, changes=replace(made.changes, aoi_hectares=aoi_hectares), transitions=tuple(small)
    )
    words = f"2 smaller ones of up to {most}, together"
    print_report(made, None)
    (line,) = [one for one in capsys.readouterr().out.splitlines() if "smaller ones" in one]
    assert line.split() == [*words.split(), together]
    text = page.render(made, [])
    assert f'{words}</th><td class="number">{together}</td>' in text


def test_totals_are_always_listed(capsys):
    lines = "\n".join(printed(capsys, [0.1 * LEAST] * 4))
    assert "4 smaller ones" in lines
    for words in ("cropland lost", "greenhouse lost", "new building", "building removed"):
        assert words in lines


def test_a_direction_just_below_180_degrees_is_north(capsys):
    building = replace(made_report().buildings[0], azimuth_deg=179.7)
    report = replace(made_report(), buildings=(building,))
    print_report(report, None)
    rows = [line.split() for line in capsys.readouterr().out.splitlines() if " × " in line]
    assert [row[5] for row in rows if row[0] == "1"] == ["0"]


def test_what_a_building_is_too_small_for_is_not_told(capsys):
    told = made_report().buildings[0]
    untold = replace(told, azimuth_deg=None, stage=None)
    print_report(replace(made_report(), buildings=(told, untold)), None)
    rows = [line for line in capsys.readouterr().out.splitlines() if " × " in line]
    assert rows[1].split()[5] == "–"
    assert rows[1].rstrip().endswith("cannot tell")


def test_a_stage_that_no_building_has_is_said_to_be_unknown_once(capsys):
    untold = replace(made_report().buildings[0], stage=None)
    print_report(replace(made_report(), buildings=(untold, untold)), None)
    printed = capsys.readouterr().out
    assert printed.count("cannot tell") == 1
    assert "stage: cannot tell at this pixel size" in " ".join(printed.split())
