"""A Hugging Face Hub for tests: the few addresses that a download or a push asks, answered from memory on the loopback interface."""

import base64
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
_LARGE = (".parquet", ".mp4", ".safetensors")
"""Files that the Hub keeps outside git, with their sha256."""
_FILE = re.compile(r"/(?:datasets/)?([^/]+/[^/]+)/resolve/([0-9a-f]{40})/(.+)")
_FACTS = re.compile(r"/api/(?:datasets|models)/([^/]+/[^/]+?)(?:/revision/([^/?]+))?")
_TREE = re.compile(r"/api/models/([^/]+/[^/]+)/tree/.+")


class StandInHub:
    """What is on it, and what was asked of it."""

    def __init__(self, repo: str, files: Mapping[str, bytes]) -> None:
        self.repo, self.files = repo, dict(files)
        self.listed: dict[str, int] = {}
        """Sizes that it says instead of the true ones."""
        self.fetched: list[str] = []
        self.tokens: set[str] = set()
        self.endpoint = ""
        self.private_to = ""
        """The one token that it answers; empty: everybody."""
        self.elsewhere = ""
        """The address of another server that has the files."""

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
        if file and self.elsewhere:
            return 302, b"", ""
        if (tree := _TREE.fullmatch(path)) and tree[1] == self.repo:
            entries = [
                {"type": "file", "path": name, "size": len(content), "oid": "0" * 40}
                for name, content in self.files.items()
            ]
            return 200, json.dumps(entries).encode(), ""
        if file and file[1] == self.repo and file[3] in self.files:
            if fetched:
                self.fetched.append(file[3])
            return 200, self.files[file[3]], ""
        if facts is None or facts[1] != self.repo:
            return 404, b"{}", "RepoNotFound"
        if facts[2] in {None, "main", "v1", COMMIT}:
            return 200, json.dumps(self.facts()).encode(), ""
        return 404, b"{}", "RevisionNotFound"

    def refusal(self, authorization: str) -> dict[str, str]:
        """Headers of the 401 with which a private repository refuses; empty where it does not."""
        if authorization == f"Bearer {self.private_to}" or not self.private_to:
            return {}
        if authorization:
            return {"X_Error_Message": "Invalid credentials in Authorization header"}
        return {"X_Error_Code": "RepoNotFound"}

    def take(self, path: str, body: bytes) -> dict[str, Any]:
        """What the Hub answers to a push: small files come base64 in the commit, and all are small here."""
        if path == "/api/repos/create":
            asked = json.loads(body)
            self.repo = f"{asked['organization']}/{asked['name']}"
        elif "/preupload/" in path:
            paths = [file["path"] for file in json.loads(body)["files"]]
            return {
                "files": [
                    {"path": path, "uploadMode": "regular", "shouldIgnore": False} for path in paths
                ]
            }
        elif "/commit/" in path:
            for line in map(json.loads, body.splitlines()):
                if line["key"] == "file":
                    value = line["value"]
                    self.files[value["path"]] = base64.b64decode(value["content"])
                elif line["key"] == "deletedFile":
                    del self.files[line["value"]["path"]]
        url = f"{self.endpoint}/{self.repo}"
        return {"url": url, "commitUrl": f"{url}/commit/{COMMIT}", "commitOid": COMMIT}

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


def _body(asked: BaseHTTPRequestHandler) -> bytes:
    """What came with a request, whole or in chunks."""
    if asked.headers.get("Transfer-Encoding") != "chunked":
        return asked.rfile.read(int(asked.headers.get("Content-Length", 0)))
    whole = b""
    while size := int(asked.rfile.readline(), 16):
        whole += asked.rfile.read(size)
        asked.rfile.readline()
    asked.rfile.readline()
    return whole


def _send(asked: BaseHTTPRequestHandler, status: int, content: bytes, **headers: str) -> None:
    """Status and headers of an answer; `X_Error_Code="..."` is the header X-Error-Code."""
    asked.send_response(status)
    asked.send_header("Content-Length", str(len(content)))
    for name, value in headers.items():
        asked.send_header(name.replace("_", "-"), value)
    asked.end_headers()


def _handler(hub: StandInHub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self._head()

        def do_GET(self) -> None:
            self.wfile.write(self._head())

        def do_POST(self) -> None:
            hub.tokens.add(self.headers.get("Authorization", ""))
            answer = hub.take(self.path.partition("?")[0], _body(self))
            content = json.dumps(answer).encode()
            _send(self, 200, content, Content_Type="application/json")
            self.wfile.write(content)

        def _head(self) -> bytes:
            authorization = self.headers.get("Authorization", "")
            hub.tokens.add(authorization)
            path = self.path.partition("?")[0]
            refused = hub.refusal(authorization)
            if refused:
                _send(self, 401, b"", **refused)
                return b""
            status, content, error = hub.answer(path, fetched=self.command == "GET")
            told = {"ETag": f'"{hashlib.sha256(content).hexdigest()}"', "X_Repo_Commit": COMMIT}
            told |= {"X_Error_Code": error} if error else {}
            told |= {"Location": hub.elsewhere + path} if status == 302 else {}
            _send(self, status, content, **told)
            return content

        def log_message(self, *_args: object) -> None:
            """Say nothing."""

    return Handler
