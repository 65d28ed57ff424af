"""Where PostgreSQL and Redis are: at the URLs of the environment, or embedded, on sockets in a folder of their own."""

import hashlib
import os
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import environ
from django.core.exceptions import ImproperlyConfigured

from efmweb.settings.env import Environment

# sockaddr_un holds 108 bytes on Linux and 104 on macOS; PostgreSQL's file name takes 15 of them.
LONGEST_SOCKET_FOLDER = 88


def socket_folder(var: Path) -> Path:
    """Folder of the embedded services' unix sockets, the same in every process of one EFM_VAR.

    `<var>/run`, unless that is too long for a socket's name: then a folder under the temporary
    directory, named by the owner and a digest of the path.
    """
    folder = var / "run"
    if len(os.fsencode(folder)) <= LONGEST_SOCKET_FOLDER:
        return folder
    digest = hashlib.sha256(os.fsencode(var)).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"efmweb-{os.getuid()}-{digest}"


def database(found: Environment) -> dict[str, Any]:
    """Django's description of the database: DATABASE_URL, or the embedded server's socket."""
    if found.database_url:
        try:
            config: dict[str, Any] = dict(environ.Env.db_url_config(found.database_url))
        except (ValueError, ImproperlyConfigured) as error:
            raise ImproperlyConfigured(f"DATABASE_URL cannot be read: {error}.") from error
        if "postgresql" not in str(config.get("ENGINE")):
            raise ImproperlyConfigured("DATABASE_URL must begin with postgres://.")
        # A socket's folder is written as PostgreSQL itself has it: postgres://user@%2Frun%2Fpostgresql/name
        config["HOST"] = unquote(str(config.get("HOST") or ""))
    else:
        config = {
            "NAME": "efmweb",
            "USER": "efmweb",
            "HOST": str(socket_folder(found.var)),
            "PORT": "5432",
        }
    config["ENGINE"] = "django.db.backends.postgresql"
    # With a pool Django asks for CONN_MAX_AGE = 0: the pool is what keeps connections.
    config["CONN_MAX_AGE"] = 0
    options = config.setdefault("OPTIONS", {})
    options.setdefault("connect_timeout", 5)
    if found.database_pool:
        # By default a pool waits twice as long after each failure, for minutes: a database that is
        # back must be found again within seconds.
        options["pool"] = {
            "min_size": 1,
            "max_size": found.database_pool,
            "timeout": 10,
            "reconnect_timeout": 4,
        }
    return config


def redis_url(found: Environment) -> str:
    """REDIS_URL as redis-py and channels-redis read it."""
    return found.redis_url or f"unix://{socket_folder(found.var) / 'redis.sock'}?db=0"


def broker_url(url: str) -> str:
    """`url` as Celery writes it: kombu spells a unix socket `redis+socket://`."""
    if not url.startswith("unix://"):
        return url
    path, _, query = url.removeprefix("unix://").partition("?")
    return f"redis+socket://{path}" + (f"?{query.replace('db=', 'virtual_host=')}" if query else "")
