"""What a run's child makes durable: commits, wishes, resume points, approved episodes."""

import errno

import pytest

from practice import storage
from practice.bridge import session as bridge
from practice.bridge.assembly import load_checkpoint
from practice.bridge.demonstrations import demonstrations
from practice.embodiments.registry import embodiment
from practice.errors import LeaseLostError
from practice.fleet.demonstrations import make_demonstrations
from practice.learning.config import SFTConfig
from practice.learning.data import Demonstrations
from practice.learning.work import Report, make_sft
from practice.models import Episode, Run, User, Verdict
from practice.services.runs import pause_run
from tests.bridge.counter import Counter, Ears, open_session
from tests.factories import make_dataset, make_episodes, make_run, make_running

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_every_step_commits")]


def test_a_run_ends_with_every_point_once(otto: User) -> None:
    run = make_running(make_run())
    open_session(run, Counter(5)).execute()
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

    open_session(run, Counter(6, ask), ears).execute()
    run.refresh_from_db()
    assert (run.state, run.iteration) == ("paused", 3)

    Run.objects.filter(pk=run.pk).update(state="running", lease_owner="next")
    run.refresh_from_db()
    lived: list[int] = []
    open_session(run, Counter(6, lived.append)).execute()
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
    open_session(run, Prepares(4)).execute()
    assert list(run.points.values_list("iteration", flat=True)) == [1, 2, 3, 4]
    assert run.log.filter(text__startswith="Looked").count() == 2


def test_who_lost_the_lease_writes_nothing_more(otto: User) -> None:
    run = make_running(make_run())

    def lose(count: int) -> None:
        if count == 3:
            Run.objects.filter(pk=run.pk).update(lease_owner="another")

    with pytest.raises(LeaseLostError):
        open_session(run, Counter(5, lose)).execute()
    assert list(run.points.values_list("iteration", flat=True)) == [1, 2]


@pytest.mark.parametrize(("took", "pause"), [(0.01, 0.1), (2.0, 20.0), (3_600.0, 60.0)])
def test_commits_that_take_long_come_less_often(
    took: float, pause: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bridge, "COMMIT_SECONDS_MOST", 60.0)
    monkeypatch.setattr(bridge, "_put_tree", lambda _key, _state: took)
    session = _commits_once()
    assert session._pause == pytest.approx(pause)


def test_a_commit_that_had_to_wait_is_no_longer_than_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bridge, "COMMIT_SECONDS_MOST", 60.0)
    honest, tries = bridge._put_tree, iter([True, False])

    def put(key: str, state: object) -> float:
        if next(tries):
            raise OSError(errno.ENOSPC, "No space left on device")
        return honest(key, state)

    monkeypatch.setattr(bridge, "_pauses", lambda _patience: iter([5.0]))
    monkeypatch.setattr("practice.bridge.session.time.sleep", lambda _seconds: None)
    monkeypatch.setattr(bridge, "_put_tree", put)
    assert _commits_once()._pause < 5.0


def _commits_once() -> bridge.Session:
    session = open_session(make_running(make_run()), Counter(1))
    session._take(session.work.step())
    session._commit()
    return session


def test_only_the_newest_resume_point_is_kept(otto: User) -> None:
    run = make_running(make_run())
    ears = Ears()

    def leave(count: int) -> None:
        ears.wish = "leave" if count == 4 else ""

    open_session(run, Counter(9, leave), ears).execute()
    run.refresh_from_db()
    assert run.state == Run.State.RUNNING, "the worker hands it back, not the child"
    kept = [key for key in storage.blobs().list(f"runs/{run.pk}/") if "resume" in key]
    assert kept == [run.resume_key]


def test_stage_one_leaves_checkpoints_that_load_with_their_digest(otto: User) -> None:
    robot = embodiment("point-mass")
    data = Demonstrations.from_episodes(make_demonstrations(robot, 20))
    run = make_running(make_run(kind="sft"))
    open_session(
        run, make_sft(SFTConfig(steps=4, batch_size=32, validate_every=2), data, robot)
    ).execute()
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
