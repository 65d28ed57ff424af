"""Whether a device is faster with 16-bit floats (bfloat16) in the convolutions."""

from __future__ import annotations

from typing import Literal

import torch

Precision = Literal["auto", "float32", "bfloat16"]


def uses_bfloat16(precision: Precision, device: torch.device | str) -> bool:
    """`auto` asks the hardware: emulated bfloat16 is several times slower than float32."""
    if precision != "auto":
        return precision == "bfloat16"
    if torch.device(device).type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    found = torch.cpu.get_capabilities()
    return bool(found.get("avx512_bf16") or found.get("amx_bf16"))
