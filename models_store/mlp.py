"""The state-only EFM: two separate perceptrons, for robots whose state says it all.

Policy and steps-to-go share nothing, so practising moves the policy only, and the frozen reward
model may be a different checkpoint of the same network.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from models_store.actions import DiagonalGaussian
from models_store.efm import SmallEFM
from models_store.instructions import Instructions
from models_store.normalisation import Normalisation
from models_store.spec import ModelSpec
from models_store.steps_to_go import Bins, StepsToGo

_ACTIVATIONS: dict[str, type[nn.Module]] = {"relu": nn.ReLU, "silu": nn.SiLU, "tanh": nn.Tanh}


class MLPModel(SmallEFM):
    """Actor: diagonal Gaussian, softplus + floor. Distance: categorical over bins."""

    spec: ModelSpec

    def __init__(self, spec: ModelSpec, normalisation: Normalisation) -> None:
        """Build with torch's default initialisation (seed torch before, or load weights after)."""
        super().__init__()
        self.spec = spec
        self.bins = Bins(spec.steps_to_go_bins, spec.steps_to_go_width)
        inputs = self.sight
        self.actor = _perceptron(spec.policy_hidden, inputs, 2 * spec.action_size, spec)
        self.distance = _perceptron(spec.distance_hidden, inputs, spec.steps_to_go_bins, spec)
        observed = [normalisation.observation[name] for name in spec.observation]
        mean = [value for moments in observed for value in moments.mean]
        std = [value for moments in observed for value in moments.std]
        assert len(mean) == len(std) == inputs, "normalisation does not fit the observation"
        # Not persistent: the manifest holds these numbers, one place only.
        self._constant("input_mean", tuple(mean))
        self._constant("input_std", tuple(std))
        self._constant("action_mean", normalisation.action.mean)
        self._constant("action_std", normalisation.action.std)

    @property
    def sight(self) -> int:
        """Inputs of each perceptron."""
        return sum(self.spec.observation.values())

    def act(self, seen: Tensor) -> DiagonalGaussian:
        """Diagonal Gaussian over (B, A)."""
        mean, raw = self.actor(seen).chunk(2, dim=-1)
        std = functional.softplus(raw) + self.spec.std_floor
        return DiagonalGaussian(mean, std, self.action_mean, self.action_std)

    def judge(self, seen: Tensor) -> StepsToGo:
        """Categorical over (B, bins)."""
        return StepsToGo(self.distance(seen), self.bins)

    def policy_parameters(self) -> list[nn.Parameter]:
        """The actor's weights."""
        return list(self.actor.parameters())

    def policy_bias(self) -> nn.Parameter:
        """The actor's last."""
        return list(self.actor.parameters())[-1]

    def judge_parameters(self) -> list[nn.Parameter]:
        """The distance head's weights."""
        return list(self.distance.parameters())

    def look(self, observation: Mapping[str, Tensor], instructions: Instructions) -> Tensor:
        """Concatenated, normalised features, (B, inputs); the instruction is not read."""
        names = list(self.spec.observation)
        joined = (
            observation[names[0]]
            if len(names) == 1
            else torch.cat([observation[name] for name in names], dim=-1)
        )
        assert joined.shape[-1] == self.input_mean.shape[0], "observation has the wrong size"
        return (joined - self.input_mean) / self.input_std

    def _constant(self, name: str, values: tuple[float, ...]) -> None:
        self.register_buffer(name, torch.tensor(values, dtype=torch.float32), persistent=False)

    input_mean: Tensor
    input_std: Tensor
    action_mean: Tensor
    action_std: Tensor


def _perceptron(
    hidden: tuple[int, ...], inputs: int, outputs: int, spec: ModelSpec
) -> nn.Sequential:
    layers: list[nn.Module] = []
    for width in hidden:
        layers += [nn.Linear(inputs, width), _ACTIVATIONS[spec.activation]()]
        inputs = width
    return nn.Sequential(*layers, nn.Linear(inputs, outputs))
