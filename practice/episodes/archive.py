"""Unpacking an uploaded .zip, .tar or .tar.gz that nobody should trust.

Everything an archive says about itself may be a lie, so names, kinds and sizes are judged before a byte is written, and the bytes
that really come out are counted while they are written, in constant memory. The folder appears whole or not at all.
"""

from pathlib import Path

from practice.episodes.archive_members import ArchiveLimits
from practice.episodes.archive_tar import unpack_tar
from practice.episodes.archive_zip import unpack_zip
from practice.episodes.atomic import folder_renamed_last
from practice.episodes.errors import ArchiveError
from practice.episodes.report import Finding, Progress

__all__ = ["ENDINGS", "ArchiveLimits", "archive_ending", "unpack"]

_READERS = {".zip": unpack_zip, ".tar": unpack_tar, ".tar.gz": unpack_tar, ".tgz": unpack_tar}
ENDINGS = tuple(_READERS)
"""Endings of the archives we read."""


def archive_ending(filename: str) -> str | None:
    """Which of ENDINGS the name has, or None."""
    name = filename.lower()
    return next((ending for ending in ENDINGS if name.endswith(ending)), None)


def unpack(
    archive: Path,
    into: Path,
    *,
    limits: ArchiveLimits | None = None,
    progress: Progress | None = None,
) -> tuple[Finding, ...]:
    """Unpack the allowed files of `archive` into the new folder `into`; gives a finding per file left out.

    Raises ArchiveError, naming the file and the reason, when the archive is damaged or hostile; then `into` does not exist.
    `progress` gets (bytes done, bytes in all).
    """
    ending = archive_ending(archive.name)
    if ending is None:
        raise ArchiveError(archive.name, f"is no archive we read; those are {', '.join(ENDINGS)}")
    with folder_renamed_last(into) as folder:
        left_out = _READERS[ending](archive, folder, limits or ArchiveLimits(), progress)
    return tuple(left_out)
