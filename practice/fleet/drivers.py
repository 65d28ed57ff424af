"""Who chooses the actions, and who judges the progress."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from models_store.actions import ActionDistribution
from models_store.efm import EFM, LookingEFM
from models_store.instructions import Instructions
from models_store.steps_to_go import Bins
from practice.embodiments.interface import Demonstrator, Observation


class Driver(Protocol):
    """Chooses actions for rows of the fleet."""

    def begin(
        self, robots: NDArray[np.int64], seeds: NDArray[np.uint64], instructions: Sequence[str]
    ) -> None:
        """New episodes begin for these robots, (k,) each."""
        ...

    def act(
        self, observation: Observation, instructions: Instructions, robots: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        """Actions (k, A), before the task's limits."""
        ...


class PolicyDriver:
    """A model's policy, sampled: one batched forward per tick."""

    def __init__(
        self, model: EFM, generator: torch.Generator, *, device: str = "cpu", greedy: bool = False
    ) -> None:
        """The model is used as it is at each tick, so training it changes the fleet."""
        self.model, self.generator = model, generator
        self.device, self._greedy = device, greedy

    def begin(
        self, robots: NDArray[np.int64], seeds: NDArray[np.uint64], instructions: Sequence[str]
    ) -> None:
        """Nothing to prepare: the policy has no memory."""

    def act(
        self, observation: Observation, instructions: Instructions, robots: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        """Sampled actions (k, A), or the mode when greedy."""
        return self.choose(self.think(observation, instructions))

    @torch.inference_mode()
    def think(self, observation: Observation, instructions: Instructions) -> ActionDistribution:
        """The policy's answer for k robots; draws nothing, so several threads may think at once."""
        return self.model.policy(tensors(observation, self.device), instructions)

    @torch.inference_mode()
    def look(self, observation: Observation, instructions: Instructions) -> NDArray[np.float32]:
        """What the model sees of k robots, (k, F); under `SEEN` it may be given back to it."""
        assert isinstance(self.model, LookingEFM), "this model keeps nothing it has seen"
        seen = self.model.look(tensors(observation, self.device), instructions)
        return np.asarray(seen.cpu().numpy(), dtype=np.float32)

    @torch.inference_mode()
    def choose(self, answer: ActionDistribution) -> NDArray[np.float32]:
        """Actions (k, A) of an answer; the order of calls decides who gets which noise."""
        action = answer.mode() if self._greedy else answer.sample(self.generator)
        return np.asarray(action.cpu().numpy(), dtype=np.float32)


class DemonstratorDriver:
    """An embodiment's scripted expert."""

    def __init__(self, demonstrator: Demonstrator) -> None:
        """The expert must have been made for as many robots as the fleet has."""
        self._demonstrator = demonstrator

    def begin(
        self, robots: NDArray[np.int64], seeds: NDArray[np.uint64], instructions: Sequence[str]
    ) -> None:
        """Plan new routes."""
        self._demonstrator.begin(robots, seeds, instructions)

    def act(
        self, observation: Observation, instructions: Instructions, robots: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        """The expert's actions (k, A)."""
        return self._demonstrator.act(observation, robots)


@dataclass(frozen=True, slots=True)
class Verdict:
    """The reward model's answer for B rows; what nobody reads is never computed."""

    distance: NDArray[np.float32]
    """(B,) steps: d(o, g)"""

    spread: NDArray[np.float32] | None
    """(B,) steps"""

    probs: NDArray[np.float32] | None
    """(B, bins)"""


class Judge:
    """The frozen reward model: one batched forward per tick."""

    def __init__(self, model: EFM, *, device: str = "cpu") -> None:
        """The model is never trained here."""
        self.model, self.device = model.eval(), device
        self.previous = model.spec.previous
        bins = Bins(model.spec.steps_to_go_bins, model.spec.steps_to_go_width)
        self.bin_centres: NDArray[np.float32] = bins.centres().numpy()

    @torch.inference_mode()
    def __call__(
        self, observation: Observation, instructions: Instructions, *, details: bool
    ) -> Verdict:
        """Predicted steps-to-go of every row, with spread and probabilities when asked for."""
        answer = self.model.steps_to_go(tensors(observation, self.device), instructions)
        distance = answer.mean.cpu().numpy()
        if not details:
            return Verdict(distance, None, None)
        return Verdict(distance, answer.std.cpu().numpy(), answer.probs.cpu().numpy())


def tensors(observation: Mapping[str, NDArray[Any]], device: str) -> dict[str, torch.Tensor]:
    """Arrays as tensors; on the CPU they share memory."""
    if device == "cpu":
        return {name: torch.from_numpy(array) for name, array in observation.items()}
    return {name: torch.from_numpy(array).to(device) for name, array in observation.items()}
