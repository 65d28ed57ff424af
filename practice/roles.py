"""Who may do what: a viewer sees, an operator acts, an admin manages people and tokens.

Roles are Django groups of the same names, so that an identity provider or the admin site can give them. A higher role holds
all lower ones.
"""

from enum import StrEnum
from typing import Protocol

from practice.errors import ForbiddenError


class Role(StrEnum):
    """Roles from least to most; the values are the names of the Django groups."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"

    def covers(self, other: "Role") -> bool:
        """Whether this role may do all that `other` may."""
        order = list(Role)
        return order.index(self) >= order.index(other)


class HasRole(Protocol):
    """Anybody who can be asked for a role: a user, or the anonymous visitor."""

    @property
    def role(self) -> Role | None: ...


def holds(person: object, needed: Role) -> bool:
    """Whether `person` holds `needed`; an anonymous visitor holds nothing."""
    role: Role | None = getattr(person, "role", None)
    return role is not None and role.covers(needed)


def require(person: object, needed: Role) -> None:
    """Refuse unless `person` holds `needed`.

    Raises:
        ForbiddenError: with the role that is missing and whom to ask.
    """
    if not holds(person, needed):
        raise ForbiddenError(
            f"This needs the role {needed.value}; ask an administrator to give it to you."
        )
