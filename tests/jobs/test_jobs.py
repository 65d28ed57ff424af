"""Jobs by name: whoever sends a message names a job that exists."""

import pytest

from efmweb.celery import app
from practice.models import Run
from practice.services import enqueue


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
