"""Learning from what was seen is learning from the pictures."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from models_store.compact import CompactEFM
from models_store.efm import EFM, SEEN
from practice.fleet.loop import Fleet
from practice.learning import reinforce
from practice.learning.collecting import Batch, Collected, collect_episodes, collect_window
from practice.learning.config import PracticeConfig
from tests.fleet.test_sight import checkpoint, fleet
from tests.learning.picture_world import CAMERA, Dots

Way = Callable[[], Collected]


def by_episode() -> Collected:
    return collect_episodes(made(trace=True), 40, 0.9, 1, "cpu")


def by_window() -> Collected:
    return collect_window(made(trace=False), 6, 0.9, 1, "cpu")


def made(*, trace: bool) -> Fleet:
    return fleet(Dots(), trace=trace)


def learned(
    batch: Batch, config: PracticeConfig | None = None
) -> tuple[float, dict[str, float], list[Tensor]]:
    """Loss, drift and gradients of a fresh policy."""
    model: EFM = checkpoint(Dots()).build()
    loss = reinforce.add_gradient(model, batch, config or PracticeConfig())
    drift = reinforce.drift(model, checkpoint(Dots(), seed=0).build(), batch)
    grown = [parameter.grad for parameter in model.policy_parameters()]
    return loss, drift, [grad for grad in grown if grad is not None]


@pytest.mark.parametrize("way", [by_episode, by_window])
def test_updates_from_what_was_seen_are_updates_from_pictures(
    way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = way().batch
    monkeypatch.setattr(CompactEFM, "looks_like", lambda *_: False)
    two = way().batch
    assert list(one.observation) == [SEEN]
    assert CAMERA in two.observation
    torch.testing.assert_close(one.action, two.action)
    torch.testing.assert_close(one.returns, two.returns, rtol=1e-3, atol=1e-3)
    ours, theirs = learned(one), learned(two)
    assert ours[0] == pytest.approx(theirs[0], rel=1e-2, abs=1e-4)
    assert ours[1] == pytest.approx(theirs[1], rel=1e-2, abs=1e-6)
    assert len(ours[2]) == len(theirs[2]) == len(checkpoint(Dots()).build().policy_parameters())
    for a, b in zip(ours[2], theirs[2], strict=True):
        assert float(a.abs().max()) > 0
        torch.testing.assert_close(a, b, rtol=1e-2, atol=1e-5)


@pytest.mark.parametrize("way", [by_episode, by_window])
def test_no_picture_is_looked_at_again(way: Way, monkeypatch: pytest.MonkeyPatch) -> None:
    batch = way().batch

    def refuse(*_: object) -> Tensor:
        raise AssertionError("looked again")

    monkeypatch.setattr(CompactEFM, "look", refuse)
    learned(batch)


def test_an_update_in_parts_has_the_gradient_of_the_whole() -> None:
    batch = by_window().batch
    config = PracticeConfig(normalise_returns="scale", clip_returns=2.0)
    whole, parts = (learned(batch, config.replace(accumulate=count)) for count in (1, 4))
    assert parts[0] == pytest.approx(whole[0], rel=1e-4, abs=1e-7)
    for a, b in zip(parts[2], whole[2], strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-6)
