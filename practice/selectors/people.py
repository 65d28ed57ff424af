"""Reads for the pages of people and tokens."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import BooleanField, Count, ExpressionWrapper, Max, Q, QuerySet
from django.utils import timezone

from practice.errors import MissingError
from practice.models import ApiToken, User
from practice.roles import Role, holds


@dataclass(frozen=True, slots=True)
class PersonRow:
    """One person as the list shows them."""

    person: User
    role: Role | None
    """The role given, also to somebody who is not let in at present."""
    tokens: int
    last_seen: datetime | None
    """The later of the last sign-in and the last use of one of their tokens."""


def people_rows() -> list[PersonRow]:
    """Everybody, those who may enter first; two queries."""
    people = User.objects.prefetch_related("groups").annotate(
        tokens=Count("auth_token_set"), token_used=Max("auth_token_set__last_used_at")
    )
    return [
        PersonRow(p, _role_given(p), p.tokens, _later(p.last_login, p.token_used))
        for p in people.order_by("-is_active", "username")
    ]


def _role_given(person: User) -> Role | None:
    if person.is_superuser:
        return Role.ADMIN
    held = {group.name for group in person.groups.all()}
    return next((role for role in reversed(Role) if role.value in held), None)


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    return max((moment for moment in (one, other) if moment), default=None)


def person_by_id(pk: int) -> User:
    """One person.

    Raises:
        MissingError: there is none with this number.
    """
    person = User.objects.filter(pk=pk).first()
    if person is None:
        raise MissingError(f"There is no person {pk}; the list shows everybody.")
    return person


def tokens_for(person: User) -> QuerySet[ApiToken]:
    """The person's own tokens; for an administrator everybody's, their own first."""
    # knox is not typed, and so is the manager that the model inherits from it.
    tokens: QuerySet[ApiToken] = ApiToken.objects.select_related("user")
    if not holds(person, Role.ADMIN):
        return tokens.filter(user=person)
    own = ExpressionWrapper(Q(user=person), BooleanField())
    ordered: QuerySet[ApiToken] = tokens.annotate(own=own).order_by(
        "-own", "user__username", "-created"
    )
    return ordered


def token_by_key(person: User, key: str) -> ApiToken:
    """A token that `person` may revoke, by the beginning of its secret, which its page shows.

    Raises:
        MissingError: no such token, or it is somebody else's.
    """
    token = tokens_for(person).filter(token_key=key).first()
    if token is None:
        raise MissingError("There is no such token of yours; it may be revoked already.")
    return token


def has_expired(token: ApiToken) -> bool:
    """Whether the token's lifetime is over."""
    return token.expiry is not None and token.expiry <= timezone.now()
