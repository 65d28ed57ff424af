"""People, their API tokens and one-time sign-in links."""

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.utils.functional import cached_property
from knox.models import AbstractAuthToken

from practice.roles import Role


class User(AbstractUser):  # type: ignore[django-manager-missing]  # knox's manager is untyped
    """A person of the lab. The role comes from the person's groups; a superuser is an admin."""

    @cached_property
    def role(self) -> Role | None:
        """The highest role held, or None for an inactive or role-less account."""
        if not self.is_active:
            return None
        if self.is_superuser:
            return Role.ADMIN
        held = set(self.groups.values_list("name", flat=True))
        return next((role for role in reversed(Role) if role.value in held), None)

    @property
    def is_viewer(self) -> bool:
        """May see."""
        return self.role is not None

    @property
    def is_operator(self) -> bool:
        """May act: define tasks, launch runs, label episodes."""
        return self.role is not None and self.role.covers(Role.OPERATOR)

    @property
    def is_manager(self) -> bool:
        """May manage people and tokens."""
        return self.role is Role.ADMIN

    def __str__(self) -> str:
        return self.get_full_name() or self.username


class ApiToken(AbstractAuthToken):  # type: ignore[misc]  # knox is untyped
    """A named token for programs; only its hash is kept. `read_only` caps it at seeing."""

    name = models.CharField(max_length=80)
    read_only = models.BooleanField(default=False)
    last_used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created"]

    def __str__(self) -> str:
        return f"{self.name} ({self.token_key[:8]}…)"


class SignInLink(models.Model):
    """A link that signs one person in once, before it expires; only its hash is kept."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="sign_in_links")
    digest = models.CharField(max_length=64, unique=True)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"sign-in link of {self.user}"


class AuditEntry(models.Model):
    """Who did what to which thing, and when. Rows are only ever added."""

    at = models.DateTimeField(auto_now_add=True, db_index=True)
    by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    verb = models.CharField(max_length=60)
    subject = models.CharField(max_length=80, db_index=True)
    detail = models.JSONField(default=dict)

    class Meta:
        ordering = ["-at", "-id"]

    def __str__(self) -> str:
        return f"{self.verb} {self.subject}"
