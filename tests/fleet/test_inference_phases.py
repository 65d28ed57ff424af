"""One device, three users: labels fill the gaps, a learner borrows it, a new checkpoint takes over. No robot is forgotten."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from models_store.errors import LearningError
from models_store.instructions import Instructions
from practice.fleet.drivers import Judge
from practice.fleet.inference.answers import BusyError, LateError
from practice.fleet.inference.server import InferenceServer
from practice.fleet.inference.thinking import Thinker
from tests.fleet.asking import SPEC, STATE, TEXT, TOP, Timed, episode, known, model, sight, world


def test_labels_are_what_the_judge_says_frame_by_frame() -> None:
    """In pieces that do not show, and with the picture of a step before across their borders."""
    judge = model(1)
    made = world(lambda rows: 0.02 * rows, judge=judge)
    labels = made.server.label(episode(30) | {"observation.truth": np.zeros(3)}, TEXT)
    made.run()
    assert len(made.thinker.pieces) > 2
    whole = episode(30)
    whole[f"{TOP}.previous"] = np.concatenate([whole[TOP][:1], whole[TOP][:-1]])
    right = Judge(judge)(whole, Instructions.same(TEXT, 30), details=False).distance
    np.testing.assert_allclose(labels.result(), right, atol=1e-4)
    assert made.server.statistics().labelled == 30


def test_labels_wait_for_questions_and_keep_to_the_gaps_between() -> None:
    """One row takes 5 ms, an answer 10 and its margin 2, and the robot gives 50: seven rows at a time leave it its time."""
    made = known(world(lambda rows: 0.005 + 0.005 * rows, judge=model(1)), 1)
    answer = made.ask("a", deadline_s=0.05)
    labels = made.server.label(episode(40), TEXT)
    made.server.step()
    assert answer.done()
    assert made.thinker.pieces == []
    longest = 0.0
    while not labels.done() and made.clock.now < 100.3:
        began = made.clock.now
        made.server.step()
        longest = max(longest, made.clock.now - began)
        again = made.ask("a", deadline_s=0.05 - (made.clock.now - began))
        made.server.step()
        assert again.exception() is None, "asked as the piece began, it was answered in time"
    assert max(made.thinker.pieces) > 1
    assert longest <= 0.038


def test_labels_go_on_when_robots_that_leave_no_gap_fall_silent() -> None:
    made = known(world(judge=model(1)), 1)
    made.ask("a", deadline_s=0.015)
    labels = made.server.label(episode(5), TEXT)
    made.run()
    assert not labels.done(), "3 ms are no room for a row of 10"
    made.run(until=made.clock.now + 1.0)
    assert labels.result().shape == (5,)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({STATE: np.zeros((3, 2), dtype=np.float32)}, "one and the same number of frames"),
        ({TOP: np.zeros((4, 8, 8, 3), dtype=np.uint8)}, "shape"),
        ({STATE: np.zeros(())}, "one and the same number of frames"),
        ({STATE: np.full((4, 2), np.nan, dtype=np.float32)}, "not finite"),
    ],
)
def test_an_episode_the_judge_cannot_read_is_refused(change: Any, message: str) -> None:
    with pytest.raises(LearningError, match=message):
        world(judge=model(1)).server.label(episode(4) | change, TEXT)


def test_labels_need_a_judge() -> None:
    with pytest.raises(LearningError, match="serve the policy with one"):
        world().server.label(episode(3), TEXT)


def test_while_the_device_is_lent_who_can_wait_waits_and_who_cannot_hears_for_how_long() -> None:
    made = known(world(), 1)
    made.server.pause(0.5)
    patient, hasty = made.ask("a", deadline_s=2.0), made.ask("b", deadline_s=0.1)
    made.run(until=made.clock.now + 0.2)
    error = hasty.exception()
    assert isinstance(error, BusyError)
    assert error.seconds == pytest.approx(0.5)
    assert not patient.done()
    made.server.resume()
    made.run(until=made.clock.now + 0.5)
    assert patient.exception() is None
    assert made.server.statistics().busy == 1


def test_lending_asks_nobody_to_wait_who_came_before_and_cannot() -> None:
    made = known(world(), 1, 2)
    made.together("ab")
    made.clock.now += 0.07
    waiting = made.ask("a", deadline_s=0.1)
    made.run()
    made.server.pause(1.0)
    assert isinstance(waiting.exception(), BusyError)


def test_a_loan_that_overruns_has_no_end_to_wait_for() -> None:
    made = known(world(), 1)
    made.server.pause(0.5)
    patient = made.ask("a", deadline_s=0.7)
    made.run(until=made.clock.now + 0.6)
    assert not patient.done()
    made.run(until=made.clock.now + 0.2)
    assert isinstance(patient.exception(), LateError)
    later = made.ask("b", deadline_s=9.0)
    error = later.exception()
    assert isinstance(error, BusyError)
    assert error.seconds is None


def test_nothing_is_computed_while_the_device_is_lent() -> None:
    """Also by a thread: the learner has it from the moment it gets it until it gives it back."""
    lent, thinking = threading.Event(), threading.Event()

    class Watched(Thinker):
        def act(self, questions: Any) -> Any:
            assert not lent.is_set(), "the device was lent"
            thinking.set()
            return super().act(questions)

    with InferenceServer(Watched(model())) as server:
        first = server.ask("a", sight(0), TEXT, deadline_s=60.0)
        assert thinking.wait(60)
        with server.lent(0.001):
            lent.set()
            second = server.ask("a", sight(1), TEXT, deadline_s=60.0)
            lent.clear()
        first.result(timeout=60)
        assert second.exception(timeout=60) is None or isinstance(second.exception(), BusyError)


def test_a_new_checkpoint_answers_who_waits() -> None:
    made = known(world(name="old"), 1, 2)
    made.together("ab")
    made.clock.now += 0.07
    waiting = made.ask("a")
    made.run()
    made.server.swap(Timed(made.clock, lambda _rows: 0.01, policy=model(5), name="new"))
    made.run(until=made.clock.now + 0.1)
    assert waiting.result().policy == "new"


def test_a_policy_of_another_robot_cannot_take_over() -> None:
    third = replace(SPEC, action_low=(-1.0,) * 2, observation={})
    with pytest.raises(LearningError, match="serve it on its own"):
        world().server.swap(Thinker(model(0, third)))
