"""Verbs on exports: ask for a dataset version as a LeRobotDataset v3.0, write it, and remove it."""

import logging
import tempfile
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from models_store.errors import LearningError
from practice import storage
from practice.episodes import hub
from practice.episodes.errors import EpisodesError
from practice.episodes.lerobot_write import zip_folder
from practice.errors import InvalidError, LeaseLostError
from practice.models import Dataset, DatasetVersion, Export, User
from practice.roles import Role, require
from practice.selectors.disk import check_reserve
from practice.services import audit, enqueue
from practice.services.datasets import announce
from practice.services.export_files import check_exportable, write_version
from practice.services.versions import freeze
from practice.services.work import EXPORTS, PATIENCE, now_and_then

log = logging.getLogger(__name__)

TELL_SECONDS = 0.5
"""Least time between two reports of progress."""
PACKED, PUSHED = 0.8, 0.9
"""Progress once everything is written, and once it is packed."""


@transaction.atomic
def start_export(
    source: Dataset | DatasetVersion,
    *,
    by: User,
    cameras: str = Export.Cameras.VIDEO,
    repo: str = "",
) -> Export:
    """Freeze what a dataset holds now, or take a version as it is, and queue its writing; `repo` also pushes it to the Hub.

    Raises:
        InvalidError: nothing to export, or it cannot be written or pushed so; the message says why.
        ForbiddenError: `by` is no operator.
    """
    require(by, Role.OPERATOR)
    if cameras not in Export.Cameras.values:
        raise InvalidError(
            f"Cameras are exported as video or image, not {cameras!r}.",
            fields={"cameras": "video or image"},
        )
    repo = repo.strip()
    _check_push(repo)
    dataset = source if isinstance(source, Dataset) else source.dataset
    check_exportable(dataset.task, cameras)
    version = freeze(source, by=by) if isinstance(source, Dataset) else source
    export = Export.objects.create(
        version=version,
        cameras=cameras,
        repo=repo,
        created_by=by,
        lease_expires_at=timezone.now() + EXPORTS.lease,
    )
    audit.record(by, "dataset.exported", dataset, export=export.pk, version=version.number)
    enqueue.enqueue_on_commit(enqueue.WRITE_EXPORT, export.pk, queue="cpu")
    announce(dataset)
    return export


def _check_push(repo: str) -> None:
    if not repo:
        return
    if not hub.is_repo(repo):
        raise InvalidError(
            f"{repo[:80]!r} is no dataset of the Hub; write it as owner/name.",
            fields={"repo": "owner/name"},
        )
    if not settings.EFM_HUB_TOKEN:
        raise InvalidError(
            "This site has no token of the Hugging Face Hub; set EFM_HUB_TOKEN, or export without pushing.",
            fields={"repo": "no token"},
        )


@transaction.atomic
def delete_export(export: Export, *, by: User) -> None:
    """Remove an export and its file; a worker that is writing it stops at its next report of progress."""
    require(by, Role.OPERATOR)
    dataset, key, number = export.version.dataset, export.blob_key, export.pk
    audit.record(by, "export.deleted", dataset, export=number)
    export.delete()
    if key:
        transaction.on_commit(lambda: storage.blobs().delete(key))
    announce(dataset)


def write_export(export_id: int) -> None:
    """Write a queued export; afterwards it is ready or failed. One that another worker holds is left alone."""
    owner = EXPORTS.claim(export_id, progress=0.0)
    if not owner:
        return
    export = Export.objects.select_related("version__dataset__task").get(pk=export_id)
    announce(export.version.dataset)
    try:
        _write(export, owner)
    except LeaseLostError as error:
        log.warning("%s", error)
    except (EpisodesError, LearningError) as error:
        _conclude(export, owner, state=Export.State.FAILED, error=str(error))
    except OSError as error:
        reason = f"The file could not be written: {error.strerror or error}; make room and export it again."
        _conclude(export, owner, state=Export.State.FAILED, error=reason)


def _write(export: Export, owner: str) -> None:
    def hold(share: float) -> None:
        _hold(export, owner, share)
        check_reserve()

    tell = now_and_then(hold, TELL_SECONDS)
    version = export.version
    with tempfile.TemporaryDirectory(dir=storage.work_folder()) as temporary:
        folder, packed = Path(temporary) / "dataset", Path(temporary) / "dataset.zip"
        total = max(1, version.episodes)
        write_version(
            version,
            folder,
            cameras=export.cameras,
            progress=lambda done: tell(PACKED * done / total),
        )
        _hold(export, owner, PACKED, PATIENCE)
        # Packing does not compress, so that it takes as much again.
        check_reserve(sum(p.stat().st_size for p in folder.rglob("*") if p.is_file()))
        zip_folder(folder, packed)
        _hold(export, owner, PUSHED, PATIENCE)
        url, error = _push(export, folder)
        _hold(export, owner, PUSHED, PATIENCE)  # the last look before a blob is stored
        key = storage.export_key(export.pk)
        storage.blobs().adopt(key, packed)
        facts = {"blob_key": key, "size_bytes": packed.stat().st_size, "pushed_url": url}
    kept = _conclude(export, owner, state=Export.State.READY, error=error, **facts)
    if not kept:
        storage.blobs().delete(key)  # it was deleted meanwhile


def _push(export: Export, folder: Path) -> tuple[str, str]:
    """Where it went and what went wrong, one of them empty: a Hub that refuses costs nobody the download."""
    if not export.repo:
        return "", ""
    try:
        hub_of_site = {"token": settings.EFM_HUB_TOKEN, "endpoint": settings.EFM_HUB_URL}
        return hub.push_folder(folder, export.repo, **hub_of_site), ""
    except hub.HubError as error:
        return "", str(error)


@transaction.atomic
def _conclude(export: Export, owner: str, *, state: str, error: str, **facts: object) -> bool:
    ready = state == Export.State.READY
    kept = EXPORTS.conclude(
        export.pk,
        owner,
        state=state,
        error=error,
        progress=1.0 if ready else export.progress,
        ready_at=timezone.now() if ready else None,
        **facts,
    )
    announce(export.version.dataset)
    return kept


def _hold(export: Export, owner: str, progress: float, lease: timedelta | None = None) -> None:
    """Store progress and renew the lease. Raises LeaseLostError when nobody wants it any more."""
    EXPORTS.keep(export.pk, owner, lease, progress=progress)
    export.progress = progress
    announce(export.version.dataset)
