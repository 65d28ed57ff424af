"""The kept episodes of a validated dataset: into shards, with rows for each, and their videos beside them."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path

from practice import storage
from practice.embodiments.registry import embodiment
from practice.episodes.lerobot_read import read_episodes
from practice.episodes.ranges import RangeCheck
from practice.episodes.recorder import write_shard
from practice.episodes.report import DatasetReport, Finding
from practice.episodes.types import Episode as Recorded
from practice.models import Dataset, Episode
from practice.rows import episode_row
from practice.selectors.mapping import expected_of
from practice.services.originals import keep_originals

SHARD_EPISODES = 2000
SHARD_BYTES = 64 << 20
"""Arrays of one shard's episodes, which are in memory together."""
_READ = 0.8
"""Progress when all episodes lie in shards."""

Told = Callable[[float], None]


def store_episodes(
    dataset: Dataset, folder: Path, report: DatasetReport, place: Path, told: Told
) -> tuple[DatasetReport, list[Episode]]:
    """Write what `report` keeps of the dataset in `folder`; `place` is for files on their way. `told` gets the share done.

    Gives the report with what was found on the way, and unsaved rows. Raises EpisodesError.
    """
    action = embodiment(dataset.task.embodiment).spec.action
    ranges = RangeCheck(action.names, action.low, action.high, action.unit)
    refused: list[Finding] = []
    recorded = read_episodes(
        folder,
        report,
        expect=expected_of(dataset),
        refused=refused.append,
        progress=lambda done, total: told(_READ * done / max(total, 1)),
    )
    rows: list[Episode] = []
    for number, group in enumerate(_groups(recorded)):
        rows += _store_shard(dataset, number, group, place)
        for episode in group:
            ranges.add(episode.action)
    found = ranges.findings("data")
    found += keep_originals(
        folder,
        rows,
        lambda share: told(_READ + (1 - _READ) * share),
        ours=folder.is_relative_to(place),
    )
    judged = report.refusing(refused)
    return replace(judged, findings=(*judged.findings, *found)), rows


def _store_shard(
    dataset: Dataset, number: int, group: list[Recorded], place: Path
) -> list[Episode]:
    shard = place / f"shard-{number}.parquet"
    key = storage.dataset_shard_key(dataset.pk, number)
    slices = write_shard(shard, group)
    storage.blobs().put(key, shard)
    shard.unlink()
    return [
        episode_row(
            episode,
            lying,
            blob_key=key,
            threshold=dataset.task.threshold,
            task=dataset.task,
            dataset=dataset,
            kind=Episode.Kind.DEMONSTRATION,
        )
        for episode, lying in zip(group, slices, strict=True)
    ]


def drop_shards(dataset: Dataset) -> None:
    """Remove what an import that failed has stored, which may be most of what fills the disk.

    Videos are left to housekeeping: other imports may have found them here.
    """
    for number in count():
        key = storage.dataset_shard_key(dataset.pk, number)
        if not storage.blobs().exists(key):
            return
        storage.blobs().delete(key)


def _groups(episodes: Iterator[Recorded]) -> Iterator[list[Recorded]]:
    """Episodes for one shard after the other: so many, and so many bytes."""
    group: list[Recorded] = []
    size = 0
    for episode in episodes:
        group.append(episode)
        size += episode.action.nbytes + sum(a.nbytes for a in episode.observation.values())
        if len(group) >= SHARD_EPISODES or size >= SHARD_BYTES:
            yield group
            group.clear()  # the writer still holds the list while the next episodes are read
            size = 0
        del episode
    if group:
        yield group
