"""One process of a team that trains in the world of dots: `python -m tests.learning.team_member FOLDER`, started
as torchrun starts it. The first of them saves what it ends with; every one of them says what it ended with.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from torch import Tensor

from models_store.state_file import load_tree, save_tree
from practice.learning.config import SFTConfig
from practice.learning.data import Demonstrations
from practice.learning.parallel import ALONE, Team, join, leave
from practice.learning.sft import SFT
from tests.learning.picture_world import SPEC, demonstrations
from tests.learning.test_grounding import ShownDots

# Some weights cannot matter, a bias before a softmax: Adam would make steps of the rounding of their
# gradients, but for its epsilon.
WHOLE = SFTConfig(
    steps=6, batch_size=32, validate_every=3, validation_rows=32, mirror=True, clip_gradient=1.0, accumulate=2,
    ema=0.9, policy_width=16, reward_width=16, queries=4, precision="float32", adam_eps=1e-3,
)  # fmt: skip
PRETRAINED = SFTConfig(
    base="smolvlm", steps=6, batch_size=16, validate_every=3, validation_rows=32, mirror=True, clip_gradient=1.0,
    accumulate=2, ema=0.9, precision="float32", adam_eps=1e-3, lora_rank=4, instruction_weight=0.5,
)  # fmt: skip
CONFIGS = {
    "whole": WHOLE,
    "heads": WHOLE.replace(
        trains="heads", calibrate=True, grounding_steps=4, grounding_pictures=64
    ),
    "adapters": PRETRAINED,
    "tokens": PRETRAINED.replace(readout="tokens", lora_rank=0, freeze_vision=False),
}
"""A small model that learns to see, and one that is grounded and looks once; a pretrained one with adapters that
looks once, and one that is trained whole. Bases lie in EFM_BASES.
"""


def train(config: SFTConfig, team: Team = ALONE, broken: Path | None = None) -> SFT:
    """To the end; where `broken` is a file, every process forgets all but that after every step."""
    data, show = Demonstrations.from_episodes(demonstrations(20)), ShownDots()
    run = SFT(config, data, SPEC, show=show, team=team)
    while not run.finished:
        report = run.step()
        if broken and report.values:
            if team.leads:
                save_tree(broken, run.state())
            team.told("saved")
            run = SFT(config, data, SPEC, show=show, team=team)
            run.load_state(load_tree(broken))
    return run


def told(tree: Any) -> Iterator[str]:
    """Everything in a state, to the bit."""
    if isinstance(tree, dict):
        for name in sorted(tree):
            yield name
            yield from told(tree[name])
    else:
        yield tree.numpy().tobytes().hex() if isinstance(tree, Tensor) else repr(tree)


def main(folder: Path) -> None:
    """Train all, straight and broken."""
    team = join("cpu")
    said = {"wish": team.told("pause" if team.leads else "")}
    for name, config in CONFIGS.items():
        straight = train(config, team)
        broken = train(config, team, folder / f"{name}.state")
        if team.leads:
            straight.checkpoints()["policy"].save(folder / name)
        for way, run in (("straight", straight), ("broken", broken)):
            said[f"{name} {way}"] = hashlib.sha256("".join(told(run.state())).encode()).hexdigest()
    leave(team)
    (folder / f"said.{team.rank}").write_text(json.dumps(said))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
