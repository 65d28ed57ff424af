"""One upload: unpack it, validate it, and leave either a folder fit to read or nothing."""

import shutil
from collections.abc import Callable
from pathlib import Path

from practice.episodes.archive import ArchiveLimits, unpack
from practice.episodes.errors import ArchiveError
from practice.episodes.lerobot_expect import Expectations
from practice.episodes.lerobot_format import DatasetLimits
from practice.episodes.lerobot_validate import validate_dataset
from practice.episodes.report import DatasetReport, whole_dataset

_UNPACKING = 0.3
"""Share of the progress bar that unpacking takes."""


def take_in(
    archive: Path,
    folder: Path,
    *,
    expect: Expectations | None = None,
    archive_limits: ArchiveLimits | None = None,
    dataset_limits: DatasetLimits | None = None,
    progress: Callable[[float], None] | None = None,
) -> DatasetReport:
    """Unpack the .zip `archive` into the new folder `folder` and validate it; the archive is not changed.

    `folder` exists afterwards only if the report is `ok`; then `read_episodes(folder, report)` gives what was kept.
    `progress` gets the share done, in [0, 1]. Raises only what no upload can cause: OSError (disk full) and FileExistsError.
    """
    told = progress or (lambda _share: None)
    try:
        left_out = unpack(
            archive,
            folder,
            limits=archive_limits,
            progress=lambda done, total: told(_UNPACKING * done / max(total, 1)),
        )
    except ArchiveError as error:
        return whole_dataset(error.file, error.reason)
    report = None
    try:
        report = validate_dataset(
            folder,
            expect=expect,
            limits=dataset_limits,
            before=left_out,
            progress=lambda done, total: told(_UNPACKING + (1 - _UNPACKING) * done / total),
        )
    finally:
        if report is None or not report.ok:
            shutil.rmtree(folder)
    return report
