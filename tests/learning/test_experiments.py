"""Experiments are made of stages that are made once, shared, and gone on with when cut off."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from practice.embodiments.registry import embodiment, embodiments
from practice.learning.config import EvaluationConfig, PracticeConfig
from practice.learning.errors import LearningError
from practice.learning.experiments.catalogue import EXPERIMENTS, experiment_of
from practice.learning.experiments.parts import from_people, practised
from practice.learning.experiments.running import run
from practice.learning.experiments.scales import SCALES, scale_of
from practice.learning.experiments.stages import Shown, Stage, Stage1, Stage2, Trial
from practice.learning.experiments.workshop import Workshop
from tests.learning.tiny_experiment import EVALUATION, PRACTICE, SCALE, TINY, start

PRACTISED = Stage2(start(), "point-mass", PRACTICE)


class CutError(Exception):
    """The power is gone."""


def outcome(folder: Path, stage: Stage) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / stage.digest / "outcome.json").read_text())
    del found["seconds"]
    return found


def test_a_second_run_finds_everything_and_arms_share_their_start(tmp_path: Path) -> None:
    lines: list[str] = []
    shares: list[float] = []
    first = run(
        TINY, SCALE, (0, 1), Workshop(tmp_path), say=lines.append,
        progress=lambda text, share: shares.append(share),
    )  # fmt: skip
    # Of each seed: two Stage 1, a practice, three evaluations.
    assert len(lines) == len(first.stages) == 12
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    again: list[str] = []
    second = run(TINY, SCALE, (0, 1), Workshop(tmp_path), say=again.append)
    assert again == []
    assert second.to_json() == first.to_json()
    practice, more = first.rows["practice"], first.rows["more"]
    assert practice.before == more.before
    assert (practice.demonstrations, more.demonstrations) == (40, 80)
    ours = practice.runs[1]
    assert ours.practice_episodes > 0 == more.runs[1].practice_episodes
    assert ours.evaluated[0].n == PRACTICE.evaluate_episodes
    assert [entry["iteration"] for entry in ours.curve] == [0, 2, 4, 6]
    assert practice.lift.value == pytest.approx(practice.after.value - practice.before.value)


@pytest.mark.parametrize("stage", [start(), PRACTISED], ids=["stage 1", "stage 2"])
def test_cut_off_in_the_middle_it_ends_as_if_nothing_had_happened(
    stage: Stage, tmp_path: Path
) -> None:
    straight, broken = tmp_path / "straight", tmp_path / "broken"
    Workshop(straight).make(stage)
    cuts = 0

    def countdown() -> Iterator[None]:
        yield from [None] * 3
        raise CutError

    for _ in range(20):
        left = countdown()

        def tell(at: Stage, *_: Any, left: Iterator[None] = left) -> None:
            if at == stage:
                next(left)

        try:
            Workshop(broken, save_every=0.0, tell=tell).make(stage)
            break
        except CutError:
            cuts += 1
            assert (broken / f"{stage.digest}.part" / "state.safetensors").exists()
    assert cuts >= 2
    assert outcome(broken, stage) == outcome(straight, stage)
    assert not (broken / f"{stage.digest}.part").exists()
    assert not (broken / stage.digest / "state.safetensors").exists()


def test_a_stage_that_died_while_it_was_put_away_is_put_away_again(tmp_path: Path) -> None:
    shop = Workshop(tmp_path)
    made = shop.make(start())
    made.folder.rename(tmp_path / f"{start().digest}.part")
    assert shop.found(start()) is None
    assert shop.make(start()).result == made.result


def test_what_decides_an_outcome_decides_the_digest() -> None:
    trial = Trial(PRACTISED, "point-mass", EVALUATION)
    others = [
        start(seed=1), start(count=41), PRACTISED, trial,
        Stage2(start(), "point-mass", PRACTICE.replace(gamma=0.5)),
        Stage2(start(), "point-mass", PRACTICE, judge="random"),
        Stage2(start(), "point-mass", PRACTICE, most_episodes=5),
        Trial(start(), "point-mass", EVALUATION),
        Trial(PRACTISED, "point-mass", EVALUATION.replace(actions="greedy")),
    ]  # fmt: skip
    assert len({stage.digest for stage in (start(), *others)}) == 10
    same = Stage2(start(), "point-mass", PRACTICE.replace(processes=2))
    assert same.digest == PRACTISED.digest, "results do not depend on processes"


def test_a_stage_made_with_other_defaults_is_refused(tmp_path: Path) -> None:
    shop = Workshop(tmp_path)
    kept = shop.make(start()).folder / "stage.json"
    whole = json.loads(kept.read_text())
    del whole["config"]["mirror"]  # as if the setting were newer than the stage: it goes unnoticed
    kept.write_text(json.dumps(whole))
    assert shop.found(start()) is not None
    whole["config"]["adam_eps"] = 1e-3
    kept.write_text(json.dumps(whole))
    with pytest.raises(LearningError, match="other defaults; delete it"):
        shop.found(start())


def test_practice_stops_within_its_budget(tmp_path: Path) -> None:
    long = PRACTICE.replace(iterations=200, evaluate_every=1)
    stage = Stage2(start(), "point-mass", long, most_episodes=60)
    made = Workshop(tmp_path).make(stage)
    assert 20 < made.result["episodes"] <= 75
    assert made.result["iterations"] < 200
    assert not stage.spent([]) | stage.spent([{"episodes": 0}])
    assert not stage.spent([{"episodes": 20}, {"episodes": 40}])
    assert stage.spent([{"episodes": 20}, {"episodes": 41}])


def test_a_random_judge_is_not_the_trained_one(tmp_path: Path) -> None:
    shop = Workshop(tmp_path)
    trained, random = (
        shop.make(Stage2(start(), "point-mass", PRACTICE, judge=judge)).curve[1]["mean_distance"]
        for judge in ("stage-1", "random")
    )
    assert abs(trained - random) > 1.0


@pytest.mark.parametrize("robot_id", ["point-mass", "language-table-4"])
def test_fewer_demonstrations_are_the_beginning_of_more(robot_id: str) -> None:
    robot = embodiment(robot_id)
    less, more = (Shown(robot_id, count, 7).make(robot, 1) for count in (3, 70))
    rows = len(less)
    assert np.array_equal(less.action, more.action[:rows])
    assert all(
        np.array_equal(less.observation[n], more.observation[n][:rows]) for n in less.observation
    )
    assert more.num_episodes == 70


@pytest.mark.parametrize("scale", SCALES.values(), ids=list(SCALES))
@pytest.mark.parametrize("experiment", EXPERIMENTS.values(), ids=list(EXPERIMENTS))
def test_every_experiment_can_be_laid_out(experiment: Any, scale: Any) -> None:
    known = {spec.id for spec in embodiments()}
    if experiment.name == "aloha" and "aloha-insertion-small" not in known:
        with pytest.raises(LearningError, match="Unknown embodiment 'aloha-insertion-small'"):
            experiment.arms(scale, 0)
        return
    laid, other = experiment.arms(scale, 0), experiment.arms(scale, 1)
    assert len({arm.name for arm in laid}) == len(laid)
    for arm, twin in zip(laid, other, strict=True):
        assert isinstance(arm.start, Stage1)
        assert arm.name == twin.name
        assert arm.stages["start"].digest != twin.stages["start"].digest
        assert isinstance(arm.evaluation, EvaluationConfig)
        if isinstance(arm.end, Stage2):
            assert isinstance(arm.end.config, PracticeConfig)
            assert arm.end.start == arm.start
        else:
            assert arm.end.config.steps == arm.start.config.steps, "equal gradient steps"
    named = {goal.text.split(":")[0] for goal in experiment.goals if ":" in goal.text}
    assert named <= {arm.name for arm in laid}


def test_unknown_names_get_a_sentence() -> None:
    with pytest.raises(LearningError, match="Unknown experiment 'x'; known: point-mass, language-"):
        experiment_of("x")
    with pytest.raises(LearningError, match="Unknown scale 'x'; known: tiny, small, full"):
        scale_of("x")


@pytest.mark.parametrize(("episodes", "iterations"), [(1_600, 23), (4_700, 67), (500, 7), (50, 1)])
def test_a_budget_of_episodes_gives_as_many_iterations_as_it_lasts_for(
    episodes: int, iterations: int
) -> None:
    scale = scale_of("small")
    stage = practised(scale, from_people(scale, 0, 0.1), most_episodes=episodes)
    assert stage.config.iterations == iterations
    assert stage.most_episodes == episodes
