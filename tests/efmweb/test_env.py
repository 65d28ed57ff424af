"""The environment: defaults safe for a laptop, clear refusals, production's demands."""

import stat
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from efmweb.settings import env, services

GOOD = {
    "EFM_PRODUCTION": "1",
    "SECRET_KEY": "k" * 50,
    "ALLOWED_HOSTS": "robots.example.org, efm.example.org",
}


def test_a_laptop_needs_no_variable_and_gets_safe_defaults() -> None:
    found = env.read({})
    assert (found.production, found.debug, found.host) == (False, False, "127.0.0.1")


def test_production_reads_its_hosts() -> None:
    assert env.read(GOOD).allowed_hosts == ("robots.example.org", "efm.example.org")


@pytest.mark.parametrize("missing", ["SECRET_KEY", "ALLOWED_HOSTS"])
def test_production_refuses_to_start_without(missing: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=rf"EFM_PRODUCTION=1 needs {missing}: set it"):
        env.read({key: value for key, value in GOOD.items() if key != missing})


def test_production_names_both_when_both_are_missing() -> None:
    with pytest.raises(ImproperlyConfigured, match="needs SECRET_KEY and ALLOWED_HOSTS: set them"):
        env.read({"EFM_PRODUCTION": "true"})


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("EFM_PRODUCTION", "maybe", "'maybe' is neither 1"),
        ("PORT", "eighty", "'eighty' is not a whole number"),
        ("EFM_LOG", "xml", "must be one of auto, text, json"),
        ("SECRET_KEY", "short", "too short"),
        ("EFM_DEBUG", "1", "cannot go with"),
        ("SECRET_KEY_FILE", "/nowhere/key", "SECRET_KEY_FILE cannot be read"),
    ],
)
def test_a_bad_value_is_refused_by_name(name: str, value: str, sentence: str) -> None:
    values = {**GOOD, name: value}
    if name == "SECRET_KEY_FILE":
        del values["SECRET_KEY"]
    with pytest.raises(ImproperlyConfigured, match=sentence):
        env.read(values)


def test_a_secret_may_come_from_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "key"
    secret.write_text("s" * 40 + "\n")
    assert env.read({"SECRET_KEY_FILE": str(secret)}).secret_key == "s" * 40


def test_the_kept_secret_is_private_and_stays(tmp_path: Path) -> None:
    path = tmp_path / "var" / "secret_key"
    first = env.kept_secret(path)
    assert env.kept_secret(path) == first
    assert len(first) >= 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in path.parent.iterdir()] == ["secret_key"]


def test_a_long_data_folder_gets_a_short_socket_folder(tmp_path: Path) -> None:
    short, long = Path("/srv/efm"), Path("/srv") / ("deep/" * 30)
    assert services.socket_folder(short) == short / "run"
    assert len(str(services.socket_folder(long))) <= services.LONGEST_SOCKET_FOLDER
    assert services.socket_folder(long) != services.socket_folder(long / "x")


def test_the_database_url_is_taken_as_given() -> None:
    found = env.read({"DATABASE_URL": "postgres://ann:pw@db.lab:5433/robots", "EFM_DB_POOL": "4"})
    config = services.database(found)
    assert (config["HOST"], str(config["PORT"]), config["NAME"]) == ("db.lab", "5433", "robots")
    assert config["CONN_MAX_AGE"] == 0
    assert config["OPTIONS"]["pool"]["max_size"] == 4


def test_another_database_engine_is_refused() -> None:
    with pytest.raises(ImproperlyConfigured, match="must begin with postgres://"):
        services.database(env.read({"DATABASE_URL": "sqlite:///efm.db"}))


@pytest.mark.parametrize(
    ("url", "broker"),
    [
        ("unix:///srv/run/redis.sock?db=3", "redis+socket:///srv/run/redis.sock?virtual_host=3"),
        ("redis://redis.lab:6379/2", "redis://redis.lab:6379/2"),
    ],
)
def test_celery_is_told_the_redis_url_in_its_own_spelling(url: str, broker: str) -> None:
    assert services.broker_url(url) == broker


def test_a_database_may_be_named_by_the_folder_of_its_socket() -> None:
    found = env.read({"DATABASE_URL": "postgres://efm@%2Frun%2Fpostgresql:5432/efm"})
    config = services.database(found)
    assert (config["HOST"], config["USER"], config["NAME"]) == ("/run/postgresql", "efm", "efm")
