"""The benchmark of EFMs: known shapes, the same work for both trainers, and figures of every kind of model."""

from __future__ import annotations

import copy
import math
import time
from pathlib import Path

import pytest
import torch
from django.core.management import CommandError, call_command
from transformers import AutoModelForImageTextToText

from efmweb.benchmark import bases
from efmweb.benchmark import efm as bench
from efmweb.benchmark.bases import SIZES
from efmweb.benchmark.data_sets import made_up
from efmweb.benchmark.trainer import step_times
from models_store.checkpoint import EFMCheckpoint
from models_store.errors import LearningError
from models_store.vlm import make_vlm
from practice.embodiments.registry import embodiment
from practice.learning.building import measure, model_spec
from practice.learning.config import SFTConfig
from practice.learning.data import Demonstrations
from practice.learning.descent import Descent
from practice.learning.rows import Rows
from tests.learning.picture_world import SPEC, demonstrations

TINY = SIZES["tiny"]
PALIGEMMA = bases.Size(
    "paligemma", bases._eyes(24, 32, 2, 2, 28, 7), bases._text(32, 48, 2, 4, 2, 8, 256), batch=4, accumulate=2,
    recompute=True,
)  # fmt: skip


@pytest.mark.parametrize(("name", "weights"), [("smolvlm-256m", 228e6), ("paligemma-3b", 2.92e9)])
def test_shapes_have_as_many_weights_as_their_models(name: str, weights: float) -> None:
    with torch.device("meta"):
        model = AutoModelForImageTextToText.from_config(bases._config(SIZES[name], image=5))
    assert sum(one.numel() for one in model.parameters()) == pytest.approx(weights, rel=0.01)


@pytest.mark.parametrize("size", [TINY, PALIGEMMA], ids=["smolvlm", "paligemma"])
def test_both_kinds_of_models_give_figures(
    size: bases.Size, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SIZES, "tiny", size)
    monkeypatch.setattr(bench, "QUICK", bench.Effort(rounds=1, steps=2, ticks=3))
    monkeypatch.setattr(bench, "COMPACT_BATCH", 8)
    monkeypatch.setattr(bench, "EPISODES", 1)
    told: list[str] = []
    found = bench.efm(size="tiny", quick=True, progress=lambda text, _: told.append(text))
    figures = found["figures"]
    assert told == ["compact", "vlm"]
    assert all(math.isfinite(value) and value > 0 for value in figures.values())
    for name in told:
        assert figures[f"{name}_fleet_p95_ms"] >= figures[f"{name}_fleet_ms"]
    tokens = figures["vlm_tokens_per_s"] / figures["vlm_sft_samples_per_s"]
    assert tokens == pytest.approx(figures["vlm_tokens_per_sample"])
    assert found["bars"] == [], "a small model on a CPU is no subject of the bars"


def test_the_plain_trainer_does_the_same_work() -> None:
    data = Demonstrations.from_episodes(demonstrations(6))
    config = SFTConfig(
        batch_size=16, schedule="constant", learning_rate=1e-3, adam_eps=1e-3, precision="float32", queries=4,
    )  # fmt: skip
    spec = model_spec(config, SPEC)
    ours = EFMCheckpoint.new(spec, measure(data, spec), seed=0).build()
    theirs, start = copy.deepcopy(ours), copy.deepcopy(ours.state_dict())
    rows = Rows(data, "cpu", inputs=spec.inputs, previous=getattr(spec, "previous", ()))
    picked = torch.randint(len(rows), (3, 16), generator=torch.Generator().manual_seed(0))
    descent = Descent(ours, config)
    for number, lesson in enumerate(rows.lessons(picked)):
        descent.step(lesson, number)
    ended = step_times(theirs, rows, picked, config, device="cpu", now=time.perf_counter)
    assert ended == sorted(ended)
    assert len(ended) == 3
    moved = 0.0
    for name, values in ours.state_dict().items():
        torch.testing.assert_close(theirs.state_dict()[name], values, atol=1e-5, rtol=1e-3)
        moved = max(moved, float((values - start[name]).abs().max()))
    assert moved > 1e-3


def test_floating_point_operations_are_those_of_the_formula(tmp_path: Path) -> None:
    robot = embodiment(bench.ROBOT).spec
    spec = bench._vlm_spec(TINY, robot, tmp_path / "base")
    data = Demonstrations.from_episodes(list(made_up(robot, 1)))
    model = make_vlm(spec, measure(data, spec))
    # Two layers of each: attention, perceptron, norms; a last norm; patches of 7 x 7 x 3; 4 picture tokens of 4 patches.
    language = 2 * (2 * 32 * 32 + 2 * 32 * 16 + 3 * 32 * 48 + 2 * 32) + 32
    eye = 2 * (4 * (24 * 24 + 24) + (24 * 32 + 32) + (32 * 24 + 24) + 4 * 24) + 2 * 24
    eye += 7 * 7 * 3 * 24 + 24
    expected = 6 * (language * 10 + eye * 16 + 4 * 24 * 32 * 4)
    expected += 12 * 2 * 32 * 10**2 + 12 * 2 * 24 * 16**2
    assert bench.flop_per_sample(model, tokens=10) == expected


@pytest.mark.parametrize(
    ("size", "kind", "names"),
    [
        ("paligemma-3b", "h100", ["vlm_ratio_trainer", "vlm_mfu"]),
        ("smolvlm-256m", "h200", ["vlm_ratio_trainer", "vlm_fleet_p95_ms"]),
        ("smolvlm-256m", "cpu", []),
        ("tiny", "h100", []),
    ],
)
def test_bars_are_for_large_models_on_known_devices(size: str, kind: str, names: list[str]) -> None:
    good = {"vlm_ratio_trainer": 1.2, "vlm_mfu": 0.4, "vlm_fleet_p95_ms": 100.0}
    bad = {"vlm_ratio_trainer": 1.1, "vlm_mfu": 0.3, "vlm_fleet_p95_ms": 101.0}
    assert [(bar["name"], bar["holds"]) for bar in bench.bars(good, size, kind)] == [
        (name, True) for name in names
    ]
    assert not any(bar["holds"] for bar in bench.bars(bad, size, kind))


def test_an_unknown_size_is_named() -> None:
    with pytest.raises(LearningError, match="'huge'; choose one of: tiny, smolvlm-256m"):
        bench.efm(size="huge")


def test_several_gpus_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trainer would spread the batch over all of them."""
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    with pytest.raises(LearningError, match="and 4 are to be seen"):
        bench.efm()


def test_options_of_one_benchmark_are_refused_by_others() -> None:
    with pytest.raises(CommandError, match="bench eyes has no --size"):
        call_command("bench", "eyes", size="tiny")
