"""The benchmark of EFMs: samples per second of Stage 1 and of a fleet's inference, compact and pretrained.

Pretrained models have the shape of known ones and random weights (`bases`). Stage 1 trains all weights, by
the code that runs use, in turn with the plain Trainer of Hugging Face on the same work (`trainer`).
"""

from __future__ import annotations

import gc
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch

from efmweb.benchmark.bases import Size, make_base, size_named
from efmweb.benchmark.data_sets import made_up
from efmweb.benchmark.trainer import clock, step_times
from models_store.compact import CompactEFM
from models_store.compact_spec import CompactSpec
from models_store.efm import EFM
from models_store.instructions import Instructions
from models_store.vlm import Vlm, make_vlm
from models_store.vlm_files import base_digest
from models_store.vlm_spec import VlmSpec
from practice.devices import kind_of
from practice.embodiments.registry import embodiment
from practice.embodiments.spec import EmbodimentSpec
from practice.fleet.drivers import PolicyDriver
from practice.learning.building import measure, model_spec
from practice.learning.config import SFTConfig
from practice.learning.data import Demonstrations
from practice.learning.descent import Descent
from practice.learning.errors import LearningError
from practice.learning.rows import Rows

ROBOT, EPISODES, ROBOTS = "language-table", 8, 16
PEAK = {"h100": 989e12, "h200": 989e12}
"""FLOP/s, dense, of bfloat16."""

COMPACT_BATCH = 512

Progress = Callable[[str, float], None]


@dataclass(frozen=True, slots=True)
class Effort:
    """How long to measure."""

    rounds: int = 3
    steps: int = 8
    """Optimiser steps of a round, after one to warm up."""
    ticks: int = 100
    """Of the fleet."""


QUICK = Effort(rounds=1, steps=3, ticks=20)


def efm(
    *, size: str = "tiny", quick: bool = False, progress: Progress | None = None
) -> dict[str, Any]:
    """Run the benchmark.

    Args:
        size: of the pretrained model, one of `bases.SIZES`.
        quick: one short round.
        progress: told how far it is.

    Returns:
        {"figures": {name: number}, "bars": [{"name", "value", "limit", "holds"}]}

    Raises:
        LearningError: there is no such size, or more than one GPU.
    """
    size_named(size)
    if torch.cuda.device_count() > 1:
        raise LearningError(
            f"This measures one GPU, and {torch.cuda.device_count()} are to be seen; set CUDA_VISIBLE_DEVICES to one."
        )
    tell = progress or (lambda _text, _share: None)
    effort, device = QUICK if quick else Effort(), "cuda" if torch.cuda.is_available() else "cpu"
    spec = embodiment(ROBOT).spec
    data = Demonstrations.from_episodes(list(made_up(spec, EPISODES)))
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        for number, (name, model, config) in enumerate(two_models(size, spec, data, Path(folder))):
            tell(name, number / 2)
            model.to(device).set_precision("auto")  # by what it is on
            bench = _Bench(model, data, spec, config, device)
            found = bench.train(effort) | bench.act(effort)
            figures |= {f"{name}_{key}": value for key, value in found.items()}
    kind = kind_of(torch.cuda.get_device_name()) if device == "cuda" else "cpu"
    return {"figures": figures, "bars": bars(figures, size, kind)}


def two_models(
    size: str, spec: EmbodimentSpec, data: Demonstrations, folder: Path
) -> Iterator[tuple[str, EFM, SFTConfig]]:
    """The compact model, then a pretrained one of this size."""
    config = SFTConfig(batch_size=COMPACT_BATCH, schedule="constant", learning_rate=1e-4)
    compact = model_spec(config, spec)
    assert isinstance(compact, CompactSpec)  # noqa: S101
    torch.manual_seed(0)
    model: EFM = CompactEFM(compact, measure(data, compact))
    yield "compact", model, config
    shape = size_named(size)
    pretrained = _vlm_spec(shape, spec, folder)
    model = make_vlm(pretrained, measure(data, pretrained))
    model.set_recomputing(shape.recompute)
    yield "vlm", model, config.replace(batch_size=shape.batch, accumulate=shape.accumulate)


def _vlm_spec(size: Size, spec: EmbodimentSpec, folder: Path) -> VlmSpec:
    """All weights are trained; one picture is seen, by the first camera."""
    base = str(make_base(size, folder))
    camera = spec.cameras[0]
    height, width, colours = spec.observation[camera].shape
    return VlmSpec(
        base=base,
        base_digest=base_digest(base),
        cameras={camera: (height, width, colours)},
        action_low=spec.action.low,
        action_high=spec.action.high,
        action_bins=spec.action.bins or 256,
        steps_to_go_bins=spec.steps_to_go_bins,
        lora_rank=0,
        freeze_vision=False,
    )


class _Bench:
    """One model at work."""

    def __init__(
        self, model: EFM, data: Demonstrations, spec: EmbodimentSpec, config: SFTConfig, device: str
    ) -> None:
        self._model, self._config, self._device = model, config, device
        inputs, previous = model.spec.inputs, model.spec.previous
        self._rows = Rows(data, device, inputs=inputs, previous=previous)
        self._texts = data.instructions
        some = np.linspace(0, len(data) - 1, ROBOTS).astype(np.int64)
        seen = self._rows.lesson(torch.from_numpy(some)).observation
        self._seen = {name: values.cpu().numpy() for name, values in seen.items()}
        self._now = clock(device)
        self._generator = torch.Generator().manual_seed(0)

    def train(self, effort: Effort) -> dict[str, float]:
        """Ours and Trainer's in turn; ratios are taken within a round."""
        size = self._config.batch_size
        turns: list[tuple[float, float]] = []
        for _ in range(effort.rounds):
            shape = (effort.steps + 1, size)
            picked = torch.randint(len(self._rows), shape, generator=self._generator)
            ours = size / _middle(self._ours(picked))
            gc.collect()
            theirs = step_times(
                self._model, self._rows, picked, self._config, device=self._device, now=self._now
            )
            turns.append((ours, size / _middle(theirs)))
            self._model.zero_grad(set_to_none=True)
            gc.collect()
        speed = median(one for one, _ in turns)
        figures = {
            "weights": float(sum(one.numel() for one in self._model.parameters())),
            "sft_samples_per_s": speed,
            "trainer_samples_per_s": median(other for _, other in turns),
            "ratio_trainer": median(one / other for one, other in turns),
        }
        if isinstance(self._model, Vlm):
            figures |= usage(
                self._model, self._rows.lesson(picked[0]).instructions, self._seen, speed
            )
        return figures

    def _ours(self, picked: torch.Tensor) -> list[float]:
        descent, ended = Descent(self._model, self._config), []
        for number, lesson in enumerate(self._rows.lessons(picked)):
            descent.step(lesson, number)
            ended.append(self._now())
        return ended

    def act(self, effort: Effort) -> dict[str, float]:
        """A fleet's actions from what its robots see, drawn and back on the CPU."""
        generator = torch.Generator(self._device).manual_seed(0)
        driver = PolicyDriver(self._model, generator, device=self._device)
        asked = Instructions(self._texts, np.arange(ROBOTS) % len(self._texts))
        ended = [self._now()]
        for _ in range(effort.ticks + 2):
            driver.act(self._seen, asked, np.arange(ROBOTS))
            ended.append(self._now())
        taken = [after - before for before, after in pairwise(ended)][2:]
        return {
            "fleet_samples_per_s": ROBOTS / median(taken),
            "fleet_ms": 1_000 * median(taken),
            "fleet_p95_ms": 1_000 * float(np.percentile(taken, 95)),
        }


def usage(
    model: Vlm, asked: Instructions, seen: dict[str, Any], samples_per_s: float
) -> dict[str, float]:
    """Tokens per row and second, and where the device's peak is known the share of it that is used (MFU)."""
    device = model.centres.device
    pictures = {name: torch.from_numpy(values).to(device) for name, values in seen.items()}
    few = Instructions(asked.texts, asked.index[:ROBOTS])
    with torch.inference_mode():
        prompt = model.prompt(pictures, few)
    own = 1 + model.spec.action_size
    tokens = float(prompt.mask.sum()) / len(prompt.mask) + own
    work = flop_per_sample(model, tokens)
    figures = {
        "tokens_per_sample": tokens,
        "tokens_per_s": tokens * samples_per_s,
        "gflop_per_sample": work / 1e9,
    }
    peak = PEAK.get(kind_of(torch.cuda.get_device_name())) if device.type == "cuda" else None
    return figures | ({"mfu": work * samples_per_s / peak} if peak else {})


def flop_per_sample(model: Vlm, tokens: float) -> float:
    """Of forward and backward: 6 N T + 12 layers width T^2 for the language model and for the vision tower
    (A. Chowdhery et al., arXiv 2204.02311, appendix B).

    N: weights that multiply, so no table of embeddings; T: tokens of a row, or patches; the projector counts
    as 6 N per token of a picture. Heads, and what recomputing does again, are not counted.
    """
    config = model.backbone.model.config
    text, eyes = config.get_text_config(), config.vision_config
    language = {id(one) for one in model.backbone.language.parameters()}
    weights = {"language": 0, "vision": 0, "projector": 0}
    for name, one in model.backbone.model.named_parameters():
        if "embed_tokens" in name or "position_embedding" in name:
            continue
        part = "vision" if "vision" in name else "projector"
        weights["language" if id(one) in language else part] += one.numel()
    patches = (eyes.image_size // eyes.patch_size) ** 2
    pictures = model.backbone.sight // model.backbone.width
    heads = text.num_attention_heads * text.head_dim
    return float(
        6 * (weights["language"] * tokens + weights["vision"] * patches)
        + 6 * weights["projector"] * pictures
        + 12 * text.num_hidden_layers * heads * tokens**2
        + 12 * eyes.num_hidden_layers * eyes.hidden_size * patches**2
    )


def bars(figures: dict[str, float], size: str, kind: str) -> list[dict[str, Any]]:
    """Those that mean something here: of large models, on the devices they are set for."""
    if kind not in PEAK or size == "tiny":
        return []
    limits = [("vlm_ratio_trainer", 1.2, True)]
    limits += [("vlm_mfu", 0.4, True)] if size == "paligemma-3b" else []
    limits += [("vlm_fleet_p95_ms", 100.0, False)] if size == "smolvlm-256m" else []
    return [
        {
            "name": name,
            "value": figures[name],
            "limit": limit,
            "holds": figures[name] >= limit if least else figures[name] <= limit,
        }
        for name, limit, least in limits
    ]


def _middle(ended: list[float]) -> float:
    """Seconds of a step: the median, the first left out."""
    return median(after - before for before, after in pairwise(ended))
