"""Actions and steps-to-go as tokens of the language model's own vocabulary (RT-2, arXiv 2307.15818).

The vocabulary's last tokens get new meanings: `action_bins` of them are the bins of an action
dimension, the ones after are the bins of the steps-to-go. Their rows, in and out, begin as the base's
and are trained beside it; the base's own table stays as it is, so words keep their meaning and a
checkpoint stays small. Only these rows are ever compared: a softmax over them is the model's own
softmax restricted to the allowed tokens.

After the prompt the model is asked for one token. Among those of the steps-to-go its probabilities are
p(steps-to-go | o, g), among those of actions they are p(a_1 | o, g); each further dimension is given the
ones before: log p(a | o, g) = sum_i log p(a_i | o, g, a_1 ... a_{i-1}).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from models_store.actions import bin_centres, draw, nearest_bins
from models_store.instructions import Instructions
from models_store.noise import Noise
from models_store.normalisation import Normalisation
from models_store.steps_to_go import StepsToGo
from models_store.vlm import Vlm
from models_store.vlm_base import Base
from models_store.vlm_sequence import Sequence
from models_store.vlm_spec import VlmSpec

_PATH_SEED = 0
"""Of the actions along which `spread` and `kl` are measured: the same every time."""


class TokenVlm(Vlm):
    """One token at a time, each given those before it."""

    def __init__(self, spec: VlmSpec, normalisation: Normalisation, base: Base) -> None:
        """Seed torch before, or load weights after."""
        super().__init__(spec, normalisation, base)
        bins, every = spec.action_bins, spec.action_bins + spec.steps_to_go_bins
        first = base.vocabulary - every
        # Steps-to-go are said last and never read.
        words = self.backbone.embed(torch.arange(first, first + bins))
        words = words.detach().to(torch.float32).clone()
        picture = self.backbone.image_token - first
        if 0 <= picture < bins:
            # Whatever looks like the token of a picture is taken for one.
            words[picture] = self.new_embeddings(1)[0].detach()
        self.words = nn.Parameter(words)
        self.actor = nn.Parameter(base.head[:bins].clone())
        self.distance = nn.Parameter(base.head[bins:].clone())

    def policy(self, observation: Mapping[str, Tensor], instructions: Instructions) -> TokenActions:
        """Over (B, A), drawn one dimension after the other."""
        return TokenActions(self, self.prompt(observation, instructions))

    def steps_to_go(
        self, observation: Mapping[str, Tensor], instructions: Instructions
    ) -> StepsToGo:
        """Categorical over (B, bins)."""
        said = self.backbone.read(self.prompt(observation, instructions))
        return self._progress(said[:, -1])

    def both(
        self, observation: Mapping[str, Tensor], instructions: Instructions
    ) -> tuple[TokenActions, StepsToGo]:
        """The steps-to-go are said at once; actions go on from what was read."""
        prompt, memory = self.prompt(observation, instructions), self.backbone.new_memory()
        said = self.backbone.read(prompt, memory)[:, -1]
        return TokenActions(self, prompt, _Read(said, memory)), self._progress(said)

    def score(
        self, observation: Mapping[str, Tensor], instructions: Instructions, action: Tensor
    ) -> tuple[Tensor, StepsToGo]:
        """Both from one forward over the prompt and the action's tokens."""
        answer = TokenActions(self, self.prompt(observation, instructions))
        said = answer.said(nearest_bins(action, self.centres))
        likelihood = self.actions(self.action_logits(said)).log_prob(action)
        return likelihood, self._progress(said[:, 0])

    def judge_parameters(self) -> list[nn.Parameter]:
        """The rows of the steps-to-go."""
        return [self.distance]

    def action_logits(self, said: Tensor) -> Tensor:
        """(..., bins) of what was said, (..., D)."""
        return self.backbone.capped(said @ self.actor.T)

    def chances(self, said: Tensor) -> Tensor:
        """(B, bins) log p of the next dimension, at the model's temperature."""
        return functional.log_softmax(self.action_logits(said) / self.spec.temperature, dim=-1)

    def _progress(self, said: Tensor) -> StepsToGo:
        return StepsToGo(self.backbone.capped(said @ self.distance.T), self.bins)


@dataclass(frozen=True)
class _Read:
    """What is left of reading a prompt."""

    said: Tensor
    """(B, D) at its end"""

    memory: Any
    """Keys and values; whoever goes on changes them, so they serve once."""


class TokenActions:
    """p(a | o, g), one dimension after the other. Actions are in the robot's own units."""

    def __init__(self, model: TokenVlm, prompt: Sequence, read: _Read | None = None) -> None:
        """Nothing is computed yet; `read` may hold what was already read of the prompt."""
        self._model, self._prompt, self._read = model, prompt, read

    def sample(self, noise: Noise) -> Tensor:
        """(B, A)"""
        return bin_centres(self.spoken(noise)[0], self._model.centres)

    def sample_and_log_prob(self, noise: Noise) -> tuple[Tensor, Tensor]:
        """(B, A) and (B,), without another forward."""
        tokens, chances = self.spoken(noise)
        chosen = chances.gather(-1, tokens.unsqueeze(-1)).squeeze(-1)
        return bin_centres(tokens, self._model.centres), chosen.sum(dim=-1)

    def mode(self) -> Tensor:
        """(B, A): in each dimension the most likely value, given those before."""
        return bin_centres(self.spoken(None)[0], self._model.centres)

    def log_prob(self, action: Tensor) -> Tensor:
        """(B,) nats of the bins the actions (B, A) fall into."""
        tokens = nearest_bins(action, self._model.centres)
        return self._model.actions(self.logits(tokens)).log_prob(action)

    def spread(self) -> Tensor:
        """Scalar: mean standard deviation of each dimension given the ones before, along one drawn action,
        in units of the demonstrations'.
        """
        return self._model.actions(self.logits(self._path())).spread()

    def kl(self, other: TokenActions) -> Tensor:
        """(B,) nats: KL(self || other), summed over dimensions along one action drawn from self. Exact in the
        first dimension, without bias in the others.
        """
        path = self._path()
        mine, theirs = self.logits(path), other.logits(path)
        return self._model.actions(mine).kl(other._model.actions(theirs))

    def logits(self, tokens: Tensor) -> Tensor:
        """(B, A, bins) of each dimension, given tokens (B, A) for those before it; all in one forward."""
        return self._model.action_logits(self.said(tokens))

    def said(self, tokens: Tensor) -> Tensor:
        """(B, A, D): what the model says before each of these tokens."""
        backbone, count = self._model.backbone, tokens.shape[1]
        sequence = self._prompt
        if count > 1:
            sequence = backbone.then(sequence, self._model.words[tokens[:, :-1]])
        return backbone.read(sequence)[:, -count:]

    @torch.no_grad()
    def spoken(self, noise: Noise | None) -> tuple[Tensor, Tensor]:
        """Tokens (B, A), each drawn, or without noise the likeliest, and told to the model; and the log p
        (B, A, bins) they were chosen by.
        """
        model, backbone = self._model, self._model.backbone
        read, self._read = self._read, None
        if read is None:
            memory = backbone.new_memory()
            read = _Read(backbone.read(self._prompt, memory)[:, -1], memory)
        said, sequence = read.said, self._prompt
        tokens: list[Tensor] = []
        chances: list[Tensor] = []
        for dimension in range(model.spec.action_size):
            if dimension:
                heard = model.words[tokens[-1]][:, None].to(sequence.embeds.dtype)
                sequence = sequence.after(heard)
                said = backbone.read(sequence, read.memory)[:, -1]
            chances.append(model.chances(said))
            last = chances[-1]
            tokens.append(last.argmax(dim=-1) if noise is None else draw(last, noise))
        return torch.stack(tokens, dim=1), torch.stack(chances, dim=1)

    def _path(self) -> Tensor:
        return self.spoken(torch.Generator().manual_seed(_PATH_SEED))[0]
