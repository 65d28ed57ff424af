"""What a run would cost: who may ask, what is the same question, how the answer binds launching, what a dead worker leaves."""

import io
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from models_store.checkpoint import EFMCheckpoint
from models_store.outline import plain_normalisation
from practice import children, storage
from practice.bridge import estimating
from practice.bridge.estimating import compute_estimate
from practice.devices import Device
from practice.embodiments.point_mass import PointMass
from practice.errors import ConflictError, ForbiddenError, InvalidError
from practice.learning.building import model_spec
from practice.learning.config import SFTConfig
from practice.learning.estimating import Place
from practice.models import AuditEntry, Checkpoint, Estimate, Run, Task, User
from practice.selectors.estimates import FRESH, expected_cost, why_waiting
from practice.services import enqueue, estimates
from practice.services.estimates import (
    ask_estimate,
    claim_estimate,
    fail_estimate,
    renew_estimate,
    stop_estimate,
)
from practice.services.housekeeping import ESTIMATES_KEPT, prune
from practice.services.leases import RESEND_AFTER, requeue_expired
from practice.services.runs import launch_run
from tests.factories import make_checkpoint, make_demos, make_run, make_task, make_worker
from tests.services.conftest import Committed, Sent

S = Estimate.State
pytestmark = pytest.mark.django_db
LONG_AGO = timedelta(minutes=5)
CPU = Device("cpu", "Bench CPU (2 cores)", 0)


def stage_1(**changes: Any) -> dict[str, Any]:
    """All that Stage 1 of a small task is asked about with."""
    task = make_task()
    return {"task": task, "kind": "sft", "datasets": [make_demos(task)], **changes}


def stored_checkpoint(task: Task, kind: str) -> Checkpoint:
    """One of an untrained model, stored for real."""
    spec = model_spec(SFTConfig(), PointMass().spec)
    made = EFMCheckpoint.new(spec, plain_normalisation(spec), seed=0)
    key = storage.checkpoint_key(made.digest)
    for name, data in made.files.items():
        storage.blobs().put(f"{key}/{name}", io.BytesIO(data))
    return make_checkpoint(make_run(task, kind="sft"), kind=kind, digest=made.digest, blob_key=key)


def find_out(estimate: Estimate) -> Estimate:
    """As its worker does, at once and in this process."""
    assert claim_estimate(estimate.pk, owner="me")
    compute_estimate(Estimate.objects.get(pk=estimate.pk), owner="me", seconds=0.2)
    estimate.refresh_from_db()
    return estimate


def on_a_watch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is found out from now on is found out on a device of 50 kB."""

    def place(device: str, _name: str, *, seconds: float, frames_in_memory: int) -> Place:
        return Place(device, "A watch", seconds, 50_000, frames_in_memory)

    monkeypatch.setattr(estimating, "Place", place)


def test_asking_queues_and_the_same_question_is_asked_once(
    otto: User, committed: Committed
) -> None:
    given = stage_1()
    with committed() as sent:
        first = ask_estimate(by=otto, **given)
        assert ask_estimate(by=otto, name="another name", **given) == first
    assert sent.jobs == [(enqueue.ESTIMATE_RUN, first.pk, "gpu")]
    assert AuditEntry.objects.filter(verb="estimate.asked").count() == 1
    for change in ({"config": {"seed": 7}}, {"device_kind": "h100"}, {"with_approved": True}):
        assert ask_estimate(by=otto, **given, **change) != first
    Estimate.objects.update(created_at=timezone.now() - FRESH - LONG_AGO)
    assert ask_estimate(by=otto, **given) != first


def test_what_no_run_can_be_launched_with_is_not_tried(otto: User, vera: User) -> None:
    with pytest.raises(InvalidError, match="at least one dataset"):
        ask_estimate(by=otto, **stage_1(datasets=[]))
    with pytest.raises(InvalidError, match="speed"):
        ask_estimate(by=otto, **stage_1(config={"speed": 1}))
    with pytest.raises(ForbiddenError):
        ask_estimate(by=vera, **stage_1())
    assert not Estimate.objects.exists()


def test_a_run_keeps_what_it_was_expected_to_cost(otto: User) -> None:
    given = stage_1()
    estimate = find_out(ask_estimate(by=otto, **given))
    assert estimate.state == S.READY
    assert estimate.cost is not None
    assert estimate.cost.problem == ""
    assert estimate.rows == given["datasets"][0].frames
    run = launch_run(by=otto, name="Named", **given)
    assert expected_cost(run) == estimate.cost
    assert expected_cost(launch_run(by=otto, **given, config={"seed": 1})) is None


def test_what_cannot_fit_is_not_launched_until_something_changes(
    otto: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = stage_1()
    on_a_watch(monkeypatch)
    estimate = find_out(ask_estimate(by=otto, **given))
    with pytest.raises(InvalidError, match=r"A watch has 0\.1 MB") as refused:
        launch_run(by=otto, **given)
    assert estimate.cost is not None
    assert refused.value.message == estimate.cost.problem
    assert not Run.objects.exists()
    assert launch_run(by=otto, **given, config={"policy_width": 4}).state == Run.State.QUEUED
    Estimate.objects.update(created_at=timezone.now() - FRESH - LONG_AGO)
    assert launch_run(by=otto, **given).cost == {}


@pytest.mark.parametrize("kind", ["practice", "evaluation"])
def test_runs_from_checkpoints_are_found_out_too(kind: str, otto: User) -> None:
    task = make_task()
    policy, reward = (stored_checkpoint(task, kind) for kind in ("policy", "reward"))
    small = {"num_robots": 2, "processes": 1} | (
        {"batch_size": 8, "updates": 1} if kind == "practice" else {}
    )
    estimate = find_out(
        ask_estimate(task, by=otto, kind=kind, policy=policy, reward=reward, config=small)
    )
    assert estimate.cost is not None
    assert estimate.cost.seconds > 0
    assert (estimate.cost.trainable > 0) == (kind == "practice")


def test_a_stopped_estimate_is_over_and_its_worker_hears_of_it(otto: User) -> None:
    estimate = ask_estimate(by=otto, **stage_1())
    assert claim_estimate(estimate.pk, owner="me")
    assert not claim_estimate(estimate.pk, owner="another"), "a second message does no harm"
    assert renew_estimate(estimate.pk, owner="me")
    stop_estimate(estimate, by=otto)
    assert not renew_estimate(estimate.pk, owner="me")
    fail_estimate(estimate.pk, owner="me", error="Too late.")
    estimate.refresh_from_db()
    assert (estimate.state, estimate.error) == (S.FAILED, "Stopped by otto.")
    with pytest.raises(ConflictError, match="nothing to stop"):
        stop_estimate(estimate, by=otto)
    assert ask_estimate(by=otto, **stage_1()) != estimate, "it can be asked again"


def test_a_worker_ends_the_process_of_an_estimate_that_was_stopped(
    otto: User, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    estimate = ask_estimate(by=otto, **stage_1())
    sleeper = tmp_path / "sleeper"
    sleeper.write_text("#!/bin/sh\nexec sleep 60\n")
    sleeper.chmod(0o700)
    monkeypatch.setattr(children, "WATCH_SECONDS", 0.01)
    monkeypatch.setattr(sys, "executable", str(sleeper))

    def stopped(pk: int, *, owner: str) -> bool:
        stop_estimate(Estimate.objects.get(pk=pk), by=otto)
        return renew_estimate(pk, owner=owner)

    monkeypatch.setattr(estimates, "renew_estimate", stopped)
    children.estimate(estimate.pk, devices=[CPU])
    estimate.refresh_from_db()
    assert estimate.error == "Stopped by otto."


def test_a_process_that_dies_leaves_a_sentence(otto: User, monkeypatch: pytest.MonkeyPatch) -> None:
    estimate = ask_estimate(by=otto, **stage_1())
    monkeypatch.setattr(sys, "executable", "/bin/false")
    children.estimate(estimate.pk, devices=[CPU])
    estimate.refresh_from_db()
    assert estimate.state == S.FAILED
    assert "exit status 1" in estimate.error


def test_an_estimate_whose_worker_fell_silent_is_sent_again_once(otto: User, sent: Sent) -> None:
    make_worker()
    estimate = ask_estimate(by=otto, **stage_1())
    assert requeue_expired() == 0, "it has only just been sent"
    Estimate.objects.update(queued_at=timezone.now() - RESEND_AFTER - LONG_AGO)
    assert [requeue_expired(), requeue_expired()] == [1, 0]
    job = (enqueue.ESTIMATE_RUN, estimate.pk, "gpu")
    assert sent.jobs == [job]
    for state in (S.QUEUED, S.FAILED):
        assert claim_estimate(estimate.pk, owner="me")
        Estimate.objects.update(lease_expires_at=timezone.now() - LONG_AGO)
        requeue_expired()
        estimate.refresh_from_db()
        assert estimate.state == state
    assert sent.jobs == [job, job]
    assert "twice" in estimate.error


def test_why_it_waits_is_said(otto: User) -> None:
    estimate = ask_estimate(by=otto, device_kind="h100", **stage_1())
    assert "device of kind h100" in why_waiting(estimate)
    make_worker(queues=["gpu", "gpu.h100"])
    assert "is free" in why_waiting(estimate)


def test_old_estimates_go(otto: User) -> None:
    old, new = (ask_estimate(by=otto, **stage_1()) for _ in range(2))
    Estimate.objects.filter(pk=old.pk).update(created_at=timezone.now() - ESTIMATES_KEPT - LONG_AGO)
    prune()
    assert list(Estimate.objects.all()) == [new]
