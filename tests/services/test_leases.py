"""The lease of a run: one worker wins, a silent one loses, and nobody writes twice."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from practice.errors import LeaseLostError
from practice.models import Checkpoint, Dataset, Judgement, Run, User
from practice.services import enqueue
from practice.services.judging import JUDGE_PATIENCE
from practice.services.leases import (
    LEASE,
    MAX_STRIKES,
    RESEND_AFTER,
    claim_run,
    hand_back,
    has_idle_slot,
    renew_lease,
    requeue_expired,
)
from practice.services.runs import pause_run, stop_run
from tests.factories import (
    make_checkpoint,
    make_dataset,
    make_episodes,
    make_run,
    make_running,
    make_worker,
)
from tests.services.conftest import Committed, Sent

S = Run.State
LONG_AGO = timedelta(hours=1)
pytestmark = pytest.mark.django_db


def claim(run: Run, owner: str = "owner-1") -> Run | None:
    """Claim as a worker does."""
    return claim_run(run.pk, owner=owner, worker="gpu@bench", device_name="Bench CPU")


def expired(**changes: Any) -> Run:
    """A running run whose worker has fallen silent."""
    past = timezone.now() - timedelta(seconds=1)
    return make_running(make_run(), lease_expires_at=past, **changes)


def test_a_claim_takes_the_run_and_names_the_worker() -> None:
    claimed = claim(make_run())
    assert claimed is not None
    assert (claimed.state, claimed.lease_owner, claimed.attempts) == (S.RUNNING, "owner-1", 1)
    assert (claimed.worker, claimed.device_name) == ("gpu@bench", "Bench CPU")
    assert claimed.lease_expires_at is not None
    assert claimed.lease_expires_at - timezone.now() <= LEASE
    assert claimed.started_at is not None


def test_a_duplicated_message_claims_nothing() -> None:
    run = make_run()
    assert claim(run, "first") is not None
    assert claim(run, "second") is None
    run.refresh_from_db()
    assert (run.lease_owner, run.attempts) == ("first", 1)


@pytest.mark.parametrize("state", [S.DRAFT, S.PAUSED, S.SUCCEEDED, S.FAILED, S.CANCELLED])
def test_only_a_queued_run_can_be_claimed(state: str) -> None:
    run = make_run(state=state)
    assert claim(run) is None
    run.refresh_from_db()
    assert run.state == state


def test_a_claim_of_a_run_that_is_gone_is_none() -> None:
    assert claim_run(10**6, owner="o", worker="w", device_name="d") is None


def test_the_start_is_that_of_the_first_attempt() -> None:
    run = make_run(started_at=timezone.now() - LONG_AGO)
    claimed = claim(run)
    assert claimed is not None
    assert claimed.started_at == run.started_at


def test_renewing_prolongs_the_lease_and_tells_the_wish(otto: User) -> None:
    run = expired()
    assert renew_lease(run.pk, owner="owner-1") == "", "nobody took it: it is still ours"
    run.refresh_from_db()
    assert run.lease_expires_at is not None
    assert run.lease_expires_at > timezone.now()
    pause_run(run, by=otto)
    assert renew_lease(run.pk, owner="owner-1") == "pause"


def test_a_lost_lease_is_not_renewed() -> None:
    run = make_running(make_run(), owner="somebody else")
    with pytest.raises(LeaseLostError):
        renew_lease(run.pk, owner="owner-1")


def test_a_silent_worker_loses_its_run_and_the_run_goes_on(committed: Committed) -> None:
    run, alive = expired(), make_running(make_run(), owner="owner-2")
    with committed() as sent:
        assert requeue_expired() == 1
    run.refresh_from_db()
    alive.refresh_from_db()
    assert (run.state, run.lease_owner, run.strikes) == (S.QUEUED, "", 1)
    assert alive.state == S.RUNNING
    assert sent.jobs == [(enqueue.EXECUTE_RUN, run.pk, "gpu")]
    with pytest.raises(LeaseLostError):
        renew_lease(run.pk, owner="owner-1")
    assert claim(run, "owner-3") is not None


def test_requeueing_twice_moves_a_run_once() -> None:
    run = expired()
    assert [requeue_expired(), requeue_expired()] == [1, 0]
    run.refresh_from_db()
    assert run.strikes == 1


def test_a_run_that_keeps_dying_without_a_commit_fails() -> None:
    run = make_run()
    for attempt in range(MAX_STRIKES):
        assert claim(run, f"owner-{attempt}") is not None
        hand_back(run.pk, owner=f"owner-{attempt}", reason="The process ended with code 1.")
    run.refresh_from_db()
    assert run.state == S.FAILED
    assert run.ended_at is not None
    assert "code 1" in run.error
    assert str(MAX_STRIKES) in run.error


def test_a_stop_survives_the_death_of_the_process(otto: User, committed: Committed) -> None:
    run = expired()
    stop_run(run, by=otto)
    with committed() as sent:
        requeue_expired()
    run.refresh_from_db()
    assert (run.state, run.wish) == (S.CANCELLED, "")
    assert sent.jobs == []


def test_a_pause_survives_the_death_of_the_process(otto: User, committed: Committed) -> None:
    run = expired()
    pause_run(run, by=otto)
    with committed() as sent:
        requeue_expired()
    run.refresh_from_db()
    assert (run.state, run.wish) == (S.PAUSED, "")
    assert sent.jobs == []


def test_handing_back_a_run_of_somebody_else_changes_nothing() -> None:
    run = make_running(make_run(), owner="owner-2")
    hand_back(run.pk, owner="owner-1", reason="It died.")
    run.refresh_from_db()
    assert (run.state, run.lease_owner, run.strikes) == (S.RUNNING, "owner-2", 0)


def test_a_lost_message_is_sent_again_only_while_a_slot_is_idle(sent: Sent) -> None:
    make_worker(name="gpu@bench", slots=1)
    waiting = make_run(queued_at=timezone.now() - RESEND_AFTER - LONG_AGO)
    busy = make_running(make_run(), worker="gpu@bench")
    assert requeue_expired() == 0
    assert sent.jobs == []
    Run.objects.filter(pk=busy.pk).update(state=S.SUCCEEDED)
    assert requeue_expired() == 1
    assert sent.jobs == [(enqueue.EXECUTE_RUN, waiting.pk, "gpu")]
    assert requeue_expired() == 0, "it has only just been sent"


def test_a_message_just_sent_is_left_alone(sent: Sent) -> None:
    make_worker()
    make_run(queued_at=timezone.now())
    assert requeue_expired() == 0
    assert sent.jobs == []


def test_an_idle_slot_belongs_to_a_worker_that_is_heard_and_listens() -> None:
    make_worker(seen_at=timezone.now() - LONG_AGO)
    make_worker(queues=["cpu"])
    assert not has_idle_slot("gpu")
    make_worker(queues=["gpu", "gpu.h100"], slots=2, name="gpu@big")
    assert has_idle_slot("gpu")
    assert has_idle_slot("gpu.h100")
    assert not has_idle_slot("gpu.b200")
    make_running(make_run(), worker="gpu@big")
    assert has_idle_slot("gpu")
    make_running(make_run(), worker="gpu@big", owner="owner-2")
    assert not has_idle_slot("gpu")


@pytest.mark.parametrize("state", [Dataset.State.QUEUED, Dataset.State.VALIDATING])
def test_a_dataset_whose_worker_fell_silent_is_sent_again(state: str, sent: Sent) -> None:
    dataset = make_dataset(state=state, lease_expires_at=timezone.now() - LONG_AGO)
    make_dataset(state=state, lease_expires_at=timezone.now() + LONG_AGO)
    make_dataset()
    make_dataset(state=Dataset.State.FAILED, lease_expires_at=timezone.now() - LONG_AGO)
    assert requeue_expired() == 1
    dataset.refresh_from_db()
    assert dataset.state == Dataset.State.QUEUED
    assert sent.jobs == [(enqueue.VALIDATE_DATASET, dataset.pk, "cpu")]


def test_a_judgement_of_which_nothing_is_heard_is_sent_again(sent: Sent) -> None:
    [episode] = make_episodes(count=1)
    asked = Judgement.objects.create(
        episode=episode, reward=make_checkpoint(kind=Checkpoint.Kind.REWARD)
    )
    assert requeue_expired() == 0
    long_ago = timezone.now() - JUDGE_PATIENCE - timedelta(seconds=1)
    Judgement.objects.update(asked_at=long_ago)
    assert [requeue_expired(), requeue_expired()] == [1, 0]
    assert sent.jobs == [(enqueue.JUDGE_EPISODE, asked.pk, "cpu")]
    Judgement.objects.update(asked_at=long_ago, error="It looks at observation.force.")
    assert requeue_expired() == 0, "a failure waits for a person"
