"""A Hugging Face Hub for tests: the few addresses that a download asks, answered from memory on the loopback interface."""

import hashlib
import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

COMMIT = "0123456789abcdef0123456789abcdef01234567"
_LARGE = (".parquet", ".mp4")
"""Files that the Hub keeps outside git, with their sha256."""
_FILE = re.compile(r"/datasets/([^/]+/[^/]+)/resolve/([0-9a-f]{40})/(.+)")
_FACTS = re.compile(r"/api/datasets/([^/]+/[^/]+?)(?:/revision/([^/?]+))?")


class StandInHub:
    """What is on it, and what was asked of it."""

    def __init__(self, repo: str, files: Mapping[str, bytes]) -> None:
        self.repo, self.files = repo, dict(files)
        self.listed: dict[str, int] = {}
        """Sizes that it says instead of the true ones."""
        self.fetched: list[str] = []
        self.tokens: set[str] = set()
        self.endpoint = ""

    @classmethod
    def of_folder(cls, repo: str, folder: Path) -> "StandInHub":
        """The files of a written dataset."""
        paths = (path for path in folder.rglob("*") if path.is_file())
        return cls(repo, {p.relative_to(folder).as_posix(): p.read_bytes() for p in paths})

    def facts(self) -> dict[str, Any]:
        """What the Hub says of a repository."""
        siblings = []
        for name, content in self.files.items():
            size = self.listed.get(name, len(content))
            facts: dict[str, Any] = {"rfilename": name, "size": size, "blobId": "0" * 40}
            if name.endswith(_LARGE):
                sha256 = hashlib.sha256(content).hexdigest()
                facts["lfs"] = {"sha256": sha256, "size": size, "pointerSize": 130}
            siblings.append(facts)
        return {"id": self.repo, "sha": COMMIT, "siblings": siblings, "private": False}

    def answer(self, path: str, *, fetched: bool) -> tuple[int, bytes, str]:
        """Status, content, and the Hub's code of what went wrong."""
        file, facts = _FILE.fullmatch(path), _FACTS.fullmatch(path)
        if file and file[1] == self.repo and file[3] in self.files:
            if fetched:
                self.fetched.append(file[3])
            return 200, self.files[file[3]], ""
        if facts is None or facts[1] != self.repo:
            return 404, b"{}", "RepoNotFound"
        if facts[2] in {None, "main", "v1", COMMIT}:
            return 200, json.dumps(self.facts()).encode(), ""
        return 404, b"{}", "RevisionNotFound"

    @contextmanager
    def running(self) -> Iterator["StandInHub"]:
        """Answer until the block ends."""
        server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        self.endpoint = f"http://127.0.0.1:{server.server_port}"
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


def _handler(hub: StandInHub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self._head()

        def do_GET(self) -> None:
            self.wfile.write(self._head())

        def _head(self) -> bytes:
            hub.tokens.add(self.headers.get("Authorization", ""))
            path = self.path.partition("?")[0]
            status, content, error = hub.answer(path, fetched=self.command == "GET")
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
            self.send_header("X-Repo-Commit", COMMIT)
            if error:
                self.send_header("X-Error-Code", error)
            self.end_headers()
            return content

        def log_message(self, *_args: object) -> None:
            """Say nothing."""

    return Handler
