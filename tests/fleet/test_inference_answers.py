"""What is answered: one policy's own chance, one look where it can be, and no question that spoils another's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from models_store.efm import EFM
from models_store.errors import LearningError
from models_store.instructions import Instructions
from practice.fleet.drivers import tensors
from practice.fleet.inference.answers import EndedError, InferenceError
from practice.fleet.inference.server import InferenceServer
from practice.fleet.inference.thinking import Thinker
from tests.fleet.asking import STATE, TEXT, TOP, Clock, asked, model, sight, vlm, world
from tests.models_store.tiny_vlms import make_base

OTHER = "push the blue cube to the green star"
KINDS = ("compact", "queries", "tokens")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_base("smolvlm", tmp_path_factory.mktemp("bases") / "smolvlm")


@pytest.fixture
def make(base: Path) -> Callable[[str, int], EFM]:
    """A model of this kind and seed."""
    return lambda kind, seed: model(seed) if kind == "compact" else vlm(base, kind, seed=seed)


def as_model_reads(now: int, before: int) -> dict[str, NDArray[Any]]:
    """One row of an observation with its previous picture."""
    seen, past = sight(now), sight(before)
    return {name: values[None] for name, values in seen.items()} | {
        f"{TOP}.previous": past[TOP][None]
    }


@pytest.mark.parametrize("kind", KINDS)
def test_the_log_prob_is_that_of_the_policy_that_drew(
    kind: str, make: Callable[[str, int], EFM]
) -> None:
    """Recomputed from the pictures themselves, though the server looked at each of them once."""
    policy, judge = make(kind, 0), make(kind, 1)
    server = InferenceServer(Thinker(policy, judge), clock=Clock())
    for step, answer in enumerate(asked(server, "a", 3)):
        row = tensors(as_model_reads(step, max(step - 1, 0)), "cpu")
        action = torch.from_numpy(answer.action)[None]
        with torch.inference_mode():
            likelihood, _ = policy.score(row, Instructions.same(TEXT, 1), action)
            distance = judge.steps_to_go(row, Instructions.same(TEXT, 1)).mean
        assert answer.log_prob == pytest.approx(float(likelihood), abs=2e-5)
        assert answer.distance == pytest.approx(float(distance), abs=2e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_robot_draws_does_not_depend_on_its_company(
    kind: str, make: Callable[[str, int], EFM]
) -> None:
    policy = make(kind, 0)
    alone = asked(InferenceServer(Thinker(policy), seed=3, clock=Clock()), "a", 2)
    crowd = InferenceServer(Thinker(policy), seed=3, clock=Clock())
    together = []
    for step in range(2):
        futures = [
            crowd.ask(robot, sight(step + 10 * place), text, deadline_s=10.0)
            for place, (robot, text) in enumerate([("a", TEXT), ("b", OTHER), ("c", TEXT)])
        ]
        while not all(one.done() for one in futures):
            crowd.step()
        together.append(futures[0].result())
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_allclose(one.action, other.action, atol=1e-6)
        assert one.log_prob == pytest.approx(other.log_prob, abs=2e-5)


def test_chance_follows_seed_robot_episode_and_step_whatever_was_answered() -> None:
    def third(seed: int = 0, robot: str = "a", episode: int = 1, *, lost: bool = False) -> Any:
        server = InferenceServer(Thinker(model()), seed=seed, clock=Clock())
        for step in range(3):
            future = server.ask(robot, sight(step), TEXT, deadline_s=10.0, episode=episode)
            if not lost or step == 2:
                server.step()
        return future.result().action.tolist()

    assert third() == third() == third(lost=True)
    assert len({tuple(one) for one in (third(), third(1), third(robot="b"), third(episode=2))}) == 4


def test_a_new_episode_has_no_picture_of_a_step_before() -> None:
    server = InferenceServer(Thinker(model(), model(1)), clock=Clock())
    first = asked(server, "a", 1)[0]
    asked(server, "a", 1, first=7)
    future = server.ask("a", sight(0), TEXT, deadline_s=10.0, episode=1)
    server.step()
    assert future.result().distance == pytest.approx(first.distance)


def test_the_detector_speaks_where_there_is_a_threshold() -> None:
    told = asked(InferenceServer(Thinker(model(), model(1), threshold=1e6), clock=Clock()), "a", 1)
    never = asked(InferenceServer(Thinker(model(), model(1), threshold=0.0), clock=Clock()), "a", 1)
    silent = asked(InferenceServer(Thinker(model()), clock=Clock()), "a", 1)
    assert (told[0].done, never[0].done, silent[0].done) == (True, False, None)
    assert silent[0].distance is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({STATE: None}, f"lacks {STATE}, float32 of shape \\(2,\\)"),
        ({"truth": np.zeros(1)}, "Nobody reads 'truth'"),
        ({STATE: np.zeros(3, dtype=np.float32)}, "of shape \\(3,\\) came"),
        ({STATE: np.zeros(2)}, "float64 of shape \\(2,\\) came"),
        ({STATE: np.array([0.0, np.nan], dtype=np.float32)}, "not finite"),
        ({TOP: np.zeros((24, 16, 3), dtype=np.uint8)}, "of shape \\(24, 16, 3\\) came"),
    ],
)
def test_a_question_that_cannot_be_understood_is_refused(
    change: dict[str, Any], message: str
) -> None:
    observation = sight(0) | change
    seen = {name: values for name, values in observation.items() if values is not None}
    with pytest.raises(LearningError, match=message):
        world().server.ask("a", seen, TEXT, deadline_s=1.0)


@pytest.mark.parametrize(
    ("text", "deadline"), [("", 1.0), ("!?", 1.0), ("go " * 200, 1.0), ("go", 0.0)]
)
def test_an_instruction_and_a_deadline_are_needed(text: str, deadline: float) -> None:
    with pytest.raises(LearningError):
        world().server.ask("a", sight(0), text, deadline_s=deadline)


def test_one_question_that_no_model_can_answer_costs_the_others_nothing(base: Path) -> None:
    """What stands for a picture is taken out of instructions, and nothing is left of this one."""
    server = InferenceServer(Thinker(vlm(base)), clock=Clock())
    good = server.ask("a", sight(0), TEXT, deadline_s=10.0)
    bad = server.ask("b", sight(1), "<image>", deadline_s=10.0)
    server.step()
    assert good.result().action.shape == (2,)
    with pytest.raises(InferenceError, match="holds no word"):
        bad.result()
    assert server.statistics().failed == 1


def test_an_observation_is_copied() -> None:
    policy = Thinker(model(), model(1))
    seen = sight(0)
    server = InferenceServer(policy, clock=Clock())
    future = server.ask("a", seen, TEXT, deadline_s=10.0)
    seen[STATE][:] = 99.0
    server.step()
    right = asked(InferenceServer(policy, clock=Clock()), "a", 1)[0]
    assert future.result().distance == pytest.approx(right.distance)


def test_a_thread_thinks_for_whoever_asks() -> None:
    with InferenceServer(Thinker(model())) as server:
        futures = [server.ask(str(i), sight(i), TEXT, deadline_s=60.0) for i in range(5)]
        actions = [one.result(timeout=60) for one in futures]
    assert {one.action.shape for one in actions} == {(2,)}
    with pytest.raises(EndedError):
        server.ask("a", sight(0), TEXT, deadline_s=1.0)


def test_whoever_waits_hears_that_the_server_has_ended() -> None:
    server = InferenceServer(Thinker(model(), model(1)), clock=Clock())
    answer = server.ask("a", sight(0), TEXT, deadline_s=10.0)
    labels = server.label({name: values[None] for name, values in sight(0).items()}, TEXT)
    server.close()
    assert isinstance(answer.exception(), EndedError)
    assert isinstance(labels.exception(), EndedError)
