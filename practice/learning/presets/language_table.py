"""Tables with cameras and instructions: minutes per run on two cores.

Stage 1 is measured (docs/learning.md). Practice begins from what worked in prototypes and is not yet
shown to lift success here.
"""

from __future__ import annotations

from practice.learning.config import EvaluationConfig, PracticeConfig, SFTConfig
from practice.learning.presets.preset import Preset, Table

FAST_SFT = SFTConfig(
    steps=4_000,
    batch_size=64,
    learning_rate=2e-3,
    schedule="cosine",
    weight_decay=0.1,
    clip_gradient=1.0,
    policy_layers=3,
    policy_width=256,
    reward_layers=3,
    reward_width=256,
    mirror=True,
    arrival="end",
    temperature=0.7,
    policy_choice="last",
    validate_every=250,
    validation_rows=1_024,
)
DEMO_SFT = FAST_SFT.replace(validate_every=100)
PAPER_SFT = FAST_SFT.replace(steps=20_000, batch_size=128, learning_rate=1e-3, validate_every=1_000)

PAPER_PRACTICE = PracticeConfig(iterations=400, clip_gradient=1.0)
FAST_PRACTICE = PracticeConfig(
    num_robots=64,
    iterations=32,
    updates=6,
    batch_size=384,
    normalise_returns="scale",
    clip_returns=5.0,
    clip_gradient=1.0,
    learning_rate=6e-4,
    carry_optimizer=False,
    detector_hold=3,
    evaluate_every=8,
    evaluate_episodes=256,
    patience=2,
)
DEMO_PRACTICE = FAST_PRACTICE.replace(evaluate_every=4, evaluate_episodes=192, patience=4)

EVALUATION = (
    Preset("paper", "Standard", "1,024 episodes on fixed seeds.", EvaluationConfig()),
    Preset(
        "fast",
        "Quick look",
        "256 episodes: enough to see a trend.",
        EvaluationConfig(episodes=256, num_robots=128),
    ),
    Preset(
        "demo",
        "Demonstration",
        "512 episodes: plus or minus four points.",
        EvaluationConfig(episodes=512, num_robots=128),
    ),
)


def table(sft: SFTConfig, practice: PracticeConfig, *, minutes: str) -> Table:
    """The presets of a table, from its fast ones; `minutes` says how long its Stage 1 takes."""
    return {
        "sft": _sft(sft, minutes),
        "practice": _practice(practice),
        "evaluation": EVALUATION,
    }


def _sft(fast: SFTConfig, minutes: str) -> tuple[Preset, ...]:
    long = fast.replace(
        steps=PAPER_SFT.steps,
        batch_size=PAPER_SFT.batch_size,
        learning_rate=PAPER_SFT.learning_rate,
        validate_every=PAPER_SFT.validate_every,
    )
    shown = fast.replace(validate_every=DEMO_SFT.validate_every)
    return (
        Preset(
            "paper",
            "Long",
            "Batches of 128 at a small rate, for thousands of demonstrations and patience.",
            long,
        ),
        Preset("fast", "Fast", f"Small batches, a falling rate. {minutes}", fast),
        Preset(
            "demo",
            "Demonstration",
            "As fast, validated often so that the curves are worth watching.",
            shown,
        ),
    )


def _practice(fast: PracticeConfig) -> tuple[Preset, ...]:
    shown = fast.replace(
        evaluate_every=DEMO_PRACTICE.evaluate_every,
        evaluate_episodes=DEMO_PRACTICE.evaluate_episodes,
        patience=DEMO_PRACTICE.patience,
    )
    return (
        Preset(
            "paper",
            "As published",
            "16 robots, whole episodes, 16 updates of 64 tuples per iteration, Adam carried over.",
            PAPER_PRACTICE,
        ),
        Preset(
            "fast",
            "Fast",
            "64 robots, large updates, returns scaled, the detector held for three steps.",
            fast,
        ),
        Preset("demo", "Demonstration", "As fast, evaluated more often.", shown),
    )


LANGUAGE_TABLE_4: Table = table(FAST_SFT, FAST_PRACTICE, minutes="Two to four minutes on one core.")
LANGUAGE_TABLE: Table = table(
    FAST_SFT.replace(steps=8_000, validate_every=500, queries=24),
    FAST_PRACTICE.replace(iterations=48),
    minutes="Five to ten minutes.",
)
BANANA_TABLE: Table = table(FAST_SFT, FAST_PRACTICE, minutes="Two to four minutes on one core.")
