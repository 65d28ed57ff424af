"""Verbs on people: add, give a role, issue and revoke tokens, one-time sign-in links."""

import hashlib
import secrets
from datetime import timedelta

from django.contrib.auth.models import Group
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone

from practice.errors import ConflictError, ForbiddenError, InvalidError
from practice.models import ApiToken, SignInLink, User
from practice.roles import Role, require
from practice.services import audit

LINK_LIFETIME = timedelta(minutes=30)


@transaction.atomic
def add_person(username: str, *, by: User | None, role: Role, password: str = "") -> User:
    """Add a person; without a password they sign in by a one-time link. `by` None: set-up on the server itself.

    Raises:
        InvalidError: the name is taken or empty, or the password too weak.
    """
    if by is not None:
        require(by, Role.ADMIN)
    person = User(username=username.strip())
    try:
        person.full_clean(exclude=["password"])
        if password:
            validate_password(password, person)
    except ValidationError as error:
        raise InvalidError(" ".join(error.messages), fields={"username": "not accepted"}) from error
    person.set_password(password or None)
    try:
        with transaction.atomic():
            person.save()
    except IntegrityError as error:
        raise InvalidError(f"The name {username!r} is taken; choose another.") from error
    _set_role(person, role)
    audit.record(by, "person.added", person, role=role.value)
    return person


@transaction.atomic
def give_role(person: User, role: Role | None, *, by: User) -> User:
    """Give a person exactly this role; None takes every role away.

    Raises:
        ConflictError: the last administrator cannot step down.
    """
    require(by, Role.ADMIN)
    if role is not Role.ADMIN and person.role is Role.ADMIN and not _other_admins(person):
        raise ConflictError(f"{person} is the last administrator; make another one first.")
    if person.is_superuser and role is not Role.ADMIN:
        person.is_superuser = False
        person.save(update_fields=["is_superuser"])
    _set_role(person, role)
    audit.record(by, "person.role", person, role=role.value if role else None)
    return User.objects.get(pk=person.pk)


@transaction.atomic
def set_active(person: User, *, active: bool, by: User) -> User:
    """Let a person in, or keep them out; their rows and labels stay."""
    require(by, Role.ADMIN)
    if not active and person.role is Role.ADMIN and not _other_admins(person):
        raise ConflictError(f"{person} is the last administrator; make another one first.")
    person.is_active = active
    person.save(update_fields=["is_active"])
    if not active:
        ApiToken.objects.filter(user=person).delete()
    audit.record(by, "person.activated" if active else "person.deactivated", person)
    return person


def _set_role(person: User, role: Role | None) -> None:
    person.groups.remove(*Group.objects.filter(name__in=[r.value for r in Role]))
    if role is not None:
        person.groups.add(Group.objects.get_or_create(name=role.value)[0])
    person.__dict__.pop("role", None)


def _other_admins(person: User) -> bool:
    others = User.objects.filter(is_active=True).exclude(pk=person.pk)
    return (
        others.filter(groups__name=Role.ADMIN.value).exists()
        or others.filter(is_superuser=True).exists()
    )


@transaction.atomic
def issue_token(
    person: User, *, by: User, name: str, days: int | None = 90, read_only: bool = False
) -> tuple[ApiToken, str]:
    """Make an API token; gives the row and the secret, which is shown once and never stored.

    Raises:
        ForbiddenError: only an administrator makes tokens for somebody else.
    """
    if by.pk == person.pk:
        require(by, Role.VIEWER)
    else:
        require(by, Role.ADMIN)
    if not name.strip():
        raise InvalidError(
            "Give the token a name that says what uses it.", fields={"name": "empty"}
        )
    expiry = None if days is None else timedelta(days=days)
    token, secret = ApiToken.objects.create(
        user=person, expiry=expiry, name=name.strip()[:80], read_only=read_only
    )
    audit.record(by, "token.issued", person, name=token.name, read_only=read_only)
    return token, secret


@transaction.atomic
def revoke_token(token: ApiToken, *, by: User) -> None:
    """Make a token worthless at once."""
    if by.pk != token.user_id:
        require(by, Role.ADMIN)
    audit.record(by, "token.revoked", token.user, name=token.name)
    token.delete()


@transaction.atomic
def make_sign_in_link(person: User, *, by: User | None) -> str:
    """A secret that signs `person` in once within half an hour. `by` None: the server's own console."""
    if by is not None:
        require(by, Role.ADMIN)
    audit.record(by, "person.link", person)
    secret = secrets.token_urlsafe(32)
    SignInLink.objects.create(
        user=person, digest=_digest(secret), expires_at=timezone.now() + LINK_LIFETIME
    )
    return secret


def use_sign_in_link(secret: str) -> User:
    """The person that an unused, unexpired link signs in; the link is spent.

    Raises:
        ForbiddenError: unknown, used or expired, or the person may not enter.
    """
    link = SignInLink.objects.select_related("user").filter(digest=_digest(secret)).first()
    now = timezone.now()
    spent = SignInLink.objects.filter(
        digest=_digest(secret), used_at=None, expires_at__gt=now, user__is_active=True
    ).update(used_at=now)
    if link is None or not spent:
        raise ForbiddenError("This sign-in link is used or expired; ask for a new one.")
    audit.record(link.user, "person.signed_in_by_link", link.user)
    return link.user


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
