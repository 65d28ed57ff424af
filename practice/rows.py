"""Episodes as rows: the facts of an `Episode` beside where its arrays lie."""

from typing import Any

from practice.episodes.doubt import episode_doubt
from practice.episodes.recorder import EpisodeSlice
from practice.episodes.types import Episode as Recorded
from practice.models import Episode


def episode_row(
    recorded: Recorded, place: EpisodeSlice, *, blob_key: str, threshold: float, **where: Any
) -> Episode:
    """An unsaved row; `where` says which task, kind, run or dataset it belongs to."""
    row = Episode(
        uid=recorded.uid,
        robot=recorded.robot,
        iteration=recorded.iteration,
        instruction=recorded.instruction,
        seed=recorded.seed,
        length=recorded.length,
        ended_by=recorded.ended_by,
        detector_success=recorded.detector_success,
        true_success=recorded.true_success,
        doubt=episode_doubt(recorded, threshold),
        blob_key=blob_key,
        first_row=place.first_row,
        rows=place.rows,
        **where,
    )
    if recorded.distance is not None:
        row.d_start, row.d_end = float(recorded.distance[0]), float(recorded.distance[-1])
    if recorded.spread is not None:
        row.spread_end = float(recorded.spread[-1])
    return row
