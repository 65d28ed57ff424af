"""A pretrained vision-language model as an EFM (arXiv 2509.15155, section 3.1).

Seeing is the vision tower with its projector, which Stage 2 never trains. Acting and judging are one
forward of the language model over pictures, instruction and state, read out in one of two ways:

- queries: learned embeddings follow the prompt; what the model makes of them goes through linear
  heads, one for all action dimensions and one for the steps-to-go. One forward answers everything.
- tokens (`vlm_tokens`): the paper's way, after RT-2 (arXiv 2307.15818).

Departures from the paper:
- The two questions are not two prompts: both are answered after the same one, so that one forward
  serves both.
- Adapters (LoRA) are the default where the paper trains all weights.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from models_store.actions import CategoricalActions
from models_store.compiling import check_compiler, compile_for_gradients
from models_store.efm import EFM, SEEN, GlancingEFM
from models_store.errors import LearningError
from models_store.instructions import Instructions
from models_store.normalisation import Normalisation
from models_store.precision import Precision, uses_bfloat16
from models_store.steps_to_go import Bins, StepsToGo
from models_store.vlm_backbone import Backbone
from models_store.vlm_base import Base, load_base, whole_head
from models_store.vlm_instructions import instruction_loss
from models_store.vlm_sequence import Seen, Sequence, beside
from models_store.vlm_spec import VlmSpec

_SAMPLE = 1_024
"""Tokens whose embeddings tell how large an embedding is."""


class Vlm(GlancingEFM):
    """What both readouts share: the model, the state, the bins, and what a checkpoint holds."""

    spec: VlmSpec
    rows_at_once = 64

    def __init__(self, spec: VlmSpec, normalisation: Normalisation, base: Base) -> None:
        """Seed torch before, or load weights after."""
        super().__init__()
        self.spec = spec
        self._base = base  # whoever shares its weights keeps it
        self.bins = Bins(spec.steps_to_go_bins, spec.steps_to_go_width)
        self.backbone = Backbone(base, spec)
        width, state = self.backbone.width, sum(spec.observation.values())
        some = self.backbone.embed(torch.arange(min(base.vocabulary, _SAMPLE)))
        # An outline of a model, on the meta device, has no numbers.
        self._scale = 1.0 if some.is_meta else float(some.detach().to(torch.float32).std())
        self.state = nn.Linear(state, width) if state else None
        if self.state is not None:
            nn.init.normal_(self.state.weight, std=self._scale / state**0.5)
            nn.init.zeros_(self.state.bias)
        seen = [normalisation.observation[name] for name in spec.observation]
        # Not persistent: spec and manifest hold these numbers, one place only.
        self._constant("state_mean", [value for one in seen for value in one.mean])
        self._constant("state_std", [value for one in seen for value in one.std])
        self._constant("action_std", list(normalisation.action.std))
        ends = zip(spec.action_low, spec.action_high, strict=True)
        self._constant(
            "centres", [np.linspace(low, high, spec.action_bins).tolist() for low, high in ends]
        )
        self.register_state_dict_post_hook(_without_base)  # type: ignore[no-untyped-call]
        self.register_load_state_dict_post_hook(_base_is_there)  # type: ignore[no-untyped-call]

    def set_precision(self, precision: Precision) -> None:
        """How the pretrained model computes; what is read out of it is float32."""
        self.backbone.half_precision = uses_bfloat16(precision, self.centres.device)

    def enable_instruction_prediction(self) -> None:
        """Hold the base's last layer, which is not trained, where its table of embeddings does not give logits."""
        head = whole_head(self._base, getattr(torch, self.spec.dtype))
        self.register_buffer(
            "head", None if head is None else head.to(self.centres.device), persistent=False
        )

    def instruction_loss(
        self, moments: Iterable[Mapping[str, Tensor]], instructions: Instructions
    ) -> Tensor:
        """By the base's own words."""
        assert "head" in self._buffers, "enable_instruction_prediction() comes first"
        shown = beside(self._newest(one) for one in moments)
        table: Tensor = self.backbone.model.get_input_embeddings().weight
        head = table if self.head is None else self.head
        return instruction_loss(self.backbone, shown, instructions, head)

    def set_recomputing(self, on: bool) -> None:
        """Gradient checkpointing of all layers, while training."""
        model = self.backbone.model
        self.backbone.recomputing = on
        if on:
            model.activation_checkpointing_enable({"use_reentrant": False})
        else:
            model.activation_checkpointing_disable()

    def compile_learning(self) -> None:
        """The language model's forward, where gradients are wanted."""
        check_compiler(self.centres.device.type)
        compile_for_gradients(self.backbone.language)

    def policy_parameters(self) -> list[nn.Parameter]:
        """The language model's weights or adapters, the state's, and the readout of actions."""
        judging = {id(one) for one in self.judge_parameters()}
        seeing = {id(one) for one in self.backbone.model.parameters()}
        speaking = {id(one) for one in self.backbone.language.parameters()}
        return [
            one
            for one in self.parameters()
            if one.requires_grad
            and id(one) not in judging
            and (id(one) in speaking or id(one) not in seeing)
        ]

    def policy_bias(self) -> nn.Parameter:
        """Tokens have none."""
        raise LearningError(
            "A vision-language model acts by tokens, which have no spread of their own; set trains to policy."
        )

    @property
    def sight(self) -> int:
        """Of pictures and state."""
        return self.backbone.sight + sum(self.spec.observation.values())

    def look(self, observation: Mapping[str, Tensor], instructions: Instructions) -> Tensor:
        """What the vision tower makes of the pictures, and the state; nobody has read the instruction yet."""
        seen = self.backbone.flat(self.backbone.see(observation))
        return torch.cat([seen, self._state(observation)], dim=1)

    def glance(self, observation: Mapping[str, Tensor]) -> Tensor:
        """The same without the pictures of one step before."""
        seen = self.backbone.flat(self.backbone.see(observation, newest=True))
        return torch.cat([seen, self._state(observation)], dim=1)

    def joined(self, now: Tensor, before: Tensor) -> Tensor:
        """What `look` gives: the tower makes of a picture the same at whatever step it is shown."""
        state = sum(self.spec.observation.values())
        pictures = now.shape[1] - state
        seen = self.backbone.joined(now[:, :pictures], before[:, :pictures])
        return torch.cat([seen, now[:, pictures:]], dim=1)

    def looks_like(self, other: EFM) -> bool:
        """Whether `other` sees in every observation exactly what this model sees."""
        if not isinstance(other, Vlm):
            return False
        told = ("base_digest", "cameras", "previous", "observation", "image_size", "dtype")
        alike = all(getattr(self.spec, name) == getattr(other.spec, name) for name in told)
        return alike and super().looks_like(other)

    def prompt(self, observation: Mapping[str, Tensor], instructions: Instructions) -> Sequence:
        """Pictures, instruction and state of B rows, ready to be read."""
        backbone = self.backbone
        if SEEN in observation:
            pictures, state = observation[SEEN].tensor_split([backbone.sight], dim=1)
            seen = backbone.unflat(pictures)
        else:
            seen, state = backbone.see(observation), self._state(observation)
        sequence = backbone.prompt(seen, instructions)
        if self.state is None:
            return sequence
        said = self.state((state - self.state_mean) / self.state_std)
        return backbone.then(sequence, said[:, None])

    def actions(self, logits: Tensor) -> CategoricalActions:
        """Of logits (B, A, bins), at the model's temperature."""
        return CategoricalActions(logits, self.centres, self.action_std, self.spec.temperature)

    def new_embeddings(self, count: int) -> nn.Parameter:
        """(count, D), about as large as those of words."""
        return nn.Parameter(self._scale * torch.randn(count, self.backbone.width))

    def _looking(self) -> dict[str, Tensor]:
        model, language = self.backbone.model, self.backbone.language
        reading = {id(one) for one in (*language.parameters(), *language.buffers())}
        named = (*model.named_parameters(), *model.named_buffers())
        return {name: values for name, values in named if id(values) not in reading}

    def _newest(self, observation: Mapping[str, Tensor]) -> Seen:
        """Each camera's newest frame."""
        backbone = self.backbone
        if SEEN not in observation:
            return backbone.see(observation, newest=True)
        return backbone.unflat(observation[SEEN][:, : backbone.sight]).only(backbone.newest)

    def _state(self, observation: Mapping[str, Tensor]) -> Tensor:
        """(B, S), in the robot's units."""
        names = list(self.spec.observation)
        if names:
            return torch.cat([observation[name] for name in names], dim=-1)
        first = observation[next(iter(self.spec.cameras))]
        return self.state_mean.new_zeros(len(first), 0)

    def _constant(self, name: str, values: Any) -> None:
        self.register_buffer(name, torch.tensor(values, dtype=torch.float32), persistent=False)

    head: Tensor | None
    centres: Tensor
    state_mean: Tensor
    state_std: Tensor
    action_std: Tensor


class QueryVlm(Vlm):
    """Learned queries after the prompt: that for the steps-to-go first, then one per action dimension.

    Each query sees those before it, so the steps-to-go are the same whether actions are asked for or not.
    """

    def __init__(self, spec: VlmSpec, normalisation: Normalisation, base: Base) -> None:
        """Seed torch before, or load weights after."""
        super().__init__(spec, normalisation, base)
        width = self.backbone.width
        self.action_queries = self.new_embeddings(spec.action_size)
        self.distance_query = self.new_embeddings(1)
        self.actor = nn.Linear(width, spec.action_bins)
        self.distance = nn.Linear(width, spec.steps_to_go_bins)

    def policy(
        self, observation: Mapping[str, Tensor], instructions: Instructions
    ) -> CategoricalActions:
        """Categorical over (B, A)."""
        return self.both(observation, instructions)[0]

    def steps_to_go(
        self, observation: Mapping[str, Tensor], instructions: Instructions
    ) -> StepsToGo:
        """Categorical over (B, bins)."""
        said = self._read(observation, instructions, self.distance_query)
        return StepsToGo(self.distance(said[:, 0]), self.bins)

    def both(
        self, observation: Mapping[str, Tensor], instructions: Instructions
    ) -> tuple[CategoricalActions, StepsToGo]:
        """Both from one forward."""
        queries = torch.cat([self.distance_query, self.action_queries])
        said = self._read(observation, instructions, queries)
        return self.actions(self.actor(said[:, 1:])), StepsToGo(
            self.distance(said[:, 0]), self.bins
        )

    def judge_parameters(self) -> list[nn.Parameter]:
        """The query for the steps-to-go, and their head."""
        return [self.distance_query, *self.distance.parameters()]

    def _read(
        self, observation: Mapping[str, Tensor], instructions: Instructions, queries: Tensor
    ) -> Tensor:
        """(B, k, D): what the model makes of queries (k, D)."""
        sequence = self.prompt(observation, instructions)
        asked = queries.expand(len(sequence.embeds), -1, -1)
        return self.backbone.read(self.backbone.then(sequence, asked))[:, -len(queries) :]


def make_vlm(spec: VlmSpec, normalisation: Normalisation) -> Vlm:
    """An untrained readout on the base of a description.

    Raises:
        LearningError: the base is missing, of no supported make, or another one than was meant.
    """
    return vlm_on(load_base(spec), spec, normalisation)


def vlm_on(base: Base, spec: VlmSpec, normalisation: Normalisation) -> Vlm:
    """An untrained readout on this base."""
    # The token readout builds on this module.
    from models_store.vlm_tokens import TokenVlm  # noqa: PLC0415

    kind = QueryVlm if spec.readout == "queries" else TokenVlm
    return kind(spec, normalisation, base)


def _of_base(model: Vlm, name: str) -> bool:
    """Whether a weight is the base's, unchanged: it is known by the digest and stored nowhere else."""
    return bool(model.spec.lora_rank) and name.startswith("backbone.") and "lora_" not in name


def _without_base(module: nn.Module, state: dict[str, Any], prefix: str, _metadata: Any) -> None:
    assert isinstance(module, Vlm)
    for name in [n for n in state if _of_base(module, n.removeprefix(prefix))]:
        del state[name]


def _base_is_there(module: nn.Module, keys: Any) -> None:
    assert isinstance(module, Vlm)
    keys.missing_keys[:] = [name for name in keys.missing_keys if not _of_base(module, name)]
