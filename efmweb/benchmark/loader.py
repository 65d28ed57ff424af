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

BATCHES, STEPS = 10, 3
"""Batches, and optimiser steps, between two looks at the clock."""

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
        """Samples per second of the loader alone, from each source in turn."""
        spec, found = model_spec(self.config, self.spec), {}
        for name in SOURCES:
            train, _, _ = split(self._data[name], self.config)
            rows = Rows(train, "cpu", inputs=spec.inputs, previous=spec.previous)

            def some(rows: Rows = rows) -> int:
                size = (BATCHES, self.config.batch_size)
                picked = torch.randint(len(rows), size, generator=self._generator)
                return sum(len(lesson.action) for lesson in rows.lessons(picked))

            found[name] = self._speed(name, some, seconds)
        return found

    def train(self, seconds: float) -> dict[str, float]:
        """Optimiser steps per second of Stage 1 itself, from each source in turn."""
        found = {}
        for name in SOURCES:
            work = SFT(self.config, self._data[name], self.spec)

            def some(work: SFT = work) -> int:
                work.step()
                return STEPS

            found[name] = self._speed(name, some, seconds)
        return found

    def frames(self, seconds: float) -> dict[str, float]:
        """Pictures per second at random rows, one row at a time, from each source in turn."""
        found = {}
        for name in SOURCES:
            pictures = Pictures(self._data[name], self.spec.cameras, (), "cpu")

            def some(pictures: Pictures = pictures, rows: int = len(self._data[name])) -> int:
                picked = torch.randint(rows, (100, 1), generator=self._generator)
                return sum(len(pictures.at(row)) for row in picked)

            found[name] = self._speed(name, some, seconds)
        return found

    def _speed(self, source: str, some: Callable[[], int], seconds: float) -> float:
        """What `some` counts, per second. Where nothing may be in the page cache, only the first time counts."""
        some()  # the first time makes buffers
        if source == "cold":
            self._leave_page_cache()
        done, began = 0, time.perf_counter()
        while (spent := time.perf_counter() - began) < seconds or not done:
            done += some()
            if source == "cold":
                spent = time.perf_counter() - began
                break
        return done / spent

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
