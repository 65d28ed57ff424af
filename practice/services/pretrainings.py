"""Pretrainings are stored under a name, once."""

import io
from collections.abc import Mapping

from practice import storage
from practice.errors import ConflictError
from practice.selectors.pretrainings import MANIFEST, is_stored


def check_free(name: str) -> None:
    """Raises ConflictError when a pretraining has this name: models have begun with it."""
    if is_stored(name):
        raise ConflictError(
            f"There is a pretraining {name!r} already, and models may have begun with it; choose "
            f"another name."
        )


def keep_pretraining(name: str, files: Mapping[str, bytes]) -> None:
    """Store the files of a checkpoint, the manifest last.

    Raises:
        InvalidError: the name cannot be one.
        ConflictError: it is taken.
    """
    check_free(name)
    key = storage.pretraining_key(name)
    for file in sorted(files, key=lambda file: file == MANIFEST):
        storage.blobs().put(f"{key}/{file}", io.BytesIO(files[file]))
