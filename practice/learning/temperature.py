"""Policies at another temperature: one number, the same in practice, loss and evaluation."""

from __future__ import annotations

from dataclasses import replace

from models_store.checkpoint import EFMCheckpoint
from models_store.specs import TokenSpec
from practice.learning.errors import LearningError


def at_temperature(policy: EFMCheckpoint, temperature: float | None) -> EFMCheckpoint:
    """The same weights, sampled at T; None leaves T as it is.

    Raises:
        LearningError: the policy does not choose among tokens and has no temperature.
    """
    if temperature is None:
        return policy
    if not isinstance(policy.spec, TokenSpec):
        raise LearningError(
            "This policy draws from a bell curve and has no temperature; leave the setting empty."
        )
    if policy.spec.temperature == temperature:
        return policy
    return replace(policy, spec=replace(policy.spec, temperature=temperature))
