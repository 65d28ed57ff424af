"""The checks of rows: whole batches at once, remembered per episode with the first frame that fails."""

from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from practice.episodes import lerobot_format as fmt
from practice.episodes.lerobot_format import DatasetLimits
from practice.episodes.lerobot_meta import Dataset
from practice.episodes.lerobot_rows import Rows
from practice.episodes.pictures import PictureError
from practice.episodes.report import EpisodeReport, Finding

UNREAD = "unread"
"""The check that an episode with a file to itself fails when that file cannot be read."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Why an episode is refused."""

    reason: str
    frame: int | None
    """None when no single frame is to blame."""
    file: str | None = None
    """The file to blame, where it is not the one with the episode's rows."""

    def __str__(self) -> str:
        return self.reason if self.frame is None else f"frame {self.frame}: {self.reason}"


class Ledger:
    """What the rows have told of each of E episodes."""

    def __init__(self, episodes: int) -> None:
        self.rows = np.zeros(episodes, np.int64)
        """(E,) rows seen."""
        self.task = np.full(episodes, -1, np.int64)
        """(E,) task_index of the first row."""
        self.success = np.full(episodes, -1, np.int8)
        """(E,) the last next.success; -1 where the dataset does not say."""
        self.problems: dict[int, dict[str, Problem]] = {}
        """Episode -> check -> its first failure."""
        self.warnings: list[Finding] = []
        """What refuses no episode."""

    def add(
        self,
        episode: int,
        check: str,
        reason: str,
        frame: int | None = None,
        *,
        file: str | None = None,
    ) -> None:
        """Remember a failure, unless this check has failed earlier in the episode."""
        self.problems.setdefault(episode, {}).setdefault(check, Problem(reason, frame, file))

    def warn(self, finding: Finding) -> None:
        """Remember what refuses no episode."""
        self.warnings.append(finding)

    def add_rows(
        self, rows: Rows, bad: NDArray[np.bool_], check: str, reason: Callable[[int], str]
    ) -> None:
        """Remember the first row of each episode where `bad` (n,) holds; `reason` explains a row."""
        places = np.flatnonzero(bad)
        if not len(places):
            return
        episodes, first = np.unique(rows.episode[places], return_index=True)
        for episode, place in zip(episodes.tolist(), places[first].tolist(), strict=True):
            if check not in self.problems.get(episode, {}):
                self.add(episode, check, reason(place), int(rows.position[place]))

    def findings(self, dataset: Dataset) -> list[Finding]:
        """One error per problem, the warnings, and one more per episode that does not end in success."""
        found = [
            Finding("error", p.file or dataset.file_of(episode), p.reason, episode, p.frame)
            for episode in sorted(self.problems)
            for p in self.problems[episode].values()
        ]
        reason = f"does not end with {fmt.SUCCESS}: its steps-to-go lead to no goal"
        return [*found, *self.warnings] + [
            Finding("warning", dataset.file_of(episode), reason, episode)
            for episode in np.flatnonzero(self.success == 0).tolist()
        ]


def check_rows(
    dataset: Dataset, rows: Rows, ledger: Ledger, used: Container[str] = frozenset()
) -> None:
    """Check one batch of rows and note what they tell; `used` are observations and actions by other names."""
    _check_places(dataset, rows, ledger)
    _check_numbering(dataset, rows, ledger)
    _check_task(rows, ledger)
    for name in dataset.info.numeric:
        observed = name == fmt.ACTION or name.startswith(fmt.OBSERVATION) or name in used
        _check_values(dataset, rows, name, ledger, finite=observed)
    for name, faults in rows.faults.items():
        for row, reason in faults.items():
            episode, frame = int(rows.episode[row]), int(rows.position[row])
            ledger.add(episode, f"picture {name}", f"the picture of {name} {reason}", frame)
    if fmt.SUCCESS in rows.values:
        ended = rows.values[fmt.SUCCESS].reshape(len(rows.episode), -1).all(axis=1)
        ledger.success[rows.episode] = ended  # later rows win
    ledger.rows += np.bincount(rows.episode, minlength=len(ledger.rows))


def _check_places(dataset: Dataset, rows: Rows, ledger: Ledger) -> None:
    """Each episode's rows stand together, in the file that the metadata names."""
    episodes = np.unique(rows.episode)
    for episode in (e for e in episodes.tolist() if dataset.file_of(e) != rows.file):
        reason = f"has rows in {rows.file}, but the metadata names {dataset.file_of(episode)}"
        ledger.add(episode, "file", reason)
    starts = np.flatnonzero(rows.position == 0)
    _, first = np.unique(rows.episode[starts], return_index=True)
    again = np.ones(len(starts), np.bool_)
    again[first] = ledger.rows[rows.episode[starts[first]]] > 0
    for episode in np.unique(rows.episode[starts[again]]).tolist():
        ledger.add(episode, "together", "its rows do not stand together in the data")


def _check_numbering(dataset: Dataset, rows: Rows, ledger: Ledger) -> None:
    """frame_index counts from 0, index from the episode's first row, timestamp = frame / fps."""
    fps = dataset.info.fps
    frame, index, time = rows.frame, rows.index, rows.timestamp
    ledger.add_rows(
        rows,
        frame != rows.position,
        "frame_index",
        lambda i: f"frame_index is {frame[i]}, not {rows.position[i]}",
    )
    place = dataset.episodes.first[rows.episode] + rows.position
    ledger.add_rows(
        rows,
        index != place,
        "index",
        lambda i: f"index is {index[i]}; by the metadata this row is {place[i]}",
    )
    due = rows.position / fps
    # A float32 timestamp late in a long episode is coarser than the tolerance.
    late = ~(np.abs(time - due) <= fmt.TIMESTAMP_TOLERANCE + 1e-6 * due)

    def reason(i: int) -> str:
        if i and rows.position[i] and not time[i] > time[i - 1]:
            return f"timestamp {time[i]:.6g} s does not come after {time[i - 1]:.6g} s"
        return f"timestamp is {time[i]:.6g} s; at {fps} frames per second it is {due[i]:.6g} s"

    ledger.add_rows(rows, late, "timestamp", reason)


def _check_task(rows: Rows, ledger: Ledger) -> None:
    """One task_index from the first row to the last."""
    starts = np.flatnonzero(rows.position == 0)
    ledger.task[rows.episode[starts]] = rows.task[starts]
    first = ledger.task[rows.episode]
    ledger.add_rows(
        rows,
        rows.task != first,
        "task",
        lambda i: f"the instruction is ambiguous: task_index {first[i]} becomes {rows.task[i]}",
    )


def _check_values(dataset: Dataset, rows: Rows, name: str, ledger: Ledger, *, finite: bool) -> None:
    """Every cell has its shape and, if asked for, only finite numbers."""
    values, whole = rows.values[name], rows.whole[name]
    shape = dataset.info.features[name].shape
    ledger.add_rows(
        rows, ~whole, f"shape {name}", lambda _: f"{name} is empty or has not the shape {shape}"
    )
    if not finite or values.dtype.kind != "f":
        return
    known = np.isfinite(values.reshape(len(values), -1))

    def reason(i: int) -> str:
        worst = int(np.argmin(known[i]))
        return f"{name}[{worst}] is {values[i].reshape(-1)[worst]}"

    ledger.add_rows(rows, ~known.all(axis=1) & whole, f"finite {name}", reason)


def check_final_pictures(dataset: Dataset, cameras: Sequence[str], ledger: Ledger) -> None:
    """The pictures after the last action, where our own writer kept them, can be read."""
    for name in cameras:
        for episode in range(len(ledger.rows)):
            try:
                dataset.episodes.last(name, episode, np.empty(0))
            except PictureError as error:
                reason = f"the picture of {name} after the last action {error}"
                ledger.add(episode, f"last {name}", reason)


def check_memory(
    dataset: Dataset, sizes: Sequence[tuple[int, int]], ledger: Ledger, limits: DatasetLimits
) -> None:
    """No episode's pictures, (H, W, 3) for each of `sizes`, are more than fit in memory together."""
    size = 3 * sum(height * width for height, width in sizes)
    most = limits.episode_bytes
    for episode in np.flatnonzero(dataset.episodes.length * size > most).tolist():
        whole = int(dataset.episodes.length[episode]) * size
        ledger.add(episode, "memory", f"has {whole} bytes of pictures; at most {most} are read")


def close_episodes(dataset: Dataset, ledger: Ledger, limits: DatasetLimits) -> list[EpisodeReport]:
    """Check what only the end can tell, and give every episode its line."""
    _check_lengths(dataset, ledger)
    return [_close(dataset, ledger, episode, limits) for episode in range(len(ledger.rows))]


def _check_lengths(dataset: Dataset, ledger: Ledger) -> None:
    table = dataset.episodes
    for episode in np.flatnonzero(ledger.rows != table.length).tolist():
        if UNREAD in ledger.problems.get(episode, {}):
            continue  # rows that could not be read are not rows too few
        reason = f"has {ledger.rows[episode]} rows; the metadata says {table.length[episode]}"
        ledger.add(episode, "rows", reason)
    for episode in np.flatnonzero(table.end - table.first != table.length).tolist():
        span = f"dataset_from_index {table.first[episode]} to {table.end[episode]}"
        ledger.add(episode, "span", f"{span} does not span {table.length[episode]} rows")
    due = np.concatenate([[0], table.end[:-1]])
    for episode in np.flatnonzero(table.first != due).tolist():
        reason = f"dataset_from_index is {table.first[episode]}, not {due[episode]}"
        ledger.add(episode, "from", reason)


def _close(dataset: Dataset, ledger: Ledger, episode: int, limits: DatasetLimits) -> EpisodeReport:
    task = int(ledger.task[episode])
    instruction = dataset.tasks[task] if 0 <= task < len(dataset.tasks) else None
    ambiguous = "task" in ledger.problems.get(episode, {})
    if not ambiguous and ledger.rows[episode]:
        named = dataset.episodes.tasks[episode]
        wrong = _instruction_problem(instruction, task, named, limits, dataset.tasks_file)
        if wrong:
            ledger.add(episode, "instruction", wrong)
    problems = ledger.problems.get(episode, {})
    success: Any = ledger.success[episode]
    return EpisodeReport(
        index=episode,
        length=int(dataset.episodes.length[episode]),
        instruction=None if problems.keys() & {"task", "instruction"} else instruction,
        success=None if success < 0 else bool(success),
        kept=not problems,
        reasons=tuple(str(problem) for problem in problems.values()),
    )


def _instruction_problem(
    instruction: str | None, task: int, named: list[str], limits: DatasetLimits, tasks_file: str
) -> str | None:
    if instruction is None:
        return f"the instruction is missing: task_index {task} is not in {tasks_file}"
    problem = fmt.instruction_problem(instruction, limits)
    if problem is None and named and set(named) != {instruction}:
        shown = ", ".join(repr(name[:80]) for name in named[:3])
        problem = f"the instruction is ambiguous: rows say {instruction[:80]!r}, metadata {shown}"
    return problem
