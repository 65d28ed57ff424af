"""A database for one benchmark: nothing it writes is ever seen by the people of the site."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

from django.conf import settings
from django.db import connection


@contextmanager
def scratch_database() -> Iterator[dict[str, str]]:
    """Make and migrate an empty database and switch to it; drop it at the end.

    Yields:
        The environment in which another process finds it, with a Redis prefix of its own.
    """
    before: Any = connection.settings_dict["NAME"]
    name = f"efm_bench_{os.getpid()}"
    connection.settings_dict["TEST"]["NAME"] = name
    connection.creation.create_test_db(verbosity=0, autoclobber=True)
    try:
        yield {
            "DJANGO_SETTINGS_MODULE": "efmweb.settings",
            "DATABASE_URL": _url(name),
            "REDIS_URL": settings.EFM_REDIS_URL,
            "EFM_REDIS_PREFIX": name,
            "EFM_PRODUCTION": "0",
            "EFM_DEBUG": "0",
            "EFM_LOG_LEVEL": "WARNING",
            "ALLOWED_HOSTS": "127.0.0.1",
            "SECRET_KEY": settings.SECRET_KEY,
            "OMP_NUM_THREADS": "1",
        }
    finally:
        connection.creation.destroy_test_db(before, verbosity=0)


def _url(name: str) -> str:
    """DATABASE_URL for the database `name` on the server in use, socket folders included."""
    found = connection.settings_dict
    user, password = quote(found["USER"], safe=""), quote(found["PASSWORD"], safe="")
    query = "&".join(
        f"{key}={quote(str(found[field]), safe='')}"
        for key, field in (("host", "HOST"), ("port", "PORT"))
        if found[field]
    )
    return f"postgres://{user}{':' + password if password else ''}@/{name}?{query}"
