"""An experiment of a second: PointMass2D, hardly trained."""

from __future__ import annotations

from collections.abc import Sequence

from practice.learning.config import EvaluationConfig, PracticeConfig, SFTConfig
from practice.learning.experiments.experiment import (
    Arm,
    Experiment,
    ahead,
    does_not_collapse,
    keeps_its_peak,
    lifts,
    never_worse,
    practises_at_most,
    share_of_seeds,
)
from practice.learning.experiments.scales import SCALES, Scale
from practice.learning.experiments.stages import Shown, Stage1, Stage2

SCALE = SCALES["small"]
SFT = SFTConfig(steps=80, batch_size=64, validate_every=10)
PRACTICE = PracticeConfig(
    num_robots=16, iterations=6, updates=2, batch_size=256, evaluate_every=2,
    evaluate_episodes=16, learning_rate=1e-3, terminate_on="success",
)  # fmt: skip
EVALUATION = EvaluationConfig(episodes=32, num_robots=32)


def start(seed: int = 0, count: int = 40) -> Stage1:
    return Stage1(Shown("point-mass", count, seed), SFT.replace(seed=seed))


def arms(_scale: Scale, seed: int) -> Sequence[Arm]:
    begin = start(seed)
    ends: dict[str, Stage1 | Stage2] = {
        "practice": Stage2(begin, "point-mass", PRACTICE.replace(seed=seed)),
        "more": start(seed, 80),
    }
    return [
        Arm(name, begin, end, "point-mass", EVALUATION, paper=(0.92, 1.0), paper_episodes=100)
        for name, end in ends.items()
    ]


TINY = Experiment(
    "tiny",
    "Tiny",
    "Does it run?",
    arms,
    (
        lifts("practice", 0),
        ahead("practice", ["more"], 15),
        practises_at_most(1_000),
    ),
    "Nothing.",
)
STEADY = Experiment(
    "steady",
    "Steady",
    "Does it hold?",
    lambda scale, seed: arms(scale, seed)[:1],
    (
        share_of_seeds("not worse", never_worse),
        share_of_seeds("peak", keeps_its_peak),
        share_of_seeds("no collapse", does_not_collapse),
    ),
    figure="curves",
)
