"""Every error has one shape, and none of them tells how the server is built."""

import json
from typing import Any

import pytest
from django.core.exceptions import SuspiciousFileOperation
from django.db import OperationalError
from rest_framework.exceptions import ErrorDetail, Throttled
from rest_framework.serializers import ValidationError

from practice.api.errors import exception_handler, flatten
from practice.api.views import machines
from practice.errors import ConflictError, ForbiddenError, InvalidError, MissingError
from practice.learning.errors import LearningError
from tests.api.conftest import Api
from tests.factories import make_task


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "tasks/none/", 404, "not_found"),
        ("GET", "runs/999/", 404, "not_found"),
        ("GET", "runs/99999999999999999999999/", 404, "not_found"),
        ("GET", "episodes/999/", 404, "not_found"),
        ("GET", "checkpoints/999/", 404, "not_found"),
        ("GET", "datasets/999/", 404, "not_found"),
        ("GET", "no/such/thing/", 404, "not_found"),
        ("POST", "no/such/thing/", 404, "not_found"),
        ("GET", "tasks", 404, "not_found"),
        ("GET", "", 404, "not_found"),
        ("DELETE", "runs/", 405, "method_not_allowed"),
        ("PUT", "me/", 405, "method_not_allowed"),
        ("OPTIONS", "tasks/", 405, "method_not_allowed"),
        ("GET", "tasks/?limit=0", 400, "invalid"),
        ("GET", "tasks/?limit=201", 400, "invalid"),
        ("GET", "tasks/?limit=ten", 400, "invalid"),
        ("GET", "tasks/?offset=-1", 400, "invalid"),
        ("GET", "tasks/?offset=99999999999999999999", 400, "invalid"),
        ("GET", "tasks/?colour=red", 400, "invalid"),
        ("GET", "tasks/?search=%00", 400, "invalid"),
        ("GET", "runs/?kind=dream", 400, "invalid"),
        ("GET", "episodes/?run=0", 400, "invalid"),
        ("GET", "episodes/?run=1e9", 400, "invalid"),
        ("GET", "presets/?kind=dream", 400, "invalid"),
        ("GET", "presets/?embodiment=kite", 400, "invalid"),
    ],
)
def test_errors_of_addresses(operator: Api, method: str, path: str, status: int, code: str) -> None:
    answer = operator.send(method, path)
    assert (answer.status, answer.error["code"]) == (status, code)


@pytest.mark.parametrize(
    ("body", "content_type", "status", "code"),
    [
        ("{", "application/json", 400, "malformed"),
        ("", "application/json", 400, "invalid"),
        (b"\xff\xfe\xfd", "application/json", 400, "malformed"),
        ('{"threshold": NaN}', "application/json", 400, "malformed"),
        ('{"threshold": 1e999}', "application/json", 400, "malformed"),
        ('{"horizon": 1' + "0" * 30 + "}", "application/json", 400, "malformed"),
        ('{"horizon": 1' + "0" * 5000 + "}", "application/json", 400, "malformed"),
        ("[" * 200_000, "application/json", 400, "malformed"),
        ('"' + "x" * (5 * 2**20) + '"', "application/json", 413, "too_large"),
        ("[]", "application/json", 400, "invalid"),
        ("null", "application/json", 400, "invalid"),
        ('{"name": "\\ud800"}', "application/json", 400, "invalid"),
        ('{"name": "\\u0000"}', "application/json", 400, "invalid"),
        ("a=1", "application/x-www-form-urlencoded", 415, "unsupported_media_type"),
        ("<a/>", "text/xml", 415, "unsupported_media_type"),
        ("x", "multipart/form-data; boundary=y", 415, "unsupported_media_type"),
    ],
)
def test_errors_of_bodies(
    operator: Api, body: str | bytes, content_type: str, status: int, code: str
) -> None:
    answer = operator.send("POST", "tasks/", data=body, content_type=content_type)
    assert (answer.status, answer.error["code"]) == (status, code)


def test_what_is_wrong_stands_by_its_field(operator: Api) -> None:
    body = {"name": "", "slug": "a b", "instructions": ["ok", ""], "colour": "red"}
    assert set(operator.post("tasks/", body).error["fields"]) == {"colour"}
    del body["colour"]
    error = operator.post("tasks/", body).error
    assert set(error["fields"]) == {"name", "slug", "embodiment", "instructions.1"}
    assert error["message"].startswith("name: ")


def test_an_answer_nobody_can_read_is_refused_in_json(operator: Api) -> None:
    answer = operator.send("GET", "tasks/", headers={"Accept": "text/csv"})
    assert (answer.status, answer.error["code"]) == (406, "not_acceptable")


def test_a_missing_slash_is_named(operator: Api) -> None:
    make_task(slug="reach")
    assert "slash" in operator.get("tasks/reach").error["message"]


def test_a_failure_shows_nothing_of_the_server(
    operator: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise ZeroDivisionError("the secret is 42")

    monkeypatch.setattr(machines, "embodiments", fail)
    answer = operator.get("embodiments/")
    assert (answer.status, answer.error["code"]) == (500, "internal")
    shown = json.dumps(answer.body)
    assert "42" not in shown
    assert "Zero" not in shown
    assert "the secret is 42" in caplog.text, "The traceback belongs into the log."


def test_a_database_that_is_away_is_named(operator: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise OperationalError("connection to 10.0.0.7 refused")

    monkeypatch.setattr(machines, "embodiments", fail)
    answer = operator.get("embodiments/")
    assert (answer.status, answer.error["code"]) == (503, "unavailable")
    assert "10.0.0.7" not in json.dumps(answer.body)


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (InvalidError("No.", fields={"name": "bad"}), 400, "invalid"),
        (ForbiddenError("No."), 403, "not_allowed"),
        (MissingError("No."), 404, "not_found"),
        (ConflictError("No."), 409, "conflict"),
        (LearningError("No."), 400, "invalid"),
        (Throttled(wait=7), 429, "throttled"),
        (SuspiciousFileOperation("No."), 400, "invalid"),
    ],
)
def test_errors_of_the_domain(error: Exception, status: int, code: str) -> None:
    answer = exception_handler(error, {})
    body = json.loads(answer.content)["error"]
    assert (answer.status_code, body["code"]) == (status, code)
    assert body["message"]
    assert body["fields"] == getattr(error, "fields", {})
    if status == 429:
        assert answer.headers["Retry-After"] == "7"


@pytest.mark.parametrize(
    ("detail", "fields"),
    [
        ({"a": ["x", "y"]}, {"a": "x y"}),
        ({"a": {"b": ["x"]}}, {"a.b": "x"}),
        ({"a": {1: ["x"]}}, {"a.1": "x"}),
        ({"non_field_errors": ["x"]}, {"": "x"}),
        ([{}, {"a": ["x"]}], {"1.a": "x"}),
        (["x"], {"": "x"}),
        ({"a": []}, {}),
    ],
)
def test_nested_errors_become_flat(detail: Any, fields: dict[str, str]) -> None:
    assert flatten(ValidationError(detail).detail if detail != {"a": []} else detail) == fields
    assert flatten(ErrorDetail("x"), "a") == {"a": "x"}
