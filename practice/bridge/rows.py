"""A run's episodes made durable: one parquet shard per commit, then rows for the commit's transaction."""

import hashlib
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from practice import storage
from practice.episodes.recorder import EpisodeSlice, write_shard
from practice.episodes.types import Episode as Recorded
from practice.learning.work import Report
from practice.models import Episode, Run, Task
from practice.rows import episode_row
from practice.selectors.recording import why_not_recorded
from practice.services.quality import Judge, episode_quality, judge_of

FLAGGED = 0.32
"""Doubt from which an episode is worth a person's look: its end lies within one spread of the threshold, or detector and
simulator disagree."""
_NOWHERE = EpisodeSlice(uid="", first_row=0, rows=0)


@dataclass(frozen=True, slots=True)
class Recording:
    """What one commit keeps of its episodes."""

    rows: list[Episode] = field(default_factory=list)
    """One unsaved row for every episode, recorded or not."""
    size_bytes: int = 0
    """Of the new shard."""
    paused: str = ""
    """Why frames were left out that the task would have kept, as one sentence."""


def record_episodes(run: Run, commit: int, reports: Sequence[Report]) -> Recording:
    """Store the shard of the episodes that ended since the last commit, as far as the task wants their frames kept.

    What a person has to see or a run has been promised is never among what is left out: evaluations are recorded whole.
    """
    episodes = [episode for report in reports for episode in report.episodes]
    if not episodes:
        return Recording()
    judge = judge_of(run.task)
    rows = [_row(run, episode, judge) for episode in episodes]
    task = Task.objects.get(pk=run.task_id)  # its settings may have changed since the run began
    wanted = [i for i, row in enumerate(rows) if _wants(task, row)]
    paused = why_not_recorded(task) if wanted and run.kind == Run.Kind.PRACTICE else ""
    if paused or not wanted:
        return Recording(rows, paused=paused)
    key = storage.run_shard_key(run.pk, run.attempts, commit)
    places, size = _store(key, [episodes[i] for i in wanted])
    for i, place in zip(wanted, places, strict=True):
        rows[i].blob_key, rows[i].first_row, rows[i].rows = key, place.first_row, place.rows
    return Recording(rows, size)


def _row(run: Run, episode: Recorded, judge: Judge) -> Episode:
    threshold = run.config.get("threshold")
    return episode_row(
        episode,
        _NOWHERE,
        blob_key="",
        threshold=run.task.threshold if threshold is None else threshold,
        task=run.task,
        run=run,
        checkpoint=run.policy,
        kind=Episode.Kind(run.kind),
        quality=episode_quality(episode, judge),
    )


def _wants(task: Task, row: Episode) -> bool:
    """Whether the task's setting keeps this episode's frames."""
    if row.kind != Episode.Kind.PRACTICE or task.recording == Task.Recording.ALL:
        return True
    if row.doubt >= FLAGGED:
        return True
    return task.recording == Task.Recording.SAMPLED and _lot(row) < task.recording_share


def _lot(row: Episode) -> float:
    """A number in [0, 1) that is the same when a resumed run lives the episode again."""
    drawn = hashlib.sha256(f"{row.run_id} {row.uid}".encode()).digest()
    return int.from_bytes(drawn[:8], "big") / 2.0**64


def _store(key: str, episodes: Sequence[Recorded]) -> tuple[list[EpisodeSlice], int]:
    """Write a shard; gives the place of each episode and the bytes that it takes."""
    with tempfile.TemporaryDirectory(dir=storage.work_folder()) as folder:
        shard = Path(folder) / "shard.parquet"
        places = write_shard(shard, episodes)
        storage.blobs().put(key, shard)
        return places, shard.stat().st_size
