"""Action tokens against torch's own categorical distribution and closed forms."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from models_store.actions import CategoricalActions

CENTRES = torch.stack([torch.linspace(-0.03, 0.03, 21), torch.linspace(0.0, 2.0, 21)])
SCALE = torch.tensor([0.01, 0.5])


def answer(logits: Tensor, temperature: float = 1.0) -> CategoricalActions:
    return CategoricalActions(logits, CENTRES, SCALE, temperature)


def noise(rows: int = 6, seed: int = 0) -> Tensor:
    return torch.randn(rows, 2, 21, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("temperature", [1.0, 0.7, 2.5])
def test_log_prob_is_that_of_the_nearest_bin_at_the_temperature(temperature: float) -> None:
    logits, token = noise(), torch.randint(0, 21, (6, 2))
    action = torch.stack([CENTRES[0][token[:, 0]], CENTRES[1][token[:, 1]]], dim=-1)
    nudged = action + torch.tensor([0.4 * 0.003, -0.4 * 0.1])
    right = torch.log_softmax(logits / temperature, dim=-1)
    expected = right.gather(-1, token.unsqueeze(-1)).sum(dim=(-2, -1))
    for asked in (action, nudged):
        torch.testing.assert_close(answer(logits, temperature).log_prob(asked), expected)


def test_actions_beyond_the_ends_fall_into_the_outermost_bins() -> None:
    token = answer(noise(2)).tokens(torch.tensor([[-1.0, 9.0], [0.5, -9.0]]))
    assert token.tolist() == [[0, 20], [20, 0]]


def test_samples_are_bin_centres_in_the_right_shares_and_repeat() -> None:
    logits = noise(1).expand(40_000, -1, -1)
    for temperature in (1.0, 0.5):
        made = answer(logits, temperature)
        drawn = made.sample(torch.Generator().manual_seed(3))
        assert torch.equal(drawn, made.sample(torch.Generator().manual_seed(3)))
        token = made.tokens(drawn)
        assert torch.equal(drawn[:, 0], CENTRES[0][token[:, 0]])
        share = torch.bincount(token[:, 1], minlength=21) / len(token)
        expected = torch.softmax(logits[0, 1] / temperature, dim=-1)
        torch.testing.assert_close(share, expected, atol=0.01, rtol=0.0)


def test_a_low_temperature_is_nearly_the_mode_and_a_high_one_nearly_even() -> None:
    logits = noise()
    cold = answer(logits, 0.001)
    assert torch.equal(cold.sample(torch.Generator().manual_seed(0)), cold.mode())
    assert torch.equal(cold.mode(), answer(logits).mode())
    even = answer(logits, 1e6)
    step = 0.06 / 20
    std = step * math.sqrt((21**2 - 1) / 12)
    assert float(even.spread()) == pytest.approx((std / 0.01 + std / 0.03 / 0.5) / 2, rel=1e-3)
    assert float(cold.spread()) == pytest.approx(0.0, abs=1e-3)


def test_kl_against_torch() -> None:
    one, two = noise(seed=1), noise(seed=2)
    kind = torch.distributions.Categorical
    expected = torch.distributions.kl_divergence(kind(logits=one / 0.7), kind(logits=two / 0.7))
    torch.testing.assert_close(answer(one, 0.7).kl(answer(two, 0.7)), expected.sum(-1))
    torch.testing.assert_close(answer(one).kl(answer(one)), torch.zeros(6), atol=1e-6, rtol=0.0)


def test_the_gradient_is_the_softmax_of_the_tempered_logits() -> None:
    logits = noise(1).requires_grad_()
    made = answer(logits, 0.5)
    (grad,) = torch.autograd.grad(made.log_prob(torch.tensor([[0.0, 1.0]])).sum(), logits)
    hot = torch.zeros(21)
    hot[10] = 1.0
    expected = (hot - torch.softmax(logits.detach()[0, 0] / 0.5, dim=-1)) / 0.5
    torch.testing.assert_close(grad[0, 0], expected)
