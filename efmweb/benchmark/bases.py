"""Vision-language models of known shapes with random weights, saved as pretrained ones are; nothing is fetched."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch

from models_store.errors import LearningError


@dataclass(frozen=True, slots=True)
class Size:
    """Shape of a model, and how it is trained."""

    kind: Literal["smolvlm", "paligemma"]
    vision: dict[str, int]
    text: dict[str, int]
    batch: int
    accumulate: int = 1
    recompute: bool = False


_EYES = (
    "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "image_size", "patch_size",
)  # fmt: skip
_TEXT = (
    "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads",
    "head_dim", "vocab_size",
)  # fmt: skip


def _eyes(*values: int) -> dict[str, int]:
    return dict(zip(_EYES, values, strict=True))


def _text(*values: int) -> dict[str, int]:
    return dict(zip(_TEXT, values, strict=True))


SIZES = {
    "tiny": Size(
        "smolvlm",
        _eyes(24, 32, 2, 2, 28, 7),
        _text(32, 48, 2, 4, 2, 8, 256),
        batch=16,
    ),
    "smolvlm-256m": Size(
        "smolvlm",
        _eyes(768, 3_072, 12, 12, 512, 16),
        _text(576, 1_536, 30, 9, 3, 64, 49_280),
        batch=128,
        accumulate=4,
    ),
    "paligemma-3b": Size(
        "paligemma",
        _eyes(1_152, 4_304, 27, 16, 224, 14),
        _text(2_048, 16_384, 18, 8, 1, 256, 257_216),
        batch=128,
        accumulate=4,
        recompute=True,
    ),
}
"""Two shapes of the Hub, by their published configurations, and one for any machine. At 224 px there are 256
tokens of a picture in PaliGemma; SmolVLM takes 512 px and makes 64 of them.
"""

_SMOL_MARKS = ("<image>", "<fake_token_around_image>", "<global-img>", "<end_of_utterance>", "<|im_start|>")  # fmt: skip


def size_named(name: str) -> Size:
    """The shape of this name.

    Raises:
        LearningError: there is none.
    """
    if name not in SIZES:
        raise LearningError(
            f"There is no model of size {name!r}; choose one of: {', '.join(SIZES)}."
        )
    return SIZES[name]


def make_base(size: Size, folder: Path) -> Path:
    """Save a model of this size with a tokenizer that has a token per word, and an image processor."""
    # Seconds of importing, for this benchmark alone.
    from transformers import AutoModelForImageTextToText, utils  # noqa: PLC0415

    utils.logging.disable_progress_bar()
    tokenizer = _tokenizer()
    image = int(tokenizer.convert_tokens_to_ids("<image>"))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = AutoModelForImageTextToText.from_config(_config(size, image), dtype=torch.bfloat16)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    _processor(size).save_pretrained(folder)
    return folder


def _tokenizer() -> Any:
    from tokenizers import Tokenizer, models, pre_tokenizers  # noqa: PLC0415
    from transformers import PreTrainedTokenizerFast  # noqa: PLC0415

    words = ("[PAD]", "[BOS]", "[UNK]")
    pad, begin, unknown = words
    table = {word: place for place, word in enumerate(words)}
    made = Tokenizer(models.WordLevel(table, unk_token=unknown))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=made, unk_token=unknown, pad_token=pad, bos_token=begin, eos_token=begin
    )
    tokenizer.add_special_tokens({"additional_special_tokens": list(_SMOL_MARKS)})
    return tokenizer


def _config(size: Size, image: int) -> Any:
    import transformers  # noqa: PLC0415

    ends = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 1}
    if size.kind == "paligemma":
        width = size.text["hidden_size"]
        return transformers.PaliGemmaConfig(
            vision_config=transformers.SiglipVisionConfig(
                **size.vision, vision_use_head=False
            ).to_dict(),
            text_config=transformers.GemmaConfig(**size.text, **ends).to_dict(),
            image_token_index=image,
            vocab_size=size.text["vocab_size"],
            projection_dim=width,
            hidden_size=width,
        )
    text = transformers.LlamaConfig(**size.text, **ends, max_position_embeddings=8_192)
    return transformers.SmolVLMConfig(
        vision_config=size.vision,
        text_config=text.to_dict(),
        image_token_id=image,
        scale_factor=4 if size.vision["image_size"] > 100 else 2,
        tie_word_embeddings=True,
        pad_token_id=0,
    )


def _processor(size: Size) -> Any:
    from transformers.models.siglip.image_processing_pil_siglip import (  # noqa: PLC0415
        SiglipImageProcessorPil,
    )
    from transformers.models.smolvlm.image_processing_pil_smolvlm import (  # noqa: PLC0415
        SmolVLMImageProcessorPil,
    )

    side = size.vision["image_size"]
    if size.kind == "smolvlm":
        return SmolVLMImageProcessorPil(
            size={"longest_edge": 2 * side}, max_image_size={"longest_edge": side}
        )
    made = SiglipImageProcessorPil(size={"height": side, "width": side})
    made.image_seq_length = (side // size.vision["patch_size"]) ** 2
    return made
