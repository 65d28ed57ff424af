"""The one family of errors of the learning side."""

from __future__ import annotations


class LearningError(Exception):
    """Something a person can put right: the message names the bad value and what to do."""


class SimulatorLostError(LearningError):
    """A process that simulates ended or hangs; no input is to blame, and what it was at may be tried again."""


class CheckpointError(LearningError):
    """A checkpoint or state file is missing, damaged, or of another make."""
