"""Whether frames of practice may still be recorded: the task's quota, and room on the disk."""

import shutil
from pathlib import Path

from django.conf import settings
from django.db.models import Sum

from practice.models import Run, Task
from practice.selectors.disk import volume, why_full


def blob_volume() -> shutil._ntuple_diskusage:
    """Total, used and free bytes of the volume of the blobs."""
    return volume(Path(settings.EFM_BLOBS))


def recorded_bytes(task: Task) -> int:
    """What the recordings of a task's runs take, bytes."""
    total = Run.objects.filter(task=task).aggregate(total=Sum("recorded_bytes"))["total"]
    return int(total or 0)


def why_not_recorded(task: Task) -> str:
    """Why no more frames of the task's practice are recorded now, as one sentence; "" while they are.

    Rows, curves and resume points are written all the same: practice itself never stops for it.
    """
    quota = task.recording_quota_mb
    if quota is not None and recorded_bytes(task) >= quota * 10**6:
        return (
            f"Recording is paused: the recordings of {task} take the {quota} MB of its quota. "
            "Raise the quota in the task's settings."
        )
    why = why_full(Path(settings.EFM_BLOBS))
    return f"Recording is paused: {why}. Make room." if why else ""
