"""The card of a checkpoint, gathered from rows, its manifest and the headers of its weights."""

import json
import math
import re
from pathlib import Path

from models_store.card import CardFacts, Measured, card
from models_store.errors import LearningError
from models_store.outside import MANIFEST, MOST_MANIFEST, WEIGHTS, tensor_shapes
from models_store.specs import spec_from_json
from models_store.vlm_files import base_folder
from models_store.vlm_spec import VlmSpec
from practice import storage
from practice.errors import MissingError
from practice.models import Checkpoint, Evaluation
from practice.selectors.checkpoints import evaluations_of
from practice.selectors.tasks import spec_of

CARD = "README.md"
_LICENCE = re.compile(r"^license:\s*[\"']?([\w.-]{1,60})[\"']?\s*$", re.MULTILINE)
_READ = 1 << 16
"""Characters of a base's card that are looked at."""


def files_of(checkpoint: Checkpoint) -> list[str]:
    """The names of a checkpoint's files, the manifest first; all of them are there.

    Raises:
        MissingError: a file is gone, or the manifest is damaged.
    """
    store = storage.blobs()
    try:
        names = [MANIFEST, *_manifest(checkpoint)["sha256"]]
        for name in names:
            store.path(f"{checkpoint.blob_key}/{name}")
    except (LearningError, ValueError, KeyError, TypeError) as error:
        raise MissingError(
            f"The weights of checkpoint {checkpoint.pk} cannot be read: {error}"
        ) from error
    return names


def card_of(checkpoint: Checkpoint) -> str | None:
    """README.md; None where the stored manifest describes no model, which the checkpoint's page says."""
    try:
        manifest = _manifest(checkpoint)
        spec = spec_from_json(manifest["spec"])
        shapes = tensor_shapes(storage.blobs().path(f"{checkpoint.blob_key}/{WEIGHTS}"))
        parents = sorted((str(role), str(digest)) for role, digest in manifest["parents"].items())
    except (LearningError, OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    robot = spec_of(checkpoint.task)
    return card(
        CardFacts(
            title=checkpoint.name,
            kind=checkpoint.kind,
            digest=checkpoint.digest,
            spec=spec,
            parameters=sum(math.prod(shape) for shape in shapes.values()),
            task=checkpoint.task.name,
            robot=robot.title if robot else checkpoint.task.embodiment,
            instructions=checkpoint.task.instructions,
            made_by=made_by(checkpoint),
            parents=parents,
            datasets=_datasets(checkpoint),
            measured=_measured(checkpoint),
            base_licence=_base_licence(spec.base) if isinstance(spec, VlmSpec) else "",
        )
    )


def made_by(checkpoint: Checkpoint) -> str:
    """The run that made it, or who brought it and from where."""
    if checkpoint.run is not None:
        run = checkpoint.run
        return f"{run.get_kind_display()}, run {run.name}, {run.counted} {checkpoint.iteration}"
    brought = checkpoint.imports.select_related("created_by").order_by("pk").first()
    return f"imported by {brought.created_by} from {brought.origin}" if brought else "imported"


def _manifest(checkpoint: Checkpoint) -> dict[str, dict[str, object]]:
    with storage.blobs().open(f"{checkpoint.blob_key}/{MANIFEST}") as file:
        data: dict[str, dict[str, object]] = json.loads(file.read(MOST_MANIFEST))
    return data


def _datasets(checkpoint: Checkpoint) -> list[tuple[str, str]]:
    """Versions that its run learned from, and datasets of runs from before there were versions."""
    if checkpoint.run is None:
        return []
    versions = list(checkpoint.run.versions.select_related("dataset").order_by("pk"))
    if versions:
        return [(str(version), version.digest) for version in versions]
    return [(str(dataset), "") for dataset in checkpoint.run.datasets.order_by("pk")]


def _measured(checkpoint: Checkpoint) -> list[Measured]:
    """What the newest evaluation found: a policy's success, and how good the detector was."""
    newest = evaluations_of(checkpoint).first()
    if newest is None:
        return []
    seeds = f"{newest.episodes} episodes from seed {newest.first_seed} on, {newest.run.name}"
    found = []
    if checkpoint.kind == Checkpoint.Kind.POLICY and newest.success is not None:
        found.append(Measured("success", newest.success, newest.ci_low, newest.ci_high, seeds))
    return found + _detector(newest, seeds)


def _detector(evaluation: Evaluation, where: str) -> list[Measured]:
    detail = evaluation.detail.get("detector") or {}
    where = f"{where}, done at {evaluation.threshold:g} steps" if evaluation.threshold else where
    found = []
    for name, value in (("precision", evaluation.precision), ("recall", evaluation.recall)):
        if value is not None:
            low, high = detail.get(f"{name}_ci") or (None, None)
            found.append(Measured(f"detector {name}", value, low, high, where))
    return found


def _base_licence(base: str) -> str:
    """What the base's own card says, where the base lies in a folder of this machine."""
    folder: Path | None = base_folder(base)
    if folder is None or not (folder / CARD).is_file():
        return ""
    with (folder / CARD).open(encoding="utf-8", errors="replace") as file:
        said = _LICENCE.search(file.read(_READ))
    return said[1] if said else ""
