"""Two arms and a peg; few robots at once, since each tick costs milliseconds of physics and pictures.

With small pictures the model is grounded and learns its heads alone; its temperature is low because an
insertion forgives errors of a few milliradians and no more. Practice learns one number, how far all joints
stray: what 1,600 episodes can tell about more than that drowns in noise (docs/learning.md has the figures).
One large update an iteration, for returns are mostly positive and a second update on tuples of the same
policy is drawn back to it.

With large pictures the model learns everything from the demonstrations, with wider perceptrons and for
longer. It acts by tokens, and practises as tables do.

The policy trains far past its best validation loss, as published. There is no bonus for the simulator's own
word: runs that want one say so.
"""

from __future__ import annotations

from practice.learning.config import EvaluationConfig, PracticeConfig
from practice.learning.presets.language_table import (
    FAST_PRACTICE,
    FAST_SFT,
    PUBLISHED,
    UNGROUNDED_SFT,
    table,
)
from practice.learning.presets.preset import Preset, Table

_EVALUATION = (
    Preset(
        "paper",
        "Standard",
        "1,024 episodes on fixed seeds.",
        EvaluationConfig(num_robots=32),
    ),
    Preset(
        "fast",
        "Quick look",
        "128 episodes: enough to see a trend.",
        EvaluationConfig(episodes=128, num_robots=32),
    ),
    Preset(
        "demo",
        "Demonstration",
        "256 episodes: plus or minus six points.",
        EvaluationConfig(episodes=256, num_robots=32),
    ),
)

_LARGE = FAST_PRACTICE.replace(
    num_robots=32, iterations=60, batch_size=384, learning_rate=1e-4, evaluate_episodes=64
)
_SPREAD = FAST_PRACTICE.replace(
    num_robots=32,
    iterations=68,
    updates=1,
    batch_size=2_048,
    trains="spread",
    carry_optimizer=False,
    learning_rate=1e-1,
    warmup=0,
    evaluate_every=17,
    evaluate_episodes=128,
)


def _practice(fast: PracticeConfig, description: str) -> tuple[Preset, ...]:
    return (
        PUBLISHED,
        Preset("fast", "Fast", description, fast),
        Preset(
            "demo",
            "Demonstration",
            "As fast, evaluated more often.",
            fast.replace(evaluate_every=4, patience=4),
        ),
    )


_FULL = table(
    UNGROUNDED_SFT.replace(
        steps=20_000, learning_rate=1e-3, policy_width=512, mirror=False, validate_every=1_000
    ),
    _LARGE,
    minutes="Not yet measured.",
)
_SMALL = table(
    FAST_SFT.replace(
        grounding_steps=1_500,
        calibrate=True,
        grounding_pictures=8_192,
        mirror=False,
        validate_every=500,
        temperature=0.25,
    ),
    _SPREAD,
    minutes="About three minutes on one core.",
)

ALOHA: Table = {
    "sft": _FULL["sft"],
    "practice": _practice(
        _LARGE,
        "32 robots, large updates, returns scaled, a rate that rises and falls. Not measured.",
    ),
    "evaluation": _EVALUATION,
}
ALOHA_SMALL: Table = {
    "sft": _SMALL["sft"],
    "practice": _practice(
        _SPREAD,
        "32 robots learn how far their joints may stray: one number, one large update an iteration.",
    ),
    "evaluation": _EVALUATION,
}
