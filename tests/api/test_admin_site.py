"""/admin/: to look at, by administrators; it changes nothing."""

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group
from django.test import Client

from practice.models import Run, User
from tests.factories import make_run

REGISTERED = sorted(admin.site._registry, key=lambda model: model.__name__)


def _staff(person: User) -> Client:
    User.objects.filter(pk=person.pk).update(is_staff=True)
    client = Client()
    client.force_login(person)
    return client


@pytest.mark.parametrize("model", REGISTERED, ids=[model.__name__ for model in REGISTERED])
def test_rows_are_shown_and_never_changed(ada: User, model: type) -> None:
    run = make_run()
    client = _staff(ada)
    name = model.__name__.lower()
    assert client.get(f"/admin/practice/{name}/").status_code == 200
    assert client.get(f"/admin/practice/{name}/add/").status_code == 403
    if model is Run:
        path = f"/admin/practice/run/{run.pk}"
        assert client.get(f"{path}/change/").status_code == 200
        assert client.post(f"{path}/change/", {"state": "succeeded"}).status_code == 403
        assert client.post(f"{path}/delete/", {"post": "yes"}).status_code == 403
        run.refresh_from_db()
        assert run.state == Run.State.QUEUED


def test_roles_are_not_given_here() -> None:
    assert not admin.site.is_registered(Group)


def test_no_hash_is_shown(ada: User) -> None:
    page = _staff(ada).get(f"/admin/practice/user/{ada.pk}/change/").content.decode()
    assert "ada" in page
    assert User.objects.get(pk=ada.pk).password not in page


def test_the_role_is_enough_to_enter(ada: User, otto: User) -> None:
    client = Client()
    client.force_login(ada)
    assert not ada.is_staff
    assert client.get("/admin/practice/auditentry/").status_code == 200
    client.force_login(otto)
    assert client.get("/admin/practice/auditentry/").status_code == 302


def test_staff_without_the_role_see_nothing(otto: User) -> None:
    assert _staff(otto).get("/admin/practice/run/").status_code == 403


def test_a_stranger_is_sent_to_the_one_sign_in_page(db: None) -> None:
    answer = Client().get("/admin/login/")
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("/sign-in/")
