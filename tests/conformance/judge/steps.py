"""What the judge asks, step by step, and what an honest charge point answers.

Each table is played in order, as one step may need what an earlier one left. The steps of a table fit both
authorisation modes. Source: OCPP 1.6 §5; conformance section 8 and 9a, 9e.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from conformance.judge.process import Refusal
from ocpp_gateway.charger.configuration_keys import KEYS
from ocpp_gateway.charger.measurands import SUPPORTED_MEASURANDS
from ocpp_gateway.charger.requests import ACTIONS

FUTURE, PAST = "2099-01-01T00:00:00Z", "2020-01-01T00:00:00Z"
NOBODY_LISTENS = "http://127.0.0.1:1/diagnostics/"

Told = tuple[str, dict[str, Any]]
"""What a charge point says: an action, and what its payload holds among other things."""


@dataclass(frozen=True, slots=True)
class Step:
    """One CALL. `answer` is a status, or what the result holds, or a Refusal; `then` what the charge point says next.

    `unchecked` is for payloads that break their schema, which the judge's own side would not let pass.
    """

    action: str
    payload: Any
    answer: str | dict[str, Any] | Refusal
    then: Told | None = None
    unchecked: bool = False

    @property
    def supported(self) -> bool:
        """Whether the gateway has that feature; one that it lacks must be refused as NotSupported (T-32)."""
        return self.action in ACTIONS

    @property
    def expected(self) -> dict[str, Any] | Refusal:
        """What the answer must hold."""
        if not self.supported and self.answer != Refusal("NotImplemented"):
            return Refusal("NotSupported")
        return {"status": self.answer} if isinstance(self.answer, str) else self.answer


def status(connector_id: int, wanted: str) -> Told:
    """A StatusNotification, for `then`."""
    return "StatusNotification", {"connectorId": connector_id, "status": wanted}


def key(name: str, value: str, readonly: bool = False) -> dict[str, Any]:
    """One item of GetConfiguration.conf."""
    return {"key": name, "readonly": readonly, "value": value}


def profile(profile_id: int, purpose: str, *, kind: str = "Relative", unit: str = "W", **more: Any) -> dict[str, Any]:
    """csChargingProfiles; `more` is its other fields, or those of its schedule."""
    of_schedule = {name: more.pop(name) for name in ("startSchedule", "duration", "minChargingRate") if name in more}
    periods = more.pop("periods", [(0, 11_000.0)])
    return {
        "chargingProfileId": profile_id,
        "stackLevel": 0,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": kind,
        "chargingSchedule": {
            "chargingRateUnit": unit,
            "chargingSchedulePeriod": [{"startPeriod": start, "limit": limit} for start, limit in periods],
        }
        | of_schedule,
    } | more


def broken(action: str, payload: Any, code: str) -> Step:
    """A payload that breaks the schema, and the CALLERROR for it (J Table 7)."""
    return Step(action, payload, Refusal(code), unchecked=True)


def set_profile(connector_id: int, wanted: dict[str, Any], answer: str | Refusal) -> Step:
    """SetChargingProfile."""
    return Step("SetChargingProfile", {"connectorId": connector_id, "csChargingProfiles": wanted}, answer)


def change(name: str, value: str, answer: str) -> Step:
    """ChangeConfiguration."""
    return Step("ChangeConfiguration", {"key": name, "value": value}, answer)


def availability(connector_id: int, wanted: str, answer: str, then: Told | None = None) -> Step:
    """ChangeAvailability."""
    return Step("ChangeAvailability", {"connectorId": connector_id, "type": wanted}, answer, then)


def reserve(
    connector_id: int, reservation_id: int, answer: str, then: Told | None = None, *, until: str = FUTURE
) -> Step:
    """ReserveNow for the card RESERVED."""
    payload = {
        "connectorId": connector_id,
        "expiryDate": until,
        "idTag": "RESERVED",
        "reservationId": reservation_id,
    }
    return Step("ReserveNow", payload, answer, then)


def trigger(message: str, answer: str, then: dict[str, Any] | None = None, **more: Any) -> Step:
    """TriggerMessage; `then` is what the triggered message holds."""
    payload = {"requestedMessage": message} | more
    return Step("TriggerMessage", payload, answer, None if then is None else (message, then))


def composite(connector_id: int, answer: str, **more: Any) -> Step:
    """GetCompositeSchedule of an hour."""
    payload = {"connectorId": connector_id, "duration": 3600} | more
    wanted = {"status": answer} | ({"connectorId": connector_id} if answer == "Accepted" else {})
    return Step("GetCompositeSchedule", payload, wanted)


def local_list(version: int, update: str, answer: str, *entries: dict[str, Any]) -> Step:
    """SendLocalList."""
    payload = {"listVersion": version, "updateType": update, "localAuthorizationList": list(entries)}
    return Step("SendLocalList", payload, answer)


def list_version(version: int) -> Step:
    """GetLocalListVersion."""
    return Step("GetLocalListVersion", {}, {"listVersion": version})


def remote_start(connector_id: int, answer: str, **more: Any) -> Step:
    """RemoteStartTransaction of the card REMOTE."""
    return Step("RemoteStartTransaction", {"idTag": "REMOTE", "connectorId": connector_id} | more, answer)


def once_supported(action: str, *steps: Step) -> tuple[Step, ...]:
    """Steps of one feature that are answered otherwise while another is lacking."""
    return steps if action in ACTIONS else ()


def _measurand_list(name: str) -> Step:
    """Every measurand, in a list that may have room for none."""
    room = int(KEYS[f"{name}MaxLength".lower()].default) >= len(SUPPORTED_MEASURANDS)
    return change(name, ",".join(sorted(SUPPORTED_MEASURANDS)), "Accepted" if room else "Rejected")


MEASURANDS = (
    *map(_measurand_list, ("MeterValuesSampledData", "MeterValuesAlignedData")),
    *map(_measurand_list, ("StopTxnSampledData", "StopTxnAlignedData")),
    change("MeterValueSampleInterval", "1", "Accepted"),
    change("ClockAlignedDataInterval", "2", "Accepted"),
)
"""Everything that can be measured, measured often."""

CORE = (
    availability(1, "Inoperative", "Accepted", status(1, "Unavailable")),
    availability(1, "Inoperative", "Accepted"),
    remote_start(1, "Rejected"),
    availability(1, "Operative", "Accepted", status(1, "Available")),
    availability(0, "Inoperative", "Accepted", status(2, "Unavailable")),
    availability(0, "Operative", "Accepted", status(2, "Available")),
    availability(9, "Inoperative", "Rejected"),
    availability(-1, "Inoperative", "Rejected"),
    broken("ChangeAvailability", {"connectorId": 1}, "ProtocolError"),
    broken("ChangeAvailability", {"connectorId": "1", "type": "Operative"}, "TypeConstraintViolation"),
    broken("ChangeAvailability", {"connectorId": 1, "type": "Broken"}, "PropertyConstraintViolation"),
    broken("ChangeAvailability", {"connectorId": 1, "type": "Operative", "odd": 1}, "FormationViolation"),
    broken("ChangeAvailability", [], "TypeConstraintViolation"),
    change("HeartbeatInterval", "86400", "Accepted"),
    change("heartbeatinterval", "3600", "Accepted"),
    change("HeartbeatInterval", "-1", "Rejected"),
    change("HeartbeatInterval", "soon", "Rejected"),
    change("NumberOfConnectors", "3", "Rejected"),
    change("MeterValuesSampledData", "SoC", "Rejected"),
    change("NoSuchKey", "1", "NotSupported"),
    change("MeterValuesSampledData", "", "Accepted"),
    broken("ChangeConfiguration", {"key": "K" * 51, "value": ""}, "PropertyConstraintViolation"),
    Step(
        "GetConfiguration",
        {"key": ["HeartbeatInterval", "NumberOfConnectors", "NoSuchKey"]},
        {
            "configurationKey": [key("HeartbeatInterval", "3600"), key("NumberOfConnectors", "2", readonly=True)],
            "unknownKey": ["NoSuchKey"],
        },
    ),
    Step("GetConfiguration", {}, {}),
    Step("GetConfiguration", {"key": []}, {}),
    Step("ClearCache", {}, "Accepted" if "authorizationcacheenabled" in KEYS else "Rejected"),
    Step("DataTransfer", {"vendorId": "com.example"}, "UnknownVendorId"),
    Step("DataTransfer", {"vendorId": "com.example", "messageId": "x", "data": '{"a": "ü€"}'}, "UnknownVendorId"),
    Step("DataTransfer", {"vendorId": "ocpp-gateway", "messageId": "no-such-message"}, "UnknownMessageId"),
    remote_start(0, "Rejected"),
    remote_start(9, "Rejected"),
    broken("RemoteStartTransaction", {"idTag": "T" * 21}, "PropertyConstraintViolation"),
    *(Step("RemoteStopTransaction", {"transactionId": odd}, "Rejected") for odd in (4711, 0, -1)),
    *(Step("UnlockConnector", {"connectorId": odd}, "NotSupported") for odd in (1, 0, 9)),
    broken("Reset", {"type": "Lukewarm"}, "PropertyConstraintViolation"),
    broken("Reset", {}, "ProtocolError"),
)

PROFILES = (
    set_profile(0, profile(1, "ChargePointMaxProfile", periods=[(0, 22_000.0), (3600, 11_000.0)]), "Accepted"),
    set_profile(0, profile(1, "ChargePointMaxProfile", kind="Absolute", startSchedule=PAST), "Accepted"),
    set_profile(1, profile(2, "ChargePointMaxProfile"), "Rejected"),
    set_profile(0, profile(3, "TxDefaultProfile", unit="A", periods=[(0, 16.1), (60, 8.5)], duration=600), "Accepted"),
    set_profile(2, profile(4, "TxDefaultProfile", minChargingRate=6.1, validFrom=PAST, validTo=FUTURE), "Accepted"),
    set_profile(
        1,
        profile(5, "TxDefaultProfile", kind="Recurring", recurrencyKind="Daily", startSchedule=PAST, duration=86_400),
        "Accepted",
    ),
    set_profile(1, profile(6, "TxDefaultProfile", kind="Recurring", startSchedule=PAST), "Rejected"),
    set_profile(1, profile(7, "TxDefaultProfile", periods=[(60, 11_000.0)]), "Rejected"),
    set_profile(1, profile(8, "TxDefaultProfile", periods=[(0, -1.0)]), "Rejected"),
    set_profile(1, profile(9, "TxProfile"), "Rejected"),
    set_profile(0, profile(10, "TxProfile"), "Rejected"),
    set_profile(9, profile(11, "TxDefaultProfile"), Refusal("PropertyConstraintViolation")),
    broken(
        "SetChargingProfile",
        {"connectorId": 1, "csChargingProfiles": profile(12, "TxDefaultProfile", unit="kW")},
        "PropertyConstraintViolation",
    ),
    composite(0, "Accepted"),
    composite(1, "Accepted", chargingRateUnit="A"),
    composite(2, "Accepted", chargingRateUnit="W"),
    composite(9, "Rejected"),
    *once_supported(  # without the SmartCharging profile it is ignored
        "GetCompositeSchedule", remote_start(1, "Rejected", chargingProfile=profile(13, "TxDefaultProfile"))
    ),
    broken(
        "GetCompositeSchedule",
        {"connectorId": 1, "duration": 60, "chargingRateUnit": "kW"},
        "PropertyConstraintViolation",
    ),
    Step("ClearChargingProfile", {"id": 4}, "Accepted"),
    Step("ClearChargingProfile", {"id": 4}, "Unknown"),
    Step("ClearChargingProfile", {"connectorId": 0, "chargingProfilePurpose": "ChargePointMaxProfile"}, "Accepted"),
    Step("ClearChargingProfile", {"stackLevel": 9}, "Unknown"),
    Step("ClearChargingProfile", {}, "Accepted"),
    Step("ClearChargingProfile", {}, "Unknown"),
    composite(0, "Accepted", chargingRateUnit="W"),
)

LOCAL_LIST = (
    list_version(0),
    local_list(
        1,
        "Full",
        "Accepted",
        {"idTag": "FRIEND", "idTagInfo": {"status": "Accepted", "expiryDate": FUTURE, "parentIdTag": "FRIENDS"}},
        {"idTag": "STRANGER", "idTagInfo": {"status": "Blocked"}},
    ),
    list_version(1),
    local_list(1, "Differential", "VersionMismatch", {"idTag": "FRIEND"}),
    local_list(
        5,
        "Differential",
        "Accepted",
        {"idTag": "STRANGER"},
        {"idTag": "LATECOMER", "idTagInfo": {"status": "Accepted"}},
    ),
    list_version(5),
    local_list(6, "Full", "Failed", *({"idTag": "TWICE", "idTagInfo": {"status": "Accepted"}},) * 2),
    local_list(7, "Full", "Failed", {"idTag": "NOTHING-SAID"}),
    list_version(5),
    Step("SendLocalList", {"listVersion": 6, "updateType": "Differential"}, "Accepted"),
    list_version(6),
    broken(
        "SendLocalList",
        {"listVersion": 8, "updateType": "Full", "localAuthorizationList": [{"idTag": "T" * 21}]},
        "PropertyConstraintViolation",
    ),
    local_list(0, "Full", "Accepted"),
    list_version(0),
)

RESERVATIONS = (
    reserve(1, 0, "Accepted", status(1, "Reserved")),
    reserve(1, 0, "Accepted", until="2098-12-31T23:59:59.500+02:00"),
    reserve(1, 7, "Occupied"),
    *once_supported("ReserveNow", remote_start(1, "Rejected")),  # it is for another card
    Step("CancelReservation", {"reservationId": 7}, "Rejected"),
    Step("CancelReservation", {"reservationId": 0}, "Accepted", status(1, "Available")),
    Step("CancelReservation", {"reservationId": 0}, "Rejected"),
    reserve(2, 8, "Rejected", until=PAST),
    reserve(9, 8, "Rejected"),
    availability(2, "Inoperative", "Accepted", status(2, "Unavailable")),
    reserve(2, 8, "Unavailable"),
    availability(2, "Operative", "Accepted", status(2, "Available")),
    broken("ReserveNow", {"connectorId": 1, "idTag": "RESERVED", "reservationId": 9}, "ProtocolError"),
)

TRIGGERS = (
    trigger("BootNotification", "Rejected"),
    trigger("Heartbeat", "Accepted", {}),
    trigger("Heartbeat", "Accepted", {}, connectorId=9),
    trigger("StatusNotification", "Accepted", {"connectorId": 1, "status": "Available"}, connectorId=1),
    trigger("StatusNotification", "Accepted", {"connectorId": 0}, connectorId=0),
    trigger("StatusNotification", "Accepted", {"connectorId": 2}),
    trigger("StatusNotification", "Rejected", connectorId=9),
    trigger("MeterValues", "Accepted", {"connectorId": 1}, connectorId=1),
    trigger("MeterValues", "Accepted", {"connectorId": 2}),
    trigger("MeterValues", "Rejected", connectorId=9),
    trigger("DiagnosticsStatusNotification", "Accepted", {"status": "Idle"}),
    trigger("FirmwareStatusNotification", "NotImplemented"),
    broken("TriggerMessage", {"requestedMessage": "Gossip"}, "PropertyConstraintViolation"),
)

FIRMWARE = (
    Step(
        "GetDiagnostics",
        {"location": NOBODY_LISTENS, "startTime": PAST, "stopTime": FUTURE},
        {},
        ("DiagnosticsStatusNotification", {"status": "UploadFailed"}),
    ),
    Step("UpdateFirmware", {"location": NOBODY_LISTENS, "retrieveDate": FUTURE}, Refusal("NotSupported")),
)

UNKNOWN_ACTIONS = (
    Step("GetLog", {"logType": "SecurityLog", "requestId": 1, "log": {"remoteLocation": NOBODY_LISTENS}}, {}),
    broken("InstallCertificate", {}, "NotSupported"),
    broken("MakeCoffee", {"strength": 3}, "NotImplemented"),
    broken("getConfiguration", {}, "NotImplemented"),
)

WHEN_IDLE = {
    "core": CORE,
    "profiles": PROFILES,
    "local list": LOCAL_LIST,
    "reservations": RESERVATIONS,
    "triggers": TRIGGERS,
    "firmware": FIRMWARE,
    "unknown actions": UNKNOWN_ACTIONS,
}


def in_transaction(transaction_id: int) -> tuple[Step, ...]:
    """What can be asked while that transaction runs on connector 1; it goes on."""
    return (
        remote_start(1, "Rejected"),
        Step("RemoteStopTransaction", {"transactionId": transaction_id + 1}, "Rejected"),
        Step("UnlockConnector", {"connectorId": 1}, "NotSupported"),
        set_profile(1, profile(20, "TxProfile", unit="A", periods=[(0, 16.0), (600, 10.0)]), "Accepted"),
        set_profile(1, profile(20, "TxProfile", transactionId=transaction_id, duration=3600), "Accepted"),
        set_profile(1, profile(21, "TxProfile", transactionId=transaction_id + 1), "Rejected"),
        set_profile(2, profile(22, "TxProfile"), "Rejected"),
        composite(1, "Accepted", chargingRateUnit="A"),
        composite(1, "Accepted", chargingRateUnit="W"),
        Step("ClearChargingProfile", {"id": 20}, "Accepted"),
        reserve(1, 1, "Occupied"),
        trigger("MeterValues", "Accepted", {"connectorId": 1, "transactionId": transaction_id}, connectorId=1),
        trigger("StatusNotification", "Accepted", {"connectorId": 1}, connectorId=1),
        availability(1, "Inoperative", "Scheduled"),
        availability(0, "Inoperative", "Scheduled", status(2, "Unavailable")),
        availability(0, "Operative", "Accepted", status(2, "Available")),
    )
