"""A checkpoint: weights and everything needed to know what they are.

On disk it is a folder of `model.safetensors`, perhaps `optimizer.safetensors`, and
`manifest.json`, which holds the model description, normalisation, the configuration it was trained
with, the digests of its parents, and the sha256 of the other files. The folder is written under
another name and renamed last. Nothing in it depends on the clock or the machine, so the same
training gives the same digest.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from models_store.compact import CompactEFM
from models_store.compact_spec import CompactSpec
from models_store.efm import EFM
from models_store.errors import CheckpointError
from models_store.mlp import MLPModel
from models_store.normalisation import Normalisation
from models_store.outside import FORMAT, KEYS, MANIFEST, OPTIMIZER, WEIGHTS
from models_store.specs import Spec, spec_from_json
from models_store.vlm_spec import VlmSpec


@dataclass(frozen=True)
class EFMCheckpoint:
    """Immutable: the digest names exactly these numbers with exactly this history."""

    spec: Spec
    normalisation: Normalisation
    weights: dict[str, Tensor]
    """On the CPU."""

    config: dict[str, Any] = field(default_factory=dict)
    """JSON: the configuration of the run that made it."""

    parents: dict[str, str] = field(default_factory=dict)
    """Role -> digest, e.g. {"policy": "...", "reward": "..."}."""

    optimizer: dict[str, Tensor] | None = None
    """Adam's moments, name -> tensor, for runs that carry on where training stopped."""

    code_revision: str = ""

    def build(self, device: torch.device | str = "cpu") -> EFM:
        """A model of its own with these weights, ready for inference or training.

        Raises:
            CheckpointError: the weights do not fit the description.
        """
        with torch.random.fork_rng(devices=[]):  # initial weights are thrown away at once
            model = new_model(self.spec, self.normalisation)
        try:
            model.load_state_dict(self.weights)
        except RuntimeError as error:
            raise CheckpointError(f"The weights do not fit the model: {error}") from error
        return model.to(device)

    @classmethod
    def new(cls, spec: Spec, normalisation: Normalisation, *, seed: int) -> EFMCheckpoint:
        """An untrained model whose weights follow from the seed."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = new_model(spec, normalisation)
        return cls(spec, normalisation, {k: v.clone() for k, v in model.state_dict().items()})

    @cached_property
    def files(self) -> dict[str, bytes]:
        """File name -> content, the manifest last."""
        files = {WEIGHTS: _serialise(self.weights)}
        if self.optimizer is not None:
            files[OPTIMIZER] = _serialise(self.optimizer)
        manifest = {
            "format": FORMAT,
            "spec": self.spec.to_json(),
            "normalisation": self.normalisation.to_json(),
            "config": self.config,
            "parents": self.parents,
            "code_revision": self.code_revision,
            "sha256": {name: hashlib.sha256(data).hexdigest() for name, data in files.items()},
        }
        files[MANIFEST] = json.dumps(manifest, sort_keys=True, indent=1).encode()
        return files

    @cached_property
    def digest(self) -> str:
        """sha256 of the manifest, which itself holds the sha256 of the weights."""
        return hashlib.sha256(self.files[MANIFEST]).hexdigest()

    def save(self, folder: Path | str) -> str:
        """Write the folder (it must not exist) and return the digest."""
        folder = Path(folder)
        if folder.exists():
            raise CheckpointError(f"{folder} exists already; a checkpoint is never overwritten.")
        partial = folder.with_name(f".{folder.name}.{os.getpid()}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        try:
            for name, data in self.files.items():
                with (partial / name).open("wb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
            partial.rename(folder)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        return self.digest

    @classmethod
    def load(cls, folder: Path | str, *, digest: str | None = None) -> EFMCheckpoint:
        """Read a folder and check every digest.

        Raises:
            CheckpointError: a file is missing or damaged, or `digest` names another checkpoint.
        """
        folder = Path(folder)
        raw = _read(folder / MANIFEST)
        if digest is not None and hashlib.sha256(raw).hexdigest() != digest:
            raise CheckpointError(f"{folder} is not the checkpoint {digest[:12]}; restore it.")
        manifest = _manifest(raw, folder)
        files = {name: _verified(folder, name, sha) for name, sha in manifest["sha256"].items()}
        if WEIGHTS not in files:
            raise CheckpointError(f"The manifest in {folder} names no {WEIGHTS}.")
        return cls(
            spec=spec_from_json(manifest["spec"]),
            normalisation=Normalisation.from_json(manifest["normalisation"]),
            weights=_deserialise(files[WEIGHTS], folder),
            config=manifest["config"],
            parents=manifest["parents"],
            optimizer=_deserialise(files[OPTIMIZER], folder) if OPTIMIZER in files else None,
            code_revision=manifest["code_revision"],
        )


def new_model(spec: Spec, normalisation: Normalisation) -> EFM:
    """An untrained model of the described kind."""
    if isinstance(spec, CompactSpec):
        return CompactEFM(spec, normalisation)
    if isinstance(spec, VlmSpec):
        # Seconds of importing transformers, for those who use it alone.
        from models_store.vlm import make_vlm  # noqa: PLC0415

        return make_vlm(spec, normalisation)
    return MLPModel(spec, normalisation)


def _serialise(tensors: Mapping[str, Tensor]) -> bytes:
    return safetensors.torch.save(
        {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    )


def _deserialise(data: bytes, folder: Path) -> dict[str, Tensor]:
    try:
        return safetensors.torch.load(data)
    except SafetensorError as error:
        raise CheckpointError(f"The weights in {folder} cannot be read: {error}.") from error


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CheckpointError(f"The checkpoint file {path} cannot be read: {error}.") from error


def _manifest(raw: bytes, folder: Path) -> dict[str, Any]:
    try:
        manifest = json.loads(raw)
    except ValueError as error:
        raise CheckpointError(f"The manifest in {folder} is no JSON: {error}.") from error
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise CheckpointError(f"The manifest in {folder} is not of format {FORMAT}.")
    if set(manifest) != KEYS:
        odd = ", ".join(sorted(set(manifest) ^ KEYS))
        raise CheckpointError(f"The manifest in {folder} has unknown or missing keys: {odd}.")
    return manifest


def _verified(folder: Path, name: str, sha: str) -> bytes:
    if name not in (WEIGHTS, OPTIMIZER):
        raise CheckpointError(f"The manifest in {folder} names an unexpected file {name!r}.")
    data = _read(folder / name)
    if hashlib.sha256(data).hexdigest() != sha:
        raise CheckpointError(f"{folder / name} is damaged: its sha256 is not the manifest's.")
    return data
