"""The power limit in force for the station and each connector, and the commands that bring the charger there.

The limit is the minimum over every source that exists. Source: decisions.md, Power; conformance P-28, P-50.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

from ocpp_gateway.charger import safe_state
from ocpp_gateway.charger.limit_border import CURRENT_GUARD, STATION_SHARE
from ocpp_gateway.charger.limit_sources import (
    PROFILES,
    Source,
    connector_sources,
    min_charging_rate,
    station_sources,
)
from ocpp_gateway.charger.limit_writes import command_limits
from ocpp_gateway.charger.state import ChargePoint, Connector
from ocpp_gateway.charger.turn import Turn
from ocpp_gateway.instant import Instant
from ocpp_gateway.smart_charging.power import PowerRegister, draw_power_w, least_power_w, written_power_w
from ocpp_gateway.smart_charging.sharing import Claim, Sharing, share


@dataclass(frozen=True, slots=True)
class Ceiling:
    """The minimum over some sources: `power_w` as a number of W, `written_w` as the register takes it."""

    sources: Sequence[Source]
    power_w: float
    written_w: int

    @property
    def winner(self) -> Source:
        """The source that set it; the first named of equal ones."""
        return min(self.sources, key=_power_w)


@dataclass(frozen=True, slots=True)
class Decision:
    """What the registers shall hold: the station's, each connector's, what each has of the station's, what is written.

    `written_w`, by connector id, is below its part of the `sharing` where the current guard acts.
    """

    station: Ceiling
    connectors: dict[int, Ceiling]
    sharing: Sharing
    written_w: dict[int, int]

    @property
    def until_s(self) -> float | None:
        """When, on the monotonic clock, some source may say something else."""
        ceilings = (self.station, *self.connectors.values())
        moments = [source.until.monotonic_s for one in ceilings for source in one.sources if source.until is not None]
        if self.sharing.until_s is not None:
            moments.append(self.sharing.until_s)
        return min(moments, default=None)

    @property
    def granted_w(self) -> dict[int, int]:
        """What each connector has of the station's power, by connector id."""
        return self.sharing.granted_w

    def decided_by(self, connector_id: int) -> str:
        """The name of the source that sets a connector's limit, or the station's (0)."""
        if connector_id == 0:
            return self.station.winner.name
        if self.written_w[connector_id] < self.granted_w[connector_id]:
            return CURRENT_GUARD
        ceiling = self.connectors[connector_id]
        return STATION_SHARE if self.granted_w[connector_id] < ceiling.written_w else ceiling.winner.name


def decide(point: ChargePoint, now: Instant) -> Decision:
    """The minimum over all sources now, shared between the connectors.

    A connector that does not obey keeps what its register may hold; the others share the rest.
    """
    register = point.settings.power_register
    station = lowest(station_sources(point, now), register)
    connectors = {
        connector_id: lowest(connector_sources(point, connector, now), register)
        for connector_id, connector in point.connectors.items()
    }
    claimed_w = sum(safe_state.claimed_w(point, connector) for connector in point.connectors.values())
    shared_w = max(station.written_w - claimed_w, 0) // register.step_w * register.step_w
    claims = [
        _claim(point, connector, connectors[connector.connector_id], shared_w, now)
        for connector in point.connectors.values()
    ]
    sharing = share(shared_w, claims, point.sharing, now.monotonic_s, register)
    written_w = {
        connector_id: point.connectors[connector_id].guard.written_w(granted_w, register.step_w)
        for connector_id, granted_w in sharing.granted_w.items()
    }
    return Decision(station, connectors, sharing, written_w)


def _claim(point: ChargePoint, connector: Connector, ceiling: Ceiling, shared_w: int, now: Instant) -> Claim:
    """What a connector asks of the station's power, of which there is `shared_w`."""
    register, registers = point.settings.power_register, connector.registers
    draw_w: float | None = 0.0
    if registers is None:  # nobody looked yet: a car that charged goes on
        draw_w = None if connector.transaction is None else float(ceiling.written_w)
    elif connector.plugged:
        draw_w = draw_power_w(registers.current_a, register)
    return Claim(
        connector.connector_id,
        ceiling.written_w,
        least_power_w(min(ceiling.written_w, shared_w), min_charging_rate(point, connector, now), register),
        connector.plugged or connector.transaction is not None,
        draw_w,
    )


def lowest(sources: Sequence[Source], register: PowerRegister) -> Ceiling:
    """The minimum over sources of which one at least sets a limit, and what to write for it (P-43, P-44)."""
    power_w = hard_w = inf
    for source in sources:
        if source.power_w is not None:
            power_w = min(power_w, source.power_w)
            if source.name not in PROFILES:
                hard_w = min(hard_w, source.power_w)
    return Ceiling(sources, power_w, written_power_w(power_w, hard_w, register))


def _power_w(source: Source) -> float:
    return inf if source.power_w is None else source.power_w


def apply_limits(point: ChargePoint, turn: Turn) -> None:
    """Command every limit that is not what was commanded last, in the order that never exceeds a limit on the way."""
    if point.settings.read_only or point.link_up_s is None:
        point.limits_until_s = None  # there is nothing to command before the link is up, and then everything is
        return
    decision = decide(point, turn.now)
    point.sharing, point.limits_until_s = decision.sharing, decision.until_s
    for connector_id, connector in point.connectors.items():
        safe_state.end_when_obeyed(connector, decision.written_w[connector_id], turn)
    command_limits(point, turn, decision.station.written_w, decision.written_w, decision.decided_by)
