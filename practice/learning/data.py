"""Demonstrations as the flat arrays that Stage 1 learns from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from practice.embodiments.spec import is_camera
from practice.episodes.types import Episode
from practice.learning.config import SFTConfig
from practice.learning.errors import LearningError


@dataclass(frozen=True, slots=True)
class Demonstrations:
    """N rows of E episodes. Row n is (o_t, a_t, T - t): T is the step at which the goal is
    reached, so an episode of T actions gives T + 1 rows with T, T - 1, ..., 0 steps to go. Where a
    demonstration goes on after T, those rows have 0 steps to go as well.

    The final observation carries no action: it teaches steps-to-go only. Without it the success
    detector would never have seen success. Pictures stay bytes and each is kept once: the frame
    before is found by its row, and the parts of a set share the pictures of the whole.
    """

    observation: dict[str, NDArray[Any]]
    """Name -> (N, ...); a camera -> (M, H, W, 3), in memory or mapped from disk, where row n saw
    picture `frame[n]`.
    """

    frame: NDArray[np.int64]
    """(N,) 0...M-1"""

    action: NDArray[np.float32]
    """(N, A); zeros where there was none."""

    acted: NDArray[np.bool_]
    """(N,) False for final observations."""

    steps_to_go: NDArray[np.float32]
    """(N,) steps"""

    episode: NDArray[np.int64]
    """(N,) 0...E-1, rising"""

    instruction: NDArray[np.int64]
    """(N,) position in `instructions`"""

    instructions: tuple[str, ...]

    def __len__(self) -> int:
        """N, rows."""
        return int(self.action.shape[0])

    @property
    def num_episodes(self) -> int:
        """E"""
        return int(self.episode[-1]) + 1 if len(self) else 0

    @property
    def before(self) -> NDArray[np.int64]:
        """(N,) the row of one step earlier in the same episode; of an episode's first, itself."""
        rows = np.arange(len(self), dtype=np.int64)
        rows[1:] -= self.episode[1:] == self.episode[:-1]
        return rows

    @property
    def ends(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """(N,) each: the first and the last row of the same episode."""
        counts = np.bincount(self.episode, minlength=self.num_episodes)
        after = np.cumsum(counts)
        return (after - counts)[self.episode], (after - 1)[self.episode]

    @property
    def steps_to_end(self) -> NDArray[np.float32]:
        """(N,) steps until the demonstration itself ends, however long it goes on after the goal."""
        _, last = self.ends
        counted: NDArray[np.float32] = (last - np.arange(len(self))).astype(np.float32)
        return counted

    @classmethod
    def from_episodes(cls, episodes: Sequence[Episode]) -> Demonstrations:
        """Lay episodes end to end; episodes without any action are left out.

        Raises:
            LearningError: there is nothing to learn from, or the episodes do not fit together.
        """
        episodes = [episode for episode in episodes if episode.length]
        if not episodes:
            raise LearningError("There are no demonstrations to learn from; add a dataset first.")
        names = [n for n in episodes[0].observation if all(n in e.observation for e in episodes)]
        _check_alike(episodes, names)
        rows = np.array([episode.length + 1 for episode in episodes])
        texts = {text: i for i, text in enumerate(dict.fromkeys(e.instruction for e in episodes))}
        ends = np.cumsum(rows)
        last = np.zeros(ends[-1], dtype=np.bool_)
        last[ends - 1] = True
        step = np.arange(ends[-1]) - np.repeat(ends - rows, rows)
        reached = [e.length if e.success_step is None else e.success_step for e in episodes]
        action = np.zeros((len(last), *episodes[0].action.shape[1:]), dtype=np.float32)
        action[~last] = np.concatenate([episode.action for episode in episodes])
        return cls(
            observation={
                name: np.concatenate([episode.observation[name] for episode in episodes])
                for name in names
            },
            frame=np.arange(len(last)),
            action=action,
            acted=~last,
            steps_to_go=np.maximum(np.repeat(reached, rows) - step, 0).astype(np.float32),
            episode=np.repeat(np.arange(len(episodes)), rows),
            instruction=np.repeat([texts[e.instruction] for e in episodes], rows),
            instructions=tuple(texts),
        )

    def with_pictures(self, cameras: Mapping[str, NDArray[np.uint8]]) -> Demonstrations:
        """The same rows with what cameras saw beside the numbers: name -> (N, H, W, 3)."""
        assert all(len(pictures) == len(self) for pictures in cameras.values())
        return replace(
            self, observation={**self.observation, **cameras}, frame=np.arange(len(self))
        )

    def split(self, chosen: NDArray[np.bool_]) -> Demonstrations:
        """The rows of the chosen episodes, (E,) bool; episodes keep their order, renumbered.

        Pictures are not copied: they may be more than fits in memory.
        """
        rows = chosen[self.episode]
        return Demonstrations(
            {
                name: array if is_camera(name) else array[rows]
                for name, array in self.observation.items()
            },
            self.frame[rows],
            self.action[rows],
            self.acted[rows],
            self.steps_to_go[rows],
            (np.cumsum(chosen) - 1)[self.episode[rows]],
            self.instruction[rows],
            self.instructions,
        )


def split(data: Demonstrations, config: SFTConfig) -> tuple[Demonstrations, Demonstrations, int]:
    """Training and validation rows, split by episode, and how many episodes are used."""
    order = np.random.default_rng(config.seed).permutation(data.num_episodes)
    if config.max_episodes:
        order = order[: config.max_episodes]
    held_out = int(len(order) * config.validation_fraction)
    train, validation = (np.zeros(data.num_episodes, dtype=np.bool_) for _ in range(2))
    train[order[held_out:]], validation[order[:held_out]] = True, True
    return data.split(train), data.split(validation), len(order)


def _check_alike(episodes: Sequence[Episode], names: Sequence[str]) -> None:
    """Features that only some episodes have are left out; those that all have must agree."""
    expected = {name: episodes[0].observation[name].shape[1:] for name in names}
    for episode in episodes:
        shapes = {name: episode.observation[name].shape[1:] for name in names}
        if shapes != expected or episode.action.shape[1:] != episodes[0].action.shape[1:]:
            raise LearningError(
                f"Episode {episode.uid} has observations {shapes} and actions of "
                f"{episode.action.shape[1:]}; the first episode has {expected} and "
                f"{episodes[0].action.shape[1:]}. Leave one kind out."
            )
