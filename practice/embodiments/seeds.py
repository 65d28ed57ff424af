"""Numbers drawn from a seed without keeping a generator: vectorised, stateless, repeatable.

An episode's start depends on its seed alone, so evaluations of two checkpoints can be paired, an
episode can be set up again, and a simulator has no random state to save. The mixing function is
splitmix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", OOPSLA 2014).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)


def mix(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Scatter 64-bit numbers; equal in, equal out. Arithmetic is modulo 2^64 on purpose."""
    z = (values + np.uint64(1)) * _GAMMA
    z = (z ^ (z >> np.uint64(30))) * _MIX_1
    z = (z ^ (z >> np.uint64(27))) * _MIX_2
    return z ^ (z >> np.uint64(31))


def uniforms(seeds: NDArray[np.uint64], count: int) -> NDArray[np.float64]:
    """(N,) seeds -> (N, count) numbers in [0, 1)."""
    streams = mix(seeds)[:, None] + np.arange(count, dtype=np.uint64) * _GAMMA
    return (mix(streams) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def derive(seed: int, counters: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Seeds of episodes from the seed of a run and a running number, 63 bits so that any database
    and any JSON reader of integers can keep them.
    """
    base = mix(np.array([seed % 2**64], dtype=np.uint64))
    return mix(base + counters.astype(np.uint64)) >> np.uint64(1)
