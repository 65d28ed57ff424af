"""A child's commits: durable at once, fenced by the lease, and harmless when repeated."""

from typing import Any

import pytest

from practice import events
from practice.errors import LeaseLostError
from practice.models import Checkpoint, Episode, Evaluation, Run, User
from practice.services import enqueue
from practice.services.progress import (
    Commit,
    KeptCheckpoint,
    Point,
    commit_progress,
    fail_run,
    finish_run,
    rest_run,
)
from practice.services.runs import pause_run, resume_run, stop_run
from tests.factories import make_checkpoint, make_run, make_running
from tests.services.conftest import Committed

S = Run.State
OWNER = "owner-1"
pytestmark = pytest.mark.django_db


def running(**changes: Any) -> Run:
    """A practice run under the lease of OWNER, with a policy and a reward model behind it."""
    policy = make_checkpoint()
    reward = make_checkpoint(policy.run, kind="reward")
    return make_running(make_run(policy.task, policy=policy, reward=reward), **changes)


def episode(run: Run, uid: str) -> Episode:
    """A row as the bridge makes it, not yet saved."""
    return Episode(
        task=run.task,
        run=run,
        kind=Episode.Kind.PRACTICE,
        uid=uid,
        instruction="go to the ring",
        length=12,
        blob_key="runs/1/episodes.parquet",
        first_row=0,
        rows=13,
    )


def work(run: Run, number: int = 1) -> Commit:
    """Commit `number`: one iteration, two episodes, one checkpoint."""
    return Commit(
        number=number,
        resume_key=f"runs/{run.pk}/resume-{number}",
        total_iterations=10,
        points=[Point(number, number * 100, number * 2, number * 1.5, {"mean_return": 0.1})],
        log=[f"iteration {number}"],
        episodes=[episode(run, f"e{number}-{i}") for i in range(2)],
        checkpoints=[
            KeptCheckpoint("policy", f"{number:064d}", "checkpoints/x", number, {"success": 0.5})
        ],
        seconds=number * 1.5,
        eta_seconds=13.5,
    )


def test_a_commit_makes_everything_durable_at_once(committed: Committed) -> None:
    run = running(strikes=3)
    with committed() as sent:
        assert commit_progress(run.pk, owner=OWNER, commit=work(run)) == ""
    run.refresh_from_db()
    assert (run.commit, run.iteration, run.total_iterations) == (1, 1, 10)
    assert (run.env_steps, run.episode_count, run.progress) == (100, 2, 0.1)
    assert (run.seconds, run.eta_seconds) == (1.5, 13.5)
    assert run.strikes == 0, "a commit proves that it makes progress"
    assert run.points.count() == 1
    assert run.episodes.count() == 2
    assert run.log.get().text == "iteration 1"
    assert sent.of(events.PointsAdded) == [events.PointsAdded(run=run.pk, last=1)]
    assert sent.of(events.EpisodesRecorded) == [events.EpisodesRecorded(run=run.pk, count=2)]
    assert len(sent.of(events.CheckpointAdded)) == 1


def test_a_checkpoint_descends_from_policy_and_reward() -> None:
    run = running()
    commit_progress(run.pk, owner=OWNER, commit=work(run))
    kept = Checkpoint.objects.get(run=run)
    assert set(kept.parents.all()) == {run.policy, run.reward}
    assert (kept.task_id, kept.iteration) == (run.task_id, 1)
    assert kept.metrics == {"success": 0.5}


def test_a_commit_names_the_resume_point_it_replaces() -> None:
    run = running()
    commit_progress(run.pk, owner=OWNER, commit=work(run, 1))
    replaced = commit_progress(run.pk, owner=OWNER, commit=work(run, 2))
    assert replaced == f"runs/{run.pk}/resume-1"
    run.refresh_from_db()
    assert run.resume_key == f"runs/{run.pk}/resume-2"


def test_repeating_a_commit_does_nothing(committed: Committed) -> None:
    run = running()
    commit_progress(run.pk, owner=OWNER, commit=work(run))
    with committed() as sent:
        assert commit_progress(run.pk, owner=OWNER, commit=work(run)) == ""
    run.refresh_from_db()
    assert (run.commit, run.episode_count) == (1, 2)
    assert (run.points.count(), run.episodes.count(), run.log.count()) == (1, 2, 1)
    assert sent.events == []


def test_a_lost_lease_fences_every_write() -> None:
    run = running(owner="its successor")
    with pytest.raises(LeaseLostError):
        commit_progress(run.pk, owner=OWNER, commit=work(run))
    with pytest.raises(LeaseLostError):
        finish_run(run.pk, owner=OWNER, result={})
    with pytest.raises(LeaseLostError):
        fail_run(run.pk, owner=OWNER, error="It broke.")
    with pytest.raises(LeaseLostError):
        rest_run(run.pk, owner=OWNER)
    run.refresh_from_db()
    assert (run.state, run.commit, run.error) == (S.RUNNING, 0, "")
    assert not run.episodes.exists()
    assert not run.points.exists()


def test_a_paused_run_is_fenced_too() -> None:
    run = running(state=S.PAUSED)
    with pytest.raises(LeaseLostError):
        commit_progress(run.pk, owner=OWNER, commit=work(run))


def test_one_bad_row_takes_the_whole_commit_back() -> None:
    run = running()
    commit_progress(run.pk, owner=OWNER, commit=work(run, 1))
    broken = work(run, 2)
    broken.episodes.append(episode(run, ""))
    broken.episodes[-1].instruction = None  # type: ignore[assignment]
    with pytest.raises(Exception, match="null value"):
        commit_progress(run.pk, owner=OWNER, commit=broken)


def test_finishing_ends_the_run_and_frees_the_lease(committed: Committed) -> None:
    run = running(wish="pause")
    with committed() as sent:
        finish_run(run.pk, owner=OWNER, result={"best_iteration": 7})
    run.refresh_from_db()
    assert (run.state, run.wish, run.progress, run.lease_owner) == (S.SUCCEEDED, "", 1.0, "")
    assert run.result == {"best_iteration": 7}
    assert run.ended_at is not None
    assert sent.of(events.RunChanged)[-1].state == S.SUCCEEDED


def test_a_finished_evaluation_measures_its_checkpoint() -> None:
    policy = make_checkpoint()
    run = make_running(make_run(policy.task, kind="evaluation", policy=policy))
    detector = {"threshold": 2.0, "precision": 0.9, "recall": 0.8}
    result = {
        "success": 0.92,
        "ci": [0.85, 0.96],
        "mean_steps": 14.0,
        "episodes": 100,
        "detector": detector,
    }
    finish_run(run.pk, owner=OWNER, result=result)
    found = Evaluation.objects.get(run=run)
    assert found.checkpoint == policy
    assert (found.success, found.ci_low, found.ci_high) == (0.92, 0.85, 0.96)
    assert (found.episodes, found.precision, found.recall) == (100, 0.9, 0.8)
    assert found.first_seed == run.config["first_seed"]


def test_a_failure_keeps_its_sentence() -> None:
    run = running()
    fail_run(run.pk, owner=OWNER, error="The policy loss is no longer a number.")
    run.refresh_from_db()
    assert (run.state, run.error) == (S.FAILED, "The policy loss is no longer a number.")
    assert run.log.get().level == "error"


@pytest.mark.parametrize(("wish", "state"), [("pause", S.PAUSED), ("stop", S.CANCELLED)])
def test_resting_carries_out_the_wish(
    wish: str, state: str, otto: User, committed: Committed
) -> None:
    run = running()
    (pause_run if wish == "pause" else stop_run)(run, by=otto)
    with committed() as sent:
        rest_run(run.pk, owner=OWNER)
    run.refresh_from_db()
    assert (run.state, run.wish, run.lease_owner) == (state, "", "")
    assert sent.jobs == []


def test_a_pause_withdrawn_too_late_queues_the_run_again(otto: User, committed: Committed) -> None:
    """Its process is already on its way out: somebody else has to go on."""
    run = running()
    pause_run(run, by=otto)
    resume_run(run, by=otto)
    with committed() as sent:
        rest_run(run.pk, owner=OWNER)
    run.refresh_from_db()
    assert (run.state, run.wish) == (S.QUEUED, "")
    assert sent.jobs == [(enqueue.EXECUTE_RUN, run.pk, "gpu")]


def test_a_stop_that_follows_a_pause_wins(otto: User) -> None:
    run = running()
    pause_run(run, by=otto)
    stop_run(run, by=otto)
    rest_run(run.pk, owner=OWNER)
    run.refresh_from_db()
    assert run.state == S.CANCELLED
