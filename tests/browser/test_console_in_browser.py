"""The console in a real Chromium, over a real gateway process: what people will see."""

import json
import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

pytestmark = pytest.mark.browser

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
SERVER = Path(__file__).with_name("serve_library.py")
ROOT = Path(__file__).parents[2]
PAGES = (
    "/", "/spaces/vault-1", "/spaces/vault-2", "/spaces/vault-1?view=table", "/alarms",
    "/alarms?state=all", "/gates", "/kiosks", "/robots", "/system", "/spaces/lobby",
)  # fmt: skip


NUMBER = re.compile(r"^\d+\.\d$")


class Library:
    """A gateway process with a day of life in its store."""

    def __init__(self, data: Path, port: int = 0) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(SERVER), str(data), str(port)],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())
        self.address = f"http://127.0.0.1:{self.port}"

    def order(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(f"{self.address}/api/v1/{path}", timeout=10) as answer:
            return json.load(answer)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None and not stream.closed:
                stream.close()


@pytest.fixture(name="browser", scope="module")
def _browser() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        pytest.skip(f"no {CHROMIUM}: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture(name="library", scope="module")
def _library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    library = Library(tmp_path_factory.mktemp("library"))
    yield library
    library.kill()


class Watched:
    """A window that notes whatever a page should not do."""

    def __init__(self, browser: Browser, library: Library, **options: Any) -> None:
        self.context: BrowserContext = browser.new_context(
            base_url=library.address, timezone_id="America/New_York", **options
        )
        self.context.add_init_script(
            "addEventListener('securitypolicyviolation',"
            " e => console.error('CSP', e.violatedDirective, e.blockedURI))"
        )
        self.page: Page = self.context.new_page()
        self.wrongs: list[str] = []
        own = (library.address, library.address.replace("http", "ws"), "data:")
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.wrongs.append(f"error: {error}"))
        self.context.on(
            "request",
            lambda request: (
                None
                if request.url.startswith(own)
                else self.wrongs.append(f"leaves: {request.url}")
            ),
        )

    def _console(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.wrongs.append(f"{message.type}: {message.text}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.context.close()


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_page_opens_in_every_language_and_theme(
    browser: Browser, library: Library, language: str, theme: str
) -> None:
    with Watched(browser, library, color_scheme=theme) as window:
        for path in PAGES:
            sign = "&" if "?" in path else "?"
            window.page.goto(f"{path}{sign}lang={language}&theme={theme}")
            expect(window.page.locator("[data-link]")).to_have_attribute("data-link", "live")
            tag = "zh-CN" if language == "zh" else "en"
            expect(window.page.locator("html")).to_have_attribute("lang", tag)
            ground = window.page.evaluate(
                "getComputedStyle(document.documentElement).backgroundColor"
            )
            dark = sum(map(int, re.findall(r"\d+", ground)[:3])) < 200
            assert dark == (theme == "dark"), (path, ground)
            wide = window.page.evaluate(
                "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            )
            assert wide <= 0, f"{path} is {wide} px too wide"
        assert window.wrongs == []


def test_no_page_is_too_wide_for_a_telephone(browser: Browser, library: Library) -> None:
    with Watched(browser, library, viewport={"width": 390, "height": 800}) as window:
        for path in PAGES:
            window.page.goto(path)
            wide = window.page.evaluate(
                "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            )
            assert wide <= 0, f"{path} is {wide} px too wide"


def test_a_word_without_end_widens_no_page_and_markup_stays_text(
    browser: Browser, library: Library
) -> None:
    trick = "<img src=x onerror=document.title='taken'>"
    words = json.dumps({"who": f"{trick}{'W' * 30}", "comment": trick + "长" * 900 + "W" * 900})
    alarm = library.get("alarms?state=all")[-1]
    request = urllib.request.Request(
        f"{library.address}/api/v1/alarms/{alarm['id']}/comment",
        words.encode(),
        {"Content-Type": "application/json"},
    )
    urllib.request.urlopen(request, timeout=10).close()
    with Watched(browser, library, viewport={"width": 390, "height": 800}) as window:
        window.page.goto("/alarms?state=all")
        expect(window.page.get_by_text(trick).first).to_be_visible()
        wide = window.page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        assert wide <= 0, f"the alarms are {wide} px too wide"
        assert window.page.title() != "taken"
        assert window.wrongs == []


SHOWN = (
    "(x => x.length ? x[x.length - 1] - x[0] : 0)"
    "(document.querySelector('band-chart').plot?.data?.[0] ?? [])"
)
"""Seconds between the first and the last value that the first chart holds."""


def comes_true(page: Page, script: str) -> None:
    """Look until it is so. The page's own policy forbids Playwright to wait inside of it."""
    for _ in range(100):
        if page.evaluate(script):
            return
        page.wait_for_timeout(100)
    pytest.fail(f"never came true: {script}")


def test_the_chart_is_zoomed_by_dragging_and_goes_back_by_double_click(
    browser: Browser, library: Library
) -> None:
    with Watched(browser, library) as window:
        page = window.page
        page.goto("/spaces/vault-1?span=1d")
        over = page.locator("band-chart .u-over").first
        expect(over).to_be_visible()
        box = over.bounding_box()
        assert box is not None
        comes_true(page, f"{SHOWN} > 80000")
        page.mouse.move(box["x"] + box["width"] * 0.4, box["y"] + 50)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + 60, steps=5)
        page.mouse.up()
        expect(page).to_have_url(re.compile(r"from=\d+.*to=\d+"))
        begin, end = (int(re.findall(rf"{name}=(\d+)", page.url)[0]) for name in ("from", "to"))
        assert end - begin == pytest.approx(86_400 * 0.2, rel=0.05)
        # The values are fetched anew for the window, not only drawn larger.
        comes_true(page, f"{SHOWN} > 0 && {SHOWN} <= {end - begin}")
        expect(page.locator("[data-span='1d']").first).not_to_have_attribute("aria-current", "true")
        page.reload()
        expect(over).to_be_visible()
        assert "from=" in page.url, "the window is kept in the address"
        page.get_by_role("link", name="1 w", exact=True).click()
        expect(page).to_have_url(re.compile("span=1w"))
        page.get_by_role("link", name="Earlier").click()
        expect(page).to_have_url(re.compile("from="))
        page.get_by_role("link", name="Show as table").click()
        expect(page.locator("caption").first).to_be_visible()
        assert "from=" in page.url
        assert window.wrongs == []


def test_all_curves_have_their_holes(browser: Browser, library: Library) -> None:
    with Watched(browser, library) as window:
        window.page.goto("/spaces/vault-1?span=1d")
        expect(window.page.locator("band-chart .u-over").first).to_be_visible()
        # The chart draws itself before its values have come.
        comes_true(
            window.page,
            "Array.from(document.querySelector('band-chart').plot?.data?.[1] ?? [])"
            ".some(y => y === null)",
        )


def test_an_alarm_is_acknowledged_with_name_and_comment(browser: Browser, library: Library) -> None:
    with Watched(browser, library) as window:
        page = window.page
        page.goto("/alarms?lang=en")
        alarm = page.locator(".alarm[data-state='unacknowledged']").first
        name = alarm.get_attribute("id")
        alarm.get_by_label("Your name").fill("Anna")
        alarm.get_by_label("Comment").fill("went to look")
        alarm.get_by_role("button", name="Acknowledge").click()
        done = page.locator(f"#{name}")
        expect(done).to_have_attribute("data-state", "acknowledged")
        expect(done.locator("q")).to_have_text("went to look")
        expect(done.get_by_label("Your name")).to_have_value("Anna")
        assert window.wrongs == []


def test_a_setpoint_is_written_and_its_outcome_shown(browser: Browser, library: Library) -> None:
    with Watched(browser, library) as window:
        page = window.page
        page.goto("/spaces/vault-1?lang=en")
        unit = page.locator("#ac-v1")
        unit.get_by_label("Value").fill("18.5")
        unit.get_by_label("Your name").fill("Anna")
        unit.get_by_role("button", name="Write").click()
        expect(unit.locator(".orders tbody tr").first).to_contain_text("18.50")
        expect(unit.locator(".orders tbody tr").first).to_contain_text("Done", timeout=15_000)
        assert window.wrongs == []


def test_what_is_typed_survives_a_change_elsewhere(browser: Browser, library: Library) -> None:
    with Watched(browser, library) as window:
        page = window.page
        page.goto("/alarms?lang=en")
        field = page.locator(".alarm").first.get_by_label("Comment")
        field.fill("half a sen")
        with page.expect_response(lambda answer: "/alarms" in answer.url):
            page.evaluate("document.body.dispatchEvent(new CustomEvent('alarms-changed'))")
        page.wait_for_timeout(300)
        expect(field).to_have_value("half a sen")
        expect(field).to_be_focused()


def test_a_new_value_appears_and_a_pulled_probe_turns_unknown(
    browser: Browser, library: Library
) -> None:
    with Watched(browser, library) as window:
        page = window.page
        page.goto("/spaces/woodblocks?lang=en")
        row = page.locator("[data-point='probe-wood/humidity']")
        cell, age = row.locator("[data-value]"), row.locator("[data-age]")
        expect(cell).to_have_text(NUMBER)
        before = cell.inner_text()
        expect(cell).not_to_have_text(before, timeout=30_000)
        expect(cell).to_have_text(NUMBER)
        expect(age).to_have_text(re.compile(r"^[0-3] s ago$"))
        library.order("pull probe-wood")
        expect(cell).to_have_text("UNKNOWN", timeout=30_000)
        expect(row.locator("[data-last]")).to_have_text(re.compile(r"last \d+\.\d %RH"))
        expect(row.locator("[data-quality-word]")).to_have_text("—")
        expect(page.locator("[data-badge]").first).to_contain_text("UNKNOWN")
        assert library.get("points/probe-wood/humidity")["value"] is None
        library.order("push probe-wood")
        expect(cell).to_have_text(NUMBER, timeout=30_000)
        assert window.wrongs == []


def test_when_the_gateway_dies_nothing_is_shown_as_current_and_all_is_well_again(
    browser: Browser, tmp_path: Path
) -> None:
    library = Library(tmp_path)
    try:
        with Watched(browser, library) as window:
            page = window.page
            page.goto("/?lang=en")
            values = page.locator(".tile[data-space='vault-2'] [data-value]")
            expect(values.first).to_have_text(NUMBER)
            expect(page.locator("[data-lost]")).to_be_hidden()
            library.kill()
            expect(page.locator("[data-lost]")).to_be_visible(timeout=20_000)
            for tile in page.locator(".tile").all():
                expect(tile).to_have_attribute("data-c", re.compile("unknown|empty"))
            for value in page.locator(".tile [data-value]").all():
                expect(value).to_have_text("UNKNOWN")
            expect(page.locator(".tile[data-space='vault-2'] [data-last]").first).to_contain_text(
                re.compile(r"last \d+\.\d")
            )
            first = page.locator(".tile[data-space='vault-2'] [data-age]").first.inner_text()
            page.wait_for_timeout(2500)
            later = page.locator(".tile[data-space='vault-2'] [data-age]").first.inner_text()
            assert later != first, "what was last grows old"
            (tmp_path / "store.sqlite3").unlink()
            for rest in tmp_path.glob("store.sqlite3*"):
                rest.unlink()
            library = Library(tmp_path, library.port)
            expect(page.locator("[data-lost]")).to_be_hidden(timeout=40_000)
            expect(values.first).to_have_text(NUMBER)
    finally:
        library.kill()


def test_eight_windows_are_live_at_once(browser: Browser, library: Library) -> None:
    with Watched(browser, library) as window:
        pages = [window.page, *(window.context.new_page() for _ in range(7))]
        for page in pages:
            page.goto("/")
        for page in pages:
            expect(page.locator("[data-link]")).to_have_attribute("data-link", "live")


def test_pages_can_be_read_and_forms_sent_without_scripts(
    browser: Browser, library: Library
) -> None:
    with Watched(browser, library, java_script_enabled=False) as window:
        page = window.page
        page.goto("/?lang=en")
        expect(page.locator(".tile[data-space='vault-2'] [data-value]").first).to_have_text(NUMBER)
        page.goto("/spaces/vault-2")
        expect(page.locator("band-chart svg polyline").first).to_be_attached()
        page.goto("/alarms")
        alarm = page.locator(".alarm").first
        alarm.get_by_label("Your name").fill("Bo")
        alarm.get_by_label("Comment").fill("no scripts")
        alarm.get_by_role("button", name="Comment", exact=True).click()
        expect(page.locator("q", has_text="no scripts").first).to_be_visible()


def luminance(colour: list[float]) -> float:
    parts = [one / 255 for one in colour[:3]]
    linear = [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


COLOURS = """() => {
  const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const rgb = (css) => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = css;
    canvas.fillRect(0, 0, 1, 1); return Array.from(canvas.getImageData(0, 0, 1, 1).data); };
  const ground = (node) => { for (; node; node = node.parentElement) {
    const own = rgb(getComputedStyle(node).backgroundColor); if (own[3] === 255) return own; }
    return [255, 255, 255, 255]; };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode.parentElement;
    if (!walker.currentNode.textContent.trim() || !node.checkVisibility()) continue;
    if (node.closest('svg, option')) continue;
    const style = getComputedStyle(node);
    found.push([walker.currentNode.textContent.trim().slice(0, 30), rgb(style.color), ground(node),
      parseFloat(style.fontSize), parseInt(style.fontWeight)]);
  }
  return found;
}"""


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_text_can_be_read_wcag_aa(browser: Browser, library: Library, theme: str) -> None:
    with Watched(browser, library) as window:
        for path in PAGES:
            sign = "&" if "?" in path else "?"
            window.page.goto(f"{path}{sign}theme={theme}")
            window.page.wait_for_timeout(400)
            weak = set()
            for text, ink, ground, size, weight in window.page.evaluate(COLOURS):
                light, dark = sorted((luminance(ink), luminance(ground)), reverse=True)
                large = size >= 24 or (size >= 18.66 and weight >= 700)
                contrast = (light + 0.05) / (dark + 0.05)
                if contrast < (3.0 if large else 4.5):
                    weak.add((text, round(contrast, 2)))
            assert weak == set(), path


def test_every_control_has_a_name(browser: Browser, library: Library) -> None:
    with Watched(browser, library) as window:
        for path in PAGES:
            window.page.goto(path)
            nameless = window.page.evaluate(
                "Array.from(document.querySelectorAll('input:not([type=hidden]),select,button,a'))"
                ".filter(e => !(e.labels?.length || e.ariaLabel || e.textContent.trim()))"
                ".map(e => e.outerHTML)"
            )
            assert nameless == [], path
            doubled = window.page.evaluate(
                "(ids => ids.filter((id, i) => ids.indexOf(id) !== i))"
                "(Array.from(document.querySelectorAll('[id]')).map(e => e.id))"
            )
            assert doubled == [], path
