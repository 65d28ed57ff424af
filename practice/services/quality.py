"""Measure recordings and keep what was found beside their rows.

What concerns one episode is stored shard by shard; odd lengths, duplicates and starts follow when the whole dataset has been read. A
measurement that was cut off is simply begun again.
"""

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import groupby
from typing import Any

import numpy as np
from django.db.models import Q
from django.utils import timezone

from models_store.errors import LearningError
from practice import storage
from practice.embodiments.registry import embodiment
from practice.episodes.errors import EpisodesError
from practice.episodes.quality import Quality, quality_of
from practice.episodes.quality_sets import (
    Sketch,
    length_z,
    near_duplicates,
    sketch_of,
    start_places,
)
from practice.episodes.recorder import read_shard
from practice.episodes.types import Episode as Recorded
from practice.models import Dataset, Episode, Task
from practice.querysets import DatasetQuerySet, EpisodeQuerySet
from practice.services.datasets import QUALITY_PATIENCE, announce

log = logging.getLogger(__name__)

BATCH = 500
"""Rows of one UPDATE."""

Judge = Callable[[Recorded], Quality]
Told = Callable[[int], None]
"""Hears how many more episodes are done."""


def judge_of(task: Task) -> Judge:
    """What measures a recording of this task: with its action limits, at its rate."""
    try:
        bounds = embodiment(task.embodiment).action_limits(task.limits)
    except LearningError:  # a robot that is no longer declared: the rest can still be measured
        bounds = None
    return lambda recorded: quality_of(recorded, action_bounds=bounds, fps=task.control_hz)


def episode_quality(recorded: Recorded, judge: Judge) -> dict[str, Any]:
    """What a new row keeps of an episode that is still in memory; `judge` is `judge_of` its task."""
    return judge(recorded).to_json()


def unjudged(rows: EpisodeQuerySet) -> EpisodeQuerySet:
    """Those of the rows with a recording that nobody has measured, or whose dataset was left half done."""
    half_done = Q(dataset__isnull=False) & Q(quality__length_z=None)
    return rows.filter(Q(quality={}) | half_done).exclude(blob_key="")


def judge_dataset_by_id(dataset_id: int) -> int:
    """`judge_dataset` for a job; a dataset that is gone, or was measured since it was asked for, is left alone."""
    awaited = Dataset.objects.filter(pk=dataset_id, lease_expires_at__isnull=False)
    dataset = awaited.select_related("task").first()
    return 0 if dataset is None else judge_dataset(dataset)


def judge_dataset(dataset: Dataset, told: Told | None = None) -> int:
    """Measure every episode that came with a dataset; gives how many could be read."""
    judge = judge_of(dataset.task)
    found: list[tuple[Episode, Quality]] = []
    sketches: list[Sketch] = []
    for group in _recordings(dataset.episodes.order_by("pk")):
        measured = [(row, judge(recorded)) for row, recorded in group]
        sketches += [sketch_of(recorded) for _, recorded in group]
        _store(measured)
        _await(dataset)
        found += measured
        announce(dataset)
        if told:
            told(len(measured))
    if found:
        _store(_compared(found, sketches))
        announce(dataset)
    _ready(dataset).update(lease_expires_at=None)
    return len(found)


def _ready(dataset: Dataset) -> DatasetQuerySet:
    """The row, unless an import holds it."""
    return Dataset.objects.filter(pk=dataset.pk, state=Dataset.State.READY)


def _await(dataset: Dataset) -> None:
    """Somebody is at it: let nobody else begin."""
    _ready(dataset).update(lease_expires_at=timezone.now() + QUALITY_PATIENCE)


def judge_practice(rows: EpisodeQuerySet, told: Told | None = None) -> int:
    """Measure episodes of runs one by one, whatever their tasks; gives how many could be read."""
    count = 0
    judges: dict[int, Judge] = {}
    for group in _recordings(rows.filter(run__isnull=False).select_related("task").order_by("pk")):
        task = group[0][0].task
        judge = judges.setdefault(task.pk, judge_of(task))
        _store([(row, judge(recorded)) for row, recorded in group])
        count += len(group)
        if told:
            told(len(group))
    return count


def _recordings(rows: EpisodeQuerySet) -> Iterator[list[tuple[Episode, Recorded]]]:
    """Rows with what was recorded, one list per shard; of a shard that cannot be read there is none."""
    listed = rows.exclude(blob_key="").defer("quality").iterator(chunk_size=BATCH)
    for key, group in groupby(listed, key=lambda row: row.blob_key):
        try:
            recorded = read_shard(storage.blobs().path(key))
        except (LearningError, EpisodesError) as error:
            log.warning("The quality of the episodes in %s stays unknown: %s", key, error)
            continue
        ends = np.cumsum([episode.length + 1 for episode in recorded]).tolist()
        places = dict(zip([0, *ends], recorded, strict=False))
        yield [(row, places[row.first_row]) for row in group if row.first_row in places]


def _compared(
    found: list[tuple[Episode, Quality]], sketches: list[Sketch]
) -> Iterator[tuple[Episode, Quality]]:
    """The same with what only the whole dataset can tell."""
    unlike = length_z([quality.length for _, quality in found]).tolist()
    twins = near_duplicates(sketches)
    starts = start_places(np.stack([sketch.start for sketch in sketches])).tolist()
    for place, (row, quality) in enumerate(found):
        twin = twins.get(place)
        yield (
            row,
            replace(
                quality,
                length_z=unlike[place],
                duplicate_of=None if twin is None else found[twin][0].pk,
                start=(starts[place][0], starts[place][1]),
            ),
        )


def _store(measured: Iterable[tuple[Episode, Quality]]) -> None:
    changed = []
    for row, quality in measured:
        row.quality = quality.to_json()
        changed.append(row)
    Episode.objects.bulk_update(changed, ["quality"], batch_size=BATCH)
