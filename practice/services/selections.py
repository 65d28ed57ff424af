"""Verbs on selections: datasets that are a filter over a task's episodes."""

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils import timezone

from practice.errors import ConflictError, InvalidError
from practice.models import Dataset, Task, User
from practice.roles import Role, require
from practice.selectors.membership import EpisodeQuery
from practice.services import audit
from practice.services.datasets import announce


@transaction.atomic
def create_selection(task: Task, *, by: User, name: str, query: Mapping[str, Any]) -> Dataset:
    """Name a filter; what it takes follows the episodes until a run or an export freezes it.

    Raises:
        InvalidError: the name is empty, or a filter is not known.
    """
    require(by, Role.OPERATOR)
    dataset = Dataset.objects.create(
        task=task,
        name=_name(name),
        kind=Dataset.Kind.SELECTION,
        query=EpisodeQuery.from_json(query).to_json(),
        state=Dataset.State.READY,
        progress=1.0,
        ready_at=timezone.now(),
        created_by=by,
    )
    audit.record(by, "dataset.selected", dataset, query=dataset.query)
    announce(dataset)
    return dataset


@transaction.atomic
def change_selection(dataset: Dataset, *, by: User, name: str, query: Mapping[str, Any]) -> Dataset:
    """Give a selection another name or filter; versions that exist stay what they are."""
    require(by, Role.OPERATOR)
    if dataset.kind != Dataset.Kind.SELECTION:
        raise ConflictError(f"{dataset} was imported and has no filter; make a selection of it.")
    dataset.name, dataset.query = _name(name), EpisodeQuery.from_json(query).to_json()
    dataset.save(update_fields=["name", "query"])
    audit.record(by, "dataset.selected", dataset, query=dataset.query)
    announce(dataset)
    return dataset


def _name(given: str) -> str:
    name = given.strip()
    if not 0 < len(name) <= 160:
        raise InvalidError(
            f"A dataset needs a name of 1 to 160 characters, not {len(name)}.",
            fields={"name": "1 to 160 characters"},
        )
    return name
