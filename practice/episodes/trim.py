"""A part of an episode as an episode."""

from dataclasses import replace

from practice.episodes.types import Episode


def trimmed(episode: Episode, first: int, end: int, *, instruction: str | None = None) -> Episode:
    """The control steps `first` up to, not including, `end`; arrays are views.

    Where the goal was reached outside the part, the part's own end counts: whoever trims there means the goal to be there.
    """
    assert 0 <= first < end <= episode.length, (first, end, episode.length)
    success = episode.success_step
    inside = success is not None and first < success <= end
    rows = slice(first, end + 1)
    return replace(
        episode,
        instruction=episode.instruction if instruction is None else instruction,
        observation={name: values[rows] for name, values in episode.observation.items()},
        action=episode.action[first:end],
        distance=None if episode.distance is None else episode.distance[rows],
        spread=None if episode.spread is None else episode.spread[rows],
        success_step=success - first if success is not None and inside else None,
    )
