"""The process that serves one policy to robots: models loaded, one socket, one port."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, cast

import torch
import uvicorn
from channels.routing import ProtocolTypeRouter, URLRouter
from django.urls import path

from efmweb.errors import ServiceError
from efmweb.origin import SameOrigin
from models_store.efm import EFM
from practice.bridge.assembly import load_checkpoint
from practice.fleet.inference.queue import Rules
from practice.fleet.inference.server import InferenceServer
from practice.fleet.inference.thinking import Thinker
from practice.fleet.inference.wire import longest
from practice.live.inference import InferenceConsumer, Served
from practice.models import Checkpoint


@dataclass(frozen=True, slots=True)
class Serving:
    """What is asked for."""

    policy: Checkpoint
    reward: Checkpoint | None = None
    device: str = "auto"
    rules: Rules = field(default_factory=Rules)
    seed: int = 0


def make_served(wanted: Serving) -> Served:
    """Load the models and measure how long they take; nobody thinks yet.

    Raises:
        ServiceError: there is no such device.
        LearningError: a checkpoint cannot be read, or the two do not belong to one robot.
    """
    device = _device(wanted.device)
    policy = _built(wanted.policy, device)
    judge = None
    if wanted.reward is not None:
        same = wanted.reward.digest == wanted.policy.digest
        judge = policy if same else _built(wanted.reward, device)
    task = wanted.policy.task
    name = f"{wanted.policy.name}@{wanted.policy.digest[:12]}"
    threshold = None if judge is None else task.threshold
    thinker = Thinker(policy, judge, name=name, threshold=threshold, device=device)
    server = InferenceServer(thinker, rules=wanted.rules, seed=wanted.seed)
    server.warm_up()
    facts = {
        "policy": name,
        "task": task.slug,
        "instructions": list(task.instructions),
        "control_hz": task.control_hz,
        "judged": judge is not None,
        "features": {
            feature: {"shape": list(kind.shape), "dtype": kind.dtype}
            for feature, kind in thinker.features.items()
        },
        "action_size": policy.spec.action_size,
        "period_ms": 1_000 * wanted.rules.period_s,
    }
    return Served(server, wanted.policy.pk, thinker.features, facts)


def application(served: Served) -> Any:
    """The ASGI application: one socket for robots, one sentence for everybody else."""
    consumer = InferenceConsumer.as_asgi(served=served)
    routes = URLRouter([path("ws/inference/", cast(Any, consumer))])
    return ProtocolTypeRouter({"websocket": SameOrigin(routes), "http": cast(Any, _explain)})


class RobotServer(uvicorn.Server):
    """Serves once it is told to run, and says when robots may come."""

    def __init__(self, served: Served, host: str, port: int, announce: Callable[[], None]) -> None:
        """`announce` is called when it listens."""
        super().__init__(
            uvicorn.Config(
                application(served),
                host=host,
                port=port,
                lifespan="off",
                access_log=False,
                log_config=None,
                server_header=False,
                # Open sockets must not keep the process from stopping.
                timeout_graceful_shutdown=2,
                # One byte more, so that it is our own sentence that says what is too long.
                ws_max_size=longest(served.features) + 1,
                ws_per_message_deflate=False,
            )
        )
        self._announce = announce

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen."""
        await super().startup(sockets)
        if self.started:
            self._announce()


def serve(served: Served, host: str, port: int, *, announce: Callable[[], None]) -> None:
    """Serve until told to stop."""
    with served.server, suppress(KeyboardInterrupt):
        RobotServer(served, host, port, announce).run()


async def _explain(_scope: Any, _receive: Any, send: Any) -> None:
    text = b"Robots ask here by websocket, at /ws/inference/; see docs/inference.md.\n"
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"upgrade", b"websocket")]
    await send({"type": "http.response.start", "status": 426, "headers": headers})
    await send({"type": "http.response.body", "body": text})


def _device(wanted: str) -> str:
    there = torch.cuda.is_available()
    if wanted == "cuda" and not there:
        raise ServiceError("There is no GPU that torch can use; serve with --device cpu.")
    return ("cuda" if there else "cpu") if wanted == "auto" else wanted


def _built(row: Checkpoint, device: str) -> EFM:
    model = load_checkpoint(row).build(device)
    model.set_precision("auto")
    return model
