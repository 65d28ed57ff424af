"""The stock admin site, to look at rows. It changes nothing: every change is a verb of a service, which checks, records and tells."""

from typing import Any

from django.contrib import admin
from django.contrib.auth import admin as _auth_admin  # noqa: F401 - registers Group, which we take out below
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import Group
from django.http import HttpRequest

from practice.models import (
    ApiToken,
    AuditEntry,
    Checkpoint,
    Dataset,
    Episode,
    Evaluation,
    Run,
    Task,
    Upload,
    User,
    Worker,
)
from practice.roles import Role, holds

# Strangers meet the one sign-in page, which limits attempts, instead of the admin's own.
admin.site.login = login_required(admin.site.login)  # type: ignore[method-assign]
# Roles are groups; they are given by services.people, which keeps one administrator and a record.
admin.site.unregister(Group)


def _may_enter(request: HttpRequest) -> bool:
    """The role decides here as well, beside Django's own mark of staff."""
    person = request.user
    return person.is_active and (person.is_staff or holds(person, Role.ADMIN))


admin.site.has_permission = _may_enter  # type: ignore[method-assign]


class ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # generic for mypy only
    """Rows to look at, for administrators; nothing to add, change or delete."""

    show_full_result_count = False

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Administrators only."""
        return holds(request.user, Role.ADMIN)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Administrators only."""
        return holds(request.user, Role.ADMIN)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody."""
        return False


@admin.register(Task)
class TaskAdmin(ReadOnlyAdmin):
    """Tasks."""

    list_display = ["slug", "name", "embodiment", "created_by", "archived_at"]
    list_select_related = ["created_by"]
    search_fields = ["slug", "name"]


@admin.register(Dataset)
class DatasetAdmin(ReadOnlyAdmin):
    """Datasets."""

    list_display = ["id", "name", "task", "state", "episodes_kept", "episodes_refused"]
    list_select_related = ["task"]
    list_filter = ["state"]


@admin.register(Run)
class RunAdmin(ReadOnlyAdmin):
    """Runs."""

    list_display = ["id", "name", "task", "kind", "state", "worker", "attempts", "created_at"]
    list_select_related = ["task"]
    list_filter = ["kind", "state"]


@admin.register(Checkpoint)
class CheckpointAdmin(ReadOnlyAdmin):
    """Checkpoints."""

    list_display = ["id", "name", "kind", "digest", "created_at"]
    list_filter = ["kind"]
    search_fields = ["digest"]


@admin.register(Evaluation)
class EvaluationAdmin(ReadOnlyAdmin):
    """Evaluations."""

    list_display = ["id", "checkpoint", "episodes", "success", "mean_steps", "created_at"]
    list_select_related = ["checkpoint"]


@admin.register(Episode)
class EpisodeAdmin(ReadOnlyAdmin):
    """Episodes."""

    list_display = ["id", "uid", "kind", "length", "ended_by", "true_success", "verdict"]
    list_filter = ["kind", "verdict"]


@admin.register(Worker)
class WorkerAdmin(ReadOnlyAdmin):
    """Workers."""

    list_display = ["name", "device_name", "slots", "queues", "seen_at"]


@admin.register(User)
class UserAdmin(ReadOnlyAdmin):
    """People, without the hash of their password."""

    list_display = ["username", "is_active", "is_superuser", "last_login"]
    exclude = ["password"]
    search_fields = ["username"]


@admin.register(ApiToken)
class ApiTokenAdmin(ReadOnlyAdmin):
    """Tokens, without their hash."""

    list_display = ["name", "user", "read_only", "created", "expiry", "last_used_at"]
    list_select_related = ["user"]
    exclude = ["digest", "token_key"]


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    """Who did what."""

    list_display = ["at", "by", "verb", "subject"]
    list_select_related = ["by"]
    list_filter = ["verb"]
    search_fields = ["subject"]


@admin.register(Upload)
class UploadAdmin(ReadOnlyAdmin):
    """Uploads in pieces."""

    list_display = ["id", "filename", "person", "size", "received", "dataset", "expires_at"]
    list_select_related = ["person", "dataset"]
