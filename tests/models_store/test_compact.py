"""The compact image model: shapes, one answer per content, and what Stage 2 may touch."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from models_store.actions import CategoricalActions, DiagonalGaussian
from models_store.checkpoint import EFMCheckpoint
from models_store.compact import CompactEFM
from models_store.compact_spec import CompactSpec
from models_store.errors import LearningError
from models_store.instructions import Instructions
from models_store.normalisation import Moments, Normalisation
from models_store.specs import spec_from_json

TOP, STATE = "observation.images.top", "observation.state"
SPEC = CompactSpec(
    cameras={TOP: (24, 32, 3)},
    observation={STATE: 2},
    previous=(TOP,),
    action_low=(-0.03, -0.03),
    action_high=(0.03, 0.03),
    queries=4,
    policy_hidden=(32, 32),
    distance_hidden=(24,),
)
NORM = Normalisation({STATE: Moments((0.1, 0.2), (1.0, 2.0))}, Moments((0.0, 0.0), (0.01, 0.02)))
TEXTS = ("push the red moon to the blue cube", "push the blue cube to the red moon", "stop")


def seen(rows: int, seed: int = 0) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    shape = (rows, 24, 32, 3)
    return {
        name: torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)
        for name in (TOP, f"{TOP}.previous")
    } | {STATE: torch.randn(rows, 2, generator=generator), "observation.truth": torch.ones(rows, 9)}


def built(checkpoint: EFMCheckpoint) -> CompactEFM:
    model = checkpoint.build()
    assert isinstance(model, CompactEFM)
    return model


def told(*index: int) -> Instructions:
    return Instructions(TEXTS, np.array(index, dtype=np.int64))


@pytest.fixture(scope="module")
def checkpoint() -> EFMCheckpoint:
    return EFMCheckpoint.new(SPEC, NORM, seed=1)


def test_shapes_and_ranges(checkpoint: EFMCheckpoint) -> None:
    model = checkpoint.build()
    acts, steps = model.both(seen(5), told(0, 1, 2, 0, 0))
    action = acts.sample(torch.Generator().manual_seed(0))
    assert action.shape == (5, 2)
    assert float(action.abs().max()) <= 0.03 + 1e-6
    assert steps.logits.shape == (5, 61)
    assert torch.equal(steps.mean, model.steps_to_go(seen(5), told(0, 1, 2, 0, 0)).mean)
    assert torch.equal(acts.mode(), model.policy(seen(5), told(0, 1, 2, 0, 0)).mode())


def test_the_shipped_size() -> None:
    spec = CompactSpec({TOP: (48, 64, 3)}, (-0.03,) * 2, (0.03,) * 2, {STATE: 2}, previous=(TOP,))
    made = EFMCheckpoint.new(spec, NORM, seed=0)
    assert sum(weights.numel() for weights in made.weights.values()) < 600_000


def test_save_and_load_give_the_same_digest_and_the_same_answers(
    checkpoint: EFMCheckpoint, tmp_path: Path
) -> None:
    digest = checkpoint.save(tmp_path / "one")
    back = EFMCheckpoint.load(tmp_path / "one", digest=digest)
    assert back.spec == SPEC
    a, b = checkpoint.build(), back.build()
    asked = told(0, 1, 2)
    log_p = [model.policy(seen(3), asked).log_prob(torch.zeros(3, 2)) for model in (a, b)]
    assert torch.equal(*log_p)
    assert torch.equal(a.steps_to_go(seen(3), asked).probs, b.steps_to_go(seen(3), asked).probs)


def test_a_file_keeps_the_order_of_features(tmp_path: Path) -> None:
    """Weights belong to places in a row of numbers, whatever order a robot names its features in."""
    other, side = "observation.hands", "observation.images.side"
    spec = replace(SPEC, observation={STATE: 2, other: 3}, cameras=SPEC.cameras | {side: (8, 8, 3)})
    moments = NORM.observation | {other: Moments((0.0,) * 3, (1.0,) * 3)}
    made = EFMCheckpoint.new(spec, replace(NORM, observation=moments), seed=1)
    made.save(tmp_path / "one")
    given = seen(3) | {other: torch.randn(3, 3), side: torch.zeros(3, 8, 8, 3, dtype=torch.uint8)}
    one, two = (built(c).judge for c in (made, EFMCheckpoint.load(tmp_path / "one")))
    looks = [
        built(c).look(given, told(0, 1, 2)) for c in (made, EFMCheckpoint.load(tmp_path / "one"))
    ]
    assert torch.equal(*looks)
    assert torch.equal(one(looks[0]).logits, two(looks[1]).logits)
    assert list(spec.observation) == sorted(spec.observation)


def test_seeds_decide_the_weights(checkpoint: EFMCheckpoint) -> None:
    assert EFMCheckpoint.new(SPEC, NORM, seed=1).digest == checkpoint.digest
    assert EFMCheckpoint.new(SPEC, NORM, seed=2).digest != checkpoint.digest


def test_a_row_is_answered_the_same_in_any_company(checkpoint: EFMCheckpoint) -> None:
    model, rows = checkpoint.build(), seen(6)
    asked = told(2, 0, 1, 2, 0, 1)
    together = model.steps_to_go(rows, asked).logits
    for i in range(6):
        alone = {name: values[i : i + 1] for name, values in rows.items()}
        answer = model.steps_to_go(alone, asked.rows(np.array([i]))).logits
        torch.testing.assert_close(answer[0], together[i], atol=1e-4, rtol=1e-4)


def test_picture_previous_picture_words_and_state_all_matter(checkpoint: EFMCheckpoint) -> None:
    model, rows = checkpoint.build(), seen(1)
    base = model.steps_to_go(rows, told(0)).logits
    for name in (TOP, f"{TOP}.previous", STATE):
        other = rows | {name: seen(1, seed=9)[name]}
        assert not torch.allclose(model.steps_to_go(other, told(0)).logits, base), name
    assert not torch.allclose(model.steps_to_go(rows, told(1)).logits, base), "word order counts"
    other = rows | {"observation.truth": torch.zeros(1, 9)}
    assert torch.equal(model.steps_to_go(other, told(0)).logits, base), "truth is never read"


def test_words_never_seen_and_long_texts_are_answered(checkpoint: EFMCheckpoint) -> None:
    text = "kindly " * 40 + "nudge the crimson crescent"
    logits = checkpoint.build().steps_to_go(seen(2), Instructions.same(text, 2)).logits
    assert torch.isfinite(logits).all()


def test_practice_trains_the_actor_and_leaves_the_judge_alone(checkpoint: EFMCheckpoint) -> None:
    model = checkpoint.build()
    assert isinstance(model, CompactEFM)
    trained = {id(parameter) for parameter in model.policy_parameters()}
    names = {name for name, p in model.named_parameters() if id(p) in trained}
    assert names
    assert all(name.startswith("actor") for name in names)


def test_sixteen_bits_answer_nearly_the_same(checkpoint: EFMCheckpoint) -> None:
    exact, rough = checkpoint.build(), checkpoint.build()
    rough.set_precision("bfloat16")
    a = exact.steps_to_go(seen(4), told(0, 1, 2, 0))
    b = rough.steps_to_go(seen(4), told(0, 1, 2, 0))
    assert b.logits.dtype == torch.float32
    torch.testing.assert_close(b.mean, a.mean, atol=0.5, rtol=0.05)


def test_the_temperature_is_part_of_the_description(checkpoint: EFMCheckpoint) -> None:
    cool = replace(checkpoint, spec=replace(SPEC, temperature=0.5))
    assert cool.digest != checkpoint.digest
    one, half = (made.build().policy(seen(2), told(0, 1)) for made in (checkpoint, cool))
    assert isinstance(one, CategoricalActions)
    assert isinstance(half, CategoricalActions)
    sharper = torch.log_softmax(2.0 * one.log_probs, dim=-1)
    torch.testing.assert_close(half.log_probs, sharper)


def test_without_tokens_actions_are_numbers_and_temperature_is_their_variance(
    checkpoint: EFMCheckpoint,
) -> None:
    spec = replace(SPEC, action_bins=0)
    plain = EFMCheckpoint.new(spec, NORM, seed=1)
    cool = replace(plain, spec=replace(spec, temperature=0.25))
    answer, cooler = (one.build().policy(seen(3), told(0, 1, 0)) for one in (plain, cool))
    assert isinstance(answer, DiagonalGaussian)
    assert isinstance(cooler, DiagonalGaussian)
    assert torch.equal(answer.mean, cooler.mean)
    assert torch.allclose(0.5 * answer.std, cooler.std)
    assert float(answer.std.detach().min()) >= spec.std_floor
    inside = answer.mode() - torch.tensor(NORM.action.mean)
    assert torch.allclose(inside / torch.tensor(NORM.action.std), answer.mean, atol=1e-6)
    assert sum(p.numel() for p in plain.build().policy_parameters()) < sum(
        p.numel() for p in checkpoint.build().policy_parameters()
    )


def test_calibrated_heads_see_differences_in_units_of_their_spread(tmp_path: Path) -> None:
    made = EFMCheckpoint.new(replace(SPEC, calibrated=True), NORM, seed=1)
    plain = built(EFMCheckpoint.new(SPEC, NORM, seed=1))
    model = built(made)
    sight = model.look(seen(64), told(*[0, 1] * 32)).detach()
    assert torch.equal(model.act(sight).mode(), plain.act(sight).mode())  # nothing is known yet
    model.calibrate(sight)
    scaled = (sight - sight.mean(dim=0)) / sight.std(dim=0).clamp(min=1e-3)
    torch.testing.assert_close(model.judge(sight).logits, plain.judge(scaled).logits)
    weights = {name: values.detach().clone() for name, values in model.state_dict().items()}
    replace(made, weights=weights).save(tmp_path / "one")
    back = built(EFMCheckpoint.load(tmp_path / "one"))
    assert torch.equal(back.judge(sight).logits, model.judge(sight).logits)
    plain.calibrate(sight)
    torch.testing.assert_close(plain.judge(scaled).logits, model.judge(sight).logits)


def test_spec_json_both_ways_and_what_is_refused() -> None:
    assert spec_from_json(json.loads(json.dumps(SPEC.to_json()))) == SPEC
    with pytest.raises(LearningError, match="'depth'"):
        spec_from_json({**SPEC.to_json(), "depth": 3})
    with pytest.raises(LearningError, match="mlp, compact"):
        spec_from_json({**SPEC.to_json(), "architecture": "giant"})
    with pytest.raises(LearningError, match="cannot look back"):
        replace(SPEC, previous=("observation.images.wrist",))
    with pytest.raises(LearningError, match="low below a high"):
        replace(SPEC, action_low=(0.1, -0.03))
    with pytest.raises(LearningError, match="8 pixels"):
        replace(SPEC, cameras={TOP: (4, 4, 3)}, previous=())
    with pytest.raises(LearningError, match="temperature"):
        replace(SPEC, temperature=0.0)
    with pytest.raises(LearningError, match="2 or more, or 0 for none"):
        replace(SPEC, action_bins=1)
    with pytest.raises(LearningError, match="no model description"):
        spec_from_json({"architecture": "compact"})
