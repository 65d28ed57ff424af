"""The one interface of an embodied foundation model: two questions, two distributions.

Small image models and pretrained vision-language models answer the same two questions; nothing above
this line knows which kind it talks to. Both kinds look first (`LookingEFM`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

from models_store.actions import ActionDistribution
from models_store.errors import LearningError
from models_store.instructions import Instructions
from models_store.precision import Precision
from models_store.specs import Spec
from models_store.steps_to_go import StepsToGo

SEEN = "seen"
"""Under this name an observation may carry what `LookingEFM.look` gave for it, and nothing else."""

_SPEECHLESS = (
    "A small model has no words to name an instruction in: set instruction_weight to 0, or base to a pretrained "
    "model."
)


class EFM(nn.Module, ABC):
    """Observation o and instruction g in; p(a | o, g) and p(steps-to-go | o, g) out."""

    spec: Spec

    rows_at_once = 1_024
    """Rows of pictures in one forward that a small machine has room for."""

    @abstractmethod
    def policy(
        self, observation: Mapping[str, Tensor], instructions: Instructions
    ) -> ActionDistribution:
        """What to do: the distribution of the next action for B rows."""

    @abstractmethod
    def steps_to_go(
        self, observation: Mapping[str, Tensor], instructions: Instructions
    ) -> StepsToGo:
        """How long it still takes a demonstrator: the distribution for B rows."""

    @abstractmethod
    def both(
        self, observation: Mapping[str, Tensor], instructions: Instructions
    ) -> tuple[ActionDistribution, StepsToGo]:
        """Both answers from one look."""

    def score(
        self, observation: Mapping[str, Tensor], instructions: Instructions, action: Tensor
    ) -> tuple[Tensor, StepsToGo]:
        """log p(a | o, g) of actions (B, A), (B,) nats, and the steps-to-go, from one forward."""
        answer, progress = self.both(observation, instructions)
        return answer.log_prob(action), progress

    @abstractmethod
    def policy_parameters(self) -> list[nn.Parameter]:
        """What Stage 2 trains: all that acting depends on, but the seeing."""

    @abstractmethod
    def policy_bias(self) -> nn.Parameter:
        """That of the policy's last layer; of normal distributions all means, then all spreads."""

    @abstractmethod
    def judge_parameters(self) -> list[nn.Parameter]:
        """What only the steps-to-go depend on."""

    def enable_instruction_prediction(self) -> None:
        """Get ready for `instruction_loss`.

        Raises:
            LearningError: the model has no language of its own.
        """
        raise LearningError(_SPEECHLESS)

    def instruction_loss(
        self, moments: Iterable[Mapping[str, Tensor]], instructions: Instructions
    ) -> Tensor:
        """-log p(g | moments), (B,) nats per token of each row's instruction, which the model is not told. Moments
        are observations of B rows each, of which the newest frames are shown, or what `look` gave for them.
        """
        raise LearningError(_SPEECHLESS)

    def set_precision(self, precision: Precision) -> None:
        """How the costly part computes; a model without any has nothing to choose."""

    def set_recomputing(self, on: bool) -> None:
        """Whether training recomputes activations instead of keeping them; where that is no gain, nothing."""

    def compile_learning(self) -> None:
        """Compile what learns, on the device it is on; a model that would gain nothing does nothing.

        Raises:
            LearningError: there is no compiler for the device.
        """

    def looks_like(self, other: EFM) -> bool:
        """Whether what this model's `look` gives for an observation can be given to `other` as well."""
        return False


class LookingEFM(EFM):
    """Looking is a step of its own, which Stage 2 never trains: what was seen once need not be looked at again.

    All questions take what `look` gave in place of the observation, under the name `SEEN`.
    """

    @property
    @abstractmethod
    def sight(self) -> int:
        """F, how many numbers are seen of a row."""

    @abstractmethod
    def look(self, observation: Mapping[str, Tensor], instructions: Instructions) -> Tensor:
        """What is seen of B rows, (B, F) float32."""

    def looks_like(self, other: EFM) -> bool:
        """Whether `other` sees in every observation exactly what this model sees."""
        if type(self) is not type(other) or not isinstance(other, LookingEFM):
            return False
        mine, theirs = self._looking(), other._looking()
        return mine.keys() == theirs.keys() and all(
            values is theirs[name] or torch.equal(values, theirs[name])
            for name, values in mine.items()
        )

    def _looking(self) -> dict[str, Tensor]:
        """Weights and constants that `look` depends on."""
        answers = {id(one) for one in (*self.policy_parameters(), *self.judge_parameters())}
        named = (*self.named_parameters(), *self.named_buffers())
        return {name: values for name, values in named if id(values) not in answers}


class GlancingEFM(LookingEFM):
    """Each picture is seen by itself, so a robot's newest one need not be looked at again when it has become
    the one of a step before.
    """

    @abstractmethod
    def glance(self, observation: Mapping[str, Tensor]) -> Tensor:
        """What is seen of B rows without the pictures of one step before, (B, G) float32."""

    @abstractmethod
    def joined(self, now: Tensor, before: Tensor) -> Tensor:
        """What `look` gives, (B, F), of glances (B, G) at this step and the one before."""


class SmallEFM(LookingEFM):
    """What is seen is all that the two answers are told, the instruction included."""

    @abstractmethod
    def act(self, seen: Tensor) -> ActionDistribution:
        """What to do, from what was seen (B, F)."""

    @abstractmethod
    def judge(self, seen: Tensor) -> StepsToGo:
        """How long it still takes a demonstrator, from what was seen (B, F)."""

    def calibrate(self, seen: Tensor) -> None:
        """Told once what is seen in training, (N, F), before the answers are trained on it; a model that
        makes nothing of it does nothing.
        """

    def policy(
        self, observation: Mapping[str, Tensor], instructions: Instructions
    ) -> ActionDistribution:
        """What to do: the distribution of the next action for B rows."""
        return self.act(self.seen(observation, instructions))

    def steps_to_go(
        self, observation: Mapping[str, Tensor], instructions: Instructions
    ) -> StepsToGo:
        """How long it still takes a demonstrator: the distribution for B rows."""
        return self.judge(self.seen(observation, instructions))

    def both(
        self, observation: Mapping[str, Tensor], instructions: Instructions
    ) -> tuple[ActionDistribution, StepsToGo]:
        """Both answers from one look."""
        seen = self.seen(observation, instructions)
        return self.act(seen), self.judge(seen)

    def seen(self, observation: Mapping[str, Tensor], instructions: Instructions) -> Tensor:
        """What the observation carries, or a look at it."""
        return observation[SEEN] if SEEN in observation else self.look(observation, instructions)
