"""Whether a device is faster with 16-bit floats (bfloat16) in the convolutions."""

from __future__ import annotations

from typing import Literal

import torch

Precision = Literal["auto", "float32", "bfloat16"]


def uses_bfloat16(precision: Precision, device: torch.device | str) -> bool:
    """`auto` asks the hardware: emulated bfloat16 is several times slower than float32.

    On processors only matrix units count. With avx512_bf16 alone, 64 looks of the compact model take 1.06-1.4
    times as long as in float32: at these sizes converting costs more than multiplying saves.
    """
    if precision != "auto":
        return precision == "bfloat16"
    if torch.device(device).type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bool(torch.cpu.get_capabilities().get("amx_bf16"))
