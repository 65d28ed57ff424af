"""A run's episodes made durable: one parquet shard per commit, then rows for the commit's transaction."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

from practice import storage
from practice.episodes.recorder import write_shard
from practice.learning.work import Report
from practice.models import Episode, Run
from practice.rows import episode_row


def record_episodes(run: Run, commit: int, reports: Sequence[Report]) -> list[Episode]:
    """Store the shard of all episodes that ended since the last commit; gives their unsaved rows."""
    episodes = [episode for report in reports for episode in report.episodes]
    if not episodes:
        return []
    key = storage.run_shard_key(run.pk, run.attempts, commit)
    with tempfile.TemporaryDirectory() as folder:
        shard = Path(folder) / "shard.parquet"
        places = write_shard(shard, episodes)
        storage.blobs().put(key, shard)
    threshold = run.config.get("threshold")
    return [
        episode_row(
            episode,
            place,
            blob_key=key,
            threshold=run.task.threshold if threshold is None else threshold,
            task=run.task,
            run=run,
            checkpoint=run.policy,
            kind=Episode.Kind(run.kind),
        )
        for episode, place in zip(episodes, places, strict=True)
    ]
