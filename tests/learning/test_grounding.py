"""Before Stage 1: pictures of play teach a model where things are; then its heads learn alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from models_store.efm import SmallEFM
from models_store.state_file import load_tree, save_tree
from practice.embodiments.interface import Scenes, ShowsScenes
from practice.learning.config import SFTConfig
from practice.learning.data import Demonstrations
from practice.learning.errors import LearningError
from practice.learning.rows import Looked, Rows
from practice.learning.sft import SFT
from tests.learning.picture_world import CAMERA, SPEC, STATE, TEXTS, Dots, demonstrations, draw

CONFIG = SFTConfig(
    seed=2, steps=60, batch_size=32, learning_rate=3e-3, schedule="cosine", mirror=True, arrival="end",
    policy_width=32, reward_width=32, queries=6, validate_every=30, precision="float32",
    grounding_steps=150, grounding_pictures=1_024, grounding_rate=5e-3, trains="heads", previous_frame=False,
)  # fmt: skip


class ShownDots(Dots):
    """Dots that can be looked at for nothing."""

    asked = 0

    def scenes(self, count: int, *, seed: int, instructions: Sequence[str] = ()) -> Scenes:
        self.asked += 1
        rng = np.random.default_rng(seed)
        places = rng.uniform(-0.9, 0.9, (count, 3, 2))
        goal = rng.integers(2, size=count)
        landmarks = np.concatenate(
            [places[np.arange(count), goal], places[:, :2].reshape(-1, 4)], 1
        )
        picture = draw(places)
        return Scenes(
            {CAMERA: picture, STATE: places[:, 2].astype(np.float32)},
            {CAMERA: picture},
            landmarks.astype(np.float32),
            TEXTS,
            goal,
        )


@pytest.fixture(scope="module")
def data() -> Demonstrations:
    return Demonstrations.from_episodes(demonstrations(40))


def run(data: Demonstrations, config: SFTConfig = CONFIG) -> tuple[SFT, list[dict[str, float]]]:
    made, values = SFT(config, data, SPEC, show=ShownDots()), []
    while not made.finished:
        values.append(made.step().values)
    return made, values


def test_an_embodiment_that_draws_scenes_is_recognised() -> None:
    assert isinstance(ShownDots(), ShowsScenes)
    assert not isinstance(Dots(), ShowsScenes)


@pytest.mark.parametrize("previous", [False, True])
def test_grounding_finds_things(data: Demonstrations, previous: bool) -> None:
    _, values = run(data, CONFIG.replace(grounding_steps=300, steps=30, previous_frame=previous))
    errors = [one["grounding_error_mm"] for one in values if "grounding_error_mm" in one]
    # The world is two metres wide; always guessing its middle is off by about 700 mm.
    assert errors[0] > 300
    assert errors[-1] < 150


def test_the_error_is_measured_between_places_of_as_many_axes_as_they_have(
    data: Demonstrations,
) -> None:
    class Deep(ShownDots):
        def scenes(self, count: int, *, seed: int, instructions: Sequence[str] = ()) -> Scenes:
            return replace(super().scenes(count, seed=seed), axes=3)

    def first_error(show: ShownDots) -> float:
        made = SFT(CONFIG.replace(grounding_steps=30), data, SPEC, show=show)
        return made.step().values["grounding_error_mm"]

    # Six numbers per picture: the same errors as two long vectors, not as three short ones.
    assert first_error(Deep()) > first_error(ShownDots())


def test_progress_counts_grounding_and_training(data: Demonstrations) -> None:
    made = SFT(CONFIG, data, SPEC, show=ShownDots())
    reports = []
    while not made.finished:
        reports.append(made.step())
    assert {report.total for report in reports} == {210}
    counted = [report.iteration for report in reports]
    assert counted == sorted(counted)
    assert counted[-1] == 210
    assert "Learning where things are" in reports[0].log[0]


def test_new_heads_are_calibrated_to_what_is_seen_and_old_ones_are_left(
    data: Demonstrations,
) -> None:
    short = CONFIG.replace(steps=30, grounding_steps=30, calibrate=True)
    first = run(data, short)[0].checkpoints()["policy"]
    looked = Looked(Rows(data, "cpu", inputs=(CAMERA, STATE), arrival="end", mirror=SPEC.mirror))
    looker = first.build()
    assert isinstance(looker, SmallEFM)
    looked.look(looker, len(data))
    spread = first.weights["seen_std"]
    # Some rows are held out, so nearly the same.
    torch.testing.assert_close(spread, looked.seen.std(dim=0).clamp(min=1e-3), rtol=0.2, atol=0.02)
    other = Demonstrations.from_episodes(demonstrations(10, seed=5))
    again = SFT(short, other, SPEC, initial=first)
    while not again.finished:
        again.step()
    assert torch.equal(again.checkpoints()["policy"].weights["seen_std"], spread)


def test_heads_alone_leave_the_looking_as_it_was(data: Demonstrations) -> None:
    made, _ = run(data)
    kept = made.checkpoints()
    policy, reward = kept["policy"].build(), kept["reward"].build()
    assert policy.looks_like(reward)
    later, _ = run(data, CONFIG.replace(steps=30, learning_rate=1e-2))
    assert later.checkpoints()["policy"].build().looks_like(policy)
    ungrounded, _ = run(data, CONFIG.replace(grounding_steps=0, trains="all"))
    assert not ungrounded.checkpoints()["policy"].build().looks_like(policy)


@pytest.mark.parametrize("steps", [2, 6, 8])
def test_a_run_cut_off_ends_the_same(data: Demonstrations, tmp_path: Path, steps: int) -> None:
    """In the middle of grounding, between it and training, and in training."""
    whole, _ = run(data)
    first = SFT(CONFIG, data, SPEC, show=ShownDots())
    for _ in range(steps):
        first.step()
    save_tree(tmp_path / "state", first.state())
    second = SFT(CONFIG, data, SPEC, show=ShownDots())
    second.load_state(load_tree(tmp_path / "state"))
    while not second.finished:
        second.step()
    for role, checkpoint in whole.checkpoints().items():
        assert checkpoint.digest == second.checkpoints()[role].digest


def test_a_checkpoint_is_not_grounded_again(data: Demonstrations) -> None:
    start = run(data)[0].checkpoints()["policy"]
    show = ShownDots()
    made = SFT(CONFIG.replace(steps=30), data, SPEC, initial=start, show=show)
    while not made.finished:
        made.step()
    assert show.asked == 0
    assert made.checkpoints()["policy"].build().looks_like(start.build())


def test_a_model_that_would_stay_blind_is_refused(data: Demonstrations) -> None:
    with pytest.raises(LearningError, match="stays blind: set trains to all"):
        SFT(CONFIG, data, SPEC, show=Dots())
    with pytest.raises(LearningError, match="grounding_steps above 0"):
        SFT(CONFIG.replace(grounding_steps=0), data, SPEC, show=ShownDots())
    SFT(CONFIG.replace(trains="all"), data, SPEC, show=Dots())


def test_rows_looked_at_once_make_the_same_batches(data: Demonstrations) -> None:
    model = run(data)[0].checkpoints()["policy"].build()
    assert isinstance(model, SmallEFM)
    rows = Rows(data, "cpu", inputs=model.spec.inputs, arrival="end", mirror=SPEC.mirror)
    looked = Looked(rows)
    while not looked.finished:
        looked.look(model, 100)
    some = torch.randint(len(data), (33,), generator=torch.Generator().manual_seed(0))
    fresh, kept = rows.lesson(some), looked.lesson(some)
    seen = model.look(fresh.observation, fresh.instructions)
    assert torch.allclose(kept.observation["seen"], seen, atol=1e-4)
    for name in ("action", "acted", "steps_to_go"):
        assert torch.equal(getattr(kept, name), getattr(fresh, name))
    assert torch.allclose(kept.losses(model), fresh.losses(model), atol=1e-4)
