"""The one interface of an embodied foundation model: two questions, two distributions.

Image models and pretrained vision-language models answer the same two questions; nothing above
this line knows which kind it talks to.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

from torch import Tensor, nn

from models_store.actions import ActionDistribution
from models_store.instructions import Instructions
from models_store.precision import Precision
from models_store.specs import Spec
from models_store.steps_to_go import StepsToGo


class EFM(nn.Module, ABC):
    """Observation o and instruction g in; p(a | o, g) and p(steps-to-go | o, g) out."""

    spec: Spec

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

    def both(
        self, observation: Mapping[str, Tensor], instructions: Instructions
    ) -> tuple[ActionDistribution, StepsToGo]:
        """Both answers for the same rows; a model whose two sides see alike looks only once."""
        return self.policy(observation, instructions), self.steps_to_go(observation, instructions)

    def set_precision(self, precision: Precision) -> None:
        """How the convolutions compute; a model without any has nothing to choose."""

    @abstractmethod
    def policy_parameters(self) -> list[nn.Parameter]:
        """What Stage 2 trains. The rest stays as Stage 1 left it."""
