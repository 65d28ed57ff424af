"""Validate a received upload and turn its good episodes into rows, all or nothing."""

import logging
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from practice import storage
from practice.embodiments.registry import embodiment
from practice.episodes.errors import EpisodesError
from practice.episodes.lerobot_expect import Expectations
from practice.episodes.lerobot_read import read_episodes
from practice.episodes.lerobot_validate import validate_dataset
from practice.episodes.recorder import write_shard
from practice.episodes.report import DatasetReport, whole_dataset
from practice.episodes.types import Episode as Recorded
from practice.errors import LeaseLostError
from practice.models import Dataset, Episode, Task
from practice.rows import episode_row
from practice.services import enqueue
from practice.services.datasets import LEASE, QUALITY_PATIENCE, announce
from practice.services.fetching import source_of

log = logging.getLogger(__name__)

SHARD_EPISODES = 2000
SHARD_BYTES = 64 << 20
"""Arrays of one shard's episodes, which are in memory together."""
FETCHED, VALIDATED, STORED = 0.3, 0.65, 0.9
"""Progress when the files are here, when they are judged, and when the episodes lie in shards."""
TELL_SECONDS = 0.5
"""Least time between two reports of progress, which also renew the lease."""


def import_dataset(dataset_id: int) -> None:
    """Validate the upload of a queued dataset; afterwards it is ready or failed, with its report.

    A dataset that another worker holds is left alone. Whatever a killed attempt left behind is written over.
    """
    owner = uuid.uuid4().hex
    dataset = _claim(dataset_id, owner)
    if dataset is None:
        return
    try:
        _import(dataset, owner)
    except LeaseLostError as error:
        log.warning("%s", error)
    except OSError as error:  # such as a full disk, which no later attempt would find emptier
        reason = f"could not be stored: {error.strerror or error}; make room and try again"
        _conclude(dataset, owner, whole_dataset(dataset.name, reason), [])


def _claim(dataset_id: int, owner: str) -> Dataset | None:
    now = timezone.now()
    waiting = Q(state=Dataset.State.QUEUED) | Q(
        state=Dataset.State.VALIDATING, lease_expires_at__lt=now
    )
    claimed = Dataset.objects.filter(waiting, pk=dataset_id).update(
        state=Dataset.State.VALIDATING,
        lease_owner=owner,
        lease_expires_at=now + LEASE,
        progress=0.0,
        error="",
    )
    if not claimed:
        return None
    dataset = Dataset.objects.select_related("task").get(pk=dataset_id)
    announce(dataset)
    return dataset


def _import(dataset: Dataset, owner: str) -> None:
    told = _teller(dataset, owner)
    with tempfile.TemporaryDirectory(dir=_work_folder()) as temporary:
        report, rows = _read(dataset, Path(temporary), told)
        _conclude(dataset, owner, report, rows)


def _read(
    dataset: Dataset, temporary: Path, told: Callable[[float], None]
) -> tuple[DatasetReport, list[Episode]]:
    """Fetch, validate and store; no rows where the report says why."""
    source = source_of(dataset, temporary)
    try:
        folder = source.tables(lambda share: told(FETCHED * share))
        source.rest(lambda share: told(FETCHED * share))
    except EpisodesError as error:
        return whole_dataset(error.file, error.reason, before=source.left_out), []
    report = validate_dataset(
        folder,
        expect=expectations(dataset.task),
        before=source.left_out,
        progress=lambda done, total: told(FETCHED + (VALIDATED - FETCHED) * done / max(total, 1)),
    )
    if not report.ok:
        return report, []
    try:
        return report, _write_shards(dataset, folder, report, temporary, told)
    except EpisodesError as error:
        return whole_dataset(error.file, error.reason, before=report.findings), []


def expectations(task: Task) -> Expectations:
    """What a dataset must hold to fit the task's embodiment; simulator truth it may hold."""
    spec = embodiment(task.embodiment).spec
    shapes = {name: feature.shape for name, feature in spec.observation.items()}
    return Expectations(
        features={**shapes, "action": spec.action.shape},
        fps=task.control_hz,
        optional=frozenset(name for name, f in spec.observation.items() if f.privileged),
    )


def _write_shards(
    dataset: Dataset,
    folder: Path,
    report: DatasetReport,
    temporary: Path,
    told: Callable[[float], None],
) -> list[Episode]:
    rows: list[Episode] = []
    total = max(1, report.totals.kept_frames)
    recorded = read_episodes(
        folder,
        report,
        expect=expectations(dataset.task),
        progress=lambda done, _: told(VALIDATED + (STORED - VALIDATED) * min(1.0, done / total)),
    )
    for number, group in enumerate(_groups(recorded)):
        shard = temporary / f"shard-{number}.parquet"
        key = storage.dataset_shard_key(dataset.pk, number)
        places = write_shard(shard, group)
        storage.blobs().put(key, shard)
        shard.unlink()
        rows += [
            episode_row(
                episode,
                place,
                blob_key=key,
                threshold=dataset.task.threshold,
                task=dataset.task,
                dataset=dataset,
                kind=Episode.Kind.DEMONSTRATION,
            )
            for episode, place in zip(group, places, strict=True)
        ]
    return rows


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
    if group:
        yield group


@transaction.atomic
def _conclude(dataset: Dataset, owner: str, report: DatasetReport, rows: list[Episode]) -> None:
    held = (
        Dataset.objects.select_for_update()
        .filter(pk=dataset.pk, lease_owner=owner, state=Dataset.State.VALIDATING)
        .first()
    )
    if held is None:
        raise LeaseLostError(f"Dataset {dataset.pk} is no longer held by this worker.")
    Episode.objects.bulk_create(rows, batch_size=2000)
    held.report = _for_the_row(report)
    held.episodes_kept = len(rows)
    held.episodes_refused = len(report.episodes) - len(report.kept())
    held.frames = report.totals.kept_frames if rows else 0
    held.lease_owner, held.lease_expires_at, held.progress = "", None, 1.0
    if rows:
        held.state, held.ready_at = Dataset.State.READY, timezone.now()
        held.lease_expires_at = held.ready_at + QUALITY_PATIENCE
        enqueue.enqueue_on_commit(enqueue.JUDGE_QUALITY, held.pk, queue="cpu")
    else:
        held.state = Dataset.State.FAILED
        held.error = str(report.error or "No episode is fit to be kept; the report says why.")
    held.save()
    announce(held)


def _for_the_row(report: DatasetReport) -> dict[str, Any]:
    """The report without the episodes that were kept, for those are rows themselves."""
    data = report.to_json()
    data["episodes"] = [episode for episode in data["episodes"] if not episode["kept"]]
    return data


def _teller(dataset: Dataset, owner: str) -> Callable[[float], None]:
    """A callback that stores progress now and then, and renews the lease with it."""
    last = 0.0

    def tell(share: float) -> None:
        nonlocal last
        if time.monotonic() - last < TELL_SECONDS:
            return
        last = time.monotonic()
        held = Dataset.objects.filter(pk=dataset.pk, lease_owner=owner)
        if not held.update(progress=share, lease_expires_at=timezone.now() + LEASE):
            raise LeaseLostError(f"Dataset {dataset.pk} is no longer held by this worker.")
        dataset.progress = share
        announce(dataset)

    return tell


def _work_folder() -> Path:
    folder = Path(settings.EFM_VAR) / "tmp"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
