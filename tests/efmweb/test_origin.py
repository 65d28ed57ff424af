"""The door of the sockets: same origin, a trusted one, or a program with a token."""

import pytest
from pytest_django.fixtures import Settings

from efmweb.origin import is_welcome


def welcome(**headers: str) -> bool:
    """Whether a handshake with these headers is let in."""
    return is_welcome(
        {"headers": [(key.encode(), value.encode()) for key, value in headers.items()]}
    )


@pytest.fixture(autouse=True)
def _hosts(settings: Settings) -> None:
    settings.ALLOWED_HOSTS = ["localhost", "[::1]", ".robots.lab"]
    settings.CSRF_TRUSTED_ORIGINS = ["https://wall.lab"]


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("localhost:8000", "http://localhost:8000"),
        ("[::1]:8000", "http://[::1]:8000"),
        ("efm.robots.lab", "https://EFM.robots.lab"),
        ("localhost:8000", "https://wall.lab"),
    ],
)
def test_our_own_pages_are_let_in(host: str, origin: str) -> None:
    assert welcome(host=host, origin=origin)


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("localhost:8000", "http://localhost:3000"),
        ("localhost:8000", "https://evil.example"),
        ("localhost:8000", "http://localhost:8000.evil.example"),
        ("localhost:8000", "null"),
        ("evil.example", "https://evil.example"),
    ],
)
def test_others_are_not(host: str, origin: str) -> None:
    assert not welcome(host=host, origin=origin)
    assert not welcome(host=host, origin=origin, authorization="Token efm_x")


def test_without_an_origin_a_token_is_needed() -> None:
    assert not welcome(host="localhost:8000")
    assert welcome(host="localhost:8000", authorization="Token efm_x")
