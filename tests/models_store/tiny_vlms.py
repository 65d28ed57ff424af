"""Vision-language models of each supported kind, a few thousand weights each, saved as the Hub has them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import transformers
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    AutoModelForImageTextToText,
    Gemma2Config,
    GemmaConfig,
    Idefics3Config,
    LlamaConfig,
    LlavaConfig,
    PaliGemmaConfig,
    PreTrainedTokenizerFast,
    Qwen2_5_VLConfig,
    Qwen2VLConfig,
    Qwen3VLConfig,
    SiglipVisionConfig,
    SmolVLMConfig,
)
from transformers.models.idefics3.image_processing_pil_idefics3 import Idefics3ImageProcessorPil
from transformers.models.llava.processing_llava import LlavaProcessor
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil
from transformers.models.smolvlm.image_processing_pil_smolvlm import SmolVLMImageProcessorPil

KINDS = ("paligemma", "paligemma2", "smolvlm", "idefics3", "qwen2_vl", "qwen2_5_vl", "qwen3_vl")
"""Those with a layout of their own; "llava" stands for all others."""

_WORDS = "push the red moon blue cube to star green yellow pentagon left right of stop now dot go"
_SPECIAL = (
    "<image>", "<fake_token_around_image>", "<global-img>", "<end_of_utterance>", "<|im_start|>",
    "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>",
)  # fmt: skip
_TEXT: dict[str, Any] = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "vocab_size": 128,
    "max_position_embeddings": 512,
    "initializer_range": 0.2,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 1,
}
_SIGLIP: dict[str, Any] = {
    "hidden_size": 24,
    "intermediate_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "image_size": 28,
    "patch_size": 7,
    "initializer_range": 0.2,
}
_QWEN_ROPE = {"rope_type": "default", "rope_theta": 10_000.0, "mrope_section": [2, 1, 1]}


def make_base(kind: str, folder: Path, *, seed: int = 0) -> Path:
    """Save a model of this kind with its tokenizer and image processor."""
    transformers.utils.logging.disable_progress_bar()
    tokenizer = _tokenizer()
    config = _config(kind, tokenizer)
    torch.manual_seed(seed)
    model = AutoModelForImageTextToText.from_config(config)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    images = _images(kind)
    images.save_pretrained(folder)
    if kind == "llava":
        LlavaProcessor(
            image_processor=images, tokenizer=tokenizer, patch_size=7,
            vision_feature_select_strategy="full", image_token="<image>",
        ).save_pretrained(folder)  # fmt: skip
    return folder


def _tokenizer() -> PreTrainedTokenizerFast:
    words = ["[PAD]", "[BOS]", "[UNK]", *dict.fromkeys(_WORDS.split()), "User", ":", "Assistant"]
    made = Tokenizer(models.WordLevel({w: i for i, w in enumerate(words)}, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=made, unk_token="[UNK]", pad_token="[PAD]", bos_token="[BOS]",
        eos_token="[BOS]",
    )  # fmt: skip
    tokenizer.add_special_tokens({"additional_special_tokens": list(_SPECIAL)})
    return tokenizer


def _config(kind: str, tokenizer: PreTrainedTokenizerFast) -> Any:
    def token(text: str) -> int:
        return int(tokenizer.convert_tokens_to_ids(text))

    image = token("<image>")
    if kind == "paligemma":
        text: Any = GemmaConfig(**_TEXT)
    elif kind == "paligemma2":
        text = Gemma2Config(**_TEXT, query_pre_attn_scalar=8, sliding_window=16)
    else:
        text = LlamaConfig(**_TEXT)
    if kind.startswith("paligemma"):
        return PaliGemmaConfig(
            vision_config=SiglipVisionConfig(**_SIGLIP, vision_use_head=False).to_dict(),
            text_config=text.to_dict(),
            image_token_index=image, vocab_size=128, projection_dim=32, hidden_size=32,
        )  # fmt: skip
    if kind in ("smolvlm", "idefics3"):
        made = SmolVLMConfig if kind == "smolvlm" else Idefics3Config
        return made(
            vision_config=_SIGLIP, text_config=text.to_dict(), image_token_id=image, scale_factor=2,
            tie_word_embeddings=True, pad_token_id=0,
        )  # fmt: skip
    if kind == "llava":
        return LlavaConfig(
            vision_config=SiglipVisionConfig(**_SIGLIP, vision_use_head=False).to_dict(),
            text_config=text.to_dict(), image_token_index=image, image_seq_length=16,
            vision_feature_select_strategy="full", vision_feature_layer=-1,
        )  # fmt: skip
    return _qwen(kind, token("<|image_pad|>"), token("<|video_pad|>"), token)


def _qwen(kind: str, image: int, video: int, token: Any) -> Any:
    marks = {
        "image_token_id": image,
        "video_token_id": video,
        "vision_start_token_id": token("<|vision_start|>"),
        "vision_end_token_id": token("<|vision_end|>"),
    }
    size: dict[str, Any] = {"depth": 2, "num_heads": 2, "patch_size": 7, "spatial_merge_size": 2}
    text = {k: v for k, v in _TEXT.items() if k != "head_dim"} | {"rope_parameters": _QWEN_ROPE}
    if kind == "qwen2_vl":
        vision = size | {"embed_dim": 24, "hidden_size": 32, "mlp_ratio": 2}
        return Qwen2VLConfig(vision_config=vision, text_config=text, **marks)
    vision = size | {"hidden_size": 24, "intermediate_size": 32, "out_hidden_size": 32}
    if kind == "qwen2_5_vl":
        vision |= {"window_size": 28, "fullatt_block_indexes": [1]}
        return Qwen2_5_VLConfig(vision_config=vision, text_config=text, **marks)
    vision |= {"num_position_embeddings": 16, "deepstack_visual_indexes": [0, 1]}
    text["head_dim"] = 8
    return Qwen3VLConfig(vision_config=vision, text_config=text, **marks)


def _images(kind: str) -> Any:
    if kind in ("smolvlm", "idefics3"):
        made = SmolVLMImageProcessorPil if kind == "smolvlm" else Idefics3ImageProcessorPil
        return made(size={"longest_edge": 56}, max_image_size={"longest_edge": 28})
    if kind.startswith("qwen"):
        return Qwen2VLImageProcessorPil(
            patch_size=7, merge_size=2, min_pixels=14 * 14, max_pixels=28 * 28
        )
    made = SiglipImageProcessorPil(size={"height": 28, "width": 28})
    made.image_seq_length = 16
    return made
