"""The cameras of an episode under the replay's one clock: each video stands at the frame under the cursor, in a real browser."""

from dataclasses import dataclass
from itertools import pairwise

import pytest
from playwright.sync_api import Page, expect

from tests.browser.people import Door, Visit, until
from tests.browser.shots import shoot
from tests.films import OTHERS
from tests.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.stack]

STEPS = 40
RATE = 10.0
"""Steps, and frames of the videos, a second."""
MAKE = f"""
from practice.models import Episode
from tests.factories import make_dataset, make_episodes, make_task
from tests.films import give_videos

task = make_task(control_hz={RATE})
[whole] = make_episodes(dataset=make_dataset(task), count=1, length={STEPS}, d_start=40.0)
give_videos(whole, "front", "wrist.left", shape=(120, 160))
[broken] = make_episodes(dataset=make_dataset(task), count=1, length={STEPS}, trim_first=8, trim_end=30)
give_videos(broken, *[f"camera{{i}}" for i in range(8)], shape=(120, 160))
broken.videos["observation.images.camera3"]["key"] = "films-of-tests/gone.mp4"
broken.save()
print(whole.pk, broken.pk)
"""
STANDS = """() => [...document.querySelectorAll("[data-replay-video], [data-camera-video]")]
  .map((v) => [v.seeking || !v.paused ? null : v.currentTime, Number(v.dataset.start ?? 0), Number(v.dataset.fps ?? 10)])"""
MOVES = """() => [...document.querySelectorAll("[data-replay-video], [data-camera-video]")]
  .map((v) => [v.currentTime - Number(v.dataset.start ?? 0), v.paused])"""
READY = """[...document.querySelectorAll("[data-replay-video], [data-camera-video]")]
  .every((v) => v.error || (v.readyState >= 2 && !v.seeking))"""


@dataclass(frozen=True)
class Filmed:
    """Episodes with videos: two cameras; eight, one of which is gone, and a trim."""

    whole: int
    broken: int


@pytest.fixture(scope="module")
def filmed(stack: Stack) -> Filmed:
    """Rows and blobs, made as an import makes them."""
    said = stack.manage("shell", "-c", MAKE).split()
    return Filmed(int(said[-2]), int(said[-1]))


@pytest.fixture
def visit(door: Door, filmed: Filmed) -> Visit:
    """Somebody who looks at the episode with two cameras."""
    visit = door.enter("viewer", path=f"/episodes/{filmed.whole}/")
    until(visit.page, READY)
    return visit


def frames_shown(page: Page) -> list[int | None]:
    """The frame of the episode at which the film and each video stand; None while one moves."""
    stands = page.evaluate(STANDS)
    return [None if at is None else int((at - start) * fps + 1e-6) for at, start, fps in stands]


def check_frame(page: Page, frame: int) -> None:
    """The count, the film and both videos say this frame; nothing was filmed after the last action."""
    expect(page.locator("[data-replay-count]")).to_have_text(f"step {frame} / {STEPS}")
    seen = min(frame, STEPS - 1)
    until(page, f"({STANDS})().every(([at]) => at !== null)")
    page.wait_for_timeout(100)  # the last of several jumps is under way a moment later
    until(page, f"({STANDS})().every(([at]) => at !== null)")
    assert frames_shown(page) == [frame, seen, seen]


def test_scrubbing_and_stepping_move_every_camera(visit: Visit) -> None:
    page = visit.page
    with visit.watch.nothing_wrong():
        check_frame(page, 0)
        for key, frame in (("ArrowRight", 1), ("ArrowRight", 2), ("ArrowLeft", 1), ("End", STEPS)):
            page.keyboard.press(key)
            check_frame(page, frame)
        page.keyboard.press("Home")
        check_frame(page, 0)
        scrub = page.locator("[data-replay-scrub]")
        for frame in (7, 33, 21):
            scrub.fill(str(frame))
            check_frame(page, frame)
        scrub.blur()
        box = page.locator("[data-curve=distance] [data-plot-area]").bounding_box()
        assert box
        y = box["y"] + box["height"] / 2
        page.mouse.move(box["x"] + 2, y)
        page.mouse.down()
        for share in (0.2, 0.5, 0.75):
            page.mouse.move(box["x"] + share * box["width"], y)
        page.mouse.up()
        check_frame(page, 30)
        page.keyboard.press("n")
        check_frame(page, STEPS - 2)  # the detector's first "done" at a threshold of two steps
        page.locator("[data-replay-moments] button").last.click()
        check_frame(page, STEPS)


def test_each_frame_is_a_place_of_its_own(visit: Visit) -> None:
    page = visit.page
    page.keyboard.press("Home")
    times = []
    for frame in range(4):
        check_frame(page, frame)
        times.append([at for at, *_ in page.evaluate(STANDS)][1])
        page.keyboard.press("ArrowRight")
    assert times[0] == pytest.approx((OTHERS + 0.5) / RATE, abs=1e-3)
    assert [b - a for a, b in pairwise(times)] == pytest.approx([1 / RATE] * 3, abs=1e-3)


def test_they_play_together_and_stop_together(visit: Visit) -> None:
    page = visit.page
    with visit.watch.nothing_wrong():
        page.locator("[data-replay-speed]").select_option("0.5")
        page.keyboard.press("Space")
        until(page, f"({MOVES})().every(([at, paused]) => at > 0.5 && !paused)")
        apart = page.evaluate(
            f"(() => {{ const t = ({MOVES})().map(([at]) => at); return Math.max(...t) - Math.min(...t); }})()"
        )
        assert apart < 0.3, "Of three pictures one is more than three frames from another."
        page.keyboard.press("Space")
        expect(page.locator("[data-replay-play]")).to_have_attribute("aria-label", "Play")
        until(page, f"({STANDS})().every(([at]) => at !== null)")
        page.wait_for_timeout(300)
        assert len({*frames_shown(page)}) == 1
        page.locator("[data-replay-scrub]").fill(str(STEPS - 3))
        page.locator("[data-replay-scrub]").blur()
        page.keyboard.press("Space")
        expect(page.locator("[data-replay-play]")).to_have_attribute("aria-label", "Play")
        check_frame(page, STEPS)


def test_a_camera_is_enlarged_by_mouse_and_keyboard(visit: Visit) -> None:
    page = visit.page
    small = page.locator("[data-camera]").first
    box = small.bounding_box()
    assert box
    width = box["width"]
    with visit.watch.nothing_wrong():
        small.get_by_role("button").click()
        expect(small).to_have_attribute("data-large", "")
        large = small.bounding_box()
        assert large
        assert large["width"] > 1.5 * width
        page.keyboard.press("ArrowRight")
        check_frame(page, 1)
        page.keyboard.press("Escape")
        expect(page.locator("[data-large]")).to_have_count(0)
        page.keyboard.press("2")
        expect(page.locator("[data-camera]").nth(1)).to_have_attribute("data-large", "")
        page.keyboard.press("2")
        expect(page.locator("[data-large]")).to_have_count(0)
        shoot(page, "cinema-two")


def test_a_camera_that_fails_says_so_and_holds_up_no_other(door: Door, filmed: Filmed) -> None:
    visit = door.enter("viewer", path=f"/episodes/{filmed.broken}/")
    page = visit.page
    word = page.locator("[data-camera]").nth(3).locator("[data-camera-word]")
    expect(word).to_contain_text("This video is gone")
    until(page, READY)
    page.keyboard.press("Space")
    others = "[...document.querySelectorAll('[data-camera-video]')].filter((v) => !v.error)"
    until(
        page,
        f"{others}.length === 7 && {others}.every((v) => v.currentTime > {OTHERS / RATE + 0.5})",
    )
    page.keyboard.press("Space")
    page.keyboard.press("Home")
    expect(page.locator("[data-replay-count]")).to_have_text(f"step 0 / {STEPS}, trimmed off")
    expect(page.locator("[data-replay]")).to_have_attribute("data-trimmed", "")
    shoot(page, "cinema-eight")


def test_a_camera_that_lags_says_so_and_holds_up_no_other(door: Door, filmed: Filmed) -> None:
    visit = door.enter("viewer")
    page = visit.page
    page.route("**/videos/*front/**", lambda _: None)  # asked for, and never answered
    visit.go(f"/episodes/{filmed.whole}/")
    cameras = page.locator("[data-camera]")
    expect(cameras.first.locator("[data-camera-word]")).to_have_text("Waiting for its pictures…")
    page.keyboard.press("Space")
    second = "document.querySelectorAll('[data-camera-video]')[1]"
    until(page, f"{second}.currentTime > {OTHERS / RATE + 0.5}")
    expect(cameras.nth(1).locator("[data-camera-word]")).to_be_hidden()
    expect(page.locator("[data-replay-play]")).to_have_attribute("aria-label", "Play")
    page.unroute_all(behavior="ignoreErrors")


def test_tiles_that_nobody_sees_are_not_loaded(door: Door, filmed: Filmed) -> None:
    visit = door.enter("viewer", path=f"/episodes/{filmed.broken}/", width=390)
    page = visit.page
    until(page, "document.querySelector('[data-replay-video]').readyState >= 2")
    loaded = "[...document.querySelectorAll('[data-camera-video]')].filter((v) => v.src).length"
    assert page.evaluate(loaded) < 8
    page.keyboard.press("End")
    page.locator("[data-camera]").last.scroll_into_view_if_needed()
    until(page, f"{loaded} > 4")
    last = "[...document.querySelectorAll('[data-camera-video]')].at(-1)"
    until(page, f"!{last}.seeking && {last}.currentTime > {(OTHERS + STEPS - 1) / RATE}")
