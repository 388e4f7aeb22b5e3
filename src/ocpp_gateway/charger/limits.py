"""The power limit in force for the station and each connector, and the commands that bring the charger there.

The limit is the minimum over every source that exists. Source: decisions.md, Power; conformance P-28, P-50.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ocpp_gateway.charger import safe_state
from ocpp_gateway.charger.limit_sources import PROFILES, Source, connector_sources, station_sources
from ocpp_gateway.charger.state import ChargePoint, Connector
from ocpp_gateway.charger.turn import Turn
from ocpp_gateway.instant import Instant
from ocpp_gateway.smart_charging.power import PowerRegister, share, written_power_w


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
    """What the registers shall hold: the station's, each connector's, and what each may have of the station's."""

    station: Ceiling
    connectors: dict[int, Ceiling]
    granted_w: dict[int, int]

    @property
    def until_s(self) -> float | None:
        """When, on the monotonic clock, some source may say something else."""
        ceilings = (self.station, *self.connectors.values())
        moments = [source.until.monotonic_s for one in ceilings for source in one.sources if source.until is not None]
        return min(moments, default=None)


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
    wanted_w = {connector_id: ceiling.written_w for connector_id, ceiling in connectors.items()}
    claimed_w = sum(safe_state.claimed_w(point, connector) for connector in point.connectors.values())
    shared_w = max(station.written_w - claimed_w, 0) // register.step_w * register.step_w
    return Decision(station, connectors, share(shared_w, wanted_w, register.step_w))


def lowest(sources: Sequence[Source], register: PowerRegister) -> Ceiling:
    """The minimum over sources of which one at least sets a limit, and what to write for it (P-43, P-44)."""
    power_w = min(map(_power_w, sources))
    hard_w = min(_power_w(source) for source in sources if source.name not in PROFILES)
    return Ceiling(sources, power_w, written_power_w(power_w, hard_w, register))


def _power_w(source: Source) -> float:
    return float("inf") if source.power_w is None else source.power_w


def apply_limits(point: ChargePoint, turn: Turn) -> None:
    """Command every limit that is not what was commanded last, in the order that never exceeds a limit on the way."""
    if point.settings.read_only or point.link_up_s is None:
        point.limits_until_s = None  # there is nothing to command before the link is up, and then everything is
        return
    decision = decide(point, turn.now)
    point.limits_until_s = decision.until_s
    for connector_id, connector in point.connectors.items():
        safe_state.end_when_obeyed(connector, decision.granted_w[connector_id], turn)
    _command(point, turn, decision.station.written_w, decision.granted_w)


def _command(point: ChargePoint, turn: Turn, station_w: int, granted_w: dict[int, int]) -> None:
    """Connector decreases, the station, increases last."""
    changed = [
        c
        for connector_id, c in point.connectors.items()
        if c.commanded_w != (power_w := granted_w[connector_id]) and not _rests(c, power_w, turn)
    ]
    if not changed and station_w == point.station_commanded_w:
        return
    lower = [c for c in changed if c.commanded_w is None or granted_w[c.connector_id] < c.commanded_w]
    for connector in sorted(lower, key=lambda c: granted_w[c.connector_id]):
        _write(turn, connector, granted_w[connector.connector_id])
    rests = station_w == point.station_refused_w and turn.now_s < point.station_refused_until_s
    if station_w != point.station_commanded_w and not rests:
        point.station_commanded_w = station_w
        turn.command(0, station_w)
    for connector in changed:
        if connector not in lower:
            _write(turn, connector, granted_w[connector.connector_id])


def _rests(connector: Connector, power_w: int, turn: Turn) -> bool:
    """Whether the charger refused this very value a moment ago; another one may be tried at once."""
    return power_w == connector.refused_w and turn.now_s < connector.refused_until_s


def _write(turn: Turn, connector: Connector, power_w: int) -> None:
    connector.commanded_w = power_w
    turn.command(connector.connector_id, power_w)
