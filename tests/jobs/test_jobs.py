"""Jobs by name: whoever sends a message names a job that exists. And what a worker does beside them."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from efmweb.celery import app
from practice import jobs
from practice.models import Run, Worker
from practice.services import enqueue, leases
from tests.factories import make_run, make_running


def test_every_job_that_services_send_is_registered() -> None:
    app.loader.import_default_modules()
    missing = [name for name in enqueue.JOB_NAMES if name not in app.tasks]
    assert missing == []


def test_the_beat_sends_jobs_that_exist() -> None:
    app.loader.import_default_modules()
    assert {entry["task"] for entry in app.conf.beat_schedule.values()} <= set(app.tasks)


@pytest.mark.parametrize(("kind", "queue"), [("", "gpu"), ("h100", "gpu.h100")])
def test_a_run_goes_to_the_queue_of_the_device_it_asks_for(kind: str, queue: str) -> None:
    assert Run(device_kind=kind).queue == queue


class Beats:
    """Lets a worker live for so many beats."""

    def __init__(self, count: int) -> None:
        self.left = count

    def wait(self, _seconds: float) -> bool:
        self.left -= 1
        return self.left == 0


FACTS: dict[str, Any] = {"queues": ["cpu"], "device_kind": "cpu", "slots": 2}


def _live(monkeypatch: pytest.MonkeyPatch, beats: int) -> None:
    monkeypatch.setattr(jobs, "_ending", Beats(beats))
    jobs._keep_announcing("cpu@bench", {**FACTS, "started_at": timezone.now()})


@pytest.mark.django_db
def test_a_worker_queues_again_what_a_silent_one_held_whatever_its_slots_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(enqueue, "send", lambda *_args, **_kwargs: None)
    run = make_running(make_run(), lease_expires_at=timezone.now() - timedelta(seconds=1))
    _live(monkeypatch, 1)
    run.refresh_from_db()
    assert (run.state, run.strikes) == (Run.State.QUEUED, 1)


@pytest.mark.django_db
def test_a_worker_goes_on_announcing_itself_whatever_goes_wrong(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[bool] = []

    def fails() -> int:
        seen.append(Worker.objects.filter(name="cpu@bench").exists())
        raise RuntimeError("a row that nobody has thought of")

    monkeypatch.setattr(leases, "requeue_expired", fails)
    _live(monkeypatch, 3)
    assert seen == [True, True, True]
