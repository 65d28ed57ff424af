"""Clients of the API, one for each of the three named people, and ready-made rows."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from django.test import Client

from practice.models import User
from practice.services.people import issue_token


@dataclass(frozen=True)
class Answer:
    """What the API said."""

    status: int
    body: Any
    headers: Mapping[str, str]

    @property
    def error(self) -> dict[str, Any]:
        """The error in the one shape; fails when there is none, or more than that."""
        assert self.status >= 400, self
        assert list(self.body) == ["error"], self.body
        error: dict[str, Any] = self.body["error"]
        assert set(error) == {"code", "message", "fields"}, error
        assert isinstance(error["code"], str)
        assert error["code"]
        assert isinstance(error["message"], str)
        assert error["message"]
        assert all(isinstance(text, str) for text in error["fields"].values()), error
        return error


class Api:
    """Speaks JSON with the API under /api/."""

    def __init__(self, person: User | None = None, token: str = "", *, csrf: bool = False) -> None:
        headers = {"Authorization": f"Token {token}"} if token else None
        self.client = Client(
            headers=headers, enforce_csrf_checks=csrf, raise_request_exception=False
        )
        if person is not None:
            self.client.force_login(person)

    def send(self, method: str, path: str, body: Any = None, **extra: Any) -> Answer:
        """Any method; `body` goes as JSON."""
        if body is not None:
            extra = {"data": json.dumps(body), "content_type": "application/json", **extra}
        response = self.client.generic(method, f"/api/{path}", **extra)
        is_json = response.headers.get("Content-Type", "") == "application/json"
        content = response.getvalue() if response.streaming else response.content
        answer = json.loads(content) if is_json and content else content
        return Answer(response.status_code, answer, response.headers)

    def get(self, path: str) -> Answer:
        """GET."""
        return self.send("GET", path)

    def post(self, path: str, body: Any = None) -> Answer:
        """POST with a JSON body."""
        return self.send("POST", path, body)

    def patch(self, path: str, body: Any) -> Answer:
        """PATCH with a JSON body."""
        return self.send("PATCH", path, body)

    def delete(self, path: str) -> Answer:
        """DELETE."""
        return self.send("DELETE", path)

    def upload(self, path: str, **fields: Any) -> Answer:
        """POST a multipart form."""
        response = self.client.post(f"/api/{path}", data=fields)
        return Answer(response.status_code, json.loads(response.content), response.headers)


@pytest.fixture
def nobody(db: None) -> Api:
    """Somebody who is not signed in."""
    return Api()


@pytest.fixture
def viewer(vera: User) -> Api:
    """Vera, in a browser session."""
    return Api(vera)


@pytest.fixture
def operator(otto: User) -> Api:
    """Otto, in a browser session."""
    return Api(otto)


@pytest.fixture
def admin(ada: User) -> Api:
    """Ada, in a browser session."""
    return Api(ada)


@pytest.fixture
def otto_token(otto: User) -> str:
    """The secret of a token of Otto's."""
    return issue_token(otto, by=otto, name="script")[1]
