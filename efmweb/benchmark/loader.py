"""The process of the data benchmark that loads for training: `python -m efmweb.benchmark.loader DATASET`.

It makes a Stage-1 run of the dataset and asks for its demonstrations by the door that runs use, once to keep all pictures in memory and
once to map them from the frame cache. Answers {"load": SECONDS}, {"train": SECONDS} and {"frames": SECONDS}.
"""

from __future__ import annotations

import json
import mmap
import os
import sys
import time
from collections.abc import Callable, Iterator
from statistics import median
from typing import TYPE_CHECKING, Any, cast

import django
import numpy as np
import torch

from practice.embodiments.registry import embodiment
from practice.learning.building import model_spec
from practice.learning.config import SFTConfig
from practice.learning.data import Demonstrations, split
from practice.learning.gathering import Pictures
from practice.learning.rows import Rows
from practice.learning.sft import SFT

if TYPE_CHECKING:
    from practice.models import Run

BATCHES, STEPS = 4, 1
"""Batches, and optimiser steps, of one turn."""

SOURCES = ("memory", "cache", "cold")
"""Pictures in memory; mapped, and in the kernel's page cache; mapped, and on the disk alone."""


class Loading:
    """One set of demonstrations, in memory and mapped."""

    def __init__(self, dataset: int) -> None:
        """Fills the frame cache; `built` says how."""
        self.run = _run(dataset)
        self.spec = embodiment(self.run.task.embodiment).spec
        known = SFTConfig.from_json(self.run.config)
        self.config = known.replace(validation_fraction=0.0, validate_every=STEPS, steps=10_000_000)
        began = time.perf_counter()
        mapped = self._demonstrations(in_memory=0)
        seconds = time.perf_counter() - began
        # Mapped they are, for there is no room for them in memory.
        self._arrays: list[np.memmap[Any, Any]] = [
            cast("np.memmap[Any, Any]", mapped.observation[name]) for name in self.spec.cameras
        ]
        size = sum(array.nbytes for array in self._arrays)
        self.built = {"mb": size / 1e6, "seconds": seconds}
        memory = self._demonstrations(in_memory=1 << 60)
        self._data = {"memory": memory, "cache": mapped, "cold": mapped}
        self._generator = torch.Generator().manual_seed(0)

    def load(self, seconds: float) -> dict[str, float]:
        """Samples per second of the loader alone, from each source."""
        spec = model_spec(self.config, self.spec)

        def loader_of(data: Demonstrations) -> Callable[[], int]:
            train, _, _ = split(data, self.config)
            rows = Rows(train, "cpu", inputs=spec.inputs, previous=spec.previous)

            def some() -> int:
                size = (BATCHES, self.config.batch_size)
                picked = torch.randint(len(rows), size, generator=self._generator)
                return sum(len(lesson.action) for lesson in rows.lessons(picked))

            return some

        return self._race(loader_of, seconds)

    def train(self, seconds: float) -> dict[str, float]:
        """Optimiser steps per second of Stage 1 itself, from each source."""

        def trainer_of(data: Demonstrations) -> Callable[[], int]:
            work = SFT(self.config, data, self.spec)

            def some() -> int:
                work.step()
                return STEPS

            return some

        return self._race(trainer_of, seconds)

    def frames(self, seconds: float) -> dict[str, float]:
        """Pictures per second at random rows, one row at a time, from each source."""

        def gatherer_of(data: Demonstrations) -> Callable[[], int]:
            pictures = Pictures(data, self.spec.cameras, (), "cpu")

            def some() -> int:
                picked = torch.randint(len(data), (100, 1), generator=self._generator)
                return sum(len(pictures.at(row)) for row in picked)

            return some

        return self._race(gatherer_of, seconds)

    def _race(
        self, racer_of: Callable[[Demonstrations], Callable[[], int]], seconds: float
    ) -> dict[str, float]:
        """What a racer counts, per second. Memory and cache take turns of milliseconds, and the median turn counts, for other
        work on the machine comes and goes. Cold is a single turn, for after it nothing is.
        """
        racers = {source: racer_of(self._data[source]) for source in SOURCES}
        for some in racers.values():
            some()  # the first time makes buffers
        turns: dict[str, list[float]] = {"memory": [], "cache": []}
        began = time.perf_counter()
        while time.perf_counter() - began < 2 * seconds or not turns["cache"]:
            for source, speeds in turns.items():
                speeds.append(_speed(racers[source]))
        self._leave_page_cache()
        cold = _speed(racers["cold"])
        return {source: median(speeds) for source, speeds in turns.items()} | {"cold": cold}

    def _leave_page_cache(self) -> None:
        """Let the kernel forget the mapped pictures: those of this process first, else it keeps them."""
        for array in self._arrays:
            pages: Any = array.base
            pages.madvise(mmap.MADV_DONTNEED)
            handle = os.open(str(array.filename), os.O_RDONLY)
            os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(handle)

    def _demonstrations(self, *, in_memory: int) -> Demonstrations:
        from django.test.utils import override_settings  # noqa: PLC0415 - needs Django to be set up

        from practice.bridge.demonstrations import demonstrations  # noqa: PLC0415

        with override_settings(EFM_FRAMES_IN_MEMORY=in_memory):
            return demonstrations(self.run)


def _speed(some: Callable[[], int]) -> float:
    """What one call counts, per second."""
    began = time.perf_counter()
    done = some()
    return done / (time.perf_counter() - began)


def _run(dataset: int) -> Run:
    """A Stage-1 run by the preset that forms offer first."""
    from practice.models import Dataset  # noqa: PLC0415
    from practice.services.runs import launch_run  # noqa: PLC0415

    row = Dataset.objects.select_related("task__created_by").get(pk=dataset)
    return launch_run(row.task, by=row.task.created_by, kind="sft", datasets=[row])


def main() -> None:
    """Load, then answer until the other side is gone."""
    django.setup()
    torch.set_num_threads(1)
    loading = Loading(int(sys.argv[1]))
    for words in _heard(loading.built):
        verb, seconds = next(iter(words.items()))
        _say(
            {"load": loading.load, "train": loading.train, "frames": loading.frames}[verb](seconds)
        )


def _heard(first: dict[str, float]) -> Iterator[dict[str, float]]:
    _say(first)
    for line in sys.stdin:
        yield json.loads(line)


def _say(words: dict[str, float]) -> None:
    sys.stdout.write(json.dumps(words) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
