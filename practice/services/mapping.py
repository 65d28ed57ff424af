"""The verb with which a person says which of a dataset's features is which of the robot's."""

from collections.abc import Mapping

from django.db import transaction
from django.utils import timezone

from practice.errors import ConflictError, InvalidError
from practice.models import Dataset, User
from practice.roles import Role, require
from practice.selectors.mapping import MappingView, mapping_of
from practice.services import audit, enqueue
from practice.services.datasets import LEASE, announce


@transaction.atomic
def map_dataset(
    dataset: Dataset, mapping: Mapping[str, str], *, by: User, any_rate: bool = False
) -> None:
    """Read the dataset with `mapping`, the robot's feature -> the dataset's; its import goes on.

    Names that are left out are taken as suggested; "" leaves an optional feature out. With `any_rate` frames are taken as they are although
    the rate differs.

    Raises:
        InvalidError: it does not fit so; the message says which feature and why.
        ConflictError: the dataset does not wait for this.
    """
    require(by, Role.OPERATOR)
    view = mapping_of(dataset, mapping, any_rate=any_rate)
    if view is None:
        raise ConflictError(f"{dataset} does not wait for a mapping; it is {dataset.state}.")
    _check(view, mapping, any_rate=any_rate)
    going_on = Dataset.objects.filter(pk=dataset.pk, state=Dataset.State.MAPPING).update(
        state=Dataset.State.QUEUED,
        mapping=view.fit.mapping,
        accept_rate=any_rate,
        progress=0.0,
        attempts=0,
        lease_expires_at=timezone.now() + LEASE,
    )
    if not going_on:
        raise ConflictError(f"{dataset} no longer waits for a mapping.")
    audit.record(by, "dataset.mapped", dataset, mapping=view.fit.mapping, any_rate=any_rate)
    enqueue.enqueue_on_commit(enqueue.VALIDATE_DATASET, dataset.pk, queue="cpu")
    dataset.refresh_from_db()
    announce(dataset)


def _check(view: MappingView, mapping: Mapping[str, str], *, any_rate: bool) -> None:
    """Raises InvalidError when the dataset does not fit so."""
    known = {feature.choice.feature for feature in view.features}
    unknown = sorted(set(mapping) - known)
    if unknown:
        raise InvalidError(
            f"The robot has no feature {unknown[0]!r}; it has {', '.join(sorted(known))}.",
            fields={"mapping": unknown[0]},
        )
    problems = [feature.choice.problem for feature in view.features if feature.choice.problem]
    if view.fit.rate and not any_rate:
        problems.append(f"{view.fit.rate}; accept that, or give the task the dataset's rate")
    if problems:
        raise InvalidError(f"{'; '.join(problems)}.", fields={"mapping": problems[0]})
