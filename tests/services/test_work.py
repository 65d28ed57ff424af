"""Rows that one worker at a time works on: what ends its worker again and again fails in the end, and says so."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from practice.events import DatasetChanged, TransferChanged
from practice.models import CheckpointImport, CheckpointPush, User
from practice.services.exporting import start_export
from practice.services.leases import requeue_expired
from practice.services.sources import retry_import
from practice.services.work import DATASETS, EXPORTS, IMPORTS, MAX_ATTEMPTS, PUSHES, Work
from tests.factories import make_checkpoint, make_dataset, make_demos
from tests.services.conftest import Committed, Sent

pytestmark = pytest.mark.django_db


def _import(by: User) -> CheckpointImport:
    task = make_checkpoint().task
    return CheckpointImport.objects.create(task=task, kind="policy", name="a.zip", created_by=by)


def _push(by: User) -> CheckpointPush:
    return CheckpointPush.objects.create(checkpoint=make_checkpoint(), repo="a/b", created_by=by)


KINDS = [
    pytest.param(DATASETS, lambda by: make_dataset(state="queued"), DatasetChanged, id="dataset"),
    pytest.param(
        EXPORTS, lambda by: start_export(make_demos(), by=by), DatasetChanged, id="export"
    ),
    pytest.param(IMPORTS, _import, TransferChanged, id="checkpoint-import"),
    pytest.param(PUSHES, _push, TransferChanged, id="checkpoint-push"),
]


def _dies(work: Work, row: Any) -> None:
    """A worker takes the row, and nothing is heard of it any more."""
    assert work.claim(row.pk)
    past = timezone.now() - timedelta(seconds=1)
    work.rows._default_manager.filter(pk=row.pk).update(lease_expires_at=past)


@pytest.mark.parametrize(("work", "make", "event"), KINDS)
def test_what_ends_every_worker_fails_with_a_sentence(
    work: Work, make: Callable[[User], Any], event: type, otto: User, committed: Committed
) -> None:
    row = make(otto)
    with committed() as sent:
        for _ in range(MAX_ATTEMPTS - 1):
            _dies(work, row)
            assert requeue_expired() == 1
        _dies(work, row)
        sent.jobs.clear()
        assert requeue_expired() == 0
    row.refresh_from_db()
    assert (row.state, row.lease_owner, row.lease_expires_at) == ("failed", "", None)
    assert row.error.startswith(f"It was begun {MAX_ATTEMPTS} times and never came to an end;")
    assert sent.jobs == []
    assert sent.of(event)[-1].state == ("ready" if work is EXPORTS else "failed")
    assert not work.claim(row.pk)


def test_a_message_that_comes_again_is_no_way_around_the_count(otto: User, sent: Sent) -> None:
    dataset = make_dataset(state="queued")
    for _ in range(MAX_ATTEMPTS):
        _dies(DATASETS, dataset)
    assert not DATASETS.claim(dataset.pk)


def test_a_person_who_tries_again_begins_the_count_anew(otto: User, sent: Sent) -> None:
    dataset = make_dataset(state="failed", attempts=MAX_ATTEMPTS)
    retry_import(dataset, by=otto)
    assert dataset.attempts == 0
    assert DATASETS.claim(dataset.pk)
