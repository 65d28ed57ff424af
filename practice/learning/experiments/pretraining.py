"""What pretraining on pictures with sentences does for the judge: its marks, and practice by it.

The paper pretrains on the web and compares success after practice (arXiv 2509.15155, section 4.4). Here
the same comparison is between judges that nothing has grounded: grounding tells places, and would
drown what sentences tell.
"""

from __future__ import annotations

from practice.learning.experiments.experiment import Arm, Candidate, Experiment, ahead
from practice.learning.experiments.parts import (
    Variant,
    arm,
    examined,
    fraction,
    from_people,
    judging,
    practised,
)
from practice.learning.experiments.scales import Scale

_PAPER_START = {0.1: 0.452, 0.2: 0.572, 0.8: 0.584}
"""Share of the demonstrations -> success of the policy before practice."""

_PAPER_JUDGES: dict[float, dict[Variant, float]] = {
    0.1: {"joint": 0.744, "unimodal": 0.586, "scratch": 0.452},
    0.2: {"joint": 0.889, "unimodal": 0.688, "scratch": 0.601},
    0.8: {"joint": 0.968, "unimodal": 0.846, "scratch": 0.859},
}
"""Share of the demonstrations -> how the judge was pretrained -> success after practice by it."""


def _reward_pretraining(scale: Scale, seed: int) -> list[Candidate]:
    return [
        Candidate(name, examined(scale, judging(scale, seed, share, variant)))
        for name, share, variant in _judges()
    ]


def _reward_pretraining_practice(scale: Scale, seed: int) -> list[Arm]:
    """The policy is the same for all three judges, and grounded as everywhere else."""
    arms = []
    for name, share, variant in _judges():
        start, judge = from_people(scale, seed, share), judging(scale, seed, share, variant)
        end = practised(scale, start, most_episodes=scale.practice_episodes, judged_by=judge)
        before = _PAPER_START[share]
        arms.append(arm(scale, name, start, end, paper=(before, _PAPER_JUDGES[share][variant])))
    return arms


def _judges() -> list[tuple[str, float, Variant]]:
    return [
        (f"{variant}, {fraction(share)}", share, variant)
        for share, variants in _PAPER_JUDGES.items()
        for variant in variants
    ]


EXAM = Experiment(
    "reward-pretraining",
    "What pretraining does for the judge",
    "Does a judge that has seen pictures with sentences tell progress better, the fewer the "
    "demonstrations?",
    lambda _scale, _seed: (),
    paper="Judged by practice alone, see reward-pretraining-practice.",
    candidates=_reward_pretraining,
)
PRACTICE = Experiment(
    "reward-pretraining-practice",
    "Practice by pretrained judges",
    "How far does the same policy come with a judge pretrained on pictures with sentences, on "
    "either alone, or on nothing?",
    _reward_pretraining_practice,
    tuple(
        ahead(f"joint, {fraction(share)}", [f"scratch, {fraction(share)}"], 10)
        for share in (0.1, 0.2)
    ),
    "Web-scale, unimodal, none: 74.4, 58.6 and 45.2 % at 10 % of the demonstrations, 88.9, 68.8 "
    "and 60.1 % at 20 %, 96.8, 84.6 and 85.9 % at 80 %.",
)
