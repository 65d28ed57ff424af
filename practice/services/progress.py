"""A running child's verbs: commit what was done, finish, fail, pause, stop. Every write is fenced by the lease.

Files (episode shards, resume points, checkpoints) are durable before the transaction that names them; the transaction is
durable before the work goes on. So a process that dies at any moment loses no episode and counts none twice.
"""

from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.utils import timezone

from practice import events
from practice.errors import LeaseLostError
from practice.models import Checkpoint, Episode, Evaluation, Run, RunPoint
from practice.services import enqueue
from practice.services.leases import add_log, announce


@dataclass(frozen=True, slots=True)
class Point:
    """One point of the curves."""

    iteration: int
    env_steps: int
    episodes: int
    seconds: float
    values: dict[str, float]


@dataclass(frozen=True, slots=True)
class KeptCheckpoint:
    """A checkpoint whose blob is already stored."""

    kind: str
    digest: str
    blob_key: str
    iteration: int
    """The iteration of its run whose weights it holds."""
    metrics: dict[str, Any]


@dataclass(slots=True)
class Commit:
    """All that one commit makes durable at once."""

    number: int
    """One more than the run's newest commit."""
    resume_key: str
    total_iterations: int | None = None
    points: list[Point] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    episodes: list[Episode] = field(default_factory=list)
    recorded_bytes: int = 0
    """Of the shard that holds their frames."""
    checkpoints: list[KeptCheckpoint] = field(default_factory=list)
    seconds: float = 0.0
    eta_seconds: float | None = None


def _held(run_id: int, owner: str) -> Run:
    run = Run.objects.select_for_update().held_by(owner).filter(pk=run_id).first()
    if run is None:
        raise LeaseLostError(f"Run {run_id} is no longer held by {owner}.")
    return run


@transaction.atomic
def commit_progress(run_id: int, *, owner: str, commit: Commit) -> str:
    """Make a commit durable; gives the key of the resume point that it replaces ("" when none).

    Repeating a commit whose answer was lost does nothing.

    Raises:
        LeaseLostError: another process holds the run.
    """
    run = _held(run_id, owner)
    if run.commit >= commit.number:
        return ""
    replaced, run.resume_key = run.resume_key, commit.resume_key
    run.commit, run.strikes, run.seconds = commit.number, 0, commit.seconds
    run.recorded_bytes += commit.recorded_bytes
    run.eta_seconds, run.total_iterations = commit.eta_seconds, commit.total_iterations
    _add_points(run, commit.points)
    for text in commit.log:
        add_log(run, text)
    for kept in commit.checkpoints:
        _add_checkpoint(run, kept)
    if commit.episodes:
        Episode.objects.bulk_create(commit.episodes, batch_size=2000)
        events.publish_on_commit(events.EpisodesRecorded(run=run.pk, count=len(commit.episodes)))
    run.save(
        update_fields=[
            "resume_key",
            "commit",
            "strikes",
            "seconds",
            "eta_seconds",
            "total_iterations",
            "iteration",
            "env_steps",
            "episode_count",
            "recorded_bytes",
            "progress",
        ]
    )
    announce(run)
    return replaced


def _add_points(run: Run, points: list[Point]) -> None:
    if not points:
        return
    RunPoint.objects.bulk_create(
        RunPoint(
            run=run,
            iteration=p.iteration,
            env_steps=p.env_steps,
            episodes=p.episodes,
            seconds=p.seconds,
            values=p.values,
        )
        for p in points
    )
    last = points[-1]
    run.iteration, run.env_steps = last.iteration, last.env_steps
    run.episode_count = last.episodes
    if run.total_iterations:
        run.progress = min(1.0, last.iteration / run.total_iterations)
    events.publish_on_commit(events.PointsAdded(run=run.pk, last=last.iteration))


def _add_checkpoint(run: Run, kept: KeptCheckpoint) -> None:
    checkpoint, created = Checkpoint.objects.get_or_create(
        run=run,
        kind=kept.kind,
        digest=kept.digest,
        defaults={
            "task_id": run.task_id,
            "name": f"{run.name} · {kept.kind} @ {kept.iteration}",
            "blob_key": kept.blob_key,
            "iteration": kept.iteration,
            "metrics": kept.metrics,
        },
    )
    if created:
        checkpoint.parents.set([c for c in (run.policy, run.reward) if c is not None])
        events.publish_on_commit(events.CheckpointAdded(run=run.pk, checkpoint=checkpoint.pk))


@transaction.atomic
def note_run(run_id: int, *, owner: str, text: str) -> None:
    """A line of the log before there is anything to commit.

    Raises:
        LeaseLostError: another process holds the run.
    """
    add_log(_held(run_id, owner), text)


@transaction.atomic
def finish_run(run_id: int, *, owner: str, result: dict[str, Any]) -> None:
    """End a run whose work is done; an evaluation also becomes an `Evaluation` row.

    Raises:
        LeaseLostError: another process holds the run.
    """
    run = _held(run_id, owner)
    run.result, run.progress, run.eta_seconds, run.resume_key = result, 1.0, 0.0, ""
    if run.kind == Run.Kind.EVALUATION:
        _add_evaluation(run, result)
    _end(run, Run.State.SUCCEEDED, "Finished.")


def _add_evaluation(run: Run, result: dict[str, Any]) -> None:
    if run.policy is None:
        raise ValueError(f"Evaluation run {run.pk} names no checkpoint.")
    low, high = result.get("ci") or (None, None)
    detector = result.get("detector") or {}
    Evaluation.objects.update_or_create(
        run=run,
        defaults={
            "checkpoint": run.policy,
            "episodes": result["episodes"],
            "first_seed": run.config.get("first_seed", 0),
            "success": result.get("success"),
            "ci_low": low,
            "ci_high": high,
            "mean_steps": result.get("mean_steps"),
            "threshold": detector.get("threshold"),
            "precision": detector.get("precision"),
            "recall": detector.get("recall"),
            "detail": result,
        },
    )


@transaction.atomic
def fail_run(run_id: int, *, owner: str, error: str) -> None:
    """End a run that cannot go on, with the sentence that people will read."""
    run = _held(run_id, owner)
    run.error = error
    _end(run, Run.State.FAILED, error, level="error")


@transaction.atomic
def rest_run(run_id: int, *, owner: str) -> None:
    """Carry out the wish of a person once the last commit is durable: pause, or stop.

    A wish withdrawn in the meantime queues the run again, for its process is about to end.
    """
    run = _held(run_id, owner)
    if run.wish == Run.Wish.STOP:
        _end(run, Run.State.CANCELLED, "Stopped. It can be resumed from its last commit.")
    elif run.wish == Run.Wish.PAUSE:
        _release(run, Run.State.PAUSED, "Paused; the worker is free for other runs.")
    else:
        _release(run, Run.State.QUEUED, "The pause was withdrawn; it goes on.")
        enqueue.enqueue_on_commit(enqueue.EXECUTE_RUN, run.pk, queue=run.queue)


def _release(run: Run, state: Run.State, text: str) -> None:
    run.state, run.wish = state, Run.Wish.NONE
    run.lease_owner, run.lease_expires_at, run.queued_at = "", None, timezone.now()
    run.save(update_fields=["state", "wish", "lease_owner", "lease_expires_at", "queued_at"])
    add_log(run, text)
    announce(run)


def _end(run: Run, state: Run.State, text: str, *, level: str = "info") -> None:
    run.state, run.wish = state, Run.Wish.NONE
    run.lease_owner, run.lease_expires_at = "", None
    run.ended_at = timezone.now()
    run.save()
    add_log(run, text, level=level)
    announce(run)
