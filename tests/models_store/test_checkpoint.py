"""Checkpoints: one digest for one content, and damage is never loaded."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from models_store.checkpoint import EFMCheckpoint
from models_store.errors import CheckpointError, LearningError
from models_store.instructions import Instructions
from models_store.normalisation import Moments, Normalisation
from models_store.spec import ModelSpec

SPEC = ModelSpec(
    {"observation.state": 3}, action_size=2, policy_hidden=(5,), distance_hidden=(4, 4)
)
NORM = Normalisation(
    {"observation.state": Moments((0.1, 0.2, 0.3), (1.0, 2.0, 1 / 3))},
    Moments((0.0, 1.0), (0.5, 2.0)),
)


def make(seed: int = 0) -> EFMCheckpoint:
    checkpoint = EFMCheckpoint.new(SPEC, NORM, seed=seed)
    return replace(checkpoint, config={"steps": 3}, parents={"policy": "ab"}, code_revision="x 1")


def test_save_and_load_give_the_same_digest_and_the_same_answers(tmp_path: Path) -> None:
    made = replace(make(), optimizer={"w/exp_avg": torch.ones(2)})
    digest = made.save(tmp_path / "one")
    back = EFMCheckpoint.load(tmp_path / "one", digest=digest)
    assert back.digest == digest == made.digest
    assert (back.config, back.parents, back.spec, back.normalisation) == (
        made.config, made.parents, SPEC, NORM,
    )  # fmt: skip
    rows = {"observation.state": torch.randn(7, 3)}
    same = Instructions.same("go", 7)
    a, b = made.build(), back.build()
    assert torch.equal(a.policy(rows, same).mode(), b.policy(rows, same).mode())
    assert torch.equal(a.steps_to_go(rows, same).probs, b.steps_to_go(rows, same).probs)


def test_the_seed_decides_the_weights_and_disturbs_nobody() -> None:
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    assert make(4).digest == make(4).digest != make(5).digest
    make(4).build()
    assert torch.equal(torch.rand(3), expected)


def test_every_part_of_the_history_changes_the_digest() -> None:
    digests = {
        make().digest,
        replace(make(), config={"steps": 4}).digest,
        replace(make(), parents={"policy": "cd"}).digest,
        replace(make(), code_revision="x 2").digest,
        replace(make(), optimizer={"w": torch.zeros(1)}).digest,
    }
    assert len(digests) == 5


@pytest.mark.parametrize("name", ["model.safetensors", "manifest.json"])
def test_a_flipped_byte_is_noticed(name: str, tmp_path: Path) -> None:
    digest = make().save(tmp_path / "c")
    data = bytearray((tmp_path / "c" / name).read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "c" / name).write_bytes(bytes(data))
    with pytest.raises(CheckpointError):
        EFMCheckpoint.load(tmp_path / "c", digest=digest)


def test_a_missing_file_and_another_checkpoint_are_refused(tmp_path: Path) -> None:
    make().save(tmp_path / "c")
    with pytest.raises(CheckpointError, match="is not the checkpoint"):
        EFMCheckpoint.load(tmp_path / "c", digest="0" * 64)
    (tmp_path / "c" / "model.safetensors").unlink()
    with pytest.raises(CheckpointError, match="cannot be read"):
        EFMCheckpoint.load(tmp_path / "c")
    with pytest.raises(CheckpointError, match="never overwritten"):
        make().save(tmp_path / "c")


def test_a_manifest_cannot_name_other_files(tmp_path: Path) -> None:
    make().save(tmp_path / "c")
    manifest = tmp_path / "c" / "manifest.json"
    data = json.loads(manifest.read_text())
    data["sha256"]["../../secret"] = "0"
    manifest.write_text(json.dumps(data))
    with pytest.raises(CheckpointError, match="unexpected file"):
        EFMCheckpoint.load(tmp_path / "c")


def test_weights_that_do_not_fit_are_refused() -> None:
    other = EFMCheckpoint.new(replace(SPEC, policy_hidden=(6,)), NORM, seed=0)
    with pytest.raises(CheckpointError, match="do not fit"):
        replace(make(), weights=other.weights).build()


def test_spec_json_both_ways_and_unknown_keys() -> None:
    assert ModelSpec.from_json(json.loads(json.dumps(SPEC.to_json()))) == SPEC
    with pytest.raises(LearningError, match="'depth'"):
        ModelSpec.from_json({**SPEC.to_json(), "depth": 3})
    with pytest.raises(LearningError, match="relu, silu, tanh"):
        replace(SPEC, activation="gelu")
    with pytest.raises(LearningError):
        ModelSpec.from_json({"action_size": 2})
