"""The system's Chromium against the whole site: web, workers, PostgreSQL and Redis, all real.

Chromium lives for one module only: while it is open, Playwright's own event loop runs in this
thread, and other modules' async tests could not.
"""

import shutil
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psutil
import pytest
from playwright.sync_api import Browser, Error, expect, sync_playwright

from efmweb.system_packages import CHROMIUM_PROGRAMS
from tests.browser.people import WAIT_MS, Door
from tests.browser.rows import Rows, furnish
from tests.stack import Stack

CLOSES_WITHIN = 30.0
"""Seconds"""
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")
ABSENT = (
    "NOT RUN: the browser tests need a Chromium, and none of "
    f"{', '.join(CHROMIUM_PROGRAMS)} is installed; on Debian or Ubuntu: apt-get install chromium"
)


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """Where the system's Chromium is; without one the test is skipped, and the summary says so."""
    found = next(filter(None, map(shutil.which, CHROMIUM_PROGRAMS)), None)
    if found is None:
        # A warning as well: it reaches the summary from a worker of xdist, and without -ra.
        warnings.warn(ABSENT, stacklevel=1)
        pytest.skip(ABSENT)
    return found


@pytest.fixture(scope="module")
def browser(chromium_path: str) -> Iterator[Browser]:
    """A Chromium without windows."""
    expect.set_options(timeout=WAIT_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path, args=list(FLAGS))
        yield browser
        with _killed_when_stuck():
            browser.close()


@contextmanager
def _killed_when_stuck() -> Iterator[None]:
    """Kill Chromium when the block, which closes windows, takes too long.

    Now and then Chromium never answers that a window is closed, and Playwright waits for ever. The
    tests are over by then, so this is no failure of theirs: a warning tells of it.
    """
    killed = threading.Event()

    def kill() -> None:
        killed.set()
        for process in psutil.Process().children(recursive=True):
            with suppress(psutil.Error):
                if "chrom" in process.name():
                    process.kill()

    timer = threading.Timer(CLOSES_WITHIN, kill)
    timer.start()
    try:
        yield
    except Error:
        if not killed.is_set():
            raise
        warnings.warn("Chromium did not close its windows and was killed.", stacklevel=1)
    finally:
        timer.cancel()


@pytest.fixture(scope="session")
def known_people() -> dict[str, Any]:
    """Role -> the cookies of the person who has it; filled as people sign in."""
    return {}


@pytest.fixture(scope="module")
def module_door(browser: Browser, stack: Stack, known_people: dict[str, Any]) -> Iterator[Door]:
    """A way in whose windows stay open for the module."""
    door = Door(stack, browser, known_people)
    yield door
    with _killed_when_stuck():
        door.close()


@pytest.fixture
def door(browser: Browser, stack: Stack, known_people: dict[str, Any]) -> Iterator[Door]:
    """A way in whose windows close with the test."""
    door = Door(stack, browser, known_people)
    yield door
    with _killed_when_stuck():
        door.close()


@pytest.fixture(scope="session")
def all_rows(
    chromium_path: str, stack: Stack, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Rows]:
    """Rows of every kind, made once."""
    with furnish(stack, tmp_path_factory.mktemp("rows")) as rows:
        yield rows


@pytest.fixture(scope="module")
def rows(all_rows: Rows) -> Iterator[Rows]:
    """Rows of every kind, and a practice that goes on as long as the module; others have the worker then."""
    with all_rows.practice():
        yield all_rows
