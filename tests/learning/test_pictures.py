"""Both stages on a world that can only be solved by looking and reading."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from models_store.checkpoint import EFMCheckpoint
from models_store.compact_spec import CompactSpec
from models_store.instructions import Instructions
from models_store.state_file import load_tree, save_tree
from practice.learning.config import EvaluationConfig, PracticeConfig, SFTConfig
from practice.learning.data import Demonstrations
from practice.learning.errors import LearningError
from practice.learning.evaluation import Evaluation
from practice.learning.self_improvement import SelfImprovement
from practice.learning.sft import SFT
from practice.learning.types import TaskFacts, Work
from tests.learning.picture_world import (
    CAMERA,
    SPEC,
    STATE,
    TEXTS,
    Dots,
    demonstrations,
    draw,
)

STAGE1 = SFTConfig(
    seed=1, steps=600, batch_size=48, learning_rate=3e-3, schedule="cosine", clip_gradient=1.0, mirror=True,
    policy_width=64, reward_width=64, queries=8, arrival="end", validate_every=200,
    precision="float32",
)  # fmt: skip
STAGE2 = PracticeConfig(
    seed=1, num_robots=48, iterations=24, updates=2, batch_size=192, normalise_returns="scale",
    clip_returns=5.0, learning_rate=6e-3, carry_optimizer=False, evaluate_every=8,
    evaluate_episodes=128, processes=1, precision="float32",
)  # fmt: skip


def finish(run: Work) -> Work:
    while not run.finished:
        run.step()
    return run


@pytest.fixture(scope="module")
def data() -> Demonstrations:
    return Demonstrations.from_episodes(demonstrations(300))


@pytest.fixture(scope="module")
def stage1(data: Demonstrations) -> dict[str, EFMCheckpoint]:
    return finish(SFT(STAGE1, data, SPEC)).checkpoints()


def practise(stage1: dict[str, EFMCheckpoint], **changes: object) -> SelfImprovement:
    return SelfImprovement(
        STAGE2.replace(**changes), stage1["policy"], stage1["reward"], Dots(),
        task=TaskFacts.of(SPEC), collect=False,
    )  # fmt: skip


def success(policy: EFMCheckpoint) -> float:
    config = EvaluationConfig(episodes=384, num_robots=384, processes=1, precision="float32")
    run = Evaluation(config, policy, None, Dots(), task=TaskFacts.of(SPEC), collect=False)
    return float(finish(run).result()["success"])


def test_cloning_goes_where_the_words_say(stage1: dict[str, EFMCheckpoint]) -> None:
    assert isinstance(stage1["policy"].spec, CompactSpec)
    rng = np.random.default_rng(5)
    places = rng.uniform(-0.9, 0.9, (200, 3, 2))
    goal = np.arange(200) % 2
    picture = torch.from_numpy(draw(places))
    observation = {
        CAMERA: picture, f"{CAMERA}.previous": picture,
        STATE: torch.from_numpy(places[:, 2].astype(np.float32)),
    }  # fmt: skip
    asked = Instructions(TEXTS, goal)
    gap = torch.from_numpy(places[np.arange(200), goal] - places[:, 2]).float()
    with torch.inference_mode():
        answer = stage1["policy"].build().policy(observation, asked)
        drawn = torch.stack([answer.sample(torch.Generator().manual_seed(s)) for s in range(30)])
        steps = stage1["reward"].build().steps_to_go(observation, asked).mean
    towards = torch.cosine_similarity(drawn.mean(0), gap, dim=-1)
    assert float(towards[gap.norm(dim=-1) > 0.5].mean()) > 0.6
    assert np.corrcoef(steps.numpy(), gap.norm(dim=-1).numpy())[0, 1] > 0.7


def test_practice_makes_better_and_the_best_is_kept(stage1: dict[str, EFMCheckpoint]) -> None:
    run = practise(stage1)
    finish(run)
    kept = run.checkpoints()["policy"]
    assert success(kept) > success(stage1["policy"]) + 0.1
    for name, weights in kept.weights.items():
        if not name.startswith("actor"):
            assert torch.equal(weights, stage1["policy"].weights[name]), name


def test_a_killed_run_with_pictures_ends_the_same(
    data: Demonstrations, stage1: dict[str, EFMCheckpoint], tmp_path: Path
) -> None:
    def stage_2() -> Work:
        return practise(
            stage1, num_robots=8, batch_size=16, iterations=3, evaluate_every=3,
            evaluate_episodes=8, carry_optimizer=True,
        )  # fmt: skip

    def stage_1() -> Work:
        return SFT(STAGE1.replace(steps=9, validate_every=3, batch_size=16), data, SPEC)

    for make in (stage_1, stage_2):
        straight, broken = finish(make()), make()
        while not broken.finished:
            broken.step()
            save_tree(tmp_path / "state", broken.state())
            broken = make()
            broken.load_state(load_tree(tmp_path / "state"))
        assert broken.result() == straight.result()
        assert {role: c.digest for role, c in broken.checkpoints().items()} == {
            role: c.digest for role, c in straight.checkpoints().items()
        }


def test_tokens_have_no_spread_to_practise(stage1: dict[str, EFMCheckpoint]) -> None:
    with pytest.raises(LearningError, match="acts by tokens"):
        practise(stage1, trains="spread")


def test_the_temperature_is_handed_on_and_may_be_changed(
    data: Demonstrations, stage1: dict[str, EFMCheckpoint]
) -> None:
    cool = finish(SFT(STAGE1.replace(steps=4, validate_every=4, temperature=0.7), data, SPEC))
    warm = finish(SFT(STAGE1.replace(steps=4, validate_every=4), data, SPEC))
    made, plain = cool.checkpoints()["policy"], warm.checkpoints()["policy"]
    assert isinstance(made.spec, CompactSpec)
    assert made.spec.temperature == 0.7
    same = [torch.equal(made.weights[n], plain.weights[n]) for n in made.weights]
    assert all(same), "cloning itself is at 1"
    run = practise(stage1, temperature=0.6, iterations=1, batch_size=16, evaluate_every=0)
    kept = finish(run).checkpoints()["policy"]
    assert isinstance(kept.spec, CompactSpec)
    assert kept.spec.temperature == 0.6


def test_pictures_that_are_no_bytes_are_refused(data: Demonstrations) -> None:
    seen = data.observation | {CAMERA: data.observation[CAMERA].astype(np.float32)}
    with pytest.raises(LearningError, match="pictures are bytes"):
        SFT(STAGE1, replace(data, observation=seen), SPEC)
