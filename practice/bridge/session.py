"""Learning's callbacks spoken in services, events and frames: what the child process of a run does.

The work (SFT, practice, evaluation) advances one unit at a time. In between, the session commits what was done about once a
second and listens to its worker. Files are durable before the transaction that names them, and that transaction before the work
goes on: a process that dies at any moment loses no episode and counts none twice.
"""

import errno
import io
import logging
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol, TypeVar

from django.db import InterfaceError, OperationalError, close_old_connections

from models_store.checkpoint import EFMCheckpoint
from models_store.state_file import load_tree, save_tree
from practice import storage
from practice.bridge.rows import Recording, record_episodes
from practice.learning.work import Report, Work
from practice.models import Run
from practice.services.progress import (
    Commit,
    KeptCheckpoint,
    Point,
    commit_progress,
    finish_run,
    note_run,
    rest_run,
)

log = logging.getLogger(__name__)

COMMIT_SECONDS = 1.0
"""Least time between two commits."""
COMMIT_SHARE = 0.1
"""Of the time, what writing resume points may take: those of large models take many seconds, and come less often."""
COMMIT_SECONDS_MOST = 60.0
"""But never less often than this."""
DATABASE_PATIENCE_SECONDS = 600.0
"""How long a commit waits for a database that is away."""
DISK_PATIENCE_SECONDS = 3600.0
"""How long it waits for room on a disk that is full, which somebody has to make."""
_DISK_FULL = (errno.ENOSPC, errno.EDQUOT)

Result = TypeVar("Result")


class Ears(Protocol):
    """What the child hears from its worker."""

    @property
    def wish(self) -> str:
        """The newest wish: "" to go on, else "pause", "stop" or "leave"."""
        ...


class Session:
    """One process's hold on a run, from the first commit to the last."""

    def __init__(self, run: Run, owner: str, work: Work, ears: Ears) -> None:
        self.run, self.owner, self.work, self.ears = run, owner, work, ears
        self._seconds = run.seconds
        self._started = time.monotonic()
        self._rate = _Rate(run.iteration, self._started)
        self._recording_paused = False
        self._pause = COMMIT_SECONDS
        self._clear()

    def _clear(self) -> None:
        self._reports: list[Report] = []
        self._points: list[Point] = []
        self._committed_at = time.monotonic()

    def execute(self) -> None:
        """Do the work until it is finished or the worker wishes otherwise.

        Raises:
            LeaseLostError: another process holds the run; nothing more may be written.
        """
        if self.run.resume_key:
            self.work.load_state(load_tree(storage.blobs().path(self.run.resume_key)))
        while not self.work.finished:
            wish = self.ears.wish
            if wish:
                self._rest(wish)
                return
            self._take(self.work.step())
            if time.monotonic() - self._committed_at >= self._pause:
                self._commit()
        self._commit(final=True)
        result = self.work.result()
        patiently(lambda: finish_run(self.run.pk, owner=self.owner, result=result))

    def _rest(self, wish: str) -> None:
        self._commit(final=wish == Run.Wish.STOP)
        if wish in {Run.Wish.PAUSE, Run.Wish.STOP}:
            patiently(lambda: rest_run(self.run.pk, owner=self.owner))

    def _take(self, report: Report) -> None:
        self._reports.append(report)
        if not report.values:
            return  # preparations: there is nothing to draw, and no iteration has passed
        self._points.append(
            Point(
                iteration=report.iteration,
                env_steps=report.env_steps,
                episodes=report.episodes_total,
                seconds=self._worked(),
                values=report.values,
            )
        )

    def _worked(self) -> float:
        return self._seconds + time.monotonic() - self._started

    def _commit(self, *, final: bool = False) -> None:
        """Make everything since the last commit durable, files first."""
        number, attempt = self.run.commit + 1, self.run.attempts
        key, state = storage.resume_key(self.run.pk, attempt, number), self.work.state()
        took = self._store(lambda: _put_tree(key, state))
        self._pause = min(max(COMMIT_SECONDS, took / COMMIT_SHARE), COMMIT_SECONDS_MOST)
        recording = self._store(
            lambda: patiently(lambda: record_episodes(self.run, number, self._reports))
        )
        commit = Commit(
            number=number,
            resume_key=key,
            seconds=self._worked(),
            points=self._points,
            log=[line for report in self._reports for line in report.log] + self._news(recording),
            episodes=recording.rows,
            recorded_bytes=recording.size_bytes,
            checkpoints=self._store(lambda: self._kept_checkpoints(final=final)),
        )
        if self._reports:
            last = self._reports[-1]
            commit.total_iterations = last.total
            commit.eta_seconds = self._rate.eta(last.iteration, last.total)
        replaced = patiently(lambda: commit_progress(self.run.pk, owner=self.owner, commit=commit))
        self.run.commit = number
        if replaced and replaced != key:
            storage.blobs().delete(replaced)
        self._clear()

    def _store(self, action: Callable[[], Result]) -> Result:
        """Write files, waiting while the disk is full; `action` must bear being repeated."""
        for waited, pause in enumerate(_pauses(DISK_PATIENCE_SECONDS)):
            try:
                return action()
            except OSError as error:
                if error.errno not in _DISK_FULL:
                    raise
                if not waited:
                    self._note("The disk is full; the run waits until somebody makes room.")
            time.sleep(pause)
        return action()

    def _note(self, text: str) -> None:
        patiently(lambda: note_run(self.run.pk, owner=self.owner, text=text))

    def _news(self, recording: Recording) -> list[str]:
        """What the log says of recording, once each time it pauses or goes on."""
        if not recording.rows or bool(recording.paused) == self._recording_paused:
            return []
        self._recording_paused = bool(recording.paused)
        return [recording.paused or "Recording goes on."]

    def _kept_checkpoints(self, *, final: bool) -> list[KeptCheckpoint]:
        # Stage 1 improves at almost every look; its checkpoints are worth a row when it ends.
        improved = self.run.kind == Run.Kind.PRACTICE and any(r.improved for r in self._reports)
        if not (final or improved) or self.run.kind == Run.Kind.EVALUATION:
            return []
        values = self._reports[-1].values if self._reports else {}
        return [
            KeptCheckpoint(
                kind=kind,
                digest=kept.digest,
                blob_key=_put_checkpoint(kept),
                iteration=int(kept.config["iteration"]),
                metrics=values,
            )
            for kind, kept in self.work.checkpoints().items()
        ]


class _Rate:
    """Iterations per second, lately."""

    def __init__(self, iteration: int, now: float) -> None:
        self._iteration, self._at = iteration, now
        self._seconds_each: float | None = None

    def eta(self, iteration: int, total: int | None) -> float | None:
        """Seconds until `total`, by an exponential mean over the last commits; None while unknown."""
        now = time.monotonic()
        if iteration > self._iteration:
            newest = (now - self._at) / (iteration - self._iteration)
            before = newest if self._seconds_each is None else self._seconds_each
            self._seconds_each = 0.7 * before + 0.3 * newest
            self._iteration, self._at = iteration, now
        if total is None or self._seconds_each is None:
            return None
        return max(0, total - iteration) * self._seconds_each


def _put_tree(key: str, tree: object) -> float:
    """Store a resume point; gives the seconds that took."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(dir=storage.work_folder()) as folder:
        path = Path(folder) / "state"
        save_tree(path, tree)
        storage.blobs().adopt(key, path)
    return time.monotonic() - began


def _put_checkpoint(checkpoint: EFMCheckpoint) -> str:
    """Store a checkpoint under its digest, the manifest last; gives the folder's key."""
    key = storage.checkpoint_key(checkpoint.digest)
    for name, data in checkpoint.files.items():
        storage.blobs().put(f"{key}/{name}", io.BytesIO(data))
    return key


def patiently(action: Callable[[], Result]) -> Result:
    """Do something with the database, waiting while it is away; `action` must bear being repeated."""
    for pause in _pauses(DATABASE_PATIENCE_SECONDS):
        try:
            return action()
        except (OperationalError, InterfaceError) as error:
            log.warning("The database does not answer; trying again: %s", error)
            close_old_connections()
        time.sleep(pause)
    return action()


def _pauses(patience: float) -> Iterator[float]:
    """Seconds to wait between attempts, ever longer ones, for as long as the patience lasts; then comes the last attempt."""
    deadline = time.monotonic() + patience
    pause = 0.1
    while time.monotonic() <= deadline:
        yield pause
        pause = min(2 * pause, 5.0)
