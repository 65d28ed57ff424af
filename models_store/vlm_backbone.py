"""A pretrained vision-language model, asked with pictures, an instruction and embeddings of our own.

Pictures are seen first (`see`), then a prompt is made for them (`prompt`) and read (`read`). All of a
batch goes through at once. Prompts are padded on the left, so that whatever follows a prompt follows
its last word directly, and every position is given explicitly: a row's answer does not depend on the
rows beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import accumulate
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import DynamicCache

from models_store.errors import LearningError
from models_store.instructions import Instructions
from models_store.vlm_base import Base, copied
from models_store.vlm_eyes import Eyes
from models_store.vlm_layout import check_model, processing
from models_store.vlm_lora import add_adapters
from models_store.vlm_prompts import Prompts
from models_store.vlm_sequence import Seen, Sequence, beside
from models_store.vlm_spec import VlmSpec

_PICTURES_AT_ONCE = 64
"""In one pass of the vision tower where nothing is learned; the activations of more fill a small card."""


class Backbone(nn.Module):
    """The pretrained model with its adapters, if it has any."""

    def __init__(self, base: Base, spec: VlmSpec) -> None:
        """Adapters are new; the rest is the base's."""
        super().__init__()
        self.spec = spec
        self.image_token = check_model(base.model, base.folder)
        self.model: Any = copied(base, weights=not spec.lora_rank)
        self.processing = made = processing(base.folder, base.config.model_type)
        self._layout = made.layout
        self.eyes = {
            name: Eyes(made, shape, spec.image_size) for name, shape in spec.cameras.items()
        }
        self._prompts = Prompts(made, self.image_token, base.folder)
        if spec.lora_rank:
            add_adapters(self.model, self.language, spec)
        else:
            self.language.requires_grad_(True)
            if not spec.freeze_vision:
                self.model.requires_grad_(True)
        self._black: Seen | None = None
        self.half_precision = False
        self.recomputing = False

    @property
    def language(self) -> nn.Module:
        """The language model alone, adapters included."""
        found: nn.Module = self.model.get_decoder()
        return found

    @property
    def width(self) -> int:
        """D, the length of an embedding."""
        return int(self.model.get_input_embeddings().weight.shape[1])

    def embed(self, ids: Tensor) -> Tensor:
        """(..., D) of the base's own tokens, as the language model takes them, where its weights are: a base that
        models share may be on its device before the next of them is made.
        """
        table = self.model.get_input_embeddings()
        values: Tensor = table(ids.to(table.weight.device))
        return values

    def see(self, observation: Mapping[str, Tensor], *, newest: bool = False) -> Seen:
        """All pictures of B rows, or each camera's newest alone; nothing is remembered for gradients where seeing is
        not trained.
        """
        return beside(self._camera(name, observation, newest) for name in self.spec.cameras)

    @property
    def newest(self) -> tuple[int, ...]:
        """Which of all pictures of a row are each camera's newest."""
        frames = (1 + (name in self.spec.previous) for name in self.spec.cameras)
        return tuple(end - 1 for end in accumulate(frames))

    @property
    def sight(self) -> int:
        """How many numbers are seen of a row of pictures."""
        blank = self._blank()
        return (1 + len(blank.deeper)) * blank.pooled.numel()

    def flat(self, seen: Seen) -> Tensor:
        """(B, sight) float32"""
        layers = [layer.flatten(1).to(torch.float32) for layer in (seen.pooled, *seen.deeper)]
        return torch.cat(layers, dim=1)

    def unflat(self, values: Tensor) -> Seen:
        """What `flat` was given, of (B, sight)."""
        blank = self._blank()
        shape = (len(values), *blank.pooled.shape[1:])
        pooled, *deeper = (one.reshape(shape) for one in values.chunk(1 + len(blank.deeper), dim=1))
        return replace(blank, pooled=pooled, deeper=tuple(deeper))

    def joined(self, now: Tensor, before: Tensor) -> Tensor:
        """What `flat` makes of all pictures, of what it makes of each camera's newest, now and one step before."""
        blank, parts = self._blank(), []
        tokens = [blank.counts[place] for place in self.newest]
        shape = (len(now), 1 + len(blank.deeper), sum(tokens), blank.pooled.shape[-1])
        new = torch.split(now.reshape(shape), tokens, dim=2)
        old = torch.split(before.reshape(shape), tokens, dim=2)
        for camera, name in enumerate(self.spec.cameras):
            parts += [old[camera], new[camera]] if name in self.spec.previous else [new[camera]]
        return torch.cat(parts, dim=2).flatten(1)

    def prompt(self, seen: Seen, instructions: Instructions) -> Sequence:
        """The words and pictures of each row."""
        device = seen.pooled.device
        rope = getattr(self.model, "get_rope_index", None)
        first = self._layout.first_position if self._layout else 0
        written = self._prompts(instructions, seen, rope, first)
        ids = written.ids.to(device)
        return Sequence(
            self.embed(ids),
            written.mask.to(device),
            written.positions.to(device),
            {name: values.to(device) for name, values in written.kinds.items()},
            seen,
        )

    def then(self, sequence: Sequence, embeds: Tensor) -> Sequence:
        """The prompt with embeddings (B, k, D) of our own after it, which are read one by one."""
        prefix = self._layout is not None and self._layout.prefix
        return sequence.then(embeds.to(sequence.embeds.dtype), int(prefix))

    def read(self, sequence: Sequence, memory: Any = None) -> Tensor:
        """(B, L, D) float32: what the language model makes of each position.

        With a memory, it goes on from what that holds, and adds to it.
        """
        self._recompute(for_gradients=torch.is_grad_enabled() and memory is None)
        given: dict[str, Any] = dict(sequence.kinds)
        if sequence.seen is not None:
            given["mm_encoder_outputs"] = {"image": self._as_model_gave(sequence.seen)}
        kind = sequence.embeds.device.type
        with torch.autocast(kind, torch.bfloat16, enabled=self.half_precision):
            out = self.model(
                inputs_embeds=sequence.embeds,
                attention_mask=sequence.mask,
                position_ids=sequence.positions,
                cache=memory,
                use_cache=memory is not None,
                **given,
            )
        hidden: Tensor = out.last_hidden_state
        return hidden.to(torch.float32)

    def _recompute(self, *, for_gradients: bool) -> None:
        """Layers that recompute forget what they were to remember, so they do it for gradients alone."""
        learns = self.recomputing and for_gradients
        if self.model.training != learns:
            self.model.train(learns)

    def words(self, instructions: Instructions) -> tuple[Tensor, Tensor]:
        """Each row's instruction as an answer: ids (B, T), padded behind, and (B, T) which of them are there."""
        ids, there = self._prompts.answers(instructions)
        device = self.model.get_input_embeddings().weight.device
        return ids.to(device), there.to(device)

    def logits(self, said: Tensor, head: Tensor) -> Tensor:
        """(..., V) float32 of all words, of what was said, (..., D), as the base's last layer `head` (V, D) gives them."""
        with torch.autocast(said.device.type, torch.bfloat16, enabled=self.half_precision):
            given = functional.linear(said.to(head.dtype), head)
        return self.capped(given.to(torch.float32))

    def capped(self, logits: Tensor) -> Tensor:
        """Gemma 2 keeps its logits within bounds; so do we where the base does."""
        config = self.model.config.get_text_config()
        bound = getattr(config, "final_logit_softcapping", None)
        return logits if bound is None else bound * torch.tanh(logits / bound)

    def new_memory(self) -> Any:
        """For `read`: keys and values of all it has read."""
        return DynamicCache(config=self.model.config.get_text_config())

    @torch.no_grad()
    def _blank(self) -> Seen:
        """A row of black pictures: how many tokens they make is the same for all."""
        if self._black is None:
            device = self.model.get_input_embeddings().weight.device
            black = {
                name: torch.zeros(1, *shape, dtype=torch.uint8, device=device)
                for name, shape in self.spec.cameras.items()
            }
            before = {f"{name}.previous": black[name] for name in self.spec.previous}
            self._black = self.see(black | before)
        return self._black

    def _camera(self, name: str, observation: Mapping[str, Tensor], newest: bool) -> Seen:
        """One camera, the frame of one step before first where it is seen as well."""
        frames = [observation[name]]
        if name in self.spec.previous and not newest:
            frames.insert(0, observation[f"{name}.previous"])
        rows, pictures = len(frames[0]), torch.stack(frames, dim=1).flatten(0, 1)
        learns = torch.is_grad_enabled() and self._vision_learns()
        self._recompute(for_gradients=learns)
        size = len(pictures) if learns else _PICTURES_AT_ONCE
        parts = [self._features(name, part, learns=learns) for part in torch.split(pictures, size)]
        grid = parts[0].grid
        return Seen(
            _by_row(torch.cat([part.pooled for part in parts]), rows),
            tuple(
                _by_row(torch.cat(layer), rows)
                for layer in zip(*(part.deeper for part in parts), strict=True)
            ),
            parts[0].counts * len(frames),
            parts[0].shapes * len(frames),
            None if grid is None else grid[:1].expand(len(frames), -1),
            parts[0].listed,
        )

    def _vision_learns(self) -> bool:
        """Whether anything that sees is trained now: Stage 2 trains none of it, whatever Stage 1 did."""
        if self.spec.freeze_vision:
            return False
        speaking = {id(one) for one in self.language.parameters()}
        return any(one.requires_grad and id(one) not in speaking for one in self.model.parameters())

    def _features(self, name: str, pictures: Tensor, *, learns: bool) -> Seen:
        """Each of N pictures (N, H, W, 3) as a row of its own."""
        ready = self.eyes[name](pictures)
        half = torch.autocast(pictures.device.type, torch.bfloat16, enabled=self.half_precision)
        with torch.set_grad_enabled(learns), half:
            out = self.model.get_image_features(**ready)
        pooled = _stacked(out.pooler_output)
        deeper = tuple(_stacked(one) for one in getattr(out, "deepstack_features", None) or ())
        listed = not isinstance(out.pooler_output, Tensor)
        grid, shape = ready.get("image_grid_thw"), tuple(pictures.shape[1:])
        return Seen(pooled, deeper, (pooled.shape[1],), (shape,), grid, listed)

    def _as_model_gave(self, seen: Seen) -> SimpleNamespace:
        """In the form in which the model itself passes it on."""
        flat = [layer.flatten(0, 1) for layer in (seen.pooled, *seen.deeper)]
        pooled: Any = [flat[0]] if seen.listed else seen.pooled
        return SimpleNamespace(pooler_output=pooled, deepstack_features=[[one] for one in flat[1:]])


def _by_row(tokens: Tensor, rows: int) -> Tensor:
    """(rows, n, D) of the tokens of as many pictures for each row."""
    return tokens.reshape(rows, -1, tokens.shape[-1])


def _stacked(pooled: Any) -> Tensor:
    """(N, n, D) of a tensor or of N tensors (n, D) of one size."""
    if isinstance(pooled, Tensor):
        return pooled
    if len({one.shape for one in pooled}) != 1:
        raise LearningError(
            "This base makes different numbers of tokens of pictures of one size; it cannot be used."
        )
    return torch.stack(list(pooled))
