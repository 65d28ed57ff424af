"""Two arms and a peg. Practice does not lift it yet: what worked on tables, with few robots at once, since
each tick costs milliseconds of physics and pictures.

With small pictures the model is grounded and learns its heads alone; its temperature is low because an
insertion forgives errors of a few milliradians and no more. With large ones it learns everything from the
demonstrations, with wider perceptrons and for longer.

The policy trains far past its best validation loss, as published. There is no bonus for the simulator's own
word: runs that want one say so.
"""

from __future__ import annotations

from practice.learning.config import EvaluationConfig
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

_FAST_PRACTICE = FAST_PRACTICE.replace(
    num_robots=32, iterations=60, batch_size=384, learning_rate=1e-4, evaluate_episodes=64
)
_PRACTICE = (
    PUBLISHED,
    Preset(
        "fast",
        "Fast",
        "32 robots, large updates, returns scaled, a rate that rises and falls. Lifts nothing yet.",
        _FAST_PRACTICE,
    ),
    Preset(
        "demo",
        "Demonstration",
        "As fast, evaluated more often.",
        _FAST_PRACTICE.replace(evaluate_every=4, patience=4),
    ),
)
_FULL = table(
    UNGROUNDED_SFT.replace(
        steps=20_000, learning_rate=1e-3, policy_width=512, mirror=False, validate_every=1_000
    ),
    _FAST_PRACTICE,
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
    _FAST_PRACTICE,
    minutes="About three minutes on one core.",
)

ALOHA: Table = {"sft": _FULL["sft"], "practice": _PRACTICE, "evaluation": _EVALUATION}
ALOHA_SMALL: Table = {"sft": _SMALL["sft"], "practice": _PRACTICE, "evaluation": _EVALUATION}
