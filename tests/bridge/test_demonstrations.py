"""What Stage 1 is given of datasets whose robot has a camera."""

import pytest

from practice.bridge.assembly import demonstrations
from practice.embodiments.registry import embodiment
from tests.examples import recorded_of
from tests.factories import make_dataset, make_episodes, make_run, make_task

pytestmark = pytest.mark.django_db

SPEC = embodiment("language-table-4").spec
TRUTH = "observation.environment_state"


def test_pictures_are_learnt_from_and_a_simulators_truth_never_is() -> None:
    """So a dataset that has it and one that lacks it go together."""
    task = make_task(embodiment=SPEC.id, instructions=list(SPEC.instructions), limits={})
    sets = (make_dataset(task), make_dataset(task))
    make_episodes(dataset=sets[0], recordings=[recorded_of(SPEC, "e0")])
    make_episodes(dataset=sets[1], recordings=[recorded_of(SPEC, "e1", without=(TRUTH,))])
    given = demonstrations(make_run(task, kind="sft", datasets=sets))
    assert set(given.observation) == {"observation.images.top", "observation.state"}
    assert given.num_episodes == 2
    assert given.observation["observation.images.top"].dtype == "uint8"
