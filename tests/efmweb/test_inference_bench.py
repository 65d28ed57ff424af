"""The benchmark of the inference server gives a figure of everything it promises."""

from __future__ import annotations

import math

import pytest

from efmweb.benchmark import inference as bench
from models_store.errors import LearningError


def test_both_kinds_of_models_give_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "QUICK", bench.Effort(answers=20, seconds=0.3))
    monkeypatch.setattr(bench, "EPISODES", 1)
    told: list[str] = []
    found = bench.inference(quick=True, progress=lambda text, _: told.append(text))["figures"]
    assert told == ["compact", "vlm"]
    for name in told:
        assert found[f"{name}_ratio_one"] > 0
        for how in ("", "eager_", "gather_", "beside_a_late_one_"):
            assert math.isfinite(found[f"{name}_{how}p95_ms"])
            assert 0 <= found[f"{name}_{how}late_share"] <= 1
    assert found["load_average"] >= 0


def test_a_size_that_is_not_there_is_refused() -> None:
    with pytest.raises(LearningError, match="choose one of: tiny"):
        bench.inference(size="huge")


def test_late_and_answered_questions_are_told_apart() -> None:
    heard = bench.Heard(latency=[0.01, 0.02, 0.03], lost=1)
    assert heard.figures("x_") == pytest.approx(
        {"x_p50_ms": 20.0, "x_p95_ms": 29.0, "x_late_share": 0.25}
    )
