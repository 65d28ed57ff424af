"""The form of a new run, as its script helps with it."""

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.people import Door
from tests.browser.rows import Rows

pytestmark = [pytest.mark.browser, pytest.mark.stack]


def leave_the_base_to_people(route: Route) -> None:
    """Answer as if the preset "fast" had no base of its own."""
    answer = route.fetch()
    before, fast, after = answer.text().partition('"fast": {"values"')
    assert fast, "the presets are no longer written so"
    asking = after.replace('"asks": []', '"asks": ["set_base"]', 1)
    route.fulfill(response=answer, body=before + fast + asking)


def form_that_asks(door: Door, rows: Rows) -> Page:
    page = door.enter("operator", path="/").page
    page.route("**/runs/new/?kind=sft", leave_the_base_to_people)
    page.goto(door.stack.url + rows.address("/tasks/{task}/runs/new/?kind=sft"))
    return page


def choose(page: Page, preset: str) -> None:
    page.locator(f"[name=preset][value={preset}]").check()


def test_what_a_preset_leaves_to_people_is_asked_for(door: Door, all_rows: Rows) -> None:
    page = form_that_asks(door, all_rows)
    base = page.locator("[name=set_base]")
    expect(base).to_have_count(1)
    expect(base).to_be_hidden()
    choose(page, "fast")
    expect(base).to_be_in_viewport()
    page.get_by_role("button", name="Start Stage 1").click()
    expect(base).to_be_focused()
    expect(page).to_have_url(page.url)
    assert base.evaluate("control => control.validity.valueMissing")
    choose(page, "paper")
    assert not base.evaluate("control => control.required")
