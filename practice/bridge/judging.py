"""One judgement computed: the recording and the reward model read, the answer kept."""

from practice.bridge.assembly import device, load_checkpoint
from practice.learning.hindsight import judged
from practice.models import Judgement
from practice.selectors.replay import episode_arrays
from practice.services.judging import conclude_judgement


def compute_judgement(judgement: Judgement) -> None:
    """Compute what was asked for and keep it.

    Raises:
        MissingError: the recording cannot be read.
        LearningError: the checkpoint cannot be read, or looks at what the episode does not have.
    """
    model = load_checkpoint(judgement.reward).build(device())
    model.set_precision("auto")  # as runs do, lest it disagree with what they recorded
    recorded = episode_arrays(judgement.episode).recorded
    distance, spread = judged(model, recorded, device=device())
    conclude_judgement(judgement, distance=distance.tolist(), spread=spread.tolist())
