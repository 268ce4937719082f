"""The pages: each one file that shows everything, asks for nothing, and obeys no name."""

from __future__ import annotations

import dataclasses
import re
import shutil
from contextlib import contextmanager
from itertools import combinations

import numpy as np
import pytest
import shapely
from affine import Affine

from landshift import page
from landshift.area import Hectares, Transition
from landshift.batch.digest import digest_of
from landshift.batch.ledger import Ledger
from landshift.batch.listed_site import ListedSite
from landshift.batch.morning import write_tables
from landshift.batch.outcome import Outcome
from landshift.legend import Cover
from landshift.patches import find_patches, find_unseen
from landshift.wording import model_words
from networks import random_model
from reports import HOSTILE, LOCAL, UTM, hostile_report, made_report

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


FORMULA = "=cmd|' /C calc'!A0"


def rendered(report):
    return page.render(report, find_patches(report.changes))


@pytest.fixture(scope="module")
def report_text():
    return rendered(hostile_report())


@pytest.fixture(scope="module")
def index_text(tmp_path_factory):
    """The page of six sites: two answered, one of them with caution; the others for a reason."""
    folder = tmp_path_factory.mktemp("batch")
    ledger = Ledger(folder)
    sites = [
        ListedSite("line 2", HOSTILE, "site-a", HOSTILE, "North", "2024"),
        ListedSite("line 3", FORMULA, "b c", FORMULA, HOSTILE, "2026", lon=129.6, lat=41.6),
        ListedSite("line 4", "c", "c", "C", "South", "2026", lon=125.3, lat=38.7),
        ListedSite("line 5", "d", "", "", "South", "2026", problem="before is missing"),
        ListedSite("line 6", "e", "e", "E"),
        ListedSite("line 7", "f", "f", "F", lon=127.0, lat=39.0),
    ]
    ledger.list_sites(sites)
    large = dataclasses.replace(made_report().totals["new_building"], value=2.5, low=1.5, high=4.0)
    much = made_report()
    much = dataclasses.replace(much, totals={**much.totals, "new_building": large})
    calm = dataclasses.replace(much.fitness, verdict="ok", reasons=())
    for place, outcome in enumerate((
        Outcome("answered", digest=digest_of(hostile_report())),
        Outcome("answered", digest=digest_of(dataclasses.replace(much, fitness=calm))),
        Outcome("refused", "pair", f"all of it is {HOSTILE}"), Outcome("failed", "list", "no"),
        Outcome("failed", "crash", "SIGSEGV"),
    )):  # fmt: skip
        ledger.note_key(place, f"key{place}")
        ledger.note_outcome(f"key{place}", sites[place].folder or f"none-{place}", outcome)
    write_tables(ledger, folder)
    ledger.close()
    return (folder / "index.html").read_text(encoding="utf-8")


@pytest.fixture(params=["report_text", "index_text"])
def text(request):
    return request.getfixturevalue(request.param)


def test_words_of_the_report_stay_words(text):
    assert "<img src=x" not in text
    assert "<script>alert" not in text
    assert "&lt;img src=x onerror=alert(1)&gt;" in text
    assert text.count("<script") == 3


def test_the_policy_allows_its_own_scripts_alone(text):
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', text)
    policy = policy.replace("&#39;", "'")
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    assert policy.count("sha256-") == 3
    assert "http" not in policy


def test_nothing_is_fetched_by_the_markup(text):
    markup = re.sub(r"<(script|style)\b.*?</\1>", "", text, flags=re.S)
    for value in re.findall(r'\b(?:src|href)="([^"]*)"', markup):
        beside = re.fullmatch(r"sites/[\w%-]+/report\.html|(sites|summary)\.\w+", value)
        assert beside or value.startswith(("data:", "#")), value[:80]
    style = re.search(r"<style>(.*?)</style>", text, re.S)
    assert style
    assert "url(" not in style[1]


def test_the_index_counts_as_its_tables_do(index_text):
    words = re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", index_text.split("</style>")[1]))
    assert "2 answered · 1 refused · 2 failed · 1 not run" in words
    assert "1 answered with caution" in words
    assert "and buildings replaced by others 2.83" in words
    assert "2 sites have no place on Earth" in words


def test_the_licence_of_leaflet_is_kept(text):
    assert "Copyright (c) 2010-2023, Volodymyr Agafonkin" in text


def test_what_is_said_of_the_model_comes_from_its_file(tmp_path):
    scores = [{"what": "halls, twelve towns", "score": "F1", "value": 0.414, "pictures": 12}]
    told = {"simulated_pairs": 7, "labelled": ["a", "b"], "on_real_pictures": scores}
    words = model_words(random_model(tmp_path, training=told))
    assert "7 simulated pairs of pictures and 2 real ones with labels." in words
    later = random_model(tmp_path, training={**told, "start_sha256": "0" * 64})
    assert "2 real ones with labels, in the last of its stages." in model_words(later)
    assert "it never learned from: halls, twelve towns, F1 0.41 (12 pictures)." in words
    mean = model_words(random_model(tmp_path, training={**told, "also_sha256": "1" * 64}))
    assert "the mean of two such networks that learned from different pictures." in mean
    assert "each never learned from: halls, twelve towns, F1 0.41 (12 pictures)." in mean
    report = made_report()
    software = {**report.software, "model_about": f"{words} {HOSTILE}"}
    shown = rendered(dataclasses.replace(report, software=software))
    assert shown.count("F1 0.41 (12 pictures)") == 1
    assert HOSTILE not in shown


@pytest.mark.parametrize("told", [{}, {"on_real_pictures": [{"value": "0.9"}, None, 3]},
                                  {"on_real_pictures": "F1 0.99"}])  # fmt: skip
def test_a_model_without_scores_says_so(told, tmp_path):
    words = model_words(random_model(tmp_path, training=told))
    assert words.endswith("Its file tells no score on real pictures that it never learned from.")


def test_the_badges_speak_of_the_pair(report_text):
    badges = re.findall(r'class="chip[^>]*>([^<]*)<', report_text)
    assert badges == ["pair to compare with caution", "well aligned"]
    assert "Both judge the two pictures, not the answer" in report_text
    assert "fit to answer" not in report_text


def test_a_picture_is_said_to_be_moved_only_where_it_was():
    report = made_report()
    lattice_m = np.zeros_like(report.alignment.lattice_m)
    for moved_m in (0.0, 1.5):
        alignment = dataclasses.replace(report.alignment, lattice_m=lattice_m + np.float32(moved_m))
        shown = rendered(dataclasses.replace(report, alignment=alignment))
        assert ("moved onto the after picture" in shown) == (moved_m > 0)
        assert ("The before picture was not moved" in shown) == (moved_m == 0)


def test_small_pairs_stand_together_and_can_be_opened():
    report = made_report()
    least = report.settings["area"]["least_shown_hectares"]
    (large,) = report.transitions
    small = [
        Transition(Cover.BARE, after, Hectares(share * least, 0.0, least, "pixel noise"))
        for share, after in ((0.9, Cover.PAVED), (0.7, Cover.WOODY), (0.6, Cover.WATER))
    ]
    shown = rendered(dataclasses.replace(report, transitions=(large, *small)))
    table, opened = re.findall(
        r"<table>.*?</table>", shown[shown.index('id="what"') : shown.index('id="built"')], re.S
    )
    assert "3 smaller ones of up to 0.02 ha, together" in table
    assert f">{2.2 * least:.2f}<" in table
    assert "cropland → building" in table
    assert "bare → " not in table
    assert opened.count("bare → ") == 3
    one = rendered(dataclasses.replace(report, transitions=(large, small[0])))
    assert "smaller ones" not in one
    assert "bare → paved" in one


def test_pictures_without_crs_have_no_north():
    text = rendered(made_report(LOCAL))
    assert "North arrow" not in text
    assert '"north_deg": null' in text
    assert '"places": null' in text


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="PLAYWRIGHT IS NOT INSTALLED")
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        pytest.skip(f"NO BROWSER IS AT HAND, none of {BROWSERS}: the page was not driven")
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=path, args=FLAGS)
        yield opened
        opened.close()


@contextmanager
def opened(browser, folder, text, screen):
    """The page in a tab that notes every complaint and every request."""
    width, height, phone = screen
    file = folder / "page.html"
    file.write_text(text, encoding="utf-8")
    context = browser.new_context(
        viewport={"width": width, "height": height}, is_mobile=phone, has_touch=phone, offline=True
    )
    tab = context.new_page()
    tab.set_default_timeout(20_000)
    heard = []
    tab.on("console", lambda message: heard.append(f"console {message.type}: {message.text}"))
    tab.on("pageerror", lambda error: heard.append(f"error: {error}"))
    tab.on("dialog", lambda dialog: (heard.append(f"dialog: {dialog.message}"), dialog.dismiss()))
    tab.on("request", lambda sent: sent.url.startswith("data:") or heard.append(sent.url))
    tab.goto(file.as_uri())
    # a phone would zoom out to fit what is too wide, and report a wider window
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    yield tab
    assert heard == [file.as_uri()]
    context.close()


SCREENS = pytest.mark.parametrize(
    "screen", [(1280, 900, False), (962, 800, False), (390, 844, True)],
    ids=["desktop", "tablet", "phone"],
)


@SCREENS
def test_a_person_can_use_the_report(browser, report_text, tmp_path, screen):
    with opened(browser, tmp_path, report_text, screen) as view:
        use_the_report(view)


@SCREENS
def test_a_person_can_use_the_index(browser, index_text, tmp_path, screen):
    with opened(browser, tmp_path, index_text, screen) as view:
        use_the_index(view)


def test_a_card_says_no_more_of_a_building_than_is_known(browser, tmp_path):
    report = made_report()
    small = dataclasses.replace(report.buildings[0], azimuth_deg=None, stage=None)
    frame = dataclasses.replace(report.buildings[0], stage="frame or foundation")
    cut = dataclasses.replace(report.buildings[0], part_unseen=True)
    buildings = (small, frame, report.buildings[0], cut)
    text = rendered(dataclasses.replace(report, buildings=buildings))
    with opened(browser, tmp_path, text, (1280, 900, False)) as view:
        said = []
        for show in view.locator("button.show").all():
            show.click()
            said.append(view.locator("#card").inner_text())
        dashes = view.locator("#map path[role=button][stroke-dasharray]").count()
    assert "whether it has a roof cannot be told" in said[0]
    assert "° from grid north" not in said[0]
    assert "Now: a frame or foundation, not roofed yet." in said[1]
    assert "Now: a building with a roof." in said[2]
    assert "90° from grid north" in said[2]
    assert ["Seen only in part" in one and "≥ 0.33" in one for one in said] == [False] * 3 + [True]
    assert dashes == 1


@pytest.mark.parametrize("pixel_m", [0.2, 10.0])
def test_on_paper_hatching_and_letters_are_as_large_whatever_the_ground(
    browser, tmp_path, pixel_m
):
    grid = dataclasses.replace(UTM, transform=UTM.transform @ Affine.scale(pixel_m))
    with opened(browser, tmp_path, rendered(hostile_report(grid)), (720, 900, False)) as view:
        view.emulate_media(media="print")
        view.evaluate("window.dispatchEvent(new Event('beforeprint'))")
        dots, letters, kinds = view.evaluate("""() => {
            const still = document.getElementById("still-changes"), one = still.getScreenCTM().a;
            const hatches = [...still.querySelectorAll("pattern")].map((hatch) =>
                one * 8 * hatch.patternTransform.baseVal.getItem(0).matrix.a);
            const size = one * still.querySelector("text").getAttribute("font-size");
            const used = [...still.querySelectorAll("path[fill^=url]")];
            return [hatches, size, used.filter((path) => path.getBBox().width > 0)
                .map((path) => path.getAttribute("fill"))];
        }""")
    assert min(dots) > 4
    assert max(dots) < 12
    assert 7 < letters < 16
    # what was not seen is hatched like everything else that the key names
    assert "url(#sheet-hatch-unseen)" in kinds
    assert len(kinds) == len(dots) == 10


def test_on_paper_a_small_site_fills_its_drawing(browser, tmp_path):
    report = made_report()
    x, y = UTM.transform @ (150, 150)
    outline = shapely.box(x - 30, y - 20, x + 30, y + 20)
    report = dataclasses.replace(report, outline=outline)
    with opened(browser, tmp_path, rendered(report), (720, 900, False)) as view:
        view.evaluate("window.dispatchEvent(new Event('beforeprint'))")
        view.emulate_media(media="print")
        shown = [
            view.locator(f"#still-{which}").get_attribute("viewBox")
            for which in ("before", "after", "changes")
        ]
        images = [one.is_visible() for one in view.locator(".stills img").all()]
        sizes = [view.locator(f"#still-{which}").bounding_box() for which in ("before", "changes")]
    for box in shown:  # before and after are the same ground as the changes
        assert [float(part) for part in box.split()] == pytest.approx(
            [150 - 33.6, 150 - 23.6, 67.2, 47.2], abs=0.1
        )
    assert images == [False, False]
    assert sizes[0]["width"] == pytest.approx(sizes[1]["width"], abs=1)
    assert sizes[0]["height"] == pytest.approx(sizes[1]["height"], abs=1)


@pytest.mark.parametrize(("half_m", "shape"), [((60, 20), 3.0), ((20, 60), 1 / 3)])
def test_a_phone_gives_the_map_no_more_height_than_the_site_needs(
    browser, tmp_path, half_m, shape
):
    report = made_report()
    x, y = UTM.transform @ (150, 150)
    outline = shapely.box(x - half_m[0], y - half_m[1], x + half_m[0], y + half_m[1])
    text = rendered(dataclasses.replace(report, outline=outline))
    with opened(browser, tmp_path, text, (390, 1000, True)) as view:
        box = view.locator("#map").bounding_box()
        site = view.locator("#map path[stroke='#fff']").bounding_box()
        buttons = view.locator(".leaflet-control-zoom").bounding_box()
    assert box["width"] > 300
    # 240 px are the least that a finger can use, 600 what the rest of the page leaves
    assert box["height"] == pytest.approx(min(max(1.15 * box["width"] / shape, 240), 600), abs=2)
    assert site["y"] >= buttons["y"] + buttons["height"] - 2


def test_buildings_without_an_outline_are_told():
    report = made_report()
    codes = report.changes.codes.copy()
    codes[200:210, 300:310] = 13
    codes[250, 300] = 13
    report = dataclasses.replace(report, changes=dataclasses.replace(report.changes, codes=codes))
    words = "2 patches of new building (0.01 ha) have no outline"
    assert words in rendered(report)
    assert "no outline" not in rendered(made_report())


def test_numbers_on_the_map_do_not_lie_on_each_other(browser, tmp_path):
    report = made_report()
    west, _, _, north = UTM.bounds
    small = [
        dataclasses.replace(report.buildings[0], outline=shapely.box(x, y - 4, x + 4, y))
        for x in range(int(west), int(west) + 40, 6) for y in range(int(north) - 40, int(north), 6)
    ]  # fmt: skip
    text = rendered(dataclasses.replace(report, buildings=tuple(small)))
    boxes = """() => [...document.querySelectorAll("#map .number")]
        .filter((one) => getComputedStyle(one).visibility === "visible")
        .map((one) => one.getBoundingClientRect())
        .map(({ left, right, top, bottom }) => [left, right, top, bottom])"""
    with opened(browser, tmp_path, text, (1280, 900, False)) as view:
        far = view.evaluate(boxes)
        view.locator("button.show").first.click()
        near = view.evaluate(boxes)
    for one, two in combinations(far, 2):
        assert one[1] < two[0] or two[1] < one[0] or one[3] < two[2] or two[3] < one[2]
    assert 0 < len(far) < len(near)


def names_of(view):
    shown = view.locator("#table tbody tr:visible th")
    return [name.split("\n")[0] for name in shown.all_inner_texts()]


def use_the_index(view):
    assert view.locator("h1").inner_text() == "6 sites compared"
    link = view.locator("#table a").nth(1)
    assert (link.inner_text(), link.get_attribute("href")) == (
        FORMULA, "sites/b%20c/report.html"
    )  # fmt: skip
    # sorted by hectares, the largest first; rows without any stay last both ways
    heading = view.locator("[data-sort=new]")
    heading.click()
    assert names_of(view)[:2] == [FORMULA, HOSTILE]
    assert view.locator("th[aria-sort=descending]").count() == 1
    heading.focus()
    view.keyboard.press("Enter")
    assert names_of(view)[:2] == [HOSTILE, FORMULA]
    assert names_of(view)[2:] == ["C", "d", "E", "F"]
    # filtered: the table, the map and the count agree
    dots = view.locator("#map path.site")
    assert dots.count() == 4
    view.locator("[name=outcome]").select_option("refused")
    assert names_of(view) == ["C"]
    assert dots.count() == 1
    assert view.locator("#shown").inner_text() == "1 of 6 sites are shown."
    view.locator("#filters button").click()
    view.locator("[name=least]").fill("0.4")
    assert names_of(view) == [FORMULA]
    view.locator("#filters button").click()
    view.locator("[name=words]").fill("sigsegv")
    assert names_of(view) == ["E"]
    assert dots.count() == 0
    view.locator("#filters button").click()
    dots.nth(3).wait_for(state="attached")
    # a site by keyboard on the map, another from the table
    view.locator(f'#map path[aria-label="{FORMULA}"]').focus()
    view.keyboard.press("Enter")
    assert view.locator("#card a").get_attribute("href") == "sites/b%20c/report.html"
    assert "1.50 – 4.00" in view.locator("#card").inner_text()
    view.locator("#table tr[data-site='2'] button.show").click()
    assert f"all of it is {HOSTILE}" in view.locator("#card").inner_text()
    assert view.locator("#map path.chosen").get_attribute("aria-label") == "C"
    # on paper
    view.emulate_media(media="print")
    view.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert view.locator("#table").is_visible()
    assert not view.locator("#filters").is_visible()


def use_the_report(view):
    assert view.locator("h1").inner_text() == HOSTILE
    assert view.locator("#map path.leaflet-interactive").count() > 8
    # swipe by keyboard, half way and on
    swipe = view.locator("#swipe")
    swipe.focus()
    clip = view.locator(".leaflet-after-pane").evaluate("e => e.style.clip")
    for _ in range(10):
        view.keyboard.press("ArrowRight")
    assert swipe.get_attribute("aria-valuetext") == "60 % before, 40 % after"
    assert view.locator(".leaflet-after-pane").evaluate("e => e.style.clip") != clip
    # a building from the table, a patch by keyboard
    view.locator("button.show").first.click()
    assert "Before: cropland." in view.locator("#card").inner_text()
    assert "Building 1" in view.locator("#card").inner_text()
    patch = view.locator("#map path[aria-label^='greenhouse to building']").first
    patch.focus()
    view.keyboard.press("Enter")
    assert "greenhouse → building" in view.locator("#card").inner_text()
    assert "90 % sure" in view.locator("#card").inner_text()
    # how to ask for the evidence, in words that the command line takes
    assert "landshift explain RESULT --at 127.8" in view.locator("#card").inner_text()
    # all layers off and on, then one
    before = view.locator("#map path").count()
    view.locator("#all-layers").click()
    assert view.locator("#map path").count() == 0
    assert view.locator("#all-layers").inner_text() == "Show all"
    view.locator("#all-layers").click()
    assert view.locator("#map path").count() == before
    view.locator("[data-layer=buildings]").uncheck()
    assert view.locator("#map path").count() == before - 2
    view.locator("[data-layer=buildings]").check()
    assert view.locator("#map path").count() == before
    # on paper the changes are drawn over the after picture
    view.emulate_media(media="print")
    view.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert view.locator("#still-changes path").count() > 8
    drawn = view.locator("#still-changes text").all_text_contents()
    assert drawn == ["1", "100 m", "N"]  # 2 would lie on 1: both are one outline
    told = view.locator("#still-numbers").inner_text()
    assert told == "1 of 2 new buildings have room for their numbers"
    assert not view.locator(".viewer").is_visible()
    assert view.locator("button.show").first.is_visible()  # the building's number
    assert view.locator(".key").is_visible()


def test_the_map_is_as_large_as_the_ground():
    data = page._map_data(made_report(UTM), (), (), [])
    assert data["extent"] == pytest.approx((0, 400, -300, 0), rel=1e-3)
    lon, lat = data["places"]["degrees"][0][0]
    assert lon == pytest.approx(127.8, abs=0.1)
    assert lat == pytest.approx(41.55, abs=0.05)


def test_a_direction_just_below_180_degrees_is_north():
    building = dataclasses.replace(made_report().buildings[0], azimuth_deg=179.7)
    shown = rendered(dataclasses.replace(made_report(), buildings=(building,)))
    assert '<td class="number wide">0</td>' in shown
    assert "180°" not in shown


def test_what_a_building_is_too_small_for_is_not_told():
    building = dataclasses.replace(made_report().buildings[0], azimuth_deg=None, stage=None)
    shown = rendered(dataclasses.replace(made_report(), buildings=(building,)))
    assert '<td class="number wide">–</td>' in shown
    assert "<td>cannot tell</td>" in shown


def test_blank_pixels_strewn_over_a_picture_make_no_page_of_many_megabytes(monkeypatch):
    report = made_report()
    codes = np.full(UTM.shape, 11, np.uint8)
    codes[::2, ::2] = 0
    codes[:5, :5] = 0
    strewn = dataclasses.replace(report, changes=dataclasses.replace(report.changes, codes=codes))
    monkeypatch.setattr(page, "_MOST_PATCHES", 10**6)
    whole = rendered(strewn)
    monkeypatch.setattr(page, "_MOST_PATCHES", 3)
    text = rendered(strewn)
    many = len(find_unseen(strewn.changes))
    assert many > 100
    assert "not seen on both dates are left out" not in whole
    assert f"{many - 3} smaller places not seen on both dates are left out here" in text
    assert len(text) < len(whole) - 20 * many
    drawn = page._map_data(strewn, [], page._largest(find_unseen(strewn.changes)), [])["unseen"]
    assert len(drawn) == 3
    assert [5.0, -5.0] in drawn[0][0]  # the corner that is blank all over comes first
