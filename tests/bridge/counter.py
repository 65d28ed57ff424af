"""Work that counts, and the session that carries it."""

from collections.abc import Callable
from typing import Any

from models_store.checkpoint import EFMCheckpoint
from practice.bridge.session import Session
from practice.learning.work import Report, Work
from practice.models import Run


class Ears:
    """Wishes nothing until told."""

    wish = ""


class Counter:
    """Work that counts to `total`; each step is one curve point."""

    kind = "practice"

    def __init__(self, total: int, on_step: Callable[[int], None] = lambda _: None) -> None:
        self.total, self.on_step, self.count = total, on_step, 0

    @property
    def finished(self) -> bool:
        return self.count >= self.total

    def step(self) -> Report:
        self.count += 1
        self.on_step(self.count)
        return Report(
            iteration=self.count,
            total=self.total,
            env_steps=10 * self.count,
            episodes_total=0,
            values={"count": float(self.count)},
        )

    def state(self) -> Any:
        return {"count": self.count}

    def load_state(self, tree: Any) -> None:
        self.count = tree["count"]

    def checkpoints(self) -> dict[str, EFMCheckpoint]:
        return {}

    def result(self) -> dict[str, Any]:
        return {"count": self.count}


def open_session(run: Run, work: Work, ears: Ears | None = None) -> Session:
    """A session that holds the run."""
    run = Run.objects.select_related("task", "policy", "reward").get(pk=run.pk)
    return Session(run, run.lease_owner, work, ears or Ears())
