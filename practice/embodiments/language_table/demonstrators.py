"""Whom to learn from, by name."""

from __future__ import annotations

from models_store.errors import LearningError
from practice.embodiments.language_table.human import Human
from practice.embodiments.language_table.oracle import Oracle
from practice.embodiments.language_table.presets import Table

STYLES = ("human", "oracle")


def make_demonstrator(table: Table, num_robots: int, style: str) -> Oracle:
    """A demonstrator for as many robots.

    Raises:
        LearningError: nobody demonstrates like that; the message lists who does.
    """
    if style == "human":
        return Human(table, num_robots)
    if style == "oracle":
        return Oracle(table, num_robots)
    raise LearningError(
        f"Unknown demonstrator {style!r} for {table.id}; known: {', '.join(STYLES)}."
    )
