"""Tables with cameras and instructions: minutes per run on two cores.

Figures stand in docs/learning.md and docs/results.md. The discount of fast practice is 0.8 where the
paper has 0.9: with few episodes the shorter sum is the less noisy one.
"""

from __future__ import annotations

from practice.learning.config import EvaluationConfig, PracticeConfig, SFTConfig
from practice.learning.presets.foundation import foundation
from practice.learning.presets.preset import Preset, Table

FAST_SFT = SFTConfig(
    steps=2_500,
    batch_size=256,
    learning_rate=2e-3,
    reward_rate=0.5,
    schedule="cosine",
    weight_decay=0.05,
    policy_layers=3,
    policy_width=256,
    reward_layers=3,
    reward_width=128,
    grounding_steps=1_500,
    trains="heads",
    previous_frame=False,
    mirror=True,
    arrival="end",
    policy_choice="last",
    reward_choice="last",
    validate_every=250,
    validation_rows=2_048,
)
UNGROUNDED_SFT = FAST_SFT.replace(
    steps=6_000,
    batch_size=64,
    reward_rate=1.0,
    weight_decay=0.1,
    reward_width=256,
    grounding_steps=0,
    trains="all",
    reward_choice="best",
    clip_gradient=1.0,
    temperature=0.7,
)
"""Where no simulator draws pictures of play: everything is learned from the demonstrations."""

DEMO_SFT = FAST_SFT.replace(validate_every=100)
PAPER_SFT = FAST_SFT.replace(steps=10_000, grounding_steps=4_000, validate_every=1_000)

PAPER_PRACTICE = PracticeConfig(iterations=400, clip_gradient=1.0)
FAST_PRACTICE = PracticeConfig(
    num_robots=64,
    iterations=23,
    updates=6,
    batch_size=512,
    gamma=0.8,
    loss_scale=0.3,
    normalise_returns="scale",
    clip_returns=5.0,
    clip_gradient=1.0,
    learning_rate=2e-3,
    schedule="cosine",
    warmup=4,
    threshold=3.0,
    detector_hold=3,
    evaluate_every=5,
    evaluate_episodes=256,
)
DEMO_PRACTICE = FAST_PRACTICE.replace(iterations=40, evaluate_episodes=128, pace=1.0)

PUBLISHED = Preset(
    "paper",
    "As published",
    "16 robots, whole episodes, 16 updates of 64 tuples per iteration, Adam carried over.",
    PAPER_PRACTICE,
)

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
        grounding_steps=PAPER_SFT.grounding_steps if fast.grounding_steps else 0,
        validate_every=PAPER_SFT.validate_every,
    )
    shown = fast.replace(validate_every=DEMO_SFT.validate_every)
    return (
        Preset(
            "paper",
            "Long",
            "Trained several times longer, for thousands of demonstrations.",
            long,
        ),
        Preset("fast", "Fast", f"Good enough to practise from. {minutes}", fast),
        Preset(
            "demo",
            "Demonstration",
            "As fast, validated often so that the curves are worth watching.",
            shown,
        ),
        foundation(fast),
    )


def _practice(fast: PracticeConfig) -> tuple[Preset, ...]:
    shown = fast.replace(
        iterations=max(fast.iterations, DEMO_PRACTICE.iterations),
        evaluate_episodes=DEMO_PRACTICE.evaluate_episodes,
        pace=DEMO_PRACTICE.pace,
    )
    return (
        PUBLISHED,
        Preset(
            "fast",
            "Fast",
            "64 robots, large updates, returns scaled, a falling rate, the detector held for three steps.",
            fast,
        ),
        Preset(
            "demo",
            "Demonstration",
            "As fast and longer, at the robots' own pace, judged on half as many episodes.",
            shown,
        ),
    )


LANGUAGE_TABLE_4: Table = table(FAST_SFT, FAST_PRACTICE, minutes="About two minutes on one core.")
LANGUAGE_TABLE: Table = table(
    FAST_SFT.replace(steps=5_000, grounding_steps=4_000, validate_every=500, queries=24),
    FAST_PRACTICE.replace(iterations=35),
    minutes="Five to ten minutes.",
)
BANANA_TABLE: Table = table(FAST_SFT, FAST_PRACTICE, minutes="About two minutes on one core.")
