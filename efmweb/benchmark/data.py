"""The data benchmark: archives in, exports out, pictures to training, and the memory of an import.

Everything goes through the services that people's uploads and runs go through, on a database of its own, in processes of their own: one
that is a `cpu` worker but for Celery, and one that loads for Stage 1. What they write lies in a folder under EFM_VAR/tmp and is removed.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Literal

import redis
from django.conf import settings

from efmweb.benchmark.data_sets import write_set
from efmweb.benchmark.processes import Talker
from efmweb.benchmark.scratch import scratch_database
from efmweb.errors import ServiceError
from efmweb.site import services
from practice.embodiments.registry import embodiment

ROBOT = "aloha-insertion"
"""Two cameras of 224x224, as foundation models see."""

LIMITS: dict[str, tuple[float, bool]] = {
    "loader_ratio": (0.9, True),
    "peak_memory_mb": (600.0, False),
}
"""Figure -> (limit, whether it must be reached rather than not be passed)."""

Cameras = Literal["image", "video"]
Progress = Callable[[str, float], None]


@dataclass(frozen=True, slots=True)
class Extent:
    """How much is measured."""

    episodes: int = 24
    """Of the archive that is imported, exported and learned from, round by round."""

    archive_bytes: int = 2_000_000_000
    """Of the archive whose import is watched for memory, at least."""

    rounds: int = 5
    seconds: float = 1.0
    """Of each measurement within a round."""


def data(*, progress: Progress | None = None, extent: Extent | None = None) -> dict[str, Any]:
    """Run the benchmark.

    Returns:
        {"figures": {name: number}, "bars": [{"name", "value", "limit", "holds"}]}

    Raises:
        ServiceError: the disk has no room for it, or a process ended.
    """
    tell, extent = progress or (lambda _text, _share: None), extent or Extent()
    _check_machine(extent)
    with ExitStack() as stack:
        folder = stack.enter_context(_folder())
        tell("Starting services", 0.0)
        stack.enter_context(services())
        own = {"EFM_VAR": str(folder / "var"), "EFM_BLOBS": "", "EFM_EMBODIMENTS": ""}
        environment = os.environ | stack.enter_context(scratch_database()) | own
        stack.callback(_forget_messages, environment["EFM_REDIS_PREFIX"])
        figures = _kind("image", folder, environment, extent, tell)
    bars = [
        {
            "name": name,
            "value": figures[name],
            "limit": limit,
            "holds": figures[name] >= limit if at_least else figures[name] <= limit,
        }
        for name, (limit, at_least) in LIMITS.items()
    ]
    return {"figures": figures, "bars": bars}


def _kind(
    cameras: Cameras, folder: Path, environment: dict[str, str], extent: Extent, tell: Progress
) -> dict[str, float]:
    """All figures of datasets whose cameras are stored so."""
    tell("Writing a dataset", 0.02)
    spec = embodiment(ROBOT).spec
    small, large = folder / "small.zip", folder / "large.zip"
    write_set(small, spec, extent.episodes, cameras=cameras)
    each = small.stat().st_size / extent.episodes
    with Talker("efmweb.benchmark.importer", ROBOT, environment) as importer:
        rounds, dataset = _in_and_out(importer, small, extent, tell)
    with Talker("efmweb.benchmark.loader", str(dataset), environment) as loader:
        tell("Filling the frame cache", 0.4)
        built = loader.hear()
        loads = []
        for number in range(extent.rounds):
            tell(
                f"Loading, round {number + 1} of {extent.rounds}",
                0.45 + 0.25 * number / extent.rounds,
            )
            loads.append(
                {verb: loader.ask({verb: extent.seconds}) for verb in ("load", "frames", "train")}
            )
    tell(f"Writing {extent.archive_bytes / 1e9:.3g} GB", 0.7)
    write_set(large, spec, int(extent.archive_bytes / each) + 1, cameras=cameras, seed=1)
    with Talker("efmweb.benchmark.importer", ROBOT, environment) as importer:
        tell(f"Importing {large.stat().st_size / 1e9:.3g} GB", 0.8)
        peak = importer.ask({"import": str(large)})
    return {
        **_of_rounds(rounds),
        **_of_loads(loads),
        "cache_build_mb_per_s": built["mb"] / built["seconds"],
        "peak_memory_mb": peak["peak_mb"] - peak["idle_mb"],
        "idle_memory_mb": peak["idle_mb"],
        "large_archive_mb": peak["bytes"] / 1e6,
        "large_import_mb_per_s": peak["bytes"] / 1e6 / peak["seconds"],
    }


def _in_and_out(
    importer: Talker, archive: Path, extent: Extent, tell: Progress
) -> tuple[list[dict[str, dict[str, float]]], int]:
    """What each round told, and the last round's dataset, which is still there."""
    rounds: list[dict[str, dict[str, float]]] = []
    for number in range(extent.rounds):
        tell(
            f"In and out, round {number + 1} of {extent.rounds}",
            0.05 + 0.35 * number / extent.rounds,
        )
        if rounds:
            importer.ask({"forget": rounds[-1]["import"]["dataset"]})
        arrived = importer.ask({"import": str(archive)})
        known = arrived["dataset"]
        rounds.append(
            {
                "import": arrived,
                "export": importer.ask({"export": known, "cameras": "image"}),
                "film": importer.ask({"export": known, "cameras": "video"}),
                "replay": importer.ask({"replay": known, "seconds": extent.seconds}),
            }
        )
    return rounds, int(rounds[-1]["import"]["dataset"])


def _of_rounds(rounds: list[dict[str, dict[str, float]]]) -> dict[str, float]:
    def per_second(verb: str, what: str) -> float:
        return median(found[verb][what] / found[verb]["seconds"] for found in rounds)

    return {
        "import_mb_per_s": per_second("import", "bytes") / 1e6,
        "import_episodes_per_s": per_second("import", "episodes"),
        "import_frames_per_s": per_second("import", "frames"),
        "export_mb_per_s": per_second("export", "bytes") / 1e6,
        "export_video_frames_per_s": per_second("film", "frames"),
        "shard_frames_per_s": median(found["replay"]["frames_per_s"] for found in rounds),
    }


def _of_loads(loads: list[dict[str, dict[str, float]]]) -> dict[str, float]:
    def over(verb: str, source: str) -> float:
        return median(found[verb][source] for found in loads)

    def ratio(verb: str, source: str) -> float:
        return median(found[verb][source] / found[verb]["memory"] for found in loads)

    return {
        "random_frames_per_s": over("frames", "cache"),
        "random_frames_cold_per_s": over("frames", "cold"),
        "loader_samples_per_s": over("load", "cache"),
        "loader_ratio": ratio("load", "cache"),
        "loader_cold_ratio": ratio("load", "cold"),
        "sft_steps_per_s": over("train", "cache"),
        "sft_ratio": ratio("train", "cache"),
        "sft_cold_ratio": ratio("train", "cold"),
    }


def _check_machine(extent: Extent) -> None:
    if not Path("/proc/self/clear_refs").exists():
        raise ServiceError(
            "bench data reads a process's peak memory from /proc, which only Linux has."
        )
    # The archive, what is unpacked of it, its shards, and the smaller one's in and out.
    need = 4 * extent.archive_bytes
    free = shutil.disk_usage(settings.EFM_VAR).free - settings.EFM_DISK_RESERVE
    if need > free:
        raise ServiceError(
            f"bench data needs {need >> 20} MB of disk and {settings.EFM_VAR} has {max(free, 0) >> 20} MB "
            "for it; make room, or name another folder in EFM_VAR."
        )


@contextmanager
def _folder() -> Iterator[Path]:
    above = Path(settings.EFM_VAR) / "tmp"
    above.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="bench-", dir=above) as folder:
        yield Path(folder)


def _forget_messages(prefix: str) -> None:
    """Remove the jobs that the services queued, for nobody will take them."""
    with redis.Redis.from_url(settings.EFM_REDIS_URL) as client:
        for key in client.scan_iter(match=f"{prefix}:*"):
            client.delete(key)
