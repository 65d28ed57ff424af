"""The embedded PostgreSQL and Redis: private, reused, back after kill -9, gone when stopped."""

import os
import signal
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
import redis

from efmweb import cluster, embedded
from efmweb.errors import ServiceError
from efmweb.settings.env import read
from efmweb.settings.services import socket_folder


def until(condition: Callable[[], bool], seconds: float = 20.0) -> bool:
    """Whether `condition` came true in time."""
    patience = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > patience:
            return False
        time.sleep(0.02)
    return True


@pytest.fixture(scope="module")
def var(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A data folder whose services the tests of this file start and stop."""
    folder = tmp_path_factory.mktemp("embedded")
    yield folder
    embedded.stop_all(folder)


@pytest.fixture
def running(var: Path) -> Iterator[embedded.Running]:
    """Both services, running."""
    started = embedded.start(var, durable=False)
    yield started
    started.stop()


def family(running: embedded.Running, name: str) -> list[psutil.Process]:
    """The keeper of a service and all below it."""
    keeper = next(found for service, found in running.keepers.items() if service.name == name)
    process = psutil.Process(keeper.pid)
    return [process, *process.children(recursive=True)]


def both_answer(var: Path) -> bool:
    return all(embedded.Service(name, var).answers() for name in embedded.NAMES)


def test_both_answer_and_the_database_is_there(running: embedded.Running, var: Path) -> None:
    assert both_answer(var)
    with cluster.connect(socket_folder(var), cluster.DATABASE) as connection:
        assert connection.execute("SHOW server_encoding").fetchone() == ("UTF8",)


def test_no_service_listens_on_a_port(running: embedded.Running) -> None:
    for name in embedded.NAMES:
        looked_at = 0
        for process in family(running, name):
            # PostgreSQL's helpers come and go; one that has just ended listens nowhere.
            with suppress(psutil.NoSuchProcess):
                assert process.net_connections(kind="inet") == []
                looked_at += 1
        assert looked_at > 1, f"the keeper of {name} and its server must have been looked at"


def test_the_sockets_lie_in_a_private_folder(running: embedded.Running, var: Path) -> None:
    assert stat.S_IMODE(socket_folder(var).stat().st_mode) == 0o700
    with cluster.connect(socket_folder(var), "postgres") as connection:
        rules = connection.execute("SELECT type, auth_method FROM pg_hba_file_rules").fetchall()
    assert rules == [("local", "peer")]


def test_a_second_start_uses_what_runs_and_stops_nothing(
    running: embedded.Running, var: Path
) -> None:
    second = embedded.start(var, durable=False)
    assert second.keepers == {}
    second.stop()
    assert both_answer(var)


@pytest.mark.parametrize("name", embedded.NAMES)
def test_a_service_is_back_after_kill_9(running: embedded.Running, var: Path, name: str) -> None:
    victim = family(running, name)[1]
    victim.kill()
    assert until(lambda: not victim.is_running() and embedded.Service(name, var).answers())


def test_rows_survive_kill_9(running: embedded.Running, var: Path) -> None:
    with cluster.connect(socket_folder(var), cluster.DATABASE) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (n integer)")
        connection.execute("INSERT INTO kept VALUES (7)")
        connection.execute("CHECKPOINT")  # these servers do not wait for the disk
    family(running, "postgres")[1].kill()
    service = embedded.Service("postgres", var)
    assert until(lambda: not service.answers())
    assert until(service.answers)
    with cluster.connect(socket_folder(var), cluster.DATABASE) as connection:
        assert connection.execute("SELECT n FROM kept").fetchone() == (7,)
        connection.execute("DROP TABLE kept")


def test_stopping_leaves_no_process(var: Path) -> None:
    started = embedded.start(var, durable=False)
    processes = [process for name in embedded.NAMES for process in family(started, name)]
    started.stop()
    assert [process for process in processes if process.is_running()] == []
    assert embedded.status(var) == {"postgres": None, "redis": None}


def test_anybody_may_stop_what_runs(var: Path) -> None:
    started = embedded.start(var, durable=False)
    embedded.stop_all(var)
    assert embedded.status(var) == {"postgres": None, "redis": None}
    started.stop()


def test_nothing_is_left_when_the_keeper_is_killed(var: Path) -> None:
    started = embedded.start(var, durable=False)
    processes = [process for name in embedded.NAMES for process in family(started, name)]
    for keeper in started.keepers.values():
        os.kill(keeper.pid, signal.SIGKILL)
        keeper.wait()
    assert until(lambda: not [process for process in processes if process.is_running()])


def test_lock_files_of_a_dead_server_are_no_obstacle(var: Path) -> None:
    """After a power cut the number in postmaster.pid may be that of any other process."""
    embedded.start(var, durable=False).stop()
    lines = f"{os.getpid()}\n{cluster.folder(var)}\n0\n5432\n{socket_folder(var)}\n\n"
    for path in (cluster.folder(var) / "postmaster.pid", socket_folder(var) / ".s.PGSQL.5432.lock"):
        path.write_text(lines)
        os.chown(path, cluster.owner_id(), -1)
    (socket_folder(var) / "redis.sock").touch()
    started = embedded.start(var, durable=False)
    assert both_answer(var)
    started.stop()


def test_another_major_version_is_refused(tmp_path: Path) -> None:
    old = tmp_path / "postgres"
    old.mkdir()
    (old / "PG_VERSION").write_text("12\n")
    with pytest.raises(ServiceError, match="was written by PostgreSQL 12, this is 18"):
        embedded.start(tmp_path, ["postgres"])


def test_a_folder_of_somebody_else_is_refused(tmp_path: Path) -> None:
    real = tmp_path / "elsewhere"
    real.mkdir()
    (tmp_path / "run").symlink_to(real)
    with pytest.raises(ServiceError, match="belongs to somebody else"):
        embedded.start(tmp_path, ["redis"])


def test_redis_keeps_its_keys_over_a_restart(var: Path) -> None:
    path = str(socket_folder(var) / "redis.sock")
    for expected in (None, b"1"):
        started = embedded.start(var, ["redis"])
        with redis.Redis(unix_socket_path=path) as client:
            assert client.get("kept") == expected
            client.set("kept", 1)
        started.stop()


def test_a_url_replaces_its_service() -> None:
    found = read({"DATABASE_URL": "postgres://db.lab/efm"})
    assert embedded.needed(found) == ("redis",)
    assert embedded.needed(read({})) == ("postgres", "redis")
