"""The card of a checkpoint: what it says, that its Python runs, and that strangers' words stay words."""

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from models_store.card import CardFacts, Measured, card, plain
from models_store.checkpoint import EFMCheckpoint
from models_store.compact_spec import CompactSpec
from models_store.normalisation import Normalisation
from models_store.specs import Spec
from models_store.vlm_spec import VlmSpec
from tests.models_store.test_checkpoint import NORM, SPEC

EYES = CompactSpec(
    {"observation.images.front": (8, 8, 3)},
    (-1.0, -1.0),
    (1.0, 1.0),
    observation={"observation.state": 3},
    previous=("observation.images.front",),
    policy_hidden=(8,),
    distance_hidden=(8,),
)
FACTS = CardFacts(
    title="Reach 1", kind="policy", digest="a" * 64, spec=SPEC, parameters=99, task="Reach", robot="Point mass",
    instructions=("go to the ring",),
)  # fmt: skip


def head(text: str) -> dict[str, object]:
    """What the Hub reads."""
    found: dict[str, object] = yaml.safe_load(text.split("---\n")[1])
    return found


@pytest.mark.parametrize("spec", [SPEC, EYES])
def test_the_python_of_a_card_runs_beside_the_files(spec: Spec, tmp_path: Path) -> None:
    norm = Normalisation({"observation.state": NORM.observation["observation.state"]}, NORM.action)
    digest = EFMCheckpoint.new(spec, norm, seed=0).save(tmp_path / "c")
    text = card(replace(FACTS, spec=spec, digest=digest))
    (python,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    root = Path(__file__).parents[2]
    ran = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(root)!r})\n{python}"],
        cwd=tmp_path / "c", capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert "tensor([[" in ran.stdout


def test_a_card_says_where_it_came_from_and_what_was_measured() -> None:
    text = card(
        replace(
            FACTS,
            parents=[("policy", "b" * 64)],
            datasets=[("Demos v2", "c" * 64), ("Old", "")],
            measured=[
                Measured("success", 0.92, 0.85, 0.959, "100 episodes"),
                Measured("recall", 0.5, None, None, "x"),
            ],
        )
    )
    assert head(text)["tags"] == ["robotics", "efmweb", "policy", "mlp"]
    for part in ("b" * 64, "c" * 64, "92.0%", "85.0% to 95.9%", "not known", "99 parameters"):
        assert part in text
    assert "reward-model" in card(replace(FACTS, kind="reward"))


def test_a_base_is_named_with_its_licence() -> None:
    spec = VlmSpec(
        "owner/base@main", "d" * 64, {"observation.images.front": (8, 8, 3)}, (-1.0,), (1.0,)
    )
    text = card(replace(FACTS, spec=spec, base_licence="apache-2.0"))
    assert head(text)["base_model"] == "owner/base"
    assert "d" * 64 in text
    assert r"apache-2\.0" in text
    assert "not known here" in card(replace(FACTS, spec=spec))


def test_words_of_strangers_stay_words() -> None:
    nasty = 'x\n---\nlicense: mit\n# <script>alert(1)</script> [a](javascript:b) `c` | d "e"'
    text = card(
        replace(
            FACTS,
            title=nasty,
            task=nasty,
            robot=nasty,
            instructions=(nasty,),
            parents=[(nasty, nasty)],
        )
    )
    assert "license" not in head(text)
    body = text.split("```python")[0]
    assert not re.search(r"(?<!\\)<", body)
    assert "](" not in body
    assert "\n---\nlicense" not in text
    assert plain("a\u202eb\x00") == "a b"
    spec = replace(SPEC, observation={"```\nimport os": 3})
    assert text.count("\n```") == card(replace(FACTS, spec=spec)).count("\n```") == 2
