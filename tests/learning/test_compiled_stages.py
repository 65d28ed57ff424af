"""Both stages with a compiled language model come to what they come to without, but for rounding."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from models_store import compiling
from models_store.compiling import check_compiler
from models_store.outline import plain_normalisation
from practice.learning.building import model_spec, new_checkpoint
from practice.learning.config import PracticeConfig, SFTConfig
from practice.learning.data import Demonstrations
from practice.learning.self_improvement import SelfImprovement
from practice.learning.sft import SFT
from practice.learning.types import TaskFacts, Work
from tests.learning.picture_world import SPEC, Dots, demonstrations
from tests.models_store.tiny_vlms import make_base

STAGE1 = SFTConfig(
    base="smolvlm", steps=4, batch_size=8, validate_every=2, validation_rows=16, lora_rank=4,
    precision="float32", instruction_weight=0.5, adam_eps=1e-3,
)  # fmt: skip
STAGE2 = PracticeConfig(
    num_robots=4, iterations=1, updates=2, batch_size=8, evaluate_every=0, processes=1,
    precision="float32", adam_eps=1e-3,
)  # fmt: skip


@pytest.fixture
def graphs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[torch.fx.GraphModule]]:
    """What was compiled, by a backend that writes no code."""
    made = []

    def backend(graph: torch.fx.GraphModule, _inputs: list[torch.Tensor]) -> object:
        made.append(graph)
        return graph.forward

    make_base("smolvlm", tmp_path / "bases" / "smolvlm")
    monkeypatch.setenv("EFM_BASES", str(tmp_path / "bases"))
    monkeypatch.setattr(compiling, "BACKEND", backend)
    check_compiler.cache_clear()
    yield made
    check_compiler.cache_clear()
    torch.compiler.reset()


def stage1(compiled: bool) -> Work:
    data = Demonstrations.from_episodes(demonstrations(20))
    return SFT(STAGE1.replace(compile=compiled), data, SPEC)


def stage2(compiled: bool) -> Work:
    spec = model_spec(STAGE1, SPEC)
    start = new_checkpoint(STAGE1, spec, plain_normalisation(spec))
    config = STAGE2.replace(compile=compiled)
    return SelfImprovement(config, start, start, Dots(), task=TaskFacts.of(SPEC))


@pytest.mark.parametrize("stage", [stage1, stage2])
def test_a_compiled_run_ends_where_it_would_have(
    stage: Callable[[bool], Work], graphs: list[torch.fx.GraphModule]
) -> None:
    ended = []
    for compiled in (False, True):
        run, values = stage(compiled), dict[str, float]()
        while not run.finished:
            values |= run.step().values
        ended.append((values, run.checkpoints()["policy"].weights))
        assert bool(graphs) == compiled
    (wanted, plain), (found, quick) = ended
    assert found == pytest.approx(wanted, rel=1e-3, abs=1e-5)
    assert quick.keys() == plain.keys()
    for name, weights in plain.items():
        torch.testing.assert_close(quick[name], weights, atol=1e-4, rtol=1e-3, msg=name)
