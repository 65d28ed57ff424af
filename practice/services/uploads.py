"""Verbs on uploads in pieces: begin, append, abandon, expire; the last piece makes a dataset.

What the row says was received is on the disk: a piece is written where it belongs, flushed to the disk, and only then counted, both
under a lock on the row. So whatever dies, the sender goes on from `received`.
"""

import hashlib
import os
from collections.abc import Iterable
from datetime import timedelta
from pathlib import PurePosixPath
from uuid import UUID

from django.db import transaction
from django.db.models import F, Sum
from django.utils import timezone

from practice.errors import ConflictError, InvalidError, MissingError, TooLargeError
from practice.models import Task, Upload, User
from practice.roles import Role, require
from practice.selectors.disk import room
from practice.services.datasets import check_receivable, check_size, receive_file
from practice.storage import partial_upload, partial_uploads

KEPT = timedelta(days=3)
"""How long an upload waits for its next piece."""
UNFINISHED = 10
"""Unfinished uploads a person may have at a time."""


@transaction.atomic
def begin(
    task: Task, *, by: User, filename: str, size: int, name: str = "", sha256: str = ""
) -> Upload:
    """Make room for a file of `size` bytes.

    Raises:
        InvalidError: no archive we read, empty, or larger than the limit or the disk.
        ConflictError: the task is archived, or the person has too many unfinished uploads.
    """
    filename = PurePosixPath(filename.replace("\\", "/")).name
    check_receivable(task, by=by, filename=filename)
    check_size(size, filename)
    if Upload.objects.of(by).unfinished().count() >= UNFINISHED:
        raise ConflictError(
            f"You have {UNFINISHED} unfinished uploads; finish or delete one of them first."
        )
    promised = _promised()
    upload = Upload.objects.create(
        task=task,
        person=by,
        filename=filename,
        name=name.strip(),
        size=size,
        sha256=sha256,
        expires_at=timezone.now() + KEPT,
    )
    place = partial_upload(upload.pk)
    place.parent.mkdir(parents=True, exist_ok=True)
    free = room(place.parent) - promised
    if size > free:
        raise TooLargeError(
            f"{filename!r} needs {size >> 20} MB and the server's disk has {max(free, 0) >> 20} MB for it; ask whoever runs it.",
            fields={"file": "too large for the disk"},
        )
    place.touch(mode=0o600)
    return upload


def _promised() -> int:
    """Bytes that uploads under way, whoever sends them, may still bring."""
    under_way = Upload.objects.unfinished().filter(expires_at__gt=timezone.now())
    return int(under_way.aggregate(left=Sum(F("size") - F("received")))["left"] or 0)


def append(upload_id: UUID, offset: int, pieces: Iterable[bytes], *, by: User) -> Upload:
    """Add `pieces` from byte `offset` on; with the last byte the upload becomes a dataset.

    Asked again with nothing to add, a whole upload is finished if it was not, so that a lost answer does no harm.

    Raises:
        ConflictError: `offset` is not where the upload stands, or somebody else is writing.
        TooLargeError: more bytes than were announced.
        InvalidError: it is whole and cannot be a dataset, or has another hash than announced; nothing is kept.
    """
    require(by, Role.OPERATOR)
    upload = find_upload(by, upload_id)
    _check_offset(upload, offset)
    for piece in pieces:
        upload = _write(upload.pk, offset, piece)
        offset += len(piece)
    return _finish(upload) if upload.received == upload.size else upload


def find_upload(person: User, upload_id: UUID) -> Upload:
    """The person's own upload.

    Raises:
        MissingError: there is none, it has expired, or it is somebody else's.
    """
    upload = Upload.objects.of(person).select_related("task").filter(pk=upload_id).first()
    if upload is None:
        raise MissingError(f"There is no upload {upload_id}, or it is over; begin a new one.")
    return upload


def _check_offset(upload: Upload, offset: int) -> None:
    if offset != upload.received:
        raise ConflictError(
            f"The upload stands at byte {upload.received}, not at {offset}; go on from there."
        )


@transaction.atomic
def _write(upload_id: UUID, offset: int, piece: bytes) -> Upload:
    upload = Upload.objects.select_for_update().filter(pk=upload_id).first()
    if upload is None:
        raise MissingError(f"The upload {upload_id} was deleted; begin a new one.")
    _check_offset(upload, offset)
    if offset + len(piece) > upload.size:
        raise TooLargeError(f"More bytes came than the {upload.size} that were announced.")
    try:
        with partial_upload(upload.pk).open("r+b") as file:
            file.seek(offset)
            file.write(piece)
            file.flush()
            os.fsync(file.fileno())
    except FileNotFoundError:
        raise MissingError(
            f"The bytes of upload {upload_id} are gone from the server's disk; begin a new one."
        ) from None
    upload.received = offset + len(piece)
    upload.expires_at = timezone.now() + KEPT
    upload.save(update_fields=["received", "expires_at"])
    return upload


def _finish(upload: Upload) -> Upload:
    """Hash the whole file in one pass and hand it over, once; what is refused is not kept."""
    try:
        with transaction.atomic():
            row = (
                Upload.objects.select_for_update(skip_locked=True, of=("self",))
                .select_related("task", "person")
                .filter(pk=upload.pk)
                .first()
            )
            if row is None:
                raise ConflictError("The upload is being put together; ask again in a moment.")
            if row.dataset_id is None:
                _hand_over(row)
    except InvalidError:
        _discard(upload)
        raise
    partial_upload(row.pk).unlink(missing_ok=True)
    return row


def _hand_over(upload: Upload) -> None:
    path = partial_upload(upload.pk)
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    if upload.sha256 not in {"", sha256}:
        raise InvalidError(
            f"{upload.filename!r} arrived with the sha256 {sha256}, not the announced {upload.sha256}; nothing was kept, upload it again.",
            fields={"sha256": "does not match"},
        )
    upload.dataset = receive_file(
        upload.task,
        path,
        by=upload.person,
        filename=upload.filename,
        name=upload.name,
        sha256=sha256,
    )
    upload.save(update_fields=["dataset"])


def abandon(upload_id: UUID, *, by: User) -> None:
    """Give an upload up; a dataset that it has become stays.

    Raises:
        MissingError: there is none, or it is somebody else's.
    """
    require(by, Role.OPERATOR)
    _discard(find_upload(by, upload_id))


def expire() -> int:
    """Remove uploads that waited too long, and bytes that belong to none; gives how many."""
    gone = list(Upload.objects.filter(expires_at__lte=timezone.now()))
    for upload in gone:
        _discard(upload)
    known = {str(pk) for pk in Upload.objects.values_list("pk", flat=True)}
    # A file is a moment older than its row's commit, so that only old ones are surely nobody's.
    oldest = (timezone.now() - KEPT).timestamp()
    lost = [
        path
        for path in partial_uploads()
        if path.stem not in known and path.stat().st_mtime < oldest
    ]
    for path in lost:
        path.unlink(missing_ok=True)
    return len(gone) + len(lost)


def _discard(upload: Upload) -> None:
    Upload.objects.filter(pk=upload.pk).delete()
    partial_upload(upload.pk).unlink(missing_ok=True)
