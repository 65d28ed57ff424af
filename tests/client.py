"""A person's program on the REST API, for tests of the whole stack."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart

OVER = {"succeeded", "failed", "cancelled"}


class Client:
    """Speaks JSON with a site, by token."""

    def __init__(self, url: str, token: str) -> None:
        self.url, self.token = url, token

    def call(self, path: str, body: Any = None, *, kind: str = "application/json") -> Any:
        """GET, or POST where there is a body; gives the answer's JSON, fails on any error status."""
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(
            f"{self.url}/api/{path}",
            data=data,
            headers={"Authorization": f"Token {self.token}", "Content-Type": kind},
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{path}: {error.code} {error.read().decode()}") from error

    def upload(self, task: str, file: Path) -> Any:
        """Upload a dataset; gives its row."""
        with file.open("rb") as opened:
            body = encode_multipart(BOUNDARY, {"task": task, "name": file.stem, "file": opened})
        return self.call("datasets/", body, kind=MULTIPART_CONTENT)

    def run(self, run_id: int, *, seconds: float = 120.0) -> Any:
        """Wait until the run is over; gives its row."""
        return self.wait(f"runs/{run_id}/", lambda run: run["state"] in OVER, seconds=seconds)

    def wait(self, path: str, holds: Callable[[Any], bool], *, seconds: float = 60.0) -> Any:
        """Ask again until the answer is as wanted, through errors of a site that is half down."""
        deadline = time.monotonic() + seconds
        answer: Any = None
        while time.monotonic() < deadline:
            try:
                answer = self.call(path)
                if holds(answer):
                    return answer
            except (AssertionError, OSError) as error:
                answer = error
            time.sleep(0.2)
        raise AssertionError(f"{path} did not become what was wanted; the last answer: {answer}")

    def every(self, path: str) -> list[Any]:
        """All rows of a paginated list."""
        joined = "&" if "?" in path else "?"
        rows: list[Any] = []
        while True:
            page = self.call(f"{path}{joined}limit=100&offset={len(rows)}")
            rows += page["results"]
            if not page["next"]:
                return rows
