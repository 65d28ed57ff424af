"""Pretrained models in checkpoints, in training, and shared between policy and judge."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from models_store import vlm_backbone
from models_store.checkpoint import EFMCheckpoint
from models_store.errors import CheckpointError, LearningError
from models_store.instructions import Instructions
from models_store.vlm_base import load_base
from tests.models_store.test_vlm import NORM, built, seen, spec_of, told
from tests.models_store.tiny_vlms import make_base


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("bases")
    kinds = ("paligemma", "paligemma2", "smolvlm", "qwen2_vl", "qwen2_5_vl")
    return {kind: make_base(kind, folder / kind) for kind in kinds}


@pytest.mark.parametrize("readout", ["queries", "tokens"])
def test_adapters_alone_are_stored_and_come_back(
    readout: str, bases: dict[str, Path], tmp_path: Path
) -> None:
    model = built(spec_of(bases["smolvlm"], readout=readout))
    made = EFMCheckpoint(model.spec, NORM, {n: v.clone() for n, v in model.state_dict().items()})
    stored = {name for name in made.weights if name.startswith("backbone.")}
    assert stored
    assert all("lora_" in name and "text_model" in name for name in stored)
    made.save(tmp_path / "one")
    back = EFMCheckpoint.load(tmp_path / "one").build()
    for name, values in back.state_dict().items():
        assert torch.equal(values, made.weights[name]), name
    action = torch.zeros(2, 3)
    with torch.inference_mode():
        ours, theirs = (one.score(seen(2), told(0, 1), action)[0] for one in (model, back))
    assert torch.equal(ours, theirs)


def test_a_missing_adapter_is_missed(bases: dict[str, Path]) -> None:
    made = EFMCheckpoint.new(spec_of(bases["smolvlm"]), NORM, seed=0)
    name = next(name for name in made.weights if "lora_B" in name)
    weights = {key: values for key, values in made.weights.items() if key != name}
    with pytest.raises(CheckpointError, match="lora_B"):
        replace(made, weights=weights).build()


def test_full_training_stores_all_weights(bases: dict[str, Path], tmp_path: Path) -> None:
    spec = spec_of(bases["paligemma"], lora_rank=0, freeze_vision=False)
    made = EFMCheckpoint.new(spec, NORM, seed=0)
    weights = dict(made.weights)
    name = next(
        name for name in weights if "vision_tower" in name and name.endswith("q_proj.weight")
    )
    weights[name] = weights[name] + 1.0
    replace(made, weights=weights).save(tmp_path / "one")
    back = EFMCheckpoint.load(tmp_path / "one").build()
    assert torch.equal(back.state_dict()[name], weights[name])
    base = load_base(spec).model.state_dict()[name.removeprefix("backbone.model.")]
    assert torch.equal(base, made.weights[name]), "the base stays what it is"


def test_another_base_is_refused(tmp_path: Path) -> None:
    folder = make_base("smolvlm", tmp_path / "base")
    made = EFMCheckpoint.new(spec_of(folder), NORM, seed=0)
    made.save(tmp_path / "one")
    make_base("smolvlm", folder, seed=1)
    with pytest.raises(CheckpointError, match="not the one this model was made from"):
        EFMCheckpoint.load(tmp_path / "one").build()


def test_models_with_adapters_share_the_base(bases: dict[str, Path]) -> None:
    one, two = (built(spec_of(bases["smolvlm"]), seed=seed) for seed in (1, 2))
    shared = {id(p) for p in one.parameters()} & {id(p) for p in two.parameters()}
    assert len(shared) > 20
    for model in (one, two):
        assert not shared & {id(p) for p in model.policy_parameters()}
    full = built(spec_of(bases["smolvlm"], lora_rank=0))
    assert not {id(p) for p in full.parameters()} & {id(p) for p in one.parameters()}


@pytest.mark.parametrize("lora_rank", [4, 0])
@pytest.mark.parametrize("readout", ["queries", "tokens"])
def test_practice_trains_what_acts_and_nothing_that_sees_or_judges(
    readout: str, lora_rank: int, bases: dict[str, Path]
) -> None:
    model = built(spec_of(bases["qwen2_vl"], readout=readout, lora_rank=lora_rank))
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    acting = {names[id(parameter)] for parameter in model.policy_parameters()}
    judging = {names[id(parameter)] for parameter in model.judge_parameters()}
    assert not acting & judging
    assert not any("visual" in name for name in acting | judging)
    assert any("language_model" in name for name in acting)
    loss = model.policy(seen(2), told(0, 1)).log_prob(torch.zeros(2, 3)).sum()
    loss.backward()  # type: ignore[no-untyped-call]
    moved = {
        name
        for name, parameter in model.named_parameters()
        if parameter.grad is not None and bool(parameter.grad.any())
    }
    assert not any("visual" in name for name in moved)
    assert not acting - moved


@pytest.mark.parametrize("kind", ["paligemma2", "smolvlm", "qwen2_5_vl"])
@pytest.mark.parametrize("readout", ["queries", "tokens"])
def test_recomputing_changes_no_gradient(kind: str, readout: str, bases: dict[str, Path]) -> None:
    gradients, actions = [], []
    for on in (False, True):
        model = built(spec_of(bases[kind], readout=readout))
        model.set_recomputing(on)
        actions.append(model.policy(seen(2), told(0, 1)).sample(torch.Generator().manual_seed(0)))
        likelihood, progress = model.score(seen(2), told(0, 1), torch.zeros(2, 3))
        loss = progress.loss(torch.ones(2)) - likelihood.sum()
        loss.backward()  # type: ignore[no-untyped-call]
        gradients.append({n: p.grad for n, p in model.named_parameters() if p.grad is not None})
    assert torch.equal(*actions), "nothing remembered is lost while drawing"
    assert gradients[0].keys() == gradients[1].keys()
    for name, values in gradients[0].items():
        torch.testing.assert_close(gradients[1][name], values, atol=1e-4, rtol=1e-4)


def test_what_sees_recomputes_from_the_first_step_on(bases: dict[str, Path]) -> None:
    """Whoever computes activations again looks twice at each step, after a validation as well."""
    model = built(spec_of(bases["smolvlm"], lora_rank=0, freeze_vision=False))
    model.set_recomputing(True)
    looked: list[int] = []
    layer = model.backbone.model.vision_model.encoder.layers[0].self_attn
    layer.register_forward_hook(lambda *_: looked.append(1))

    def looks(*, learning: bool) -> int:
        looked.clear()
        with torch.set_grad_enabled(learning):
            said = model.steps_to_go(seen(2), told(0, 1)).mean.sum()
        if learning:
            said.backward()  # type: ignore[no-untyped-call]
        return len(looked)

    times = [looks(learning=learning) for learning in (True, True, False, True)]
    assert times == [2 * times[2], 2 * times[2], times[2], 2 * times[2]]


def test_practice_shows_few_pictures_at_once_to_what_it_does_not_train(
    bases: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vlm_backbone, "_PICTURES_AT_ONCE", 3)
    model = built(spec_of(bases["smolvlm"], lora_rank=0, freeze_vision=False))
    sizes: list[int] = []
    look = model.backbone.model.get_image_features

    def get_image_features(pixel_values: torch.Tensor, **more: Any) -> Any:
        sizes.append(len(pixel_values))
        return look(pixel_values=pixel_values, **more)

    monkeypatch.setattr(model.backbone.model, "get_image_features", get_image_features)
    model.steps_to_go(seen(8), told(*[0] * 8))
    whole = list(sizes)
    acting = {id(one) for one in model.policy_parameters()}
    for parameter in model.parameters():
        parameter.requires_grad_(id(parameter) in acting)
    sizes.clear()
    model.steps_to_go(seen(8), told(*[0] * 8))
    assert max(whole) >= 8
    assert max(sizes) == 3
    assert sum(sizes) == sum(whole)


def test_half_precision_is_near_and_what_learns_is_whole(bases: dict[str, Path]) -> None:
    model = built(spec_of(bases["smolvlm"]))
    with torch.inference_mode():
        exact = model.steps_to_go(seen(2), told(0, 1)).logits
        model.set_precision("bfloat16")
        near = model.steps_to_go(seen(2), told(0, 1)).logits
    assert near.dtype == torch.float32
    assert not torch.equal(near, exact)
    torch.testing.assert_close(near, exact, atol=0.3, rtol=0.1)
    small = built(spec_of(bases["smolvlm"], dtype="bfloat16"))
    assert {p.dtype for p in small.parameters() if p.requires_grad} == {torch.float32}
    assert {p.dtype for p in small.parameters() if not p.requires_grad} == {torch.bfloat16}
    with torch.inference_mode():
        logits = small.steps_to_go(seen(2), told(0, 1)).logits
    torch.testing.assert_close(logits, exact, atol=0.3, rtol=0.1)


@pytest.mark.parametrize("readout", ["queries", "tokens"])
def test_spread_and_kl(readout: str, bases: dict[str, Path]) -> None:
    one, two = (built(spec_of(bases["smolvlm"], readout=readout), seed) for seed in (1, 2))
    with torch.inference_mode():
        ours, theirs = (model.policy(seen(3), told(0, 1, 2)) for model in (one, two))
        assert torch.allclose(ours.kl(ours), torch.zeros(3), atol=1e-6)
        assert (ours.kl(theirs) > 0).all()
        assert 0 < float(ours.spread()) < 2
        assert ours.mode().shape == (3, 3)


def test_nobody_writes_pictures_into_an_instruction(bases: dict[str, Path]) -> None:
    model = built(spec_of(bases["smolvlm"]))
    texts = ("push the red moon", "push the <image> red<end_of_utterance> moon", "<image>")
    one, two, none = (Instructions((text,), np.zeros(1, dtype=np.int64)) for text in texts)
    with torch.inference_mode():
        plain, sly = (model.steps_to_go(seen(1), asked).logits for asked in (one, two))
        assert torch.equal(plain, sly)
        with pytest.raises(LearningError, match="holds no word"):
            model.steps_to_go(seen(1), none)
