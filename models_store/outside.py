"""Whether files that came from outside are one of our checkpoints, found out without loading a weight. No torch here.

The manifest must be written exactly as we write it, so that its sha256 is the checkpoint's digest wherever it goes; every file must
have the sha256 that the manifest says; and the header of each safetensors file must describe the file to its last byte.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from models_store.compact_spec import CompactSpec
from models_store.errors import CheckpointError, LearningError
from models_store.normalisation import Moments, Normalisation
from models_store.spec import ModelSpec
from models_store.specs import Spec, spec_from_json
from models_store.vlm_spec import VlmSpec

FORMAT = "efmweb-checkpoint/1"
MANIFEST = "manifest.json"
WEIGHTS = "model.safetensors"
OPTIMIZER = "optimizer.safetensors"
KEYS = {"format", "spec", "normalisation", "config", "parents", "code_revision", "sha256"}

MOST_MANIFEST = 4 << 20
"""Bytes; a manifest is a few thousand."""
MOST_HEADER = 16 << 20
"""Bytes of a safetensors header; it is held in memory."""
MOST_WIDE = 1 << 20
"""No size of a model description is above this: a layer is built before its weights are compared."""
MOST_LAYERS = 64
MOST_RANK, MOST_BINS = 512, 8192
"""Of a pretrained model's adapters and answers, which are built on its base before they are compared: small beside any base."""
_PIECE = 1 << 20
_DIGEST = re.compile(r"[0-9a-f]{64}")
_BYTES = {"F64": 8, "I64": 8, "F32": 4, "I32": 4, "F16": 2, "BF16": 2, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Outside:
    """What the files say they are, once they agree with each other."""

    digest: str
    spec: Spec
    config: dict[str, Any]
    parents: dict[str, str]
    sha256: dict[str, str]
    """Of every file but the manifest, by name."""
    shapes: dict[str, tuple[int, ...]]
    """Of the weights, by name; empty while the manifest alone was read."""

    @property
    def files(self) -> tuple[str, ...]:
        """Names of all files that belong to it, the manifest last."""
        return (*sorted(self.sha256), MANIFEST)

    @property
    def parameters(self) -> int:
        """Numbers among the weights."""
        return sum(math.prod(shape) for shape in self.shapes.values())


def inspect(folder: Path) -> Outside:
    """Judge the files of a folder.

    Raises:
        CheckpointError: one is missing, damaged, or not as we would have written it; the sentence says which and why.
    """
    found = described(folder)
    shapes: dict[str, tuple[int, ...]] = {}
    for name, sha256 in found.sha256.items():
        _check_sha256(folder / name, sha256)
        of_file = tensor_shapes(folder / name)
        if name == WEIGHTS:
            shapes = of_file
    return replace(found, shapes=shapes)


def described(folder: Path) -> Outside:
    """Judge the manifest in a folder alone, so that nobody fetches the weights of what cannot be used.

    Raises:
        CheckpointError: as `inspect`.
    """
    raw, manifest = _manifest(folder)
    try:
        spec = spec_from_json(manifest["spec"])
        norm = Normalisation.from_json(manifest["normalisation"])
    except LearningError as error:
        raise CheckpointError(f"The checkpoint's {MANIFEST} cannot be used: {error}") from error
    if spec.to_json() != manifest["spec"] or norm.to_json() != manifest["normalisation"]:
        raise CheckpointError(
            f"{MANIFEST} does not describe its model as this version would; save it anew."
        )
    _check_sizes(spec)
    _check_normalisation(spec, norm)
    return Outside(
        digest=hashlib.sha256(raw).hexdigest(),
        spec=spec,
        config=manifest["config"],
        parents=manifest["parents"],
        sha256=manifest["sha256"],
        shapes={},
    )


def tensor_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """Name -> shape of every tensor of a safetensors file, from its header alone.

    Raises:
        CheckpointError: the header is too large, no JSON, or does not account for every byte of the file exactly once.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if size < 8 or length > size - 8 or length > MOST_HEADER:
            raise CheckpointError(
                f"{path.name} declares a header of {length} bytes; at most {min(MOST_HEADER, max(size - 8, 0))} can be."
            )
        header = _json(file.read(length), path.name)
    tensors = {name: _entry(path.name, name, entry) for name, entry in header.items()}
    end = 0
    for name, (_, begin, stop) in sorted(tensors.items(), key=lambda item: item[1][1:]):
        if begin != end:
            raise CheckpointError(f"{path.name} has a gap or an overlap before {name[:80]!r}.")
        end = stop
    if end != size - 8 - length:
        raise CheckpointError(
            f"{path.name} holds {size - 8 - length} bytes of weights; its header describes {end}."
        )
    return {name: shape for name, (shape, _, _) in tensors.items()}


def _entry(file: str, name: str, entry: Any) -> tuple[tuple[int, ...], int, int]:
    """Shape, first byte and end of one tensor, as its header says."""
    whole = isinstance(entry, dict) and set(entry) == {"dtype", "shape", "data_offsets"}
    if (
        not whole
        or not isinstance(entry["shape"], list)
        or not isinstance(entry["data_offsets"], list)
    ):
        raise CheckpointError(f"{file} describes {name[:80]!r} as no tensor.")
    numbers = [*entry["shape"], *entry["data_offsets"]]
    fits = (
        all(type(n) is int and 0 <= n < 2**63 for n in numbers) and len(entry["data_offsets"]) == 2
    )
    if not fits or entry["dtype"] not in _BYTES or len(entry["shape"]) > 8:
        raise CheckpointError(f"{file} gives {name[:80]!r} a type, shape or place that is none.")
    begin, stop = entry["data_offsets"]
    if stop - begin != math.prod(entry["shape"]) * _BYTES[entry["dtype"]]:
        raise CheckpointError(
            f"{file} gives {name[:80]!r} other bytes than its shape {entry['shape']} takes."
        )
    return tuple(entry["shape"]), begin, stop


def _manifest(folder: Path) -> tuple[bytes, dict[str, Any]]:
    path = folder / MANIFEST
    if not path.is_file():
        raise CheckpointError(f"There is no {MANIFEST}; this is no checkpoint of ours.")
    if path.stat().st_size > MOST_MANIFEST:
        raise CheckpointError(
            f"{MANIFEST} has {path.stat().st_size} bytes; at most {MOST_MANIFEST} are read."
        )
    raw = path.read_bytes()
    manifest = _json(raw, MANIFEST)
    if manifest.get("format") != FORMAT:
        raise CheckpointError(
            f"{MANIFEST} is of format {str(manifest.get('format'))[:80]!r}, not {FORMAT}."
        )
    if set(manifest) != KEYS:
        odd = ", ".join(sorted(set(manifest) ^ KEYS))[:200]
        raise CheckpointError(f"{MANIFEST} has unknown or missing keys: {odd}.")
    _check_parts(manifest)
    if json.dumps(manifest, sort_keys=True, indent=1).encode() != raw:
        raise CheckpointError(
            f"{MANIFEST} is not laid out as this project writes it; its digest would not hold."
        )
    return raw, manifest


def _check_parts(manifest: dict[str, Any]) -> None:
    for name in ("spec", "normalisation", "config", "parents", "sha256"):
        if not isinstance(manifest[name], dict):
            raise CheckpointError(f"{name} in {MANIFEST} is no object.")
    revision = manifest["code_revision"]
    if not isinstance(revision, str) or len(revision) > 200:
        raise CheckpointError(f"code_revision in {MANIFEST} is no short text.")
    for part in ("parents", "sha256"):
        _check_digests(part, manifest[part])
    files = set(manifest["sha256"])
    if WEIGHTS not in files or files - {WEIGHTS, OPTIMIZER}:
        raise CheckpointError(
            f"{MANIFEST} must name {WEIGHTS}, perhaps {OPTIMIZER}, and nothing else."
        )


def _check_digests(part: str, named: dict[str, Any]) -> None:
    for name, digest in named.items():
        if not isinstance(digest, str) or not _DIGEST.fullmatch(digest) or len(name) > 80:
            raise CheckpointError(
                f"{part} in {MANIFEST} gives {name[:80]!r} no sha256 of 64 hexadecimal digits."
            )


def _json(raw: bytes, file: str) -> dict[str, Any]:
    def refuse(text: str) -> None:
        raise ValueError(f"{text} is no number")

    try:
        data = json.loads(raw, parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{file} holds no JSON that we read: {str(error)[:120]}.") from error
    if not isinstance(data, dict):
        raise CheckpointError(f"{file} holds no JSON object.")
    return data


def _check_sha256(path: Path, sha256: str) -> None:
    if not path.is_file():
        raise CheckpointError(f"{path.name} is missing, which {MANIFEST} names.")
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != sha256:
        raise CheckpointError(
            f"{path.name} is damaged: its sha256 is {found}, {MANIFEST} says {sha256}."
        )


def _check_sizes(spec: Spec) -> None:
    """Nothing in the description is so large that building it would already be the harm."""
    sizes = [*spec.observation.values(), spec.action_size, spec.steps_to_go_bins]
    hidden: tuple[int, ...] = ()
    if isinstance(spec, (ModelSpec, CompactSpec)):
        hidden = (*spec.policy_hidden, *spec.distance_hidden)
    if isinstance(spec, CompactSpec):
        sizes += [spec.queries, spec.buckets, spec.max_words, spec.word_size, *spec.channels]
    if isinstance(spec, VlmSpec):
        sizes += [spec.image_size]
        if spec.lora_rank > MOST_RANK or max(spec.action_bins, spec.steps_to_go_bins) > MOST_BINS:
            raise CheckpointError(
                f"A pretrained model from outside has adapters of rank {MOST_RANK} and {MOST_BINS} bins at most; "
                f"this has rank {spec.lora_rank}, {spec.action_bins} and {spec.steps_to_go_bins} bins."
            )
    if not isinstance(spec, ModelSpec):
        sizes += [spec.action_bins, *(n for shape in spec.cameras.values() for n in shape)]
    if max((*sizes, *hidden)) > MOST_WIDE or len(hidden) > MOST_LAYERS:
        raise CheckpointError(
            f"The model description is larger than is taken from outside: at most {MOST_LAYERS} layers, no size above {MOST_WIDE}."
        )


def _check_normalisation(spec: Spec, norm: Normalisation) -> None:
    wanted = {**spec.observation, "action": spec.action_size}
    given: dict[str, Moments] = {**norm.observation, "action": norm.action}
    for name in sorted(wanted.keys() | given.keys()):
        moments = given.get(name)
        if name not in wanted or moments is None:
            raise CheckpointError(f"The normalisation and the inputs disagree about {name[:80]!r}.")
        if not len(moments.mean) == len(moments.std) == wanted[name]:
            raise CheckpointError(
                f"The normalisation of {name[:80]!r} has not {wanted[name]} values."
            )
        if not all(math.isfinite(v) for v in moments.mean) or not all(
            0 < v < math.inf for v in moments.std
        ):
            raise CheckpointError(
                f"The normalisation of {name[:80]!r} holds values that scale nothing."
            )
