"""What a run waits for and what it does not: a database that is away, a disk that is full."""

import errno
import os
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError

from models_store.store import DiskBlobStore
from practice.bridge import session as bridge
from practice.bridge.session import patiently
from practice.learning.work import Report
from practice.models import Run, Task
from practice.selectors.recording import why_not_recorded
from tests.bridge.counter import Counter, open_session
from tests.examples import recorded
from tests.factories import make_run, make_running

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_every_step_commits")]


def test_a_database_that_is_away_for_a_moment_costs_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bridge, "close_old_connections", lambda: None)
    answers = iter([OperationalError("gone"), OperationalError("gone"), "done"])

    def action() -> str:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return str(answer)

    assert patiently(action) == "done"


def test_a_database_that_stays_away_ends_the_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bridge, "close_old_connections", lambda: None)
    monkeypatch.setattr(bridge, "DATABASE_PATIENCE_SECONDS", 0.05)

    def action() -> str:
        raise OperationalError("gone")

    with pytest.raises(OperationalError):
        patiently(action)


class Practice(Counter):
    """Each step ends an episode."""

    def step(self) -> Report:
        report = super().step()
        return replace(report, episodes=[recorded(f"e{self.count}")], episodes_total=self.count)


def _practised(run: Run) -> list[int]:
    """Finish it; the iterations of its curve."""
    open_session(run, Practice(3)).execute()
    run.refresh_from_db()
    assert run.state == "succeeded"
    assert sorted(run.episodes.values_list("uid", flat=True)) == ["e1", "e2", "e3"]
    return list(run.points.values_list("iteration", flat=True))


def test_a_database_that_restarts_before_a_commit_costs_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bridge, "close_old_connections", lambda: None)
    failed: list[Task] = []

    def restarts(task: Task) -> str:
        if not failed:
            failed.append(task)
            raise OperationalError("the server closed the connection")
        return why_not_recorded(task)

    monkeypatch.setattr("practice.bridge.rows.why_not_recorded", restarts)
    assert _practised(make_running(make_run())) == [1, 2, 3]
    assert failed


def test_files_on_their_way_lie_in_the_projects_own_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "read-only"))
    assert _practised(make_running(make_run())) == [1, 2, 3]


def _failing(monkeypatch: pytest.MonkeyPatch, code: int, part: str, times: int) -> None:
    """The disk refuses so many files that have `part` in their key."""
    failed: list[str] = []

    def failing(honest: Any) -> Any:
        def store(blobs: DiskBlobStore, key: str, source: Any) -> None:
            if part in key and len(failed) < times:
                failed.append(key)
                raise OSError(code, os.strerror(code))
            honest(blobs, key, source)

        return store

    for verb in ("put", "adopt"):
        monkeypatch.setattr(DiskBlobStore, verb, failing(getattr(DiskBlobStore, verb)))


@pytest.mark.parametrize("part", ["resume-", "episodes-"])
def test_a_commit_waits_for_room_on_a_full_disk_and_says_so(
    part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _failing(monkeypatch, errno.ENOSPC, part, times=2)
    run = make_running(make_run())
    assert _practised(run) == [1, 2, 3]
    assert run.log.filter(text__startswith="The disk is full; the run waits").count() == 1


def test_a_disk_that_stays_full_ends_the_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bridge, "DISK_PATIENCE_SECONDS", 0.05)
    _failing(monkeypatch, errno.ENOSPC, "resume-", times=9)
    with pytest.raises(OSError, match="No space left"):
        open_session(make_running(make_run()), Practice(3)).execute()


def test_a_disk_that_is_broken_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    _failing(monkeypatch, errno.EIO, "resume-", times=1)
    with pytest.raises(OSError, match="Input/output error"):
        open_session(make_running(make_run()), Practice(3)).execute()
