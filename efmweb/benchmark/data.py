"""The data benchmark: archives in, exports out, pictures to training, and the memory of an import.

Everything goes through the services that people's uploads and runs go through, on a database of its own, in processes of their own: one
that is a `cpu` worker but for Celery, and one that loads for Stage 1. What they write lies in a folder under EFM_VAR/tmp and is removed.
"""

from __future__ import annotations

import math
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
    "video_peak_memory_mb": (600.0, False),
}
"""Figure -> (limit, whether it must be reached rather than not be passed)."""

Cameras = Literal["image", "video"]
Progress = Callable[[str, float], None]


@dataclass(frozen=True, slots=True)
class Extent:
    """How much is measured."""

    episodes: int = 12
    """Of the archive that is imported, exported and learned from, round by round."""

    large: int = 2_000_000_000
    """Bytes, at least, of what is imported while memory is watched: of the archive where cameras are images, of the pictures
    in it where they are video, which packs a hundred times as much.
    """

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
    load = os.getloadavg()[0]
    _check_machine(extent)
    with ExitStack() as stack:
        folder = stack.enter_context(_folder())
        tell("Starting services", 0.0)
        stack.enter_context(services())
        own = {"EFM_VAR": str(folder / "var"), "EFM_BLOBS": "", "EFM_EMBODIMENTS": ""}
        environment = os.environ | stack.enter_context(scratch_database()) | own
        stack.callback(_forget_messages, environment["EFM_REDIS_PREFIX"])
        figures = {
            **_images(folder, environment, extent, tell),
            **_video(folder, environment, extent, tell),
            "load_average": load,
        }
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


def _images(
    folder: Path, environment: dict[str, str], extent: Extent, tell: Progress
) -> dict[str, float]:
    """In, out, to training, and memory, of a dataset whose cameras are images."""
    tell("Writing a dataset", 0.02)
    small = folder / "images.zip"
    write_set(small, embodiment(ROBOT).spec, extent.episodes)
    with Talker("efmweb.benchmark.importer", ROBOT, environment) as importer:
        rounds, dataset = _in_and_out(importer, small, extent, tell)
    with Talker("efmweb.benchmark.loader", str(dataset), environment) as loader:
        tell("Filling the frame cache", 0.3)
        built, loads = loader.hear(), []
        for number in range(extent.rounds):
            tell(_round("Loading", number, extent), 0.3 + 0.3 * number / extent.rounds)
            verbs = ("load", "frames", "train")
            loads.append({verb: loader.ask({verb: extent.seconds}) for verb in verbs})
    episodes = int(extent.large * extent.episodes / small.stat().st_size) + 1
    return {
        **_of_rounds(rounds),
        **_of_loads(loads),
        "cache_build_mb_per_s": built["mb"] / built["seconds"],
        **_peak("image", episodes, folder, environment, tell),
    }


def _video(
    folder: Path, environment: dict[str, str], extent: Extent, tell: Progress
) -> dict[str, float]:
    """In, and memory, of a dataset whose cameras are video; once it is in there is no difference."""
    tell("Writing a dataset with video", 0.75)
    spec, small, found = embodiment(ROBOT).spec, folder / "video.zip", []
    write_set(small, spec, extent.episodes, cameras="video")
    with Talker("efmweb.benchmark.importer", ROBOT, environment) as importer:
        for number in range(extent.rounds):
            tell(_round("In", number, extent), 0.8 + 0.1 * number / extent.rounds)
            found.append(importer.ask({"import": str(small)}))
            importer.ask({"forget": found[-1]["dataset"]})
    step = sum(math.prod(spec.observation[name].shape) for name in spec.cameras)
    figures = {
        "import_mb_per_s": median(one["bytes"] / 1e6 / one["seconds"] for one in found),
        "import_episodes_per_s": median(one["episodes"] / one["seconds"] for one in found),
        "import_frames_per_s": median(one["frames"] / one["seconds"] for one in found),
        **_peak("video", extent.large // (step * spec.horizon) + 1, folder, environment, tell),
    }
    return {f"video_{name}": value for name, value in figures.items()}


def _peak(
    cameras: Cameras, episodes: int, folder: Path, environment: dict[str, str], tell: Progress
) -> dict[str, float]:
    """The largest memory of a fresh process that imports so many episodes, above what it had before."""
    archive = folder / f"large-{cameras}.zip"
    tell(f"Writing a large dataset, cameras as {cameras}", 0.62 if cameras == "image" else 0.9)
    write_set(archive, embodiment(ROBOT).spec, episodes, cameras=cameras, seed=1)
    with Talker("efmweb.benchmark.importer", ROBOT, environment) as importer:
        tell(
            f"Importing {archive.stat().st_size / 1e9:.2g} GB", 0.68 if cameras == "image" else 0.95
        )
        found = importer.ask({"import": str(archive)})
        importer.ask({"forget": found["dataset"]})
    archive.unlink()
    return {
        "peak_memory_mb": found["peak_mb"] - found["idle_mb"],
        "idle_memory_mb": found["idle_mb"],
        "large_archive_mb": found["bytes"] / 1e6,
        "large_import_seconds": found["seconds"],
    }


def _round(what: str, number: int, extent: Extent) -> str:
    return f"{what}, round {number + 1} of {extent.rounds}"


def _in_and_out(
    importer: Talker, archive: Path, extent: Extent, tell: Progress
) -> tuple[list[dict[str, dict[str, float]]], int]:
    """What each round told, and the last round's dataset, which is still there."""
    rounds: list[dict[str, dict[str, float]]] = []
    for number in range(extent.rounds):
        tell(_round("In and out", number, extent), 0.05 + 0.25 * number / extent.rounds)
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
    need = 4 * extent.large
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
