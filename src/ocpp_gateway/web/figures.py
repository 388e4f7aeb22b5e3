"""What is measured, as it stands when somebody asks. Counts begin at 0 with the tasks that they are about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ConnectorFigures:
    """One connector. `limit_w`: what was last commanded; `limited_by`: the source that set it."""

    connector_id: int
    status: str
    power_w: float | None
    limit_w: int | None
    limited_by: str
    energy_wh: int
    in_transaction: bool
    in_safe_state: bool


@dataclass(frozen=True, slots=True)
class QueueFigures:
    """The messages of transactions: those that wait, and those that were given up or taken out."""

    waiting: int
    oldest_age_s: float | None
    dead_letters: int
    thinned: int


@dataclass(frozen=True, slots=True)
class ChargerFigures:
    """One charger, what talks to it, and what talks to its central system.

    `round_times`: for each bound in s how many polls took no longer. `calls`: by direction, action and result.
    `certificate_ends_s`: Unix times, by whose certificate it is. `queue` None: the store could not tell.
    """

    charge_point: str
    answers: bool
    last_poll_age_s: float | None
    round_times: Sequence[tuple[float, int]]
    round_times_sum_s: float
    missed_rounds: int
    lost_links: int
    refused_writes: int
    implausible_values: int
    restarts: int
    connected: bool
    accepted: bool
    connections: int
    certificate_ends_s: Mapping[str, float]
    calls: Mapping[tuple[str, str, str], int]
    queue: QueueFigures | None
    transactions_started: int
    transactions_ended: Mapping[str, int]
    power_w: float | None
    limit_w: int | None
    limited_by: str
    connectors: Sequence[ConnectorFigures]


@dataclass(frozen=True, slots=True)
class GatewayFigures:
    """The whole gateway. `tasks`: those of its event loop that are not done."""

    version: str
    uptime_s: float
    tasks: int
    read_only: bool
    healthy: bool
    store_failing: bool
    store_short_of_room: bool
    clock_synchronised: bool
    clock_offset_s: float | None
    chargers: Sequence[ChargerFigures]
