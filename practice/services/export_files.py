"""A dataset version as files: which features it has, which notes go with each episode, and what cannot be written."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal, cast

from models_store.errors import LearningError
from practice import storage
from practice.embodiments.registry import embodiment
from practice.embodiments.spec import EmbodimentSpec
from practice.episodes.errors import EpisodesError
from practice.episodes.lerobot_film import check_even
from practice.episodes.lerobot_write import Written, write_dataset
from practice.episodes.notes import Notes
from practice.episodes.recorder import observations_of
from practice.episodes.types import Episode as Recorded
from practice.errors import InvalidError
from practice.models import DatasetVersion, Episode, Export, Task, VersionMember
from practice.selectors.shards import read_members

Cameras = Literal["image", "video"]


def check_exportable(task: Task, cameras: str) -> None:
    """Raises InvalidError when no episode of `task` can be written so."""
    if not float(task.control_hz).is_integer():
        raise InvalidError(
            f"{task} runs at {task.control_hz:g} Hz; LeRobot v3.0 knows only whole frames a second."
        )
    try:
        spec = embodiment(task.embodiment).spec
    except LearningError as error:
        raise InvalidError(str(error)) from error
    if cameras == Export.Cameras.VIDEO:
        for name, feature in spec.observation.items():
            if len(feature.shape) == 3:
                try:
                    check_even(name, feature.shape)
                except EpisodesError as error:
                    raise InvalidError(f"{error}.", fields={"cameras": error.reason}) from error


def write_version(
    version: DatasetVersion,
    target: Path,
    *,
    cameras: str,
    as_zip: bool = False,
    progress: Callable[[int], None] | None = None,
) -> Written:
    """Write every episode of `version`, trimmed and worded as it says, to the new folder or .zip `target`.

    Raises:
        EpisodesError, LearningError: a recording is missing, damaged or does not fit.
    """
    task = version.dataset.task
    spec = embodiment(task.embodiment).spec
    members = version.members.select_related(
        "episode__run", "episode__dataset", "episode__checkpoint"
    ).order_by("episode_id")
    names = _observations(version, spec)
    reel = _Reel()
    return write_dataset(
        target,
        reel.run(read_members(members, observations=names)),
        features={**{n: spec.observation[n] for n in names}, "action": spec.action},
        fps=round(task.control_hz),
        robot_type=spec.id,
        as_zip=as_zip,
        cameras=cast("Cameras", cameras),
        title=f"{version.dataset.name} v{version.number}",
        notes=lambda _: _notes(reel.member.episode),
        progress=progress,
    )


def _observations(version: DatasetVersion, spec: EmbodimentSpec) -> list[str]:
    """What the robot senses, and of what only a simulator knows that which every shard holds."""
    keys = version.members.order_by().values_list("episode__blob_key", flat=True).distinct()
    held = [observations_of(storage.blobs().path(key)) for key in keys]
    return [
        name
        for name, feature in spec.observation.items()
        if not feature.privileged or all(name in names for names in held)
    ]


class _Reel:
    """Episodes that pass by one after the other; `member` is the one that passed last."""

    member: VersionMember

    def run(self, pairs: Iterator[tuple[VersionMember, Recorded]]) -> Iterator[Recorded]:
        for self.member, recorded in pairs:
            yield recorded


def _notes(episode: Episode) -> Notes:
    known = (episode.true_success, episode.detector_success)
    outcome = next((success for success in known if success is not None), None)
    return Notes(
        source=_source(episode),
        outcome=None if outcome is None else ("success" if outcome else "failure"),
        label=episode.verdict or None,
        checkpoint=episode.checkpoint.digest if episode.checkpoint else None,
    )


def _source(episode: Episode) -> str:
    if episode.run is not None:
        return f"{episode.kind} in run {episode.run.pk} ({episode.run.name}), episode {episode.uid}"
    if episode.dataset is not None:
        return f"{episode.kind} of {episode.dataset.name}, episode {episode.uid}"
    return f"{episode.kind}, episode {episode.uid}"
