"""What Stage 1 can be told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from models_store.vlm_files import check_name
from practice.learning.errors import LearningError
from practice.learning.settings import (
    Config,
    accumulate_setting,
    check_parts,
    compile_setting,
    precision_setting,
    recompute_setting,
    setting,
)

_COMPACT_ONLY = {"trains": "all", "grounding_steps": 0, "calibrate": False}
"""Settings that mean something for small models alone, and what they must be for a pretrained one."""


@dataclass(frozen=True, slots=True)
class SFTConfig(Config):
    """Stage 1: behavioural cloning and steps-to-go prediction."""

    GROUPS: ClassVar[dict[str, tuple[str, ...]]] = {
        "Optimiser": (
            "seed", "steps", "batch_size", "learning_rate", "schedule", "adam_eps", "weight_decay",
            "clip_gradient", "accumulate", "precision",
        ),
        "Demonstrations": (
            "max_episodes", "arrival", "mirror", "previous_frame", "validation_fraction",
            "validate_every", "validation_rows",
        ),
        "Checkpoints": ("policy_choice", "reward_choice", "ema", "temperature"),
        "Small model": (
            "policy_layers", "policy_width", "reward_layers", "reward_width", "reward_rate",
            "activation", "queries", "trains", "calibrate", "pretrained", "grounding_steps",
            "grounding_pictures", "grounding_rate",
        ),
        "Foundation model": (
            "base", "readout", "lora_rank", "lora_alpha", "freeze_vision", "base_dtype",
            "image_size", "instruction_weight", "recompute", "compile",
        ),
    }  # fmt: skip

    steps: int = setting(2_000, help="Optimiser steps.", minimum=1, maximum=10_000_000)
    batch_size: int = setting(
        512, help="Rows per step; every row serves all objectives.", minimum=2, maximum=1_000_000
    )
    learning_rate: float = setting(3e-3, help="Peak of the schedule.", minimum=1e-7, maximum=1.0)
    schedule: Literal["one-cycle", "cosine", "constant"] = setting(
        "one-cycle", help="How the learning rate moves: up and down, down, or not at all."
    )
    adam_eps: float = setting(1e-7, help="Epsilon of Adam.", minimum=1e-12, maximum=1e-2)
    weight_decay: float = setting(
        0.0, help="Decoupled weight decay (AdamW).", minimum=0.0, maximum=1.0
    )
    policy_layers: int = setting(2, help="Hidden layers of the policy.", minimum=1, maximum=8)
    policy_width: int = setting(
        64, help="Width of the policy's hidden layers.", minimum=4, maximum=4_096, unit="units"
    )
    reward_layers: int = setting(
        3, help="Hidden layers of the steps-to-go network.", minimum=1, maximum=8
    )
    reward_width: int = setting(
        96, help="Width of its hidden layers.", minimum=4, maximum=4_096, unit="units"
    )
    reward_rate: float = setting(
        1.0,
        help="Learning rate of the steps-to-go network's own weights as a share of the policy's: a "
        "policy gains from long training, a judge soon knows its demonstrations by heart.",
        minimum=0.001,
        maximum=1.0,
    )
    activation: Literal["tanh", "relu", "silu"] = setting("relu", help="Between the layers.")
    max_episodes: int = setting(
        0,
        help="Use this many of the demonstrations, chosen by the seed; 0 for all.",
        minimum=0,
        maximum=10_000_000,
        unit="episodes",
    )
    validation_fraction: float = setting(
        0.05, help="Share of the episodes kept out of training.", minimum=0.0, maximum=0.5
    )
    validate_every: int = setting(
        100, help="Steps between validations.", minimum=1, maximum=1_000_000, unit="steps"
    )
    validation_rows: int = setting(
        8_192, help="At most this many rows per validation.", minimum=1, maximum=10_000_000
    )
    clip_gradient: float = setting(
        0.0, help="Longest gradient a step may follow; 0: as it comes.", minimum=0.0, maximum=1e6
    )
    ema: float = setting(
        0.0,
        help="Checkpoints hold a moving average of the trained weights that keeps this share of itself at each "
        "step, as 0.999; 0: the weights themselves.",
        minimum=0.0,
        maximum=0.999999,
    )
    mirror: bool = setting(
        False,
        help="Show half of every batch in a mirror, action and words included, where the robot's "
        "world has a mirror image.",
    )
    previous_frame: bool = setting(
        True, help="Cameras: show the frame of one step before as well, so that motion is seen."
    )
    grounding_steps: int = setting(
        0,
        help="Cameras: before Stage 1, this many steps of learning where things named are, in "
        "pictures of random play that the simulator draws and labels; 0: none. A checkpoint "
        "to go on from is not grounded again.",
        minimum=0,
        maximum=1_000_000,
    )
    grounding_pictures: int = setting(
        12_288, help="Pictures of random play for that.", minimum=64, maximum=1_000_000,
        unit="pictures",
    )  # fmt: skip
    grounding_rate: float = setting(
        2e-3, help="Peak of the one-cycle schedule of grounding.", minimum=1e-7, maximum=1.0
    )
    pretrained: str | None = setting(
        None,
        help="Cameras: the name of a pretraining (manage.py pretrain) whose seeing and reading a new "
        "model begins with. Empty: from scratch.",
    )
    trains: Literal["all", "heads"] = setting(
        "all",
        help="Cameras: train the whole model, or only the two heads that act and judge; what sees "
        "and reads then stays as grounding or the checkpoint left it, and looks at each picture "
        "once.",
    )
    calibrate: bool = setting(
        False,
        help="Cameras, heads only: give a new model's heads what was seen less its mean, in units of "
        "its spread over the demonstrations.",
    )
    queries: int = setting(
        16, help="Cameras: how many things the instruction may look for.", minimum=1, maximum=256
    )
    arrival: Literal["success", "end"] = setting(
        "success",
        help="What steps-to-go counts down to: the goal, or the end of a demonstration that goes "
        "on for some steps after it.",
    )
    temperature: float = setting(
        1.0,
        help="Cameras: T of the policy that Stage 1 hands on; below 1 it strays less. Training "
        "itself is at 1.",
        minimum=0.01,
        maximum=100.0,
    )
    precision: Literal["auto", "float32", "bfloat16"] = precision_setting()
    policy_choice: Literal["best", "last"] = setting(
        "best",
        help="Keep the policy of the lowest validation loss, or the last one. Some robots succeed "
        "only far past the best validation loss.",
    )
    reward_choice: Literal["best", "last"] = setting(
        "best",
        help="Keep the judge of the lowest validation loss, or the last one. With few "
        "demonstrations the lowest loss comes early, from a judge so unsure that it never says "
        "done.",
    )
    base: str | None = setting(
        None,
        help="Cameras: a pretrained vision-language model to build upon, by the name of its folder in EFM_BASES or "
        "owner/name@revision on the Hub. Empty: a small model, from scratch.",
    )
    readout: Literal["queries", "tokens"] = setting(
        "queries",
        help="All answers from one forward by learned queries, or actions and steps-to-go as "
        "tokens of the vocabulary, one after the other (the paper).",
    )
    lora_rank: int = setting(
        16,
        help="Rank of the adapters that are trained beside the language model; 0: its own "
        "weights are trained (the paper).",
        minimum=0,
        maximum=1_024,
    )
    lora_alpha: float = setting(
        32.0, help="Adapters count alpha / rank times.", minimum=1e-3, maximum=1e4
    )
    freeze_vision: bool = setting(
        True, help="Leave what sees as it is; training it as well needs lora_rank 0."
    )
    base_dtype: Literal["float32", "bfloat16"] = setting(
        "float32", help="Numbers that hold the base's weights; bfloat16 halves them."
    )
    image_size: int = setting(
        0,
        help="Pixels along a side for bases that take any size (Qwen-VL); 0: as its "
        "processor says.",
        minimum=0,
        maximum=4_096,
        unit="pixels",
    )
    instruction_weight: float = setting(
        0.0,
        help="A third objective, to name the instruction in the base's own words from the first and the "
        "last moment of an episode; how much its loss counts beside the other two. 0: off.",
        minimum=0.0,
        maximum=100.0,
    )
    compile: bool = compile_setting()
    recompute: bool = recompute_setting()
    accumulate: int = accumulate_setting()

    def __post_init__(self) -> None:
        """Beside the fields, check that they go together."""
        Config.__post_init__(self)
        check_parts(self.batch_size, self.accumulate)
        if self.base is None:
            if self.instruction_weight:
                raise LearningError(
                    f"instruction_weight is {self.instruction_weight:g}, but a small model has no words to name an "
                    f"instruction in: set it to 0, or base to a pretrained model."
                )
            return
        check_name(self.base)
        wrong = [name for name, wanted in _COMPACT_ONLY.items() if getattr(self, name) != wanted]
        if wrong:
            has = " and ".join(f"{name} is {getattr(self, name)!r}" for name in wrong)
            wants = " and ".join(f"{name} to {_COMPACT_ONLY[name]!r}" for name in wrong)
            raise LearningError(f"{has}, which is for small models: with a base set {wants}.")
        if self.lora_rank and not self.freeze_vision:
            raise LearningError(
                "Adapters are put on the language model alone: set freeze_vision to true, or lora_rank to 0."
            )
        if not self.lora_rank and self.base_dtype != "float32":
            raise LearningError(
                "Weights that are trained must be float32: set base_dtype to float32, or lora_rank above 0."
            )

    @property
    def objectives(self) -> dict[str, float]:
        """Name -> weight of each loss in the sum that is minimised, in the order of `Lesson.losses`."""
        told = {"instruction": self.instruction_weight} if self.instruction_weight else {}
        return {"bc": 1.0, "steps_to_go": 1.0, **told}
