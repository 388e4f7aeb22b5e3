"""A charger made from a mapping file: registers, and behind them a station that shares its power. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import pi, sin

from ocpp_gateway.registers.fields import Field
from ocpp_gateway.registers.mapping import Mapping
from ocpp_gateway.registers.snapshot import Derating
from ocpp_gateway.registers.vocabulary import Role, Table
from ocpp_gateway.simulator.connector import Connector, NotPossible
from ocpp_gateway.simulator.ev import ElectricVehicle
from ocpp_gateway.simulator.options import ChargerOptions
from ocpp_gateway.simulator.readings import Station, factory_setting, reading
from ocpp_gateway.simulator.words import number_in, words_of

ILLEGAL_ADDRESS, ILLEGAL_VALUE, BUSY = 2, 3, 6
MAX_READ_COUNT = 125  # Modbus application protocol V1.1b3, 6.3
NOMINAL_VOLTAGE_V = 230.0
REMEMBERED = 100_000

NEW_IN_2022 = {Role.ERROR_CODE, Role.STATUS, Role.VOLTAGE_L1_V, Role.VOLTAGE_L2_V, Role.VOLTAGE_L3_V}
"""What the DUO of before 2022 lacks."""

MIRRORS = {Role.STATION_POWER_LIMIT_W: "relative_power_limit", Role.FALLBACK_POWER_W: "relative_fallback_power"}
"""A power, and the name of the register that holds the same in % of the rating; writing one recomputes the other."""


class ModbusException(Exception):
    """The charger refuses a request."""

    def __init__(self, exception_code: int) -> None:
        self.exception_code = exception_code
        super().__init__(f"Modbus exception {exception_code}")


@dataclass(frozen=True, slots=True)
class Read:
    """A read as it was asked; `exception_code` is None when it was answered, `connection` as the charger's was."""

    at_s: float
    table: Table
    address: int
    count: int
    exception_code: int | None
    connection: int | None = None


@dataclass(frozen=True, slots=True)
class Write:
    """A write as it was asked; `exception_code` is None when it was taken."""

    at_s: float
    address: int
    value: int
    exception_code: int | None


@dataclass(frozen=True, slots=True)
class _Limits:
    """What the limit registers said at one moment, in W."""

    station_w: float
    connector_w: tuple[float, ...]


class SimulatedCharger:
    """A charger at the moment `now_s`, which only `advance` moves on.

    `requests` and `writes` hold what a client asked for, the newest last. `connection` is the number of the connection
    on which it asks, kept by the network side; None where that is not known. `charging_speed` makes charging, and with
    it the seconds charged, run so many times faster; a fallback interval or a start delay lasts as long as ever.
    """

    def __init__(
        self, mapping: Mapping, number_of_connectors: int, options: ChargerOptions | None = None, *, now_s: float = 0.0
    ) -> None:
        self.options = options = options or ChargerOptions()
        self.now_s = now_s
        self.connectors = tuple(Connector(n, options, now_s) for n in range(1, number_of_connectors + 1))
        self.connection: int | None = None
        self.requests: deque[Read] = deque(maxlen=REMEMBERED)
        self.writes: deque[Write] = deque(maxlen=REMEMBERED)
        self._phases = mapping.limits.phases
        self._fields = tuple(f for f in mapping.fields(number_of_connectors) if self._has(f))
        self._field_at = {(f.table, address): f for f in self._fields for address in range(f.address, f.end)}
        self._by_role = {(f.role, f.connector_id): f for f in self._fields if f.role is not None}
        self._mirrors = tuple(self._mirror_pairs())
        self._fallback_intervals = mapping.fallback.trigger_factor if mapping.fallback else 1
        if options.fallback_after_one_interval:
            self._fallback_intervals = 1
        self._raw: dict[tuple[Table, int], int] = {}
        self._frozen: dict[tuple[Table, int], int] | None = None
        self._refusals: deque[int] = deque()
        self._holding: dict[int, int] = {}
        self._limits = _Limits(0.0, (0.0,) * number_of_connectors)
        self._coming_limits: deque[tuple[float, _Limits]] = deque()
        self._fed_s = now_s
        self._fallback_active = False
        self._set_as_delivered()

    # ---------------------------------------------------------------- the wire

    def read(self, table: Table, address: int, count: int) -> tuple[int, ...]:
        """The words of `count` registers. Raises ModbusException, 2 when even one of them does not exist."""
        self._feed(by_write=False)
        places = [(table, position) for position in range(address, address + count)]
        exception_code = self._injected_refusal()
        if exception_code is None and not 1 <= count <= MAX_READ_COUNT:
            exception_code = ILLEGAL_VALUE
        if exception_code is None and any(place not in self._field_at for place in places):
            exception_code = ILLEGAL_ADDRESS
        self.requests.append(Read(self.now_s, table, address, count, exception_code, self.connection))
        if exception_code is not None:
            raise ModbusException(exception_code)
        words = self._words(table, address, address + count) if self._frozen is None else self._frozen
        return tuple(self._raw.get(place, words[place]) for place in places)

    def write(self, address: int, value: int) -> None:
        """Sets a holding register. Raises ModbusException, 2 when there is none, or only an input register."""
        self._feed(by_write=True)
        exception_code = self._injected_refusal()
        if exception_code is None and address not in self._holding:
            exception_code = ILLEGAL_ADDRESS
        if exception_code is None and not 0 <= value <= 0xFFFF:
            exception_code = ILLEGAL_VALUE
        self.writes.append(Write(self.now_s, address, value, exception_code))
        if exception_code is not None:
            raise ModbusException(exception_code)
        self._set(address, value)
        self._take_limits()

    # ---------------------------------------------------------------- people, cars and time

    def plug(self, connector_id: int, id_tag: str | None = None, ev: ElectricVehicle | None = None) -> None:
        """A car is plugged in, and a tag presented when one is given."""
        self.connector(connector_id).plug(ev or ElectricVehicle())
        if id_tag is not None:
            self.connector(connector_id).present_tag(id_tag.encode("ascii", "replace"))
        self._share_power()

    def unplug(self, connector_id: int) -> None:
        """The car leaves."""
        self.connector(connector_id).unplug()
        self._share_power()

    def present_tag(self, connector_id: int, id_tag: str) -> None:
        """A tag is held to the reader; the register has room for 20 characters."""
        self.connector(connector_id).present_tag(id_tag.encode("ascii", "replace"))
        self._share_power()

    def pause_vehicle(self, connector_id: int, *, paused: bool) -> None:
        """The car stops asking for current by itself, or asks again."""
        self.connector(connector_id).pause_vehicle(paused=paused)
        self._share_power()

    def advance(self, now_s: float) -> None:
        """Let time pass until then, on the clock of `now_s`; a moment in the past changes nothing."""
        while self.now_s < now_s:
            voltage_v = self.voltage_v
            coming = [connector.next_change_s(voltage_v) for connector in self.connectors]
            coming += [self._fallback_due_s(), self._coming_limits[0][0] if self._coming_limits else None]
            step_to_s = min([now_s, *(moment for moment in coming if moment is not None and moment > self.now_s)])
            for connector in self.connectors:
                connector.advance(step_to_s, voltage_v)
            self.now_s = step_to_s
            due_s = self._fallback_due_s()
            if due_s is not None and due_s <= step_to_s:
                self._fall_back()
            self._share_power()

    # ---------------------------------------------------------------- mishaps

    def fault(self, connector_id: int, error_code: int, *, faulted: bool = True) -> None:
        """The charger finds an error, by its number in the error code register; without `faulted` it only warns."""
        self.connector(connector_id).fault(error_code, faulted=faulted)
        self._share_power()

    def clear_fault(self, connector_id: int) -> None:
        """The error is gone; a car that is still there goes on."""
        self.connector(connector_id).clear_fault()
        self._share_power()

    def derate(self, connector_id: int, derating: Derating) -> None:
        """The connector gets hot, or cools."""
        self.connector(connector_id).derating = derating
        self._share_power()

    def reboot(self) -> None:
        """The charger starts anew: limits and fallback as delivered, sessions forgotten, cars still plugged."""
        for connector in self.connectors:
            connector.reboot(self.now_s + self.options.boot_s)
        self._set_as_delivered()

    def set_raw(self, table: Table, address: int, word: int | None) -> None:
        """Show this word there whatever the charger does; None shows the truth again."""
        self._raw.pop((table, address), None)
        if word is not None:
            self._raw[table, address] = word

    def freeze(self) -> None:
        """From now on every read shows the registers as they are now, whatever happens."""
        self._frozen = {}
        for f in self._fields:
            self._frozen |= self._words(f.table, f.address, f.end)

    def thaw(self) -> None:
        """Reads show the truth again."""
        self._frozen = None

    def refuse(self, requests: int, exception_code: int = BUSY) -> None:
        """Answer the next requests with this exception."""
        self._refusals.extend([exception_code] * requests)

    # ---------------------------------------------------------------- what it is doing

    def connector(self, connector_id: int) -> Connector:
        """That connector. Raises NotPossible when there is none."""
        for connector in self.connectors:
            if connector.connector_id == connector_id:
                return connector
        raise NotPossible(f"there is no connector {connector_id}, only 1 to {len(self.connectors)}")

    @property
    def voltage_v(self) -> tuple[float, float, float]:
        """Voltage of L1, L2, L3; the same at the same moment in every run."""
        swing_v = self.options.voltage_swing_v
        l1, l2, l3 = (NOMINAL_VOLTAGE_V + swing_v * sin(self.now_s / 60 + phase * 2 * pi / 3) for phase in range(3))
        return (l1, l2, l3)

    @property
    def charging_speed(self) -> float:
        """How many times faster than the clock charging runs."""
        return self.connectors[0].charging_speed

    @charging_speed.setter
    def charging_speed(self, speed: float) -> None:
        for connector in self.connectors:
            connector.charging_speed = speed

    @property
    def power_limit_w(self) -> float:
        """The limit in force for the whole station."""
        return self._limits.station_w

    @property
    def fallback_active(self) -> bool:
        """Whether the fallback has acted and nobody has asked for anything since."""
        return self._fallback_active

    def holds(self, address: int) -> int:
        """What a holding register holds, nobody having asked for it. KeyError when there is none."""
        return self._holding[address]

    # ---------------------------------------------------------------- registers

    def _has(self, f: Field) -> bool:
        if self.options.old_firmware and f.role in NEW_IN_2022:
            return False
        return not (self.options.left_derating_absent and f.role is Role.DERATING and f.connector_id == 2)

    def _words(self, table: Table, start: int, end: int) -> dict[tuple[Table, int], int]:
        """At least the words of these addresses as the charger means them; all of them must exist."""
        words: dict[tuple[Table, int], int] = {}
        station = self._station
        position = start
        while position < end:
            f = self._field_at[table, position]
            if table is Table.HOLDING:
                words |= {(table, address): self._holding[address] for address in range(f.address, f.end)}
            else:
                shown = words_of(f, reading(f, station))
                words |= {(table, f.address + place): word for place, word in enumerate(shown)}
            position = f.end
        return words

    def _set(self, address: int, value: int) -> None:
        """Set a holding register, and the one that mirrors it."""
        self._holding[address] = value
        for absolute, relative in self._mirrors:
            full = self._station.rating_w / absolute.scale
            if address == absolute.address:
                self._holding[relative.address] = min(0xFFFF, round(100 * value / full))
            elif address == relative.address:
                self._holding[absolute.address] = min(0xFFFF, round(full * value / 100))

    def _set_as_delivered(self) -> None:
        station = self._station
        for f in self._fields:
            if f.table is Table.HOLDING:
                self._holding |= enumerate(words_of(f, factory_setting(f, station)), start=f.address)
        self._take_limits()

    def _mirror_pairs(self) -> Iterator[tuple[Field, Field]]:
        by_name = {f.key: f for f in self._fields}
        for role, name in MIRRORS.items():
            if (role, None) in self._by_role and f"station.{name}" in by_name:
                yield self._by_role[role, None], by_name[f"station.{name}"]

    def _injected_refusal(self) -> int | None:
        return self._refusals.popleft() if self._refusals else None

    # ---------------------------------------------------------------- power

    def _held(self, role: Role, connector_id: int | None = None) -> float | None:
        """What the holding register of that role holds, in its unit; None if this charger has none."""
        f = self._by_role.get((role, connector_id))
        return None if f is None else number_in(f, tuple(self._holding[a] for a in range(f.address, f.end)))

    @property
    def _station(self) -> Station:
        return Station(self.options, self.connectors, self.voltage_v, self._limits.station_w)

    def _take_limits(self) -> None:
        """Put the limits that the registers hold in force, now or when they are due."""
        options = self.options
        rating_w = self._station.rating_w
        limits = [self._held(Role.STATION_POWER_LIMIT_W), options.installer_limit_w, rating_w]
        station_w = min(limit for limit in limits if limit is not None)
        held = [self._held(Role.POWER_LIMIT_W, connector.connector_id) for connector in self.connectors]
        connector_w = tuple(
            options.connector_rating_w if limit is None else min(limit, options.connector_rating_w) for limit in held
        )
        self._coming_limits.append((self.now_s + options.limit_delay_s, _Limits(station_w, connector_w)))
        self._share_power()

    def _share_power(self) -> None:
        """Give every connector its part of the limits in force."""
        while self._coming_limits and self._coming_limits[0][0] <= self.now_s:
            self._limits = self._coming_limits.popleft()[1]
        wanted_w = [
            limit_w if connector.may_draw else 0.0
            for connector, limit_w in zip(self.connectors, self._limits.connector_w, strict=True)
        ]
        for connector, power_w in zip(self.connectors, share(self._limits.station_w, wanted_w), strict=True):
            connector.grant(power_w, self._offered_a(connector, power_w))

    def _offered_a(self, connector: Connector, power_w: float) -> float:
        """The current per phase that a power is: the charger divides by its phases whatever the car uses (V05)."""
        phases = self._phases
        if self.options.divides_by_phases_in_use and connector.vehicle is not None:
            phases = min(phases, connector.vehicle.number_of_phases)
        return min(power_w / phases, self.options.connector_rating_w / self._phases) / NOMINAL_VOLTAGE_V

    # ---------------------------------------------------------------- fallback

    def _feed(self, *, by_write: bool) -> None:
        if by_write or not self.options.only_writes_feed_fallback:
            self._fed_s = self.now_s
            self._fallback_active = False

    def _fallback_due_s(self) -> float | None:
        interval_s = self._held(Role.FALLBACK_INTERVAL_S)
        if self._fallback_active or not interval_s:
            return None
        return self._fed_s + self._fallback_intervals * interval_s

    def _fall_back(self) -> None:
        """Nobody asked for too long: the fallback power becomes the limit of the station and of every connector."""
        self._fallback_active = True
        power_w = self._held(Role.FALLBACK_POWER_W)
        for f in self._fields:
            if power_w is not None and f.role in (Role.STATION_POWER_LIMIT_W, Role.POWER_LIMIT_W):
                self._set(f.address, words_of(f, power_w)[0])
        self._take_limits()


def share(total_w: float, wanted_w: Sequence[float]) -> list[float]:
    """Parts of a total, none above what is wanted: who wants less than an equal part leaves the rest to others."""
    parts = [0.0] * len(wanted_w)
    left_w = total_w
    for place, index in enumerate(sorted(range(len(wanted_w)), key=wanted_w.__getitem__)):
        parts[index] = min(wanted_w[index], left_w / (len(wanted_w) - place))
        left_w -= parts[index]
    return parts
