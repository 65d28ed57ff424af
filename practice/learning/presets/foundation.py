"""Stage 1 of a pretrained vision-language model on any robot with cameras.

Where to begin, not what was found best: nothing here is measured on pretrained weights.
"""

from __future__ import annotations

from practice.learning.config import SFTConfig
from practice.learning.presets.preset import Preset

_SFT = SFTConfig(
    steps=4_000,
    batch_size=64,
    accumulate=4,
    learning_rate=3e-4,
    schedule="cosine",
    clip_gradient=1.0,
    validate_every=200,
    validation_rows=1_024,
)


def foundation(small: SFTConfig) -> Preset:
    """The preset of a robot whose small models learn by `small`: what demonstrations mean is the same."""
    return Preset(
        "foundation",
        "Foundation model",
        "A pretrained vision-language model, named as base, learns by adapters of rank 16. Wants a GPU; not measured.",
        _SFT.replace(
            mirror=small.mirror, arrival=small.arrival, previous_frame=small.previous_frame
        ),
        asks=("base",),
    )
