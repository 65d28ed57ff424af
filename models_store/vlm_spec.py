"""Frozen description of an EFM made from a pretrained vision-language model. No torch here."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from models_store.errors import LearningError
from models_store.spec_json import read, written

READOUTS = ("queries", "tokens")
DTYPES = ("float32", "bfloat16")
LORA_TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
"""Attention and perceptron of Llama, Gemma and Qwen, by the names transformers gives them."""

_TUPLES: dict[str, type] = {
    "previous": str,
    "action_low": float,
    "action_high": float,
    "lora_targets": str,
}
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class VlmSpec:
    """Pictures, instruction and state in; action and steps-to-go distributions out, by a pretrained model."""

    base: str
    """A folder in `EFM_BASES`, `owner/name@revision` on the Hub, or any folder by its whole path."""

    base_digest: str
    """sha256 over the base's files; another base under the same name is refused."""

    cameras: dict[str, tuple[int, int, int]]
    """Feature name -> (height, width, 3), as the robot gives them."""

    action_low: tuple[float, ...]
    """Middle of the lowest bin of each action dimension, in the robot's units."""

    action_high: tuple[float, ...]
    """Middle of the highest bin."""

    observation: dict[str, int] = field(default_factory=dict)
    """State feature name -> number of values; all of them together become one embedding."""

    previous: tuple[str, ...] = ()
    """Cameras whose frame of one step before is seen as well, as a picture of its own."""

    readout: str = "queries"
    """queries: learned embeddings after the prompt, one forward for everything. tokens: the paper's way,
    one token of the vocabulary per action dimension, each given those before it.
    """

    action_bins: int = 256
    """Tokens per action dimension, evenly spaced."""

    steps_to_go_bins: int = 61

    steps_to_go_width: float = 1.0
    """Steps per bin."""

    lora_rank: int = 16
    """Rank of the low-rank adapters of the language model. 0: its own weights are trained."""

    lora_alpha: float = 32.0
    """Adapters count alpha / rank times."""

    lora_targets: tuple[str, ...] = LORA_TARGETS
    """Last part of the names of the linear layers that get an adapter."""

    freeze_vision: bool = True
    """Whether Stage 1 leaves what sees (vision tower and its projector) as pretraining left it. Stage 2
    always does.
    """

    dtype: str = "float32"
    """Of the base's weights; adapters and readout are always float32."""

    image_size: int = 0
    """Pixels along a side for bases that take any size (Qwen-VL); 0: as the base's processor says."""

    temperature: float = 1.0
    """T: action logits are divided by it wherever the policy is asked: practice, loss, evaluation."""

    architecture: str = "vlm"

    def __post_init__(self) -> None:
        """Refuse descriptions no model can be built from. Features are put in the order of their names,
        which is how files keep them: weights belong to places in a row of numbers.
        """
        object.__setattr__(self, "cameras", dict(sorted(self.cameras.items())))
        object.__setattr__(self, "observation", dict(sorted(self.observation.items())))
        if self.architecture != "vlm":
            raise LearningError(f"Unknown pretrained model {self.architecture!r}; known: vlm.")
        if not self.base or not _DIGEST.fullmatch(self.base_digest):
            raise LearningError(
                f"A pretrained model needs a base and the sha256 of its files, 64 hex digits; "
                f"got {self.base!r} and {self.base_digest!r}."
            )
        if not self.cameras or any(
            len(shape) != 3 or shape[2] != 3 or min(shape[:2]) < 8
            for shape in self.cameras.values()
        ):
            raise LearningError(
                f"A vision-language model needs cameras of (height, width, 3), 8 pixels or more each "
                f"way; got {self.cameras}."
            )
        strange = sorted(set(self.previous) - set(self.cameras))
        if strange:
            raise LearningError(f"{strange[0]!r} is no camera of this model; it cannot look back.")
        self._check_choices()
        self._check_numbers()

    def _check_choices(self) -> None:
        for name, known in (("readout", READOUTS), ("dtype", DTYPES)):
            value = getattr(self, name)
            if value not in known:
                raise LearningError(f"{name} is {value!r}; choose one of: {', '.join(known)}.")
        if self.lora_rank == 0 and self.dtype != "float32":
            raise LearningError(
                "Weights that are trained must be float32: small steps vanish in bfloat16. Set dtype to "
                "float32, or train adapters (lora_rank above 0)."
            )
        if self.lora_rank and not self.freeze_vision:
            raise LearningError(
                "Adapters are put on the language model alone; set freeze_vision to true, or lora_rank to 0."
            )
        if self.lora_rank and not self.lora_targets:
            raise LearningError("Adapters need lora_targets: names of linear layers, as q_proj.")

    def _check_numbers(self) -> None:
        pairs = list(zip(self.action_low, self.action_high, strict=False))
        ends = all(math.isfinite(a) and math.isfinite(b) and a < b for a, b in pairs)
        if len(self.action_low) != len(self.action_high) or not pairs or not ends:
            raise LearningError(
                f"Action bins need a low below a high per dimension; "
                f"got {self.action_low} and {self.action_high}."
            )
        sizes = (*self.observation.values(), self.action_bins - 1, self.steps_to_go_bins - 1)
        if any(size < 1 for size in sizes) or self.lora_rank < 0 or self.image_size < 0:
            raise LearningError(
                f"A model needs sizes of 1 or more, 2 bins or more, and a rank and image size of 0 or "
                f"more; got {self}."
            )
        scales = (self.steps_to_go_width, self.temperature, self.lora_alpha)
        if not all(0 < scale < math.inf for scale in scales):
            raise LearningError(
                f"Bin width, temperature and lora_alpha must be above 0; got {scales}."
            )

    @property
    def action_size(self) -> int:
        """A, the number of action dimensions."""
        return len(self.action_low)

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the features the model reads."""
        return (*self.cameras, *self.observation)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; `from_json` gives an equal spec back."""
        return written(self, _TUPLES)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> VlmSpec:
        """Read what `to_json` wrote.

        Raises:
            LearningError: a key is unknown or missing, or a value has the wrong type.
        """
        return read(cls, data, _TUPLES)
