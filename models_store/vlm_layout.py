"""How each family of vision-language models wants its prompt and its pictures.

The families named here are laid out without transformers' processor classes: those of SmolVLM and
Qwen-VL cannot be made without a film reader, which needs torchvision, and whose builds fit one build
of torch only. Every other model is laid out by its own processor.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from transformers import AutoImageProcessor, AutoProcessor, AutoTokenizer

from models_store.errors import LearningError


@dataclass(frozen=True)
class Layout:
    """Of one family."""

    one: Callable[[int], str]
    """What stands in the prompt for a picture of n tokens."""

    prompt: Callable[[str, str], str]
    """The whole prompt, from what stands for the pictures and the instruction."""

    shape: str
    """Of the pictures: plain (N, 3, h, w), square (N, 1, 3, h, h), or patches (N rows columns, values)."""

    first_position: int = 0

    before_answer: str = ""
    """What stands between the prompt and an answer."""

    prefix: bool = False
    """Whether the prompt is read in both directions at once, and only what follows one by one."""


def _idefics(pictures: str, text: str) -> str:
    return f"<|im_start|>User:{pictures}{text}<end_of_utterance>\nAssistant:"


def _qwen(pictures: str, text: str) -> str:
    return f"<|im_start|>user\n{pictures}{text}<|im_end|>\n<|im_start|>assistant\n"


_IDEFICS = Layout(
    lambda n: f"<fake_token_around_image><global-img>{'<image>' * n}<fake_token_around_image>",
    _idefics,
    "square",
    before_answer=" ",
)
_QWEN = Layout(lambda n: f"<|vision_start|>{'<|image_pad|>' * n}<|vision_end|>", _qwen, "patches")

_LAYOUTS = {
    "paligemma": Layout(
        lambda n: "<image>" * n,
        lambda pictures, text: f"{pictures}{{bos}}{text}\n",
        "plain",
        first_position=1,
        prefix=True,
    ),
    "idefics3": _IDEFICS,
    "smolvlm": _IDEFICS,
    "qwen2_vl": _QWEN,
    "qwen2_5_vl": _QWEN,
    "qwen3_vl": _QWEN,
}


@dataclass(frozen=True)
class Processing:
    """Tokenizer, image processor, and who lays out the prompt: a layout, or transformers' processor."""

    tokenizer: Any
    images: Any
    layout: Layout | None
    processor: Any

    def prompt(
        self, text: str, counts: tuple[int, ...], shapes: tuple[tuple[int, ...], ...]
    ) -> Any:
        """Token ids (L,) of one prompt and, by name, (L,) numbers of their kinds; for pictures of so many
        tokens each, (height, width, 3) as the robot gives them.
        """
        if self.layout is not None:
            pictures = "".join(self.layout.one(count) for count in counts)
            bos = self.tokenizer.bos_token or ""
            whole = self.layout.prompt(pictures, text).replace("{bos}", bos)
            ids = self.tokenizer(whole, add_special_tokens=False)["input_ids"]
            return ids, {"token_type_ids": [0] * len(ids)} if self.layout.prefix else {}
        blank = [np.zeros(shape, dtype=np.uint8) for shape in shapes]
        made = self.processor(images=blank, text=[self._asked(text, len(shapes))])
        ids = list(made["input_ids"][0])
        kinds = {n: list(made[n][0]) for n in ("token_type_ids",) if n in made}
        return ids, kinds

    def answer(self, text: str) -> list[int]:
        """Token ids of what the model would say after a prompt, its end left open."""
        said = (self.layout.before_answer if self.layout else "") + text
        ids: list[int] = self.tokenizer(said, add_special_tokens=False)["input_ids"]
        return ids

    def _asked(self, text: str, pictures: int) -> str:
        if getattr(self.processor, "chat_template", None):
            content: list[dict[str, str]] = [{"type": "image"}] * pictures
            said = [{"role": "user", "content": [*content, {"type": "text", "text": text}]}]
            asked: str = self.processor.apply_chat_template(said, add_generation_prompt=True)
            return asked
        return f"{self.processor.image_token * pictures}{text}\n"


def processing(folder: Path, kind: str) -> Processing:
    """What turns words and pictures into numbers for the model in this folder.

    Raises:
        LearningError: a part of it is missing or cannot be used here.
    """
    here: dict[str, Any] = {"trust_remote_code": False, "local_files_only": True}
    layout = _LAYOUTS.get(kind)
    try:
        if layout is not None:
            tokenizer = AutoTokenizer.from_pretrained(folder, **here)
            images = AutoImageProcessor.from_pretrained(folder, backend="pil", **here)
            return Processing(tokenizer, images, layout, None)
        processor = AutoProcessor.from_pretrained(folder, backend="pil", **here)
    except (ValueError, OSError, KeyError, ImportError, TypeError, AttributeError) as error:
        first = str(error).strip().splitlines()[0] if str(error).strip() else repr(error)
        raise LearningError(
            f"The base in {folder} ({kind}) has no tokenizer or image processor that can be used here: {first}"
        ) from error
    for part in ("tokenizer", "image_processor", "image_token"):
        if getattr(processor, part, None) is None:
            raise LearningError(
                f"The processor in {folder} ({type(processor).__name__}) has no {part}; a base needs one."
            )
    return Processing(processor.tokenizer, processor.image_processor, None, processor)


def check_model(model: Any, folder: Path) -> int:
    """The id of the token that stands for pictures, of a model that has all it takes.

    Raises:
        LearningError: names what is missing.
    """
    name = type(model).__name__
    if not hasattr(model, "get_image_features"):
        raise LearningError(
            f"{name} in {folder} has no get_image_features; its pictures cannot be seen."
        )
    known = inspect.signature(type(model).forward).parameters
    for needed in ("inputs_embeds", "mm_encoder_outputs", "cache"):
        if needed not in known:
            raise LearningError(
                f"{name} in {folder} takes no {needed}; it cannot be asked with pictures already seen."
            )
    token = getattr(model.config, "image_token_id", None)
    if token is None:
        raise LearningError(
            f"{name} in {folder} has no image token (image_token_id in config.json)."
        )
    words = model.get_input_embeddings().weight.shape[0]
    if token >= words:
        raise LearningError(
            f"{name} in {folder} has {words} token embeddings and none for its image token {token}."
        )
    return int(token)
