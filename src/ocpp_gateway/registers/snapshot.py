"""What the registers said, decoded, at one moment.

`None` always means that nobody read it: a register that the charger lacks, refused, or answered with a value
outside its range. A value nobody read is never reported.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum

from ocpp_gateway.instant import Instant
from ocpp_gateway.registers.vocabulary import ChargePointErrorCode, ChargePointStatus


class Derating(IntEnum):
    """Compleo register 4106."""

    NONE = 0
    LEVEL_1 = 1
    LEVEL_2 = 2
    PAUSED = 3
    SENSOR_ERROR = 4


@dataclass(frozen=True, slots=True)
class Tag:
    """The content of a tag register.

    `id_tag` is what may be sent as an OCPP idTag (1 to 20 printable ASCII characters, case as read), or None
    when the register is empty or holds a byte that no idTag may hold; then `unusable` tells the two apart.
    `read_s` is the monotonic time of the read, so that two equal reads can be told from one.
    """

    id_tag: str | None
    unusable: bool
    read_s: float


@dataclass(frozen=True, slots=True)
class ConnectorSnapshot:
    """One connector's registers. Units in the names; phases L1, L2, L3 in order."""

    connector_id: int
    status: ChargePointStatus | None = None  # None: not read, or a raw value outside the table
    status_raw: int | None = None
    error_code: ChargePointErrorCode = ChargePointErrorCode.NO_ERROR
    error_code_raw: int | None = None
    charging_s: int | None = None
    session_energy_wh: int | None = None
    power_w: float | None = None
    current_a: tuple[float | None, float | None, float | None] = (None, None, None)
    voltage_v: tuple[float | None, float | None, float | None] = (None, None, None)
    derating: Derating | None = None
    power_limit_w: int | None = None  # what the limit register holds, read back
    tag: Tag | None = None


@dataclass(frozen=True, slots=True)
class ChargerIdentity:
    """What the charger says it is; read once per connection."""

    number_of_connectors: int
    vendor: str | None = None
    model: str | None = None
    serial_number: str | None = None
    firmware_version: str | None = None


@dataclass(frozen=True, slots=True)
class ChargerSnapshot:
    """All registers of a charger after one poll cycle. `taken_at` is when its last fast block arrived."""

    taken_at: Instant
    connectors: tuple[ConnectorSnapshot, ...]
    power_w: float | None = None
    current_a: tuple[float | None, float | None, float | None] = (None, None, None)
    station_power_limit_w: int | None = None
    fallback_power_w: int | None = None
    fallback_interval_s: int | None = None
    interrupted: bool = field(default=False, kw_only=True)  # polling had a gap since the snapshot before
    # The monotonic time at which each limit register was read, by connector id, 0 for the station's.
    limits_read_s: Mapping[int, float] = field(default_factory=dict, kw_only=True, compare=False)
