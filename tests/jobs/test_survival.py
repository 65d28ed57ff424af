"""Practice survives the death of any process: kill -9 of the child, the worker, Redis and the database, for real."""

from pathlib import Path
from typing import Any

import pytest

from tests.client import Client
from tests.stack import Stack

pytestmark = pytest.mark.stack

PRACTICE = {
    "num_robots": 16,
    "returns": "window",
    "updates": 1,
    "batch_size": 256,
    "iterations": 60,
    "evaluate_every": 20,
    "evaluate_episodes": 32,
    "seed": 7,
}


def _facts(client: Client, run: int) -> tuple[list[Any], list[Any]]:
    """What a run lived through: its episodes, and its curves without the clock."""
    episodes = [
        (e["uid"], e["iteration"], e["length"], e["seed"], e["true_success"], e["d_end"])
        for e in client.every(f"runs/{run}/episodes/")
    ]
    points = client.call(f"runs/{run}/points/?after=0")["points"]
    curves = [(p["iteration"], p["env_steps"], p["episodes"], p["values"]) for p in points]
    return sorted(episodes), curves


def _stage_one(stack: Stack, client: Client, tmp_path: Path) -> dict[str, Any]:
    """A task with the policy and the reward model of a short Stage 1."""
    client.call("tasks/", {"name": "Reach", "slug": "reach", "embodiment": "point-mass"})
    demos = tmp_path / "demos.zip"
    stack.manage("make_demos", "point-mass", "--episodes", "200", "--out", str(demos))
    dataset = client.upload("reach", demos)
    client.wait(f"datasets/{dataset['id']}/", lambda row: row["state"] == "ready")
    sft = client.call(
        "runs/",
        {
            "task": "reach",
            "kind": "sft",
            "preset": "demo",
            "config": {"steps": 200},
            "datasets": [dataset["id"]],
        },
    )
    assert client.run(sft["id"])["state"] == "succeeded"
    kept = {c["kind"]: c["id"] for c in client.every(f"runs/{sft['id']}/checkpoints/")}
    return {"task": "reach", "kind": "practice", "policy": kept["policy"], "reward": kept["reward"]}


def test_a_run_ends_as_if_nothing_had_happened(fresh_stack: Stack, tmp_path: Path) -> None:
    """The same seed twice: once in peace, once with everything killed in turn. Every row is equal."""
    token = fresh_stack.manage("add_person", "otto", "--role", "operator", "--token", "t").strip()
    client = Client(fresh_stack.url, token)
    launch = _stage_one(fresh_stack, client, tmp_path)

    peaceful = client.call("runs/", {**launch, "config": {**PRACTICE, "pace": 0.0}})
    assert client.run(peaceful["id"])["state"] == "succeeded"

    # Paced, so that it lasts long enough to be killed four times.
    run = client.call("runs/", {**launch, "config": {**PRACTICE, "pace": 3.0}})["id"]

    def goes_on() -> None:
        """A commit that was not there before."""
        seen = client.wait(f"runs/{run}/", lambda _: True)["iteration"]
        client.wait(
            f"runs/{run}/", lambda row: row["iteration"] > seen and row["state"] == "running"
        )

    goes_on()
    [child] = fresh_stack.children_of_runs()
    child.kill()
    goes_on()
    for role in ("gpu", "redis", "postgres"):
        fresh_stack.kill(role)
        goes_on()

    ended = client.run(run)
    assert ended["state"] == "succeeded", ended["error"]
    assert ended["attempts"] >= 3, "the child and the worker were killed, so it started three times"
    assert _facts(client, run) == _facts(client, peaceful["id"])
    assert len(_facts(client, run)[0]) == ended["episode_count"]
