"""How much a person's look at an episode is worth: the review queue shows the most doubtful first."""

from math import erfc, sqrt

from practice.episodes.types import Episode

MIN_SPREAD = 0.5
"""Control steps. The predicted distribution is binned: a spread of zero still leaves half a step in the dark."""


def doubt(
    distance_end: float, spread_end: float, threshold: float, disagreement: float = 0.0
) -> float:
    """Doubt in [0, 1] about whether an episode that ended at d = `distance_end` succeeded.

    With z = (d - s) / max(spread, MIN_SPREAD), u = erfc(|z| / sqrt 2) is twice the chance that the true steps-to-go lies on the
    other side of the threshold s, if the prediction is normal: 1 at the threshold, 0.32 one spread away. `disagreement`, in
    [0, 1], is how far other evidence (simulator, person) contradicts the detector; either source of doubt is enough:

        doubt = 1 - (1 - u) * (1 - disagreement)
    """
    assert 0.0 <= disagreement <= 1.0, disagreement
    z = (distance_end - threshold) / max(spread_end, MIN_SPREAD)
    return 1.0 - (1.0 - erfc(abs(z) / sqrt(2.0))) * (1.0 - disagreement)


def episode_doubt(episode: Episode, threshold: float) -> float:
    """`doubt` of a recorded episode; 1 when nothing predicted its end and nobody knows it, 0 when only the truth is known."""
    if episode.distance is None or episode.spread is None:
        return 1.0 if episode.true_success is None else 0.0
    known = episode.true_success is not None and episode.detector_success is not None
    contradicted = known and episode.true_success != episode.detector_success
    return doubt(
        float(episode.distance[-1]), float(episode.spread[-1]), threshold, float(contradicted)
    )
