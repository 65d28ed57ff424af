"""The errors of the learning core, at the place where its users look for them."""

from __future__ import annotations

from models_store.errors import CheckpointError, LearningError

__all__ = ["CheckpointError", "LearningError"]
