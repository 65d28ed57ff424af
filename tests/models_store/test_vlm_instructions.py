"""Naming an instruction from pictures, in the language model's own words; for each family the same promises."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional
from transformers import AutoModelForImageTextToText

from models_store.checkpoint import EFMCheckpoint
from models_store.compact import CompactEFM
from models_store.compact_spec import CompactSpec
from models_store.efm import SEEN
from models_store.errors import LearningError
from models_store.instructions import Instructions
from models_store.outline import outlines
from models_store.vlm import Vlm
from models_store.vlm_instructions import QUESTION
from tests.models_store.test_vlm import NORM, SIDE, TEXTS, TOP, built, row, seen, spec_of, told
from tests.models_store.tiny_vlms import KINDS, make_base

EVERY = (*KINDS, "llava")


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("bases")
    return {kind: make_base(kind, folder / kind) for kind in EVERY}


def able(base: Path, **changes: object) -> Vlm:
    model = built(spec_of(base, **changes))
    model.enable_instruction_prediction()
    return model


def moments(rows: int) -> list[dict[str, Tensor]]:
    return [{name: seen(rows, seed)[name] for name in (TOP, SIDE)} for seed in (3, 4)]


@pytest.mark.parametrize("kind", EVERY)
def test_it_is_the_models_own_loss_on_the_instructions_tokens(
    kind: str, bases: dict[str, Path]
) -> None:
    """Theirs: ids of question and answer and all pixels at once, through the whole model as transformers loads it."""
    shape = (24, 32, 3)
    spec = spec_of(bases[kind], cameras={TOP: shape}, lora_rank=0)
    model = EFMCheckpoint.new(spec, NORM, seed=0).build()
    assert isinstance(model, Vlm)
    model.enable_instruction_prediction()
    whole = AutoModelForImageTextToText.from_pretrained(bases[kind], local_files_only=True).eval()
    backbone, asked = model.backbone, told(1)
    shown = [{TOP: seen(1, seed)[TOP]} for seed in (3, 4)]
    pictures = torch.cat([one[TOP] for one in shown])
    with torch.inference_mode():
        ours = model.instruction_loss(shown, asked)
        counts = backbone.see(shown[0], newest=True).counts * 2
        ids, kinds = backbone.processing.prompt(QUESTION, counts, (shape,) * 2)
        answer = backbone.processing.answer(TEXTS[1])
        given = backbone.eyes[TOP](pictures)
        if kind in ("smolvlm", "idefics3"):
            given = {"pixel_values": given["pixel_values"].transpose(0, 1)}
        both = torch.tensor([ids + answer])
        if kind.startswith("qwen"):
            given["mm_token_type_ids"] = (both == backbone.image_token).int()
        if kinds:  # PaliGemma reads answers one way
            given["token_type_ids"] = torch.tensor([[*kinds["token_type_ids"], *[1] * len(answer)]])
        logits = whole(input_ids=both, attention_mask=torch.ones_like(both), **given).logits
    theirs = functional.cross_entropy(logits[0, len(ids) - 1 : -1], torch.tensor(answer))
    assert len(answer) == 8, "a word, a token"
    torch.testing.assert_close(ours, theirs[None], atol=2e-5, rtol=0)


@pytest.mark.parametrize("readout", ["queries", "tokens"])
@pytest.mark.parametrize("kind", EVERY)
def test_a_rows_loss_is_the_same_whoever_is_beside_it(
    kind: str, readout: str, bases: dict[str, Path]
) -> None:
    """Longer instructions beside it are padding, never part of what is asked."""
    model, shown, asked = able(bases[kind], readout=readout), moments(3), told(2, 1, 0)
    with torch.inference_mode():
        together = model.instruction_loss(shown, asked)
        for which in range(3):
            alone = model.instruction_loss(
                [row(one, which) for one in shown], asked.rows(np.array([which]))
            )
            torch.testing.assert_close(alone, together[which : which + 1], atol=2e-5, rtol=0)
    assert len(set(together.tolist())) == 3


@pytest.mark.parametrize("kind", ["paligemma", "smolvlm", "qwen3_vl"])
def test_what_was_seen_can_be_given_instead(kind: str, bases: dict[str, Path]) -> None:
    """Of all that was looked at, only each camera's newest frame is shown."""
    model, asked = able(bases[kind]), told(0, 1, 2)
    observations = [seen(3, seed) for seed in (3, 4)]
    with torch.inference_mode():
        looked = [{SEEN: model.look(one, asked)} for one in observations]
        kept = model.instruction_loss(looked, asked)
        plain = model.instruction_loss(moments(3), asked)
        turned = model.instruction_loss(moments(3)[::-1], asked)
    torch.testing.assert_close(kept, plain, atol=2e-5, rtol=0)
    assert not torch.allclose(turned, plain, atol=1e-3), "which moment is the first is told"


@pytest.mark.parametrize("kind", ["paligemma2", "smolvlm", "qwen2_vl", "llava"])
@pytest.mark.parametrize("whole", [False, True])
def test_what_stage_1_trains_gets_a_gradient_and_nothing_else(
    kind: str, whole: bool, bases: dict[str, Path]
) -> None:
    changes = {"lora_rank": 0, "freeze_vision": False} if whole else {}
    model = able(bases[kind], **changes)
    before = None if model.head is None else model.head.clone()
    model.instruction_loss(moments(3), told(0, 1, 2)).sum().backward()  # type: ignore[no-untyped-call]
    moved = {n for n, p in model.named_parameters() if p.grad is not None and bool(p.grad.any())}
    adapters = {n for n in moved if "lora_" in n}
    seeing = {n for n in moved if "vision" in n or "visual" in n}
    assert bool(adapters) == (not whole)
    assert bool(seeing) == whole
    assert not {n for n in moved if not n.startswith("backbone.")}, "no answer is asked for"
    if before is not None:
        assert model.head is not None
        assert not model.head.requires_grad
    assert not any("head" in name for name in model.state_dict()), "the base has it"


def test_recomputing_changes_no_gradient(bases: dict[str, Path]) -> None:
    gradients = []
    for on in (False, True):
        model = able(bases["smolvlm"])
        model.set_recomputing(on)
        model.instruction_loss(moments(2), told(0, 1)).sum().backward()  # type: ignore[no-untyped-call]
        gradients.append({n: p.grad for n, p in model.named_parameters() if p.grad is not None})
    assert gradients[0].keys() == gradients[1].keys()
    for name, values in gradients[0].items():
        torch.testing.assert_close(gradients[1][name], values, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("kind", ["smolvlm", "llava"])
def test_half_precision_is_near(kind: str, bases: dict[str, Path]) -> None:
    exact, small = able(bases[kind]), able(bases[kind], dtype="bfloat16")
    with torch.inference_mode():
        wanted = exact.instruction_loss(moments(2), told(0, 1))
        exact.set_precision("bfloat16")
        for model in (exact, small):
            near = model.instruction_loss(moments(2), told(0, 1))
            assert near.dtype == torch.float32
            torch.testing.assert_close(near, wanted, atol=0.3, rtol=0.1)


def test_marks_are_no_words_of_an_instruction(bases: dict[str, Path]) -> None:
    model = able(bases["smolvlm"])
    texts = ("push the red moon", "push the <image> red<end_of_utterance> moon", "<image>")
    one, two, none = (Instructions((text,), np.zeros(1, dtype=np.int64)) for text in texts)
    with torch.inference_mode():
        plain, sly = (model.instruction_loss(moments(1), asked) for asked in (one, two))
        assert torch.equal(plain, sly)
        with pytest.raises(LearningError, match="holds no word"):
            model.instruction_loss(moments(1), none)


@pytest.mark.parametrize("kind", ["smolvlm", "llava"])
def test_an_outline_holds_as_much_as_the_model(kind: str, bases: dict[str, Path]) -> None:
    """LLaVA's last layer is a table of its own, SmolVLM's here is that of its embeddings."""
    model = able(bases[kind])
    [outline] = outlines([model.spec])
    outline.enable_instruction_prediction()
    ours, theirs = (sorted(tuple(b.shape) for b in m.buffers()) for m in (outline, model))
    assert ours == theirs
    assert all(one.is_meta for one in outline.buffers())
    assert ((128, 32) in ours) == (kind == "llava")


def test_a_base_without_a_last_layer_in_its_files_is_refused(tmp_path: Path) -> None:
    folder = make_base("llava", tmp_path / "base")
    model = built(spec_of(folder))
    (folder / "model.safetensors").rename(folder / "model.bin")
    with pytest.raises(LearningError, match=r"no lm_head\.weight .* set instruction_weight to 0"):
        model.enable_instruction_prediction()


def test_a_small_model_has_no_words() -> None:
    spec = CompactSpec(
        cameras={TOP: (24, 32, 3)}, observation={}, action_low=(-1.0,) * 3, action_high=(1.0,) * 3
    )
    small = EFMCheckpoint.new(spec, NORM.__class__({}, NORM.action), seed=0).build()
    assert isinstance(small, CompactEFM)
    with pytest.raises(LearningError, match="no words to name an instruction in"):
        small.enable_instruction_prediction()
    with pytest.raises(LearningError, match="no words to name an instruction in"):
        small.instruction_loss([], told())
