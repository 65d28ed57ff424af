"""The third objective of Stage 1: an episode's first and last frame say which instruction it follows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from models_store.checkpoint import EFMCheckpoint
from models_store.efm import SEEN, LookingEFM
from models_store.outline import plain_normalisation
from models_store.state_file import load_tree, save_tree
from models_store.vlm import Vlm
from practice.learning.building import model_spec, new_checkpoint
from practice.learning.config import SFTConfig
from practice.learning.data import Demonstrations
from practice.learning.errors import LearningError
from practice.learning.estimating import Place
from practice.learning.estimating_sft import sft_cost
from practice.learning.rows import Looked, Rows
from practice.learning.sft import SFT
from tests.learning.picture_world import CAMERA, SPEC, STATE, Dots, demonstrations
from tests.models_store.tiny_vlms import make_base

CONFIG = SFTConfig(
    base="smolvlm", steps=8, batch_size=16, learning_rate=3e-3, schedule="constant", lora_rank=4,
    validate_every=4, validation_rows=32, precision="float32", instruction_weight=0.5,
)  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def _bases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    folder = tmp_path_factory.mktemp("bases")
    for kind in ("smolvlm", "paligemma", "llava"):
        make_base(kind, folder / kind)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EFM_BASES", str(folder))
        yield


@pytest.fixture(scope="module")
def data() -> Demonstrations:
    return Demonstrations.from_episodes(demonstrations(40))


def told_by(which: int) -> Demonstrations:
    """Demonstrations of which one frame alone, 0 or -1 of each, is bright for red and dark for blue."""
    made = []
    for episode in demonstrations(40):
        pictures = np.full_like(episode.observation[CAMERA], 128)
        pictures[which] = 255 if "red" in episode.instruction else 0
        made.append(replace(episode, observation=episode.observation | {CAMERA: pictures}))
    return Demonstrations.from_episodes(made)


def untrained(config: SFTConfig) -> EFMCheckpoint:
    spec = model_spec(config, SPEC)
    return new_checkpoint(config, spec, plain_normalisation(spec))


def values_of(run: SFT) -> list[dict[str, float]]:
    values = []
    while not run.finished:
        values.append(run.step().values)
    return [one for one in values if one]  # the first steps only look


@pytest.mark.parametrize("which", [0, -1])
def test_the_instruction_is_read_from_the_first_and_the_last_frame(which: int) -> None:
    config = CONFIG.replace(steps=150, validate_every=50, lora_rank=0, validation_fraction=0.2)
    values = values_of(SFT(config, told_by(which), SPEC))
    assert values[0]["loss_instruction"] > 0.5
    # Whoever does not look is left with red or blue, ln 2 nats over five words.
    assert values[-1]["val_loss_instruction"] < 0.3 * np.log(2) / 5


def test_losses_are_told_beside_the_others(data: Demonstrations) -> None:
    run = SFT(CONFIG, data, SPEC)
    values = values_of(run)[-1]
    names = ("bc", "steps_to_go", "instruction")
    assert list(values) == [f"{kind}_{n}" for kind in ("loss", "val_loss") for n in names]
    assert run.result().items() >= values.items()
    assert run.checkpoints()["policy"].config["instruction_weight"] == 0.5


def test_off_it_is_neither_asked_nor_seen(
    data: Demonstrations, monkeypatch: pytest.MonkeyPatch
) -> None:
    def asked(*_: object) -> None:
        pytest.fail("it was asked")

    for name in ("enable_instruction_prediction", "instruction_loss"):
        monkeypatch.setattr(Vlm, name, asked)
    off = CONFIG.replace(instruction_weight=0.0)
    values = values_of(SFT(off, data, SPEC))
    assert not any("instruction" in name for one in values for name in one)


def test_the_weight_weighs(data: Demonstrations) -> None:
    """A small weight leaves what the others learn all but as it was, a large one does not."""
    ends = []
    for weight in (0.0, 1e-6, 1.0):
        run = SFT(CONFIG.replace(instruction_weight=weight, adam_eps=1e-3), data, SPEC)
        values_of(run)
        weights = run.checkpoints()["policy"].weights
        ends.append(torch.cat([w.flatten() for n, w in sorted(weights.items()) if "lora_" in n]))
    off, little, much = ends
    torch.testing.assert_close(little, off, atol=1e-4, rtol=0)
    assert float((much - off).abs().max()) > 1e-3


@pytest.mark.parametrize(
    "changes",
    [
        {"mirror": True, "accumulate": 2, "ema": 0.9},
        {"base": "paligemma", "readout": "tokens", "lora_rank": 0, "freeze_vision": False},
    ],
    ids=["seen once", "learning to see"],
)
def test_a_run_cut_off_at_every_report_ends_the_same(
    changes: dict[str, object], data: Demonstrations, tmp_path: Path
) -> None:
    config = CONFIG.replace(validate_every=2, **changes)
    straight, broken = SFT(config, data, SPEC), SFT(config, data, SPEC)
    reports, resumed = values_of(straight), []
    while not broken.finished:
        values = broken.step().values
        if values:
            resumed.append(values)
            save_tree(tmp_path / "state", broken.state())
            broken = SFT(config, data, SPEC)
            broken.load_state(load_tree(tmp_path / "state"))
    assert resumed == reports
    made = [{role: c.digest for role, c in r.checkpoints().items()} for r in (broken, straight)]
    assert made[0] == made[1]


def test_rows_looked_at_once_have_the_same_losses(
    data: Demonstrations, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = CONFIG.replace(mirror=True)
    kept = values_of(SFT(config, data, SPEC))[-1]
    monkeypatch.setattr("practice.learning.building._MOST_SEEN", 1_000)
    anew = values_of(SFT(config, data, SPEC))[-1]
    assert kept == pytest.approx(anew, rel=1e-3)


def test_moments_are_the_ends_of_the_rows_own_episode_and_are_mirrored_with_it(
    data: Demonstrations,
) -> None:
    assert SPEC.mirror is not None
    rows = torch.arange(0, len(data), 7)[:24]
    known = {"inputs": (CAMERA, STATE), "previous": (CAMERA,), "moments": True}
    plain = Rows(data, "cpu", **known).lesson(rows)  # type: ignore[arg-type]
    mirrored = Rows(data, "cpu", **known, mirror=SPEC.mirror).lesson(rows)  # type: ignore[arg-type]
    episodes = data.episode[rows.numpy()]
    pictures = torch.from_numpy(data.observation[CAMERA])
    for moment, flipped, end in zip(plain.moments, mirrored.moments, (0, -1), strict=True):
        assert list(moment) == [CAMERA], "the newest frame alone"
        expected = [pictures[np.flatnonzero(data.episode == e)[end]] for e in episodes]
        assert torch.equal(moment[CAMERA], torch.stack(expected))
        assert torch.equal(flipped[CAMERA][:12], moment[CAMERA][:12].flip(2))
        assert torch.equal(flipped[CAMERA][12:], moment[CAMERA][12:])
    first, second = plain.parts(2)
    for whole, one, two in zip(plain.moments, first.moments, second.moments, strict=True):
        assert torch.equal(torch.cat([one[CAMERA], two[CAMERA]]), whole[CAMERA])


def test_parts_of_a_batch_sum_to_the_whole(data: Demonstrations) -> None:
    model = untrained(CONFIG).build()
    model.enable_instruction_prediction()
    assert isinstance(model, LookingEFM)
    rows = Rows(data, "cpu", inputs=(CAMERA, STATE), previous=(CAMERA,), moments=True)
    looked = Looked(rows)
    looked.look(model, len(data))
    for lesson in (one.lesson(torch.arange(0, len(data), 9)[:24]) for one in (rows, looked)):
        assert (SEEN in lesson.moments[0]) == (SEEN in lesson.observation)
        with torch.no_grad():
            parts = [part.losses(model, lesson.counts) for part in lesson.parts(4)]
            torch.testing.assert_close(sum(parts), lesson.losses(model))


def test_what_it_costs_is_in_the_estimate() -> None:
    place = Place("cpu", "A small machine", seconds=0.3)
    off, on = (
        sft_cost(CONFIG.replace(base="llava", instruction_weight=w), Dots(), rows=64, place=place)
        for w in (0.0, 1.0)
    )
    assert on.memory.weights - off.memory.weights == 4 * 128 * 32, "LLaVA's last layer"
    assert on.memory.activations > 1.5 * off.memory.activations
    assert (on.trainable, on.parameters) == (off.trainable, off.parameters)
    assert on.problem == ""


def test_small_models_refuse(data: Demonstrations) -> None:
    with pytest.raises(
        LearningError, match=r"instruction_weight is 0\.5, but a small model has no"
    ):
        SFTConfig(instruction_weight=0.5)
    small = SFTConfig(steps=1, batch_size=4)
    with pytest.raises(LearningError, match="no words to name an instruction in"):
        SFT(CONFIG, data, SPEC, initial=untrained(small))
