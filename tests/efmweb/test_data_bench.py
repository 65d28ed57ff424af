"""The benchmark of data: its sets come in and go out by the services, and both ways of loading give figures."""

from __future__ import annotations

import math
import shutil
from collections import namedtuple
from dataclasses import replace
from pathlib import Path

import pytest

from efmweb.benchmark import data as bench
from efmweb.benchmark import importer, loader
from efmweb.benchmark.data_sets import made_up, write_set
from efmweb.errors import ServiceError
from practice import storage
from practice.embodiments.registry import embodiment
from practice.models import Dataset, Export

SPEC = replace(embodiment(bench.ROBOT).spec, horizon=6)
LINUX = pytest.mark.skipif(
    not Path("/proc/self/clear_refs").exists(), reason="peak memory is read from Linux's /proc"
)
Usage = namedtuple("Usage", "total used free")


def test_made_up_pictures_move_and_are_noisy() -> None:
    first, second = made_up(SPEC, 2)
    for name in SPEC.cameras:
        film = first.observation[name]
        assert film.shape == (7, *SPEC.observation[name].shape)
        still = abs(film[1].astype(int) - film[0]).mean()
        assert 2 < still < 20
        assert (film[0] != second.observation[name][0]).any()
    assert set(first.observation) == {n for n, f in SPEC.observation.items() if not f.privileged}


@LINUX
@pytest.mark.django_db
@pytest.mark.parametrize("cameras", ["image", "video"])
def test_in_and_out(tmp_path: Path, cameras: str) -> None:
    write_set(tmp_path / "set.zip", SPEC, 3, cameras=cameras)  # type: ignore[arg-type]
    arrived = importer.import_archive(tmp_path / "set.zip", robot=SPEC.id)
    assert (arrived["episodes"], arrived["frames"]) == (3, 18)
    assert arrived["bytes"] == (tmp_path / "set.zip").stat().st_size
    assert arrived["peak_mb"] >= arrived["idle_mb"] > 10
    dataset = Dataset.objects.get()
    left = importer.export(dataset.pk, cameras="image")
    assert left["frames"] == 18
    assert left["bytes"] > 10_000
    assert not Export.objects.exists()
    assert importer.replay(dataset.pk, seconds=0.0)["frames_per_s"] > 0
    assert importer.forget(dataset.pk) == {"removed": 1}
    assert list(storage.blobs().list("exports/")) == []


@LINUX
@pytest.mark.django_db
def test_all_sources_are_loaded_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loader, "BATCHES", 1)
    monkeypatch.setattr(loader, "STEPS", 1)
    write_set(tmp_path / "set.zip", SPEC, 2)
    dataset = importer.import_archive(tmp_path / "set.zip", robot=SPEC.id)["dataset"]
    loading = loader.Loading(int(dataset))
    loading.config = loading.config.replace(batch_size=2)
    pixels = sum(math.prod(SPEC.observation[name].shape) for name in SPEC.cameras)
    assert loading.built["mb"] == 14 * pixels / 1e6
    for verb in (loading.load, loading.train, loading.frames):
        found = verb(0.0)
        assert list(found) == list(loader.SOURCES)
        assert all(speed > 0 for speed in found.values())


def test_ratios_are_taken_within_a_round() -> None:
    def round_of(memory: float, cache: float) -> dict[str, dict[str, float]]:
        speeds = {"memory": memory, "cache": cache, "cold": cache / 2}
        return dict.fromkeys(("load", "frames", "train"), speeds)

    figures = bench._of_loads([round_of(10, 9), round_of(100, 100), round_of(1, 0.8)])
    assert figures["loader_ratio"] == 0.9
    assert figures["loader_cold_ratio"] == 0.45
    assert figures["loader_samples_per_s"] == 9


def test_a_disk_without_room_is_said_before_anything_is_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(1 << 40, 1 << 40, 1 << 30))
    with pytest.raises(ServiceError, match="7629 MB of disk"):
        bench.data()
