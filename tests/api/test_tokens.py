"""/api/tokens/"""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from practice.models import ApiToken, User
from practice.services.people import issue_token
from tests.api.conftest import Api


def test_the_secret_is_shown_once_and_works(viewer: Api) -> None:
    made = viewer.post("tokens/", {"name": "notebook", "days": 7})
    assert made.status == 201, made
    assert made.headers["Cache-Control"] == "no-store"
    secret = made.body["secret"]
    assert Api(token=secret).get("me/").body["username"] == "vera"
    listed = viewer.get("tokens/")
    assert secret not in json.dumps(listed.body)
    assert listed.body["results"][0]["id"] == made.body["id"]
    assert made.body["id"] not in secret
    expiry = ApiToken.objects.get().expiry
    assert expiry is not None
    assert abs(expiry - timezone.now() - timedelta(days=7)) < timedelta(minutes=1)


def test_a_token_without_days_ends_as_the_server_is_set_to(operator: Api) -> None:
    body = operator.post("tokens/", {"name": "notebook", "read_only": True}).body
    assert body["expires_at"]
    assert body["read_only"] is True


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": ""}, "name"),
        ({"days": 0}, "days"),
        ({"days": 9**9}, "days"),
        ({"person": "x"}, "person"),
    ],
)
def test_a_bad_token_is_refused(admin: Api, change: dict[str, Any], field: str) -> None:
    assert field in admin.post("tokens/", {"name": "notebook", **change}).error["fields"]


def test_tokens_for_others_are_made_by_administrators(
    admin: Api, operator: Api, vera: User
) -> None:
    body = {"name": "wall display", "person": "vera", "read_only": True}
    assert operator.post("tokens/", body).status == 403
    made = admin.post("tokens/", body)
    assert made.body["person"] == "vera"
    assert Api(token=made.body["secret"]).get("me/").body["role"] == "viewer"


def test_one_sees_and_revokes_ones_own(viewer: Api, vera: User, otto: User, ada: User) -> None:
    own, _ = issue_token(vera, by=vera, name="own")
    other, _ = issue_token(otto, by=otto, name="other")
    assert [row["name"] for row in viewer.get("tokens/").body["results"]] == ["own"]
    assert viewer.delete(f"tokens/{other.digest[:16]}/").status == 404
    assert viewer.delete(f"tokens/{own.digest[:15]}/").status == 404
    assert viewer.delete(f"tokens/{own.digest[:16]}/").status == 204
    assert viewer.get("tokens/").body["count"] == 0
    admin = Api(ada)
    assert admin.get("tokens/").body["count"] == 1
    assert admin.get("tokens/?person=vera").body["count"] == 0
    assert admin.delete(f"tokens/{other.digest[:16]}/").status == 204
    assert not ApiToken.objects.exists()
