"""The one family of errors of the learning side."""

from __future__ import annotations


class LearningError(Exception):
    """Something a person can put right: the message names the bad value and what to do."""


class CheckpointError(LearningError):
    """A checkpoint or state file is missing, damaged, or of another make."""
