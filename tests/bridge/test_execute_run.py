"""The command that a run's child executes: what cannot be read fails the run in one sentence, without a traceback.

What nobody can put right, the death of a simulator, is tried again.
"""

from io import StringIO

import pytest
from django.core.management import call_command

from models_store.errors import SimulatorLostError
from practice import storage
from practice.bridge import assembly
from practice.management.commands import execute_run
from practice.models import Run, User
from practice.services.runs import launch_run
from tests.factories import make_demos, make_run, make_running, make_task

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


class Killed:
    """A session whose simulator the kernel has ended."""

    def execute(self) -> None:
        raise SimulatorLostError("A process that simulates robots failed: it ended with status -9.")


def test_a_lost_simulator_costs_what_was_not_committed_and_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(execute_run.StandardInput, "listen", lambda _: None)
    monkeypatch.setattr(assembly, "open_session", lambda *_: Killed())
    run, said = make_running(make_run()), StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("execute_run", str(run.pk), "owner-1", stderr=said)
    assert ended.value.code == execute_run.SIMULATOR_LOST
    assert "it ended with status -9." in said.getvalue()
    run.refresh_from_db()
    assert (run.state, run.strikes, run.error) == (Run.State.QUEUED, 1, "")
    line = run.log.get()
    assert line.text.endswith("it ended with status -9. It goes on from its last commit.")
