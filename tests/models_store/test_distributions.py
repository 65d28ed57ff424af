"""Steps-to-go and actions against closed forms."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from models_store.actions import DiagonalGaussian
from models_store.steps_to_go import Bins, StepsToGo

BINS = Bins(50, 2.8)


@given(steps=st.integers(0, 400))
def test_every_number_of_steps_falls_into_a_bin_around_it(steps: int) -> None:
    index = int(BINS.index(torch.tensor([float(steps)])))
    assert (index == 0) == (steps == 0), "arrival has a bin of its own"
    assert index == 49 or steps <= index * 2.8 + 1e-5
    assert index == 0 or steps > (index - 1) * 2.8 - 1e-5
    if steps <= 137:
        assert abs(float(BINS.centres()[index]) - steps) <= 1.4 + 1e-5


def certain(*bins: int) -> StepsToGo:
    logits = torch.full((len(bins), 50), -60.0)
    logits[torch.arange(len(bins)), torch.tensor(bins)] = 60.0
    return StepsToGo(logits, BINS)


def test_a_certain_answer_has_its_bin_as_mean_and_no_spread() -> None:
    answer = certain(0, 1, 10, 49)
    assert answer.mean.tolist() == pytest.approx([0.0, 1.4, 26.6, 135.8])
    assert answer.std.tolist() == pytest.approx([0.0] * 4, abs=1e-4)


def test_mean_spread_and_quantiles_of_an_even_answer() -> None:
    answer = StepsToGo(torch.zeros(1, 50), BINS)
    centres = np.array([0.0] + [(i - 0.5) * 2.8 for i in range(1, 50)])
    assert float(answer.mean) == pytest.approx(centres.mean(), rel=1e-5)
    assert float(answer.std) == pytest.approx(centres.std(), rel=1e-5)
    assert float(answer.quantile(0.5)) == pytest.approx(24 * 2.8, rel=1e-4)
    assert float(answer.quantile(0.01)) == 0.0
    assert float(answer.quantile(1.0)) == pytest.approx(49 * 2.8, rel=1e-4)


@given(st.lists(st.floats(-6, 6), min_size=50, max_size=50))
def test_quantiles_rise_and_stay_in_range(logits: list[float]) -> None:
    answer = StepsToGo(torch.tensor([logits]), BINS)
    values = [float(answer.quantile(q)) for q in (0.05, 0.25, 0.5, 0.75, 0.95)]
    assert values == sorted(values)
    assert 0.0 <= values[0] <= values[-1] <= 49 * 2.8 + 1e-3


def test_the_loss_is_the_negative_log_probability_of_the_right_bin() -> None:
    answer = StepsToGo(torch.zeros(3, 50), BINS)
    assert float(answer.loss(torch.tensor([0.0, 50.0, 139.0]))) == pytest.approx(math.log(50))
    assert float(certain(18).loss(torch.tensor([50.0]))) == pytest.approx(0.0, abs=1e-6)


def gaussian(mean: float, std: float, rows: int = 1) -> DiagonalGaussian:
    ones = torch.ones(rows, 2)
    return DiagonalGaussian(
        mean * ones, std * ones, torch.tensor([3.0, -1.0]), torch.tensor([2.0, 0.5])
    )


def test_log_prob_is_that_of_the_normalised_action() -> None:
    action = torch.tensor([[3.0 + 2.0 * 0.7, -1.0 + 0.5 * 0.2]])
    expected = sum(math.log(NormalDist(0.4, 0.3).pdf(value)) for value in (0.7, 0.2))
    assert float(gaussian(0.4, 0.3).log_prob(action)) == pytest.approx(expected, rel=1e-5)


def test_samples_have_the_mean_and_spread_they_should_and_repeat() -> None:
    answer = gaussian(0.5, 0.2, rows=20_000)
    drawn = answer.sample(torch.Generator().manual_seed(1))
    assert torch.equal(drawn, answer.sample(torch.Generator().manual_seed(1)))
    assert drawn.mean(0).tolist() == pytest.approx([4.0, -0.75], abs=0.01)
    assert drawn.std(0).tolist() == pytest.approx([0.4, 0.1], rel=0.03)
    assert answer.mode()[0].tolist() == pytest.approx([4.0, -0.75])


def test_kl_against_torch() -> None:
    normal = torch.distributions.Normal
    expected = 2 * torch.distributions.kl_divergence(normal(0.1, 0.5), normal(-0.2, 0.7))
    assert float(gaussian(0.1, 0.5).kl(gaussian(-0.2, 0.7))) == pytest.approx(float(expected))
    assert float(gaussian(0.1, 0.5).kl(gaussian(0.1, 0.5))) == pytest.approx(0.0, abs=1e-7)
