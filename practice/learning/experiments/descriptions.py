"""Descriptions as JSON: what a stage follows from, its digest, and whether two descriptions agree."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from practice.embodiments.spec import EmbodimentSpec
from practice.learning.config import Config, EvaluationConfig, PracticeConfig, SFTConfig
from practice.learning.config_pretraining import PretrainingConfig
from practice.learning.types import TaskFacts


def agree(kept: Any, now: Any) -> bool:
    """Whether two descriptions say the same wherever both say something."""
    if isinstance(kept, dict) and isinstance(now, dict):
        return all(agree(kept[key], now[key]) for key in kept.keys() & now.keys())
    return bool(kept == now)


def config_facts(config: Config) -> dict[str, Any]:
    """Every setting that has a say in the outcome."""
    return {"class": type(config).__name__} | {
        name: value for name, value in config.to_json().items() if name != "processes"
    }


def told(description: dict[str, Any]) -> dict[str, Any]:
    """The description for its digest: settings at their defaults are left out, so that a new one
    leaves old stages what they are. `agree` finds out when a default itself has changed.
    """
    classes = {
        cls.__name__: cls
        for cls in (SFTConfig, PracticeConfig, EvaluationConfig, PretrainingConfig)
    }
    if "config" not in description:
        return description
    config = dict(description["config"])
    usual = config_facts(classes[config["class"]]())
    said = {k: v for k, v in config.items() if k == "class" or v != usual[k]}
    return description | {"config": said}


def task_facts(spec: EmbodimentSpec) -> dict[str, Any]:
    """What of an embodiment decides an outcome and may be tuned without a change of its name."""
    task = TaskFacts.of(spec)
    return {
        "horizon": task.horizon,
        "control_hz": task.control_hz,
        "threshold": task.threshold,
        "limits": dict(task.limits),
        "instructions": digest(list(task.instructions)),
        "steps_to_go": [spec.steps_to_go_bins, spec.steps_to_go_max],
        "linger": spec.linger,
    }


def digest(value: Any) -> str:
    """sha256 of JSON values, shortened."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:24]
