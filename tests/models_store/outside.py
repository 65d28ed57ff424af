"""Small checkpoints as they come from outside, whole and spoiled."""

import hashlib
import io
import json
import zipfile
from pathlib import Path
from typing import Any

from models_store.checkpoint import EFMCheckpoint
from models_store.normalisation import Moments, Normalisation
from models_store.outside import MANIFEST, WEIGHTS
from models_store.spec import ModelSpec


def small(observation: int = 6, action: int = 2, seed: int = 0) -> EFMCheckpoint:
    """A perceptron over observation.state."""
    name = "observation.state"
    spec = ModelSpec({name: observation}, action, policy_hidden=(5,), distance_hidden=(4,))
    zero, one = (0.0,), (1.0,)
    norm = Normalisation(
        {name: Moments(zero * observation, one * observation)}, Moments(zero * action, one * action)
    )
    return EFMCheckpoint.new(spec, norm, seed=seed)


def rewritten(files: dict[str, bytes], **changes: Any) -> dict[str, bytes]:
    """The same files with other entries in a well-formed manifest, whose sha256 hold."""
    manifest = json.loads(files[MANIFEST]) | changes
    if "sha256" not in changes:
        manifest["sha256"] = {
            name: hashlib.sha256(data).hexdigest()
            for name, data in files.items()
            if name != MANIFEST
        }
    return files | {MANIFEST: json.dumps(manifest, sort_keys=True, indent=1).encode()}


def with_weights(files: dict[str, bytes], data: bytes) -> dict[str, bytes]:
    """The same with other weights, which the manifest knows of."""
    return rewritten(files | {WEIGHTS: data})


def laid_out(files: dict[str, bytes], folder: Path) -> Path:
    """The files in a new folder."""
    folder.mkdir()
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return folder


def packed(files: dict[str, bytes]) -> bytes:
    """The files as a .zip."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()
