"""Every page, with real rows and a practice going on: quiet console, own host only, keyboard, both schemes, phone width, no shift."""

import os
import re

import pytest
from django.urls import resolve
from playwright.sync_api import Page, expect

from practice.web.urls import urlpatterns
from tests.browser.people import Door, Visit, until
from tests.browser.rows import Rows
from tests.browser.shots import shoot

pytestmark = [pytest.mark.browser, pytest.mark.stack]

PAGES = {
    "overview": "/",
    "style": "/style/",
    "live": "/live/",
    "live-run": "/live/?run={practising}",
    "tasks": "/tasks/",
    "task-new": "/tasks/new/",
    "task": "/tasks/{task}/",
    "task-edit": "/tasks/{task}/edit/",
    "dataset-new": "/tasks/{task}/datasets/new/",
    "checkpoint-new": "/tasks/{task}/checkpoints/new/",
    "run-new-sft": "/tasks/{task}/runs/new/?kind=sft",
    "run-new-practice": "/tasks/{task}/runs/new/?kind=practice",
    "run-new-evaluation": "/tasks/{task}/runs/new/?kind=evaluation",
    "datasets": "/datasets/",
    "dataset": "/datasets/{dataset}/",
    "dataset-refused": "/datasets/{refused}/",
    "selection-new": "/tasks/{task}/selections/new/",
    "selection": "/datasets/{selection}/",
    "selection-edit": "/datasets/{selection}/edit/",
    "runs": "/runs/",
    "run-sft": "/runs/{sft}/",
    "run-practised": "/runs/{practised}/",
    "run-practising": "/runs/{practising}/",
    "run-evaluation": "/runs/{evaluation}/",
    "episodes": "/episodes/",
    "episode": "/episodes/{episode}/",
    "episode-review": "/episodes/{episode}/?review=1",
    "episode-demonstration": "/episodes/{demonstration}/",
    "checkpoints": "/checkpoints/",
    "checkpoints-compared": "/checkpoints/?compare={policy}",
    "checkpoint": "/checkpoints/{policy}/",
    "checkpoint-reward": "/checkpoints/{reward}/",
    "evaluate": "/checkpoints/{policy}/evaluate/",
    "people": "/people/",
    "audit": "/people/audit/",
    "person-new": "/people/new/",
    "tokens": "/tokens/",
}
"""Signed-in pages: name -> address. A new page goes in here, or the first test fails."""
SIGNED_OUT = {"sign-in": "/sign-in/", "sign-in-link": "/sign-in/unknown/"}
NO_PAGES = {
    *("sign_out", "task_archive", "run_pause", "run_resume", "run_stop", "run_curves", "run_log"),
    *("estimate_new", "estimate", "estimate_stop"),
    *("dataset_from_folder", "dataset_from_hub", "dataset_stop", "dataset_retry"),
    *("dataset_mapping", "dataset_mapping_check", "dataset_reword"),
    *("selection_count", "export_new", "export_download", "export_delete"),
    *("checkpoint_push", "checkpoint_import_delete", "push_delete"),
    *("episode_label", "episode_approve", "episode_replay", "episode_video", "episode_camera"),
    *("episode_exclude", "episodes_exclude", "episode_trim", "episode_reword", "edit_undo"),
    *("episode_judge", "episode_judgements", "episode_original"),
    *("person_role", "person_active", "person_link", "token_new", "token_revoke"),
}
"""Names of addresses that show no page of their own: verbs, data, films, pictures."""

SETTLED_MS = 1500
MOST_SHIFT = 0.05
COUNT_SHIFTS = """
window.shifts = [];
addEventListener("load", () => { window.loadedAt = performance.now(); });
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) {
    if (!entry.hadRecentInput) window.shifts.push([entry.value, ...entry.sources.map((s) => s.node?.className || s.node?.nodeName)]);
  }
}).observe({type: "layout-shift", buffered: true});
"""
BACKGROUND = "getComputedStyle(document.body).backgroundColor"
LIGHTNESS = (
    "(() => { const c = document.createElement('canvas').getContext('2d');"
    f" c.fillStyle = {BACKGROUND}; c.fillRect(0, 0, 1, 1);"
    " const [r, g, b] = c.getImageData(0, 0, 1, 1).data; return (r + g + b) / 765; })()"
)
WIDER = """() => [...document.querySelectorAll("body *")]
  .filter((e) => e.getBoundingClientRect().right > innerWidth + 1 && getComputedStyle(e).position !== "fixed")
  .slice(0, 5).map((e) => `${e.tagName}.${e.className?.baseVal ?? e.className}`)"""


def _window(door: Door, width: int) -> Visit:
    visit = door.enter("admin", width=width)
    visit.page.add_init_script(COUNT_SHIFTS)
    return visit


@pytest.fixture(scope="module")
def desk(module_door: Door, rows: Rows) -> Visit:
    """An administrator's window, which goes from page to page."""
    return _window(module_door, 1440)


@pytest.fixture(scope="module")
def phone(module_door: Door, rows: Rows) -> Visit:
    """The same as wide as a phone."""
    return _window(module_door, 390)


def wait_until_settled(page: Page) -> None:
    """Everything that comes with the page has come, and live updates had time to move something."""
    until(page, f"performance.now() - window.loadedAt > {SETTLED_MS}")


def check_shift(page: Page) -> None:
    """What has moved by itself since the page began to load is next to nothing."""
    shifts = page.evaluate("window.shifts")
    assert sum(shift[0] for shift in shifts) < MOST_SHIFT, shifts


def check_width(page: Page) -> None:
    """Nothing makes the page wider than the window."""
    wide = page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    assert wide <= 0, f"{wide} px too wide: {page.evaluate(WIDER)}"


def check_schemes(page: Page) -> None:
    """Dark is dark and light is light."""
    page.emulate_media(color_scheme="dark")
    until(page, f"{LIGHTNESS} < 0.2")
    page.emulate_media(color_scheme="light")
    until(page, f"{LIGHTNESS} > 0.8")


FOCUSED = "document.activeElement"
OUTLINE = f"getComputedStyle({FOCUSED}).outlineStyle"
MOST_TABS = 80
FOCUSED_BY_ITSELF = {"person-new"}
"""Pages whose first field has the focus from the beginning."""


def tab_to(page: Page, selector: str) -> None:
    """Press Tab until the focus is on what `selector` names, and can be seen there."""
    for _ in range(MOST_TABS):
        page.keyboard.press("Tab")
        # Asked at once: a live page may take away what had the focus a moment ago.
        reached, outline = page.evaluate(f"[{FOCUSED}.matches({selector!r}), {OUTLINE}]")
        if reached:
            assert outline != "none"
            return
    raise AssertionError(f"{MOST_TABS} times Tab did not reach {selector}.")


def check_keyboard(page: Page) -> None:
    """The first Tab offers to skip to the page, and a few more reach what it is for."""
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the page")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()
    has_primary = page.locator("#main .btn-primary").count() > 0
    tab_to(page, "#main .btn-primary" if has_primary else "#main a, #main button, #main input")


def test_one_worker_has_the_browser(request: pytest.FixtureRequest) -> None:
    """Were xdist to overlook the group, each worker would start a site, its rows and a Chromium of its own."""
    assert "PYTEST_XDIST_WORKER" not in os.environ or request.node.nodeid.endswith("@browser")


def test_every_page_is_looked_at() -> None:
    shown = {
        resolve(address.split("?")[0].replace("{task}", "t").format_map(_Ones())).url_name
        for address in [*PAGES.values(), *SIGNED_OUT.values()]
    }
    assert shown == {pattern.name for pattern in urlpatterns} - NO_PAGES


class _Ones(dict[str, int]):
    def __missing__(self, key: str) -> int:
        return 1


@pytest.mark.parametrize("name", PAGES)
def test_page(name: str, desk: Visit, phone: Visit, rows: Rows) -> None:
    with desk.watch.nothing_wrong(), phone.watch.nothing_wrong():
        for visit in (desk, phone):  # both, then wait: they settle at the same time
            visit.go(rows.address(PAGES[name]))
        for visit in (desk, phone):
            wait_until_settled(visit.page)
            check_shift(visit.page)
            check_width(visit.page)
            check_schemes(visit.page)
        shoot(desk.page, name)
        if name not in FOCUSED_BY_ITSELF:
            check_keyboard(desk.page)


SLOW_BYTES_PER_S = 40_000


@pytest.mark.parametrize("name", ["episode-review", "checkpoints"])
def test_a_page_that_trickles_in_moves_nothing(name: str, phone: Visit, rows: Rows) -> None:
    """Painted while half of it is still on its way, as over a poor connection or from a busy server."""
    page = phone.page
    address = rows.address(PAGES[name])
    phone.go(address)  # styles and scripts are known from now on
    line = page.context.new_cdp_session(page)
    limits = {"offline": False, "latency": 0, "uploadThroughput": -1}
    line.send("Network.enable")
    line.send(
        "Network.emulateNetworkConditions", {**limits, "downloadThroughput": SLOW_BYTES_PER_S}
    )
    try:
        phone.go(address)
        wait_until_settled(page)
        check_shift(page)
    finally:
        line.send("Network.emulateNetworkConditions", {**limits, "downloadThroughput": -1})
        line.detach()


@pytest.mark.parametrize("name", SIGNED_OUT)
def test_signed_out_page(name: str, door: Door) -> None:
    visit = door.enter(None, path="/sign-in/", width=390)
    visit.page.add_init_script(COUNT_SHIFTS)
    with visit.watch.nothing_wrong():
        visit.go(SIGNED_OUT[name])
        wait_until_settled(visit.page)
        check_shift(visit.page)
        check_width(visit.page)
        check_schemes(visit.page)
        shoot(visit.page, name)


def test_the_theme_that_was_chosen_stays(door: Door) -> None:
    page = door.enter("viewer").page
    toggle = page.locator("[data-theme-toggle]")
    for choice in ("light", "dark"):
        toggle.click()
        expect(page.locator("html")).to_have_attribute("data-theme-choice", choice)
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.get_by_role("link", name="Episodes").first.click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    until(page, f"{LIGHTNESS} < 0.2")


def test_filters_that_were_unfolded_stay_so(phone: Visit, rows: Rows) -> None:
    page = phone.page
    phone.go(rows.address("/episodes/?dataset={dataset}&odd=length"))
    odd = page.locator("#f-odd")
    odd.focus()
    odd.select_option("")
    expect(page).to_have_url(re.compile("odd=$"))
    expect(odd).to_be_focused()
    expect(odd).to_have_value("")
    page.go_back()
    expect(odd).to_have_value("length")
