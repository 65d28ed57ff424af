"""Judges with and without pretraining: stages, exams, and how they are told."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import plotly.io
import pytest

from models_store.checkpoint import EFMCheckpoint
from practice.learning.config import EvaluationConfig, PracticeConfig, SFTConfig
from practice.learning.config_pretraining import PretrainingConfig
from practice.learning.experiments import figures, marks
from practice.learning.experiments.experiment import Candidate, Experiment
from practice.learning.experiments.marks import JudgeRow, JudgeRun
from practice.learning.experiments.parts import examined, from_people, judging
from practice.learning.experiments.pretraining import EXAM, PRACTICE
from practice.learning.experiments.pretraining_stages import Examined, Pretrained
from practice.learning.experiments.report import markdown
from practice.learning.experiments.running import Finding, run
from practice.learning.experiments.scales import SCALES, Scale
from practice.learning.experiments.stages import Shown, Stage, Stage1, Stage2, Trial
from practice.learning.experiments.workshop import Workshop

ROBOT = "language-table-4"
SFT = SFTConfig(steps=2, batch_size=8, validate_every=2, previous_frame=False, policy_width=8, reward_width=8)  # fmt: skip
PRETRAINING = Pretrained(ROBOT, PretrainingConfig(scenes=128, steps=2, batch_size=8))
SHOWN = Shown(ROBOT, 6, 0, "human")
SCRATCH, BEGUN = Stage1(SHOWN, SFT), Stage1(SHOWN, SFT, PRETRAINING)
PRACTISED = Stage2(SCRATCH, ROBOT, PracticeConfig(iterations=1))


def candidates(_scale: Scale, seed: int) -> list[Candidate]:
    def candidate(name: str, judge: Stage1) -> Candidate:
        mine = replace(judge, config=SFT.replace(seed=seed))
        return Candidate(name, Examined(mine, Shown(ROBOT, 8, 1_000, "human"), 3.0))

    return [candidate("joint, all", BEGUN), candidate("scratch, all", SCRATCH)]


TINY = Experiment("tiny-exam", "Tiny exam", "Does it run?", lambda _scale, _seed: (), candidates=candidates)  # fmt: skip


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    return Workshop(tmp_path_factory.mktemp("stages"), processes=1)


@pytest.fixture(scope="module")
def finding(shop: Workshop) -> Finding:
    return run(TINY, SCALES["tiny"], (0, 1), shop)


def test_pretraining_and_judges_are_part_of_what_a_stage_follows_from() -> None:
    stages: list[Stage] = [
        SCRATCH, BEGUN, PRETRAINING, PRACTISED, replace(PRACTISED, judged_by=BEGUN),
        replace(BEGUN, pretrained=replace(PRETRAINING, config=PRETRAINING.config.replace(seed=1))),
        Trial(PRACTISED, ROBOT, EvaluationConfig()),
        Trial(replace(PRACTISED, judged_by=BEGUN), ROBOT, EvaluationConfig()),
        Examined(BEGUN, SHOWN, 3.0), Examined(SCRATCH, SHOWN, 3.0), Examined(BEGUN, SHOWN, 2.0),
    ]  # fmt: skip
    assert len({stage.digest for stage in stages}) == len(stages)
    assert "pretrained" not in SCRATCH.to_json()
    assert "judged_by" not in PRACTISED.to_json()
    assert BEGUN.needs == (PRETRAINING,)
    assert replace(PRACTISED, judged_by=BEGUN).needs == (SCRATCH, BEGUN)


def test_a_judge_of_another_stage_1_judges_practice_and_its_trial(shop: Workshop) -> None:
    asked: list[tuple[Stage, str]] = []

    class Bench:
        device, processes = "cpu", 1

        def checkpoint(self, stage: Stage, role: str) -> EFMCheckpoint:
            asked.append((stage, role))
            return shop.checkpoint(SCRATCH, role)

    other = replace(PRACTISED, judged_by=BEGUN)
    other.make(Bench())
    assert asked == [(SCRATCH, "policy"), (BEGUN, "reward")]
    asked.clear()
    Trial(other, ROBOT, EvaluationConfig(episodes=2, num_robots=2)).make(Bench())
    assert asked == [(other, "policy"), (BEGUN, "reward")]


def test_a_judge_begins_with_its_pretraining(finding: Finding, shop: Workshop) -> None:
    judge = shop.checkpoint(candidates(SCALES["tiny"], 0)[0].exam.judge, "reward")
    assert judge.parents == {"pretrained": shop.checkpoint(PRETRAINING, "pretrained").digest}
    run_of_it = finding.judges["joint, all"].runs[0]
    assert set(run_of_it.stages) == {"pretraining", "judge", "exam"}
    assert set(run_of_it.pretraining) == {"matching_accuracy"}
    assert finding.judges["scratch, all"].runs[0].pretraining == {}


def test_exams_are_told_in_json_table_and_figure(finding: Finding, tmp_path: Path) -> None:
    whole = json.loads(json.dumps(finding.to_json()))
    assert [row["judge"] for row in whole["judges"]] == ["joint, all", "scratch, all"]
    assert set(whole["judges"][0]["marks"]) == set(marks.MARKS)
    text = markdown(finding, "a machine")
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert rows[0].startswith("| judge | demonstrations | L_stg, nats")
    assert [row.split(" | ")[0] for row in rows[1:]] == ["| joint, all", "| scratch, all"]
    assert "Pretraining, on pictures kept out: joint: sentences matched" in text
    assert "before, %" not in text
    figures.write(finding, tmp_path)
    drawn = plotly.io.from_json((tmp_path / "figure.json").read_text())
    assert len(drawn.data) == len(marks.MARKS)
    assert list(drawn.data[0].x) == ["joint, all", "scratch, all"]


def test_marks_have_intervals_over_seeds_and_none_from_one() -> None:
    def judge(*losses: float) -> JudgeRow:
        its = (dict.fromkeys(marks.MARKS, loss) for loss in losses)
        return JudgeRow("x", 5, tuple(JudgeRun(i, one, {}, 0.0, {}) for i, one in enumerate(its)))

    two = judge(2.0, 4.0).mark("loss")
    assert (two.value, two.low, two.high) == pytest.approx((3.0, 3.0 - 12.706, 3.0 + 12.706))
    assert "| x | 5 | 2.000 | " in marks.table([judge(2.0)])[-1]


@pytest.mark.parametrize("scale", SCALES.values(), ids=list(SCALES))
def test_the_same_judges_are_examined_and_practise(scale: Scale) -> None:
    examined_ones, arms = EXAM.candidates(scale, 2), PRACTICE.arms(scale, 2)
    assert [one.name for one in examined_ones] == [arm.name for arm in arms]
    assert len(arms) == 9
    for one, arm in zip(examined_ones, arms, strict=True):
        assert isinstance(arm.end, Stage2)
        assert arm.end.judged_by == one.exam.judge
        judge = one.exam.judge
        assert judge.config.grounding_steps == 0, "grounding would drown what pretraining does"
        assert judge.config.trains == "all"
        assert (judge.pretrained is None) == one.name.startswith("scratch")
        assert one.exam.shown.seed != judge.shown.seed
    starts = {arm.start.digest for arm in arms}
    assert len(starts) == 3, "the same policy for all judges of a share"


def test_variants_learn_from_the_same_pictures_in_as_many_steps() -> None:
    scale = SCALES["small"]
    joint, unimodal, scratch = (judging(scale, 0, 0.1, v) for v in ("joint", "unimodal", "scratch"))
    assert isinstance(joint.pretrained, Pretrained)
    assert isinstance(unimodal.pretrained, Pretrained)
    assert joint.pretrained.config.replace(variant="unimodal") == unimodal.pretrained.config
    assert joint.config == unimodal.config == scratch.config
    assert joint.shown == scratch.shown == from_people(scale, 0, 0.1).shown
    assert examined(scale, joint).threshold == 3.0
