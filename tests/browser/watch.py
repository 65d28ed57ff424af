"""What a page did that no page should: console errors, failed requests, requests to another host."""

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Request, Response

ABORTED = "net::ERR_ABORTED"
"""The browser itself gave up a request, as it does with a film's or a page's when one goes elsewhere."""
LOCAL_SCHEMES = {"data", "blob", "about"}


class Watch:
    """Listens to every page of a browser context."""

    def __init__(self, context: BrowserContext, host: str) -> None:
        self.host = host
        self.faults: list[str] = []
        context.on("console", self._console)
        context.on("weberror", lambda error: self.faults.append(f"uncaught: {error.error}"))
        context.on("request", self._request)
        context.on("requestfailed", self._failed)
        context.on("response", self._response)
        context.on("page", self._page)

    def _page(self, page: Page) -> None:
        page.on("websocket", lambda socket: self._visit(socket.url))

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.faults.append(f"console {message.type}: {message.text}")

    def _request(self, request: Request) -> None:
        self._visit(request.url)

    def _visit(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in LOCAL_SCHEMES and parts.netloc != self.host:
            self.faults.append(f"another host: {url}")

    def _failed(self, request: Request) -> None:
        if request.failure != ABORTED:
            self.faults.append(f"failed: {request.url}: {request.failure}")

    def _response(self, response: Response) -> None:
        if response.status >= 400:
            self.faults.append(f"{response.status}: {response.url}")

    @contextmanager
    def nothing_wrong(self) -> Iterator[None]:
        """Fails when anything is seen before the end of the block."""
        self.faults.clear()
        yield
        assert self.faults == []
