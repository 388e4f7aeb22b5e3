"""What differs between chargers, or is not known of the real one: each doubt is a switch, so tests can try both."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class EnergyReset(StrEnum):
    """When the session's energy and seconds go back to 0."""

    PLUG_IN = "plug_in"
    CHARGING_START = "charging_start"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class ChargerOptions:
    """How this charger is made. The defaults are what the vendor's documents say, or what is most likely.

    Power: `installer_limit_w` is a limit set inside the charger that no register shows; `limit_delay_s` is the time
    from the write of a limit to its effect; with `divides_by_phases_in_use` a car with fewer phases gets more on each
    of them, up to the connector's rating, where the document says that the limit is always divided by three.
    Fallback: acts after twice register 5 without any access, or after once with `fallback_after_one_interval`, or
    without any write with `only_writes_feed_fallback`.
    Sessions: with `requires_tag` (the charger's own RFID mode) a car waits in Preparing for a tag, and the same tag
    again ends the session; with `keeps_tag` the register shows the tag after the car left; `start_delay_s` is the
    time from the plug, or the tag, to the first current.
    Registers: `old_firmware` lacks status, error code and voltages; `left_derating_absent` the derating of connector 2.
    Voltages wander by `voltage_swing_v` around 230 V.
    """

    connector_rating_w: int = 22_000
    installer_limit_w: int | None = None
    limit_delay_s: float = 0.0
    divides_by_phases_in_use: bool = False
    fallback_after_one_interval: bool = False
    only_writes_feed_fallback: bool = False
    requires_tag: bool = False
    keeps_tag: bool = False
    energy_reset: EnergyReset = EnergyReset.PLUG_IN
    start_delay_s: float = 2.0
    boot_s: float = 10.0
    old_firmware: bool = False
    left_derating_absent: bool = False
    voltage_swing_v: float = 0.0
    firmware_version: str = "6.4.1"
    serial_number: str = "SIM0000001"
