"""Hand a job to Celery by name, after the transaction commits. Messages carry ids only."""

import logging

from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError

log = logging.getLogger(__name__)

EXECUTE_RUN = "practice.jobs.execute_run"
VALIDATE_DATASET = "practice.jobs.validate_dataset"
JUDGE_EPISODE = "practice.jobs.judge_episode"
JUDGE_QUALITY = "practice.jobs.judge_quality"
WRITE_EXPORT = "practice.jobs.write_export"
ESTIMATE_RUN = "practice.jobs.estimate_run"
IMPORT_CHECKPOINT = "practice.jobs.import_checkpoint"
PUSH_CHECKPOINT = "practice.jobs.push_checkpoint"
JOB_NAMES = (
    EXECUTE_RUN,
    VALIDATE_DATASET,
    JUDGE_EPISODE,
    JUDGE_QUALITY,
    WRITE_EXPORT,
    ESTIMATE_RUN,
    IMPORT_CHECKPOINT,
    PUSH_CHECKPOINT,
)


def enqueue_on_commit(job: str, row_id: int, *, queue: str) -> None:
    """Send the job's message when the transaction commits.

    A broker that does not answer loses nothing: the row says "queued", and a worker sends the message again.
    """
    transaction.on_commit(lambda: send(job, row_id, queue=queue), robust=True)


def send(job: str, row_id: int, *, queue: str) -> None:
    """Send the job's message now, without waiting for a broker that is away."""
    try:
        current_app.send_task(job, args=[row_id], queue=queue, retry=False)
    except OperationalError as error:
        log.warning("The message for %s %s waits for the broker: %s", job, row_id, error)
