"""The record of who did what, as its page shows it."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import QuerySet

from practice.models import AuditEntry, Task, User


@dataclass(frozen=True, slots=True)
class AuditLine:
    """One entry in words."""

    entry: AuditEntry
    kind: str
    """What it is about: "dataset", "episode", ..."""
    key: str
    """Which: the number in its address, a task's slug, a person's name."""

    @property
    def words(self) -> str:
        """The verb as people read it."""
        return self.entry.verb.replace(".", " ").replace("_", " ")

    @property
    def details(self) -> list[tuple[str, str]]:
        """What else was kept, name and value."""
        return [(name.replace("_", " "), _said(value)) for name, value in self.entry.detail.items()]


def audit_rows(*, by: str = "", about: str = "") -> QuerySet[AuditEntry]:
    """The entries, newest first: all, those of the person `by`, those `about` one kind of thing."""
    rows = AuditEntry.objects.select_related("by")
    if by:
        rows = rows.filter(by__username=by)
    return rows.filter(subject__startswith=f"{about}:") if about else rows


def audit_lines(entries: Iterable[AuditEntry]) -> list[AuditLine]:
    """Entries in words; tasks and people, which have names for numbers, are looked up at once."""
    shown = list(entries)
    named = {"task": set[int](), "user": set[int]()}
    for entry in shown:
        named.get(_kind(entry), set()).add(int(_key(entry)))
    names = {
        "task": dict(Task.objects.filter(pk__in=named["task"]).values_list("pk", "slug")),
        "user": dict(User.objects.filter(pk__in=named["user"]).values_list("pk", "username")),
    }
    return [
        AuditLine(
            entry, _kind(entry), names.get(_kind(entry), {}).get(int(_key(entry)), _key(entry))
        )
        for entry in shown
    ]


def _said(value: object) -> str:
    """A kept value as people read it."""
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "none"}[value]
    if isinstance(value, list):
        return " and ".join(map(_said, value)) or "none"
    if isinstance(value, dict):
        return ", ".join(f"{name} {_said(each)}" for name, each in value.items()) or "none"
    return str(value)


def _kind(entry: AuditEntry) -> str:
    return entry.subject.partition(":")[0]


def _key(entry: AuditEntry) -> str:
    return entry.subject.partition(":")[2]


def audited() -> list[str]:
    """Usernames of those who did something, for the filter."""
    did = AuditEntry.objects.order_by().values("by").distinct()
    return list(
        User.objects.filter(pk__in=did).order_by("username").values_list("username", flat=True)
    )
