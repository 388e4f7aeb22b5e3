"""How long a charger took to answer its rounds, as a histogram."""

from __future__ import annotations

from bisect import bisect_left
from itertools import accumulate

BOUNDS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class RoundTimes:
    """Counts rounds by the time that the charger took for their answers."""

    def __init__(self) -> None:
        self.sum_s = 0.0
        self._counts = [0] * (len(BOUNDS_S) + 1)  # the last one: longer than all bounds

    def add(self, round_s: float) -> None:
        """Count a round."""
        self._counts[bisect_left(BOUNDS_S, round_s)] += 1
        self.sum_s += round_s

    def cumulative(self) -> list[tuple[float, int]]:
        """For each bound, in s, and for infinity, how many rounds took no longer."""
        return list(zip((*BOUNDS_S, float("inf")), accumulate(self._counts), strict=True))
