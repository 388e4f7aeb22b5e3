"""The campaigns of `make faults`: what is too long for the suite. Each says what it did, and what held of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from faults import disk, inside_commit, killing
from faults.killing import Plan

KILLS, KILLS_AT_A_POINT, POWER_CUTS, WRITES = 1_000, 100, 200, 200
STARTS_WITHIN_S = 5.0
QUICK_PART = 10
"""A quick run does a tenth."""


@dataclass(frozen=True, slots=True)
class Result:
    """What came of it; `why_not` when this machine could not do it. `breaches` are none when it passed."""

    injections: int = 0
    figure: str = ""
    breaches: tuple[str, ...] = ()
    why_not: str | None = None


Campaign = Callable[[int, bool], Result]
"""Takes a seed, and whether to be quick."""


def _kills(seed: int, quick: bool, *, deaths: int, failpoint: str | None = None) -> Result:
    return _deaths(Plan(seed, deaths // QUICK_PART if quick else deaths, failpoint=failpoint))


def _power_cuts(seed: int, quick: bool) -> Result:
    if reason := disk.why_not():
        return Result(why_not=reason)
    figures = killing.run(Plan(seed, POWER_CUTS // QUICK_PART if quick else POWER_CUTS, sites=4, power_cuts=True))
    if figures.slowest_start_s > STARTS_WITHIN_S:
        figures.breaches.append(f"K-11: a start took {figures.slowest_start_s:.1f} s")
    return _result(figures)


def _writes(_seed: int, quick: bool) -> Result:
    if reason := inside_commit.why_not():
        return Result(why_not=reason)
    figures = inside_commit.run(range(1, WRITES + 1, QUICK_PART if quick else 1))
    return Result(len(figures.killed_at), str(figures), tuple(figures.breaches))


def _deaths(plan: Plan) -> Result:
    return _result(killing.run(plan))


def _result(figures: killing.Figures) -> Result:
    return Result(figures.deaths.total(), str(figures), tuple(figures.breaches))


def _at(failpoint: str) -> Campaign:
    return partial(_kills, deaths=KILLS_AT_A_POINT, failpoint=failpoint)


CAMPAIGNS: dict[str, Campaign] = {
    "kills": partial(_kills, deaths=KILLS),
    "power_cuts": _power_cuts,
    "writes": _writes,
    **{
        failpoint: _at(failpoint)
        for failpoint in (
            "start_intent.before_commit",
            "start_intent.inside_commit",
            "start_intent.after_commit",
            "stop_intent.inside_commit",
            "answer.before_commit",
            "answer.inside_commit",
            "start_intent.after_send",
            "start_intent.answer_received",
        )
    },
}
