"""What the demonstration shows: one robot and task after the other."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Show:
    """One robot and its task; the settings are the embodiment's presets named "demo"."""

    title: str
    slug: str
    """Of its task."""
    embodiment: str
    name: str
    """Of its task."""
    description: str
    demonstrations: int
    """How many are made."""
    dataset: str
    """Name of its demonstrations."""
    style: str | None = None
    """Which demonstrator, where there are several."""


LANGUAGE_TABLE = Show(
    title="LanguageTable",
    slug="language-table",
    embodiment="language-table-4",
    name="Language table: do what the words say",
    description="A pusher that sees through one small camera learns to push the block that is named to where it is told.",
    demonstrations=500,
    dataset="Human-like demonstrations",
    style="human",
)
POINT_MASS = Show(
    title="PointMass",
    slug="point-mass",
    embodiment="point-mass",
    name="Point mass: reach the goal",
    description="A point pushed by accelerations learns to reach its goal in few steps.",
    demonstrations=10_000,
    dataset="Scripted demonstrations",
)
SHOWS = (LANGUAGE_TABLE, POINT_MASS)
"""In the order in which they are shown."""
