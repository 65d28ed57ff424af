"""The verbs on people: adding, roles, keeping out, tokens, one-time links."""

from datetime import timedelta

import pytest
from django.utils import timezone

from practice.errors import ConflictError, ForbiddenError, InvalidError
from practice.models import ApiToken, AuditEntry, SignInLink, User
from practice.roles import Role
from practice.services import people

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("role", list(Role))
def test_a_person_has_exactly_the_role_given(ada: User, role: Role) -> None:
    person = people.add_person(" lin ", by=ada, role=role)
    assert person.username == "lin"
    assert person.role is role
    assert not person.has_usable_password()
    assert person.groups.count() == 1


def test_only_an_administrator_adds_people(otto: User) -> None:
    with pytest.raises(ForbiddenError):
        people.add_person("lin", by=otto, role=Role.ADMIN)
    assert not User.objects.filter(username="lin").exists()


@pytest.mark.parametrize(
    ("name", "password"), [("", ""), ("otto", ""), ("a b", ""), ("lin", "12345678"), ("lin", "x")]
)
def test_a_bad_name_or_weak_password_is_refused(
    ada: User, otto: User, name: str, password: str
) -> None:
    with pytest.raises(InvalidError):
        people.add_person(name, by=ada, role=Role.VIEWER, password=password)
    assert set(User.objects.values_list("username", flat=True)) == {"ada", "otto"}


def test_a_role_replaces_the_one_before(ada: User, otto: User) -> None:
    assert people.give_role(otto, Role.VIEWER, by=ada).role is Role.VIEWER
    assert people.give_role(otto, None, by=ada).role is None
    verbs = AuditEntry.objects.filter(verb="person.role").values_list("detail", flat=True)
    assert {str(detail["role"]) for detail in verbs} == {"viewer", "None"}


def test_the_last_administrator_cannot_go(ada: User) -> None:
    with pytest.raises(ConflictError, match="last administrator"):
        people.give_role(ada, Role.OPERATOR, by=ada)
    with pytest.raises(ConflictError, match="last administrator"):
        people.set_active(ada, active=False, by=ada)
    second = people.add_person("eve", by=ada, role=Role.ADMIN)
    assert people.give_role(ada, Role.OPERATOR, by=second).role is Role.OPERATOR
    with pytest.raises(ConflictError):
        people.give_role(second, None, by=second)


def test_an_administrator_kept_out_does_not_count_as_another(ada: User) -> None:
    second = people.add_person("eve", by=ada, role=Role.ADMIN)
    people.set_active(second, active=False, by=ada)
    with pytest.raises(ConflictError):
        people.give_role(ada, Role.VIEWER, by=ada)


def test_keeping_out_ends_role_and_tokens_and_comes_back_without_them(
    ada: User, otto: User
) -> None:
    people.issue_token(otto, by=otto, name="bench")
    people.set_active(otto, active=False, by=ada)
    assert User.objects.get(pk=otto.pk).role is None
    assert not ApiToken.objects.exists()
    people.set_active(otto, active=True, by=ada)
    assert User.objects.get(pk=otto.pk).role is Role.OPERATOR


def test_a_token_keeps_only_a_hash_and_its_lifetime(otto: User) -> None:
    token, secret = people.issue_token(otto, by=otto, name=" bench ", days=7, read_only=True)
    assert token.name == "bench"
    assert secret not in str(ApiToken.objects.filter(pk=token.pk).values().get())
    assert token.expiry is not None
    assert abs(token.expiry - timezone.now() - timedelta(days=7)) < timedelta(minutes=1)
    endless, _ = people.issue_token(otto, by=otto, name="robot", days=None)
    assert endless.expiry is None


def test_tokens_of_others_need_an_administrator(ada: User, otto: User, vera: User) -> None:
    with pytest.raises(ForbiddenError):
        people.issue_token(vera, by=otto, name="sneaky")
    token, _ = people.issue_token(vera, by=ada, name="given")
    with pytest.raises(ForbiddenError):
        people.revoke_token(token, by=otto)
    people.revoke_token(token, by=ada)
    assert not ApiToken.objects.exists()
    with pytest.raises(InvalidError):
        people.issue_token(otto, by=otto, name="  ")


def test_a_link_works_once_and_only_its_hash_is_kept(vera: User) -> None:
    secret = people.make_sign_in_link(vera, by=None)
    assert SignInLink.objects.filter(digest__contains=secret).count() == 0
    assert people.use_sign_in_link(secret) == vera
    with pytest.raises(ForbiddenError, match="used or expired"):
        people.use_sign_in_link(secret)
    assert AuditEntry.objects.filter(verb="person.signed_in_by_link", by=vera).count() == 1


def test_an_old_link_and_one_of_somebody_kept_out_are_refused(ada: User, vera: User) -> None:
    old, other = people.make_sign_in_link(vera, by=None), people.make_sign_in_link(vera, by=None)
    stale = SignInLink.objects.order_by("pk").first()
    assert stale is not None
    SignInLink.objects.filter(pk=stale.pk).update(expires_at=timezone.now())
    with pytest.raises(ForbiddenError):
        people.use_sign_in_link(old)
    people.set_active(vera, active=False, by=ada)
    with pytest.raises(ForbiddenError):
        people.use_sign_in_link(other)
    people.set_active(vera, active=True, by=ada)
    assert people.use_sign_in_link(other).pk == vera.pk
