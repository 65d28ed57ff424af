"""The frame cache: whole or not there, made once, removed by least use, and the same batches as from memory."""

from __future__ import annotations

import fcntl
import mmap
import os
import resource
import shutil
import threading
from collections import namedtuple
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from practice.episodes.types import Episode
from practice.learning.config import SFTConfig
from practice.learning.data import Demonstrations
from practice.learning.errors import LearningError
from practice.learning.frame_cache import FrameCache, entry_key
from practice.learning.gathering import Pictures
from practice.learning.sft import SFT
from tests.learning.picture_world import CAMERA, SPEC, STATE, demonstrations
from tests.learning.test_data import episode as numbers_only

SHAPE = SPEC.observation[CAMERA].shape
CAMERAS = {CAMERA: SHAPE}
ROW = int(np.prod(SHAPE))
Usage = namedtuple("Usage", "total used free")


@pytest.fixture(scope="module")
def episodes() -> list[Episode]:
    return demonstrations(60)


@pytest.fixture
def cache(tmp_path: Path) -> FrameCache:
    return FrameCache(tmp_path / "frames", limit=1 << 30, reserve=0)


def put(cache: FrameCache, key: str, episodes: list[Episode]) -> np.ndarray[Any, Any]:
    rows = sum(one.length + 1 for one in episodes)
    return cache.frames(key, CAMERAS, rows, lambda: episodes)[CAMERA]


def entries(cache: FrameCache) -> list[str]:
    return sorted(path.name for path in cache.folder.iterdir() if path.name != ".lock")


def cached(cache: FrameCache, episodes: list[Episode]) -> Demonstrations:
    """The same demonstrations with their pictures mapped."""
    data = Demonstrations.from_episodes(episodes)
    numbers = Demonstrations(
        {STATE: data.observation[STATE]}, data.frame, data.action, data.acted,
        data.steps_to_go, data.episode, data.instruction, data.instructions,
    )  # fmt: skip
    return numbers.with_pictures({CAMERA: put(cache, "a", episodes)})


def test_pictures_lie_end_to_end_and_are_made_once(
    cache: FrameCache, episodes: list[Episode]
) -> None:
    first = put(cache, "a", episodes)
    assert isinstance(first, np.memmap)
    assert np.array_equal(first, np.concatenate([one.observation[CAMERA] for one in episodes]))

    def again() -> Iterable[Episode]:
        raise AssertionError("the entry is there")

    assert np.array_equal(cache.frames("a", CAMERAS, len(first), again)[CAMERA], first)


def test_the_key_says_what_an_entry_holds() -> None:
    facts = {"parts": [["e0", 0, 7]], "cameras": [[CAMERA, SHAPE]]}
    assert entry_key(facts) == entry_key(dict(reversed(facts.items())))
    others = ({"parts": [["e0", 1, 7]]}, {"cameras": [[CAMERA, (8, 8, 3)]]})
    assert len({entry_key(facts | other) for other in ({}, *others)}) == 3


def test_what_breaks_off_leaves_nothing(cache: FrameCache, episodes: list[Episode]) -> None:
    def breaks() -> Iterable[Episode]:
        yield episodes[0]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cache.frames("a", CAMERAS, 100, breaks)
    assert entries(cache) == []
    left = cache.folder / ".a-killed"
    left.mkdir()
    (left / "camera-0.rgb").write_bytes(b"half")
    put(cache, "b", episodes[:2])
    assert entries(cache) == ["b"], "what a killed process left is gone"


def test_a_damaged_entry_is_made_again(cache: FrameCache, episodes: list[Episode]) -> None:
    put(cache, "a", episodes)
    os.truncate(cache.folder / "a" / "camera-0.rgb", 100)
    again = put(cache, "a", episodes)
    assert np.array_equal(again[0], episodes[0].observation[CAMERA][0])


def test_an_episode_without_the_camera_is_named(cache: FrameCache, episodes: list[Episode]) -> None:
    with pytest.raises(LearningError, match=f"Episode e has no pictures of {CAMERA}"):
        put(cache, "a", [episodes[0], numbers_only(3)])
    with pytest.raises(LearningError, match=r"needs \(8, 8, 3\) uint8 and has \(16, 16, 3\)"):
        cache.frames("a", {CAMERA: (8, 8, 3)}, 9, lambda: episodes)
    with pytest.raises(LearningError, match="7 rows of numbers"):
        cache.frames("a", CAMERAS, 7, lambda: episodes)
    assert entries(cache) == []


def test_the_least_recently_opened_goes_first(tmp_path: Path, episodes: list[Episode]) -> None:
    rows = sum(one.length + 1 for one in episodes)
    cache = FrameCache(tmp_path / "frames", limit=int(2.5 * rows * ROW), reserve=0)
    for age, key in ((30, "old"), (20, "older"), (10, "new")):
        put(cache, key, episodes)
        then = cache.folder.stat().st_mtime - age
        os.utime(cache.folder / key, (then, then))
        if key == "older":
            put(cache, "old", episodes)  # opened again
    assert entries(cache) == ["new", "old"]
    assert cache.prune() == 0


def test_what_is_mapped_stays(tmp_path: Path, episodes: list[Episode]) -> None:
    cache = FrameCache(tmp_path / "frames", limit=0, reserve=0)
    mapped = put(cache, "a", episodes)
    assert cache.prune() == 0
    put(cache, "b", episodes)
    assert entries(cache) == ["a", "b"], "a is in use, and the newest stays however large it is"
    del mapped
    assert cache.prune() == 2
    assert entries(cache) == []


def test_a_full_disk_is_said(
    cache: FrameCache, episodes: list[Episode], monkeypatch: pytest.MonkeyPatch
) -> None:
    put(cache, "a", episodes)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(1 << 30, 1 << 30, 0))
    with pytest.raises(LearningError, match="make room, or learn from fewer episodes"):
        put(cache, "b", episodes)
    assert entries(cache) == [], "everything unused was given up for it"


def test_who_waits_for_an_entry_finds_it(cache: FrameCache, episodes: list[Episode]) -> None:
    cache.folder.mkdir()
    found: list[Any] = []
    with (cache.folder / ".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        waiting = threading.Thread(target=lambda: found.append(put(cache, "a", episodes)))
        waiting.start()
        assert entries(cache) == []
        fcntl.flock(lock, fcntl.LOCK_UN)
    waiting.join(timeout=60)
    assert len(found) == 1


def test_parts_share_the_pictures_of_the_whole(cache: FrameCache, episodes: list[Episode]) -> None:
    data = cached(cache, episodes)
    chosen = np.arange(data.num_episodes) % 2 == 1
    part = data.split(chosen)
    assert part.observation[CAMERA] is data.observation[CAMERA]
    shown = Pictures(part, [CAMERA], [CAMERA], "cpu").at(torch.arange(len(part)))
    due = [one.observation[CAMERA] for one in episodes[1::2]]
    assert np.array_equal(shown[CAMERA].numpy(), np.concatenate(due))
    before = np.concatenate([np.concatenate([seen[:1], seen[:-1]]) for seen in due])
    assert np.array_equal(shown[f"{CAMERA}.previous"].numpy(), before)


@pytest.mark.parametrize("mapped", [False, True])
def test_pictures_on_another_device_are_the_same(
    cache: FrameCache, episodes: list[Episode], mapped: bool
) -> None:
    """The CPU under another name stands for an accelerator, to which pictures in memory are moved at once."""
    whole = cached(cache, episodes) if mapped else Demonstrations.from_episodes(episodes)
    part = whole.split(np.arange(whole.num_episodes) % 3 == 1)
    rows = torch.randint(len(part), (50,), generator=torch.Generator().manual_seed(0))
    here, there = (Pictures(part, [CAMERA], [CAMERA], device) for device in ("cpu", "cpu:0"))
    for name, pictures in here.at(rows).items():
        assert torch.equal(there.at(rows)[name], pictures)


def test_what_is_announced_is_what_is_wanted(
    cache: FrameCache, episodes: list[Episode], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pages of a batch and of the step before are asked for once a batch had to wait, and not before."""
    data = cached(cache, episodes)
    asked: list[tuple[int, int]] = []

    class Map:
        def madvise(self, advice: int, begin: int, size: int) -> None:
            assert begin % mmap.PAGESIZE == 0
            asked.append((begin, begin + size))

    class Mapped(np.memmap[Any, Any]):
        base = Map()  # type: ignore[assignment]

    faults = iter([0, 0, 0, 7])
    monkeypatch.setattr(resource, "getrusage", lambda _: SimpleNamespace(ru_majflt=next(faults)))
    view = data.observation[CAMERA].view(Mapped)
    pictures = Pictures(data.with_pictures({CAMERA: view}), [CAMERA], [CAMERA], "cpu")
    rows = torch.tensor([40, 7])
    pictures.at(rows)
    pictures.expect(rows)
    assert asked == [], "it was all in memory"
    pictures.at(rows)
    pictures.expect(rows)
    due = ROW * np.concatenate([rows.numpy(), data.before[rows.numpy()]])
    assert [end - ROW for _, end in asked] == due.tolist()
    assert all(0 <= at - begin < mmap.PAGESIZE for (begin, _), at in zip(asked, due, strict=True))


@pytest.mark.parametrize("trains", ["all", "heads"])
def test_training_from_the_cache_is_training_from_memory(
    cache: FrameCache, episodes: list[Episode], trains: str
) -> None:
    config = SFTConfig(
        steps=20, batch_size=32, validate_every=7, trains="all", policy_width=32, reward_width=32
    )
    initial = None
    if trains == "heads":
        first = SFT(config, Demonstrations.from_episodes(episodes), SPEC)
        first.step()
        initial, config = first.checkpoints()["policy"], config.replace(trains="heads")
    results = []
    for data in (Demonstrations.from_episodes(episodes), cached(cache, episodes)):
        work = SFT(config, data, SPEC, initial=initial)
        while not work.finished:
            work.step()
        kept = work.checkpoints()
        results.append((work.result(), kept["policy"].digest, kept["reward"].digest))
    assert results[0] == results[1]
