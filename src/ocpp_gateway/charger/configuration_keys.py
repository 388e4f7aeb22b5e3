"""Every OCPP configuration key of this charge point, declared once: type, access, default, bounds, meaning.

GetConfiguration, ChangeConfiguration, `check` and docs/reference.md all read this table.
Source: OCPP 1.6 §9; conformance section 7.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from ocpp_gateway.charger.id_tags import LOCAL_LIST_MAX_LENGTH, SEND_LOCAL_LIST_MAX_LENGTH
from ocpp_gateway.charger.measurands import DEFAULT_MEASURANDS, SUPPORTED_MEASURANDS
from ocpp_gateway.smart_charging.profiles import MAX_PERIODS, MAX_PROFILES, MAX_STACK_LEVEL

FEATURE_PROFILES = ("Core", "LocalAuthListManagement", "Reservation", "RemoteTrigger", "SmartCharging")
LARGEST_INTEGER = 2**31 - 1

Normalise = Callable[[str], str | None]
"""Gives the form in which a value is kept, or None when the value is refused."""


class Access(StrEnum):
    """Who may change a key: the central system, or nobody."""

    READ_WRITE = "RW"
    READ_ONLY = "R"


@dataclass(frozen=True, slots=True)
class ConfigurationKey:
    """One key. `default` is what holds until the file or the central system says otherwise."""

    name: str
    type: str
    default: str
    meaning: str
    access: Access = Access.READ_WRITE
    normalise: Normalise = str


def boolean(text: str) -> str | None:
    """`true` or `false`, any case in, lower case out (C-10)."""
    lowered = text.strip().lower()
    return lowered if lowered in {"true", "false"} else None


def integer(minimum: int = 0, maximum: int = LARGEST_INTEGER) -> Normalise:
    """A plain decimal integer within bounds: no sign, no decimals, no leading zeros (C-10)."""

    def normalise(text: str) -> str | None:
        digits = text.strip()
        if not (digits.isascii() and digits.isdigit()) or (len(digits) > 1 and digits[0] == "0"):
            return None
        return digits if len(digits) <= 10 and minimum <= int(digits) <= maximum else None

    return normalise


def measurands(longest: int) -> Normalise:
    """A comma-separated list of supported measurands without repeats (C-11, M-09: one wrong item refuses all)."""

    def normalise(text: str) -> str | None:
        if not text.strip():
            return ""
        items = [item.strip() for item in text.split(",")]
        fits = len(items) <= longest and len(set(items)) == len(items) and all(i in SUPPORTED_MEASURANDS for i in items)
        return ",".join(items) if fits else None

    return normalise


_ROTATIONS = frozenset({"NotApplicable", "Unknown", "RST", "RTS", "SRT", "STR", "TRS", "TSR"})


def phase_rotation(number_of_connectors: int) -> Normalise:
    """A list of `connector.rotation` items of connectors 0 to N, each at most once, such as `0.RST,1.RST` (§9.1.7)."""
    connectors = {str(connector_id) for connector_id in range(number_of_connectors + 1)}

    def normalise(text: str) -> str | None:
        items = [item.strip().partition(".") for item in text.split(",")]
        named = [connector for connector, _, _ in items]
        fits = connectors.issuperset(named) and len(set(named)) == len(named)
        known = all(rotation in _ROTATIONS for _, _, rotation in items)
        return ",".join(map("".join, items)) if fits and known else None

    return normalise


def _flag(name: str, default: str, meaning: str, access: Access = Access.READ_WRITE) -> ConfigurationKey:
    return ConfigurationKey(name, "boolean", default, meaning, access, boolean)


def _count(name: str, default: int, meaning: str, *, unit: str = "", minimum: int = 0) -> ConfigurationKey:
    kind = f"integer, {unit}" if unit else "integer"
    return ConfigurationKey(name, kind, str(default), meaning, Access.READ_WRITE, integer(minimum))


def _fixed(name: str, kind: str, value: str, meaning: str) -> ConfigurationKey:
    return ConfigurationKey(name, kind, value, meaning, Access.READ_ONLY)


def _measurand_list(name: str, default: str, longest: int, meaning: str) -> tuple[ConfigurationKey, ConfigurationKey]:
    return (
        ConfigurationKey(name, "list", default, meaning, Access.READ_WRITE, measurands(longest)),
        _fixed(f"{name}MaxLength", "integer", str(longest), f"most items in {name}"),
    )


_EVERY = len(SUPPORTED_MEASURANDS)

_DECLARED: tuple[ConfigurationKey, ...] = (
    _flag("AllowOfflineTxForUnknownId", "false", "accept unknown id tags while the central system is away"),
    _flag("AuthorizeRemoteTxRequests", "false", "ask Authorize before a remotely started transaction"),
    _flag("AuthorizationCacheEnabled", "true", "remember what the central system said of id tags"),
    _flag("BootOnReconnect", "false", "of this gateway: BootNotification after every reconnect, not only after a boot"),
    _count("ClockAlignedDataInterval", 0, "MeterValues on multiples of this since midnight UTC; 0 is none", unit="s"),
    _fixed("ChargeProfileMaxStackLevel", "integer", str(MAX_STACK_LEVEL), "highest stackLevel of a charging profile"),
    _fixed("ChargingScheduleAllowedChargingRateUnit", "list", "Current,Power", "units of charging profiles"),
    _fixed("ChargingScheduleMaxPeriods", "integer", str(MAX_PERIODS), "most periods of a charging schedule"),
    _count("ConnectionTimeOut", 60, "from Preparing to a started transaction; 0 is no limit", unit="s"),
    _fixed("GetConfigurationMaxKeys", "integer", "100", "most keys in one GetConfiguration"),
    _count("HeartbeatInterval", 86400, "set by BootNotification.conf; 0 is none but one a day", unit="s"),
    _flag("LocalAuthListEnabled", "true", "use the local authorization list"),
    _fixed("LocalAuthListMaxLength", "integer", str(LOCAL_LIST_MAX_LENGTH), "most id tags in the local list"),
    _flag("LocalAuthorizeOffline", "true", "authorise known id tags while the central system is away"),
    _flag("LocalPreAuthorize", "false", "authorise known id tags before asking"),
    _fixed("MaxChargingProfilesInstalled", "integer", str(MAX_PROFILES), "most charging profiles at a time"),
    _count("MessageTimeout", 30, "longest wait for an answer of the central system", unit="s", minimum=1),
    *_measurand_list("MeterValuesAlignedData", "Energy.Active.Import.Register", _EVERY, "clock-aligned MeterValues"),
    *_measurand_list("MeterValuesSampledData", DEFAULT_MEASURANDS, _EVERY, "MeterValues sampled in a transaction"),
    _count("MeterValueSampleInterval", 60, "between sampled MeterValues; 0 is none", unit="s"),
    _count("MinimumStatusDuration", 0, "a status that stood less is not reported; a fault always is", unit="s"),
    _fixed("ReserveConnectorZeroSupported", "boolean", "false", "a reservation is of one connector"),
    _count("ResetRetries", 2, "retries of an unsuccessful reset; this gateway's resets succeed"),
    _fixed("SendLocalListMaxLength", "integer", str(SEND_LOCAL_LIST_MAX_LENGTH), "most id tags in one SendLocalList"),
    _fixed("StopTransactionMaxMeterValues", "integer", "500", "most meter values in one StopTransaction"),
    _flag("StopTransactionOnEVSideDisconnect", "true", "an unplugged cable ends the transaction", Access.READ_ONLY),
    _flag("StopTransactionOnInvalidId", "true", "a refused id tag ends the transaction, not only the energy"),
    *_measurand_list("StopTxnAlignedData", "", _EVERY, "clock-aligned values in StopTransaction"),
    *_measurand_list("StopTxnSampledData", "", _EVERY, "sampled values in StopTransaction"),
    _fixed("SupportedFeatureProfiles", "list", ",".join(FEATURE_PROFILES), "what is implemented completely"),
    _fixed("SupportedFileTransferProtocols", "list", "HTTP,HTTPS,FTP,FTPS", "where GetDiagnostics may upload to"),
    _count("TransactionMessageAttempts", 3, "transmissions of a message that is not processed", minimum=1),
    _count("TransactionMessageRetryInterval", 60, "times the number of transmissions so far", unit="s"),
    _flag("UnlockConnectorOnEVSideDisconnect", "false", "the charger's cable lock is its own", Access.READ_ONLY),
    _count("WebSocketPingInterval", 30, "between websocket pings; 0 is none", unit="s"),
)


def _of_connectors(number: int) -> tuple[ConfigurationKey, ...]:
    """The keys that depend on how many connectors there are."""
    unknown = ",".join(f"{connector_id}.Unknown" for connector_id in range(number + 1))
    meaning, rotation = "how phases are wired, for the record", phase_rotation(number)
    return (
        ConfigurationKey("ConnectorPhaseRotation", "list", unknown, meaning, normalise=rotation),
        _fixed("ConnectorPhaseRotationMaxLength", "integer", str(number + 1), "most items in ConnectorPhaseRotation"),
        _fixed("NumberOfConnectors", "integer", str(number), "register 8 of the charger"),
    )


def keys_of(number_of_connectors: int) -> dict[str, ConfigurationKey]:
    """All keys of a charge point with so many connectors, by lower-case name: they are compared without case (C-05)."""
    keys = {key.name.lower(): key for key in (*_DECLARED, *_of_connectors(number_of_connectors))}
    return dict(sorted(keys.items()))


KEYS = keys_of(1)
"""The keys as they are known before the charger is."""
