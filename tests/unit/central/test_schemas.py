from __future__ import annotations

from typing import Any

import pytest

from ocpp_gateway.central.schemas import known, problems

START = {"connectorId": 1, "idTag": "04A1", "meterStart": 0, "timestamp": "2026-05-04T18:05:00Z"}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        pytest.param({"vendor": "x"}, "FormationViolation", id="extra field, T-19"),
        pytest.param({"idTag": 21 * "x"}, "PropertyConstraintViolation", id="too long, T-20"),
        pytest.param({"meterStart": 1.0}, "TypeConstraintViolation", id="float for an integer"),
        pytest.param({"connectorId": True}, "TypeConstraintViolation", id="bool for an integer"),
        pytest.param({"timestamp": "2026-05-04T18:05:00"}, "PropertyConstraintViolation", id="no zone, T-21"),
        pytest.param({"timestamp": "2026-05-04T18:05:00+00:00"}, "PropertyConstraintViolation", id="offset, T-21"),
        pytest.param({"timestamp": "2026-02-30T18:05:00Z"}, "PropertyConstraintViolation", id="no such day"),
        pytest.param({"timestamp": "2026-05-04 18:05:00Z"}, "PropertyConstraintViolation", id="blank for T"),
        pytest.param({"timestamp": 7}, "TypeConstraintViolation", id="a number for a stamp"),
    ],
)
def test_a_bad_request_is_found_with_its_error_code(changes: dict[str, Any], code: str) -> None:
    assert [found for found, _ in problems("StartTransaction", "request", START | changes)] == [code]


def test_a_missing_field_is_a_protocol_error() -> None:
    assert problems("StartTransaction", "request", {}) == [
        ("ProtocolError", f"'{name}' is a required property") for name in START
    ]


def test_every_problem_is_told_with_its_place() -> None:
    found = problems(
        "MeterValues", "request", {"connectorId": 1, "meterValue": [{"timestamp": "x", "sampledValue": [{"value": 5}]}]}
    )

    assert [text.split(":")[0] for _, text in found] == [
        "meterValue[0].sampledValue[0].value",
        "meterValue[0].timestamp",
    ]


def test_fractions_of_a_second_are_allowed() -> None:
    assert not problems("StartTransaction", "request", START | {"timestamp": "2026-05-04T18:05:00.123Z"})


def test_our_own_requests_may_carry_any_offset() -> None:
    profile = {"connectorId": 0, "idTag": "x", "reservationId": 1, "expiryDate": "2026-05-04T20:05:00+02:00"}

    assert not problems("ReserveNow", "request", profile, utc=False)
    assert problems("ReserveNow", "request", profile)


@pytest.mark.parametrize(("limit", "fits"), [(16.1, True), (0.3, True), (32, True), (16.15, False)])
def test_limits_are_multiples_of_a_tenth_by_their_digits(limit: float, fits: bool) -> None:
    schedule = {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": limit}]}
    answer = {"status": "Accepted", "connectorId": 1, "chargingSchedule": schedule}

    assert bool(problems("GetCompositeSchedule", "response", answer)) is not fits


def test_t_17_actions_are_known_by_their_exact_name() -> None:
    assert known("StartTransaction")
    assert not known("startTransaction")
    assert not known("StartTransactionResponse")
    with pytest.raises(ValueError, match="is no OCPP"):
        problems("../policy", "request", {})
