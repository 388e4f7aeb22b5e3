"""Named points at which a test lets this process die: docs/faults.md.

`OCPP_GATEWAY_FAILPOINT=stop_intent.inside_commit` kills the process, as `kill -9` does, where it is about to keep a
StopTransaction; `stop_intent.inside_commit:3` the third time. Read once, at import; without it each point is a call
of a function that does nothing.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterable
from typing import Literal

VARIABLE = "OCPP_GATEWAY_FAILPOINT"

SUBJECTS = {"StartTransaction": "start_intent", "StopTransaction": "stop_intent", "MeterValues": "meter_values"}
"""The word of a failpoint's name for each transaction message; `answer` is what the central system said to one."""

Moment = Literal["before_commit", "inside_commit", "after_commit", "after_send", "answer_received"]

NAMES = (
    *(
        f"{subject}.{moment}"
        for subject in ("start_intent", "stop_intent", "answer")
        for moment in ("before_commit", "inside_commit", "after_commit")
    ),
    *(
        f"{subject}.{moment}"
        for subject in ("start_intent", "stop_intent", "meter_values")
        for moment in ("after_send", "answer_received")
    ),
)
"""Every failpoint. A commit's three: decided, written but for the COMMIT, on disk and nothing done yet."""


def _nothing(_moment: Moment, _about: object) -> None:
    """No failpoint is wanted."""


def _point(wanted: str) -> Callable[[Moment, object], None]:
    name, _, times = wanted.partition(":")
    if name not in NAMES:
        raise ValueError(f"{VARIABLE}: there is no failpoint {name!r}, but {', '.join(NAMES)}")
    left = int(times or 1)

    def reach(moment: Moment, about: object) -> None:
        nonlocal left
        if name in {f"{subject}.{moment}" for subject in _subjects(about)}:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    return reach


def _subjects(about: object) -> Iterable[str]:
    """What a message, by its action, or the records of one commit are about."""
    if isinstance(about, str):
        yield SUBJECTS.get(about, "")
    elif isinstance(about, list | tuple):
        for record in about:
            kind = type(record).__name__
            yield "answer" if kind == "OutboxDone" else SUBJECTS.get(getattr(record, "action", ""), "")


reach: Callable[[Moment, object], None] = _point(wanted) if (wanted := os.environ.get(VARIABLE)) else _nothing
"""Says that a moment is reached: `about` is the action of a message, or the records of one commit."""
