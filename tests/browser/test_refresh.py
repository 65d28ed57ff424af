"""How a page that stays true asks for what has changed, and how the wall lets go of what is over."""

import json
import re

import pytest
from playwright.sync_api import WebSocketRoute, expect

from tests.browser.people import Door

pytestmark = [pytest.mark.browser, pytest.mark.stack]

ASK_OFTEN = """async () => {
  const { atMostEvery } = await import("/static/js/refresh.js");
  const wait = (ms) => new Promise((done) => setTimeout(done, ms));
  let atWork = 0, most = 0, count = 0;
  const ask = atMostEvery(5, async () => {
    count += 1;
    most = Math.max(most, ++atWork);
    await wait(60);
    atWork -= 1;
    if (count === 1) throw new Error("offline");
  });
  addEventListener("unhandledrejection", (event) => event.preventDefault());
  for (let i = 0; i < 20; i++) { ask(); await wait(10); }
  await wait(200);
  return { most, count, atWork };
}"""


def test_a_slow_answer_is_waited_for_and_the_last_wish_is_kept(door: Door) -> None:
    page = door.enter(None, path="/sign-in/").page
    found = page.evaluate(ASK_OFTEN)
    assert found["most"] == 1
    assert found["atWork"] == 0
    assert 3 <= found["count"] <= 8


def test_what_is_over_stays_on_the_wall_until_others_run(door: Door) -> None:
    visit = door.enter("viewer", path="/")
    page, sockets = visit.page, list[WebSocketRoute]()

    def remember(socket: WebSocketRoute) -> None:
        sockets.append(socket)

    page.route_web_socket(re.compile("/ws/live/"), remember)
    visit.go("/live/")
    while not sockets:
        page.wait_for_timeout(50)

    def running(*runs: int) -> None:
        told = [{"id": run, "name": f"Run {run}", "state": "running"} for run in runs]
        sockets[-1].send(json.dumps({"type": "runs", "runs": told}))

    groups = page.locator("[data-wall-groups] [data-wall-group]")
    running(71)
    expect(groups).to_have_count(1)
    running()
    expect(groups.locator("[data-wall-state]")).to_have_text("over")
    running(72)
    expect(groups).to_have_count(1)
    expect(groups).to_have_attribute("data-wall-group", "72")
