"""The number of gateway.yaml's format: a file of an older one is read as if it had been brought up to date by hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

CURRENT = 1

Step = Callable[[dict[str, Any]], dict[str, Any]]

STEPS: Mapping[int, Step] = {}
"""By the number that a file has: what makes it one of the next. There has been one format so far."""


def up_to_date(data: Any, steps: Mapping[int, Step] = STEPS) -> Any:
    """The data in the newest format that the steps lead to; unchanged where no step is known from its number."""
    while isinstance(data, dict) and type(data.get("version")) is int and data["version"] in steps:
        number = data["version"]
        data = steps[number](data) | {"version": number + 1}
    return data


def check_version(number: Any) -> Any:
    """That number, if this gateway reads it. Raises ValueError that says what to do."""
    if type(number) is int and number > CURRENT:
        raise ValueError(
            f"is of a newer ocpp-gateway than this one, which reads {CURRENT}: install the newer one, "
            "or take back the file that was here before the upgrade (docs/upgrading.md)"
        )
    return number
