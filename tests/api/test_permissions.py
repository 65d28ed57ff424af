"""Every address and method of the API, taken from the URL conf, so that a new endpoint cannot be forgotten."""

import uuid
from collections.abc import Iterator

import pytest
from django.urls import URLPattern
from django.urls.converters import IntConverter
from rest_framework.permissions import SAFE_METHODS

from practice.api.base import Nothing
from practice.api.urls import urlpatterns
from practice.models import User
from practice.services.people import issue_token
from tests.api.conftest import Api

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
VIEWER_MAY_WRITE = {("token", "DELETE"), ("tokens", "POST")}
"""A viewer manages their own tokens, which can do no more than they can."""
ADMIN_ONLY = {"people", "person"}
OPERATOR_READS = {"folder_datasets"}
"""What lies on the server is shown to those who may import it."""


def _path(pattern: URLPattern) -> str:
    converters = pattern.pattern.converters
    route = str(pattern.pattern)
    for name, converter in converters.items():
        kind = (
            "int"
            if isinstance(converter, IntConverter)
            else ("slug" if "slug:" in route else "str")
        )
        route = route.replace(f"<{kind}:{name}>", "1" if kind == "int" else "some")
    assert "<" not in route, f"Teach this test how to fill {route}."
    return route


def _addresses() -> Iterator[tuple[str, str]]:
    for pattern in urlpatterns:
        if pattern.name != "nothing":
            yield pattern.name or "", _path(pattern)
    yield "nothing", "no/such/address/"


ADDRESSES = list(_addresses())
OFFERED = [
    (pattern.name or "", _path(pattern), method)
    for pattern in urlpatterns
    if (view := pattern.callback.__dict__["view_class"]) is not Nothing
    for method in METHODS
    if hasattr(view, method.lower()) and method not in {"OPTIONS", "HEAD"}
]
WRITES = [(name, path, method) for name, path, method in OFFERED if method not in SAFE_METHODS]


def test_all_addresses_are_known_by_name() -> None:
    names = [pattern.name for pattern in urlpatterns]
    assert all(names)
    assert len(set(names)) == len(names)
    assert len(WRITES) >= 15


@pytest.mark.parametrize(("name", "path"), ADDRESSES, ids=[name for name, _ in ADDRESSES])
def test_a_stranger_gets_401(nobody: Api, name: str, path: str) -> None:
    for method in METHODS:
        answer = nobody.send(method, path, headers={"Accept": "*/*"})
        assert answer.status == 401, (method, path, answer)
        assert answer.headers["WWW-Authenticate"] == "Token"
        if method != "HEAD":
            assert answer.error["code"] == "not_authenticated"


@pytest.mark.parametrize(("name", "path", "method"), WRITES)
def test_a_viewer_may_not_write(viewer: Api, name: str, path: str, method: str) -> None:
    answer = viewer.send(method, path, {})
    if (name, method) in VIEWER_MAY_WRITE:
        assert answer.status in {400, 404}
    else:
        assert answer.status == 403, answer
        assert answer.error["code"] == "not_allowed"


@pytest.mark.parametrize(("name", "path"), ADDRESSES, ids=[name for name, _ in ADDRESSES])
def test_an_account_without_a_role_may_nothing(db: None, name: str, path: str) -> None:
    person = User.objects.create_user(f"guest-{uuid.uuid4().hex}")
    api = Api(person)
    for method in ("GET", "POST", "DELETE"):
        assert api.send(method, path).status == 403, (method, path)


@pytest.mark.parametrize("name", sorted(ADMIN_ONLY))
def test_people_are_for_administrators(operator: Api, viewer: Api, name: str) -> None:
    path = dict(ADDRESSES)[name]
    for api in (operator, viewer):
        assert api.get(path).status == 403
    for known, own_path, method in WRITES:
        if known == name:
            assert operator.send(method, own_path, {}).status == 403


@pytest.mark.parametrize(("name", "path", "method"), WRITES)
def test_a_read_only_token_writes_nothing(otto: User, name: str, path: str, method: str) -> None:
    _, secret = issue_token(otto, by=otto, name="dashboard", read_only=True)
    answer = Api(token=secret).send(method, path, {})
    assert answer.status == 403
    assert "dashboard" in answer.error["message"]


@pytest.mark.parametrize(
    ("name", "path"), [(n, p) for n, p, m in OFFERED if m == "GET" and n not in ADMIN_ONLY]
)
def test_a_viewer_may_read(viewer: Api, operator: Api, name: str, path: str) -> None:
    expected = {403} if name in OPERATOR_READS else {200, 404}
    assert viewer.send("GET", path, headers={"Accept": "*/*"}).status in expected
    assert operator.send("GET", path, headers={"Accept": "*/*"}).status in {200, 404}
