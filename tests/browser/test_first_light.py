"""The main job by hand, in a browser: from a task in a form to a proven checkpoint, everything on the page real."""

import re
from collections.abc import Mapping
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.people import Door, Visit, until
from tests.browser.shots import shoot
from tests.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.stack]

EPISODES = 300
UPLOAD_BYTES_PER_SECOND = 400_000
SFT = {"steps": 600, "validate_every": 50}
PRACTICE = {
    "num_robots": 16,
    "iterations": 50,
    "updates": 1,
    "batch_size": 256,
    "evaluate_every": 10,
    "evaluate_episodes": 32,
    "pace": 4,
}
TILE = ".tile[data-state=live]"
SEEN = f"""(() => {{
  const tile = document.querySelector("{TILE}");
  if (!tile) return null;
  const canvas = tile.querySelector("canvas[data-tile-image]");
  const said = (name) => tile.querySelector(`[data-tile-${{name}}]`).textContent;
  return {{picture: canvas.toDataURL(), step: said("step"), distance: said("distance")}};
}})()"""
CURVE_POINTS = """(chart) => Math.max(0, ...[...document.querySelectorAll(`[data-chart=${chart}] .js-line`)]
  .map((line) => (line.getAttribute("d") ?? "").split("L").length))"""


def test_from_a_task_to_a_proven_checkpoint(door: Door, stack: Stack, tmp_path: Path) -> None:
    """One story, as an operator lives it; no step is taken by other means than the page."""
    demos = tmp_path / "demonstrations.zip"
    stack.manage("make_demos", "point-mass", "--episodes", str(EPISODES), "--out", str(demos))
    visit = door.enter(None, path=door.link("operator"))
    with visit.watch.nothing_wrong():
        sign_in(visit)
        define_task(visit.page)
        upload(visit.page, demos)
        run_stage_one(visit.page)
        run = launch_practice(visit.page)
        watch_the_run(visit.page)
        watch_the_wall(visit, run)
        control(visit.page)
        see_it_end(visit.page)
        review(visit, run)
        evaluate(visit, run)


def sign_in(visit: Visit) -> None:
    """The link shows a button; pressing it spends the link."""
    link = visit.page.url
    visit.page.get_by_role("button", name="Sign in").click()
    expect(visit.page).to_have_url(f"{visit.url}/")
    expect(visit.page.get_by_role("heading", level=1)).to_be_visible()
    visit.page.get_by_label("Account: otto").click()
    expect(visit.page.locator(".menu-head")).to_contain_text("operator")
    assert link != visit.page.url


def define_task(page: Page) -> None:
    """A name is enough: the embodiment brings the rest, to be read and changed."""
    page.get_by_role("link", name="Tasks", exact=True).first.click()
    page.get_by_role("main").get_by_role("link", name="New task").click()
    page.get_by_label("Name", exact=True).fill("Reach by hand")
    page.get_by_label("Slug").fill("by-hand")
    page.get_by_label("Instructions").fill("go to the goal\nreach the target")
    page.get_by_label("Threshold s").fill("3")  # so little training is not sure of one step
    assert float(page.get_by_label("Horizon").input_value()) > 0
    assert page.locator("input[name^=limit_]").count() > 0
    page.get_by_role("button", name="Define the task").click()
    expect(page).to_have_url(re.compile("/tasks/by-hand/$"))
    expect(page.get_by_role("heading", level=1)).to_contain_text("Reach by hand")


def upload(page: Page, demos: Path) -> None:
    """The bar fills while bytes go out; then the report names what was kept."""
    page.get_by_role("link", name="Upload", exact=True).first.click()
    page.get_by_label("Packed dataset").set_input_files(demos)
    network = page.context.new_cdp_session(page)
    slow = {"offline": False, "latency": 0, "downloadThroughput": -1}
    slow["uploadThroughput"] = UPLOAD_BYTES_PER_SECOND
    network.send("Network.emulateNetworkConditions", slow)
    page.get_by_role("button", name="Upload").click()
    bar = "document.querySelector('[data-upload-status] progress')?.value"
    until(page, f"{bar} > 0.05 && {bar} < 1")
    shoot(page, "story-uploading")
    network.detach()
    expect(page).to_have_url(re.compile(r"/datasets/\d+/$"))
    expect(page.locator("#dataset-badge")).to_contain_text("ready")
    kept = page.locator(".readout", has_text="Kept")
    expect(kept).to_contain_text(str(EPISODES))
    expect(page.locator(".readout", has_text="Refused")).to_contain_text("none")


def fill_settings(page: Page, settings: Mapping[str, int]) -> None:
    """Open the settings and change some."""
    page.locator("summary", has_text="Settings").click()
    for name, value in settings.items():
        page.locator(f"[name=set_{name}]").fill(str(value))


def run_stage_one(page: Page) -> None:
    """Stage 1 from the form; its curves grow without a reload, and it ends with two checkpoints."""
    page.get_by_role("link", name="Start Stage 1").click()
    page.get_by_role("radio", name=re.compile("^Demonstration")).check()
    fill_settings(page, SFT)
    page.get_by_role("button", name="Start Stage 1").click()
    expect(page).to_have_url(re.compile(r"/runs/\d+/$"))
    page.evaluate("window.sameDocument = true")
    expect(page.locator("#run-badge")).to_contain_text("succeeded")
    until(page, f"({CURVE_POINTS})('imitation') > 3")
    expect(page.locator("#run-log .log-line").first).to_be_visible()
    expect(page.locator("#run-results")).to_contain_text("Reward model")
    expect(page.locator("[data-chart=places]")).to_be_hidden()  # a point mass sees no pictures
    assert page.evaluate("window.sameDocument"), "the page was loaded again"
    shoot(page, "story-sft")


def launch_practice(page: Page) -> str:
    """Stage 2 from the form; gives the path of its page."""
    page.get_by_role("navigation", name="Breadcrumb").get_by_role(
        "link", name="Reach by hand"
    ).click()
    page.get_by_role("link", name="New run").click()
    page.get_by_role("radio", name=re.compile("^Demonstration")).check()
    fill_settings(page, PRACTICE)
    page.get_by_role("button", name="Start practice").click()
    expect(page).to_have_url(re.compile(r"/runs/\d+/$"))
    return "/" + page.url.split("/", 3)[3]


def live_tile_changes(page: Page) -> None:
    """A tile's picture, step and predicted steps-to-go move."""
    first = until(page, f"/\\d/.test({SEEN}?.distance) && {SEEN}")
    for what in ("picture", "step", "distance"):
        until(page, f"({SEEN}?.{what} ?? {first[what]!r}) !== {first[what]!r}")


def watch_the_run(page: Page) -> None:
    """Progress moves, robots move, curves begin."""
    expect(page.locator("#run-badge")).to_contain_text("running")
    live_tile_changes(page)
    until(page, "document.querySelector('#run-progress progress').value > 0")
    until(page, f"({CURVE_POINTS})('success') > 1")
    shoot(page, "story-practice")


def watch_the_wall(visit: Visit, run: str) -> None:
    """All robots on one wall; one looked at closely shows the distribution."""
    page = visit.page
    page.get_by_role("link", name="Live", exact=True).first.click()
    expect(page.locator(TILE)).to_have_count(PRACTICE["num_robots"])
    live_tile_changes(page)
    page.locator(TILE).nth(3).click()
    focus = page.locator("[data-tile-focus]")
    expect(focus.locator("[data-tile-dist] > *").first).to_be_attached()
    expect(focus.locator("[data-tile-truth]")).to_contain_text(re.compile("success|not yet"))
    page.keyboard.press("Escape")
    expect(focus).to_be_hidden()
    visit.go(run)


def control(page: Page) -> None:
    """Pause and resume by key, stop by button and a question, and go on from there."""
    badge = page.locator("#run-badge")
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    page.keyboard.press("p")
    expect(badge).to_contain_text("paused")
    expect(page.locator("[data-wall-needs]")).to_contain_text("Not running")
    page.keyboard.press("p")
    expect(badge).to_contain_text("running")
    live_tile_changes(page)
    page.get_by_role("button", name="Stop").click()
    page.get_by_role("dialog").get_by_role("button", name="Stop the run").click()
    expect(badge).to_contain_text("cancelled")
    page.get_by_role("button", name="Resume").click()
    expect(badge).to_contain_text("running")


def see_it_end(page: Page) -> None:
    """It ends by itself, with a result, checkpoints and episodes."""
    expect(page.locator("#run-badge")).to_contain_text("succeeded")
    results = page.locator("#run-results")
    expect(results).to_contain_text("Best, iteration")
    expect(
        results.get_by_role("region", name="Newest episodes").locator("tbody tr")
    ).not_to_have_count(0)
    shoot(page, "story-practised")


def review(visit: Visit, run: str) -> None:
    """The most doubtful episode first: play, scrub, judge by keyboard, and the next one comes."""
    page = visit.page
    visit.go(f"/episodes/?run={run.split('/')[2]}")
    page.get_by_role("link", name="Review, most doubtful first").click()
    expect(page).to_have_url(re.compile(r"/episodes/\d+/\?review=1"))
    episode = "/" + page.url.split("?")[0].split("/", 3)[3]
    play_and_scrub(page)
    expect(page.locator(".review-progress")).to_contain_text("0 of")
    page.keyboard.press("s")
    expect(page).not_to_have_url(re.compile(f"{episode}\\?"))
    expect(page.locator(".review-progress")).to_contain_text("1 of")
    visit.go(episode)
    expect(page.get_by_role("button", name="Success")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("a")
    expect(page.get_by_role("button", name="Approve")).to_have_attribute("aria-pressed", "true")
    page.reload()
    expect(page.locator("#labels")).to_contain_text("approved")
    expect(page.get_by_role("list", name="Labels given")).to_contain_text("otto")
    shoot(page, "story-episode")


def play_and_scrub(page: Page) -> None:
    """The film plays, the cursor follows, and keys move it frame by frame."""
    count = page.locator("[data-replay-count]")
    until(page, "document.querySelector('[data-replay-video]').readyState >= 2")
    expect(count).not_to_have_text(re.compile("^step 0 "))
    page.keyboard.press("Home")
    expect(count).to_have_text(re.compile("^step 0 "))
    before = page.locator("[data-now=distance]").inner_text()
    page.keyboard.press("ArrowRight")
    expect(count).to_have_text(re.compile("^step 1 "))
    page.locator("[data-replay-scrub]").focus()
    page.keyboard.press("End")
    steps = page.locator("[data-replay]").get_attribute("data-steps")
    expect(count).to_have_text(f"step {steps} / {steps}")
    assert page.locator("[data-now=distance]").inner_text() != before
    page.locator("[data-replay-scrub]").blur()
    expect(page.locator("[data-replay-word]")).to_be_hidden()


def evaluate(visit: Visit, run: str) -> None:
    """The checkpoint that practice kept, measured from its own page: rate, interval, detector."""
    page = visit.page
    visit.go(run)
    page.locator("#run-results").get_by_role("region", name="Checkpoints").get_by_role(
        "link"
    ).first.click()
    checkpoint = page.url
    page.get_by_label("Episodes").fill("128")
    page.get_by_role("button", name="Launch the evaluation").click()
    expect(page.locator("#run-badge")).to_contain_text("succeeded")
    page.goto(checkpoint)
    row = page.get_by_role("region", name="Evaluations").locator("tbody tr").first
    expect(row).to_contain_text(re.compile(r"\d\s%.*\[.*\].*n = 128", re.DOTALL))
    precision, recall = (row.locator("td.num").nth(i).inner_text() for i in (1, 2))
    assert precision.endswith("%")
    assert recall.endswith("%")
    shoot(page, "story-checkpoint")
