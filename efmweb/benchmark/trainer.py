"""The plain Trainer of Hugging Face on the work of Stage 1: the same model, precision, rows and losses."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.utils.data import Dataset, SequentialSampler

from models_store.efm import EFM
from practice.learning.config import SFTConfig
from practice.learning.rows import Lesson, Rows


class _Asked(nn.Module):
    """The model in the form that Trainer trains: rows in, loss out."""

    def __init__(self, model: EFM) -> None:
        super().__init__()
        self.model = model

    def forward(self, lesson: Lesson) -> dict[str, Tensor]:
        return {"loss": lesson.losses(self.model).sum()}


class _Picked(Dataset[Tensor]):
    """Numbers of rows, in the order in which they are to be learned from."""

    def __init__(self, picked: Tensor) -> None:
        self._picked = picked.flatten()

    def __len__(self) -> int:
        return len(self._picked)

    def __getitem__(self, place: int) -> Tensor:
        return self._picked[place]


def step_times(
    model: EFM,
    rows: Rows,
    picked: Tensor,
    config: SFTConfig,
    *,
    device: str,
    now: Callable[[], float],
) -> list[float]:
    """When each optimiser step on `picked` (steps, B) had ended, by `now`."""
    # Seconds of importing, for this benchmark alone.
    from transformers import PrinterCallback, Trainer, TrainerCallback  # noqa: PLC0415

    ended: list[float] = []

    class Watch(TrainerCallback):  # type: ignore[misc]
        def on_step_end(self, *_args: Any, **_kwargs: Any) -> None:
            ended.append(now())

    class InOrder(Trainer):  # type: ignore[misc]
        def _get_train_sampler(self, *_args: Any) -> SequentialSampler:
            return SequentialSampler(cast("Any", self.train_dataset))

    with tempfile.TemporaryDirectory() as folder:
        trainer = InOrder(
            model=_Asked(model),
            args=_arguments(config, len(picked), device=device, folder=folder),
            train_dataset=_Picked(picked),
            data_collator=lambda some: {"lesson": rows.lesson(torch.stack(some))},
            callbacks=[Watch()],
        )
        trainer.remove_callback(PrinterCallback)
        trainer.train()
    return ended


def _arguments(config: SFTConfig, steps: int, *, device: str, folder: str) -> Any:
    """The config of Stage 1 in Trainer's terms; what that says nothing about is Trainer's default."""
    from transformers import TrainingArguments  # noqa: PLC0415

    return TrainingArguments(
        output_dir=folder,
        max_steps=steps,
        per_device_train_batch_size=config.batch_size // config.accumulate,
        gradient_accumulation_steps=config.accumulate,
        learning_rate=config.learning_rate,
        lr_scheduler_type="constant",
        max_grad_norm=config.clip_gradient,
        adam_epsilon=config.adam_eps,
        remove_unused_columns=False,
        use_cpu=device == "cpu",
        save_strategy="no",
        report_to=[],
        disable_tqdm=True,
    )


def clock(device: str) -> Callable[[], float]:
    """Seconds, once everything asked of the device is done."""

    def now() -> float:
        if device == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter()

    return now
