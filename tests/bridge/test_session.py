"""What a run's child makes durable: commits, wishes, resume points, approved episodes."""

import errno
import os
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError

from models_store.checkpoint import EFMCheckpoint
from models_store.store import DiskBlobStore
from practice import storage
from practice.bridge import session as bridge
from practice.bridge.assembly import load_checkpoint
from practice.bridge.demonstrations import demonstrations
from practice.bridge.session import Session, patiently
from practice.embodiments.registry import embodiment
from practice.errors import LeaseLostError
from practice.fleet.demonstrations import make_demonstrations
from practice.learning.config import SFTConfig
from practice.learning.data import Demonstrations
from practice.learning.work import Report, Work, make_sft
from practice.models import Episode, Run, Task, User, Verdict
from practice.selectors.recording import why_not_recorded
from practice.services.runs import pause_run
from tests.examples import recorded
from tests.factories import make_dataset, make_episodes, make_run, make_running

pytestmark = pytest.mark.django_db


class Ears:
    """Wishes nothing until told."""

    wish = ""


class Counter:
    """Work that counts to `total`; each step is one curve point."""

    kind = "practice"

    def __init__(self, total: int, on_step: Callable[[int], None] = lambda _: None) -> None:
        self.total, self.on_step, self.count = total, on_step, 0

    @property
    def finished(self) -> bool:
        return self.count >= self.total

    def step(self) -> Report:
        self.count += 1
        self.on_step(self.count)
        return Report(
            iteration=self.count,
            total=self.total,
            env_steps=10 * self.count,
            episodes_total=0,
            values={"count": float(self.count)},
        )

    def state(self) -> Any:
        return {"count": self.count}

    def load_state(self, tree: Any) -> None:
        self.count = tree["count"]

    def checkpoints(self) -> dict[str, EFMCheckpoint]:
        return {}

    def result(self) -> dict[str, Any]:
        return {"count": self.count}


@pytest.fixture(autouse=True)
def _commit_every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bridge, "COMMIT_SECONDS", 0.0)
    monkeypatch.setattr(bridge, "COMMIT_SECONDS_MOST", 0.0)


def _open(run: Run, work: Work, ears: Ears | None = None) -> Session:
    run = Run.objects.select_related("task", "policy", "reward").get(pk=run.pk)
    return Session(run, run.lease_owner, work, ears or Ears())


def test_a_run_ends_with_every_point_once(otto: User) -> None:
    run = make_running(make_run())
    _open(run, Counter(5)).execute()
    run.refresh_from_db()
    assert (run.state, run.progress, run.result) == ("succeeded", 1.0, {"count": 5})
    assert list(run.points.values_list("iteration", flat=True)) == [1, 2, 3, 4, 5]
    assert (run.iteration, run.env_steps) == (5, 50)


def test_a_pause_commits_and_the_next_process_goes_on(otto: User) -> None:
    run = make_running(make_run())
    ears = Ears()

    def ask(count: int) -> None:
        if count == 3:
            pause_run(run, by=otto)
            ears.wish = Run.Wish.PAUSE

    _open(run, Counter(6, ask), ears).execute()
    run.refresh_from_db()
    assert (run.state, run.iteration) == ("paused", 3)

    Run.objects.filter(pk=run.pk).update(state="running", lease_owner="next")
    run.refresh_from_db()
    lived: list[int] = []
    _open(run, Counter(6, lived.append)).execute()
    assert lived == [4, 5, 6]
    assert list(run.points.values_list("iteration", flat=True)) == [1, 2, 3, 4, 5, 6]


def test_preparations_are_logged_and_are_no_point_of_a_curve(otto: User) -> None:
    class Prepares(Counter):
        """Looks around twice before its third step; iterations stand still meanwhile."""

        looked = 0

        def step(self) -> Report:
            if self.count == 2 and self.looked < 2:
                self.looked += 1
                return Report(2, 4, 0, 0, log=[f"Looked {self.looked} times."])
            return super().step()

    run = make_running(make_run())
    _open(run, Prepares(4)).execute()
    assert list(run.points.values_list("iteration", flat=True)) == [1, 2, 3, 4]
    assert run.log.filter(text__startswith="Looked").count() == 2


def test_who_lost_the_lease_writes_nothing_more(otto: User) -> None:
    run = make_running(make_run())

    def lose(count: int) -> None:
        if count == 3:
            Run.objects.filter(pk=run.pk).update(lease_owner="another")

    with pytest.raises(LeaseLostError):
        _open(run, Counter(5, lose)).execute()
    assert list(run.points.values_list("iteration", flat=True)) == [1, 2]


@pytest.mark.parametrize(("took", "pause"), [(0.01, 0.1), (2.0, 20.0), (3_600.0, 60.0)])
def test_commits_that_take_long_come_less_often(
    took: float, pause: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bridge, "COMMIT_SECONDS_MOST", 60.0)
    session = _open(make_running(make_run()), Counter(1))
    clock = iter([100.0, 100.0 + took])
    monkeypatch.setattr(session, "_commit", lambda: None)
    monkeypatch.setattr("practice.bridge.session.time.monotonic", lambda: next(clock))
    session._commit_now()
    monkeypatch.undo()
    assert session._pause == pytest.approx(pause)


def test_only_the_newest_resume_point_is_kept(otto: User) -> None:
    run = make_running(make_run())
    ears = Ears()

    def leave(count: int) -> None:
        ears.wish = "leave" if count == 4 else ""

    _open(run, Counter(9, leave), ears).execute()
    run.refresh_from_db()
    assert run.state == Run.State.RUNNING, "the worker hands it back, not the child"
    kept = [key for key in storage.blobs().list(f"runs/{run.pk}/") if "resume" in key]
    assert kept == [run.resume_key]


def test_stage_one_leaves_checkpoints_that_load_with_their_digest(otto: User) -> None:
    robot = embodiment("point-mass")
    data = Demonstrations.from_episodes(make_demonstrations(robot, 20))
    run = make_running(make_run(kind="sft"))
    _open(run, make_sft(SFTConfig(steps=4, batch_size=32, validate_every=2), data, robot)).execute()
    rows = {row.kind: row for row in run.checkpoints.all()}
    assert set(rows) == {"policy", "reward"}
    assert load_checkpoint(rows["policy"]).digest == rows["policy"].digest


def test_stage_one_learns_from_what_people_let_it(otto: User) -> None:
    dataset = make_dataset()
    make_episodes(dataset=dataset, count=4)
    ids = list(dataset.episodes.order_by("id").values_list("id", flat=True))
    Episode.objects.filter(pk=ids[0]).update(approved=False)
    Episode.objects.filter(pk=ids[1]).update(verdict=Verdict.FAILURE)
    Episode.objects.filter(pk__in=ids[2:]).update(true_success=True)
    run = make_run(task=dataset.task, kind="sft")
    run.datasets.add(dataset)
    assert demonstrations(run).num_episodes == 2

    practised = make_run(task=dataset.task, kind="practice")
    make_episodes(practised, 3)
    practised.episodes.update(approved=True, true_success=True, verdict=Verdict.SUCCESS)
    assert demonstrations(run).num_episodes == 2
    both = make_run(task=dataset.task, kind="sft", datasets=(dataset,), with_approved=True)
    assert demonstrations(both).num_episodes == 5


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
    _open(run, Practice(3)).execute()
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
        _open(make_running(make_run()), Practice(3)).execute()


def test_a_disk_that_is_broken_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    _failing(monkeypatch, errno.EIO, "resume-", times=1)
    with pytest.raises(OSError, match="Input/output error"):
        _open(make_running(make_run()), Practice(3)).execute()
