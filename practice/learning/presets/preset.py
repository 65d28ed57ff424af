"""What a preset is. No torch here."""

from __future__ import annotations

from dataclasses import dataclass

from practice.learning.config import Config


@dataclass(frozen=True, slots=True)
class Preset:
    """A config to start from."""

    name: str
    title: str
    description: str
    config: Config
    asks: tuple[str, ...] = ()
    """Settings that have no value until a person gives one."""


Table = dict[str, tuple[Preset, ...]]
"""Kind of run -> its presets, the default first."""
