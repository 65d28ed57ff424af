"""What a run can be told, as frozen dataclasses with help, range and unit beside each field.

No torch here: forms, the API and the command line read these same descriptions. `to_json` and
`from_json` are each other's inverse; unknown keys and bad values are refused by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from practice.learning.config_sft import SFTConfig
from practice.learning.errors import LearningError
from practice.learning.settings import (
    Config,
    SettingFact,
    accumulate_setting,
    check_parts,
    compile_setting,
    precision_setting,
    recompute_setting,
    setting,
)

__all__ = [
    "CONFIGS",
    "Config",
    "EvaluationConfig",
    "Kind",
    "PracticeConfig",
    "SFTConfig",
    "SettingFact",
    "config_from_json",
    "setting",
]

Kind = Literal["sft", "practice", "evaluation"]


def _processes() -> Any:
    """The same setting in every kind of run that simulates."""
    return setting(
        0,
        help="Processes that simulate. 0: one per core where pictures are drawn, else this one "
        "alone; 1: this one alone. Results do not depend on it.",
        minimum=0,
        maximum=256,
        unit="processes",
    )


@dataclass(frozen=True, slots=True)
class PracticeConfig(Config):
    """Stage 2: Self-Improvement. The defaults are the paper's, where it gives a value."""

    GROUPS: ClassVar[dict[str, tuple[str, ...]]] = {
        "Fleet": ("seed", "num_robots", "temperature", "pace", "processes"),
        "Ends of episodes": ("terminate_on", "threshold", "detector_hold"),
        "Reward": (
            "reward", "success_bonus", "gamma", "returns", "normalise_returns", "clip_returns",
        ),
        "Updates": (
            "iterations", "updates", "batch_size", "trains", "loss_scale", "learning_rate",
            "schedule", "warmup", "adam_eps", "carry_optimizer", "clip_gradient", "precision",
            "accumulate", "recompute", "compile",
        ),
        "Evaluations and the kept checkpoint": (
            "evaluate_every", "evaluate_episodes", "patience", "failure_cost",
        ),
    }  # fmt: skip

    num_robots: int = setting(16, help="Robots in the fleet.", minimum=1, maximum=65_536)
    iterations: int = setting(
        200, help="Most iterations of collecting and updating.", minimum=1, maximum=10_000_000
    )
    updates: int = setting(
        16, help="N: updates per iteration, each on its own part of the buffer.", minimum=1,
        maximum=10_000,
    )  # fmt: skip
    batch_size: int = setting(64, help="B: tuples per update.", minimum=1, maximum=10_000_000)
    returns: Literal["episode", "window"] = setting(
        "episode",
        help="Sum rewards to the end of each episode, then learn from ended episodes (the paper); "
        "or cut the sum at the end of the iteration, and learn from every step at once.",
    )
    reward: Literal["progress", "core", "success"] = setting(
        "progress",
        help="What a step earns: the fall of d(o, g) (the paper); for comparison, without its "
        "shaping, -(1 - gamma) d(o, g) after the step; or 1 when the simulator first says success.",
    )
    success_bonus: float = setting(
        0.0, help="Added to the reward of the step in which the simulator first says success, for "
        "goals that cannot be seen.", minimum=0.0, maximum=1_000.0, unit="steps",
    )  # fmt: skip
    gamma: float = setting(0.9, help="Discount of later progress.", minimum=0.0, maximum=1.0)
    loss_scale: float = setting(
        0.05, help="c in -c R log p(a | o, g); the paper takes (1 - gamma) / 2.", minimum=1e-6,
        maximum=1e3,
    )  # fmt: skip
    trains: Literal["policy", "spread"] = setting(
        "policy",
        help="Ours: what is learned. All of the policy but its looking (the paper); or how far its "
        "actions stray, one number for all, for robots without action tokens.",
    )
    learning_rate: float = setting(1e-4, help="Step size of Adam.", minimum=1e-8, maximum=1.0)
    schedule: Literal["constant", "cosine"] = setting(
        "constant", help="Ours: let the learning rate fall to 0 over the iterations."
    )
    warmup: int = setting(
        0, help="Ours: iterations before the learning rate is whole; it rises evenly until then.",
        minimum=0, maximum=100_000,
    )  # fmt: skip
    adam_eps: float = setting(1e-7, help="Epsilon of Adam.", minimum=1e-12, maximum=1e-2)
    carry_optimizer: bool = setting(
        True, help="Begin with the moments that Adam had at the end of Stage 1."
    )
    terminate_on: Literal["detector", "success"] = setting(
        "detector",
        help="What ends a practice episode before the horizon: the success detector (the paper; "
        "needs no simulator's word) or the simulator's true success.",
    )
    threshold: float | None = setting(
        None,
        help="s: the detector says done at d(o, g) <= s. Empty: as the task says.",
        minimum=0.0,
        maximum=10_000.0,
        unit="steps",
    )
    detector_hold: int = setting(
        1, help="Steps in a row the detector must say done to end an episode.", minimum=1,
        maximum=1_000, unit="steps",
    )  # fmt: skip
    temperature: float | None = setting(
        None,
        help="T of policies that choose among tokens, the same in practice, loss and evaluation. "
        "Empty: as the start checkpoint says.",
        minimum=0.01,
        maximum=100.0,
    )
    precision: Literal["auto", "float32", "bfloat16"] = precision_setting()
    clip_returns: float = setting(
        0.0, help="Ours: returns, scaled or not, are cut to plus and minus this; 0: as they are.",
        minimum=0.0, maximum=1e6,
    )  # fmt: skip
    clip_gradient: float = setting(
        0.0, help="Ours: longest gradient a step may follow; 0: as it comes.", minimum=0.0,
        maximum=1e6,
    )  # fmt: skip
    normalise_returns: Literal["none", "scale"] = setting(
        "none", help="Ours: divide the returns by their standard deviation, the mean kept."
    )
    evaluate_every: int = setting(
        10, help="Iterations between evaluations; 0 for none.", minimum=0, maximum=1_000_000
    )
    evaluate_episodes: int = setting(
        256, help="Fresh episodes per evaluation; practice never trains on them.", minimum=1,
        maximum=1_000_000, unit="episodes",
    )  # fmt: skip
    patience: int = setting(
        0, help="Stop after this many evaluations without a better one; 0: run to the end.",
        minimum=0, maximum=10_000,
    )  # fmt: skip
    failure_cost: float = setting(
        3.0, help="When choosing the best checkpoint a failed episode counts as this many horizons.",
        minimum=1.0, maximum=1_000.0,
    )  # fmt: skip
    pace: float = setting(
        0.0,
        help="1: the task's control rate, as real robots; 2: twice that; 0: as fast as it goes.",
        minimum=0.0,
        maximum=10_000.0,
        unit="x control rate",
    )
    processes: int = _processes()
    compile: bool = compile_setting()
    recompute: bool = recompute_setting()
    accumulate: int = accumulate_setting()

    def __post_init__(self) -> None:
        """Beside the fields, check that an iteration comes out even."""
        Config.__post_init__(self)
        check_parts(self.batch_size, self.accumulate)
        if self.returns == "window" and (self.updates * self.batch_size) % self.num_robots:
            raise LearningError(
                f"With returns cut at the window, updates x batch_size must be a multiple of "
                f"num_robots; {self.updates} x {self.batch_size} is none of {self.num_robots}."
            )
        if self.trains == "spread" and self.carry_optimizer:
            raise LearningError(
                "The moments carried over from Stage 1 would move the mean as well; with trains set "
                "to spread, switch carry_optimizer off."
            )

    @property
    def tuples(self) -> int:
        """N x B: (o, a, g, R) tuples per iteration."""
        return self.updates * self.batch_size


@dataclass(frozen=True, slots=True)
class EvaluationConfig(Config):
    """How good is a checkpoint: episodes on fixed seeds, nothing learned."""

    GROUPS: ClassVar[dict[str, tuple[str, ...]]] = {
        "Episodes": ("seed", "episodes", "first_seed", "num_robots", "pace", "processes"),
        "Policy": ("actions", "temperature", "precision"),
        "Ends of episodes": ("terminate_on", "threshold"),
    }

    episodes: int = setting(
        1_024, help="How many episodes.", minimum=1, maximum=1_000_000, unit="episodes"
    )
    first_seed: int = setting(
        2_000_000_000,
        help="Episode n starts from seed first_seed + n, so that checkpoints can be compared pair "
        "by pair.",
        minimum=0,
        maximum=2**62,
    )
    num_robots: int = setting(256, help="Episodes at a time.", minimum=1, maximum=65_536)
    threshold: float | None = setting(
        None,
        help="s at which the detector is measured. Empty: as the task says.",
        minimum=0.0,
        maximum=10_000.0,
        unit="steps",
    )
    terminate_on: Literal["detector", "success"] = setting(
        "success", help="What ends an episode before the horizon; success is always the true one."
    )
    temperature: float | None = setting(
        None,
        help="T of policies that choose among tokens. Empty: as the checkpoint says.",
        minimum=0.01,
        maximum=100.0,
    )
    precision: Literal["auto", "float32", "bfloat16"] = precision_setting()
    actions: Literal["sampled", "greedy"] = setting(
        "sampled", help="Draw each action from the policy, or take the most likely one."
    )
    pace: float = setting(
        0.0, help="1: the task's control rate; 0: as fast as it goes.", minimum=0.0,
        maximum=10_000.0, unit="x control rate",
    )  # fmt: skip
    processes: int = _processes()


CONFIGS: dict[str, type[Config]] = {
    "sft": SFTConfig,
    "practice": PracticeConfig,
    "evaluation": EvaluationConfig,
}


def config_from_json(kind: str, data: Mapping[str, Any]) -> Config:
    """The config of a kind of run.

    Raises:
        LearningError: the kind, a key or a value is not known.
    """
    if kind not in CONFIGS:
        raise LearningError(f"Unknown kind of run {kind!r}; known: {', '.join(CONFIGS)}.")
    return CONFIGS[kind].from_json(data)
