"""Descriptions and files of pretrained models: what is refused, and in which words."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest
import torch
import transformers

from models_store.checkpoint import EFMCheckpoint
from models_store.errors import LearningError
from models_store.instructions import Instructions
from models_store.normalisation import Moments, Normalisation
from models_store.specs import spec_from_json
from models_store.vlm_files import base_digest, bases_here, folder_of
from models_store.vlm_spec import VlmSpec
from tests.models_store.tiny_vlms import make_base

TOP = "observation.images.top"
SPEC = VlmSpec(
    base="smolvlm",
    base_digest="0" * 64,
    cameras={TOP: (24, 32, 3)},
    previous=(TOP,),
    observation={"observation.state": 2},
    action_low=(-1.0, -1.0),
    action_high=(1.0, 1.0),
    readout="tokens",
    action_bins=16,
)
NORM = Normalisation(
    {"observation.state": Moments((0.0,) * 2, (1.0,) * 2)}, Moments((0.0,) * 2, (1.0,) * 2)
)


def new(spec: VlmSpec, folder: Path) -> Any:
    spec = replace(spec, base=str(folder), base_digest=base_digest(str(folder)))
    return EFMCheckpoint.new(spec, NORM, seed=0)


def test_json_both_ways() -> None:
    assert spec_from_json(json.loads(json.dumps(SPEC.to_json()))) == SPEC
    with pytest.raises(LearningError, match="Unknown key 'lora_rang'"):
        spec_from_json(SPEC.to_json() | {"lora_rang": 3})
    with pytest.raises(LearningError, match="no model description"):
        spec_from_json({name: value for name, value in SPEC.to_json().items() if name != "base"})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"base_digest": "abc"}, "64 hex digits; got 'smolvlm' and 'abc'"),
        ({"cameras": {}}, "needs cameras"),
        ({"previous": ("elsewhere",)}, "'elsewhere' is no camera"),
        ({"readout": "guess"}, "readout is 'guess'; choose one of: queries, tokens"),
        ({"dtype": "float16"}, "choose one of: float32, bfloat16"),
        ({"lora_rank": 0, "dtype": "bfloat16"}, "must be float32"),
        ({"freeze_vision": False}, "language model alone"),
        ({"lora_targets": ()}, "need lora_targets"),
        ({"action_high": (1.0,)}, "a low below a high per dimension"),
        ({"action_bins": 1}, "2 bins or more"),
        ({"temperature": 0.0}, "must be above 0"),
        ({"architecture": "compact"}, "Unknown pretrained model 'compact'"),
    ],
)
def test_descriptions_no_model_can_be_built_from(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(LearningError, match=message):
        replace(SPEC, **changes)


def test_a_description_costs_no_torch() -> None:
    code = (
        "import sys, models_store.specs, models_store.vlm_files, practice.learning.config\n"
        "heavy = {'torch', 'transformers', 'peft', 'huggingface_hub', 'tokenizers'}\n"
        "sys.exit(' '.join(heavy & set(sys.modules)) or None)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_name_means_a_folder_among_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make_base("smolvlm", tmp_path / "bases" / "smolvlm")
    monkeypatch.setenv("EFM_BASES", str(tmp_path / "bases"))
    assert folder_of("smolvlm") == folder_of(str(folder)) == folder
    for name, said in {
        "other": "no base 'other' in",
        "..": "neither the name of a folder",
        "smolvlm/..": "neither the name of a folder",
        str(tmp_path / "nothing"): "no folder",
    }.items():
        with pytest.raises(LearningError, match=said):
            folder_of(name)


def test_the_bases_here_are_folders_with_a_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EFM_BASES", str(tmp_path / "bases"))
    assert bases_here() == []
    for name in ("b", "a", ".hidden", "half"):
        (tmp_path / "bases" / name).mkdir(parents=True)
        if name != "half":
            (tmp_path / "bases" / name / "config.json").write_text("{}")
    assert bases_here() == ["a", "b"]


def test_the_digest_is_of_contents_not_of_places(tmp_path: Path) -> None:
    one, two = (make_base("smolvlm", tmp_path / name) for name in "ab")
    assert base_digest(str(one)) == base_digest(str(two))
    (two / "notes.md").write_text("What a person thinks of it does not count.")
    assert base_digest(str(one)) == base_digest(str(two))
    config = json.loads((two / "preprocessor_config.json").read_text())
    (two / "preprocessor_config.json").write_text(json.dumps(config | {"rescale_factor": 0.1}))
    assert base_digest(str(one)) != base_digest(str(two))


def test_weights_that_would_be_unpickled_are_refused(tmp_path: Path) -> None:
    folder = make_base("smolvlm", tmp_path / "base")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(
        LearningError, match=r"only pytorch_model\.bin, which would have to be unpickled"
    ):
        base_digest(str(folder))
    (folder / "pytorch_model.bin").unlink()
    with pytest.raises(LearningError, match="holds no weights"):
        base_digest(str(folder))


def change(folder: Path, name: str, **values: Any) -> None:
    file = folder / name
    file.write_text(json.dumps(json.loads(file.read_text()) | values))


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    base = make_base("llava", tmp_path / "base")
    change(base, "config.json", model_type="bert", architectures=["BertModel"])
    with pytest.raises(LearningError, match="makes no image-text-to-text model of"):
        new(SPEC, base)
    base = make_base("llava", tmp_path / "two")
    (base / "tokenizer.json").unlink()
    (base / "tokenizer_config.json").unlink()
    with pytest.raises(LearningError, match="has no tokenizer or image processor"):
        new(SPEC, base)
    base = make_base("smolvlm", tmp_path / "three")
    with pytest.raises(
        LearningError, match=r"no linear layer 'wq' for an adapter; it has: .*q_proj"
    ):
        new(replace(SPEC, lora_targets=("q_proj", "wq")), base)
    with pytest.raises(LearningError, match="do not fit a vocabulary of 128 tokens"):
        new(replace(SPEC, action_bins=256), base)


def test_code_from_a_repository_is_never_run(tmp_path: Path) -> None:
    base = make_base("llava", tmp_path / "base")
    (base / "evil.py").write_text("raise SystemExit('ran')")
    change(
        base, "config.json", model_type="evil",
        auto_map={"AutoConfig": "evil.Config", "AutoModelForImageTextToText": "evil.Model"},
    )  # fmt: skip
    with pytest.raises(LearningError, match="makes no image-text-to-text model"):
        new(SPEC, base)


def test_a_model_that_cannot_be_asked_so_is_named(tmp_path: Path) -> None:
    """GIT knows no picture tokens: it is loaded, and refused for what it lacks."""
    vision = {
        "hidden_size": 16,
        "intermediate_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
    }
    config = transformers.GitConfig(
        vision_config=vision | {"image_size": 28, "patch_size": 14}, vocab_size=128, hidden_size=16,
        intermediate_size=16, num_hidden_layers=1, num_attention_heads=2,
    )  # fmt: skip
    transformers.GitForCausalLM(config).save_pretrained(tmp_path / "git")
    with pytest.raises(LearningError, match=r"GitModel in .* has no get_image_features"):
        new(SPEC, tmp_path / "git")


def test_a_tokenizer_of_another_model_is_found_out(tmp_path: Path) -> None:
    base = make_base("smolvlm", tmp_path / "base")
    tokens = json.loads((base / "tokenizer.json").read_text())
    for token in tokens["added_tokens"]:
        token["content"] = token["content"].replace("<image>", "<picture>")
    (base / "tokenizer.json").write_text(json.dumps(tokens))
    model = new(SPEC, base).build()
    shown = {
        name: torch.zeros(1, 24, 32, 3, dtype=torch.uint8) for name in (TOP, f"{TOP}.previous")
    }
    state = {"observation.state": torch.zeros(1, 2)}
    with pytest.raises(
        LearningError, match="has room for 0 picture tokens, its vision tower makes 8"
    ):
        model.steps_to_go(shown | state, Instructions.same("push", 1))


def test_a_base_of_the_hub_is_fetched_at_its_revision(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, asked = make_base("smolvlm", tmp_path / "base"), []

    def fetch(name: str, *, revision: str, allow_patterns: list[str]) -> str:
        asked.append((name, revision, allow_patterns))
        return str(folder)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", fetch)
    spec = replace(SPEC, base="someone/smol@v1.0", base_digest=base_digest(str(folder)))
    assert EFMCheckpoint.new(spec, NORM, seed=0).spec == spec
    assert {one[:2] for one in asked} == {("someone/smol", "v1.0")}
    assert not any(fnmatch("pytorch_model.bin", pattern) for pattern in asked[0][2])
    assert any(fnmatch("model-00001-of-00002.safetensors", pattern) for pattern in asked[0][2])

    def fail(name: str, **_: Any) -> str:
        raise huggingface_hub.errors.LocalEntryNotFoundError("no such revision")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", fail)
    with pytest.raises(LearningError, match=r"someone/smol@v1\.0 cannot be fetched from the Hub"):
        folder_of("someone/smol@v1.0")


def test_weights_follow_from_the_seed_whether_the_base_was_loaded_or_not(tmp_path: Path) -> None:
    base = make_base("qwen2_vl", tmp_path / "base")
    first = new(SPEC, base)
    kept = first.build()
    again = new(SPEC, base)
    assert first.digest == again.digest
    assert kept.spec == again.spec
