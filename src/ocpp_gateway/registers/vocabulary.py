"""The closed lists that a mapping file may speak in: OCPP's statuses and errors, and the roles a register can play."""

from __future__ import annotations

from enum import StrEnum


class ChargePointStatus(StrEnum):
    """OCPP 1.6 §7.7."""

    AVAILABLE = "Available"
    PREPARING = "Preparing"
    CHARGING = "Charging"
    SUSPENDED_EVSE = "SuspendedEVSE"
    SUSPENDED_EV = "SuspendedEV"
    FINISHING = "Finishing"
    RESERVED = "Reserved"
    UNAVAILABLE = "Unavailable"
    FAULTED = "Faulted"


class ChargePointErrorCode(StrEnum):
    """OCPP 1.6 §7.6."""

    CONNECTOR_LOCK_FAILURE = "ConnectorLockFailure"
    EV_COMMUNICATION_ERROR = "EVCommunicationError"
    GROUND_FAILURE = "GroundFailure"
    HIGH_TEMPERATURE = "HighTemperature"
    INTERNAL_ERROR = "InternalError"
    LOCAL_LIST_CONFLICT = "LocalListConflict"
    NO_ERROR = "NoError"
    OTHER_ERROR = "OtherError"
    OVER_CURRENT_FAILURE = "OverCurrentFailure"
    OVER_VOLTAGE = "OverVoltage"
    POWER_METER_FAILURE = "PowerMeterFailure"
    POWER_SWITCH_FAILURE = "PowerSwitchFailure"
    READER_FAILURE = "ReaderFailure"
    RESET_FAILURE = "ResetFailure"
    UNDER_VOLTAGE = "UnderVoltage"
    WEAK_SIGNAL = "WeakSignal"


class Table(StrEnum):
    """The two register tables of Modbus; a mapping names addresses from 0, as on the wire."""

    HOLDING = "holding"
    INPUT = "input"


class PollClass(StrEnum):
    """How often a register is read."""

    FAST = "fast"  # every cycle
    IN_TURN = "in_turn"  # limits: one request of these a cycle, all where another master's write would else stand long
    SLOW = "slow"  # every slow interval
    ONCE = "once"  # once per connection
    ON_CHANGE = "on_change"  # a tag: every cycle while one is waited for or has changed, else every slow interval


class Confidence(StrEnum):
    """How sure a mapping's author is; shown by `probe` and `mapping show`."""

    CONFIRMED = "confirmed"  # stated by the vendor's document, or seen on a charger
    INFERRED = "inferred"  # follows from the document's own pattern
    UNCONFIRMED = "unconfirmed"  # sources differ, or only a guess


class Role(StrEnum):
    """What the gateway itself uses a register for; whatever else a mapping names is `extra`: for probe and web only."""

    # station
    NUMBER_OF_CONNECTORS = "number_of_connectors"
    FIRMWARE_VERSION = "firmware_version"
    SERIAL_NUMBER = "serial_number"
    STATION_POWER_LIMIT_W = "station_power_limit_w"
    FALLBACK_POWER_W = "fallback_power_w"
    FALLBACK_INTERVAL_S = "fallback_interval_s"
    STATION_POWER_W = "station_power_w"
    STATION_CURRENT_L1_A = "station_current_l1_a"
    STATION_CURRENT_L2_A = "station_current_l2_a"
    STATION_CURRENT_L3_A = "station_current_l3_a"
    # connector
    STATUS = "status"
    ERROR_CODE = "error_code"
    STATUS_WORD = "status_word"
    POWER_LIMIT_W = "power_limit_w"
    POWER_W = "power_w"
    CURRENT_L1_A = "current_l1_a"
    CURRENT_L2_A = "current_l2_a"
    CURRENT_L3_A = "current_l3_a"
    VOLTAGE_L1_V = "voltage_l1_v"
    VOLTAGE_L2_V = "voltage_l2_v"
    VOLTAGE_L3_V = "voltage_l3_v"
    CHARGING_S = "charging_s"
    SESSION_ENERGY_WH = "session_energy_wh"
    ID_TAG = "id_tag"
    DERATING = "derating"
