"""The command that a run's child executes: what cannot be read fails the run in one sentence, without a traceback."""

import pytest
from django.core.management import call_command

from practice import storage
from practice.management.commands import execute_run
from practice.models import Run, User
from practice.services.runs import launch_run
from tests.factories import make_demos, make_task

pytestmark = pytest.mark.django_db


def test_a_damaged_recording_fails_the_run_by_name(
    otto: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(execute_run.StandardInput, "listen", lambda _: None)
    dataset = make_demos(make_task(), count=3)
    run = launch_run(dataset.task, by=otto, kind=Run.Kind.SFT, preset="fast", datasets=[dataset])
    episode = dataset.episodes.first()
    assert episode is not None
    path = storage.blobs().path(episode.blob_key)
    path.write_bytes(path.read_bytes()[:100])
    Run.objects.filter(pk=run.pk).update(state=Run.State.RUNNING, lease_owner="me")
    call_command("execute_run", str(run.pk), "me")
    run.refresh_from_db()
    assert run.state == Run.State.FAILED
    assert path.name in run.error
