"""Episodes for tests."""

import numpy as np

from practice.episodes.types import Episode


def make_episode(
    number: int,
    *,
    steps: int = 4,
    instruction: str = "go to the goal",
    success: bool = True,
    curves: bool = False,
) -> Episode:
    """An episode of random numbers, the same for the same `number`."""
    rng = np.random.default_rng(number)
    return Episode(
        uid=f"e{number}",
        robot=number % 4,
        instruction=instruction,
        seed=number,
        observation={"observation.state": rng.standard_normal((steps + 1, 3)).astype(np.float32)},
        action=rng.standard_normal((steps, 2)).astype(np.float32),
        distance=np.arange(steps, -1, -1, dtype=np.float32) if curves else None,
        spread=np.ones(steps + 1, np.float32) if curves else None,
        ended_by="success" if success else "horizon",
        detector_success=success if curves else None,
        true_success=success,
        iteration=3,
    )


def same_arrays(before: Episode, after: Episode) -> bool:
    """Observations and actions are equal, to the bit and the type."""
    pairs = [(before.action, after.action)]
    pairs += [(before.observation[name], after.observation[name]) for name in before.observation]
    return before.observation.keys() == after.observation.keys() and all(
        a.dtype == b.dtype and np.array_equal(a, b) for a, b in pairs
    )
