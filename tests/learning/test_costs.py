"""What a run would cost: counts of the really built models, memory by its parts, and a probe that ends."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import torch

from models_store.checkpoint import EFMCheckpoint
from models_store.efm import EFM
from models_store.outline import outlines, plain_normalisation
from models_store.specs import Spec
from practice.embodiments.interface import Embodiment
from practice.embodiments.point_mass import PointMass
from practice.learning import counting
from practice.learning.building import model_spec, trained
from practice.learning.config import EvaluationConfig, PracticeConfig, SFTConfig
from practice.learning.costs import Cost, Memory, Part, problem_of
from practice.learning.errors import LearningError
from practice.learning.estimating import Place
from practice.learning.estimating_practice import evaluation_cost, practice_cost
from practice.learning.estimating_sft import sft_cost
from practice.learning.gauges import HostGauge
from practice.learning.made_up import MadeUp
from practice.learning.probing import Stopwatch
from practice.learning.types import TaskFacts
from tests.learning.picture_world import Dots
from tests.models_store.tiny_vlms import make_base

QUICK = Place("cpu", "A small machine", seconds=0.3)
STATES = SFTConfig(steps=40, batch_size=32, validate_every=10)
PICTURES = SFTConfig(steps=40, batch_size=16, policy_width=16, reward_width=16)
ADAPTERS = SFTConfig(base="smolvlm", steps=40, batch_size=8, lora_rank=4)
WHOLE = SFTConfig(base="paligemma", readout="tokens", steps=40, batch_size=8, lora_rank=0)
STAGE_1: dict[str, tuple[SFTConfig, Embodiment]] = {
    "mlp": (STATES, PointMass()),
    "compact": (PICTURES, Dots()),
    "heads": (PICTURES.replace(trains="heads", calibrate=True, mirror=True), Dots()),
    "adapters": (ADAPTERS, Dots()),
    "whole": (WHOLE, Dots()),
}


@pytest.fixture(scope="module", autouse=True)
def _bases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    folder: Path = tmp_path_factory.mktemp("bases")
    for kind in ("smolvlm", "paligemma"):
        make_base(kind, folder / kind)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EFM_BASES", str(folder))
        yield


def checkpoint(config: SFTConfig, robot: Embodiment, *, seed: int = 0) -> EFMCheckpoint:
    spec = model_spec(config, robot.spec)
    return EFMCheckpoint.new(spec, plain_normalisation(spec), seed=seed)


def shape(model: EFM) -> list[tuple[str, torch.Size, torch.dtype, bool]]:
    return [(n, p.shape, p.dtype, p.requires_grad) for n, p in model.named_parameters()]


@pytest.mark.parametrize("kind", STAGE_1)
def test_an_outline_has_the_shapes_of_the_model_and_no_numbers(kind: str) -> None:
    config, robot = STAGE_1[kind]
    spec: Spec = model_spec(config, robot.spec)
    [outline] = outlines([spec])
    built = checkpoint(config, robot).build()
    assert shape(outline) == shape(built)
    assert all(one.is_meta for one in (*outline.parameters(), *outline.buffers()))
    assert counting.held([outline], []) == counting.held([built], [])


@pytest.mark.parametrize("kind", STAGE_1)
def test_what_is_counted_is_what_is_trained(kind: str) -> None:
    config, robot = STAGE_1[kind]
    cost = sft_cost(config, robot, rows=64, place=QUICK)
    model = checkpoint(config, robot).build()
    learns = sum(one.numel() for _, one in trained(model, config))
    assert cost.parameters == sum(one.numel() for one in model.parameters())
    assert cost.trainable == learns
    assert (cost.memory.gradients, cost.memory.moments) == (4 * learns, 8 * learns)
    assert cost.memory.activations > 0
    assert cost.problem == ""
    assert (cost.trainable_share < 0.2) == (kind in ("heads", "adapters"))
    assert cost.parts[0].name == "optimiser steps"
    assert cost.seconds_low <= cost.seconds <= cost.seconds_high
    assert Cost.from_json(cost.to_json()) == cost
    looks = [part.count for part in cost.parts if part.name == "looks at the demonstrations"]
    expected = {"heads": [2], "adapters": [1], "whole": [1]}.get(kind, [])
    assert looks == expected, (
        "64 at a time, with a mirror on both sides; a frozen tower looks once too"
    )


def test_policy_anchor_and_judge_share_a_base_with_adapters() -> None:
    spec = model_spec(ADAPTERS, Dots().spec)
    one = counting.held(outlines([spec]), []).weights
    three = counting.held(outlines([spec] * 3), []).weights
    own = sum(t.numel() * t.element_size() for t in checkpoint(ADAPTERS, Dots()).weights.values())
    assert own < three - one < 2.5 * own, (
        "adapters, readouts and constants twice more, the base not"
    )


def test_kept_activations_grow_along_a_line_and_are_those_of_a_known_model() -> None:
    model = torch.nn.Sequential(torch.nn.Linear(10, 100), torch.nn.ReLU(), torch.nn.Linear(100, 1))
    given = torch.randn(64, 10)

    def learn(rows: int) -> None:
        model(given[:rows]).sum().backward()

    # Each row: what ReLU gave, which the last layer needs too. The input is one block, whatever the rows.
    assert counting.activations(model, learn, 64) == 64 * 100 * 4 + given.nbytes


def test_activations_of_a_batch_are_told_from_a_few_rows() -> None:
    config, robot = PICTURES, Dots()
    model = checkpoint(config, robot).build()
    made = MadeUp(model.spec, robot.spec, (), device="cpu")

    def learn(rows: int) -> None:
        made.lesson(rows).losses(model).sum().backward()  # type: ignore[no-untyped-call]

    told = counting.activations(model, learn, 48)
    with counting.kept(model) as sizes:
        learn(48)
    assert 1.0 <= told / sum(sizes.values()) < 1.3, "words are read once a text, not once a row"


@pytest.mark.parametrize("kind", ["mlp", "adapters"])
def test_a_device_too_small_for_the_weights_is_refused_before_anything_is_tried(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, robot = STAGE_1[kind]
    monkeypatch.setattr(EFMCheckpoint, "build", lambda *_: pytest.fail("it was built"))
    small = Place("cpu", "A watch", device_bytes=100_000)
    cost = sft_cost(config, robot, rows=64, place=small)
    assert "Weights, gradients and moments alone take" in cost.problem
    assert "A watch has 0.1 MB" in cost.problem
    assert cost.parts == ()
    assert not cost.measured


def test_a_batch_too_large_is_refused_after_a_few_rows() -> None:
    config = PICTURES.replace(batch_size=100_000)
    cost = sft_cost(config, Dots(), rows=64, place=Place("cpu", "A phone", device_bytes=10**8))
    assert cost.problem.startswith("100000 rows at once take ")
    assert "lower batch_size, raise accumulate" in cost.problem
    assert cost.rows_probed == 0
    parts = config.replace(accumulate=5_000)
    assert sft_cost(parts, Dots(), rows=64, place=QUICK).problem == ""


def test_memory_that_runs_out_while_trying_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    def burst(*_args: object, **_options: object) -> None:
        raise torch.OutOfMemoryError

    monkeypatch.setattr(Stopwatch, "climbed", burst)
    cost = sft_cost(STATES, PointMass(), rows=64, place=QUICK)
    assert "has run out of memory" in cost.problem


def test_stage_2_and_an_evaluation_are_told_from_ticks_and_updates() -> None:
    robot = PointMass()
    policy, task = checkpoint(STATES, robot), TaskFacts.of(robot.spec)
    config = PracticeConfig(
        num_robots=4, iterations=10, updates=2, batch_size=8, evaluate_every=5, processes=1,
        evaluate_episodes=8,
    )  # fmt: skip
    cost = practice_cost(config, policy, policy, robot, task=task, place=QUICK)
    counts = {part.name: part.count for part in cost.parts}
    assert counts == {
        "ticks of the fleet": 40, "updates": 20, "looks at drift": 10, "evaluations": 3,
    }  # fmt: skip
    model = policy.build()
    assert cost.trainable == sum(one.numel() for one in model.policy_parameters())
    assert cost.seconds_low < cost.seconds < cost.seconds_high
    asked = EvaluationConfig(episodes=16, num_robots=8, processes=1)
    told = evaluation_cost(asked, policy, None, robot, task=task, place=QUICK)
    assert (told.trainable, told.memory.gradients) == (0, 0)
    assert [part.name for part in told.parts] == ["evaluations"]


def test_stage_2_of_adapters_is_told() -> None:
    robot = Dots()
    policy = checkpoint(ADAPTERS, robot)
    config = PracticeConfig(
        num_robots=2, iterations=2, updates=1, batch_size=4, evaluate_every=0, processes=1,
    )  # fmt: skip
    cost = practice_cost(config, policy, policy, robot, task=TaskFacts.of(robot.spec), place=QUICK)
    assert [part.name for part in cost.parts] == ["looks at drift", "ticks of the fleet", "updates"]
    assert 0 < cost.trainable < 0.2 * cost.parameters


class Slow:
    """A clock that only moves when something is done."""

    def __init__(self, each: float) -> None:
        self.now, self.each, self.sizes = 0.0, each, list[int]()

    def __call__(self) -> float:
        return self.now

    def act(self, rows: int) -> None:
        self.sizes.append(rows)
        self.now += self.each * rows


@pytest.mark.parametrize("each", [0.001, 0.1, 3.0, 100.0])
def test_a_probe_ends_and_tells_from_what_it_has_tried(each: float) -> None:
    clock = Slow(each)
    watch = Stopwatch(HostGauge(), seconds=20.0, clock=clock)
    timing = watch.climbed(clock.act, 512)
    assert clock.now <= max(20.0, 2 * each), "nothing that was begun knew how long it would take"
    assert timing.scaled(512).median == pytest.approx(512 * each)
    assert (timing.rows == 512) == (each == 0.001)


def test_a_probe_stops_early_when_times_agree() -> None:
    for each, times in ((0.2, 6), (0.01, 51), (6.0, 3)):
        clock = Slow(each)
        Stopwatch(HostGauge(), seconds=20.0, clock=clock).repeated(partial(clock.act, 1), 1)
        assert len(clock.sizes) in (times, times + 1), "the first warms up"


def test_the_sentence_names_what_does_not_fit() -> None:
    memory = Memory(6 * 10**9, 10**9, 2 * 10**9, 3 * 10**9)
    assert problem_of(memory, memory.whole, "H100", 20 * 10**9, rows=64) == ""
    assert "64 rows at once take 12.0 GB, H100 has 10.0 GB" in problem_of(
        memory, memory.whole, "H100", 10 * 10**9, rows=64
    )
    assert "alone take 9.0 GB" in problem_of(memory, memory.whole, "H100", 8 * 10**9, rows=64)


def test_a_cost_of_another_make_is_refused() -> None:
    cost = Cost(1, 1, Memory(4, 4, 8), 16, True, 1, 1, "x", 99, 1, (Part("a", 2, 1.0, 0.5, 3.0),))
    assert (cost.seconds, cost.seconds_low, cost.seconds_high) == (2.0, 1.0, 6.0)
    with pytest.raises(LearningError, match="colour"):
        Cost.from_json(cost.to_json() | {"colour": "red"})
    with pytest.raises(LearningError, match="no cost"):
        Cost.from_json({"parts": []})
