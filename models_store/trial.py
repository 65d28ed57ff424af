"""`python -m models_store.trial FOLDER`: load a checkpoint from outside in a process of its own, once its files agree with each other.

Shapes are compared on the meta device, where a model takes no memory, before the first weight is read. Prints one line of JSON:
`{}`, or `{"error": sentence}`.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import torch

from models_store.checkpoint import EFMCheckpoint, new_model
from models_store.errors import CheckpointError, LearningError
from models_store.normalisation import Normalisation
from models_store.outside import MANIFEST, Outside, inspect
from models_store.vlm_files import base_digest, check_name
from models_store.vlm_spec import VlmSpec


def load_outside(folder: Path) -> EFMCheckpoint:
    """The checkpoint in `folder`, which nobody should trust.

    Raises:
        LearningError: the files disagree, the weights do not fit the description or are not finite.
    """
    found = inspect(folder)
    if isinstance(found.spec, VlmSpec):
        _check_base(found.spec)
    else:
        _compare_shapes(found, folder)
    checkpoint = EFMCheckpoint.load(folder, digest=found.digest)
    if checkpoint.digest != found.digest:
        raise CheckpointError(
            "The weights are not laid out as this project writes them; save the checkpoint anew."
        )
    for name, values in checkpoint.weights.items():
        if values.is_floating_point() and not bool(torch.isfinite(values).all()):
            raise CheckpointError(f"The weights {name!r} hold values that are not finite.")
    checkpoint.build()
    return checkpoint


def _check_base(spec: VlmSpec) -> None:
    """The base is on this machine already: a stranger's file makes nobody fetch one, and names no folder elsewhere."""
    try:
        check_name(spec.base)
        digest = base_digest(spec.base)
    except LearningError as error:
        raise CheckpointError(
            f"It needs the base {spec.base[:200]!r} with the sha256 {spec.base_digest}, which cannot be used here: {error}"
        ) from error
    if digest != spec.base_digest:
        raise CheckpointError(
            f"It needs the base {spec.base!r} with the sha256 {spec.base_digest}; the one here has {digest}."
        )


def _compare_shapes(found: Outside, folder: Path) -> None:
    norm = Normalisation.from_json(json.loads((folder / MANIFEST).read_bytes())["normalisation"])
    with torch.device("meta"):
        state = new_model(found.spec, norm).state_dict()
    wanted = {name: tuple(values.shape) for name, values in state.items()}
    for name in sorted(wanted.keys() | found.shapes.keys()):
        if wanted.get(name) != found.shapes.get(name):
            raise CheckpointError(
                f"The weights do not fit the model: {name[:80]!r} is {found.shapes.get(name, 'missing')}, "
                f"the description says {wanted.get(name, 'there is none')}."
            )


def main() -> None:
    """Judge the folder named on the command line, without the network: bases that were fetched before are known."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    try:
        load_outside(Path(sys.argv[1]))
    except LearningError as error:
        sys.stdout.write(json.dumps({"error": str(error)}))
    else:
        sys.stdout.write("{}")


if __name__ == "__main__":
    main()
