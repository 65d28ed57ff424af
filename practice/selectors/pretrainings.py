"""Pretrainings by name: what a new model of Stage 1 may begin with."""

import json
from dataclasses import dataclass

from models_store.errors import LearningError
from practice import storage
from practice.errors import InvalidError, MissingError

MANIFEST = "manifest.json"
"""Written last: a folder without it is not finished."""


@dataclass(frozen=True, slots=True)
class StoredPretraining:
    """One that `manage.py pretrain --name` has stored."""

    name: str
    embodiment: str
    variant: str

    def __str__(self) -> str:
        return f"{self.name} ({self.variant}, {self.embodiment})"


def pretrainings() -> list[StoredPretraining]:
    """All that are stored, by name."""
    store, found = storage.blobs(), []
    for key in store.list(f"{storage.PRETRAINED}/"):
        _, name, file = key.split("/")
        if file == MANIFEST:
            with store.open(key) as manifest:
                config = json.load(manifest)["config"]
            found.append(StoredPretraining(name, config["embodiment"], config["variant"]))
    return found


def is_stored(name: str) -> bool:
    """Whether there is a pretraining of this name.

    Raises:
        InvalidError: the name cannot be one.
    """
    if "/" in name:
        raise InvalidError(f"{name!r} is no name of a pretraining: leave out the slash.")
    try:
        return storage.blobs().exists(f"{storage.pretraining_key(name)}/{MANIFEST}")
    except LearningError as error:
        raise InvalidError(
            f"{name!r} is no name of a pretraining: use letters, digits, '.', '_' and '-'."
        ) from error


def check_stored(name: str) -> None:
    """Raises MissingError, which names what there is, where there is no pretraining of this name."""
    if not is_stored(name):
        known = ", ".join(one.name for one in pretrainings()) or "none yet"
        raise MissingError(
            f"There is no pretraining {name!r}; known: {known}. Make one with manage.py pretrain --name."
        )
