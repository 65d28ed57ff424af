"""Signing in with a browser, as three named people."""

import time
from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Error, Page, expect

from tests.browser.watch import Watch
from tests.stack import Stack

PEOPLE = {"viewer": "vera", "operator": "otto", "admin": "ada"}
WAIT_MS = 60_000
"""How long a browser waits for anything: a loaded machine is slow, and a quiet one never waits so long."""


@dataclass
class Visit:
    """A page somebody looks at, and what it did wrong."""

    page: Page
    watch: Watch
    url: str

    def go(self, path: str) -> None:
        """Open an address of the site."""
        self.page.goto(self.url + path)


def until(page: Page, expression: str) -> Any:
    """Wait until JavaScript says something true; gives it.

    Page.wait_for_function would need 'unsafe-eval', which the site's security policy forbids. Between
    two pages an expression may find nothing to read yet: that counts as not true yet.
    """
    deadline = time.monotonic() + WAIT_MS / 1000
    said = ""
    while time.monotonic() < deadline:
        try:
            found = page.evaluate(expression)
        except Error as error:
            found, said = None, error.message
        if found:
            return found
        page.wait_for_timeout(50)
    raise AssertionError(f"It never came true: {expression} {said}")


@dataclass
class Door:
    """Lets people in; a one-time link is spent once per person and session."""

    stack: Stack
    browser: Browser
    known: dict[str, Any]
    opened: list[BrowserContext] = field(default_factory=list)

    def enter(self, role: str | None, *, path: str = "/", width: int = 1440) -> Visit:
        """Open a fresh window on `path`, signed in with a role, or as a stranger."""
        if role is not None and role not in self.known:
            self.known[role] = self._first_time(role)
        context = self._context(self.known[role] if role else None, width)
        watch = Watch(context, self.stack.url.removeprefix("http://"))
        visit = Visit(context.new_page(), watch, self.stack.url)
        visit.go(path)
        return visit

    def link(self, role: str) -> str:
        """A path that signs the person of this role in once."""
        return self.stack.manage("add_person", PEOPLE[role], "--role", role).split()[-1]

    def _first_time(self, role: str) -> Any:
        context = self._context(None, 1440)
        page = context.new_page()
        page.goto(self.stack.url + self.link(role))
        page.get_by_role("button", name="Sign in").click()
        expect(page).to_have_url(self.stack.url + "/")
        return context.storage_state()

    def _context(self, state: Any, width: int) -> BrowserContext:
        context = self.browser.new_context(
            storage_state=state, viewport={"width": width, "height": 900}
        )
        context.set_default_timeout(WAIT_MS)
        self.opened.append(context)
        return context

    def close(self) -> None:
        """Close every window."""
        while self.opened:
            self.opened.pop().close()
