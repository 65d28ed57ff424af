"""What a service sends, caught instead of sent."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol

import pytest
from pytest_django import DjangoCaptureOnCommitCallbacks

from practice import events
from practice.services import enqueue


class Sent:
    """Messages to Celery and events to pages, in the order they were sent."""

    def __init__(self) -> None:
        self.jobs: list[tuple[str, int, str]] = []
        self.events: list[events.Event] = []

    def of(self, kind: type[Any]) -> list[Any]:
        """The events of one kind."""
        return [event for event in self.events if isinstance(event, kind)]


class Committed(Protocol):
    """`with committed() as sent:` runs what waits for the commit, and catches what it sends."""

    def __call__(self) -> AbstractContextManager[Sent]: ...


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Sent:
    """Everything that is sent during the test."""
    caught = Sent()
    monkeypatch.setattr(
        enqueue, "send", lambda job, pk, *, queue: caught.jobs.append((job, pk, queue))
    )
    monkeypatch.setattr(events, "publish", caught.events.append)
    return caught


@pytest.fixture
def committed(
    sent: Sent, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> Committed:
    """A block at whose end the transaction counts as committed."""

    @contextmanager
    def block() -> Iterator[Sent]:
        with django_capture_on_commit_callbacks(execute=True):
            yield sent

    return block
