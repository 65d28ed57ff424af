"""Values that stand for real ones in tests: reports, curves, recorded episodes. No rows, no files."""

from typing import Any

import numpy as np

from practice.embodiments.spec import EmbodimentSpec
from practice.episodes.types import Episode as Recorded

EMBODIMENT = "point-mass"


FEATURES = {
    "observation.state": {"dtype": "float32", "shape": [6], "names": None},
    "action": {"dtype": "float32", "shape": [2], "names": ["ax", "ay"]},
}

WARNING: dict[str, Any] = {
    "severity": "warning",
    "file": "meta/info.json",
    "reason": "fps is 30, the task's control rate is 10 Hz.",
    "episode": None,
    "frame": None,
}


def dataset_report(*, kept: int = 2, refused: int = 1, frames: int = 60) -> dict[str, Any]:
    """A validation report as `DatasetReport.to_json` gives it: `refused` episodes carry NaN."""
    bad = "observation.state holds NaN; record the episode again."
    data = "data/chunk-000/file-000.parquet"
    episodes = [
        {
            "index": i,
            "length": frames,
            "instruction": "go to the ring",
            "success": True,
            "kept": i < kept,
            "reasons": [] if i < kept else [bad],
        }
        for i in range(kept + refused)
    ]
    findings: list[dict[str, Any]] = [
        {"severity": "error", "file": data, "reason": bad, "episode": i, "frame": 7}
        for i in range(kept, kept + refused)
    ]
    findings.append(WARNING)
    return {
        "version": "v3.0",
        "robot_type": EMBODIMENT,
        "fps": 10,
        "features": FEATURES,
        "totals": {
            "episodes": kept + refused,
            "frames": (kept + refused) * frames,
            "tasks": 1,
            "kept_episodes": kept,
            "kept_frames": kept * frames,
        },
        "findings": findings,
        "episodes": episodes,
    }


def practice_values(share: float, *, evaluated: bool) -> dict[str, float]:
    """Plausible curve values of a practice run, `share` of the way in [0, 1]."""
    success = 0.42 + 0.55 * share
    values = {
        "practice_success": success,
        "practice_true_success": success - 0.03,
        "practice_mean_steps": 62 - 48 * share,
        "mean_distance": 34 - 26 * share,
        "mean_return": 0.2 + share,
        "policy_loss": 0.4 - 0.3 * share,
        "action_std": 0.6 - 0.3 * share,
        "drift": 0.5 * share,
    }
    if evaluated:
        values |= {
            "eval_success": success,
            "eval_ci_low": max(0.0, success - 0.06),
            "eval_ci_high": min(1.0, success + 0.05),
            "eval_mean_steps": 60 - 46 * share,
            "detector_precision": 0.8 + 0.15 * share,
            "detector_recall": 0.85 + 0.1 * share,
        }
    return values


def recorded(uid: str, *, length: int = 12, robot: int = 0, **changes: Any) -> Recorded:
    """A point-mass episode of `length` steps whose predicted steps-to-go fall from `length` to 0."""
    rng = np.random.default_rng(len(uid) + length + robot)
    values: dict[str, Any] = {
        "instruction": "go to the ring",
        "seed": robot,
        "observation": {
            "observation.state": rng.uniform(-1, 1, (length + 1, 6)).astype(np.float32)
        },
        "action": rng.uniform(-1e-3, 1e-3, (length, 2)).astype(np.float32),
        "distance": np.linspace(length, 0, length + 1, dtype=np.float32),
        "spread": np.full(length + 1, 0.5, np.float32),
        "ended_by": "detector",
        "detector_success": True,
        "true_success": True,
        "iteration": 1,
    }
    return Recorded(uid=uid, robot=robot, **{**values, **changes})


def recorded_of(
    spec: EmbodimentSpec, uid: str, *, length: int = 12, without: tuple[str, ...] = ()
) -> Recorded:
    """An episode with everything that a robot observes but `without`; no simulator is asked."""
    rng = np.random.default_rng(len(uid) + length)
    observation: dict[str, Any] = {}
    for name, feature in spec.observation.items():
        shape = (length + 1, *feature.shape)
        pixels = feature.dtype == "uint8"
        drawn = rng.integers(0, 256, shape) if pixels else rng.uniform(-0.1, 0.1, shape)
        observation[name] = drawn.astype(feature.dtype)
    return recorded(
        uid,
        length=length,
        instruction=spec.instructions[0],
        observation={name: v for name, v in observation.items() if name not in without},
        action=rng.uniform(-0.01, 0.01, (length, *spec.action.shape)).astype(np.float32),
        success_step=length - 2,
    )
