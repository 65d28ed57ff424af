"""What each person is offered: strangers the sign-in page, a viewer everything to see and nothing to press."""

import pytest
from playwright.sync_api import expect

from tests.browser.people import Door
from tests.browser.rows import Rows

pytestmark = [pytest.mark.browser, pytest.mark.stack]


def test_a_stranger_lands_on_the_sign_in_page(door: Door, rows: Rows) -> None:
    for path in ("/", "/live/", rows.address("/runs/{practising}/"), "/people/"):
        visit = door.enter(None, path=path)
        expect(visit.page).to_have_url(f"{visit.url}/sign-in/?next={path}")
        expect(visit.page.get_by_role("button", name="Sign in")).to_be_visible()
        expect(visit.page.get_by_role("navigation", name="Main")).to_have_count(0)


def test_a_viewer_sees_a_run_live_and_cannot_touch_it(door: Door, rows: Rows) -> None:
    page = door.enter("viewer", path=rows.address("/runs/{practising}/")).page
    expect(page.locator(".tile[data-state=live]").first).to_be_visible()
    for control in ("Pause", "Stop", "Resume"):
        expect(page.get_by_role("button", name=control)).to_have_count(0)


def test_a_viewer_opens_an_episode_and_cannot_label_it(door: Door, rows: Rows) -> None:
    page = door.enter("viewer", path=rows.address("/episodes/{episode}/")).page
    expect(page.get_by_text("Labels need the role operator")).to_be_visible()
    for button in ("Success", "Failure", "Unsure", "Approve", "Refuse"):
        expect(page.get_by_role("button", name=button)).to_be_disabled()
    page.keyboard.press("s")
    page.reload()
    expect(page.locator(".verdicts [aria-pressed=true]")).to_have_count(0)
    assert rows.client.call(rows.address("episodes/{episode}/"))["verdict"] in {None, ""}


def test_a_viewer_is_offered_nothing_to_launch(door: Door, rows: Rows) -> None:
    page = door.enter("viewer", path=rows.address("/tasks/{task}/")).page
    for link in ("New run", "Upload", "Edit"):
        expect(page.get_by_role("link", name=link)).to_have_count(0)
    page.goto(page.url.removesuffix("/") + "/runs/new/")
    expect(page.get_by_role("main")).to_contain_text("operator")
    expect(page.locator("form[data-run-form]")).to_have_count(0)


@pytest.mark.parametrize(("role", "sees"), [("viewer", 0), ("operator", 0), ("admin", 1)])
def test_people_belong_to_administrators(door: Door, role: str, sees: int) -> None:
    page = door.enter(role).page
    navigation = page.get_by_role("navigation", name="Main")
    expect(navigation.get_by_role("link", name="Runs")).to_have_count(1)
    expect(navigation.get_by_role("link", name="People")).to_have_count(sees)
