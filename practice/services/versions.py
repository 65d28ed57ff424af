"""Freeze what a dataset holds, so that a run or an export can say exactly what it was made from."""

import hashlib
import json
from typing import Any

from django.db import transaction
from django.db.models import Max

from practice.errors import InvalidError
from practice.models import Dataset, DatasetVersion, Run, Task, User, VersionMember
from practice.roles import Role, require
from practice.selectors.membership import EpisodeQuery, members_of
from practice.services import audit

APPROVED_PRACTICE = "Approved practice"
_FACTS = ("pk", "length", "trim_first", "trim_end", "instruction")


@transaction.atomic
def freeze(dataset: Dataset, *, by: User) -> DatasetVersion:
    """The version of what `dataset` holds now; the one there is where nothing has changed since.

    Raises:
        InvalidError: it holds no episode.
        ForbiddenError: `by` is no operator.
    """
    require(by, Role.OPERATOR)
    Dataset.objects.select_for_update().get(pk=dataset.pk)
    members = [_member(**row) for row in members_of(dataset).values(*_FACTS)]
    if not members:
        raise InvalidError(
            f"The dataset {dataset} holds no episode to learn from: all are excluded, refused or "
            "known to have failed, or none fits its filter.",
            fields={"datasets": "holds no episode"},
        )
    digest = hashlib.sha256(json.dumps(members, sort_keys=True).encode()).hexdigest()
    known = dataset.versions.filter(digest=digest).first()
    if known is not None:
        return known
    last = dataset.versions.aggregate(last=Max("number"))["last"] or 0
    version = DatasetVersion.objects.create(
        dataset=dataset,
        number=last + 1,
        digest=digest,
        episodes=len(members),
        frames=sum(member["end"] - member["first"] for member in members),
        created_by=by,
    )
    rows = [VersionMember(version=version, **member) for member in members]
    VersionMember.objects.bulk_create(rows, batch_size=2000)
    audit.record(by, "dataset.versioned", dataset, number=version.number, episodes=len(members))
    return version


def _member(
    pk: int, length: int, trim_first: int | None, trim_end: int | None, instruction: str
) -> dict[str, Any]:
    end = length if trim_end is None else trim_end
    return {"episode_id": pk, "first": trim_first or 0, "end": end, "instruction": instruction}


@transaction.atomic
def freeze_for(run: Run, *, by: User) -> list[DatasetVersion]:
    """Freeze what a Stage-1 run learns from: its datasets, and approved practice where it asks for it.

    Raises:
        InvalidError: a dataset holds no episode.
    """
    versions = [freeze(dataset, by=by) for dataset in run.datasets.all()]
    if run.with_approved:
        approved = _approved_practice(run.task, by)
        if members_of(approved).exists():
            versions.append(freeze(approved, by=by))
    run.versions.set(versions)
    return versions


def _approved_practice(task: Task, by: User) -> Dataset:
    query = EpisodeQuery(kinds=("practice",)).to_json()
    found = task.datasets.filter(kind=Dataset.Kind.SELECTION, query=query).first()
    return found or Dataset.objects.create(
        task=task,
        name=APPROVED_PRACTICE,
        kind=Dataset.Kind.SELECTION,
        query=query,
        state=Dataset.State.READY,
        progress=1.0,
        created_by=by,
    )
