"""Helpers of the page tests."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from practice.models import User

HTMX = {"HX-Request": "true"}


def page_of(person: User) -> Client:
    """A browser in which `person` is signed in."""
    client = Client()
    client.force_login(person)
    return client


def text_of(response: Any) -> str:
    """The body, with runs of white space as one space."""
    return " ".join(response.content.decode().split())


def queries(client: Client, url: str) -> int:
    """How many queries a page costs."""
    with CaptureQueriesContext(connection) as captured:
        response = client.get(url)
    assert response.status_code == 200
    return len(captured)


def assert_flat(client: Client, url: str, grow: Callable[[], object]) -> None:
    """The page costs as many queries after `grow` has added rows as before: templates ask for nothing.

    Grow from a page that already shows one row of everything, so that prefetches are counted on both sides.
    """
    before = queries(client, url)
    grow()
    after = queries(client, url)
    if after > before:
        pytest.fail(f"{url} costs {after} queries with more rows and {before} with fewer")
