"""Verbs on checkpoints from outside: receive one, check it, make it a checkpoint of a task, or say why not."""

import logging
import tempfile
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO

from django.db import IntegrityError, transaction
from django.utils import timezone

from models_store.errors import LearningError
from models_store.outside import Outside, inspect
from practice import storage
from practice.embodiments.registry import embodiment
from practice.episodes.errors import EpisodesError
from practice.errors import InvalidError, LeaseLostError
from practice.learning.fitting import check_model_fits
from practice.learning.outside import try_loading
from practice.models import Checkpoint, CheckpointImport, Task, User
from practice.roles import Role, require
from practice.selectors.disk import check_reserve
from practice.services import audit, enqueue
from practice.services.checkpoint_sources import bring
from practice.services.datasets import check_size, check_task, keep_bytes, temporary_folder
from practice.services.sources import on_the_hub
from practice.services.transfers import announce
from practice.services.work import IMPORTS, now_and_then

log = logging.getLogger(__name__)

LEASE = timedelta(seconds=60)
BROUGHT, CHECKED = 0.7, 0.8
"""Progress when the files are here, and when they have the sha256 that they should."""
TELL_SECONDS = 0.5
"""Least time between two reports of progress."""


def receive_checkpoint(
    task: Task,
    upload: BinaryIO | Iterable[bytes],
    *,
    by: User,
    filename: str,
    kind: str = Checkpoint.Kind.POLICY,
    name: str = "",
) -> CheckpointImport:
    """Keep an uploaded .zip and queue its check; `kind` is what it is to serve as.

    Raises:
        InvalidError: no .zip, empty, too large, or an unknown kind.
        ForbiddenError: `by` is no operator.
    """
    check_task(task, by=by)
    if not filename.lower().endswith(".zip"):
        raise InvalidError(
            f"{filename[:80]!r} is no .zip; give a checkpoint as this site lets it be downloaded.",
            fields={"file": "not a .zip"},
        )
    _check_kind(kind)
    with tempfile.NamedTemporaryFile(dir=temporary_folder()) as kept:
        keep_bytes(upload, kept, filename)
        size = Path(kept.name).stat().st_size
        check_size(size, filename)
        source = {"kind": "upload", "filename": filename[:200]}
        return _create(
            task, source, by=by, kind=kind, name=name.strip() or filename, file=Path(kept.name)
        )


def receive_from_hub(
    task: Task,
    repo: str,
    revision: str = "",
    *,
    by: User,
    kind: str = Checkpoint.Kind.POLICY,
    name: str = "",
) -> CheckpointImport:
    """Queue the import of a checkpoint on the Hub at `revision`: a branch, tag or commit, the main branch where empty.

    A worker asks the Hub, so that no page waits for it.

    Raises:
        InvalidError: `repo` is not written as owner/name or owner/name@revision, or an unknown kind.
        ForbiddenError: `by` is no operator.
    """
    check_task(task, by=by)
    source = on_the_hub(repo, revision, "checkpoint")
    _check_kind(kind)
    return _create(task, source, by=by, kind=kind, name=name.strip() or source["repo"])


def _check_kind(kind: str) -> None:
    if kind not in Checkpoint.Kind.values:
        raise InvalidError(
            f"A checkpoint serves as policy or reward, not {kind[:80]!r}.",
            fields={"kind": "policy or reward"},
        )


@transaction.atomic
def _create(
    task: Task,
    source: dict[str, str],
    *,
    by: User,
    kind: str,
    name: str,
    file: Path | None = None,
) -> CheckpointImport:
    row = CheckpointImport.objects.create(
        task=task,
        kind=kind,
        name=name[:160],
        source=source,
        created_by=by,
        lease_expires_at=timezone.now() + LEASE,
    )
    if file is not None:
        row.upload_key = storage.import_key(row.pk)
        row.save(update_fields=["upload_key"])
        storage.blobs().adopt(row.upload_key, file)
    told = {key: value for key, value in source.items() if key != "kind"}
    audit.record(by, "checkpoint.uploaded", task, checkpoint_import=row.pk, **told)
    enqueue.enqueue_on_commit(enqueue.IMPORT_CHECKPOINT, row.pk, queue="cpu")
    announce(row)
    return row


@transaction.atomic
def delete_import(row: CheckpointImport, *, by: User) -> None:
    """Remove the row of an import and its file; one under way comes to nothing, a checkpoint that it became stays.

    Raises:
        InvalidError: it became a checkpoint, whose origin the row is.
        ForbiddenError: `by` is no operator.
    """
    require(by, Role.OPERATOR)
    if row.checkpoint_id is not None:
        raise InvalidError(f"{row} has become checkpoint {row.checkpoint_id}; its origin is kept.")
    audit.record(by, "checkpoint_import.deleted", row.task, checkpoint_import=row.pk)
    announce(row)
    key = row.upload_key
    row.delete()
    if key:
        transaction.on_commit(lambda: storage.blobs().delete(key))


def import_checkpoint(import_id: int) -> None:
    """Check a queued import; afterwards it is a checkpoint, or has failed with a sentence. One that another worker holds is left alone."""
    owner = IMPORTS.claim(import_id, progress=0.0)
    if not owner:
        return
    row = CheckpointImport.objects.select_related("task", "created_by").get(pk=import_id)
    announce(row)
    try:
        kept = _import(row, owner)
    except LeaseLostError as error:
        log.warning("%s", error)
        return
    except (EpisodesError, LearningError) as error:
        kept = _conclude(row, owner, state="failed", error=str(error))
    except OSError as error:
        reason = (
            f"It could not be stored: {error.strerror or error}; make room and import it again."
        )
        kept = _conclude(row, owner, state="failed", error=reason)
    if kept and row.upload_key:
        storage.blobs().delete(row.upload_key)


def _import(row: CheckpointImport, owner: str) -> bool:
    def tell(share: float) -> None:
        IMPORTS.keep(row.pk, owner, progress=share)
        announce(row)
        check_reserve()

    told = now_and_then(tell, TELL_SECONDS)
    with tempfile.TemporaryDirectory(dir=storage.work_folder()) as temporary:
        folder = bring(row, Path(temporary), lambda share: told(BROUGHT * share))
        tell(BROUGHT)
        found = inspect(folder)
        check_model_fits(found.spec, embodiment(row.task.embodiment).spec)
        tell(CHECKED)
        try_loading(folder)
        tell(CHECKED)  # the last look before blobs are stored
        _store(found, folder)
        return _settle(row, owner, found)


def _store(found: Outside, folder: Path) -> None:
    key = storage.checkpoint_key(found.digest)
    for name in found.files:  # the manifest last: what has one is whole
        if not storage.blobs().exists(f"{key}/{name}"):
            storage.blobs().put(f"{key}/{name}", folder / name)


def _settle(row: CheckpointImport, owner: str, found: Outside) -> bool:
    """The checkpoint that it is, or was already."""
    try:
        return _keep(row, owner, found)
    except IntegrityError:  # another import of the same was a moment faster
        return _keep(row, owner, found)


@transaction.atomic
def _keep(row: CheckpointImport, owner: str, found: Outside) -> bool:
    if not IMPORTS.held(row.pk, owner).select_for_update().exists():
        return False
    same = Checkpoint.objects.filter(task=row.task, kind=row.kind, digest=found.digest)
    checkpoint = same.order_by("pk").first()
    if checkpoint is None:
        checkpoint = Checkpoint.objects.create(
            task=row.task,
            kind=row.kind,
            name=row.name,
            digest=found.digest,
            blob_key=storage.checkpoint_key(found.digest),
        )
        known = Checkpoint.objects.filter(task=row.task, digest__in=found.parents.values())
        checkpoint.parents.set(known)
        audit.record(row.created_by, "checkpoint.imported", checkpoint, origin=row.origin)
    return _conclude(row, owner, state="done", progress=1.0, checkpoint=checkpoint)


def _conclude(row: CheckpointImport, owner: str, *, state: str, **facts: object) -> bool:
    kept = IMPORTS.conclude(row.pk, owner, state=state, **facts)
    if kept:
        row.refresh_from_db(fields=["state", "checkpoint"])
        announce(row)
    return kept
