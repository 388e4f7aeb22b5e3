"""The history of a connector as a chart wants it: columns of numbers, null where nobody read.

A value holds from its moment until the next one, so it is drawn in steps; times are seconds since 1970. Older parts
come from the store, a stretch at a time; what is still in memory comes change by change.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, zip_longest
from typing import Any, Literal

from ocpp_gateway.charger.history import UNREAD, History, Stretch

Resolution = Literal["fine", "minute", "quarter_hour"]
RESOLUTIONS: tuple[Resolution, ...] = ("fine", "minute", "quarter_hour")
_LONGEST_S: dict[Resolution, float] = {"fine": 2 * 3600.0, "minute": 2 * 86_400.0}

QUARTER_S = 900
GAP_S = 0.001
"""So long after its last value a column begins to be null."""

TOUCH_S = 1.5
"""Stretches that lie so close together touch: the store keeps whole seconds."""


@dataclass(frozen=True, slots=True)
class Span:
    """What is asked for, in seconds since 1970."""

    since_s: float
    until_s: float
    resolution: Resolution


def resolution_for(seconds: float, asked: Resolution | None = None) -> Resolution:
    """What suits a chart of so many seconds, or what is asked for; of more than two days never more than quarters."""
    suits: Resolution = next((name for name, longest_s in _LONGEST_S.items() if seconds <= longest_s), "quarter_hour")
    return suits if asked is None or suits == "quarter_hour" else asked


def series(history: History, connector_id: int, stored: Iterable[Stretch], span: Span) -> dict[str, Any]:
    """One connector, ready for JSON: `at_s` and as many values in each other column.

    `stored` are its stretches in the store, in seconds since 1970.
    """
    zero_s = history.zero_s or 0.0
    waiting = (_moved(one, zero_s) for one in history.waiting().get(connector_id, ()))
    kept = {round(one.at_s): one for one in (*stored, *waiting)}
    ordered = [one for _, one in sorted(kept.items())]
    if span.resolution == "fine":
        before = _clipped(ordered, span.since_s, min(history.remembers_from_s(connector_id), span.until_s))
        rows = [*before, *_changes(history, connector_id, span)]
    else:
        rows = list(_clipped(ordered, span.since_s, span.until_s))
        if span.resolution == "quarter_hour":
            rows = [_together(list(part)) for part in _quarters(rows)]
    return {"connector_id": connector_id} | _columns(rows)


def _changes(history: History, connector_id: int, span: Span) -> Iterator[Stretch]:
    """What the memory holds, each value until the next, the last until the registers were read last."""
    changes = history.changes(connector_id, span.since_s, span.until_s)
    if not changes:
        return
    watched_s = history.watched_until_s(connector_id)
    ends_s = [at_s for at_s, _ in changes[1:]] + [min(watched_s, span.until_s)]
    for (at_s, values), until_s in zip(changes, ends_s, strict=False):
        if values != UNREAD:
            power_w, limit_w = values.power_w, values.limit_w
            yield Stretch(at_s, until_s, power_w, power_w, power_w, limit_w, limit_w, values.current_a)


def _clipped(stretches: Iterable[Stretch], since_s: float, until_s: float) -> Iterator[Stretch]:
    """What of them lies between two moments."""
    for one in stretches:
        if since_s <= one.at_s and one.until_s <= until_s:
            yield one
        elif one.at_s < until_s and since_s < one.until_s:
            yield replace(one, at_s=max(one.at_s, since_s), until_s=min(one.until_s, until_s))


def _quarters(stretches: Iterable[Stretch]) -> Iterator[Iterable[Stretch]]:
    """Cut at each quarter of an hour, those of one quarter together."""
    cut = (
        part
        for one in stretches
        for quarter in range(int(one.at_s // QUARTER_S), int(-(-one.until_s // QUARTER_S)))
        for part in _clipped((one,), quarter * QUARTER_S, (quarter + 1) * QUARTER_S)
    )
    return (part for _, part in groupby(cut, key=lambda one: one.at_s // QUARTER_S))


def _together(parts: Sequence[Stretch]) -> Stretch:
    """One stretch for several: means by time; a gap between them is not seen any more."""
    if len(parts) == 1:
        return parts[0]
    seconds = [one.until_s - one.at_s for one in parts]
    power_w = _mean([one.power_w for one in parts], seconds)
    l1, l2, l3 = (_mean([one.current_a[phase] for one in parts], seconds) for phase in range(3))
    return Stretch(
        parts[0].at_s,
        parts[-1].until_s,
        None if power_w is None else round(power_w),
        min((one.power_min_w for one in parts if one.power_min_w is not None), default=None),
        max((one.power_max_w for one in parts if one.power_max_w is not None), default=None),
        parts[-1].limit_w,
        min((one.limit_min_w for one in parts if one.limit_min_w is not None), default=None),
        (l1, l2, l3),
    )


def _mean(values: Sequence[float | None], seconds: Sequence[float]) -> float | None:
    total = total_s = 0.0
    for value, weight_s in zip(values, seconds, strict=True):
        if value is not None:
            total, total_s = total + value * weight_s, total_s + weight_s
    return round(total / total_s, 1) if total_s else None


def _columns(rows: Sequence[Stretch]) -> dict[str, Any]:
    """Each value at its beginning; before a gap and at the end once more, so that a line reaches so far."""
    points: list[tuple[float, Stretch | None]] = []
    for one, after in zip_longest(rows, rows[1:]):
        points.append((one.at_s, one))
        touches = after is not None and after.at_s - one.until_s <= TOUCH_S
        if not touches and one.until_s > one.at_s:
            points.append((one.until_s, one))
        if not touches and after is not None:
            points.append((one.until_s + GAP_S, None))
    columns: dict[str, Any] = {"at_s": [round(at_s, 3) for at_s, _ in points]}
    for name in ("power_w", "power_min_w", "power_max_w", "limit_w", "limit_min_w"):
        columns[name] = [None if one is None else getattr(one, name) for _, one in points]
    columns["current_a"] = [[None if one is None else one.current_a[phase] for _, one in points] for phase in range(3)]
    return columns


def _moved(stretch: Stretch, by_s: float) -> Stretch:
    return replace(stretch, at_s=stretch.at_s + by_s, until_s=stretch.until_s + by_s)
