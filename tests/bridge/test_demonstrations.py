"""What Stage 1 is given of datasets whose robot has a camera."""

import numpy as np
import pytest
from pytest_django.fixtures import Settings

from practice import storage
from practice.bridge.assembly import open_session
from practice.bridge.demonstrations import demonstrations
from practice.embodiments.registry import embodiment
from tests.examples import recorded_of
from tests.factories import make_dataset, make_episodes, make_run, make_running, make_task

pytestmark = pytest.mark.django_db

SPEC = embodiment("language-table-4").spec
CAMERA = "observation.images.top"
TRUTH = "observation.environment_state"


def test_pictures_are_learnt_from_and_a_simulators_truth_never_is() -> None:
    """So a dataset that has it and one that lacks it go together."""
    task = make_task(embodiment=SPEC.id, instructions=list(SPEC.instructions), limits={})
    sets = (make_dataset(task), make_dataset(task))
    make_episodes(dataset=sets[0], recordings=[recorded_of(SPEC, "e0")])
    make_episodes(dataset=sets[1], recordings=[recorded_of(SPEC, "e1", without=(TRUTH,))])
    given = demonstrations(make_run(task, kind="sft", datasets=sets))
    assert set(given.observation) == {CAMERA, "observation.state"}
    assert given.num_episodes == 2
    assert given.observation[CAMERA].dtype == "uint8"


def test_pictures_that_do_not_fit_in_memory_are_mapped(settings: Settings) -> None:
    task = make_task(embodiment=SPEC.id, instructions=list(SPEC.instructions), limits={})
    dataset = make_dataset(task)
    rows = make_episodes(
        dataset=dataset, recordings=[recorded_of(SPEC, f"e{i}", length=5 + i) for i in range(3)]
    )
    rows[1].trim_first, rows[1].trim_end = 2, 4
    rows[1].save()
    run = make_run(task, kind="sft", datasets=(dataset,))
    memory = demonstrations(run)
    settings.EFM_FRAMES_IN_MEMORY = 0
    told: list[tuple[int, int]] = []
    for _ in range(2):
        cached = demonstrations(run, told=lambda done, total: told.append((done, total)))
        assert isinstance(cached.observation[CAMERA], np.memmap)
        for name, array in memory.observation.items():
            assert np.array_equal(cached.observation[name], array)
        assert np.array_equal(cached.steps_to_go, memory.steps_to_go)
        assert np.array_equal(cached.frame, memory.frame)
    assert told == [(6, 17), (9, 17), (17, 17)], "the second time it was there"


def test_another_trim_is_another_entry_and_other_words_are_not(settings: Settings) -> None:
    settings.EFM_FRAMES_IN_MEMORY = 0
    task = make_task(embodiment=SPEC.id, instructions=list(SPEC.instructions), limits={})
    dataset = make_dataset(task)
    (row,) = make_episodes(dataset=dataset, recordings=[recorded_of(SPEC, "e0")])

    def entries() -> int:
        demonstrations(make_run(task, kind="sft", datasets=(dataset,)))
        return sum(path.is_dir() for path in storage.frame_cache().folder.iterdir())

    assert entries() == 1
    row.instruction = SPEC.instructions[1]
    row.save()
    assert entries() == 1
    row.trim_first, row.trim_end = 1, 5
    row.save()
    assert entries() == 2


@pytest.mark.parametrize(
    ("wish", "state"), [("pause", "paused"), ("stop", "cancelled"), ("leave", "running")]
)
def test_a_wish_is_heard_while_pictures_are_laid_out(
    settings: Settings, wish: str, state: str
) -> None:
    settings.EFM_FRAMES_IN_MEMORY = 0
    task = make_task(embodiment=SPEC.id, instructions=list(SPEC.instructions), limits={})
    dataset = make_dataset(task)
    make_episodes(dataset=dataset, recordings=[recorded_of(SPEC, f"e{i}") for i in range(2)])
    run = make_running(make_run(task, kind="sft", datasets=(dataset,)), wish=wish)

    class Ears:
        heard = 0

        @property
        def wish(self) -> str:
            self.heard += 1
            return wish if self.heard > 1 else ""

    assert open_session(run, "owner-1", Ears()) is None
    run.refresh_from_db()
    assert run.state == state
    assert "pictures of 26 steps" in str(run.log.first())
    assert not any(path.is_dir() for path in storage.frame_cache().folder.iterdir())
