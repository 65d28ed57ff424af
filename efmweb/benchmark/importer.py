"""The process of the data benchmark that does what a `cpu` worker does: `python -m efmweb.benchmark.importer EMBODIMENT`.

Answers {"import": PATH}, {"export": DATASET, "cameras": KIND}, {"replay": DATASET, "seconds": S} and {"forget": DATASET}. It loads what
a worker loads and no more, so that its memory is a worker's.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import django
import numpy as np

if TYPE_CHECKING:
    from practice.models import Task


def serve(robot: str) -> None:
    """Answer until the other side is gone."""
    for line in sys.stdin:
        words: dict[str, Any] = json.loads(line)
        if "import" in words:
            answer = import_archive(Path(words["import"]), robot=robot)
        elif "export" in words:
            answer = export(words["export"], cameras=words["cameras"])
        elif "forget" in words:
            answer = forget(words["forget"])
        else:
            answer = replay(words["replay"], seconds=words["seconds"])
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def import_archive(path: Path, *, robot: str) -> dict[str, float]:
    """Receive and import an archive, for a task of its own, by the services that uploads go through; the import is timed."""
    from practice.models import Dataset  # noqa: PLC0415 - needs Django to be set up
    from practice.services.datasets import receive_file  # noqa: PLC0415
    from practice.services.importing import import_dataset  # noqa: PLC0415

    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    task = _task(robot)
    dataset = receive_file(task, path, by=task.created_by, filename=path.name, sha256=sha256)
    forget_peak()
    idle = _peak_memory()
    began = time.perf_counter()
    import_dataset(dataset.pk)
    seconds = time.perf_counter() - began
    dataset.refresh_from_db()
    if dataset.state != Dataset.State.READY:
        raise RuntimeError(dataset.error)
    return {
        "dataset": dataset.pk,
        "bytes": dataset.size_bytes,
        "episodes": dataset.episodes_kept,
        "frames": dataset.frames,
        "seconds": seconds,
        "idle_mb": idle / 1e6,
        # The kernel counts each processor's pages by the batch: it may say a little less than before.
        "peak_mb": max(idle, _peak_memory()) / 1e6,
    }


def export(dataset: int, *, cameras: str) -> dict[str, float]:
    """Write a dataset's export as a worker does, and remove it."""
    from practice import storage  # noqa: PLC0415
    from practice.models import Dataset, Export  # noqa: PLC0415
    from practice.services.exporting import delete_export, start_export, write_export  # noqa: PLC0415

    source = Dataset.objects.select_related("created_by").get(pk=dataset)
    asked = start_export(source, by=source.created_by, cameras=cameras)
    began = time.perf_counter()
    write_export(asked.pk)
    seconds = time.perf_counter() - began
    asked.refresh_from_db()
    if asked.state != Export.State.READY:
        raise RuntimeError(asked.error)
    storage.blobs().delete(asked.blob_key)
    delete_export(asked, by=source.created_by)
    return {"seconds": seconds, "bytes": asked.size_bytes or 0, "frames": source.frames}


def replay(dataset: int, *, seconds: float) -> dict[str, float]:
    """One picture of each camera at a random step of a random episode, from its shard, as often as time allows."""
    from practice import storage  # noqa: PLC0415
    from practice.episodes.recorder import read_episode  # noqa: PLC0415
    from practice.models import Episode  # noqa: PLC0415

    rows, rng = list(Episode.objects.filter(dataset=dataset)), np.random.default_rng(0)
    shown, began = 0, time.perf_counter()
    while (spent := time.perf_counter() - began) < seconds or not shown:
        row = rows[rng.integers(len(rows))]
        path = storage.blobs().path(row.blob_key)
        seen = read_episode(path, row.first_row, row.length + 1).observation
        pictures = [seen[name][rng.integers(row.length)] for name in seen if seen[name].ndim == 4]
        shown += len(pictures)
    return {"frames_per_s": shown / spent if spent else 0.0}


def forget(dataset: int) -> dict[str, float]:
    """Make room: remove the shards of a dataset that nobody looks at any more."""
    from practice import storage  # noqa: PLC0415

    keys = list(storage.blobs().list(f"datasets/{dataset}/"))
    for key in keys:
        storage.blobs().delete(key)
    return {"removed": len(keys)}


def _task(robot: str) -> Task:
    """A new task: a file that a task has already is refused."""
    from practice.embodiments.registry import embodiment  # noqa: PLC0415
    from practice.models import Task, User  # noqa: PLC0415
    from practice.roles import Role  # noqa: PLC0415
    from practice.services.people import add_person  # noqa: PLC0415

    name, spec = f"bench-{Task.objects.count() + 1}", embodiment(robot).spec
    person = User.objects.filter(username="bench").first()
    return Task.objects.create(
        name=name,
        slug=name,
        embodiment=spec.id,
        instructions=list(spec.instructions),
        control_hz=spec.control_hz,
        horizon=spec.horizon,
        threshold=spec.default_threshold,
        limits=spec.default_limits(),
        created_by=person or add_person("bench", by=None, role=Role.OPERATOR),
    )


def forget_peak() -> None:
    """Let the kernel count this process's largest memory from now on."""
    Path("/proc/self/clear_refs").write_text("5")


def _peak_memory() -> int:
    """Bytes: the most this process has had in memory since `forget_peak`; just after that, what it has."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))


def main() -> None:
    """A worker's modules, then requests."""
    django.setup()
    import practice.jobs  # noqa: F401, PLC0415

    serve(sys.argv[1])


if __name__ == "__main__":
    main()
