"""Between joints as a policy speaks of them and the scene's motors, which move each finger alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

CLOSED, OPEN = 0.01844, 0.05800
"""Metres a finger is from the middle at gripper 0 and 1, as gym-aloha counts; motors end earlier."""

FASTEST: NDArray[np.float64] = np.tile((0.08,) * 6 + (0.006,) * 2, 2)
"""How far motor targets (16,) move in a fiftieth of a second, radians and metres: 4 radians per second, as
fast as the real arms. Jumps of an untrained policy would make the simulation burst."""


ARM_JOINTS: NDArray[np.int64] = np.array([joint for joint in range(14) if joint % 7 != 6])
"""All but the grippers."""


def motor_commands(joints: NDArray[np.float64]) -> NDArray[np.float64]:
    """Joints (..., 14) with grippers 0 to 1 -> motor targets (..., 16) with two fingers per arm."""
    finger = CLOSED + (OPEN - CLOSED) * joints[..., 6::7]
    arms = [
        np.concatenate(
            [joints[..., 7 * arm : 7 * arm + 6], finger[..., [arm]], -finger[..., [arm]]], axis=-1
        )
        for arm in (0, 1)
    ]
    return np.concatenate(arms, axis=-1)


def joints_of(qpos: NDArray[np.float64]) -> NDArray[np.float64]:
    """Joint positions (..., nq) -> what the robot senses (..., 14): grippers by their left fingers."""
    arms = [
        np.concatenate(
            [
                qpos[..., 8 * arm : 8 * arm + 6],
                (qpos[..., [8 * arm + 6]] - CLOSED) / (OPEN - CLOSED),
            ],
            axis=-1,
        )
        for arm in (0, 1)
    ]
    return np.concatenate(arms, axis=-1)
