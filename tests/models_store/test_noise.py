"""What one row draws is its own affair, and its log p is that of the policy that drew it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from models_store.actions import ActionDistribution, CategoricalActions, DiagonalGaussian
from tests.models_store.test_vlm import bases, built, row, seen, spec_of, told

__all__ = ["bases"]


def generators(*seeds: int) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(seed) for seed in seeds]


def normal(rows: int) -> DiagonalGaussian:
    mean = torch.randn(4, 2, generator=torch.Generator().manual_seed(0))[:rows]
    return DiagonalGaussian(mean, mean.exp(), torch.tensor([0.5, 0.0]), torch.tensor([2.0, 0.1]))


def tokens(rows: int) -> CategoricalActions:
    logits = torch.randn(4, 2, 9, generator=torch.Generator().manual_seed(0))[:rows]
    return CategoricalActions(logits, torch.linspace(-1, 1, 9).repeat(2, 1), torch.ones(2), 0.7)


@pytest.mark.parametrize("made", [normal, tokens])
def test_a_row_with_a_generator_of_its_own_draws_the_same_in_any_company(made: object) -> None:
    assert callable(made)
    answer: ActionDistribution = made(4)
    drawn, log_prob = answer.sample_and_log_prob(generators(5, 6, 7, 8))
    alone, chance = made(1).sample_and_log_prob(generators(5))
    torch.testing.assert_close(drawn[:1], alone)
    torch.testing.assert_close(log_prob[:1], chance)
    torch.testing.assert_close(log_prob, answer.log_prob(drawn))
    assert not torch.equal(drawn, answer.sample(generators(5, 6, 7, 9)))


def test_a_row_needs_no_more_than_its_generator() -> None:
    with pytest.raises(AssertionError, match="generator of its own"):
        tokens(4).sample(generators(1, 2))


@pytest.mark.parametrize("readout", ["queries", "tokens"])
def test_pretrained_models_draw_row_by_row_too(readout: str, bases: dict[str, Path]) -> None:
    model = built(spec_of(bases["smolvlm"], readout=readout))
    with torch.inference_mode():
        answer = model.policy(seen(3), told(0, 1, 2))
        drawn, log_prob = answer.sample_and_log_prob(generators(5, 6, 7))
        again = model.policy(seen(3), told(0, 1, 2)).log_prob(drawn)
        lone = model.policy(row(seen(3), 1), told(1)).sample(generators(6))
    torch.testing.assert_close(log_prob, again, atol=2e-5, rtol=0)
    torch.testing.assert_close(drawn[1:2], lone)


@pytest.mark.parametrize("kind", ["paligemma", "smolvlm", "qwen2_5_vl", "qwen3_vl", "llava"])
def test_a_picture_is_seen_alike_as_the_newest_and_as_the_one_before(
    kind: str, bases: dict[str, Path]
) -> None:
    """So it need be looked at once only, whichever of the cameras look back."""
    model = built(spec_of(bases[kind]))
    before, now = seen(3, seed=1), seen(3, seed=2)
    for name in model.spec.previous:
        now[f"{name}.previous"] = before[name]
    with torch.inference_mode():
        whole = model.look(now, told(0, 1, 2))
        joined = model.joined(model.glance(now), model.glance(before))
        other = model.joined(model.glance(before), model.glance(now))
    torch.testing.assert_close(joined, whole, atol=2e-5, rtol=0)
    assert _distance(other, whole) > 1e-2, "the order of the two matters"


def _distance(one: Tensor, other: Tensor) -> float:
    return float((one - other).abs().max())
