"""LeRobotDataset v3.0 on disk: its names, its limits here, and meta/info.json.

Numbers are read and written, and cameras stored as images or as video. Older layouts (`lerobot_v2`) have the same info.json but for
their paths.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from practice.episodes.errors import DatasetError
from practice.episodes.lerobot_json import shown, storable

VERSION = "v3.0"
INFO = "meta/info.json"
STATS = "meta/stats.json"
TASKS = "meta/tasks.parquet"
EPISODES = "meta/episodes/chunk-{chunk:03d}/file-{file:03d}.parquet"
DATA = "data/chunk-{chunk:03d}/file-{file:03d}.parquet"
DATA_PATH = "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
"""`data_path` in info.json."""
CHUNK_FILES = 1000
"""Most files per chunk folder (`chunks_size`)."""
FILE_MEGABYTES = 100
"""A new data file is started above this (`data_files_size_in_mb`)."""

ACTION = "action"
OBSERVATION = "observation."
SUCCESS = "next.success"
DONE = "next.done"
REWARD = "next.reward"
TIMESTAMP_TOLERANCE = 1e-4
"""Seconds; LeRobot's own."""

_NUMBERS = frozenset(
    {"bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"}
    | {"float16", "float32", "float64"}
)
IMAGE = "image"
VIDEO = "video"
_CAMERAS = frozenset({IMAGE, VIDEO})


@dataclass(frozen=True, slots=True)
class DatasetLimits:
    """How large a dataset may say it is; checked before anything of that size is made."""

    episodes: int = 200_000
    frames: int = 20_000_000
    tasks: int = 100_000
    features: int = 256
    values_per_frame: int = 16_384
    """Numbers in one frame, all features together."""
    state_bytes: int = 2 << 30
    """All numbers of the dataset together, bytes."""
    picture_pixels: int = 1 << 22
    """Width times height of one picture."""
    picture_bytes: int = 64 << 30
    """All pictures that are read, unpacked and of the size that they are wanted in, bytes."""
    decoded_bytes: int = 8 << 40
    """All video that is decoded, of the size that it is stored in, bytes: some hours of work."""
    episode_bytes: int = 2 << 30
    """The pictures of one episode, which are in memory together, bytes."""
    video_frames: int = 4_000_000
    """Frames of one mp4: 37 hours at 30 a second."""
    json_bytes: int = 16 << 20
    """meta/info.json or meta/stats.json, bytes."""
    lines_bytes: int = 64 << 20
    """One .jsonl under meta/, bytes."""
    meta_bytes: int = 256 << 20
    """One parquet file under meta/, unpacked, bytes."""
    data_bytes: int = 8 << 30
    """One parquet file under data/, unpacked, bytes."""
    instruction_characters: int = 1000
    findings: int = 1000
    """Findings listed in a report; every episode's own reasons are always there."""


class FeatureLike(Protocol):
    """What a feature must say of itself to be written."""

    @property
    def dtype(self) -> Any: ...
    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def names(self) -> Sequence[str] | None: ...


@dataclass(frozen=True, slots=True)
class Feature:
    """One feature of a frame, as info.json declares it."""

    dtype: str
    shape: tuple[int, ...]
    names: Any = None
    """Usually one name per number; some datasets nest them, so it is kept as it came."""

    @property
    def is_camera(self) -> bool:
        return self.dtype in _CAMERAS

    @property
    def is_film(self) -> bool:
        """Whether it is a camera stored as video, beside the rows."""
        return self.dtype == VIDEO

    @property
    def is_numeric(self) -> bool:
        return self.dtype in _NUMBERS

    @property
    def size(self) -> int:
        """Numbers per frame."""
        return math.prod(self.shape)

    @property
    def picture(self) -> tuple[int, int, int] | None:
        """(H, W, 3) of a camera in RGB, stored as images or as video; None for everything else."""
        if not self.is_camera or len(self.shape) != 3:
            return None
        first = str(self.names[0]) if isinstance(self.names, list) and self.names else ""
        last_is_colour = not first.startswith("channel")  # some declare (3, H, W)
        height, width, colours = self.shape if last_is_colour else (*self.shape[1:], self.shape[0])
        return (height, width, 3) if colours == 3 else None

    @property
    def array(self) -> tuple[tuple[int, ...], str]:
        """Shape and numpy dtype of one frame in memory."""
        picture = self.picture
        return (self.shape, self.dtype) if picture is None else (picture, "uint8")

    def to_json(self) -> dict[str, Any]:
        return {"dtype": self.dtype, "shape": list(self.shape), "names": self.names}


BOOKKEEPING: Mapping[str, Feature] = {
    "timestamp": Feature("float32", (1,)),
    "frame_index": Feature("int64", (1,)),
    "episode_index": Feature("int64", (1,)),
    "index": Feature("int64", (1,)),
    "task_index": Feature("int64", (1,)),
}
"""The features that every dataset has."""


@dataclass(frozen=True, slots=True)
class Info:
    """meta/info.json, checked."""

    robot_type: str | None
    fps: int
    total_episodes: int
    total_frames: int
    total_tasks: int
    features: Mapping[str, Feature]

    @property
    def numeric(self) -> dict[str, Feature]:
        """The features that stand as numbers in data/, without the bookkeeping."""
        return {n: f for n, f in self.features.items() if f.is_numeric and n not in BOOKKEEPING}

    @property
    def pictures(self) -> dict[str, Feature]:
        """The cameras that can be read: RGB, stored as images or as video."""
        return {n: f for n, f in self.features.items() if f.picture}

    @property
    def films(self) -> list[str]:
        """The cameras stored as video, also those that cannot be read."""
        return [name for name, feature in self.features.items() if feature.is_film]

    @property
    def observations(self) -> list[str]:
        """Observations that can be read, numbers first."""
        return [n for n in (*self.numeric, *self.pictures) if n.startswith(OBSERVATION)]

    @property
    def cameras(self) -> list[str]:
        return [name for name, feature in self.features.items() if feature.is_camera]


def version_of(info: Mapping[str, Any], known: Sequence[str]) -> str:
    """The dataset's version. Raises DatasetError when it is none of `known`."""
    version = info.get("codebase_version")
    if version in known:
        return str(version)
    reason = f"codebase_version is {shown(version)}; this version reads {', '.join(known)}"
    raise DatasetError(INFO, reason)


def parse_info(data: Mapping[str, Any], limits: DatasetLimits, *, data_path: str) -> Info:
    """Check info.json. Raises DatasetError naming the key, the value and what is accepted.

    Only the layout's own template `data_path` is accepted: formatting a stranger's template is a door.
    """
    check_template(data, "data_path", data_path)
    robot_type = data.get("robot_type")
    short = isinstance(robot_type, str) and len(robot_type) <= 200 and storable(robot_type)
    if robot_type is not None and not short:
        raise DatasetError(INFO, f"robot_type is {shown(robot_type)}; it must be a short string")
    info = Info(
        robot_type=robot_type,
        fps=_whole(data, "fps", 1, 10_000),
        total_episodes=_whole(data, "total_episodes", 1, limits.episodes),
        total_frames=_whole(data, "total_frames", 1, limits.frames),
        total_tasks=_whole(data, "total_tasks", 1, limits.tasks),
        features=_parse_features(data.get("features"), limits),
    )
    state_bytes = info.total_frames * sum(f.size * 8 for f in info.numeric.values())
    if state_bytes > limits.state_bytes:
        reason = f"declares {state_bytes} bytes of numbers; at most {limits.state_bytes} are read"
        raise DatasetError(INFO, reason)
    return info


def check_template(data: Mapping[str, Any], key: str, template: str) -> None:
    """A path in info.json is the one that its version documents. Raises DatasetError."""
    if data.get(key) != template:
        reason = f"{key} is {shown(data.get(key))}; {data.get('codebase_version')} has {template!r}"
        raise DatasetError(INFO, reason)


def _whole(data: Mapping[str, Any], key: str, low: int, high: int) -> int:
    value = data.get(key)
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        value = int(value)  # some tools write fps as 10.0
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        reason = f"{key} is {shown(value)}; it must be a whole number from {low} to {high}"
        raise DatasetError(INFO, reason)
    return value


def _parse_features(data: object, limits: DatasetLimits) -> dict[str, Feature]:
    if not isinstance(data, dict) or not 0 < len(data) <= limits.features:
        reason = f"features must be an object with at most {limits.features} entries"
        raise DatasetError(INFO, reason)
    features = {name: _parse_feature(name, value, limits) for name, value in data.items()}
    for name in BOOKKEEPING:
        if name not in features:
            raise DatasetError(INFO, f"features lacks {name!r}, which every dataset has")
    values = sum(feature.size for feature in features.values() if feature.is_numeric)
    if values > limits.values_per_frame:
        reason = f"features declares {values} numbers per frame; at most {limits.values_per_frame}"
        raise DatasetError(INFO, reason)
    return features


def _parse_feature(name: str, data: object, limits: DatasetLimits) -> Feature:
    where = f"feature {shown(name)}"
    if "/" in name or not name.isprintable() or len(name) > 200:
        raise DatasetError(INFO, f"{where} must have a short, printable name without '/'")
    if not isinstance(data, dict):
        raise DatasetError(INFO, f"{where} must be an object with dtype and shape")
    dtype, shape = data.get("dtype"), data.get("shape")
    if not isinstance(dtype, str) or dtype not in _NUMBERS | _CAMERAS | {"string"}:
        raise DatasetError(INFO, f"{where} has dtype {shown(dtype)}, which LeRobot does not know")
    if not isinstance(shape, list) or len(shape) > 5 or not all(_is_size(n) for n in shape):
        reason = f"{where} has shape {shown(shape)}; it must be a list of up to 5 sizes"
        raise DatasetError(INFO, reason)
    names = data.get("names")
    if not storable(names):
        raise DatasetError(
            INFO, f"{where} has names that are neither text nor numbers: {shown(names)}"
        )
    feature = Feature(dtype, tuple(shape), names)
    if feature.is_camera and feature.size > 4 * limits.picture_pixels:
        reason = (
            f"{where} declares pictures of {feature.shape}; at most {limits.picture_pixels} pixels"
        )
        raise DatasetError(INFO, reason)
    if feature.is_numeric and feature.size > limits.values_per_frame:
        reason = f"{where} declares {feature.size} numbers; at most {limits.values_per_frame}"
        raise DatasetError(INFO, reason)
    return feature


def _is_size(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < 1 << 40


def instruction_problem(instruction: str, limits: DatasetLimits) -> str | None:
    """Why a text cannot be an instruction; None when it can."""
    text = instruction.strip()
    if not storable(text):
        return (
            f"the instruction {text[:40]!r} holds a NUL byte or half a character: write it without"
        )
    if not text:
        return "the instruction is missing: its text is empty"
    if text.isdigit():
        return f"the instruction is the number {text[:20]}: the words were lost when it was written"
    most = limits.instruction_characters
    if len(text) > most:
        return f"the instruction has {len(text)} characters; at most {most} are accepted"
    return None
