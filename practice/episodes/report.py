"""What validation found: findings about files, and one line per episode."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, Self

Progress = Callable[[int, int], None]
"""Called with (done, total) while something long goes on."""

Severity = Literal["error", "warning", "info"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to know about a file, or about an episode in it."""

    severity: Severity
    file: str
    reason: str
    episode: int | None = None
    """Index of the episode in the dataset; None when the finding concerns the whole dataset."""
    frame: int | None = None
    """Frame within the episode, from 0."""

    def __str__(self) -> str:
        place = self.file
        if self.episode is not None:
            place += f", episode {self.episode}"
        if self.frame is not None:
            place += f", frame {self.frame}"
        return f"{place}: {self.reason}"


@dataclass(frozen=True, slots=True)
class EpisodeReport:
    """One episode of the dataset: kept, or refused with every reason."""

    index: int
    length: int
    """Frames, as the metadata says."""
    instruction: str | None
    """None where the instruction is missing or ambiguous."""
    success: bool | None
    """The last `next.success`; None where the dataset does not say."""
    kept: bool
    reasons: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        # `asdict` copies deeply, which costs half a second over ten thousand episodes.
        return {
            "index": self.index,
            "length": self.length,
            "instruction": self.instruction,
            "success": self.success,
            "kept": self.kept,
            "reasons": list(self.reasons),
        }


@dataclass(frozen=True, slots=True)
class Totals:
    """Counts over the whole dataset; frames are rows of data."""

    episodes: int = 0
    frames: int = 0
    tasks: int = 0
    kept_episodes: int = 0
    kept_frames: int = 0


@dataclass(frozen=True, slots=True)
class DatasetReport:
    """The outcome of a validation, fit to be stored and shown."""

    version: str | None = None
    robot_type: str | None = None
    fps: int | None = None
    features: dict[str, dict[str, Any]] | None = None
    """Name -> {"dtype", "shape", "names"}, as meta/info.json declares them."""
    totals: Totals = Totals()
    findings: tuple[Finding, ...] = ()
    episodes: tuple[EpisodeReport, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether the kept episodes may be imported: no error about the dataset as a whole, and something is kept."""
        return self.totals.kept_episodes > 0 and self.error is None

    @property
    def error(self) -> Finding | None:
        """The first error about the dataset as a whole."""
        whole = (f for f in self.findings if f.severity == "error" and f.episode is None)
        return next(whole, None)

    def kept(self) -> list[EpisodeReport]:
        """The episodes that passed, in order."""
        return [episode for episode in self.episodes if episode.kept]

    def refusing(self, found: Sequence[Finding]) -> "DatasetReport":
        """This report with errors in episodes that showed only later, while they were read: those are refused too."""
        reasons: dict[int, list[str]] = {}
        for finding in found:
            assert finding.episode is not None
            at = "" if finding.frame is None else f"frame {finding.frame}: "
            reasons.setdefault(finding.episode, []).append(at + finding.reason)
        episodes = tuple(
            replace(e, kept=False, reasons=(*e.reasons, *reasons[e.index]))
            if e.index in reasons
            else e
            for e in self.episodes
        )
        kept = [episode for episode in episodes if episode.kept]
        frames = sum(episode.length for episode in kept)
        totals = replace(self.totals, kept_episodes=len(kept), kept_frames=frames)
        findings = (*self.findings, *found)
        if found and not kept:
            reason = f"no episode can be used; the last: {found[-1].reason}"
            findings = (*findings, Finding("error", found[-1].file, reason))
        return replace(self, totals=totals, findings=findings, episodes=episodes)

    def to_json(self) -> dict[str, Any]:
        """Plain lists and dictionaries; `from_json` gives an equal report back."""
        return {
            "version": self.version,
            "robot_type": self.robot_type,
            "fps": self.fps,
            "features": self.features,
            "totals": asdict(self.totals),
            "findings": [asdict(finding) for finding in self.findings],
            "episodes": [episode.to_json() for episode in self.episodes],
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """Build the report that `to_json` wrote."""
        episodes = (
            EpisodeReport(**{**row, "reasons": tuple(row["reasons"])}) for row in data["episodes"]
        )
        return cls(
            **{
                **data,
                "totals": Totals(**data["totals"]),
                "findings": tuple(Finding(**row) for row in data["findings"]),
                "episodes": tuple(episodes),
            }
        )


def whole_dataset(file: str, reason: str, *, before: Sequence[Finding] = ()) -> DatasetReport:
    """The report of a dataset of which nothing can be used, for one reason in one file."""
    return DatasetReport(findings=(*before, Finding("error", file, reason)))


def counter(progress: Progress | None, total: int) -> Callable[[int], None]:
    """Adds up what is done, and tells `progress` (done, total)."""
    done = 0

    def told(more: int) -> None:
        nonlocal done
        done = min(done + more, total)
        if progress:
            progress(done, total)

    return told
