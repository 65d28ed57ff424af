"""What a role may do at an endpoint. Services check again: this only refuses early, before a body is read."""

from typing import Any

from rest_framework.exceptions import NotAuthenticated
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from practice.roles import Role, require


class HasRole(BasePermission):
    """The view's `reads` for safe methods, its `writes` for all others."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """True, or an error that says which role is missing."""
        if not request.user.is_authenticated:
            raise NotAuthenticated("Sign in, or send a token: Authorization: Token efm_….")
        needed: Role = view.reads if request.method in SAFE_METHODS else view.writes
        require(request.user, needed)
        return True
