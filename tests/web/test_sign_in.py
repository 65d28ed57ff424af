"""Signing in: password with a throttle, one-time links that previews cannot spend, signing out."""

import uuid

import pytest
from django.core.cache import cache
from django.test import Client
from redis.exceptions import ConnectionError as RedisAway

from practice.models import SignInLink, User
from practice.roles import Role
from practice.services.people import add_person, make_sign_in_link
from tests.people import PASSWORD

pytestmark = pytest.mark.django_db


@pytest.fixture
def name(db: None) -> str:
    """Somebody with a name of this test alone, for tries are counted per name across tests."""
    name = f"person-{uuid.uuid4().hex[:12]}"
    add_person(name, by=None, role=Role.VIEWER, password=PASSWORD)
    return name


def attempt(name: str, password: str, client: Client | None = None, **more: str) -> tuple[int, str]:
    """Try to sign in; status and where it leads."""
    response = (client or Client()).post(
        "/sign-in/", {"username": name, "password": password, **more}
    )
    return response.status_code, response.get("Location", "")


def test_the_right_password_leads_to_the_page_asked_for(name: str) -> None:
    asked = Client().get("/episodes/?order=new")["Location"]
    client = Client()
    page = client.get(asked)
    assert page.status_code == 200
    assert 'value="/episodes/?order=new"' in page.content.decode()
    assert attempt(name, PASSWORD, client, next="/episodes/?order=new") == (
        302,
        "/episodes/?order=new",
    )
    assert client.get("/episodes/?order=new").status_code == 200
    assert client.get("/sign-in/?next=/tasks/")["Location"] == "/tasks/"


@pytest.mark.parametrize(
    "target", ["https://evil.example/", "//evil.example/x", "javascript:alert(1)", "http:///evil"]
)
def test_next_never_leaves_the_site(name: str, target: str) -> None:
    assert attempt(name, PASSWORD, next=target) == (302, "/")


def test_a_wrong_password_is_refused_and_says_little(name: str) -> None:
    response = Client().post("/sign-in/", {"username": name, "password": "wrong"})
    assert response.status_code == 400
    text = response.content.decode()
    assert "do not fit together" in text
    assert "wrong" not in text
    nobody = Client().post("/sign-in/", {"username": f"no-{name}", "password": "wrong"})
    assert nobody.content.decode().count("do not fit together") == 1


def test_tries_run_out_for_one_name_and_not_for_another(name: str) -> None:
    for _ in range(10):
        assert attempt(name, "wrong")[0] == 400
    assert attempt(name, "wrong")[0] == 429
    assert attempt(name.upper(), PASSWORD)[0] == 429  # even with the right one, and in any spelling
    other = f"{name}-b"
    add_person(other, by=None, role=Role.VIEWER, password=PASSWORD)
    assert attempt(other, PASSWORD)[0] == 302


def test_a_success_gives_the_tries_back(name: str) -> None:
    for _ in range(9):
        attempt(name, "wrong")
    assert attempt(name, PASSWORD)[0] == 302
    assert attempt(name, "wrong")[0] == 400


def test_an_outage_of_redis_locks_nobody_out(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object, **__: object) -> None:
        raise RedisAway("no answer")

    for command in ("add", "incr", "delete"):
        monkeypatch.setattr(cache, command, away)
    assert attempt(name, PASSWORD)[0] == 302


def test_who_is_kept_out_cannot_sign_in(name: str) -> None:
    User.objects.filter(username=name).update(is_active=False)
    assert attempt(name, PASSWORD)[0] == 400


def test_looking_at_a_link_does_not_spend_it(vera: User) -> None:
    url = f"/sign-in/{make_sign_in_link(vera, by=None)}/"
    for _ in range(3):
        page = Client().get(url)
        assert page.status_code == 200
        assert "autofocus" in page.content.decode()
        assert "no-store" in page["Cache-Control"]
    assert Client().head(url).status_code == 200
    assert SignInLink.objects.get().used_at is None


def test_a_link_that_is_looked_at_stands_in_no_log(
    vera: User, caplog: pytest.LogCaptureFixture
) -> None:
    secret = make_sign_in_link(vera, by=None)
    with caplog.at_level("INFO"):
        Client().get(f"/sign-in/{secret}/?next=/")
    said = [str(record.msg) for record in caplog.records]
    assert any("/sign-in/[hidden]/" in text for text in said), said
    assert not any(secret in text for text in said)


def test_a_link_signs_in_once(vera: User) -> None:
    url = f"/sign-in/{make_sign_in_link(vera, by=None)}/"
    client = Client()
    assert client.post(url)["Location"] == "/"
    assert client.get("/episodes/").status_code == 200
    second = Client()
    again = second.post(url)
    assert again.status_code == 403
    assert "used or expired" in again.content.decode()
    assert second.get("/episodes/").status_code == 302


def test_a_made_up_link_is_refused() -> None:
    assert Client().post("/sign-in/made-up-secret/").status_code == 403


def test_forms_need_their_csrf_token(vera: User) -> None:
    strict = Client(enforce_csrf_checks=True)
    url = f"/sign-in/{make_sign_in_link(vera, by=None)}/"
    assert strict.post(url).status_code == 403
    assert SignInLink.objects.get().used_at is None


def test_signing_out_takes_a_post(vera: User) -> None:
    client = Client()
    client.force_login(vera)
    assert client.get("/sign-out/").status_code == 405
    assert client.get("/episodes/").status_code == 200
    assert client.post("/sign-out/")["Location"] == "/sign-in/"
    assert client.get("/episodes/").status_code == 302
