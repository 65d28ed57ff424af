"""Logging: structlog for people on a terminal, one JSON object per line for machines.

django-structlog binds the request's id to each line of a request and the job's id to each line of
a job; records of the standard library pass through the same formatter and so carry them too.
"""

import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog
from structlog.typing import Processor

_SECRETS = re.compile(r"(?<=/sign-in/)[^/\s?]+")
"""What a sign-in link ends in: until it is used, whoever reads it can sign in."""


def hide_secrets(
    _logger: Any, _method: str, line: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """A processor that leaves no sign-in link in what is said of a request."""
    for name in ("event", "request"):
        if isinstance(line.get(name), str) and "/sign-in/" in line[name]:
            line[name] = _SECRETS.sub("[hidden]", line[name])
    return line


_SHARED: tuple[Processor, ...] = (
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.StackInfoRenderer(),
    hide_secrets,
)

QUIET: dict[str, dict[str, Any]] = {
    # django-structlog says the same about each request, with its id.
    "django.server": {"handlers": [], "propagate": False},
    "django.request": {"level": "ERROR"},
    "uvicorn.access": {"handlers": [], "propagate": False},
    "uvicorn.error": {"level": "WARNING"},
    # One line per beat and per received message is noise below a warning.
    "celery.beat": {"level": "WARNING"},
    "celery.worker.strategy": {"level": "WARNING"},
    "celery.worker.consumer.connection": {"level": "WARNING"},
    "celery.app.trace": {"level": "WARNING"},
    "kombu": {"level": "WARNING"},
    # It names an accelerator that nothing here needs.
    "OpenGL": {"level": "WARNING"},
}
"""Loggers that would say the same twice, or something every few seconds."""


def use_json(log_format: str, *, production: bool) -> bool:
    """Whether lines are JSON: as EFM_LOG says; `auto` means production without a terminal."""
    if log_format == "auto":
        return production and not sys.stderr.isatty()
    return log_format == "json"


def _stamp(*, as_json: bool) -> Processor:
    """Full time stamps for machines, the clock's time for people."""
    return structlog.processors.TimeStamper(fmt="iso" if as_json else "%H:%M:%S", utc=as_json)


def logging_config(*, as_json: bool, level: str) -> dict[str, Any]:
    """The `LOGGING` setting."""
    renderer: Processor = (
        structlog.processors.JSONRenderer()
        if as_json
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(),
            pad_event_to=0,
            # Plain: values of local variables are not for a log, where secrets would be among them.
            exception_formatter=structlog.dev.plain_traceback,
        )
    )
    last: list[Processor] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if as_json:
        last.append(structlog.processors.format_exc_info)
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "lines": {
                "()": structlog.stdlib.ProcessorFormatter,
                "processors": [*last, renderer],
                "foreign_pre_chain": [*_SHARED, _stamp(as_json=as_json)],
            }
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "lines"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": QUIET,
    }


def configure_structlog(*, as_json: bool) -> None:
    """Send structlog's own loggers through the standard library's handlers."""
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_SHARED,
            _stamp(as_json=as_json),
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
