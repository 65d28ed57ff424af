"""What a run would cost, asked on its form and tried by a real worker; what cannot fit cannot be launched until something changes."""

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.people import Door
from tests.browser.rows import Rows
from tests.browser.shots import shoot

pytestmark = [pytest.mark.browser, pytest.mark.stack]

TRIED_MS = 90_000


def refuse(route: Route) -> None:
    """Answer as if it could not fit."""
    answer = route.fetch()
    problem = '<section data-problem><p role="alert">Too large for this machine.</p></section>'
    body = (
        answer.text().replace('id="cost"', 'id="cost" data-problem').replace("<dl", f"{problem}<dl")
    )
    route.fulfill(response=answer, body=body)


def wait_for_figures(page: Page) -> None:
    expect(page.locator("#cost dl")).to_be_visible(timeout=TRIED_MS)


def test_a_form_learns_what_its_run_costs(door: Door, all_rows: Rows) -> None:
    page = door.enter("operator", path=all_rows.address("/tasks/{task}/runs/new/?kind=sft")).page
    launch, cost = page.locator("[data-launch]"), page.locator("#cost")
    expect(cost).to_contain_text("on the device that would run it")
    with all_rows.practice():
        page.locator("body").press("e")
        expect(cost).to_contain_text("it waits until one is free")
    wait_for_figures(page)
    expect(cost).to_contain_text("Optimiser steps")
    expect(cost).to_contain_text("measured at")
    expect(launch).to_be_enabled()
    shoot(page, "run-new-cost")
    stale = page.locator("[data-stale]")
    expect(stale).to_be_hidden()
    page.get_by_text("Settings", exact=True).click()
    page.get_by_label("Policy width").fill("32")
    expect(stale).to_be_visible()
    page.route("**/estimates/*/", refuse)
    page.get_by_role("button", name="Estimate").click()
    wait_for_figures(page)
    expect(launch).to_be_disabled()
    expect(launch).to_have_attribute("title", "Too large for this machine.")
    page.get_by_label("Policy width").fill("16")
    expect(launch).to_be_enabled()
    expect(stale).to_be_visible()
