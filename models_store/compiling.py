"""Compiling what learns (torch.compile), by a compiler that may not be there."""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

from models_store.errors import LearningError

BACKEND = "inductor"
"""Makes C++ for a processor, Triton for a GPU."""


@cache
def check_compiler(device: str) -> None:
    """Compile a trifle for this device, once in a process.

    Raises:
        LearningError: there is no compiler that works.
    """

    def trifle(values: Tensor) -> Tensor:
        return (values.sin() + 1.0).sum()

    try:
        torch.compile(trifle, backend=BACKEND)(torch.ones(8, device=device))
    except RuntimeError as error:  # all of torch's own are of this kind
        needed = "a C++ compiler (g++)" if device == "cpu" else "Triton and a C compiler"
        raise LearningError(
            f"compile is on, but nothing can be compiled for {device} here: set it to false, or install {needed}. "
            f"torch says: {str(error).strip().splitlines()[0]}"
        ) from error


def compile_for_gradients(module: nn.Module) -> None:
    """From now on the module's forward is compiled where gradients are wanted, for each new kind of input at its
    first use. Without gradients, and in its weights and their names, it stays as it is: what acts and judges
    comes in ever new lengths, from several threads.
    """
    plain = module.forward
    quick = torch.compile(plain, backend=BACKEND)

    def forward(*args: Any, **kwargs: Any) -> Any:
        return (quick if torch.is_grad_enabled() else plain)(*args, **kwargs)

    module.forward = forward
