"""The page: one file that shows everything, asks for nothing, and takes no orders from a name."""

from __future__ import annotations

import re
import shutil

import pytest

from landshift import page
from landshift.patches import find_patches
from reports import HOSTILE, LOCAL, UTM, hostile_report, made_report

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


def rendered(report):
    return page.render(report, find_patches(report.changes))


@pytest.fixture(scope="module")
def text():
    return rendered(hostile_report())


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
        assert value.startswith(("data:", "#")), value[:80]
    style = re.search(r"<style>(.*?)</style>", text, re.S)
    assert style
    assert "url(" not in style[1]


def test_the_licence_of_leaflet_is_kept(text):
    assert "Copyright (c) 2010-2023, Volodymyr Agafonkin" in text


def test_pictures_without_crs_have_no_north():
    text = rendered(made_report(LOCAL))
    assert "North arrow" not in text
    assert '"corners": null' in text


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


@pytest.fixture(params=[(1280, 900, False), (390, 844, True)], ids=["desktop", "phone"])
def view(browser, text, tmp_path, request):
    """The page in a tab that notes every complaint and every request."""
    width, height, phone = request.param
    (tmp_path / "report.html").write_text(text, encoding="utf-8")
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
    tab.goto((tmp_path / "report.html").as_uri())
    yield tab
    assert heard == [(tmp_path / "report.html").as_uri()]
    context.close()


def test_a_person_can_use_it(view):
    assert view.locator("h1").inner_text() == HOSTILE
    assert view.locator("#map path.leaflet-interactive").count() > 8
    assert view.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
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
    # a layer off and on
    before = view.locator("#map path").count()
    view.locator("[data-layer=buildings]").uncheck()
    assert view.locator("#map path").count() == before - 2
    view.locator("[data-layer=buildings]").check()
    assert view.locator("#map path").count() == before
    # on paper the changes are drawn over the after picture
    view.emulate_media(media="print")
    view.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert view.locator("#still-changes path").count() > 8
    assert not view.locator(".viewer").is_visible()


def test_the_map_is_as_large_as_the_ground():
    data = page._map_data(made_report(UTM), (), [])
    assert data["extent"] == pytest.approx((0, 400, -300, 0), rel=1e-3)
    (lon, lat), *_ = data["corners"]
    assert lon == pytest.approx(127.8, abs=0.1)
    assert lat == pytest.approx(41.55, abs=0.05)
