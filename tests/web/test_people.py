"""People and tokens: who may manage, what is shown once, what is refused."""

import re
from collections.abc import Callable

import pytest
from django.test import Client

from practice.models import ApiToken, SignInLink, User
from practice.roles import Role
from practice.selectors.people import people_rows
from practice.services.people import add_person, issue_token

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


def signed_in(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client


def link_in(page: str) -> str:
    """The path of the sign-in link on a page."""
    found = re.search(r"/sign-in/[\w-]{20,}/", page)
    assert found is not None, page
    return found.group(0)


def test_only_administrators_manage_people(otto: User, vera: User) -> None:
    client = signed_in(otto)
    assert client.get("/people/").status_code == 403
    assert client.post("/people/new/", {"username": "x", "role": "admin"}).status_code == 403
    assert client.post(f"/people/{otto.pk}/role/", {"role": "admin"}).status_code == 403
    assert client.post(f"/people/{vera.pk}/active/", {"active": "no"}).status_code == 403
    assert client.post(f"/people/{vera.pk}/link/").status_code == 403
    assert Client().get("/people/")["Location"].startswith("/sign-in/")
    assert not SignInLink.objects.exists()
    assert User.objects.get(pk=otto.pk).role is Role.OPERATOR


def test_the_list_shows_everybody_with_few_queries(
    ada: User, otto: User, vera: User, django_assert_num_queries: Callable[..., object]
) -> None:
    issue_token(otto, by=otto, name="one")
    issue_token(otto, by=otto, name="two")
    rows = {row.person.username: row for row in people_rows()}
    assert (rows["ada"].role, rows["vera"].role) == (Role.ADMIN, Role.VIEWER)
    assert (rows["otto"].tokens, rows["vera"].tokens) == (2, 0)
    with django_assert_num_queries(2):  # type: ignore[attr-defined]
        people_rows()


def test_somebody_without_a_password_gets_a_link_shown_once(ada: User) -> None:
    client = signed_in(ada)
    data = {"username": "lin", "role": "operator", "password": ""}
    shown = client.post("/people/new/", data, headers=HTMX)
    path = link_in(shown.content.decode())
    assert "no-store" in shown["Cache-Control"]
    assert path not in client.get("/people/").content.decode()
    visitor = Client()
    assert visitor.post(path).status_code == 302
    assert visitor.get("/episodes/").status_code == 200
    assert User.objects.get(username="lin").role is Role.OPERATOR


def test_somebody_with_a_password_signs_in_with_it(ada: User) -> None:
    data = {"username": "lin", "role": "viewer", "password": "steps-to-go-are-few"}
    response = signed_in(ada).post("/people/new/", data)
    assert response["Location"] == "/people/"
    assert Client().login(username="lin", password="steps-to-go-are-few")
    assert not SignInLink.objects.exists()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"username": "otto", "role": "viewer"}, "already exists"),
        ({"username": "", "role": "viewer"}, "required"),
        ({"username": "a b", "role": "viewer"}, "valid username"),
        ({"username": "lin", "role": "king"}, "not one of the available choices"),
        ({"username": "lin", "role": "viewer", "password": "short"}, "too short"),
    ],
)
def test_a_bad_person_is_refused_with_the_reason(
    ada: User, otto: User, data: dict[str, str], said: str
) -> None:
    before = User.objects.count()
    whole = signed_in(ada).post("/people/new/", data)
    assert whole.status_code == 400
    assert said in whole.content.decode()
    part = signed_in(ada).post("/people/new/", data, headers=HTMX)
    assert said in part.content.decode()
    assert "<html" not in part.content.decode()
    assert User.objects.count() == before


def test_roles_are_given_and_taken(ada: User, vera: User) -> None:
    client = signed_in(ada)
    for word, role in (("operator", Role.OPERATOR), ("", None)):
        assert client.post(f"/people/{vera.pk}/role/", {"role": word}).status_code == 302
        assert User.objects.get(pk=vera.pk).role is role
    assert client.post(f"/people/{vera.pk}/role/", {"role": "king"}).status_code == 400
    assert client.post("/people/31337/role/", {"role": "viewer"}).status_code == 404


def test_the_last_administrator_stays(ada: User) -> None:
    client = signed_in(ada)
    refused = client.post(
        f"/people/{ada.pk}/role/",
        {"role": "viewer"},
        headers={"Referer": "http://testserver/people/"},
    )
    assert refused["Location"] == "http://testserver/people/"
    assert "last administrator" in client.get("/people/").content.decode()
    client.post(f"/people/{ada.pk}/active/", {"active": "no"})
    assert User.objects.get(pk=ada.pk).role is Role.ADMIN


def test_who_is_kept_out_gets_no_link_and_loses_tokens(ada: User, otto: User) -> None:
    issue_token(otto, by=otto, name="one")
    inside, client = signed_in(otto), signed_in(ada)
    client.post(f"/people/{otto.pk}/active/", {"active": "no"})
    assert inside.get("/episodes/").status_code == 302
    assert not ApiToken.objects.exists()
    assert client.post(f"/people/{otto.pk}/link/").status_code == 400
    client.post(f"/people/{otto.pk}/active/", {"active": "yes"})
    page = client.post(f"/people/{otto.pk}/link/").content.decode()
    assert Client().post(link_in(page)).status_code == 302


def test_a_token_is_shown_once_and_works(otto: User) -> None:
    client = signed_in(otto)
    data = {"name": "notebook", "days": "30", "read_only": "on"}
    shown = client.post("/tokens/new/", data, headers=HTMX)
    secret = shown.context["secret"].value
    assert f"Authorization: Token {secret}" in shown.context["secret"].example
    assert "no-store" in shown["Cache-Control"]
    later = client.get("/tokens/").content.decode()
    assert secret not in later
    assert "notebook" in later
    token = ApiToken.objects.get()
    assert (token.user, token.read_only) == (otto, True)
    assert token.expiry is not None
    assert (token.expiry - token.created).days in (29, 30)
    assert secret.startswith(token.token_key)


@pytest.mark.parametrize(
    "data", [{"name": " ", "days": "9"}, {"name": "a", "days": "0"}, {"name": "a"}]
)
def test_a_bad_token_is_not_made(otto: User, data: dict[str, str]) -> None:
    assert signed_in(otto).post("/tokens/new/", data).status_code == 400
    assert not ApiToken.objects.exists()


def test_tokens_of_others_are_for_administrators(ada: User, otto: User, vera: User) -> None:
    token, _ = issue_token(otto, by=otto, name="bench notebook")
    url = f"/tokens/{token.token_key}/revoke/"
    viewer = signed_in(vera)
    assert "bench notebook" not in viewer.get("/tokens/").content.decode().replace(
        "placeholder", ""
    )
    assert viewer.post(url).status_code == 404
    assert ApiToken.objects.exists()
    admin = signed_in(ada)
    issue_token(ada, by=ada, name="my own")
    page = admin.get("/tokens/").content.decode()
    assert page.index("my own") < page.index("bench notebook")
    assert admin.post(url).status_code == 302
    assert list(ApiToken.objects.values_list("name", flat=True)) == ["my own"]


def test_tokens_are_listed_with_one_query_however_many(
    otto: User, django_assert_num_queries: Callable[..., object]
) -> None:
    client = signed_in(otto)
    for name in "abc":
        issue_token(otto, by=otto, name=name)
    with django_assert_num_queries(4):  # type: ignore[attr-defined]
        client.get("/tokens/")


def test_an_account_without_a_role_makes_no_token(ada: User) -> None:
    person = add_person("guest", by=ada, role=Role.VIEWER)
    person.groups.clear()
    assert signed_in(person).post("/tokens/new/", {"name": "x", "days": "1"}).status_code == 403
