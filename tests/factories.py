"""Rows that tests start from: plain typed helpers, every default overridable by name.

A helper writes what its service would have written, without the work behind it; episodes get a real shard in the blob store.
"""

import hashlib
import tempfile
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.utils import timezone

from practice import storage
from practice.episodes.recorder import write_shard
from practice.episodes.types import Episode as Recorded
from practice.models import (
    Checkpoint,
    Dataset,
    Episode,
    Evaluation,
    LogLine,
    Run,
    RunPoint,
    Task,
    User,
    Worker,
)
from practice.roles import Role
from practice.services.people import add_person
from practice.services.runs import resolve_config
from tests.examples import EMBODIMENT, dataset_report, practice_values, recorded


def somebody() -> User:
    """An operator who made whatever nobody else is named for."""
    found = User.objects.filter(username="maker").first()
    return found or add_person("maker", by=None, role=Role.OPERATOR)


def make_task(**changes: Any) -> Task:
    """A point-mass task; names count up."""
    number = Task.objects.count() + 1
    values: dict[str, Any] = {
        "name": f"Reach the ring {number}",
        "slug": f"reach-{number}",
        "embodiment": EMBODIMENT,
        "instructions": ["go to the ring"],
        "control_hz": 10.0,
        "horizon": 140,
        "threshold": 2.0,
        "limits": {"max_acceleration": 1e-3},
    }
    by = changes.pop("created_by", None) or somebody()
    return Task.objects.create(**{**values, **changes}, created_by=by)


def make_dataset(task: Task | None = None, **changes: Any) -> Dataset:
    """A ready dataset of two kept episodes and one refused; the upload itself is not stored."""
    task = task or make_task()
    number = Dataset.objects.count() + 1
    digest = hashlib.sha256(f"dataset {number}".encode()).hexdigest()
    values: dict[str, Any] = {
        "name": f"Demonstrations {number}",
        "state": Dataset.State.READY,
        "source": {"kind": "upload"},
        "upload_key": storage.upload_key(digest),
        "size_bytes": 1_400_000,
        "sha256": digest,
        "report": dataset_report(),
        "progress": 1.0,
        "episodes_kept": 2,
        "episodes_refused": 1,
        "frames": 120,
        "ready_at": timezone.now(),
        "created_by": task.created_by,
    }
    return Dataset.objects.create(task=task, **{**values, **changes})


def make_demos(task: Task | None = None, count: int = 2, **changes: Any) -> Dataset:
    """A ready dataset that Stage 1 can learn from: its episodes are there."""
    dataset = make_dataset(task, **changes)
    make_episodes(dataset=dataset, count=count)
    return dataset


def make_run(
    task: Task | None = None, *, datasets: tuple[Dataset, ...] = (), **changes: Any
) -> Run:
    """A queued practice run with its preset's exact config."""
    task = task or make_task()
    kind = changes.pop("kind", Run.Kind.PRACTICE)
    preset, config = resolve_config(
        task, kind=kind, preset=changes.pop("preset", ""), changes=changes.pop("config", {})
    )
    number = Run.objects.filter(task=task, kind=kind).count() + 1
    values: dict[str, Any] = {
        "name": f"{Run.Kind(kind).label} {number}",
        "preset": preset,
        "config": config.to_json(),
        "state": Run.State.QUEUED,
        "queued_at": timezone.now(),
        "created_by": task.created_by,
    }
    run = Run.objects.create(task=task, kind=kind, **{**values, **changes})
    run.datasets.set(datasets)
    return run


def make_running(
    run: Run, *, owner: str = "owner-1", worker: str = "gpu@bench", **changes: Any
) -> Run:
    """The same run, held by a worker."""
    now = timezone.now()
    values: dict[str, Any] = {
        "state": Run.State.RUNNING,
        "lease_owner": owner,
        "lease_expires_at": now + timedelta(minutes=10),
        "heartbeat_at": now,
        "started_at": now - timedelta(minutes=2),
        "worker": worker,
        "device_name": "Bench CPU (2 cores)",
        "attempts": 1,
    }
    for key, value in {**values, **changes}.items():
        setattr(run, key, value)
    run.save()
    return run


def make_points(run: Run, count: int = 40) -> list[RunPoint]:
    """`count` points of curves fit for the run's kind; practice is evaluated at every fifth."""
    rows = []
    for i in range(count):
        share = i / max(count - 1, 1)
        if run.kind == Run.Kind.SFT:
            loss = {"loss_bc": 2.1 - 1.6 * share, "loss_steps_to_go": 3.9 - 2.2 * share}
            values = {
                **loss,
                **({f"val_{k}": v + 0.1 for k, v in loss.items()} if i % 5 == 0 else {}),
            }
        else:
            values = practice_values(share, evaluated=i % 5 == 0)
        rows.append(
            RunPoint(
                run=run,
                iteration=i + 1,
                env_steps=(i + 1) * 2048,
                episodes=(i + 1) * 40,
                seconds=(i + 1) * 2.5,
                values=values,
            )
        )
    return RunPoint.objects.bulk_create(rows)


def make_log(run: Run, *texts: str, level: str = "info") -> list[LogLine]:
    """One log line per text."""
    return [LogLine.objects.create(run=run, text=text, level=level) for text in texts]


def make_checkpoint(run: Run | None = None, **changes: Any) -> Checkpoint:
    """A policy checkpoint of a succeeded Stage-1 run; its blob is not stored."""
    run = run or make_run(kind=Run.Kind.SFT, state=Run.State.SUCCEEDED, progress=1.0)
    digest = hashlib.sha256(f"checkpoint {Checkpoint.objects.count() + 1}".encode()).hexdigest()
    kind = changes.pop("kind", Checkpoint.Kind.POLICY)
    values: dict[str, Any] = {
        "name": f"{run.name} · {kind} @ {run.iteration}",
        "digest": digest,
        "blob_key": storage.checkpoint_key(digest),
        "iteration": run.iteration,
    }
    return Checkpoint.objects.create(task=run.task, run=run, kind=kind, **{**values, **changes})


def make_evaluation(checkpoint: Checkpoint | None = None, **changes: Any) -> Evaluation:
    """A finished evaluation of 100 episodes, 92 of them successes."""
    checkpoint = checkpoint or make_checkpoint()
    run = make_run(
        checkpoint.task,
        kind=Run.Kind.EVALUATION,
        policy=checkpoint,
        state=Run.State.SUCCEEDED,
        progress=1.0,
    )
    values: dict[str, Any] = {
        "episodes": 100,
        "first_seed": 0,
        "success": 0.92,
        "ci_low": 0.8501,
        "ci_high": 0.959,
        "mean_steps": 14.2,
        "threshold": 2.0,
        "precision": 0.94,
        "recall": 0.9,
    }
    return Evaluation.objects.create(checkpoint=checkpoint, run=run, **{**values, **changes})


def make_worker(**changes: Any) -> Worker:
    """A worker heard of just now, with one CPU slot on the gpu queues."""
    now = timezone.now()
    values: dict[str, Any] = {
        "name": f"gpu{Worker.objects.count() + 1}@bench",
        "queues": ["gpu", "gpu.cpu"],
        "device_kind": "cpu",
        "device_name": "Bench CPU (2 cores)",
        "slots": 1,
        "started_at": now,
        "seen_at": now,
    }
    return Worker.objects.create(**{**values, **changes})


def make_episodes(
    run: Run | None = None,
    count: int = 3,
    *,
    dataset: Dataset | None = None,
    length: int = 12,
    recordings: Sequence[Recorded] = (),
    **changes: Any,
) -> list[Episode]:
    """`count` episodes of a practice run (or demonstrations of `dataset`), or these, their arrays in one real shard."""
    owner: Run | Dataset = dataset or run or make_run()
    number = owner.episodes.count()
    recordings = list(recordings) or [
        recorded(f"r{i % 16}-e{number + i}", length=length + i, robot=i % 16) for i in range(count)
    ]
    of_run = isinstance(owner, Run)
    shard_of_dataset = storage.dataset_shard_key(owner.pk, number)
    key = storage.run_shard_key(owner.pk, 1, number) if of_run else shard_of_dataset
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "shard.parquet"
        slices = write_shard(path, recordings)
        storage.blobs().put(key, path)
    shared = {"task": owner.task, "blob_key": key, **_where(owner), **changes}
    rows = [
        Episode(**{**_facts(e), "first_row": s.first_row, "rows": s.rows, **shared})
        for e, s in zip(recordings, slices, strict=True)
    ]
    return Episode.objects.bulk_create(rows)


def _where(owner: Run | Dataset) -> dict[str, Any]:
    if isinstance(owner, Dataset):
        return {"dataset": owner, "kind": Episode.Kind.DEMONSTRATION}
    evaluates = owner.kind == Run.Kind.EVALUATION
    kind = Episode.Kind.EVALUATION if evaluates else Episode.Kind.PRACTICE
    return {"run": owner, "kind": kind, "checkpoint": owner.policy}


def _facts(episode: Recorded) -> dict[str, Any]:
    return {
        "uid": episode.uid,
        "robot": episode.robot,
        "iteration": episode.iteration,
        "instruction": episode.instruction,
        "seed": episode.seed,
        "length": episode.length,
        "ended_by": episode.ended_by,
        "detector_success": episode.detector_success,
        "true_success": episode.true_success,
        "d_start": float(episode.length),
        "d_end": 0.0,
        "spread_end": 0.5,
        "doubt": 0.25,
    }
