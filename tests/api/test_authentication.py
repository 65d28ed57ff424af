"""Tokens and sessions."""

from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from practice.models import ApiToken, User
from practice.services.people import issue_token, revoke_token, set_active
from tests.api.conftest import Api


def test_a_token_lets_its_owner_in(otto_token: str) -> None:
    answer = Api(token=otto_token).get("me/")
    assert answer.status == 200
    assert answer.body["username"] == "otto"
    assert answer.body["role"] == "operator"
    assert answer.body["token"]["name"] == "script"


@pytest.mark.parametrize(
    "token",
    ["efm_nonsense", "x", "two words", "naïve", "\x00", "efm_" + "0" * 5000, "%00", "'; --"],
)
def test_a_bad_token_is_refused(db: None, otto_token: str, token: str) -> None:
    answer = Api(token=token).get("me/")
    assert answer.status == 401
    assert answer.error["code"] == "not_authenticated"


def test_a_token_that_differs_in_its_end_is_refused(otto_token: str) -> None:
    other = otto_token[:-1] + ("0" if otto_token[-1] != "0" else "1")
    assert Api(token=other).get("me/").status == 401


def test_an_expired_token_is_refused(otto: User, otto_token: str) -> None:
    ApiToken.objects.update(expiry=timezone.now() - timedelta(seconds=1))
    assert Api(token=otto_token).get("me/").status == 401


def test_a_revoked_token_is_refused_at_once(otto: User, otto_token: str) -> None:
    revoke_token(ApiToken.objects.get(), by=otto)
    assert Api(token=otto_token).get("me/").status == 401


def test_a_person_kept_out_is_kept_out_of_the_api(otto: User, ada: User, otto_token: str) -> None:
    session = Api(otto)
    assert session.get("me/").status == 200
    set_active(otto, active=False, by=ada)
    assert Api(token=otto_token).get("me/").status == 401
    assert session.get("me/").status == 401


def test_last_use_is_written_at_most_once_a_minute(
    otto_token: str, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    api = Api(token=otto_token)
    assert api.get("me/").status == 200
    first = ApiToken.objects.get().last_used_at
    assert first is not None
    with django_assert_num_queries(3):  # the token, its siblings, the role: no write
        api.get("me/")
    assert ApiToken.objects.get().last_used_at == first
    ApiToken.objects.update(last_used_at=first - timedelta(seconds=61))
    api.get("me/")
    assert ApiToken.objects.get().last_used_at >= first


def test_a_session_writes_only_with_its_csrf_token(otto: User) -> None:
    api = Api(otto, csrf=True)
    refused = api.post("tasks/", {})
    assert refused.status == 403
    assert "CSRF" in refused.error["message"]
    api.client.cookies["csrftoken"] = "a" * 32
    answer = api.send("POST", "tasks/", {}, headers={"X-CSRFToken": "a" * 32})
    assert answer.status == 400


def test_a_token_needs_no_csrf_token(otto: User) -> None:
    _, secret = issue_token(otto, by=otto, name="script")
    assert Api(token=secret, csrf=True).post("tasks/", {}).status == 400
