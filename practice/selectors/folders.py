"""Datasets that lie on the server, in folders that an administrator has allowed (EFM_IMPORT_FOLDERS)."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from practice.episodes.errors import EpisodesError
from practice.episodes.lerobot_format import INFO, DatasetLimits
from practice.episodes.lerobot_json import load_json
from practice.errors import InvalidError

MOST_FOUND = 200
"""Datasets that a page lists; others are imported by their path."""
_DEPTH = 3
"""Folders below an allowed one that are looked into."""
_MOST_FOLDERS = 5000


@dataclass(frozen=True, slots=True)
class FoundDataset:
    """A folder that says it is a LeRobotDataset; nothing but its info.json has been read."""

    path: str
    version: str
    episodes: int
    frames: int
    fps: float


def allowed_folders() -> list[Path]:
    """The folders that are allowed and there, as they really lie."""
    return [folder.resolve() for folder in settings.EFM_IMPORT_FOLDERS if folder.is_dir()]


def find_folder(given: str) -> Path:
    """The dataset's folder at the absolute path `given`, links followed.

    Raises:
        InvalidError: it is in no allowed folder, is not there, or holds no dataset.
    """
    shown = given[:200]
    allowed = allowed_folders()
    if not allowed:
        raise InvalidError(
            "No folder of the server is allowed; an administrator sets EFM_IMPORT_FOLDERS.",
            fields={"path": "no folder is allowed"},
        )
    try:
        folder = Path(given).resolve()
        there = folder.is_dir()
    except (OSError, ValueError, RuntimeError):  # too long, a NUL byte, links in a circle
        folder, there = Path(), False
    # Whether a folder elsewhere exists is nobody's business.
    if not any(folder.is_relative_to(place) for place in allowed):
        names = ", ".join(str(place) for place in allowed)
        raise InvalidError(
            f"{shown!r} lies in none of the allowed folders: {names}.",
            fields={"path": "not in an allowed folder"},
        )
    if not there or not (folder / INFO).is_file():
        raise InvalidError(
            f"{shown!r} holds no {INFO}: choose the folder of a LeRobotDataset.",
            fields={"path": "no dataset"},
        )
    return folder


def stray_file(folder: Path, told: Callable[[], None] = lambda: None) -> str | None:
    """The first file of a dataset that a link brings in from outside the allowed folders; `told` is called for each file."""
    allowed = allowed_folders()
    for path in _files(folder):
        told()
        real = path.resolve()
        if not any(real.is_relative_to(place) for place in allowed):
            return path.relative_to(folder).as_posix()
    return None


def folder_state(folder: Path) -> tuple[int, list[tuple[str, int, int]]]:
    """All bytes of a dataset's folder, and name, size and time of change of each file."""
    state = []
    for path in _files(folder):
        facts = path.stat()
        state.append((path.relative_to(folder).as_posix(), facts.st_size, facts.st_mtime_ns))
    return sum(size for _, size, _ in state), sorted(state)


def found_datasets() -> list[FoundDataset]:
    """What an operator may import, in the order of their paths; at most MOST_FOUND."""
    found: list[FoundDataset] = []
    for root in allowed_folders():
        for folder in _candidates(root):
            facts = _facts(folder)
            if facts is not None:
                found.append(facts)
            if len(found) == MOST_FOUND:
                return found
    return found


def _candidates(root: Path) -> Iterator[Path]:
    """Folders with an info.json, at most _DEPTH below `root`; a dataset is not looked into further."""
    for seen, (name, folders, _) in enumerate(os.walk(root), 1):
        folder = Path(name)
        if (folder / INFO).is_file():
            folders.clear()
            yield folder
        elif len(folder.relative_to(root).parts) >= _DEPTH or seen >= _MOST_FOLDERS:
            folders.clear()
        folders.sort()


def _facts(folder: Path) -> FoundDataset | None:
    try:
        info = load_json(folder, INFO, DatasetLimits().json_bytes)
        return FoundDataset(
            path=str(folder),
            version=str(info.get("codebase_version", "?"))[:20],
            episodes=int(info.get("total_episodes", 0)),
            frames=int(info.get("total_frames", 0)),
            fps=float(info.get("fps", 0)),
        )
    except (EpisodesError, TypeError, ValueError, OverflowError, OSError):
        return None  # the import itself says what is wrong with it


def _files(folder: Path) -> Iterator[Path]:
    for part in ("meta", "data", "videos"):
        yield from (path for path in sorted((folder / part).rglob("*")) if path.is_file())
