"""The benchmark of eyes: every look is wired to picture, instruction and heads, and taught the same."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from efmweb.benchmark import eyes as bench
from efmweb.benchmark.eyes import Lessons, eyes
from efmweb.benchmark.looks import LOOKS, LookCheckpoint
from models_store.compact import CompactEFM
from models_store.compact_spec import CompactSpec
from models_store.errors import LearningError
from models_store.instructions import Instructions
from models_store.normalisation import Moments, Normalisation
from practice.learning.config import EvaluationConfig
from practice.learning.data import Demonstrations
from practice.learning.types import TaskFacts
from practice.learning.work import Work, make_evaluation, make_sft
from tests.learning.picture_world import Dots, demonstrations
from tests.learning.test_grounding import CONFIG, ShownDots

SPEC = CompactSpec(
    cameras={"one": (16, 24, 3), "two": (32, 16, 3)},
    observation={"state": 2},
    previous=("two",),
    action_low=(-1.0,),
    action_high=(1.0,),
    queries=5,
)
PLAIN = Normalisation({"state": Moments((0.0, 0.0), (1.0, 1.0))}, Moments((0.0,), (1.0,)))
TEXTS = Instructions(("push the red moon", "go left of the blue cube"), np.array([0, 1, 0]))


def new(look: type[CompactEFM]) -> CompactEFM:
    torch.manual_seed(3)
    return look(SPEC, PLAIN)


def pictures() -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(4)
    shapes = SPEC.cameras | {"two.previous": SPEC.cameras["two"]}
    seen = {
        name: torch.randint(256, (3, *shape), dtype=torch.uint8, generator=generator)
        for name, shape in shapes.items()
    }
    return seen | {"state": torch.zeros(3, 2)}


@pytest.fixture
def lessons(monkeypatch: pytest.MonkeyPatch) -> Lessons:
    monkeypatch.setattr(bench, "ROUNDS", 1)
    monkeypatch.setattr(bench, "SECONDS", 0.0)
    monkeypatch.setattr(bench, "SHARES", (1.0,))
    data = Demonstrations.from_episodes(demonstrations(40))
    sft = CONFIG.replace(steps=30, grounding_steps=100, grounding_pictures=512)
    evaluation = EvaluationConfig(episodes=32, num_robots=32, processes=1)
    return Lessons(ShownDots(), data, sft, evaluation)


@pytest.mark.parametrize("name", LOOKS)
def test_a_look_depends_on_every_picture_and_on_the_words(name: str) -> None:
    model, seen = new(LOOKS[name]), pictures()
    values = model.look(seen, TEXTS)
    assert values.shape == new(CompactEFM).look(seen, TEXTS).shape
    asked = SPEC.queries * 8  # the summary of what was asked comes first
    for camera in ("one", "two", "two.previous"):
        other = model.look(seen | {camera: seen[camera].flip(2)}, TEXTS)
        assert not torch.allclose(values[:, asked:], other[:, asked:], atol=1e-3)
    swapped = Instructions(TEXTS.texts, 1 - TEXTS.index)
    assert not torch.allclose(values[:, asked:], model.look(seen, swapped)[:, asked:], atol=1e-3)


@pytest.mark.parametrize("name", LOOKS)
def test_all_that_looks_learns_and_begins_as_ours(name: str) -> None:
    model, ours = new(LOOKS[name]), dict(new(CompactEFM).named_parameters())
    model.look(pictures(), TEXTS).square().mean().backward()  # type: ignore[no-untyped-call]
    heads = {id(one) for one in (*model.policy_parameters(), *model.judge_parameters())}
    learns = {n for n, p in model.named_parameters() if p.grad is not None and p.grad.any()}
    assert learns >= {n for n, p in model.named_parameters() if id(p) not in heads}
    shared = {n for n, p in model.named_parameters() if n in ours and torch.equal(p, ours[n])}
    assert shared >= {n for n in ours if "darkness" not in n}


@pytest.mark.parametrize("name", LOOKS)
def test_a_checkpoint_of_a_look_sees_the_same(name: str) -> None:
    model = new(LOOKS[name])
    kept = LookCheckpoint(SPEC, PLAIN, dict(model.state_dict()), look=LOOKS[name]).build()
    assert kept.looks_like(model)


def test_every_look_finds_things_and_is_judged(lessons: Lessons) -> None:
    told: list[tuple[str, float]] = []
    report = eyes(taught=lessons, progress=lambda text, share: told.append((text, share)))
    figures = report["figures"]
    assert [text for text, _ in told[1:]] == list(LOOKS)
    for name in LOOKS:
        # Always guessing the middle of this world is off by about 700 mm.
        assert figures[f"{name}_error_mm"] < 400
        assert figures[f"{name}_success"] > 0
        assert figures[f"{name}_success"] >= figures[f"{name}_success_low"]
        assert figures[f"{name}_look_ms"] > 0
        assert math.isfinite(figures[f"{name}_val_loss_steps_to_go"])
    assert figures["places_look_ratio"] == 1.0
    assert [bar["name"] for bar in report["bars"]] == ["another_look_ahead"]


def test_the_better_rate_of_grounding_is_kept(
    lessons: Lessons, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench, "SHARES", (0.01, 1.0, 0.02))
    figures = eyes(taught=lessons, looks={"softmax": LOOKS["softmax"]})["figures"]
    assert figures["softmax_grounding_rate"] == CONFIG.grounding_rate
    assert figures["softmax_error_mm"] < 400


def test_the_shipped_look_is_taught_as_stage_1_teaches_it(lessons: Lessons) -> None:
    figures = eyes(taught=lessons, looks={"places": CompactEFM})["figures"]
    stage1 = run(make_sft(lessons.sft, lessons.demonstrations, lessons.robot))
    facts = TaskFacts.of(lessons.robot.spec)
    policy = stage1.checkpoints()["policy"]
    judged = run(make_evaluation(lessons.evaluation, policy, None, lessons.robot, task=facts))
    assert figures["places_val_loss_bc"] == stage1.result()["val_loss_bc"]
    assert figures["places_success"] == judged.result()["success"]


def test_a_robot_that_cannot_be_drawn_is_refused(lessons: Lessons) -> None:
    blind = Lessons(Dots(), lessons.demonstrations, lessons.sft, lessons.evaluation)
    with pytest.raises(LearningError, match="Dots cannot draw scenes"):
        eyes(taught=blind)


@pytest.mark.parametrize(("low", "holds"), [(0.70, True), (0.80, True), (0.85, False)])
def test_a_look_whose_interval_lies_above_ours_fails_the_bar(low: float, holds: bool) -> None:
    ours = {"success_low": 0.70, "success_high": 0.80}
    bar = bench.bar(ours, {"success_low": 0.1, "success_high": 0.2}, {"success_low": low})
    assert bar["holds"] is holds


def run(work: Work) -> Work:
    while not work.finished:
        work.step()
    return work
