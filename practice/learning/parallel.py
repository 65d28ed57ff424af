"""Several processes that learn as one: each takes its share of every batch, gradients are summed, and all end
each step with the same weights.

The sum is taken after the backward pass and does not overlap it. `torchrun` starts the processes and tells
each its place in the environment (RANK, WORLD_SIZE, LOCAL_RANK).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta

import torch
from torch import Tensor, distributed, nn

from practice.learning.errors import LearningError

PATIENCE = timedelta(hours=12)
"""How long processes wait for each other: the first may have to lay out pictures on the disk."""

_AT_ONCE = 1 << 25
"""Numbers summed at once, 128 MB or one parameter: so much more memory does a sum need."""

_WORD = 32
"""Bytes of the longest word told."""


@dataclass(frozen=True, slots=True)
class Team:
    """This process's place among those of a run; alone it is the whole team."""

    rank: int = 0
    world: int = 1

    @property
    def leads(self) -> bool:
        """Whether this is the one process that commits, logs and saves."""
        return self.rank == 0

    def check_batch(self, size: int, sides: int) -> None:
        """Whether batches of `size` rows, seen from so many sides (2 with a mirror), can be shared evenly.

        Raises:
            LearningError: they cannot.
        """
        if self.world > 1 and size % (self.world * sides):
            raise LearningError(
                f"A batch of {size} rows cannot be shared by {self.world} processes; make batch_size a "
                f"multiple of {self.world * sides}."
            )

    def share(self, picked: Tensor) -> Tensor:
        """Of rows (count, B) those that are this process's, (count, B / world).

        Every world-th: what stands in the first half of the batch, which a mirror is for, stands there still.
        """
        return picked[:, self.rank :: self.world]

    def summed(self, values: Tensor) -> Tensor:
        """Over all processes, in place; the same bits in each."""
        if self.world > 1:
            distributed.all_reduce(values)
        return values

    def sum_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """In place. All processes must have gradients of the same parameters."""
        if self.world == 1:
            return
        gradients = [one.grad for one in parameters if one.grad is not None]
        for few in _buckets(gradients):
            flat = self.summed(torch.cat([one.flatten() for one in few]))
            parts = torch.split(flat, [one.numel() for one in few])
            for gradient, part in zip(few, parts, strict=True):
                gradient.copy_(part.view_as(gradient))

    def hand_out(self, model: nn.Module) -> None:
        """The leader's weights to all: what each has computed alone may differ in its last bits."""
        if self.world > 1:
            for values in model.state_dict().values():
                distributed.broadcast(values, src=0)

    def told(self, word: str) -> str:
        """The leader's word, once all have asked for it; the others' own count for nothing."""
        if self.world == 1:
            return word
        said = torch.zeros(_WORD, dtype=torch.uint8)
        if self.leads:
            letters = word.encode()[:_WORD]
            said[: len(letters)] = torch.tensor(list(letters), dtype=torch.uint8)
        # A sum rather than a broadcast, which a leader would not wait in.
        distributed.all_reduce(said)
        return bytes(said.tolist()).rstrip(b"\0").decode()


ALONE = Team()


def join(device: str) -> Team:
    """The team that torchrun has started this process in; without torchrun, `ALONE`.

    With several GPUs this process's becomes the one that "cuda" means.
    """
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world == 1:
        return ALONE
    if device == "cuda":
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    backend = "cpu:gloo,cuda:nccl" if device == "cuda" else "gloo"
    distributed.init_process_group(backend, timeout=PATIENCE)
    return Team(distributed.get_rank(), world)


def leave(team: Team) -> None:
    """Part from the others, once there is nothing more to sum."""
    if team.world > 1:
        distributed.destroy_process_group()


def _buckets(gradients: list[Tensor]) -> Iterator[list[Tensor]]:
    """The same in groups that are small enough to be copied, of one kind of numbers each."""
    few: list[Tensor] = []
    for one in gradients:
        full = sum(other.numel() for other in few) + one.numel() > _AT_ONCE
        if few and (full or few[0].dtype != one.dtype):
            yield few
            few = []
        few.append(one)
    if few:
        yield few
