"""/api/me/ and /api/people/"""

import pytest

from practice.models import AuditEntry, User
from tests.api.conftest import Api


def test_everybody_may_ask_who_they_are(viewer: Api, vera: User) -> None:
    assert viewer.get("me/").body == {
        "id": vera.pk,
        "username": "vera",
        "role": "viewer",
        "token": None,
    }


def test_an_administrator_adds_a_person(admin: Api, ada: User) -> None:
    answer = admin.post("people/", {"username": "rosa", "role": "operator"})
    assert answer.status == 201, answer
    assert (answer.body["role"], answer.body["is_active"]) == ("operator", True)
    rosa = User.objects.get(username="rosa")
    assert not rosa.has_usable_password()
    assert AuditEntry.objects.filter(by=ada, verb="person.added").exists()
    assert admin.post("people/", {"username": "rosa", "role": "viewer"}).status == 400


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"role": "king"}, "role"),
        ({"username": "a b"}, "username"),
        ({"is_superuser": True}, "is_"),
    ],
)
def test_a_bad_person_is_refused(admin: Api, change: dict[str, object], field: str) -> None:
    answer = admin.post("people/", {"username": "rosa", "role": "viewer", **change})
    assert any(name.startswith(field) for name in answer.error["fields"]), answer
    assert not User.objects.filter(username="rosa").exists()


def test_no_password_ever_comes_back(admin: Api) -> None:
    body = {"username": "rosa", "role": "viewer", "password": "a-long-phrase-of-mine"}
    answer = admin.post("people/", body)
    assert "password" not in answer.body
    assert User.objects.get(username="rosa").check_password("a-long-phrase-of-mine")
    body = {"username": "bob", "role": "viewer", "password": "123"}
    assert admin.post("people/", body).status == 400


def test_an_administrator_gives_and_takes_a_role(admin: Api, vera: User) -> None:
    path = f"people/{vera.pk}/"
    assert admin.patch(path, {"role": "operator"}).body["role"] == "operator"
    assert admin.patch(path, {"role": None, "is_active": False}).body["is_active"] is False
    assert admin.get(path).body["role"] is None
    assert admin.get("people/999999/").status == 404


def test_the_last_administrator_stays(admin: Api, ada: User) -> None:
    for change in ({"role": "viewer"}, {"is_active": False}, {"role": "admin", "is_active": False}):
        assert admin.patch(f"people/{ada.pk}/", change).status == 409
    ada = User.objects.get(pk=ada.pk)
    assert ada.is_active
    assert ada.is_manager
