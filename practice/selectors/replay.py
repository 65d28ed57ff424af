"""One episode as its replay needs it: arrays, key moments, facts, and the video drawn from the recorded observations."""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models_store.errors import LearningError
from practice import storage
from practice.embodiments.interface import Embodiment
from practice.embodiments.registry import embodiment
from practice.embodiments.spec import EmbodimentSpec, is_camera
from practice.episodes.errors import EpisodesError
from practice.episodes.moments import key_moments
from practice.episodes.recorder import read_episode
from practice.episodes.types import Episode as Recorded
from practice.errors import MissingError
from practice.frames.film import FilmError, FilmMaker, Order
from practice.models import Episode, Judgement

VIDEO_SIZE = 320
"""Width and height of a replay, pixels."""
DRAWING = 2
"""Grows when a renderer or the encoder changes what a replay looks like, so that browsers ask again."""
MAX_JUMPS = 6
LONG_REST = 5
"""Control steps; a shorter rest is no moment."""
DISCOUNT = 0.9
"""gamma of the practice reward where the run names none."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A frame worth jumping to."""

    step: int
    name: str


@dataclass(frozen=True, slots=True)
class EpisodeArrays:
    """What was recorded of an episode of T steps; see `practice.episodes.types.Episode`."""

    recorded: Recorded
    threshold: float
    """s in steps, as the episode's run used it."""
    control_hz: float

    @property
    def distance(self) -> NDArray[Any] | None:
        """d(o, g), (T+1,), steps."""
        return self.recorded.distance

    @property
    def length(self) -> int:
        """T."""
        return self.recorded.length


def episode_arrays(episode: Episode, observations: Collection[str] | None = None) -> EpisodeArrays:
    """Read an episode's rows out of its shard, with the observations named or with all.

    Raises:
        MissingError: the shard is gone or damaged.
    """
    require_recording(episode)
    try:
        shard = storage.blobs().path(episode.blob_key)
        place = (shard, episode.first_row, episode.rows)
        recorded = read_episode(*place, observations=observations)
    except (LearningError, EpisodesError) as error:
        raise MissingError(
            f"The recording of episode {episode.pk} cannot be read: {error}"
        ) from error
    return EpisodeArrays(recorded, used_threshold(episode), episode.task.control_hz)


def require_recording(episode: Episode) -> None:
    """Raises MissingError where the task's recording left this episode's frames out."""
    if not episode.blob_key:
        raise MissingError(
            f"The frames of episode {episode.pk} were not kept, as the recording of {episode.task} "
            "says; its outcome and its doubt are in its row."
        )


def used_threshold(episode: Episode) -> float:
    """The threshold s that judged this episode: its run's own, else the task's; steps."""
    own = episode.run.config.get("threshold") if episode.run else None
    return episode.task.threshold if own is None else float(own)


def discounted_return(episode: Episode, distance: NDArray[Any] | None) -> float | None:
    """R_0 = sum_t gamma^t (d_t - d_(t+1)), steps; None without a reward model."""
    if distance is None or len(distance) < 2:
        return None
    gamma = float((episode.run.config if episode.run else {}).get("gamma", DISCOUNT))
    drops = -np.diff(np.asarray(distance, dtype=np.float64))
    return float(np.sum(gamma ** np.arange(len(drops)) * drops))


def named_moments(
    distance: NDArray[Any] | None, spread: NDArray[Any] | None, threshold: float, length: int
) -> list[Moment]:
    """Frames worth jumping to, in order of time, one name per frame.

    They are the end, the detector's first "done" (the nearest approach where it never fired), the least certain frame, and the
    largest jumps of d that the steps taken do not explain.
    """
    found: dict[int, str] = {length: "end"}
    if distance is None or spread is None or length < 1:
        return [Moment(length, "end")]
    done = np.flatnonzero(distance <= threshold)
    if done.size and int(done[0]) == length:
        found[length] = "end, detector says done"
    elif done.size:
        found[int(done[0])] = "detector says done"
    else:
        found.setdefault(int(np.argmin(distance)), "nearest")
    jumps = sorted(key_moments(distance, spread), key=lambda jump: -jump.size)
    for jump in jumps[:MAX_JUMPS]:
        sign = "+" if jump.kind == "setback" else "\N{MINUS SIGN}"
        found.setdefault(jump.frame, f"{jump.kind} {sign}{jump.size:.0f}")
    found.setdefault(int(np.argmax(spread)), "least certain")
    return [Moment(step, found[step]) for step in sorted(found)]


def _with_rest(moments: list[Moment], quality: Mapping[str, Any]) -> list[Moment]:
    """The same with the frame at which the longest stretch without movement begins, where it is long."""
    first, end = quality.get("idle_first", 0), quality.get("idle_end", 0)
    if end - first < LONG_REST or any(moment.step == first for moment in moments):
        return moments
    rest = Moment(first, f"rests until {end}")
    return sorted([*moments, rest], key=lambda moment: moment.step)


def judgement_of(episode: Episode, reward: int) -> Judgement | None:
    """What the reward model says of the episode; None where nobody has asked, or it is not there yet."""
    found = episode.judgements.filter(reward=reward).select_related("reward").first()
    return found if found and len(found.distance) == episode.length + 1 else None


def replay_payload(episode: Episode, judgement: Judgement | None = None) -> dict[str, Any]:
    """The arrays of a replay as plain JSON values; unknown numbers are null, numbers keep five digits.

    With a judgement, d and its moments are what that reward model says, not what was recorded.
    """
    spec = _embodiment(episode).spec
    arrays = episode_arrays(episode, [name for name in spec.observation if not is_camera(name)])
    recorded = arrays.recorded
    if judgement is not None:
        said = (np.asarray(values, np.float32) for values in (judgement.distance, judgement.spread))
        distance, spread = said
        recorded = replace(recorded, distance=distance, spread=spread)
    moments = named_moments(recorded.distance, recorded.spread, arrays.threshold, arrays.length)
    moments = _with_rest(moments, episode.quality)
    return {
        "episode": episode.pk,
        "steps": arrays.length,
        "hz": arrays.control_hz,
        "threshold": arrays.threshold,
        "distance": _plain(recorded.distance),
        "spread": _plain(recorded.spread),
        "return": discounted_return(episode, recorded.distance),
        "curves": _curves(spec, recorded),
        "moments": [{"step": moment.step, "name": moment.name} for moment in moments],
    }


@dataclass(frozen=True, slots=True)
class CurveFrame:
    """A drawing that waits for its curves: known before the recording is read, so the page never shifts."""

    name: str
    unit: str
    channels: tuple[str, ...]


def curve_frames(episode: Episode) -> list[CurveFrame]:
    """The vectors that this kind of robot senses, then its action; none for a robot nobody knows any more.

    What only the simulator knows is in the picture: where each of eight things lies would be two dozen curves.
    """
    try:
        spec = embodiment(episode.task.embodiment).spec
    except LearningError:
        return []
    sensed = {n: f for n, f in spec.observation.items() if not f.privileged}
    vectors: dict[str, Any] = {n: f for n, f in sensed.items() if len(f.shape) == 1}
    vectors["action"] = spec.action
    return [CurveFrame(n, f.unit, tuple(_names(f, f.shape[0]))) for n, f in vectors.items()]


def _curves(spec: EmbodimentSpec, recorded: Recorded) -> list[dict[str, Any]]:
    """Vectors over time as named channels: every vector of the observation, then the action."""
    features: list[tuple[str, NDArray[Any], Any]] = [
        (name, values, spec.observation.get(name))
        for name, values in recorded.observation.items()
        if values.ndim == 2
    ]
    features.append(("action", recorded.action, spec.action))
    return [
        {
            "name": name,
            "unit": feature.unit if feature else "",
            "channels": _names(feature, values.shape[1]),
            "values": [_plain(column) for column in values.T],
        }
        for name, values, feature in features
    ]


def _names(feature: Any, count: int) -> list[str]:
    names = list(feature.names) if feature else []
    return names if len(names) == count else [str(i) for i in range(count)]


def _plain(values: NDArray[Any] | None) -> list[float | None] | None:
    if values is None:
        return None
    return [float(f"{x:.5g}") if np.isfinite(x) else None for x in values.tolist()]


def _embodiment(episode: Episode) -> Embodiment:
    try:
        return embodiment(episode.task.embodiment)
    except LearningError as error:
        raise MissingError(f"Episode {episode.pk} cannot be shown: {error}") from error


@dataclass(frozen=True)
class ReplayVideo:
    """The video of an episode: a pure function of the row, so its tag is known before it is drawn."""

    episode: Episode

    @cached_property
    def tag(self) -> str:
        """Names exactly these pictures, whoever draws them and when."""
        e = self.episode
        facts = (e.task.embodiment, e.task.control_hz, e.blob_key, e.first_row, e.rows)
        return hashlib.sha256(repr((*facts, VIDEO_SIZE, DRAWING)).encode()).hexdigest()[:20]

    def content(self) -> bytes:
        """The mp4, drawn now or kept from before: players ask for it piece by piece.

        Raises:
            MissingError: the recording cannot be read or nothing can draw it.
        """
        store, key = storage.blobs(), storage.film_key(self.tag)
        if store.exists(key):
            with store.open(key) as kept:
                return kept.read()
        film = self._draw()
        store.put(key, BytesIO(film))
        return film

    def _draw(self) -> bytes:
        episode = self.episode
        require_recording(episode)
        try:
            order = Order(
                embodiment=episode.task.embodiment,
                shard=str(storage.blobs().path(episode.blob_key)),
                first_row=episode.first_row,
                rows=episode.rows,
                hz=episode.task.control_hz,
                size=VIDEO_SIZE,
            )
            return _films.film(order)
        except LearningError as error:
            raise MissingError(
                f"The recording of episode {episode.pk} cannot be read: {error}"
            ) from error
        except FilmError as error:
            raise MissingError(f"Episode {episode.pk} cannot be shown: {error}") from error


_films = FilmMaker()
