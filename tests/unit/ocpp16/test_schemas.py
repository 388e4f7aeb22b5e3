from __future__ import annotations

from typing import Any

import pytest

from ocpp_gateway.ocpp16 import schemas
from ocpp_gateway.ocpp16.schemas import SchemaViolation


def profile(**changes: Any) -> dict[str, Any]:
    schedule = {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 21.4}]}
    charging_profile = {
        "chargingProfileId": 1,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Relative",
        "chargingSchedule": schedule | changes.pop("schedule", {}),
    }
    return {"connectorId": 1, "csChargingProfiles": charging_profile | changes}


STATUS = {"connectorId": 1, "errorCode": "NoError", "status": "Available"}


@pytest.mark.parametrize(
    ("action", "payload"),
    [
        pytest.param("Heartbeat", {}, id="empty"),
        pytest.param("SetChargingProfile", profile(), id="one decimal place"),
        pytest.param("SetChargingProfile", profile(schedule={"duration": 86400}), id="optional field"),
        pytest.param("SetChargingProfile", profile(validFrom="2026-03-01T12:00:00+05:30"), id="any offset"),
        pytest.param("SetChargingProfile", profile(validFrom="2026-03-01T12:00:00.123456789Z"), id="long fraction"),
        pytest.param("SetChargingProfile", profile(validFrom="2026-03-01T12:00:00"), id="T-21: no offset is UTC"),
        pytest.param("GetConfiguration", {"key": []}, id="no keys are all keys"),
        pytest.param("RemoteStopTransaction", {"transactionId": 2**70}, id="O-12: ids are the central system's"),
        pytest.param("UnlockConnector", {"connectorId": 2**31 - 1}, id="the largest integer"),
    ],
)
def test_a_right_request_passes(action: str, payload: dict[str, Any]) -> None:
    schemas.check_request(action, payload)


@pytest.mark.parametrize(
    ("action", "payload", "code", "path"),
    [
        pytest.param("Reset", {}, "ProtocolError", "", id="T-34 field missing"),
        pytest.param("Reset", {"type": "Hard", "now": 1}, "FormationViolation", "", id="T-33 unknown field"),
        pytest.param("Reset", {"type": 1}, "TypeConstraintViolation", "type", id="T-34 wrong type"),
        pytest.param("Reset", [], "TypeConstraintViolation", "", id="T-34 no object"),
        pytest.param("Reset", {"type": "hard"}, "PropertyConstraintViolation", "type", id="T-34 enum"),
        pytest.param(
            "UnlockConnector", {"connectorId": True}, "TypeConstraintViolation", "connectorId", id="true is no number"
        ),
        pytest.param(
            "UnlockConnector", {"connectorId": 1.0}, "TypeConstraintViolation", "connectorId", id="1.0 is no integer"
        ),
        pytest.param(
            "RemoteStartTransaction", {"idTag": "x" * 21}, "PropertyConstraintViolation", "idTag", id="too long"
        ),
        pytest.param(
            "SetChargingProfile",
            profile(chargingProfilePurpose="TxProfil"),
            "PropertyConstraintViolation",
            "csChargingProfiles.chargingProfilePurpose",
            id="T-35 purpose",
        ),
        pytest.param(
            "SetChargingProfile",
            profile(schedule={"chargingSchedulePeriod": [{"startPeriod": 0, "limit": 4.11}]}),
            "PropertyConstraintViolation",
            "csChargingProfiles.chargingSchedule.chargingSchedulePeriod.0.limit",
            id="two decimal places",
        ),
        pytest.param(
            "UnlockConnector", {"connectorId": 2**31}, "PropertyConstraintViolation", "connectorId", id="beyond 32 bits"
        ),
        pytest.param(
            "SetChargingProfile",
            profile(schedule={"chargingSchedulePeriod": [{"startPeriod": 0, "limit": 1e30}]}),
            "PropertyConstraintViolation",
            "csChargingProfiles.chargingSchedule.chargingSchedulePeriod.0.limit",
            id="O-18 a limit that nothing stands",
        ),
        pytest.param(
            "SetChargingProfile",
            profile(validTo="tomorrow"),
            "PropertyConstraintViolation",
            "csChargingProfiles.validTo",
            id="no date-time",
        ),
        pytest.param(
            "SetChargingProfile",
            profile(validTo="2026-03-01T12:00:00]Z"),
            "PropertyConstraintViolation",
            "csChargingProfiles.validTo",
            id="a stray character in a date-time",
        ),
        pytest.param(
            "SetChargingProfile",
            profile(validTo="0001-01-01T00:00:00+23:59"),
            "PropertyConstraintViolation",
            "csChargingProfiles.validTo",
            id="before the calendar begins",
        ),
        pytest.param(
            "SetChargingProfile",
            profile(validTo="2026-03-01"),
            "PropertyConstraintViolation",
            "csChargingProfiles.validTo",
            id="only a date",
        ),
        pytest.param(
            "GetCompositeSchedule",
            {"connectorId": 1, "duration": 60, "chargingRateUnit": "kW"},
            "PropertyConstraintViolation",
            "chargingRateUnit",
            id="T-35 unit",
        ),
        pytest.param(
            "SignedUpdateFirmware",
            {"requestId": 1, "firmware": "https://example.com"},
            "TypeConstraintViolation",
            "firmware",
            id="security whitepaper",
        ),
    ],
)
@pytest.mark.conformance("T-36", "W-02")
def test_t_34_a_wrong_request_gets_its_error_code(action: str, payload: Any, code: str, path: str) -> None:
    with pytest.raises(SchemaViolation) as caught:
        schemas.check_request(action, payload)

    assert (caught.value.code, caught.value.path) == (code, path)


def test_t_33_a_list_that_is_too_short_is_an_occurence_constraint_violation() -> None:
    with pytest.raises(SchemaViolation) as caught:
        schemas.check_response("GetInstalledCertificateIds", {"status": "Accepted", "certificateHashData": []})

    assert caught.value.code == "OccurenceConstraintViolation"


def test_t_38_a_violation_never_quotes_the_value() -> None:
    with pytest.raises(SchemaViolation) as caught:
        schemas.check_request("ChangeConfiguration", {"key": "AuthorizationKey", "value": "S3cret" * 100})

    assert "S3cret" not in str(caught.value)


def test_answers_have_schemas_of_their_own() -> None:
    schemas.check_response("Heartbeat", {"currentTime": "2026-03-01T12:00:00Z"})
    with pytest.raises(SchemaViolation):
        schemas.check_response("Heartbeat", {})


def test_every_action_of_ocpp_and_its_security_whitepaper_is_known() -> None:
    known = schemas.known_actions()

    assert {"BootNotification", "SetChargingProfile", "SignCertificate", "ExtendedTriggerMessage"} <= known
    assert len(known) == 39
    assert not any(action.endswith("Response") for action in known)


def test_every_schema_compiles() -> None:
    for action in schemas.known_actions():
        for check in (schemas.check_request, schemas.check_response):
            with pytest.raises(SchemaViolation):
                check(action, 0)


def test_no_action_but_the_known_ones_has_a_schema() -> None:
    with pytest.raises(KeyError):
        schemas.check_request("../call", {})


def test_a_status_notification_passes_the_outgoing_check() -> None:
    schemas.check_request("StatusNotification", STATUS)
