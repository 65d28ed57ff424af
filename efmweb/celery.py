"""The Celery application: jobs by name, the beat schedule in code, request and job ids in logs.

Started by `manage.py worker` and `manage.py serve`, or as `celery -A efmweb worker`.
"""

import os
import signal
from typing import Any

from celery import Celery
from celery.signals import setup_logging, worker_process_init
from django_structlog.celery.steps import DjangoStructLogInitStep

from efmweb.supervise import die_with_parent

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "efmweb.settings")

app = Celery("efmweb")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["practice"], related_name="jobs")
app.steps["worker"].add(DjangoStructLogInitStep)


def every(seconds: float, job: str) -> dict[str, Any]:
    """A beat entry. Its message expires when the next is due: none pile up without a worker."""
    return {
        "task": f"practice.jobs.{job}",
        "schedule": seconds,
        "options": {"queue": "cpu", "expires": seconds},
    }


app.conf.beat_schedule = {
    "prune": every(3600.0, "prune"),
}
# Intervals need no memory of the last run, hence no schedule file.
app.conf.beat_scheduler = "celery.beat:Scheduler"


@setup_logging.connect
def _keep_django_logging(**_kwargs: Any) -> None:
    """Celery sets up no logging of its own: settings.LOGGING holds in workers too."""


@worker_process_init.connect
def _end_with_the_worker(**_kwargs: Any) -> None:
    """A pool process must not outlive a worker that was killed."""
    die_with_parent(signal.SIGKILL)
