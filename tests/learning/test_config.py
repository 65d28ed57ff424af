"""Configs explain themselves, go through JSON unchanged, and refuse nonsense by name."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import FrozenInstanceError, replace

import pytest

from practice.embodiments.registry import embodiments
from practice.embodiments.spec import EmbodimentSpec
from practice.learning.config import (
    CONFIGS,
    Config,
    EvaluationConfig,
    PracticeConfig,
    SFTConfig,
    config_from_json,
)
from practice.learning.errors import LearningError
from practice.learning.presets import presets, presets_of


@pytest.mark.parametrize("made", [SFTConfig(), PracticeConfig(threshold=1.5), EvaluationConfig()])
def test_json_both_ways(made: Config) -> None:
    assert type(made).from_json(json.loads(json.dumps(made.to_json()))) == made


@pytest.mark.parametrize("kind", CONFIGS)
def test_every_field_has_help_and_a_default_inside_its_range(kind: str) -> None:
    for fact in CONFIGS[kind].describe():
        assert len(fact.help) > 8, fact.name
        assert fact.kind == "choice" or fact.default is None or fact.minimum is not None or (
            fact.kind == "bool"
        ), fact.name  # fmt: skip


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"num_robot": 3}, "Unknown setting 'num_robot'.*num_robots"),
        ({"num_robots": 0}, "num_robots is 0; it must lie between 1 and 65536"),
        ({"num_robots": 2.5}, "num_robots is 2.5; it must be of type int"),
        ({"num_robots": True}, "num_robots is True"),
        ({"gamma": float("nan")}, "gamma is nan"),
        ({"gamma": "0.9"}, "gamma is '0.9'"),
        ({"terminate_on": "never"}, "terminate_on is 'never'.*detector, success"),
        ({"terminate_on": None}, "terminate_on"),
        ({"pace": -1}, "pace is -1"),
        ({"returns": "window", "num_robots": 7}, "multiple of num_robots"),
        ({"trains": "spread"}, "moments.*switch carry_optimizer off"),
    ],
)
def test_bad_values_are_named(data: dict[str, object], message: str) -> None:
    with pytest.raises(LearningError, match=message):
        PracticeConfig.from_json(data)


def test_whole_numbers_stand_for_decimals_and_none_for_the_task() -> None:
    config = PracticeConfig.from_json({"pace": 1, "threshold": None})
    assert config.pace == 1.0
    assert type(config.pace) is float
    assert config.threshold is None


def test_configs_cannot_be_changed_and_copies_are_checked() -> None:
    config = PracticeConfig()
    with pytest.raises(FrozenInstanceError):
        config.gamma = 0.5  # type: ignore[misc]
    assert config.replace(gamma=0.5).gamma == 0.5
    with pytest.raises(LearningError):
        config.replace(gamma=2.0)


def test_the_paper_is_the_default() -> None:
    config = PracticeConfig()
    assert (config.updates, config.batch_size, config.tuples) == (16, 64, 1_024)
    assert (config.gamma, config.loss_scale) == (0.9, 0.05)
    assert (config.terminate_on, config.returns) == ("detector", "episode")
    assert config.normalise_returns == "none"
    assert config.pace == 0.0


def test_kinds() -> None:
    assert config_from_json("sft", {"steps": 5}) == SFTConfig(steps=5)
    with pytest.raises(LearningError, match="sft, practice, evaluation"):
        config_from_json("training", {})


@pytest.mark.parametrize("spec", embodiments(), ids=lambda spec: spec.id)
@pytest.mark.parametrize("kind", CONFIGS)
def test_presets_fit_their_kind_and_say_what_they_are(kind: str, spec: EmbodimentSpec) -> None:
    found = presets(kind, spec.id)
    assert next(iter(found)) == "paper"
    assert "demo" in found
    for name, preset in found.items():
        assert preset.name == name
        assert type(preset.config) is CONFIGS[kind]
        assert preset.title
        assert preset.description.endswith(".")


@pytest.mark.parametrize("kind", CONFIGS)
def test_every_setting_stands_in_one_group(kind: str) -> None:
    grouped = [fact for facts in CONFIGS[kind].grouped().values() for fact in facts]
    assert sorted(fact.name for fact in grouped) == sorted(f.name for f in CONFIGS[kind].describe())
    assert all(fact.group for fact in grouped)


@pytest.mark.parametrize("spec", embodiments(), ids=lambda spec: spec.id)
def test_a_robot_with_cameras_can_begin_with_a_foundation_model(spec: EmbodimentSpec) -> None:
    found = presets("sft", spec.id)
    assert ("foundation" in found) == bool(spec.cameras)
    if spec.cameras:
        preset, small = found["foundation"], found["fast"].config
        assert preset.asks == ("base",)
        config = preset.config.replace(base="smolvlm")  # what else it says goes with a base
        assert isinstance(config, SFTConfig)
        assert isinstance(small, SFTConfig)
        for meaning in ("mirror", "arrival", "previous_frame"):
            assert getattr(config, meaning) == getattr(small, meaning)


def test_settings_of_small_models_are_refused_together_beside_a_base() -> None:
    small = presets("sft", "language-table-4")["fast"].config
    with pytest.raises(LearningError) as refusal:
        small.replace(base="smolvlm")
    assert str(refusal.value) == (
        "trains is 'heads' and grounding_steps is 1500, which is for small models: "
        "with a base set trains to 'all' and grounding_steps to 0."
    )


def test_unknown_presets_are_named() -> None:
    with pytest.raises(LearningError, match="point-mass"):
        presets("sft", "octopus")
    with pytest.raises(LearningError, match="practice"):
        presets("dreaming", "point-mass")


@pytest.mark.parametrize("kind", CONFIGS)
def test_a_robot_nobody_has_tuned_for_gets_what_suits_its_senses(kind: str) -> None:
    point = next(spec for spec in embodiments() if spec.id == "point-mass")
    table = next(spec for spec in embodiments() if spec.cameras)
    blind = presets_of(kind, replace(point, id="somebody/new-v0"))
    seeing = presets_of(kind, replace(table, id="somebody/seeing-v0"))
    for found in (blind, seeing):
        assert next(iter(found)) == "paper"
        assert {"fast", "demo"} <= set(found)
        assert all(type(preset.config) is CONFIGS[kind] for preset in found.values())
    if kind == "sft":
        config = seeing["fast"].config
        assert isinstance(config, SFTConfig)
        assert config.mirror
        assert config.arrival == "end"


def test_the_web_process_can_list_everything_without_torch_or_django() -> None:
    code = (
        "import sys;"
        "import practice.learning.config, practice.learning.presets, practice.learning.errors;"
        "import practice.learning.statistics, practice.embodiments.registry;"
        "import models_store.spec, practice.episodes.types;"
        "practice.learning.presets.presets('practice', 'point-mass');"
        "import models_store.specs, models_store.words;"
        "sys.exit(' '.join(m for m in ('torch', 'django') if m in sys.modules) or None)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
