"""Parameters and bytes of models, and what autograd keeps of them; the models may be outlines."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from models_store.efm import LookingEFM
from practice.embodiments.spec import EmbodimentSpec, is_camera
from practice.learning.costs import Memory
from practice.learning.frame_cache import picture_bytes

_MOMENTS = 2
"""Adam's."""

FEW = (2, 4)
"""Rows at which activations are counted."""


def parameters_of(model: nn.Module) -> int:
    """How many numbers it is made of."""
    return sum(one.numel() for one in model.parameters())


def trained_of(parameters: Iterable[nn.Parameter]) -> int:
    """How many numbers are trained."""
    return sum(one.numel() for one in parameters)


def held(
    models: Sequence[nn.Module], trained: Sequence[nn.Parameter], *, averaged: bool = False
) -> Memory:
    """What models hold between them, each shared weight once, and what training adds; `averaged`: with a
    moving average of what is trained.
    """
    tensors = {id(one): one for model in models for one in (*model.parameters(), *model.buffers())}
    learned = sum(map(_bytes, trained))
    return Memory(
        sum(map(_bytes, tensors.values())), learned, _MOMENTS * learned, average=averaged * learned
    )


def looked(model: LookingEFM, rows: int) -> int:
    """Bytes of what is seen of so many rows."""
    return torch.float32.itemsize * model.sight * rows


def pictures(spec: EmbodimentSpec, inputs: Sequence[str], rows: int, most: int) -> int:
    """Bytes of the pictures that are kept in memory of so many rows of demonstrations: all of `inputs`; none
    where those of all cameras are more than `most`, for then they are mapped from disk.
    """
    sensed = {name: f.shape for name, f in spec.observation.items() if not f.privileged}
    cameras = {name: shape for name, shape in sensed.items() if is_camera(name)}
    if picture_bytes(cameras, rows) > most:
        return 0
    return picture_bytes({n: shape for n, shape in cameras.items() if n in inputs}, rows)


def activations(model: nn.Module, learn: Callable[[int], None], rows: int) -> int:
    """Bytes that autograd keeps in `learn(rows)`, from counts at fewer rows: a line, for what does not depend on
    the rows is in both.

    Layers that recompute hide what they keep, so with `recompute` this is less than is really needed.
    """
    few, more = (min(rows, count) for count in FEW)
    first = _kept(model, learn, few)
    if few == more:
        return first
    each = (_kept(model, learn, more) - first) / (more - few)
    return max(first, round(first + each * (rows - few)))


def _kept(model: nn.Module, learn: Callable[[int], None], rows: int) -> int:
    with kept(model) as sizes:
        learn(rows)
    return sum(sizes.values())


@contextmanager
def kept(model: nn.Module) -> Iterator[dict[int, int]]:
    """Size of each block of memory that is kept for the gradient, but the model's own."""
    own = {one.untyped_storage().data_ptr() for one in (*model.parameters(), *model.buffers())}
    sizes: dict[int, int] = {}

    def keep(values: Tensor) -> Tensor:
        block = values.untyped_storage()
        if block.data_ptr() not in own:
            sizes[block.data_ptr()] = block.nbytes()
        return values

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda values: values):
        yield sizes


def _bytes(values: Tensor) -> int:
    return values.numel() * values.element_size()
