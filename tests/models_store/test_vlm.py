"""Pretrained models as EFMs: for each family the same promises."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from torch import Tensor

from models_store.actions import ActionDistribution, CategoricalActions, bin_centres, draw
from models_store.checkpoint import EFMCheckpoint
from models_store.efm import SEEN
from models_store.instructions import Instructions
from models_store.normalisation import Moments, Normalisation
from models_store.vlm import Vlm
from models_store.vlm_base import load_base
from models_store.vlm_files import base_digest
from models_store.vlm_layout import processing
from models_store.vlm_spec import VlmSpec
from models_store.vlm_tokens import TokenActions
from tests.models_store.tiny_vlms import KINDS, make_base

TOP, SIDE, STATE = "observation.images.top", "observation.images.side", "observation.state"
TEXTS = ("push the red moon", "push the blue cube to the green star", "stop now")
NORM = Normalisation({STATE: Moments((0.1, 0.2), (1.0, 2.0))}, Moments((0.0,) * 3, (0.5, 0.5, 1.0)))


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("bases")
    return {kind: make_base(kind, folder / kind) for kind in (*KINDS, "llava")}


def spec_of(base: Path, **changes: object) -> VlmSpec:
    plain = VlmSpec(
        base=str(base),
        base_digest=base_digest(str(base)),
        cameras={TOP: (24, 32, 3), SIDE: (20, 20, 3)},
        previous=(TOP,),
        observation={STATE: 2},
        action_low=(-1.0, -1.0, 0.0),
        action_high=(1.0, 1.0, 3.0),
        action_bins=16,
        steps_to_go_bins=11,
        lora_rank=4,
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def seen(rows: int, seed: int = 0) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    sizes = {TOP: (24, 32), f"{TOP}.previous": (24, 32), SIDE: (20, 20)}
    return {
        name: torch.randint(0, 256, (rows, *size, 3), dtype=torch.uint8, generator=generator)
        for name, size in sizes.items()
    } | {STATE: torch.randn(rows, 2, generator=generator)}


def told(*index: int) -> Instructions:
    return Instructions(TEXTS, np.array(index, dtype=np.int64))


def built(spec: VlmSpec, seed: int = 1) -> Vlm:
    """With readouts moved off their beginnings, where adapters still do nothing."""
    model = EFMCheckpoint.new(spec, NORM, seed=seed).build()
    assert isinstance(model, Vlm)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(0.05 * torch.randn(parameter.shape, generator=generator))
    return model


def row(observation: Mapping[str, Tensor], which: int) -> dict[str, Tensor]:
    return {name: values[which : which + 1] for name, values in observation.items()}


@pytest.mark.parametrize("readout", ["queries", "tokens"])
@pytest.mark.parametrize("kind", [*KINDS, "llava"])
def test_what_is_scored_is_what_was_sampled(
    kind: str, readout: str, bases: dict[str, Path]
) -> None:
    """Sampling goes step by step on remembered keys, scoring all at once; both must be one policy."""
    model = built(spec_of(bases[kind], readout=readout, temperature=0.7))
    observation, asked = seen(4), told(0, 1, 2, 1)
    with torch.inference_mode():
        sampler, ahead = model.both(observation, asked)
        tokens, drawn = _spoken(sampler, torch.Generator().manual_seed(3))
        action = bin_centres(tokens, model.centres)
        same = model.policy(observation, asked).sample(torch.Generator().manual_seed(3))
        scored, progress = model.score(observation, asked, action)
        again = model.policy(observation, asked).log_prob(action)
        alone = model.steps_to_go(observation, asked)
    torch.testing.assert_close(scored, drawn, atol=2e-5, rtol=0)
    torch.testing.assert_close(again, drawn, atol=2e-5, rtol=0)
    for answer in (progress, alone):
        torch.testing.assert_close(answer.logits, ahead.logits, atol=2e-5, rtol=0)
    assert torch.equal(same, action)
    assert len({tuple(one) for one in action.tolist()}) > 1


@pytest.mark.parametrize("kind", ["paligemma", "smolvlm", "llava", "qwen2_vl"])
def test_no_action_is_taken_for_a_picture(kind: str, bases: dict[str, Path]) -> None:
    """The last tokens of a vocabulary, which become actions, may hold the one that stands for pictures."""
    config: Any = load_base(spec_of(bases[kind])).model.config
    picture = int(config.image_token_id)
    bins = 128 - 11 - picture + 3  # so that it becomes the fourth action
    model = built(spec_of(bases[kind], readout="tokens", action_bins=bins))
    fresh = EFMCheckpoint.new(model.spec, NORM, seed=1).build()
    for one in (model, fresh):
        assert isinstance(one, Vlm)
        action = one.centres[:, 3].repeat(2, 1)
        likelihood, _ = one.score(seen(2), told(0, 1), action)
        assert torch.isfinite(likelihood).all()


def _spoken(answer: ActionDistribution, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Tokens (B, A) and the log p (B,) that each row's were drawn with, as they were drawn."""
    if isinstance(answer, TokenActions):
        tokens, chances = answer.spoken(generator)
    else:
        assert isinstance(answer, CategoricalActions)
        chances = answer.log_probs
        tokens = draw(chances, generator)
    return tokens, chances.gather(-1, tokens.unsqueeze(-1)).squeeze(-1).sum(dim=-1)


@pytest.mark.parametrize("readout", ["queries", "tokens"])
def test_actions_come_as_often_as_their_probability_says(
    readout: str, bases: dict[str, Path]
) -> None:
    spec = spec_of(bases["smolvlm"], readout=readout, action_bins=2, temperature=1.5)
    model, rows = built(spec), 1_000
    same = {name: values.expand(rows, *values.shape[1:]) for name, values in seen(1).items()}
    every = torch.cartesian_prod(*model.centres)  # (8, 3)
    with torch.inference_mode():
        action = model.policy(same, told(*[1] * rows)).sample(torch.Generator().manual_seed(0))
        eight = {name: values[:8] for name, values in same.items()}
        chance = model.policy(eight, told(*[1] * 8)).log_prob(every).exp()
    counted = (action[:, None] == every).all(dim=-1).to(torch.float32).mean(dim=0)
    assert float(chance.sum()) == pytest.approx(1.0, abs=1e-4)
    assert float(chance.max() / chance.min()) > 2, "uneven enough to tell"
    # Five standard deviations of a share of 1,000.
    assert ((counted - chance).abs() < 5 * (chance * (1 - chance) / rows).sqrt() + 1e-3).all()


@pytest.mark.parametrize("kind", KINDS)
def test_the_prompt_is_read_as_the_model_itself_reads_it(kind: str, bases: dict[str, Path]) -> None:
    """Ours: pictures seen first, embeddings, positions given. Theirs: ids and pixels, all at once."""
    base = bases[kind]
    spec = spec_of(base, cameras={TOP: (24, 32, 3)}, observation={}, lora_rank=0)
    model = EFMCheckpoint.new(spec, replace(NORM, observation={}), seed=0).build()
    assert isinstance(model, Vlm)
    backbone, whole = model.backbone, load_base(spec).model
    observation = {name: seen(1)[name] for name in (TOP, f"{TOP}.previous")}
    with torch.inference_mode():
        sight = backbone.see(observation)
        prompt = backbone.prompt(sight, told(1))
        ours = backbone.read(prompt)
        pictures = torch.cat([observation[f"{TOP}.previous"], observation[TOP]])
        ids, kinds = backbone.processing.prompt(TEXTS[1], sight.counts, ((24, 32, 3),) * 2)
        given = backbone.eyes[TOP](pictures)
        if kind in ("smolvlm", "idefics3"):
            given = {"pixel_values": given["pixel_values"].transpose(0, 1)}
        if kind.startswith("qwen"):
            given["mm_token_type_ids"] = (torch.tensor([ids]) == backbone.image_token).int()
        theirs = whole(
            input_ids=torch.tensor([ids]), attention_mask=torch.ones(1, len(ids)).long(), **given,
            **{name: torch.tensor([values]) for name, values in kinds.items()},
        ).last_hidden_state  # fmt: skip
    torch.testing.assert_close(ours, theirs, atol=2e-5, rtol=0)


@pytest.mark.parametrize("kind", ["paligemma", "smolvlm", "qwen3_vl"])
@pytest.mark.parametrize("readout", ["queries", "tokens"])
def test_a_row_says_the_same_whoever_is_beside_it(
    kind: str, readout: str, bases: dict[str, Path]
) -> None:
    """Prompts of other lengths beside it are padding, never part of what it reads."""
    model = built(spec_of(bases[kind], readout=readout))
    observation, asked = seen(3), told(2, 1, 0)
    action = torch.zeros(3, 3)
    with torch.inference_mode():
        together, progress = model.score(observation, asked, action)
        for which in range(3):
            alone, steps = model.score(
                row(observation, which), asked.rows(np.array([which])), action[which : which + 1]
            )
            torch.testing.assert_close(alone, together[which : which + 1], atol=2e-5, rtol=0)
            torch.testing.assert_close(
                steps.logits, progress.logits[which : which + 1], atol=2e-5, rtol=0
            )


@pytest.mark.parametrize("readout", ["queries", "tokens"])
@pytest.mark.parametrize("kind", ["paligemma", "smolvlm", "qwen3_vl"])
def test_what_was_seen_can_be_given_instead(
    kind: str, readout: str, bases: dict[str, Path]
) -> None:
    model = built(spec_of(bases[kind], readout=readout))
    observation, asked, action = seen(3), told(2, 1, 0), torch.zeros(3, 3)
    with torch.inference_mode():
        sight = model.look(observation, asked)
        assert sight.shape == (3, model.sight)
        one, ahead = model.score(observation, asked, action)
        two, after = model.score({SEEN: sight}, asked, action)
    torch.testing.assert_close(two, one, atol=2e-5, rtol=0)
    torch.testing.assert_close(after.logits, ahead.logits, atol=2e-5, rtol=0)


def test_who_sees_alike(bases: dict[str, Path]) -> None:
    one = built(spec_of(bases["smolvlm"]))
    assert one.looks_like(built(spec_of(bases["smolvlm"]), seed=2))
    assert not one.looks_like(built(spec_of(bases["idefics3"])))
    assert not one.looks_like(built(spec_of(bases["smolvlm"], previous=())))
    full = {"lora_rank": 0, "freeze_vision": False}
    two, three = (built(spec_of(bases["smolvlm"], **full), seed=seed) for seed in (1, 2))
    assert two.looks_like(two)
    assert not two.looks_like(three), "what sees was trained apart"


@pytest.mark.parametrize(("kind", "tokens"), [("paligemma", 16), ("idefics3", 4), ("llava", 16)])
def test_prompts_are_those_of_the_models_own_processor(
    kind: str, tokens: int, bases: dict[str, Path]
) -> None:
    """Where transformers can make one; Qwen-VL's and SmolVLM's need torchvision."""
    made = processing(bases[kind], kind)
    pictures = [np.full((24, 32, 3), 90, dtype=np.uint8)] * 2
    ids, _ = made.prompt(TEXTS[1], (tokens,) * 2, ((24, 32, 3),) * 2)
    own = processing(bases[kind], kind)  # processors add words to the tokenizer they are given
    words: dict[str, object] = {}
    if kind == "paligemma":
        processor: Any = transformers.PaliGemmaProcessor(own.images, own.tokenizer)
        text = f"<image><image>{TEXTS[1]}"
    elif kind == "idefics3":
        processor = transformers.Idefics3Processor(own.images, own.tokenizer, image_seq_len=tokens)
        text = f"<|im_start|>User:<image><image>{TEXTS[1]}<end_of_utterance>\nAssistant:"
        words = {"do_image_splitting": False}
    else:
        processor = transformers.AutoProcessor.from_pretrained(bases[kind], backend="pil")
        text = f"<image><image>{TEXTS[1]}\n"
    theirs = processor(images=pictures, text=[text], **words)["input_ids"][0]
    assert ids == list(theirs)
