"""LeRobotDataset v2.1 and v2.0: one data file and one mp4 a camera for each episode, and tables under meta/ in lines of JSON."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from practice.episodes import lerobot_format as fmt
from practice.episodes.errors import DatasetError
from practice.episodes.lerobot_format import DatasetLimits, Info
from practice.episodes.lerobot_json import shown
from practice.episodes.lerobot_table import Dataset, EpisodeTable, VideoTable, check_frames

TASKS = "meta/tasks.jsonl"
EPISODES = "meta/episodes.jsonl"
DATA_PATH = "data/chunk-{episode_chunk:03d}/episode_{episode_index:06d}.parquet"
VIDEO_PATH = "videos/chunk-{episode_chunk:03d}/{video_key}/episode_{episode_index:06d}.mp4"

_LINE_CHARACTERS = 1 << 20


def open_v2(root: Path, data: Mapping[str, Any], limits: DatasetLimits) -> Dataset:
    """Read and check everything under meta/. Raises DatasetError naming the file, the line and the reason."""
    info = fmt.parse_info(data, limits, data_path=DATA_PATH)
    if info.films:
        fmt.check_template(data, "video_path", VIDEO_PATH)
    chunk = data.get("chunks_size", fmt.CHUNK_FILES)
    if not isinstance(chunk, int) or not 0 < chunk <= 1 << 40:
        reason = f"chunks_size is {shown(chunk)}; it must be a whole number from 1"
        raise DatasetError(fmt.INFO, reason)
    tasks = _read_tasks(root, info, limits)
    episodes = _episode_table(_read_episodes(root, info, limits), info, chunk)
    check_frames(info, episodes)
    version = str(data["codebase_version"])
    return Dataset(root, version, info, tasks, episodes, tasks_file=TASKS, one_file_each=True)


def json_lines(root: Path, file: str, limits: DatasetLimits) -> Iterator[tuple[int, Any]]:
    """Number, from 1, and object of each line that is not blank. Raises DatasetError naming the line."""
    path = root / file
    if not path.is_file():
        raise DatasetError(file, "is missing")
    size = path.stat().st_size
    if size > limits.lines_bytes:
        raise DatasetError(file, f"has {size} bytes; at most {limits.lines_bytes} are read")
    with path.open("rb") as lines:
        for number, line in enumerate(iter(lambda: lines.readline(_LINE_CHARACTERS), b""), 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise DatasetError(file, f"line {number} is not valid JSON: {error}") from error
            if not isinstance(row, dict):
                raise DatasetError(file, f"line {number} must hold a JSON object")
            yield number, row


def _numbered(
    root: Path, file: str, key: str, most: int, limits: DatasetLimits
) -> Iterator[tuple[int, int, Any]]:
    """Line, number and row; the numbers under `key` are 0 to `most` - 1, each once, in any order."""
    seen: dict[int, int] = {}
    for line, row in json_lines(root, file, limits):
        number = row.get(key)
        if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number < most:
            reason = f"line {line} has {key} {shown(number)}; info.json allows 0 to {most - 1}"
            raise DatasetError(file, reason)
        if number in seen:
            raise DatasetError(file, f"line {line} has {key} {number} as line {seen[number]} has")
        seen[number] = line
        yield line, number, row
    if len(seen) < most:
        missing = next(number for number in range(most) if number not in seen)
        raise DatasetError(file, f"has no line with {key} {missing}; info.json counts {most}")


def _read_tasks(root: Path, info: Info, limits: DatasetLimits) -> list[str]:
    texts: dict[int, str] = {}
    for line, number, row in _numbered(root, TASKS, "task_index", info.total_tasks, limits):
        text = row.get("task")
        if not isinstance(text, str):
            raise DatasetError(TASKS, f"line {line} has task {shown(text)}; it must be text")
        texts[number] = text
    return [texts[number] for number in range(len(texts))]


def _read_episodes(root: Path, info: Info, limits: DatasetLimits) -> list[tuple[int, list[str]]]:
    """Length and instructions of each episode."""
    rows: dict[int, tuple[int, list[str]]] = {}
    count = info.total_episodes
    for line, number, row in _numbered(root, EPISODES, "episode_index", count, limits):
        length, tasks = row.get("length"), row.get("tasks")
        whole = isinstance(length, int) and not isinstance(length, bool)
        if not whole or not 1 <= length <= info.total_frames:
            reason = f"line {line} has length {shown(length)}; it must be a number of frames"
            raise DatasetError(EPISODES, reason)
        if not isinstance(tasks, list) or not all(isinstance(text, str) for text in tasks):
            reason = f"line {line} has tasks {shown(tasks)}; it must be a list of text"
            raise DatasetError(EPISODES, reason)
        rows[number] = (length, tasks)
    return [rows[number] for number in range(count)]


def _episode_table(rows: list[tuple[int, list[str]]], info: Info, chunk: int) -> EpisodeTable:
    length = np.array([length for length, _ in rows], np.int64)
    end = np.cumsum(length)
    places = [{"episode_chunk": i // chunk, "episode_index": i} for i in range(len(rows))]
    return EpisodeTable(
        length=length,
        file=[DATA_PATH.format(**place) for place in places],
        first=end - length,
        end=end,
        tasks=[tasks for _, tasks in rows],
        seed=[None] * len(rows),
        final={},
        final_pictures={},
        shapes={name: f.picture for name, f in info.pictures.items() if f.picture},
        videos={
            name: VideoTable(
                file=[VIDEO_PATH.format(video_key=name, **place) for place in places],
                start=np.zeros(len(rows)),
                end=length / info.fps,
            )
            for name in info.films
        },
    )
