"""Demonstrations as the flat arrays that Stage 1 learns from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from practice.episodes.types import Episode
from practice.learning.errors import LearningError


@dataclass(frozen=True, slots=True)
class Demonstrations:
    """N rows of E episodes. Row n is (o_t, a_t, T - t): T is the step at which the goal is
    reached, so an episode of T actions gives T + 1 rows with T, T - 1, ..., 0 steps to go.

    The final observation carries no action: it teaches steps-to-go only. Without it the success
    detector would never have seen success.
    """

    observation: dict[str, NDArray[Any]]
    """Name -> (N, ...)"""

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

    @classmethod
    def from_episodes(cls, episodes: Sequence[Episode]) -> Demonstrations:
        """Lay episodes end to end; episodes without any action are left out.

        Raises:
            LearningError: there is nothing to learn from, or the episodes do not fit together.
        """
        episodes = [episode for episode in episodes if episode.length]
        if not episodes:
            raise LearningError("There are no demonstrations to learn from; add a dataset first.")
        names = tuple(episodes[0].observation)
        for episode in episodes:
            shapes = {n: a.shape[1:] for n, a in episode.observation.items()}
            expected = {n: a.shape[1:] for n, a in episodes[0].observation.items()}
            if shapes != expected or episode.action.shape[1:] != episodes[0].action.shape[1:]:
                raise LearningError(
                    f"Episode {episode.uid} has observations {shapes} and actions of "
                    f"{episode.action.shape[1:]}; the first episode has {expected} and "
                    f"{episodes[0].action.shape[1:]}. Leave one kind out."
                )
        rows = np.array([episode.length + 1 for episode in episodes])
        texts = {text: i for i, text in enumerate(dict.fromkeys(e.instruction for e in episodes))}
        ends = np.cumsum(rows)
        steps_to_go = (np.repeat(ends, rows) - np.arange(ends[-1]) - 1).astype(np.float32)
        acted = steps_to_go > 0
        action = np.zeros((len(acted), *episodes[0].action.shape[1:]), dtype=np.float32)
        action[acted] = np.concatenate([episode.action for episode in episodes])
        return cls(
            observation={
                name: np.concatenate([episode.observation[name] for episode in episodes])
                for name in names
            },
            action=action,
            acted=acted,
            steps_to_go=steps_to_go,
            episode=np.repeat(np.arange(len(episodes)), rows),
            instruction=np.repeat([texts[e.instruction] for e in episodes], rows),
            instructions=tuple(texts),
        )

    def split(self, chosen: NDArray[np.bool_]) -> Demonstrations:
        """The rows of the chosen episodes, (E,) bool; episodes keep their order, renumbered."""
        rows = chosen[self.episode]
        return Demonstrations(
            {name: array[rows] for name, array in self.observation.items()},
            self.action[rows],
            self.acted[rows],
            self.steps_to_go[rows],
            (np.cumsum(chosen) - 1)[self.episode[rows]],
            self.instruction[rows],
            self.instructions,
        )
