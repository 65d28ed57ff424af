"""Pretraining on pictures with sentences, on either alone, and Stage 1 that begins with it."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import torch

from models_store.checkpoint import EFMCheckpoint
from models_store.compact_spec import CompactSpec
from models_store.state_file import load_tree, save_tree
from practice.embodiments.point_mass import PointMass
from practice.learning.config import SFTConfig
from practice.learning.data import Demonstrations
from practice.learning.errors import LearningError
from practice.learning.pretrained import LOOKING
from practice.learning.pretraining import Pretraining
from practice.learning.sft import SFT
from tests.learning.picture_world import SPEC, Dots, demonstrations
from tests.learning.told_world import CONFIG, ToldDots, pretrained, shuffled

VARIANTS = ("joint", "unimodal")
STAGE1 = SFTConfig(
    seed=2, steps=20, batch_size=16, validate_every=10, policy_width=16, reward_width=16, queries=6,
    previous_frame=False, trains="heads", precision="float32",
)  # fmt: skip
SHORT: dict[str, Any] = {"steps": 12, "validate_every": 4, "scenes": 128}


@pytest.fixture(scope="module")
def data() -> Demonstrations:
    return Demonstrations.from_episodes(demonstrations(40))


@pytest.fixture(scope="module")
def joint() -> EFMCheckpoint:
    return pretrained("joint", **SHORT)[0].checkpoints()["pretrained"]


def finished(run: SFT) -> dict[str, EFMCheckpoint]:
    while not run.finished:
        run.step()
    return run.checkpoints()


def test_joint_learns_which_sentence_is_true_of_pictures_it_has_not_seen() -> None:
    run, values = pretrained("joint", steps=400, validate_every=200)
    assert values[-1]["loss_matching"] < 0.8 * values[0]["loss_matching"]
    assert values[-1]["loss_captioning"] < values[0]["loss_captioning"]
    assert values[-1]["matching_accuracy"] > 0.8, "half of the sentences are true"
    assert run.result()["held_out"] == 64


def test_sentences_that_belong_to_other_pictures_teach_joint_nothing() -> None:
    _, values = pretrained("joint", shuffled)
    assert values[-1]["matching_accuracy"] < 0.65


def test_unimodal_fills_in_pictures_and_guesses_words() -> None:
    _, values = pretrained("unimodal")
    assert values[-1]["loss_pictures"] < values[0]["loss_pictures"]
    assert values[-1]["val_loss_pictures"] < 0.97, "1 is what the mean colour comes to"
    # Of six or seven words all but two follow from the rest of the sentence.
    assert values[-1]["word_accuracy"] > 0.6


@pytest.mark.parametrize("variant", VARIANTS)
def test_only_joint_minds_which_sentence_belongs_to_which_picture(variant: str) -> None:
    plain, mixed = (
        pretrained(variant, change, **SHORT)[0] for change in (lambda told: told, shuffled)
    )
    one, other = (run.checkpoints()["pretrained"] for run in (plain, mixed))
    same = all(torch.equal(one.weights[name], other.weights[name]) for name in one.weights)
    assert same == (variant == "unimodal")
    assert one.config["data"] != other.config["data"]


def test_both_variants_hand_on_the_same_weights_by_name_and_size() -> None:
    sizes = [
        {name: values.shape for name, values in made.weights.items()}
        for made in (pretrained(v, **SHORT)[0].checkpoints()["pretrained"] for v in VARIANTS)
    ]
    assert sizes[0] == sizes[1]


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_pretraining_cut_off_ends_the_same(variant: str, tmp_path: Path) -> None:
    whole, _ = pretrained(variant, **SHORT)
    config = CONFIG.replace(variant=variant, **SHORT)
    broken = Pretraining(config, ToldDots())
    while not broken.finished:
        broken.step()
        save_tree(tmp_path / "state", broken.state())
        broken = Pretraining(config, ToldDots())
        broken.load_state(load_tree(tmp_path / "state"))
    assert broken.checkpoints()["pretrained"].digest == whole.checkpoints()["pretrained"].digest
    assert broken.result() == whole.result()


def test_it_follows_from_the_seed(joint: EFMCheckpoint) -> None:
    other = pretrained("joint", seed=4, **SHORT)[0].checkpoints()["pretrained"]
    assert pretrained("joint", **SHORT)[0].checkpoints()["pretrained"].digest == joint.digest
    assert other.digest != joint.digest


def test_stage_1_begins_with_what_was_learned(
    joint: EFMCheckpoint, data: Demonstrations, tmp_path: Path
) -> None:
    joint.save(tmp_path / "kept")
    kept = EFMCheckpoint.load(tmp_path / "kept", digest=joint.digest)
    assert kept.config["kind"] == "pretraining"
    assert kept.config["embodiment"] == SPEC.id
    made = finished(SFT(STAGE1, data, SPEC, pretrained=kept))["reward"]
    looks = [name for name in joint.weights if name.split(".")[0] in ("eyes", "reader", "summary")]
    assert len(looks) > 10
    for name in looks:
        assert torch.equal(made.weights[name], joint.weights[name]), name
    assert made.parents == {"pretrained": joint.digest}
    fresh = finished(SFT(STAGE1.replace(trains="all", steps=1), data, SPEC))["reward"]
    assert not all(torch.equal(fresh.weights[name], joint.weights[name]) for name in looks)


def test_stage_1_may_go_on_learning_to_see(joint: EFMCheckpoint, data: Demonstrations) -> None:
    made = finished(SFT(STAGE1.replace(trains="all"), data, SPEC, pretrained=joint))["policy"]
    name = "eyes.0.stem.0.weight"
    gone = (made.weights[name] - joint.weights[name]).norm()
    assert 0 < gone < 0.5 * joint.weights[name].norm()


def test_what_does_not_fit_gets_a_sentence(joint: EFMCheckpoint, data: Demonstrations) -> None:
    def refused(match: str, **changes: object) -> None:
        config = STAGE1.replace(**changes)
        with pytest.raises(LearningError, match=match):
            SFT(config, data, SPEC, pretrained=joint)

    refused("was made with queries 6, this model has 7", queries=7)
    refused("was made with previous", previous_frame=True)
    policy = finished(SFT(STAGE1, data, SPEC, pretrained=joint))["policy"]
    with pytest.raises(LearningError, match="comes from sft, not from pretraining"):
        SFT(STAGE1, data, SPEC, pretrained=policy)
    with pytest.raises(LearningError, match="not both"):
        SFT(STAGE1, data, SPEC, pretrained=joint, initial=policy)
    with pytest.raises(LearningError, match="'mine' was not handed to this run"):
        SFT(STAGE1.replace(pretrained="mine"), data, SPEC)


def test_models_without_cameras_begin_with_nothing(
    joint: EFMCheckpoint, demonstrations: Demonstrations, robot: PointMass
) -> None:
    with pytest.raises(LearningError, match="this one is of architecture 'mlp'"):
        SFT(SFTConfig(steps=1), demonstrations, robot.spec, pretrained=joint)


def test_robots_that_nobody_tells_about_are_refused() -> None:
    with pytest.raises(LearningError, match="Dots has no captioned pictures; choose"):
        Pretraining(CONFIG, Dots())


def test_what_looking_is_built_from_is_part_of_the_description() -> None:
    assert set(LOOKING) < {item.name for item in fields(CompactSpec)}
