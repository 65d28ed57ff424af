"""Rows of every kind, made through the REST API by real workers, so that every page has something to show."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.browser.people import PEOPLE
from tests.client import Client
from tests.stack import Stack

SFT = {"steps": 400, "validate_every": 100}
BRIEF = {
    "num_robots": 16,
    "returns": "window",
    "updates": 1,
    "batch_size": 256,
    "iterations": 20,  # of 16 steps: long enough that every robot ends an episode
    "evaluate_every": 10,
    "evaluate_episodes": 32,
    "pace": 0.0,
}
UNENDING = BRIEF | {"iterations": 100_000, "evaluate_every": 20, "pace": 1.0}


@dataclass(frozen=True)
class Rows:
    """Where the rows are: what the addresses of pages are made of."""

    client: Client
    task: str
    dataset: int
    refused: int
    selection: int
    sft: int
    practised: int
    practising: int
    evaluation: int
    policy: int
    reward: int
    demonstration: int
    episode: int

    def address(self, pattern: str) -> str:
        """ "/runs/{sft}/" with the row's number filled in."""
        return pattern.format_map(vars(self))

    @contextmanager
    def practice(self) -> Iterator[None]:
        """Let the long practice go on for the length of the block."""
        run = f"runs/{self.practising}/"
        if self.client.call(run)["state"] == "paused":
            self.client.call(f"{run}resume/", {})
        self.client.wait(run, lambda row: row["state"] == "running")
        yield
        self.client.call(f"{run}pause/", {})
        self.client.wait(run, lambda row: row["state"] == "paused")


@contextmanager
def furnish(stack: Stack, folder: Path) -> Iterator[Rows]:
    """Make the rows, among them a long practice that runs; it is stopped at the end."""
    token = stack.manage("add_person", PEOPLE["operator"], "--role", "operator", "--token", "rows")
    client = Client(stack.url, token.strip())
    slug = f"reach-{uuid.uuid4().hex[:6]}"
    client.call("tasks/", {"name": "Reach the goal", "slug": slug, "embodiment": "point-mass"})
    dataset = _dataset(stack, client, slug, folder)
    selection = client.call("datasets/selections/", {"task": slug, "name": "The ones we trust"})
    made = _runs(client, slug, dataset)
    episodes = [
        client.call(f"episodes/?task={slug}&kind={kind}&limit=1")["results"][0]["id"]
        for kind in ("demonstration", "practice")
    ]
    places = {
        "refused": _refused(client, slug, folder),
        "demonstration": episodes[0],
        "episode": episodes[1],
        "selection": selection["id"],
    }
    yield Rows(client, slug, dataset, **places, **made)
    client.call(f"runs/{made['practising']}/stop/", {})
    client.run(made["practising"])


def _dataset(stack: Stack, client: Client, slug: str, folder: Path) -> int:
    demos = folder / "demos.zip"
    stack.manage("make_demos", "point-mass", "--episodes", "200", "--out", str(demos))
    dataset = client.upload(slug, demos)
    client.wait(f"datasets/{dataset['id']}/", lambda row: row["state"] == "ready")
    return int(dataset["id"])


def _refused(client: Client, slug: str, folder: Path) -> int:
    """A dataset of which nothing can be read, under one long word as its name."""
    broken = folder / f"{64 * 'x'}.zip"
    broken.write_bytes(b"PK this is no archive")
    dataset = client.upload(slug, broken)
    client.wait(f"datasets/{dataset['id']}/", lambda row: row["state"] == "failed")
    return int(dataset["id"])


def _runs(client: Client, slug: str, dataset: int) -> dict[str, int]:
    def launch(kind: str, config: dict[str, Any], *, wait: bool = True, **more: Any) -> int:
        body = {"task": slug, "kind": kind, "preset": "fast", "config": config, **more}
        run = client.call("runs/", body)["id"]
        if wait:
            ended = client.run(run)
            assert ended["state"] == "succeeded", ended["error"]
        return int(run)

    sft = launch("sft", SFT, datasets=[dataset])
    kept = {c["kind"]: c["id"] for c in client.every(f"runs/{sft}/checkpoints/")}
    chosen = {"policy": kept["policy"], "reward": kept["reward"]}
    practised = launch("practice", BRIEF, **chosen)
    evaluation = launch("evaluation", {"episodes": 64, "num_robots": 64}, **chosen)
    practising = launch("practice", UNENDING, wait=False, name="A long practice", **chosen)
    client.wait(f"runs/{practising}/", lambda row: row["iteration"] > 0)
    return {
        "sft": sft,
        "practised": practised,
        "evaluation": evaluation,
        "practising": practising,
        **chosen,
    }
