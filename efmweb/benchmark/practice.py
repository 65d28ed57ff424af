"""The practising process of the live benchmark: `python -m efmweb.benchmark.practice RUN`.

Makes demonstrations, a short Stage 1, then practises without pause and without evaluations until
it is ended. Says {"ready": true}; answers {"measure": seconds} with {"steps_per_s"}.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from queue import Empty, SimpleQueue
from typing import Any

import torch

from practice.embodiments.interface import Embodiment
from practice.embodiments.registry import embodiment
from practice.fleet.demonstrations import make_demonstrations
from practice.frames.connect import live_sink
from practice.learning.config import PracticeConfig, SFTConfig
from practice.learning.data import Demonstrations
from practice.learning.types import TaskFacts, Work
from practice.learning.work import make_practice, make_sft

DEMONSTRATIONS = 1_000
STAGE_1 = SFTConfig(steps=400)
STAGE_2 = PracticeConfig(num_robots=16, iterations=10_000_000, evaluate_every=0, patience=0)
"""The paper's fleet and updates, as fast as the machine can."""


def main() -> None:
    """Practise until ended."""
    torch.set_num_threads(1)
    robot = embodiment("point-mass")
    facts = TaskFacts.of(robot.spec)
    orders: SimpleQueue[float] = SimpleQueue()
    threading.Thread(target=_listen, args=(orders,), daemon=True).start()
    with live_sink(
        int(sys.argv[1]), robot, horizon=facts.horizon, threshold=facts.threshold
    ) as sink:
        policy, reward = _stage_1(robot)
        work = make_practice(STAGE_2, policy, reward, robot, task=facts, sinks=[sink])
        _say({"ready": True})
        _practise(work, orders)


def _practise(work: Work, orders: SimpleQueue[float]) -> None:
    """Step for ever; measure when asked, from one iteration's end to another's."""
    while True:
        steps = work.step().env_steps
        try:
            seconds = orders.get_nowait()
        except Empty:
            continue
        began, before = time.perf_counter(), steps
        while time.perf_counter() < began + seconds:
            steps = work.step().env_steps
        _say({"steps_per_s": (steps - before) / (time.perf_counter() - began)})


def _stage_1(robot: Embodiment) -> tuple[Any, Any]:
    work = make_sft(
        STAGE_1, Demonstrations.from_episodes(make_demonstrations(robot, DEMONSTRATIONS)), robot
    )
    while not work.finished:
        work.step()
    found = work.checkpoints()
    return found["policy"], found["reward"]


def _listen(orders: SimpleQueue[float]) -> None:
    for line in sys.stdin:
        orders.put(float(json.loads(line)["measure"]))


def _say(words: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(words) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
