"""An upload that is paused, loses its connection and its page, and arrives all the same."""

import os
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, Request, expect

from tests.browser.people import Door, until
from tests.browser.rows import Rows
from tests.models_store.outside import packed, small

pytestmark = [pytest.mark.browser, pytest.mark.stack]

PIECE = 8 << 20
SIZE = 3 * PIECE
SHARE = "document.querySelector('[data-upload-status] progress').value"


def choose_and_upload(page: Page, file: Path) -> None:
    page.get_by_label("Packed dataset").set_input_files(file)
    page.get_by_role("button", name="Upload", exact=True).click()


def test_an_upload_goes_on_after_pause_loss_and_reload(
    door: Door, all_rows: Rows, tmp_path: Path
) -> None:
    file = tmp_path / "big.tar.gz"
    file.write_bytes(os.urandom(SIZE))
    page = door.enter("operator", path=all_rows.address("/tasks/{task}/datasets/new/")).page
    offsets: list[int] = []

    def note(request: Request) -> None:
        if request.method == "PATCH":
            offsets.append(int(request.headers["upload-offset"]))

    page.on("request", note)
    network = page.context.new_cdp_session(page)
    slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 4 << 20}
    network.send("Network.emulateNetworkConditions", slow)
    choose_and_upload(page, file)
    until(page, f"{SHARE} > 0.4")
    expect(page.locator("[data-upload-note]")).to_contain_text("left")
    page.get_by_role("button", name="Pause").click()
    expect(page.locator("[data-upload-text]")).to_contain_text("Paused at 8.4 MB / 25.2 MB")
    network.send("Network.emulateNetworkConditions", {**slow, "offline": True})
    page.get_by_role("button", name="Resume").click()
    expect(page.locator("[data-upload-text]")).to_contain_text("No connection")
    network.send("Network.emulateNetworkConditions", slow)
    until(page, f"{SHARE} > 0.4 && {SHARE} < 0.6")

    page.reload()
    expect(page.get_by_text("Not finished: big.tar.gz (33 %)")).to_be_visible()
    offsets.clear()
    choose_and_upload(page, file)
    expect(page).to_have_url(re.compile(r"/datasets/\d+/$"))
    assert offsets[0] >= PIECE, "It went on where it stopped."
    assert offsets == sorted(offsets)
    expect(page.get_by_role("heading", level=1)).to_contain_text("big.tar.gz")


def test_a_refused_upload_says_why_and_can_be_tried_again(
    door: Door, all_rows: Rows, tmp_path: Path
) -> None:
    (tmp_path / "demos.rar").write_bytes(b"x")
    page = door.enter("operator", path=all_rows.address("/tasks/{task}/datasets/new/")).page
    choose_and_upload(page, tmp_path / "demos.rar")
    expect(page.get_by_role("alert")).to_contain_text("no archive we read")
    expect(page.get_by_role("button", name="Upload", exact=True)).to_be_enabled()


def test_the_check_of_a_checkpoint_is_followed_without_a_reload(
    door: Door, all_rows: Rows, tmp_path: Path
) -> None:
    (tmp_path / "theirs.zip").write_bytes(packed(small().files))
    page = door.enter("operator", path=all_rows.address("/tasks/{task}/checkpoints/new/")).page
    page.get_by_label("Checkpoint", exact=True).set_input_files(tmp_path / "theirs.zip")
    page.get_by_role("button", name="Upload", exact=True).click()
    row = page.locator("#checkpoint-imports li").first
    expect(row).to_contain_text("theirs.zip")
    page.evaluate("window.stayed = true")
    expect(row.get_by_role("link", name="theirs.zip")).to_be_visible()
    expect(row).to_contain_text("done")
    assert page.evaluate("window.stayed")
