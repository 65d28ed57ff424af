"""What every answer carries, and the pages of the composition itself: health, metrics, static files."""

import json
import os
import subprocess
import sys

import pytest
import redis
from django.contrib.staticfiles import finders
from django.db import OperationalError, connection
from django.test import Client
from pytest_django.fixtures import Settings

from practice.models import User


def test_the_web_process_shares_few_connections_to_the_database() -> None:
    code = (
        "import uvicorn, efmweb.web;"
        "uvicorn.run = lambda *_, **__: None;"
        "efmweb.web.main(['--host', 'localhost', '--port', '1']);"
        "from django.conf import settings;"
        "print(settings.DATABASES['default']['OPTIONS']['pool']['max_size'])"
    )
    apart = {name: value for name, value in os.environ.items() if name != "EFM_DB_POOL"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=apart, capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.returncode) == ("8\n", 0), done.stderr


@pytest.mark.django_db
def test_health_is_open_and_says_no_more_than_it_must(client: Client) -> None:
    answer = client.get("/health")
    assert answer.status_code == 200
    assert answer.json() == {"status": "ok", "database": "ok", "redis": "ok"}


@pytest.mark.django_db
def test_health_tells_when_redis_is_away(client: Client, settings: Settings) -> None:
    settings.EFM_REDIS_URL = "unix:///nowhere/redis.sock?db=0"
    answer = client.get("/health")
    assert answer.status_code == 503
    assert answer.json() == {"status": "unavailable", "database": "ok", "redis": "unreachable"}


@pytest.mark.django_db
def test_health_tells_when_the_database_is_away(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_args: object) -> None:
        raise OperationalError("password of the database: hunter2")

    monkeypatch.setattr(connection, "cursor", refuse)
    answer = client.get("/health")
    assert answer.status_code == 503
    assert json.loads(answer.content)["database"] == "unreachable"
    assert b"hunter2" not in answer.content


@pytest.mark.django_db
def test_scripts_come_from_here_alone_but_for_one_nonce_an_answer(client: Client) -> None:
    policies = [client.get("/health").headers["Content-Security-Policy"] for _ in range(2)]
    assert "default-src 'self'" in policies[0]
    assert "unsafe-inline" not in policies[0].split("script-src")[1].split(";")[0]
    assert policies[0] != policies[1]


@pytest.mark.parametrize("who", ["nobody", "vera", "otto"])
def test_metrics_are_for_admins(client: Client, who: str, request: pytest.FixtureRequest) -> None:
    if who != "nobody":
        client.force_login(request.getfixturevalue(who))
    else:
        request.getfixturevalue("db")
    assert client.get("/metrics").status_code in {401, 403}


def test_metrics_count_runs_workers_and_messages(client: Client, ada: User) -> None:
    client.force_login(ada)
    answer = client.get("/metrics")
    assert answer.status_code == 200
    text = answer.content.decode()
    for name in ("efm_runs", "efm_datasets", "efm_worker_slots", "efm_queue_messages"):
        assert f"# TYPE {name} gauge" in text
    assert 'efm_queue_messages{queue="gpu"} 0.0' in text


def test_metrics_do_without_redis(client: Client, ada: User, settings: Settings) -> None:
    settings.EFM_REDIS_URL = "unix:///nowhere/redis.sock?db=0"
    client.force_login(ada)
    assert client.get("/metrics").status_code == 200


@pytest.mark.parametrize(
    "name", ["vendor/plotly/plotly.min.js", "django_htmx/htmx-2.min.js", "css/tokens.css"]
)
def test_static_files_are_found_without_collecting(name: str) -> None:
    assert finders.find(name)


def test_no_other_file_of_a_package_is_served() -> None:
    assert finders.find("vendor/plotly/datasets") is None


def test_a_session_of_tests_has_its_own_keys(settings: Settings) -> None:
    assert settings.EFM_REDIS_PREFIX.startswith("efm-test-")
    with redis.Redis.from_url(settings.EFM_REDIS_URL) as client:
        assert client.ping()
