"""The kept episodes of a LeRobot dataset, one by one.

A dataset holds T rows (o_t, a_t), t = 0..T-1, for an episode of T steps, so the steps-to-go of row t is T - t. The observation
after the last action is not part of the format: our writer keeps it beside the rows; for other datasets `Episode` repeats the last one.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from practice.episodes import lerobot_format as fmt
from practice.episodes.errors import DatasetError
from practice.episodes.lerobot_decode import FilmError, Films
from practice.episodes.lerobot_expect import Expectations
from practice.episodes.lerobot_meta import Dataset, open_dataset
from practice.episodes.lerobot_rows import Arrays, Rows, all_rows
from practice.episodes.report import DatasetReport, EpisodeReport, Finding, Progress, counter
from practice.episodes.resize import Resizer
from practice.episodes.types import Episode


def read_episodes(
    folder: Path,
    report: DatasetReport,
    *,
    expect: Expectations | None = None,
    refused: Callable[[Finding], None] | None = None,
    progress: Progress | None = None,
) -> Iterator[Episode]:
    """The episodes that `report` keeps, one by one; memory holds one of them. Raises DatasetError.

    Only what `expect` needs is read, under the embodiment's names and with its cameras in the embodiment's size; without it, every
    observation as it is. uid is "e" and the index in the dataset. `progress` gets (done, all): the kept rows, and once more for each
    camera that is stored as video; it hears of every row group, episode and frame, for a batch of rows may hold hours of video.

    Video is decoded here for the first time. An episode of which a frame turns out damaged is left out and told to `refused`, an error
    that names camera, file and frame, fit for `DatasetReport.refusing`; without `refused` it is raised.
    """
    dataset = open_dataset(folder)
    kept = {episode.index: episode for episode in report.kept()}
    wanted = _Wanted.of(dataset, expect or Expectations())
    success = [fmt.SUCCESS] if fmt.SUCCESS in dataset.info.numeric else []
    names = list(dict.fromkeys([*wanted.in_rows, *success]))
    films_of_each = len(wanted.sources) - len(wanted.in_rows)
    told = counter(progress, sum(e.length for e in kept.values()) * (1 + films_of_each))
    with Films(dataset, wanted.sizes, told) as films:
        maker = _Maker(dataset, wanted, films, Resizer())
        # Batches without a kept episode are heard of too.
        batches = all_rows(dataset, names, lambda *_: told(0), kept, wanted.sizes)
        for entry, arrays in _together(batches, kept):
            told(entry.length)
            try:
                episode = maker.episode(entry, arrays)
            except FilmError as error:
                if refused is None:
                    raise
                refused(Finding("error", error.file, error.reason, entry.index, error.frame))
            else:
                del arrays  # a name would keep pictures in memory while the next ones are read
                yield episode
                del episode


def _together(
    batches: Iterator[Rows], kept: Mapping[int, EpisodeReport]
) -> Iterator[tuple[EpisodeReport, Arrays]]:
    """All rows of each kept episode, which may lie in several batches."""
    pieces: list[Arrays] = []
    for rows in batches:
        for begin, end in rows.runs():
            entry = kept.get(int(rows.episode[begin]))
            if entry is None:
                continue
            if rows.position[begin] == 0:
                pieces = []
            pieces.append({name: values[begin:end] for name, values in rows.values.items()})
            if rows.position[end - 1] + 1 == entry.length:
                yield entry, {n: np.concatenate([p[n] for p in pieces]) for n in pieces[0]}
                pieces = []


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What is to be read of a dataset."""

    sources: dict[str, str]
    """The name that an episode gives it -> the dataset's; observations and action."""
    sizes: dict[str, tuple[int, int]]
    """Camera, by the dataset's name -> the (H, W) that is wanted."""
    in_rows: list[str]
    """What stands in data/, by the dataset's names."""

    @classmethod
    def of(cls, dataset: Dataset, expect: Expectations) -> "_Wanted":
        info, sources = dataset.info, expect.sources(dataset.info)
        for source in sources.values():
            if source not in info.numeric and source not in info.pictures:
                raise DatasetError(fmt.INFO, f"has no feature {source!r} that can be read")
        in_rows = [source for source in sources.values() if not info.features[source].is_film]
        return cls(sources, expect.sizes(info), in_rows)


@dataclass(frozen=True, slots=True)
class _Maker:
    """Makes episodes of their rows and films."""

    dataset: Dataset
    wanted: _Wanted
    films: Films
    resizer: Resizer

    def episode(self, entry: EpisodeReport, arrays: Arrays) -> Episode:
        """The episode of `entry`, whose rows are `arrays`. Raises FilmError."""
        index, success, sources = entry.index, entry.success, self.wanted.sources
        action = arrays[sources[fmt.ACTION]]
        arrived = arrays.get(fmt.SUCCESS, action).reshape(len(action), -1).all(axis=1)
        return Episode(
            uid=f"e{index}",
            robot=0,
            instruction=str(entry.instruction),
            seed=self.dataset.episodes.seed[index] or 0,
            observation={
                name: self._observed(entry, source, arrays)
                for name, source in sources.items()
                if name != fmt.ACTION
            },
            action=action,
            distance=None,
            spread=None,
            ended_by="horizon" if success is False else "success",
            detector_success=None,
            true_success=success,
            iteration=0,
            success_step=int(np.argmax(arrived)) + 1 if success else None,
        )

    def _observed(self, entry: EpisodeReport, source: str, arrays: Arrays) -> NDArray[Any]:
        """(T + 1, ...) of one feature: its rows, and the observation after the last action."""
        size = self.wanted.sizes.get(source)
        if source in arrays:
            rows = arrays[source]
            return np.concatenate([rows, self._last(entry, source, rows)])
        assert size is not None
        pictures = np.empty((entry.length + 1, *size, 3), np.uint8)
        self.films.fill(source, entry.index, pictures[:-1])
        pictures[-1:] = self._last(entry, source, pictures[:-1])
        return pictures

    def _last(self, entry: EpisodeReport, source: str, rows: NDArray[Any]) -> NDArray[Any]:
        last = self.dataset.episodes.last(source, entry.index, rows)
        size = self.wanted.sizes.get(source)
        return last if size is None else self.resizer.resized(last[0], size)[None]
