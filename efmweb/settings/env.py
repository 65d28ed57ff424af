"""Everything efmweb reads from the environment, in one place.

`Environment` lists each variable once, with its help; `docs/operations.md` carries the same list
and a test compares the two. `read()` turns a mapping into an `Environment` and says in one
sentence which value it cannot use. Nothing else in the project reads configuration from
`os.environ`. Processes that know no Django find EFM_EMBODIMENTS and EFM_BASES there, where settings put them.
"""

import os
import secrets
from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured

ROOT = Path(__file__).resolve().parents[2]
LOOPBACK_HOSTS = ("localhost", "127.0.0.1", "[::1]")
LOG_FORMATS = ("auto", "text", "json")
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")

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
        "Free megabytes of disk below which no frames of practice are recorded, imports and exports fail, and the frame cache makes room.",
    )
    frames_in_memory_megabytes: int = _variable(
        "EFM_FRAMES_IN_MEMORY_MB",
        1024,
        "Pictures of demonstrations that a run keeps in memory, in megabytes; more are mapped from the frame cache.",
    )
    frame_cache_megabytes: int = _variable(
        "EFM_FRAME_CACHE_MB",
        32768,
        "Size of the frame cache in EFM_VAR/frames, in megabytes; what was not used for longest goes first.",
    )
    gpus_per_run: int = _variable(
        "EFM_GPUS_PER_RUN",
        1,
        "GPUs of one worker that a Stage 1 learns on together, as many processes of it; 0: all that the worker sees.",
    )
    import_folders: tuple[str, ...] = _variable(
        "EFM_IMPORT_FOLDERS",
        (),
        "Folders, with commas between them, from which operators may import datasets that lie on the server.",
    )
    token_days: int = _variable("EFM_TOKEN_DAYS", 90, "Days until a new API token ends.")
    hub_token: str = _variable(
        "EFM_HUB_TOKEN",
        "",
        "Token of the Hugging Face Hub: private datasets and checkpoints are fetched with it, and ours pushed, which needs a write token.",
    )
    hub_url: str = _variable(
        "EFM_HUB_URL", "", "Another Hub than https://huggingface.co, such as a mirror."
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
