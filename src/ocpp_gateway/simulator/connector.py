"""One connector of a simulated charger: car, tag, session, and the status they add up to. Pure."""

from __future__ import annotations

from dataclasses import replace

from ocpp_gateway.registers.snapshot import Derating
from ocpp_gateway.registers.vocabulary import ChargePointStatus
from ocpp_gateway.simulator.ev import MINIMUM_CURRENT_A, ElectricVehicle
from ocpp_gateway.simulator.options import ChargerOptions, EnergyReset

TAG_WAIT_S = 60.0
"""How long a tag that was presented without a car waits for one."""
LONGEST_STEP_S = 5.0
"""While current flows it is taken as constant for so long at most; only the taper of a car makes this coarse."""
SHORTEST_STEP_S = 0.01

REMAINING_BY_DERATING = {Derating.LEVEL_1: 0.75, Derating.LEVEL_2: 0.5, Derating.PAUSED: 0.0}
"""Share of its limit that a hot connector still offers; the other levels take nothing away."""


class NotPossible(Exception):
    """What was asked cannot happen to this charger now; the text says why."""


class Connector:
    """One connector at the moment `now_s`, which only `advance` moves on. Energy in Wh, times in s.

    `charging_speed`: charging, and with it the seconds charged, runs this many times faster than all else.
    """

    def __init__(self, connector_id: int, options: ChargerOptions, now_s: float = 0.0) -> None:
        self.connector_id = connector_id
        self.now_s = now_s
        self.vehicle: ElectricVehicle | None = None
        self.tag = b""
        self.error_code: int | None = None
        self.derating = Derating.NONE
        self.session_energy_wh = 0.0
        self.charging_s = 0.0
        self.granted_w = 0.0
        self.offered_current_a = 0.0
        self.charging_speed = 1.0
        self._options = options
        self._faulted = False
        self._authorized_by: bytes | None = None
        self._tag_presented_s = now_s
        self._booted_at_s = now_s
        self._ready_at_s = now_s
        self._energy_taken_wh = 0.0  # by this car; unlike the session's it never restarts while the car is here
        self._charging_begun = False
        self._finished = False

    # ---------------------------------------------------------------- what people, cars and faults do to it

    def plug(self, vehicle: ElectricVehicle) -> None:
        """A car arrives and is plugged in."""
        if self.vehicle is not None:
            raise NotPossible(f"connector {self.connector_id} has a car already; unplug it first")
        self.vehicle = vehicle
        self._energy_taken_wh = 0.0
        self._begin_session()

    def unplug(self) -> None:
        """The car leaves. The counters go on showing its session."""
        if self.vehicle is None:
            raise NotPossible(f"connector {self.connector_id} has no car to unplug")
        self.vehicle = None
        self._finished = False
        self._forget_tag()

    def present_tag(self, tag: bytes) -> None:
        """A card is held to the reader; the register shows it from now on.

        Where the charger requires a tag the first card lets the car charge, and the same card again ends the
        session. Another card changes nothing but the register.
        """
        self.tag = tag
        self._tag_presented_s = self.now_s
        if not self._options.requires_tag:
            return
        if self._authorized_by is None or self.vehicle is None:
            self._authorized_by = tag
            self._ready_at_s = max(self._ready_at_s, self.now_s + self._options.start_delay_s)
        elif self._authorized_by == tag:
            self._finished = True

    def pause_vehicle(self, *, paused: bool) -> None:
        """The car stops asking for current by itself, or asks again."""
        if self.vehicle is None:
            raise NotPossible(f"connector {self.connector_id} has no car")
        self.vehicle = replace(self.vehicle, paused=paused)

    def fault(self, error_code: int, *, faulted: bool = True) -> None:
        """The charger finds an error: it stops charging when `faulted`, otherwise it only warns."""
        self.error_code, self._faulted = error_code, faulted

    def clear_fault(self) -> None:
        """The error is gone; a car that is still here goes on."""
        self.error_code, self._faulted = None, False

    def reboot(self, booted_at_s: float) -> None:
        """The charger starts anew: counters, tag and error are gone; a plugged car is found again once it is up."""
        self.tag, self._authorized_by = b"", None
        self.clear_fault()
        self._reset_counters()
        self._booted_at_s = booted_at_s
        self._begin_session()

    # ---------------------------------------------------------------- what it shows

    @property
    def status(self) -> ChargePointStatus:
        """The charger's own OCPP status, as register 268 shows it."""
        if self._faulted:
            return ChargePointStatus.FAULTED
        if self.vehicle is None or self.now_s < self._booted_at_s:
            return ChargePointStatus.AVAILABLE
        if self._finished:
            return ChargePointStatus.FINISHING
        if not self._is_ready:
            return ChargePointStatus.PREPARING
        if self.offered_current_a < MINIMUM_CURRENT_A:
            return ChargePointStatus.SUSPENDED_EVSE
        if self._wanted_current_a == 0:
            return ChargePointStatus.SUSPENDED_EV
        return ChargePointStatus.CHARGING

    @property
    def may_draw(self) -> bool:
        """Whether the charger offers current to a car here, if the limits leave any."""
        return self.vehicle is not None and self._is_ready and not self._finished and not self._faulted

    @property
    def current_a(self) -> tuple[float, float, float]:
        """Current on L1, L2, L3, in A; a car with fewer phases uses the first ones."""
        if self.vehicle is None or self.status is not ChargePointStatus.CHARGING:
            return (0.0, 0.0, 0.0)
        drawn = self._wanted_current_a
        phases = self.vehicle.number_of_phases
        return (drawn, drawn if phases > 1 else 0.0, drawn if phases > 2 else 0.0)

    def power_w(self, voltage_v: tuple[float, float, float]) -> float:
        """What the car draws, in W: the sum of U × I over its phases."""
        return sum(voltage * current for voltage, current in zip(voltage_v, self.current_a, strict=True))

    # ---------------------------------------------------------------- how it moves on

    def grant(self, power_w: float, current_a: float) -> None:
        """The station leaves this much to this connector, and so much current a phase; a hot one passes on less."""
        self.granted_w = power_w
        self.offered_current_a = current_a * REMAINING_BY_DERATING.get(self.derating, 1.0) if self.may_draw else 0.0
        if self.status is ChargePointStatus.CHARGING and not self._charging_begun:
            self._charging_begun = True
            if self._options.energy_reset is EnergyReset.CHARGING_START:
                self._reset_counters()

    def next_change_s(self, voltage_v: tuple[float, float, float]) -> float | None:
        """When something will happen here by itself at the latest; None if nothing will. Later than `now_s`."""
        if self.vehicle is not None and (power_w := self.power_w(voltage_v)):
            to_full_s = (self.vehicle.energy_wanted_wh - self._energy_taken_wh) / power_w * 3600
            return self.now_s + max(SHORTEST_STEP_S, min(LONGEST_STEP_S, to_full_s) / self.charging_speed)
        coming = [moment for moment in (self._booted_at_s, self._ready_at_s) if moment > self.now_s]
        if self.vehicle is None and self._tag_waits:
            coming.append(max(self._tag_presented_s + TAG_WAIT_S, self.now_s + SHORTEST_STEP_S))
        return min(coming, default=None)

    def advance(self, now_s: float, voltage_v: tuple[float, float, float]) -> None:
        """Draw the present current until then."""
        elapsed_s = (now_s - self.now_s) * self.charging_speed
        if self.status is ChargePointStatus.CHARGING:
            energy_wh = self.power_w(voltage_v) * elapsed_s / 3600
            self._energy_taken_wh += energy_wh
            self.session_energy_wh += energy_wh
            self.charging_s += elapsed_s
        self.now_s = now_s
        if self.vehicle is None and self._tag_waits and now_s >= self._tag_presented_s + TAG_WAIT_S:
            self._forget_tag()

    @property
    def _is_ready(self) -> bool:
        authorized = self._authorized_by is not None or not self._options.requires_tag
        return authorized and self.now_s >= self._ready_at_s

    @property
    def _wanted_current_a(self) -> float:
        return self.vehicle.current_a(self.offered_current_a, self._energy_taken_wh) if self.vehicle else 0.0

    @property
    def _tag_waits(self) -> bool:
        return self._authorized_by is not None or (bool(self.tag) and not self._options.keeps_tag)

    def _begin_session(self) -> None:
        self._finished = self._charging_begun = False
        self._ready_at_s = max(self.now_s, self._booted_at_s) + self._options.start_delay_s
        if self._options.energy_reset is EnergyReset.PLUG_IN:
            self._reset_counters()

    def _forget_tag(self) -> None:
        self._authorized_by = None
        if not self._options.keeps_tag:
            self.tag = b""

    def _reset_counters(self) -> None:
        self.session_energy_wh = self.charging_s = 0.0
