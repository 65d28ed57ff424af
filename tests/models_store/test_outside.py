"""What comes from outside is believed only as far as its bytes agree with each other."""

import json
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from models_store.checkpoint import EFMCheckpoint
from models_store.errors import LearningError
from models_store.outside import MANIFEST, OPTIMIZER, WEIGHTS, described, inspect
from models_store.trial import load_outside
from models_store.vlm_spec import VlmSpec
from tests.models_store.outside import laid_out, rewritten, small, with_weights
from tests.models_store.test_vlm import NORM, spec_of
from tests.models_store.tiny_vlms import make_base


def tensors(header: dict[str, Any], data: bytes = b"", *, length: int | None = None) -> bytes:
    """A safetensors file with this header."""
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def one(**changes: Any) -> dict[str, Any]:
    """The header of one tensor of two floats."""
    return {"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8], **changes}}


def test_a_checkpoint_is_known_by_its_files_alone(tmp_path: Path) -> None:
    made = replace(small(), optimizer={"w": torch.ones(2)}, parents={"policy": "a" * 64})
    folder = laid_out(made.files, tmp_path / "c")
    found = inspect(folder)
    assert (found.digest, found.spec, found.parents) == (made.digest, made.spec, made.parents)
    assert found.files == (WEIGHTS, OPTIMIZER, MANIFEST)
    assert found.parameters == sum(values.numel() for values in made.weights.values())
    assert load_outside(folder).digest == made.digest


def test_a_manifest_tells_what_is_to_come_before_it_is_here(tmp_path: Path) -> None:
    made = small()
    folder = laid_out({MANIFEST: made.files[MANIFEST]}, tmp_path / "c")
    found = described(folder)
    assert (found.digest, found.spec, found.files) == (made.digest, made.spec, (WEIGHTS, MANIFEST))
    with pytest.raises(LearningError, match="missing"):
        inspect(folder)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "declares a header"),
        (tensors(one(), bytes(8), length=1 << 40), "declares a header"),
        (struct.pack("<Q", 3) + b"[]x", "no JSON"),
        (struct.pack("<Q", 4000) + b"[" * 4000, "no JSON"),
        (tensors(one(), bytes(9)), "holds 9 bytes"),
        (tensors(one(shape=[2**40]), bytes(8)), "other bytes"),
        (tensors(one(shape=[-2]), bytes(8)), "type, shape or place"),
        (tensors(one(shape=[True, 2]), bytes(8)), "type, shape or place"),
        (tensors(one(dtype="X"), bytes(8)), "type, shape or place"),
        (tensors(one(more=1), bytes(8)), "no tensor"),
        (tensors(one() | {"v": one()["w"]}, bytes(8)), "overlap"),
        (tensors({"__metadata__": {"a": "b"}}), "no tensor"),
    ],
)
def test_a_header_that_lies_is_refused(data: bytes, reason: str, tmp_path: Path) -> None:
    folder = laid_out(with_weights(small().files, data), tmp_path / "c")
    with pytest.raises(LearningError, match=reason):
        inspect(folder)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"format": "other/1"}, "not efmweb-checkpoint"),
        ({"more": 1}, "unknown or missing keys: more"),
        ({"spec": {"architecture": "resnet"}}, "resnet"),
        ({"spec": small().spec.to_json() | {"depth": 3}}, "depth"),
        ({"spec": small().spec.to_json() | {"policy_hidden": [1 << 40]}}, "larger than"),
        ({"spec": small().spec.to_json() | {"policy_hidden": [2] * 100}}, "larger than"),
        ({"spec": small().spec.to_json() | {"action_size": "2"}}, "description|describe"),
        ({"normalisation": small(5).normalisation.to_json()}, "6 values"),
        ({"parents": {"policy": "x"}}, "no sha256"),
        ({"config": []}, "no object"),
        ({"code_revision": "x" * 999}, "no short text"),
        ({"sha256": {"../../secret": "0" * 64}}, "nothing else"),
        ({"sha256": {WEIGHTS: "0" * 64}}, "damaged"),
    ],
)
def test_a_manifest_that_lies_is_refused(
    changes: dict[str, Any], reason: str, tmp_path: Path
) -> None:
    folder = laid_out(rewritten(small().files, **changes), tmp_path / "c")
    with pytest.raises(LearningError, match=reason):
        inspect(folder)


def test_a_tampered_byte_and_another_layout_are_refused(tmp_path: Path) -> None:
    files = small().files
    spoiled = bytearray(files[WEIGHTS])
    spoiled[-1] ^= 1
    with pytest.raises(LearningError, match="damaged"):
        inspect(laid_out(files | {WEIGHTS: bytes(spoiled)}, tmp_path / "a"))
    dense = json.dumps(json.loads(files[MANIFEST])).encode()
    with pytest.raises(LearningError, match="laid out"):
        inspect(laid_out(files | {MANIFEST: dense}, tmp_path / "b"))
    endless = files[MANIFEST].replace(b"0.0", b"NaN", 1)
    with pytest.raises(LearningError, match="NaN is no number"):
        inspect(laid_out(files | {MANIFEST: endless}, tmp_path / "c"))


def test_weights_are_compared_with_the_description_before_they_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = small()
    other = rewritten(made.files, spec=made.spec.to_json() | {"policy_hidden": [1 << 20, 1 << 20]})

    def never(*_args: object, **_kwargs: object) -> None:
        raise AssertionError("weights were read")

    monkeypatch.setattr(EFMCheckpoint, "load", never)
    with pytest.raises(LearningError, match="do not fit the model"):
        load_outside(laid_out(other, tmp_path / "c"))


def test_weights_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    made = small()
    spoiled = {name: values * float("nan") for name, values in made.weights.items()}
    with pytest.raises(LearningError, match="not finite"):
        load_outside(laid_out(replace(made, weights=spoiled).files, tmp_path / "c"))


@pytest.mark.parametrize("base", ["missing", "/etc"])
def test_a_base_that_is_not_here_is_named_with_its_digest(
    base: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EFM_BASES", str(tmp_path / "bases"))
    made = small()
    spec = VlmSpec(
        base, "e" * 64, {"observation.images.front": (8, 8, 3)}, (-1.0,) * 2, (1.0,) * 2,
        observation={"observation.state": 6},
    )  # fmt: skip
    folder = laid_out(rewritten(made.files, spec=spec.to_json()), tmp_path / "c")
    with pytest.raises(LearningError, match=f"needs the base '{base}' with the sha256 {'e' * 64}"):
        load_outside(folder)


def test_adapters_are_loaded_on_the_base_that_is_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EFM_BASES", str(tmp_path / "bases"))
    base = make_base("smolvlm", tmp_path / "bases" / "tiny")
    spec = replace(spec_of(base), base="tiny")
    made = EFMCheckpoint.new(spec, NORM, seed=0)
    assert load_outside(laid_out(made.files, tmp_path / "a")).digest == made.digest
    other = replace(spec, base_digest="e" * 64).to_json()
    with pytest.raises(LearningError, match="the one here has"):
        load_outside(laid_out(rewritten(made.files, spec=other), tmp_path / "b"))
    wide = replace(spec, lora_rank=1 << 20).to_json()
    with pytest.raises(LearningError, match="rank 512"):
        load_outside(laid_out(rewritten(made.files, spec=wide), tmp_path / "c"))
