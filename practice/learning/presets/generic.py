"""What to begin with on a robot nobody has tuned for: by what it senses, nothing measured."""

from __future__ import annotations

from practice.learning.config import EvaluationConfig, PracticeConfig, SFTConfig
from practice.learning.presets.language_table import FAST_PRACTICE, UNGROUNDED_SFT, table
from practice.learning.presets.preset import Preset, Table

PICTURES: Table = table(UNGROUNDED_SFT, FAST_PRACTICE, minutes="A few minutes with small pictures.")

_SFT = SFTConfig(
    steps=3_000, batch_size=256, learning_rate=1e-3, policy_width=128, reward_width=128
)
_PRACTICE = PracticeConfig()
_FAST_PRACTICE = PracticeConfig(
    num_robots=64,
    updates=4,
    batch_size=512,
    normalise_returns="scale",
    learning_rate=3e-4,
    clip_gradient=1.0,
    patience=5,
)

STATE_ONLY: Table = {
    "sft": (
        Preset(
            "paper",
            "Careful",
            "Batches of 128 at a small constant rate.",
            SFTConfig(steps=8_000, batch_size=128, learning_rate=1e-3, schedule="constant"),
        ),
        Preset("fast", "Fast", "Larger batches, one-cycle schedule.", _SFT),
        Preset("demo", "Demonstration", "As fast.", _SFT.replace(validate_every=50)),
    ),
    "practice": (
        Preset(
            "paper",
            "As published",
            "16 robots, whole episodes, 16 updates of 64 tuples per iteration, Adam carried over.",
            _PRACTICE,
        ),
        Preset("fast", "Fast", "64 robots, large updates, returns scaled.", _FAST_PRACTICE),
        Preset(
            "demo",
            "Demonstration",
            "As fast, evaluated more often.",
            _FAST_PRACTICE.replace(evaluate_every=5),
        ),
    ),
    "evaluation": (
        Preset("paper", "Standard", "1,024 episodes on fixed seeds.", EvaluationConfig()),
        Preset("fast", "Quick look", "256 episodes.", EvaluationConfig(episodes=256)),
        Preset("demo", "Demonstration", "1,024 episodes.", EvaluationConfig()),
    ),
}
