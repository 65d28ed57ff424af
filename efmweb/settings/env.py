"""Everything efmweb reads from the environment, in one place.

`Environment` lists each variable once, with its help; `docs/operations.md` carries the same list
and a test compares the two. `read()` turns a mapping into an `Environment` and says in one
sentence which value it cannot use. Nothing else in the project reads configuration from
`os.environ`. Processes that know no Django find EFM_EMBODIMENTS and EFM_BASES there, where settings put them.
"""

import hashlib
import os
import secrets
import tempfile
from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured

ROOT = Path(__file__).resolve().parents[2]
LOOPBACK_HOSTS = ("localhost", "127.0.0.1", "[::1]")
LOG_FORMATS = ("auto", "text", "json")
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
# sockaddr_un holds 108 bytes on Linux and 104 on macOS; PostgreSQL's file name takes 15 of them.
LONGEST_SOCKET_FOLDER = 88

_TRUE = ("1", "true", "yes", "on")
_FALSE = ("0", "false", "no", "off", "")


def _variable(name: str, default: Any, help_text: str) -> Any:
    """A field of `Environment`, read from the variable `name`."""
    return field(default=default, metadata={"name": name, "help": help_text})


@dataclass(frozen=True, slots=True)
class Environment:
    """The environment, read and checked. A field's metadata hold its variable and its help."""

    production: bool = _variable(
        "EFM_PRODUCTION",
        False,
        "1 on a server that others can reach: asks for SECRET_KEY and ALLOWED_HOSTS, sends cookies "
        "over https only, serves hashed static files.",
    )
    secret_key: str = _variable(
        "SECRET_KEY",
        "",
        "Signs sessions and sign-in links, 32 characters or more. Unset on a laptop: one is made "
        "and kept in EFM_VAR/secret_key.",
    )
    allowed_hosts: tuple[str, ...] = _variable(
        "ALLOWED_HOSTS",
        (),
        "Host names this site answers to, with commas between them. Unset on a laptop: loopback.",
    )
    trusted_origins: tuple[str, ...] = _variable(
        "EFM_TRUSTED_ORIGINS",
        (),
        "Origins that may post forms besides the site's own, as https://robots.example.org.",
    )
    behind_proxy: bool = _variable(
        "EFM_BEHIND_PROXY",
        False,
        "1 where a proxy ends https and sets X-Forwarded-Proto itself.",
    )
    debug: bool = _variable("EFM_DEBUG", False, "1 for Django's debug pages. Never in production.")
    var: Path = _variable(  # noqa: RUF009 - dataclasses.field, as for all the others
        "EFM_VAR", ROOT / "var", "The data folder: embedded services, blobs, runs, uploads."
    )
    blobs: str = _variable(
        "EFM_BLOBS", "", "Folder for checkpoints, datasets and episodes. Unset: EFM_VAR/blobs."
    )
    embodiments: str = _variable(
        "EFM_EMBODIMENTS",
        "",
        "Folder of the JSON files that declare further robots; what they name is imported by workers. "
        "Unset: EFM_VAR/embodiments.",
    )
    bases: str = _variable(
        "EFM_BASES",
        "",
        "Folder of pretrained vision-language models, one folder each, for runs to build upon. "
        "Unset: EFM_VAR/bases.",
    )
    database_url: str = _variable(
        "DATABASE_URL",
        "",
        "postgres://user:password@host:5432/name. Unset: the embedded PostgreSQL under EFM_VAR.",
    )
    database_pool: int = _variable(
        "EFM_DB_POOL",
        0,
        "Connections in this process's pool; 0 for none. The web process sets 8 when unset.",
    )
    redis_url: str = _variable(
        "REDIS_URL", "", "redis://host:6379/0. Unset: the embedded Redis under EFM_VAR."
    )
    redis_prefix: str = _variable(
        "EFM_REDIS_PREFIX", "efm", "Begins every Redis key, so that two sites may share a Redis."
    )
    host: str = _variable(
        "EFM_HOST", "127.0.0.1", "Address the web process listens on; another needs EFM_PRODUCTION."
    )
    port: int = _variable("PORT", 8000, "Port the web process listens on.")
    log_format: str = _variable(
        "EFM_LOG", "auto", "text, json, or auto: text on a terminal, json elsewhere in production."
    )
    log_level: str = _variable("EFM_LOG_LEVEL", "INFO", "DEBUG, INFO, WARNING or ERROR.")
    time_zone: str = _variable("EFM_TIME_ZONE", "UTC", "Time zone of the pages, as Europe/Berlin.")
    upload_megabytes: int = _variable(
        "EFM_UPLOAD_MB", 32768, "Largest dataset that may be uploaded, in megabytes."
    )
    disk_reserve_megabytes: int = _variable(
        "EFM_DISK_RESERVE_MB",
        2048,
        "Free megabytes of disk below which frames of practice are no longer recorded.",
    )
    token_days: int = _variable("EFM_TOKEN_DAYS", 90, "Days until a new API token ends.")
    hub_token: str = _variable(
        "EFM_HUB_TOKEN", "", "Write token of the Hugging Face Hub, with which exports are pushed."
    )


def variables() -> list[tuple[str, str, str]]:
    """(variable, default as text, help) of each setting, in the order of `Environment`."""
    return [
        (spec.metadata["name"], _default_text(spec), spec.metadata["help"])
        for spec in fields(Environment)
    ]


def read(source: Mapping[str, str] | None = None) -> Environment:
    """Read and check `source` (the process's environment when None).

    A secret may come from a file: `SECRET_KEY_FILE=/run/secrets/key` stands for its content.
    Raises ImproperlyConfigured with one sentence that names the variable and its bad value.
    """
    values = os.environ if source is None else source
    chosen = {spec.name: _read_one(spec, values) for spec in fields(Environment)}
    found = Environment(**{key: value for key, value in chosen.items() if value is not None})
    _check(found)
    return found


def _read_one(spec: Field[Any], values: Mapping[str, str]) -> Any:
    """The value of one variable, or None where it is unset."""
    name = spec.metadata["name"]
    text = values.get(name)
    if text is None and f"{name}_FILE" in values:
        try:
            text = Path(values[f"{name}_FILE"]).read_text().strip()
        except OSError as error:
            raise ImproperlyConfigured(f"{name}_FILE cannot be read: {error}.") from error
    if text is None or (text == "" and not isinstance(spec.default, bool)):
        return None
    return _cast(name, text.strip(), spec.default)


def _cast(name: str, text: str, default: Any) -> Any:
    """`text` in the type of `default`."""
    if isinstance(default, bool):
        if text.lower() not in _TRUE + _FALSE:
            raise ImproperlyConfigured(f"{name}={text!r} is neither 1 (true) nor 0 (false).")
        return text.lower() in _TRUE
    if isinstance(default, int):
        if not text.isdigit():
            raise ImproperlyConfigured(f"{name}={text!r} is not a whole number of 0 or more.")
        return int(text)
    if isinstance(default, tuple):
        return tuple(part.strip() for part in text.split(",") if part.strip())
    if isinstance(default, Path):
        return Path(text).expanduser().absolute()
    return text


def _check(found: Environment) -> None:
    """Refuse values that cannot work, and a production server without its secrets."""
    for name, value, valid in (
        ("EFM_LOG", found.log_format, LOG_FORMATS),
        ("EFM_LOG_LEVEL", found.log_level, LOG_LEVELS),
    ):
        if value not in valid:
            raise ImproperlyConfigured(f"{name}={value!r} must be one of {', '.join(valid)}.")
    if not found.production:
        return
    missing = [
        name
        for name, value in (
            ("SECRET_KEY", found.secret_key),
            ("ALLOWED_HOSTS", found.allowed_hosts),
        )
        if not value
    ]
    if missing:
        raise ImproperlyConfigured(
            f"EFM_PRODUCTION=1 needs {' and '.join(missing)}: set "
            f"{'it' if len(missing) == 1 else 'them'} in the environment and start again."
        )
    if len(found.secret_key) < 32:
        raise ImproperlyConfigured("SECRET_KEY is too short: use 32 random characters or more.")
    if found.debug:
        raise ImproperlyConfigured("EFM_DEBUG=1 shows secrets: it cannot go with EFM_PRODUCTION=1.")


def _default_text(spec: Field[Any]) -> str:
    default = spec.default
    if isinstance(default, bool):
        return "1" if default else "0"
    if isinstance(default, Path):
        return str(default.relative_to(ROOT))
    return ", ".join(default) if isinstance(default, tuple) else str(default)


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


def kept_secret(path: Path) -> str:
    """The key kept in `path`; made on first use, readable by its owner only."""
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
    # Several processes may start at once: each writes its own file, the first link wins.
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.touch(mode=0o600)
    draft.write_text(secrets.token_urlsafe(48))
    try:
        path.hardlink_to(draft)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    return path.read_text().strip()
