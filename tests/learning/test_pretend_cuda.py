"""Both stages on a GPU that is not there: nothing is left on the other device."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from practice.fleet.inference.thinking import Thinker, blank_question
from practice.learning.config import EvaluationConfig, PracticeConfig, SFTConfig
from practice.learning.data import Demonstrations
from practice.learning.evaluation import Evaluation
from practice.learning.self_improvement import SelfImprovement
from practice.learning.sft import SFT
from practice.learning.types import TaskFacts
from tests.learning.picture_world import SPEC, Dots, demonstrations
from tests.models_store.tiny_vlms import make_base
from tests.pretend_cuda import PretendCuda

STAGE1 = SFTConfig(
    steps=3, batch_size=16, schedule="constant", validate_every=2, validation_rows=32,
    precision="float32",
)  # fmt: skip
STAGE2 = PracticeConfig(
    num_robots=8, iterations=1, updates=2, batch_size=16, evaluate_every=1, evaluate_episodes=8,
    processes=1, precision="float32",
)  # fmt: skip
EVALUATION = EvaluationConfig(episodes=8, num_robots=4, processes=1, precision="float32")
TASK = TaskFacts.of(SPEC)


@pytest.fixture
def cuda(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PretendCuda]:
    monkeypatch.setenv("EFM_BASES", str(tmp_path))
    with PretendCuda() as device:
        yield device


@pytest.fixture(scope="module")
def data() -> Demonstrations:
    return Demonstrations.from_episodes(demonstrations(12))


def done(run: Any) -> Any:
    while not run.finished:
        run.step()
    return run


def test_it_refuses_what_cuda_refuses(cuda: PretendCuda) -> None:
    layer, row = nn.Linear(3, 2), torch.zeros(1, 3)
    layer.to("cuda")
    assert layer.weight.device.type == "cuda"
    with pytest.raises(RuntimeError, match="same device"):
        layer(row)
    answer = layer(row.to("cuda"))
    assert answer.device.type == "cuda"
    with pytest.raises(TypeError, match="can't convert cuda"):
        answer.detach().numpy()
    with pytest.raises(RuntimeError, match="indices should be"):
        row[torch.zeros(1, dtype=torch.long, device="cuda")]
    answer.sum().backward()
    assert layer.weight.grad is not None
    assert layer.weight.grad.is_cuda
    assert answer.detach().cpu().numpy().shape == (1, 2)
    assert torch.equal(row, torch.zeros(1, 3))


@pytest.mark.parametrize(
    ("base", "changes"),
    [
        ("", {}),
        ("smolvlm", {"lora_rank": 4, "instruction_weight": 0.5, "ema": 0.9}),
        ("paligemma2", {"lora_rank": 4, "readout": "tokens", "mirror": True}),
        ("smolvlm", {"lora_rank": 0, "freeze_vision": False, "recompute": True}),
        ("qwen3_vl", {"lora_rank": 4}),
    ],
)
def test_both_stages_stay_on_their_device(
    base: str, changes: dict[str, Any], data: Demonstrations, cuda: PretendCuda, tmp_path: Path
) -> None:
    if base:
        make_base(base, tmp_path / base)
        changes = changes | {"base": base}
    config = STAGE1.replace(**changes)
    first = SFT(config, data, SPEC, device="cuda")
    first.step()
    again = SFT(config, data, SPEC, device="cuda")
    again.load_state(first.state())
    learned = done(again).checkpoints()
    inputs = learned["policy"], learned["reward"]
    practised = done(SelfImprovement(STAGE2, *inputs, Dots(), task=TASK, device="cuda"))
    policy = practised.checkpoints()["policy"]
    assert all(values.device.type == "cpu" for values in policy.weights.values())
    judged = Evaluation(EVALUATION, policy, learned["reward"], Dots(), task=TASK, device="cuda")
    assert done(judged).result()["episodes"] == 8
    serving = Thinker(policy.build("cuda"), learned["reward"].build("cuda"), device="cuda")
    assert len(serving.act([blank_question(serving.features)] * 2)) == 2
