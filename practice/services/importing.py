"""Validate a received upload and turn its good episodes into rows, all or nothing."""

import logging
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from django.db import transaction
from django.utils import timezone

from models_store.errors import LearningError
from practice import storage
from practice.episodes.errors import EpisodesError
from practice.episodes.lerobot_meta import Dataset as OpenedDataset
from practice.episodes.lerobot_meta import open_dataset
from practice.episodes.lerobot_validate import validate_dataset
from practice.episodes.report import DatasetReport, Finding, Totals, whole_dataset
from practice.errors import LeaseLostError
from practice.models import Dataset, Episode
from practice.selectors.disk import check_reserve
from practice.selectors.mapping import expected_of, needs_a_person
from practice.services import enqueue
from practice.services.datasets import QUALITY_PATIENCE, announce
from practice.services.fetching import source_of
from practice.services.import_episodes import drop_shards, store_episodes
from practice.services.work import DATASETS, now_and_then

log = logging.getLogger(__name__)

FETCHED, VALIDATED = 0.3, 0.65
"""Progress when the files are here, and when they are judged."""
TELL_SECONDS = 0.5
"""Least time between two reports of progress, which also renew the lease."""


def import_dataset(dataset_id: int) -> None:
    """Validate the upload of a queued dataset; afterwards it is ready or failed, with its report.

    A dataset that another worker holds is left alone. Whatever a killed attempt left behind is written over.
    """
    owner = DATASETS.claim(dataset_id, progress=0.0)
    if not owner:
        return
    dataset = Dataset.objects.select_related("task").get(pk=dataset_id)
    announce(dataset)
    try:
        _import(dataset, owner)
    except LeaseLostError as error:
        log.warning("%s", error)
    except LearningError as error:  # such as a robot that is no longer declared
        _conclude(dataset, owner, whole_dataset(dataset.name, str(error)), [])
    except OSError as error:  # such as a full disk, which no later attempt would find emptier
        reason = f"could not be stored: {error.strerror or error}; make room and try again"
        _conclude(dataset, owner, whole_dataset(dataset.name, reason), [])


def _import(dataset: Dataset, owner: str) -> None:
    told = _teller(dataset, owner)
    with tempfile.TemporaryDirectory(dir=storage.work_folder()) as temporary:
        place = Path(temporary)
        source = source_of(dataset, place)
        try:
            folder = source.tables(lambda share: told(FETCHED * share))
            opened = open_dataset(folder)
            if needs_a_person(opened.info, expected_of(dataset)):
                _ask(dataset, owner, opened, source.left_out)
                return
            source.rest(lambda share: told(FETCHED * share))
            report, rows = _read(dataset, folder, place, source.left_out, told)
        except EpisodesError as error:
            report, rows = whole_dataset(error.file, error.reason, before=source.left_out), []
        _conclude(dataset, owner, report, rows)


def _read(
    dataset: Dataset,
    folder: Path,
    place: Path,
    left_out: tuple[Finding, ...],
    told: Callable[[float], None],
) -> tuple[DatasetReport, list[Episode]]:
    """Validate and store; no rows where the report says why."""
    report = validate_dataset(
        folder,
        expect=expected_of(dataset),
        before=left_out,
        progress=lambda done, total: told(FETCHED + (VALIDATED - FETCHED) * done / max(total, 1)),
    )
    if not report.ok:
        return report, []
    try:
        return store_episodes(
            dataset, folder, report, place, lambda share: told(VALIDATED + (1 - VALIDATED) * share)
        )
    except EpisodesError as error:
        return whole_dataset(error.file, error.reason, before=report.findings), []


@transaction.atomic
def _ask(dataset: Dataset, owner: str, opened: OpenedDataset, left_out: Sequence[Finding]) -> None:
    """Let the dataset wait for a person who says which of its features is which of the robot's."""
    info = opened.info
    report = DatasetReport(
        version=opened.version,
        robot_type=info.robot_type,
        fps=info.fps,
        features={name: feature.to_json() for name, feature in info.features.items()},
        totals=Totals(
            episodes=info.total_episodes, frames=info.total_frames, tasks=info.total_tasks
        ),
        findings=tuple(left_out),
    )
    held = _held(dataset, owner)
    held.state, held.report, held.progress = Dataset.State.MAPPING, report.to_json(), 0.0
    held.lease_owner, held.lease_expires_at = "", None
    held.save()
    announce(held)


def _held(dataset: Dataset, owner: str) -> Dataset:
    """The dataset's row, locked. Raises LeaseLostError when another worker, or nobody, holds it."""
    held: Dataset | None = DATASETS.held(dataset.pk, owner).select_for_update().first()
    if held is None:
        raise LeaseLostError(f"Dataset {dataset.pk} is no longer held by this worker.")
    return held


@transaction.atomic
def _conclude(dataset: Dataset, owner: str, report: DatasetReport, rows: list[Episode]) -> None:
    held = _held(dataset, owner)
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
        drop_shards(held)  # under the row's lock: nobody can be trying again yet
    held.save()
    announce(held)


def _for_the_row(report: DatasetReport) -> dict[str, Any]:
    """The report without the episodes that were kept, for those are rows themselves."""
    data = report.to_json()
    data["episodes"] = [episode for episode in data["episodes"] if not episode["kept"]]
    return data


def _teller(dataset: Dataset, owner: str) -> Callable[[float], None]:
    """A callback that now and then stores progress, which renews the lease, and stops before the disk is full."""

    def tell(share: float) -> None:
        DATASETS.keep(dataset.pk, owner, progress=share)
        dataset.progress = share
        announce(dataset)
        check_reserve()

    return now_and_then(tell, TELL_SECONDS)
