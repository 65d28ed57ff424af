"""How far an insertion has come: gym-aloha's reward, read from MuJoCo's contacts."""

from __future__ import annotations

from typing import Any

import numpy as np

INSERTED = 4
"""The peg's end touches the pin in the middle of the socket."""

_SOCKETS = ("socket-1", "socket-2", "socket-3", "socket-4")
_PEG, _PIN, _TABLE = "red_peg", "pin", "table"
_LEFT = "vx300s_left/10_left_gripper_finger"
_RIGHT = "vx300s_right/10_right_gripper_finger"


class Stages:
    """Reads the stage of one model's data."""

    def __init__(self, model: Any) -> None:
        """Look up the geoms once."""
        self._number = {
            name: int(model.geom(name).id)
            for name in (_PEG, _PIN, _TABLE, _LEFT, _RIGHT, *_SOCKETS)
        }
        self._kind = np.full(model.ngeom, -1)
        for name in _SOCKETS:
            self._kind[self._number[name]] = self._number[_SOCKETS[0]]
        for name in (_PEG, _PIN, _TABLE, _LEFT, _RIGHT):
            self._kind[self._number[name]] = self._number[name]

    def of(self, data: Any) -> int:
        """0 nothing, 1 both touched by their arms, 2 both lifted as well, 3 peg and socket touch in
        the air, 4 inserted. As published, one finger of each hand counts, and the last needs no lift.
        """
        if data.ncon == 0:
            return 0
        pairs = self._kind[data.contact.geom[: data.ncon]]
        touching = {frozenset(pair) for pair in pairs.tolist()}
        if self._touch(touching, _PEG, _PIN):
            return INSERTED
        lifted = not (
            self._touch(touching, _PEG, _TABLE) or self._touch(touching, _SOCKETS[0], _TABLE)
        )
        if lifted and self._touch(touching, _PEG, _SOCKETS[0]):
            return 3
        held = self._touch(touching, _PEG, _RIGHT) and self._touch(touching, _SOCKETS[0], _LEFT)
        return (2 if lifted else 1) if held else 0

    def _touch(self, touching: set[frozenset[int]], one: str, other: str) -> bool:
        return frozenset((self._number[one], self._number[other])) in touching
