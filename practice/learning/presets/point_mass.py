"""The point mass: seconds per run. Figures in docs/learning.md."""

from __future__ import annotations

from practice.learning.config import EvaluationConfig, PracticeConfig, SFTConfig
from practice.learning.presets.preset import Preset, Table

_PAPER_SFT = SFTConfig(
    steps=8_000, batch_size=128, learning_rate=1e-3, schedule="constant", validate_every=500
)
_FAST_SFT = SFTConfig(steps=600, batch_size=512, learning_rate=5e-3, validate_every=200)
_WIDE_SFT = SFTConfig(
    steps=1_500,
    batch_size=512,
    learning_rate=3e-3,
    validate_every=300,
    policy_width=128,
    reward_width=128,
)
_DEMO_SFT = _FAST_SFT.replace(steps=800, validate_every=50)

_PAPER_PRACTICE = PracticeConfig(iterations=400)
_FAST_PRACTICE = PracticeConfig(
    num_robots=256,
    iterations=110,
    updates=2,
    batch_size=1_024,
    returns="window",
    normalise_returns="scale",
    learning_rate=1.5e-3,
    schedule="cosine",
    carry_optimizer=False,
    evaluate_every=10,
    evaluate_episodes=512,
)
_WIDE_PRACTICE = _FAST_PRACTICE.replace(
    learning_rate=8e-4, iterations=240, updates=1, batch_size=2_048, evaluate_every=20
)
_DEMO_PRACTICE = _FAST_PRACTICE.replace(
    num_robots=128, iterations=100, batch_size=640, evaluate_every=5, pace=1.0
)

POINT_MASS: Table = {
    "sft": (
        Preset(
            "paper",
            "As published",
            "Batches of 128 at a constant rate until both losses are flat. About half a minute.",
            _PAPER_SFT,
        ),
        Preset(
            "fast",
            "Fast",
            "Larger batches, one-cycle schedule: a start good enough to practise from, in seconds.",
            _FAST_SFT,
        ),
        Preset(
            "fast-wide",
            "Fast, wide",
            "Networks of twice the width; a better judge, at several times the cost.",
            _WIDE_SFT,
        ),
        Preset(
            "demo",
            "Demonstration",
            "As fast, a little longer, validated often so that the curves are worth watching.",
            _DEMO_SFT,
        ),
    ),
    "practice": (
        Preset(
            "paper",
            "As published",
            "16 robots, whole episodes, 16 updates of 64 tuples per iteration, Adam carried over.",
            _PAPER_PRACTICE,
        ),
        Preset(
            "fast",
            "Fast",
            "256 robots, windows of 8 steps, two updates per window, falling learning rate.",
            _FAST_PRACTICE,
        ),
        Preset(
            "fast-wide",
            "Fast, wide",
            "As fast, at the smaller learning rate that wider networks need.",
            _WIDE_PRACTICE,
        ),
        Preset(
            "demo",
            "Demonstration",
            "128 robots at their own control rate: from about two in three to all of them "
            "within 100 seconds.",
            _DEMO_PRACTICE,
        ),
    ),
    "evaluation": (
        Preset("paper", "Standard", "1,024 episodes on fixed seeds.", EvaluationConfig()),
        Preset(
            "fast",
            "Quick look",
            "256 episodes: enough to see a trend.",
            EvaluationConfig(episodes=256),
        ),
        Preset(
            "demo",
            "Demonstration",
            "1,024 episodes, as fast as they go.",
            EvaluationConfig(),
        ),
    ),
}
