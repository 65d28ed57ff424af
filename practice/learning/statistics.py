"""Shares of episodes with honest intervals. No torch here."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

from practice.learning.errors import LearningError


def wilson(successes: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson score interval of a share (E. B. Wilson, JASA 1927, eq. 10).

    Unlike the textbook interval it stays inside [0, 1] and says something at 0 of n and n of n.

    Raises:
        LearningError: the counts make no share.
    """
    if not 0 <= successes <= n or not 0.0 < confidence < 1.0:
        raise LearningError(f"No share has {successes} of {n} at confidence {confidence}.")
    if n == 0:
        return 0.0, 1.0
    z = NormalDist().inv_cdf(0.5 + confidence / 2.0)
    share = successes / n
    middle = share + z * z / (2 * n)
    half = z * (share * (1.0 - share) / n + z * z / (4 * n * n)) ** 0.5
    scale = 1.0 + z * z / n
    # At the ends the formula is exact; rounding must not push the share outside its interval.
    low = 0.0 if successes == 0 else (middle - half) / scale
    high = 1.0 if successes == n else (middle + half) / scale
    return low, high


@dataclass(frozen=True, slots=True)
class Share:
    """k of n, with its 95 % Wilson interval."""

    k: int
    n: int

    @property
    def value(self) -> float | None:
        """k / n; None where there was nothing to count."""
        return self.k / self.n if self.n else None

    @property
    def interval(self) -> tuple[float, float]:
        """95 %, (0, 1) where there was nothing to count."""
        return wilson(self.k, self.n)
