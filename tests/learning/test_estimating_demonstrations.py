"""What an estimate says of demonstrations and of the average: looked at as in the run, and what of them is kept."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from models_store.checkpoint import EFMCheckpoint
from models_store.efm import SEEN, LookingEFM
from models_store.outline import plain_normalisation
from practice.learning import building, counting, optim
from practice.learning.average import Average
from practice.learning.building import model_spec
from practice.learning.config import PracticeConfig, SFTConfig
from practice.learning.costs import Cost, Memory, problem_of
from practice.learning.data import Demonstrations
from practice.learning.estimating import Place
from practice.learning.estimating_practice import practice_cost
from practice.learning.estimating_sft import sft_cost
from practice.learning.gathering import Pictures
from practice.learning.gauges import HostGauge
from practice.learning.probing import Stopwatch
from practice.learning.rows import Lesson, Looked
from practice.learning.sft import SFT
from practice.learning.types import TaskFacts
from tests.learning.picture_world import CAMERA, SPEC, STATE, Dots, demonstrations
from tests.models_store.tiny_vlms import make_base

QUICK = Place("cpu", "A small machine", seconds=0.3)
FROZEN = SFTConfig(
    base="smolvlm", steps=40, batch_size=8, lora_rank=4, validation_fraction=0.25, validate_every=10
)
HEADS = SFTConfig(trains="heads", steps=40, batch_size=8, policy_width=16, reward_width=16)
LOOKS = "looks at the demonstrations"
ROWS = 64


@pytest.fixture(scope="module", autouse=True)
def _bases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    folder: Path = tmp_path_factory.mktemp("bases")
    make_base("smolvlm", folder / "smolvlm")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EFM_BASES", str(folder))
        yield


@pytest.fixture(scope="module")
def data() -> Demonstrations:
    return Demonstrations.from_episodes(demonstrations(12))


def checkpoint(config: SFTConfig) -> EFMCheckpoint:
    spec = model_spec(config, SPEC)
    return EFMCheckpoint.new(spec, plain_normalisation(spec), seed=0)


def estimated(
    config: SFTConfig,
    *,
    rows: int = ROWS,
    place: Place = QUICK,
    initial: EFMCheckpoint | None = None,
) -> Cost:
    texts = SPEC.instructions
    return sft_cost(config, Dots(), texts=texts, rows=rows, place=place, initial=initial)


def sight(config: SFTConfig) -> int:
    model = checkpoint(config).build()
    assert isinstance(model, LookingEFM)
    return model.sight


def looks(cost: Cost) -> int:
    return sum(part.count for part in cost.parts if part.name == LOOKS)


@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize("config", [FROZEN, HEADS], ids=["pretrained", "heads"])
def test_what_was_seen_takes_what_it_takes_in_the_run(
    config: SFTConfig, mirror: bool, data: Demonstrations
) -> None:
    config = config.replace(mirror=mirror, validation_fraction=0.0)
    initial = checkpoint(config)
    run = SFT(config, data, SPEC, initial=initial)
    assert isinstance(run._rows, Looked)
    while not run._rows.finished:
        run.step()
    cost = estimated(config, rows=len(data), initial=initial)
    assert cost.memory.looked == run._rows.seen.nbytes
    assert looks(cost) == -(-len(data) * (1 + mirror) // 64)


@pytest.mark.parametrize(
    ("room", "learns", "validates"), [(128, True, True), (16, False, True), (15, False, False)]
)
def test_an_estimate_looks_once_where_the_run_does(
    room: int, learns: bool, validates: bool, data: Demonstrations, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`ROWS` rows, a quarter kept out; there is room for what is seen of so many."""
    monkeypatch.setattr(building, "_MOST_SEEN", room * sight(FROZEN))
    whole, learned, validated = Lesson.losses, set[bool](), set[bool]()

    def losses(self: Lesson, *given: Any) -> Tensor:
        seen = [SEEN in one for one in (self.observation, *self.moments)]
        assert len(seen) == 3
        (learned if torch.is_grad_enabled() else validated).update(seen)
        return whole(self, *given)

    monkeypatch.setattr(Lesson, "losses", losses)
    cost = estimated(FROZEN.replace(instruction_weight=1.0))
    assert (learned, validated) == ({learns}, {validates})
    expected = 48 * learns + 16 * validates
    assert cost.memory.looked == 4 * sight(FROZEN) * expected
    assert looks(cost) == bool(expected)
    run = SFT(FROZEN, data.split(np.arange(data.num_episodes) < 4), SPEC)
    assert isinstance(run._rows, Looked) == (len(run._train) <= room)


def test_a_model_that_learns_to_see_looks_in_every_step() -> None:
    cost = estimated(FROZEN.replace(lora_rank=0, freeze_vision=False))
    assert (looks(cost), cost.memory.looked) == (0, 0)


def test_few_looks_are_tried_first(monkeypatch: pytest.MonkeyPatch) -> None:
    from models_store.vlm import Vlm  # noqa: PLC0415 - seconds

    whole, sizes = Vlm.look, list[int]()

    def look(self: Vlm, observation: Any, instructions: Any) -> Tensor:
        sizes.append(len(instructions))
        return whole(self, observation, instructions)

    monkeypatch.setattr(Vlm, "look", look)
    cost = estimated(FROZEN.replace(batch_size=64), place=Place(seconds=0.0))
    assert max(sizes) == 2, "no time is left for more"
    assert looks(cost) == 1


def test_the_average_is_counted_where_checkpoints_hold_one() -> None:
    off, on = (estimated(FROZEN.replace(ema=decay)) for decay in (0.0, 0.999))
    assert (off.memory.average, on.memory.average) == (0, 4 * on.trainable)
    assert on.memory.held - off.memory.held == 4 * on.trainable
    assert Cost.from_json(on.to_json()) == on


def test_pictures_are_counted_as_they_are_kept(data: Demonstrations) -> None:
    lone = FROZEN.replace(previous_frame=True)
    kept = Pictures(data, (CAMERA,), (CAMERA,), "meta")._near  # as on a device of its own
    whole = sum(values.nbytes for values in kept.values())
    assert whole == len(data) * 16 * 16 * 3
    assert estimated(lone, rows=len(data)).memory.pictures == whole
    for room, pictures in ((whole, whole), (whole - 1, 0)):
        place = Place(seconds=0.1, frames_in_memory=room)
        assert estimated(lone, rows=len(data), place=place).memory.pictures == pictures
    assert counting.pictures(SPEC, (STATE,), len(data), whole) == 0, "a model that sees nothing"


def test_what_is_kept_of_demonstrations_comes_on_top_of_what_was_measured(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(HostGauge, "peak", lambda _: 1_000)
    cost = estimated(FROZEN, place=Place("cpu", "A small machine", seconds=20.0))
    assert cost.measured
    assert min(cost.memory.looked, cost.memory.pictures) > 0
    assert cost.peak_bytes == 1_000 + cost.memory.looked + cost.memory.pictures


def test_moments_and_average_are_there_when_a_whole_part_is_measured(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    done = list[str]()
    for owner, name in ((optim, "clip"), (Average, "follow"), (Stopwatch, "climbed")):
        monkeypatch.setattr(owner, name, _noted(getattr(owner, name), name, done))
    estimated(FROZEN.replace(ema=0.9))
    assert done[:3] == ["clip", "follow", "climbed"]
    done.clear()
    policy = checkpoint(HEADS)
    config = PracticeConfig(
        num_robots=2, iterations=1, updates=1, batch_size=4, evaluate_every=0, processes=1
    )
    practice_cost(config, policy, policy, Dots(), task=TaskFacts.of(SPEC), place=QUICK)
    assert done[:2] == ["clip", "climbed"]


def _noted(act: Any, name: str, done: list[str]) -> Any:
    def noted(*given: Any, **options: Any) -> Any:
        done.append(name)
        return act(*given, **options)

    return noted


def test_the_sentence_names_the_average_or_the_demonstrations() -> None:
    large = Memory(6 * 10**9, 10**9, 2 * 10**9, average=10**9)
    told = problem_of(large, large.whole, "H100", 95 * 10**8, rows=64)
    assert "Weights, their average, gradients and moments alone take 10.0 GB" in told
    assert "set ema to 0" in told
    many = Memory(6 * 10**9, 10**9, 2 * 10**9, 10**9, looked=2 * 10**9, pictures=10**9)
    assert many.whole == 13 * 10**9
    assert problem_of(many, many.whole, "H100", many.whole, rows=64) == ""
    assert "64 rows at once take 13.0 GB" in problem_of(
        many, many.whole, "H100", 125 * 10**8, rows=64
    )
    told = problem_of(many, many.whole, "H100", 11 * 10**9, rows=64)
    assert "demonstrations takes 3.0 GB beside the 9.0 GB of what is trained" in told
    assert "take fewer demonstrations" in told


def test_a_cost_from_before_these_were_counted_is_read() -> None:
    cost = Cost(1, 1, Memory(4, 4, 8, 2), 18, True, 1, 1, "x", 99, 1)
    data = cost.to_json()
    for name in ("average", "looked", "pictures"):
        del data["memory"][name]
    assert Cost.from_json(data) == cost
