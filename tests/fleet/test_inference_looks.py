"""What is seen is used as often as it may be, and no number changes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from models_store.checkpoint import EFMCheckpoint
from models_store.compact import CompactEFM
from models_store.instructions import Instructions
from models_store.vlm_backbone import Backbone
from practice.fleet.drivers import Judge
from practice.fleet.inference.server import InferenceServer
from practice.fleet.inference.thinking import Thinker
from tests.fleet.asking import NORM, SPEC, TEXT, TOP, Clock, asked, episode, model, sight, vlm
from tests.models_store.tiny_vlms import make_base


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_base("smolvlm", tmp_path_factory.mktemp("bases") / "smolvlm")


@pytest.fixture
def pictures(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many the vision tower was shown, each time."""
    shown: list[int] = []
    features = Backbone._features

    def counted(self: Backbone, name: str, given: torch.Tensor, *, learns: bool) -> Any:
        if given.any():  # black ones only tell how much is seen
            shown.append(len(given))
        return features(self, name, given, learns=learns)

    monkeypatch.setattr(Backbone, "_features", counted)
    return shown


def test_policy_and_judge_share_a_look_where_they_see_alike(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looks: list[int] = []
    look = CompactEFM.look

    def counted(self: CompactEFM, observation: Any, asked: Instructions) -> torch.Tensor:
        looks.append(len(asked))
        return look(self, observation, asked)

    monkeypatch.setattr(CompactEFM, "look", counted)
    policy, judge = model(0), EFMCheckpoint.new(SPEC, NORM, seed=0).build()
    shared = asked(InferenceServer(Thinker(policy, judge), clock=Clock()), "a", 1)[0]
    assert looks == [1]
    alone = asked(InferenceServer(Thinker(policy, policy), clock=Clock()), "a", 1)[0]
    assert looks == [1, 1]
    asked(InferenceServer(Thinker(policy, model(1)), clock=Clock()), "a", 1)
    assert looks == [1, 1, 1, 1], "each for itself"
    assert shared.distance == pytest.approx(alone.distance)


def test_each_picture_is_looked_at_once_in_its_life(base: Path, pictures: list[int]) -> None:
    """The previous picture was the newest one before; only after a lost question has nobody looked at it yet."""
    server = InferenceServer(Thinker(vlm(base), vlm(base, seed=1)), clock=Clock())
    asked(server, "a", 1)
    pictures.clear()
    asked(server, "a", 2, first=1)
    assert pictures == [1, 1]
    server.ask("a", sight(8), TEXT, deadline_s=10.0)
    asked(server, "a", 1, first=9)
    assert pictures == [1, 1, 2]


@pytest.mark.parametrize("same", [True, False])
def test_a_new_checkpoint_uses_what_was_seen_if_it_sees_alike(
    same: bool, base: Path, pictures: list[int], tmp_path: Path
) -> None:
    """Others were made from another base, and see otherwise."""
    newer = vlm(base if same else make_base("smolvlm", tmp_path / "other", seed=9), seed=4)
    server = InferenceServer(Thinker(vlm(base)), clock=Clock())
    asked(server, "a", 1)
    server.swap(Thinker(newer))
    pictures.clear()
    answer = asked(server, "a", 1, first=1)[0]
    assert pictures == ([1] if same else [2])
    straight = InferenceServer(Thinker(newer), clock=Clock())
    asked(straight, "a", 1)
    right = asked(straight, "a", 1, first=1)[0]
    np.testing.assert_allclose(answer.action, right.action)
    assert answer.log_prob == pytest.approx(right.log_prob, abs=2e-5)


def test_labels_look_at_each_picture_once(base: Path, pictures: list[int]) -> None:
    judge, whole = vlm(base, seed=1), episode(6)
    whole[f"{TOP}.previous"] = np.concatenate([whole[TOP][:1], whole[TOP][:-1]])
    right = Judge(judge)(whole, Instructions.same(TEXT, 6), details=False).distance
    pictures.clear()
    found = Thinker(vlm(base), judge).distances(episode(6), TEXT, 2, 6)
    assert pictures == [5], "and that before the first of the piece"
    np.testing.assert_allclose(found, right[2:], atol=1e-4)
