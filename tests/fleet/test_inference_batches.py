"""Who is answered when: deadlines, who is waited for, and who is not. The clock stands still but for the tests."""

from __future__ import annotations

import math

import pytest

from practice.fleet.inference.answers import LateError, SupersededError
from practice.fleet.inference.queue import Rules
from tests.fleet.asking import known, world


def test_a_batch_is_closed_as_soon_as_everybody_present_has_asked() -> None:
    made = known(world(), 1, 3)
    made.together("abc")
    made.thinker.batches.clear()
    made.clock.now += 0.07
    first = [made.ask(robot) for robot in "ab"]
    made.run()
    assert made.thinker.batches == []
    third = made.ask("c")
    made.run()
    assert made.thinker.batches == [["a", "b", "c"]]
    assert all(one.done() for one in (*first, third))


def test_a_lone_robot_waits_for_nobody() -> None:
    made = known(world(), 1)
    answer = made.ask("a")
    assert made.server.step() == 0.0
    assert answer.done()


def test_one_who_is_late_costs_the_others_no_deadline_and_then_no_time() -> None:
    """It is waited for while that is of use; after three periods the others have the server to themselves."""
    made = known(world(), 1, 2, 3)
    made.together("abc")
    took: list[float] = []
    for _tick in range(4):
        made.clock.now += 0.1 - (took[-1] if took else 0.01)
        began = made.clock.now
        answers = [made.ask(robot) for robot in "ab"]
        while not all(one.done() for one in answers):
            wait = made.server.step()
            made.clock.now += wait or 0.0
        took.append(made.clock.now - began)
        assert [one.exception() for one in answers] == [None, None]
    assert took[0] == pytest.approx(0.098)
    assert took[3] == pytest.approx(0.01)
    assert made.server.statistics().late == 0


def test_the_batch_is_begun_in_time_for_the_earliest_deadline() -> None:
    made = known(world(lambda rows: 0.02 + 0.001 * rows), 1, 2, 3)
    made.together("abc")
    made.clock.now += 0.1
    now = made.clock.now
    slow, quick = made.ask("a", deadline_s=0.09), made.ask("b", deadline_s=0.05)
    made.run(until=now + 0.05)
    assert made.thinker.batches[-1] == ["b", "a"], "by deadline"
    assert quick.result().action.shape == (2,)
    assert slow.done()
    assert made.server.statistics().late == 0


def test_a_robot_is_not_waited_for_that_cannot_ask_in_time() -> None:
    """B asked just before: at its period it comes again only after A's deadline."""
    made = known(world(), 1, 2)
    made.together("ab")
    answer = made.ask("a", deadline_s=0.05)
    made.run()
    assert answer.done()


def test_a_full_batch_waits_for_nobody() -> None:
    made = known(world(rules=Rules(max_batch=2, patience_s=math.inf)), 1, 2)
    made.together("ab")
    made.clock.now += 0.09
    answer = made.ask("a")
    made.run()
    assert not answer.done(), "B is expected"
    made.ask("c")
    made.run()
    assert made.thinker.batches[-1] == ["a", "c"]


@pytest.mark.parametrize(
    ("patience", "took"), [(0.0, 0.01), (0.005, 0.015), (None, 0.02), (math.inf, 0.098)]
)
def test_patience_bounds_the_wait(patience: float | None, took: float) -> None:
    """B is expected and does not come. Without a word on patience, the wait is as long as computing takes, 10 ms."""
    made = known(world(rules=Rules(patience_s=patience)), 1, 2)
    made.together("ab")
    made.clock.now += 0.09
    asked = made.clock.now
    answer = made.ask("a")
    while not answer.done():
        wait = made.server.step()
        made.clock.now += wait or 0.0
    assert made.clock.now - asked == pytest.approx(took)


def test_a_question_too_late_to_compute_costs_nothing() -> None:
    made = known(world(), 1)
    answer = made.ask("a", deadline_s=0.05)
    made.clock.now += 0.06
    made.run()
    assert made.thinker.batches == []
    with pytest.raises(LateError, match="before the answer was computed"):
        answer.result()
    assert made.server.statistics().late_share == pytest.approx(0.5), "one of two"


def test_what_was_computed_too_late_is_not_handed_out() -> None:
    made = known(world(), 1)
    made.thinker.seconds = lambda _rows: 0.2
    answer = made.ask("a", deadline_s=0.05)
    made.run()
    with pytest.raises(LateError, match="150 ms too late"):
        answer.result()


def test_who_cannot_be_answered_in_time_takes_no_place_from_who_can() -> None:
    """One row takes 10 ms and B has 5 left: A and C go first, and B is told as its time is over."""
    made = known(world(), 1, 2)
    late = made.ask("b", deadline_s=0.005)
    answers = [made.ask("a", deadline_s=0.05), made.ask("c", deadline_s=0.05)]
    made.run()
    assert made.thinker.batches == [["a", "c"]]
    assert all(one.exception() is None for one in answers)
    assert isinstance(late.exception(), LateError)


def test_a_wrong_expectation_is_put_right_by_trying() -> None:
    """After a hiccup the server believes it is too slow for everybody; it must find out that it is not."""
    made = known(world(lambda _rows: 1.0), 1)
    made.thinker.seconds = lambda _rows: 0.01
    answer = made.ask("a", deadline_s=0.1)
    made.run()
    assert answer.result().action.shape == (2,)


def test_a_batch_is_no_larger_than_its_earliest_deadline_allows() -> None:
    made = known(world(lambda rows: 0.01 * rows), 1, 8)
    answers = [made.ask(robot, deadline_s=0.045) for robot in "abcdefgh"]
    made.server.step()
    assert made.thinker.batches == [list("abcd")]
    assert [one.exception() for one in answers[:4]] == [None] * 4


def test_asking_again_replaces_the_question_before() -> None:
    made = known(world(), 1, 2)
    made.together("ab")
    made.thinker.batches.clear()
    made.clock.now += 0.07
    older = made.ask("a")
    newer = made.ask("a")
    assert isinstance(older.exception(), SupersededError)
    made.ask("b")
    made.run()
    assert newer.exception() is None
    assert made.thinker.batches == [["a", "b"]]
    assert made.server.statistics().superseded == 1


def test_a_robot_that_leaves_is_no_longer_waited_for() -> None:
    made = known(world(), 1, 2)
    made.together("ab")
    made.clock.now += 0.07
    answer = made.ask("a")
    made.run()
    assert not answer.done()
    made.server.leave("b")
    made.run()
    assert answer.done()


def test_who_gave_up_costs_nothing() -> None:
    made = known(world(), 1)
    answer = made.ask("a")
    assert answer.cancel()
    made.run(until=made.clock.now + 1)
    assert made.thinker.batches == []


def test_statistics_say_how_it_went() -> None:
    made = known(world(), 1, 4)
    answers = [made.ask(robot, deadline_s=0.05) for robot in "abcd"]
    made.run()
    found = made.server.statistics()
    assert all(one.done() for one in answers)
    assert found.batches == {1: 1, 4: 2}
    assert found.mean_batch == pytest.approx(3.0)
    assert found.answered == 9
    assert found.p50_ms == pytest.approx(10.0)
    assert str(found) == (
        "9 answers, half of them within 10 ms and 95 % within 10 ms; 0.0% late; 3.0 robots a batch."
    )
