"""One estimate found out: what the run would work with is read, the device is asked, the answer kept."""

from practice import storage
from practice.bridge.assembly import device, load_checkpoint, task_facts
from practice.devices import visible_devices
from practice.embodiments.registry import embodiment
from practice.errors import InvalidError
from practice.learning.config import EvaluationConfig, PracticeConfig, SFTConfig
from practice.learning.costs import Cost
from practice.learning.estimating import Place
from practice.learning.estimating_practice import evaluation_cost, practice_cost
from practice.learning.estimating_sft import sft_cost
from practice.learning.probing import PROBE_SECONDS
from practice.models import Estimate, Run
from practice.services.estimates import conclude_estimate


def compute_estimate(estimate: Estimate, *, owner: str, seconds: float = PROBE_SECONDS) -> None:
    """Find out what was asked for and keep it.

    Raises:
        LearningError, PracticeError: a model, checkpoint or base is missing or damaged.
    """
    place = Place(
        device(),
        visible_devices()[0].name,
        seconds=seconds,
        frames_in_memory=storage.frames_in_memory(),
    )
    conclude_estimate(estimate.pk, owner=owner, cost=_cost(estimate, place))


def _cost(estimate: Estimate, place: Place) -> Cost:
    robot, task = embodiment(estimate.task.embodiment), task_facts(estimate.task)
    policy = load_checkpoint(estimate.policy) if estimate.policy else None
    reward = load_checkpoint(estimate.reward) if estimate.reward else None
    if estimate.kind == Run.Kind.SFT:
        return sft_cost(
            SFTConfig.from_json(estimate.config), robot, texts=task.instructions,
            rows=estimate.rows, initial=policy, place=place,
        )  # fmt: skip
    if policy is None or (reward is None and estimate.kind == Run.Kind.PRACTICE):
        raise InvalidError("This estimate names no checkpoint to start from; ask again with one.")
    if estimate.kind == Run.Kind.EVALUATION:
        asked = EvaluationConfig.from_json(estimate.config)
        return evaluation_cost(asked, policy, reward, robot, task=task, place=place)
    assert reward is not None  # noqa: S101 - looked at
    config = PracticeConfig.from_json(estimate.config)
    return practice_cost(config, policy, reward, robot, task=task, place=place)
