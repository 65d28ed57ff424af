"""Validate an unpacked LeRobot dataset: the whole of it, then episode by episode.

Nothing here raises over bad data: the report names file, episode, frame and reason. An error about the dataset as a whole
refuses all of it; an error in an episode refuses that episode alone.
"""

from collections.abc import Callable, Container, Iterator, Sequence
from pathlib import Path

from practice.episodes import lerobot_format as fmt
from practice.episodes.errors import DatasetError
from practice.episodes.lerobot_checks import (
    UNREAD,
    Ledger,
    check_final_pictures,
    check_memory,
    check_rows,
    close_episodes,
)
from practice.episodes.lerobot_expect import Expectations
from practice.episodes.lerobot_films import check_films, unplaced
from practice.episodes.lerobot_format import DatasetLimits
from practice.episodes.lerobot_json import load_json
from practice.episodes.lerobot_meta import Dataset, open_dataset
from practice.episodes.lerobot_rows import scan
from practice.episodes.report import (
    DatasetReport,
    EpisodeReport,
    Finding,
    Progress,
    Totals,
    counter,
    whole_dataset,
)


def validate_dataset(
    folder: Path,
    *,
    expect: Expectations | None = None,
    limits: DatasetLimits | None = None,
    before: Sequence[Finding] = (),
    progress: Progress | None = None,
) -> DatasetReport:
    """Judge the dataset in `folder`; findings `before` (of unpacking) come first in the report.

    `progress` gets (done, all): rows, and once more for each camera that is stored as video.
    """
    limits = limits or DatasetLimits()
    try:
        dataset = open_dataset(folder, limits)
    except DatasetError as error:
        return whole_dataset(error.file, error.reason, before=before)
    expect = expect or Expectations()
    findings = [*before, *expect.findings(dataset.info, limits), *_notes(dataset, limits)]
    episodes: list[EpisodeReport] = []
    if not _refused(findings):
        sizes = expect.sizes(dataset.info)
        films = [name for name in sizes if dataset.info.features[name].is_film]
        pictures = [name for name in sizes if name not in films]
        findings += unplaced(dataset, films)
        ledger = Ledger(len(dataset.episodes))
        told = counter(progress, dataset.info.total_frames * (1 + len(films)))
        used = {*expect.sources(dataset.info).values()}
        findings += _check_files(
            dataset, pictures=pictures, used=used, ledger=ledger, limits=limits, told=told
        )
        if not _refused(findings):
            findings += check_films(dataset, films, ledger, limits, told)
            check_final_pictures(dataset, list(sizes), ledger)
            check_memory(dataset, list(sizes.values()), ledger, limits)
            episodes = close_episodes(dataset, ledger, limits)
            findings += _limited(ledger, dataset, limits.findings)
    return _report(dataset, findings, episodes)


def _refused(findings: Sequence[Finding]) -> bool:
    return any(f.severity == "error" and f.episode is None for f in findings)


def _check_files(
    dataset: Dataset,
    *,
    pictures: Sequence[str],
    used: Container[str],
    ledger: Ledger,
    limits: DatasetLimits,
    told: Callable[[int], None],
) -> list[Finding]:
    """Fill the ledger from every data file; gives one finding per file that cannot be read."""
    findings = []
    names = [*dataset.info.numeric, *pictures]
    for number, file in enumerate(dataset.data_files()):
        try:
            for rows in scan(dataset, file, names, limits):
                check_rows(dataset, rows, ledger, used)
                told(len(rows.episode))
        except DatasetError as error:
            if dataset.one_file_each:
                ledger.add(number, UNREAD, f"its file {error.reason}")
            else:
                findings.append(Finding("error", error.file, error.reason))
    return findings


def _notes(dataset: Dataset, limits: DatasetLimits) -> Iterator[Finding]:
    """What a person should know though nothing is wrong with the episodes."""
    if (dataset.root / fmt.STATS).exists():
        try:
            load_json(dataset.root, fmt.STATS, limits.json_bytes)
        except DatasetError as error:
            yield Finding("warning", error.file, f"{error.reason}; it is not needed")
    named = set(dataset.data_files())
    there = (p.relative_to(dataset.root).as_posix() for p in dataset.root.glob("data/**/*.parquet"))
    for file in sorted(set(there) - named):
        yield Finding("warning", file, "was not read: no episode in the metadata names it")


def _limited(ledger: Ledger, dataset: Dataset, most: int) -> list[Finding]:
    findings = ledger.findings(dataset)
    if len(findings) <= most:
        return findings
    more = len(findings) - most
    reason = f"has {more} more findings; each refused episode lists its own"
    return [*findings[:most], Finding("info", "data", reason)]


def _report(
    dataset: Dataset, findings: list[Finding], episodes: list[EpisodeReport]
) -> DatasetReport:
    info = dataset.info
    kept = [episode for episode in episodes if episode.kept]
    if episodes and not kept:
        reason = f"no episode can be used; the first: {episodes[0].reasons[0]}"
        findings.append(Finding("error", "data", reason))
    return DatasetReport(
        version=dataset.version,
        robot_type=info.robot_type,
        fps=info.fps,
        features={name: feature.to_json() for name, feature in info.features.items()},
        totals=Totals(
            episodes=info.total_episodes,
            frames=info.total_frames,
            tasks=info.total_tasks,
            kept_episodes=len(kept),
            kept_frames=sum(episode.length for episode in kept),
        ),
        findings=tuple(findings),
        episodes=tuple(episodes),
    )
