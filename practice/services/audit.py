"""The record of who did what."""

from typing import Any

from django.db import models

from practice.models import AuditEntry, User


def record(by: User | None, verb: str, subject: models.Model, **detail: Any) -> None:
    """Add an audit entry, inside the caller's transaction; `by` None is the system itself."""
    AuditEntry.objects.create(
        by=by, verb=verb, subject=f"{subject._meta.model_name}:{subject.pk}", detail=detail
    )
