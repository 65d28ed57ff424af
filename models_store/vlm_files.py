"""The files of a pretrained model: a folder or the Hub, safetensors alone, known by a digest.

Nothing is ever unpickled and no code from a repository is ever run. No torch here.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from models_store.errors import LearningError

BASES = "EFM_BASES"
"""The environment variable that names the folder of pretrained models."""

_NAME = re.compile(r"[A-Za-z0-9_-][\w.-]*")
_HUB_ID = re.compile(r"([\w-][\w.-]*/[\w-][\w.-]*)@([\w-][\w./-]*)")
_WANTED = ("*.json", "*.safetensors", "*.model", "*.txt", "*.jinja")
"""Weights, configuration, tokenizer. What could be unpickled is not even fetched."""

_PIECE = 1 << 20


def check_name(base: str) -> None:
    """Whether people may ask for this base: by the name of a folder among ours, or on the Hub.

    Raises:
        LearningError: it is neither; folders elsewhere on the machine are nobody's business.
    """
    if not _NAME.fullmatch(base) and not _HUB_ID.fullmatch(base):
        raise LearningError(
            f"The base {base!r} is neither the name of a folder in {BASES} nor owner/name@revision on the Hub."
        )


def folder_of(base: str) -> Path:
    """The base's folder; one from the Hub is fetched first.

    Raises:
        LearningError: there is no such folder or repository.
    """
    if Path(base).is_absolute():
        if Path(base).is_dir():
            return Path(base)
        raise LearningError(f"There is no folder {base} on this machine; put the base there.")
    check_name(base)
    named = _HUB_ID.fullmatch(base)
    if named is None:
        folder = Path(os.environ.get(BASES, "bases")) / base
        if folder.is_dir():
            return folder.absolute()
        raise LearningError(
            f"There is no base {base!r} in {folder.parent}; put its folder there, or name one on the Hub as "
            f"owner/name@revision."
        )
    # A second of importing, for bases from the Hub alone.
    from huggingface_hub import errors, snapshot_download  # noqa: PLC0415

    try:
        found = snapshot_download(named[1], revision=named[2], allow_patterns=list(_WANTED))
    except (errors.HfHubHTTPError, errors.LocalEntryNotFoundError, OSError) as error:
        raise LearningError(f"The base {base} cannot be fetched from the Hub: {error}") from error
    return Path(found)


def base_folder(base: str) -> Path | None:
    """The folder of a base among ours; None for one of the Hub or elsewhere, and where there is none."""
    folder = Path(os.environ.get(BASES, "bases")) / base
    return folder if _NAME.fullmatch(base) and folder.is_dir() else None


def bases_here() -> list[str]:
    """Names of the folders among ours that hold a base, in order."""
    found = Path(os.environ.get(BASES, "bases")).glob("*/config.json")
    return sorted(path.parent.name for path in found if _NAME.fullmatch(path.parent.name))


def base_digest(base: str) -> str:
    """sha256 over names and contents of all files that say what the model computes.

    Raises:
        LearningError: the base is missing, or its weights are no safetensors.
    """
    files = sorted(_files(folder_of(base)), key=lambda file: file.name)
    facts = [(file, file.stat()) for file in files]
    return _digest(tuple((str(f), stat.st_size, stat.st_mtime_ns) for f, stat in facts))


def _files(folder: Path) -> Iterator[Path]:
    weights = list(folder.glob("*.safetensors"))
    if not weights:
        other = next(
            iter([*folder.glob("*.bin"), *folder.glob("*.pt*"), *folder.glob("*.ckpt")]), None
        )
        said = f"only {other.name}, which would have to be unpickled" if other else "no weights"
        raise LearningError(
            f"{folder} holds {said}; a base needs its weights as safetensors. Convert them elsewhere, or take "
            f"a revision that has them."
        )
    if not (folder / "config.json").is_file():
        raise LearningError(f"{folder} holds no config.json; it is no pretrained model.")
    for pattern in _WANTED:
        yield from folder.glob(pattern)


@lru_cache(maxsize=32)
def _digest(files: tuple[tuple[str, int, int], ...]) -> str:
    """Sizes and times are part of the question, so that a changed file is read again."""
    whole = hashlib.sha256()
    for name, _, _ in files:
        one = hashlib.sha256()
        with Path(name).open("rb") as file:
            while piece := file.read(_PIECE):
                one.update(piece)
        whole.update(f"{Path(name).name} {one.hexdigest()}\n".encode())
    return whole.hexdigest()
