"""Which feature of an import stands for which of the robot's: as a person has said, else as suggested."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from practice.embodiments.registry import embodiment
from practice.embodiments.spec import ActionSpec, EmbodimentSpec, FeatureSpec
from practice.episodes.lerobot_expect import Expectations
from practice.episodes.lerobot_fit import Choice, Fit, fit
from practice.episodes.lerobot_format import ACTION, Feature, Info
from practice.episodes.report import DatasetReport
from practice.models import Dataset, Task


def expectations(
    task: Task, *, mapping: Mapping[str, str] | None = None, any_rate: bool = False
) -> Expectations:
    """What a dataset must hold to fit the task's embodiment; simulator truth it may hold."""
    spec = embodiment(task.embodiment).spec
    shapes = {name: feature.shape for name, feature in spec.observation.items()}
    return Expectations(
        features={**shapes, ACTION: spec.action.shape},
        fps=task.control_hz,
        optional=frozenset(name for name, f in spec.observation.items() if f.privileged),
        mapping=mapping or {},
        any_rate=any_rate,
    )


def expected_of(dataset: Dataset) -> Expectations:
    """The same, as a person has mapped this dataset."""
    return expectations(dataset.task, mapping=dataset.mapping, any_rate=dataset.accept_rate)


def needs_a_person(info: Info, expect: Expectations) -> bool:
    """Whether a dataset could be read after somebody has chosen or confirmed something.

    False where it fits as it is, and where no choice would help.
    """
    found = fit(info, expect)
    confirmed = {name: source for name, source in expect.mapping.items() if source}
    suggested = {name: source for name, source in found.mapping.items() if source}
    if found.ok:
        return suggested != confirmed
    return all(_could_be_had(info, expect, c) for c in found.choices if c.problem)


def _could_be_had(info: Info, expect: Expectations, choice: Choice) -> bool:
    """Whether one of the dataset's features would do."""
    return any(
        replace(expect, mapping={choice.feature: candidate}).problem(info, choice.feature) is None
        for candidate in choice.candidates
    )


@dataclass(frozen=True, slots=True)
class MappedFeature:
    """One feature of the robot beside those of the dataset that could stand for it."""

    choice: Choice
    shape: str
    unit: str
    names: str
    """Of its values; empty for cameras."""
    candidates: tuple[tuple[str, str], ...]
    """Name and shape of each."""
    chosen_names: str
    """Of the values of the chosen one, as the dataset has them."""


@dataclass(frozen=True, slots=True)
class MappingView:
    """Everything that a person must say before a dataset can be read."""

    features: tuple[MappedFeature, ...]
    fit: Fit
    dataset_rate: int
    task_rate: float


def mapping_of(
    dataset: Dataset, mapping: Mapping[str, str] | None = None, *, any_rate: bool = False
) -> MappingView | None:
    """How a dataset that waits for a person would be read with `mapping`; None for any other dataset."""
    if dataset.state != Dataset.State.MAPPING:
        return None
    info = info_of(DatasetReport.from_json(dataset.report))
    found = fit(info, expectations(dataset.task, mapping=mapping, any_rate=any_rate))
    spec = embodiment(dataset.task.embodiment).spec
    features = tuple(_mapped(info, spec, choice) for choice in found.choices)
    return MappingView(features, found, info.fps, dataset.task.control_hz)


def info_of(report: DatasetReport) -> Info:
    """What meta/info.json said, from the report that was made of it."""
    features = {
        name: Feature(facts["dtype"], tuple(facts["shape"]), facts.get("names"))
        for name, facts in (report.features or {}).items()
    }
    totals = report.totals
    return Info(
        robot_type=report.robot_type,
        fps=report.fps or 0,
        total_episodes=totals.episodes,
        total_frames=totals.frames,
        total_tasks=totals.tasks,
        features=features,
    )


def _mapped(info: Info, spec: EmbodimentSpec, choice: Choice) -> MappedFeature:
    ours: FeatureSpec | ActionSpec = (
        spec.action if choice.feature == ACTION else spec.observation[choice.feature]
    )
    theirs = info.features.get(choice.chosen)
    return MappedFeature(
        choice=choice,
        shape=_shape(choice.shape),
        unit=ours.unit,
        names="" if choice.kind == "camera" else ", ".join(ours.names),
        candidates=tuple((n, _shape(info.features[n].array[0])) for n in choice.candidates),
        chosen_names=_names(theirs) if theirs and choice.kind == "numeric" else "",
    )


def _shape(shape: tuple[int, ...]) -> str:
    return " x ".join(str(size) for size in shape)


def _names(feature: Feature) -> str:
    """A stranger's names of values: a list, or lists in a dictionary."""
    found = feature.names
    if isinstance(found, dict):
        found = next((value for value in found.values() if isinstance(value, list)), [])
    return ", ".join(str(name)[:40] for name in found[:64]) if isinstance(found, list) else ""
