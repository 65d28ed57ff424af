"""The experiments, by name. Figures quoted as the paper's are those of arXiv 2509.15155."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from practice.learning.errors import LearningError
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
from practice.learning.experiments.parts import (
    arm,
    blocks_to_places,
    fraction,
    from_people,
    learned,
    practised,
)
from practice.learning.experiments.pretraining import EXAM, PRACTICE
from practice.learning.experiments.scales import Scale
from practice.learning.experiments.stages import Stage2

_SHIFTED = "language-table-4-shifted"
_ALOHA = "aloha-insertion-small"
_MORE = (2, 4, 8)
_PAPER = {0.1: ((0.452, 0.744), 900), 0.2: ((0.572, 0.889), 1_560), 0.8: ((0.584, 0.968), 1_590)}
"""Share of the demonstrations -> success before and after, practice episodes."""


def _point_mass(scale: Scale, seed: int) -> list[Arm]:
    start = learned(scale, seed, "point-mass", scale.point_mass_demonstrations)
    return [arm(scale, "practice", start, practised(scale, start), paper=(0.92, 1.0))]


def _language_table(scale: Scale, seed: int) -> list[Arm]:
    arms = []
    for share, (paper, episodes) in _PAPER.items():
        start = from_people(scale, seed, share)
        end = practised(scale, start, most_episodes=scale.practice_episodes)
        facts = {"paper": paper, "paper_episodes": episodes}
        arms.append(arm(scale, fraction(share), start, end, **facts))
    return arms


def _sample_efficiency(scale: Scale, seed: int) -> list[Arm]:
    start = from_people(scale, seed, 0.1)
    tenth = start.shown.count // 10
    little = practised(scale, start, most_episodes=tenth, evaluate_every=1)
    same = practised(scale, start, most_episodes=start.shown.count)
    much = practised(scale, start, most_episodes=scale.practice_episodes)
    return [
        arm(scale, "+10 % practice", start, little, paper=(0.45, 0.75)),
        arm(scale, "+100 % practice", start, same),
        arm(scale, "all practice", start, much),
        *(arm(scale, f"{n}x demonstrations", start, from_people(scale, seed, 0.1 * n),
              paper=(0.45, 0.60) if n == max(_MORE) else None) for n in _MORE),
    ]  # fmt: skip


def _reward_ablation(scale: Scale, seed: int) -> list[Arm]:
    start, most = from_people(scale, seed, 0.2), scale.practice_episodes

    def truth_ends(**changes: Any) -> Stage2:
        return practised(scale, start, most_episodes=most, terminate_on="success", **changes)

    ends = {
        "steps-to-go, detector ends": practised(scale, start, most_episodes=most),
        "steps-to-go, truth ends": truth_ends(),
        "no shaping, truth ends": truth_ends(reward="core"),
        "sparse success, truth ends": truth_ends(reward="success"),
        "random judge, truth ends": truth_ends(judge="random"),
    }
    return [arm(scale, name, start, end) for name, end in ends.items()]


def _banana(scale: Scale, seed: int) -> list[Arm]:
    """Stage 1's table has a banana lying about, which is seen and named in grounding and which no
    demonstration touches on purpose.
    """
    start = learned(
        scale, seed, "banana-table-blocks", scale.table_demonstrations // 5,
        style="human", instructions=blocks_to_places(),
    )  # fmt: skip
    most = scale.practice_episodes
    alone = practised(scale, start, "banana-table", most_episodes=most)
    return [arm(scale, "banana", start, alone, paper=(0.63, 0.85))]


def _real2sim(scale: Scale, seed: int) -> list[Arm]:
    arms = []
    for here, there in (("language-table-4", _SHIFTED), (_SHIFTED, "language-table-4")):
        start = from_people(scale, seed, 0.4, here)
        end = practised(scale, start, there, most_episodes=scale.transfer_episodes)
        paper = {"paper": (0.226, 0.625), "paper_episodes": 4_700} if here == _SHIFTED else {}
        arms.append(arm(scale, f"{here} to {there}", start, end, **paper))
    return arms


def _aloha(scale: Scale, seed: int) -> list[Arm]:
    scale = replace(scale, evaluation_episodes=scale.aloha_evaluation_episodes)
    start = learned(scale, seed, _ALOHA, scale.aloha_demonstrations)
    ways: dict[str, dict[str, Any]] = {
        # Where the moment of success is known, nothing after it is worth practising.
        "with bonus": {"success_bonus": 20.0, "terminate_on": "success"},
        "without bonus": {},
    }
    return [
        arm(scale, name, start, practised(scale, start, most_episodes=scale.aloha_episodes, **way),
            paper=(0.537, 0.678), paper_episodes=2_900)
        for name, way in ways.items()
    ]  # fmt: skip


def _robustness(scale: Scale, seed: int) -> list[Arm]:
    start = from_people(scale, seed, 0.2)
    end = practised(scale, start, most_episodes=scale.practice_episodes)
    return [arm(scale, "practice", start, end)]


def _other_tables(scale: Scale, seed: int) -> list[Arm]:
    """The presets that no other experiment runs."""
    arms = []
    for name, table in (
        ("8 blocks", "language-table"),
        ("banana among blocks", "banana-table-blocks"),
    ):
        start = learned(scale, seed, table, scale.table_demonstrations // 5, style="human")
        end = practised(scale, start, most_episodes=scale.practice_episodes)
        arms.append(arm(scale, name, start, end))
    return arms


EXPERIMENTS: dict[str, Experiment] = {
    experiment.name: experiment
    for experiment in (
        Experiment(
            "point-mass",
            "PointMass2D",
            "Does practice make a clone of wandering demonstrators go straight to the goal?",
            _point_mass,
            (lifts("practice", 8),),
            "A reproduction of the published notebook: 92 % and 69 steps, then 100 % and about 13.",
            figure="curves",
        ),
        Experiment(
            "language-table",
            "Language table: success against practice",
            "How far does practice lift a policy cloned from 10, 20 or 80 % of human-like demonstrations?",
            _language_table,
            (
                *(
                    lifts(fraction(share), round(100 * (after - before), 1))
                    for share, ((before, after), _) in _PAPER.items()
                ),
                practises_at_most(1_600),
            ),
            "45.2 to 74.4 %, 57.2 to 88.9 % and 58.4 to 96.8 % with about 900 to 1,590 episodes.",
            figure="curves",
        ),
        Experiment(
            "sample-efficiency",
            "Practice against more demonstrations",
            "From one start: is a tenth more episodes of practice worth more than 2, 4 or 8 times the "
            "demonstrations at equal gradient steps?",
            _sample_efficiency,
            (ahead("+10 % practice", [f"{n}x demonstrations" for n in _MORE], 15),),
            "45 to 75 % by a tenth more episodes of practice, 45 to 60 % by 8 times the demonstrations.",
        ),
        Experiment(
            "reward-ablation",
            "What the reward must be",
            "Is it the trained steps-to-go, its shaping, or the end of the episode that makes practice work?",
            _reward_ablation,
            paper="With a judge trained from scratch instead of a pretrained one, 57.2 % went to 60.1 % instead of "
            "88.9 %.",
        ),
        EXAM,
        PRACTICE,
        Experiment(
            "banana",
            "A thing never pushed",
            "Demonstrations push blocks only: does practice with a banana teach to push bananas?",
            _banana,
            (lifts("banana", 20),),
            "63 to 85 % in 8 hours on two robots.",
        ),
        Experiment(
            "real2sim",
            "Another lab",
            "Does practice carry a policy to a table with other paint, light, camera and motors?",
            _real2sim,
            (
                lifts(f"{_SHIFTED} to language-table-4", 20),
                lifts(f"language-table-4 to {_SHIFTED}", 20),
            ),
            "From real demonstrations to practice in simulation: 22.6 to 62.5 % with 4,700 episodes.",
        ),
        Experiment(
            "other-tables",
            "More on the table",
            "Does the same way carry to eight blocks, and to a banana that joins the blocks?",
            _other_tables,
            (lifts("8 blocks", 20), lifts("banana among blocks", 20)),
        ),
        Experiment(
            "aloha",
            "Two arms, one insertion",
            "Does practice lift an insertion whose end cannot be seen, with and without a bonus for it?",
            _aloha,
            (lifts("with bonus", 20),),
            "53.7 to 67.8 % and 47.3 to 72.6 %, from 5,000 and 10,000 demonstrations.",
        ),
        Experiment(
            "robustness",
            "Ten seeds",
            "Is the kept checkpoint ever worse than its start, is a peak ever lost, does practice collapse?",
            _robustness,
            (
                share_of_seeds("share of seeds whose kept checkpoint is not worse", never_worse),
                share_of_seeds("share of seeds that keep their peak", keeps_its_peak),
                share_of_seeds("share of seeds that do not end in a collapse", does_not_collapse),
            ),
            figure="curves",
            seeds=10,
        ),
    )
}


def experiment_of(name: str) -> Experiment:
    """The experiment of this name.

    Raises:
        LearningError: there is none.
    """
    if name not in EXPERIMENTS:
        raise LearningError(f"Unknown experiment {name!r}; known: {', '.join(EXPERIMENTS)}.")
    return EXPERIMENTS[name]
