from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from ocpp_gateway.charger.events import RegistrationStatus
from ocpp_gateway.ocpp16.answers import BootAnswer, boot_answer, usable_answer

ACCEPTED = {"status": "Accepted"}


@pytest.mark.parametrize(
    ("payload", "usable"),
    [
        pytest.param(
            {"transactionId": 7, "idTagInfo": ACCEPTED}, {"transactionId": 7, "idTagInfo": ACCEPTED}, id="right"
        ),
        pytest.param({"transactionId": 0}, {"transactionId": 0}, id="O-12 0, and no idTagInfo"),
        pytest.param({"transactionId": -1}, {"transactionId": -1}, id="O-12 negative"),
        pytest.param({"transactionId": 2**70}, {"transactionId": 2**70}, id="O-12 beyond 64 bits"),
        pytest.param({"transactionId": "7"}, {"transactionId": 7}, id="O-11 as text"),
        pytest.param({"transactionId": " -7.0 "}, {"transactionId": -7}, id="O-11 as text with fraction"),
        pytest.param({"transactionId": 7.0}, {"transactionId": 7}, id="O-11 as float"),
        pytest.param({"transactionId": 7, "extra": [1]}, {"transactionId": 7}, id="O-11 extra property"),
        pytest.param(
            {"transactionId": 7, "idTagInfo": {"status": "accepted", "expiryDate": None, "parentIdTag": "P"}},
            {"transactionId": 7, "idTagInfo": {"status": "Accepted", "parentIdTag": "P"}},
            id="O-11 lower-case status, null expiryDate",
        ),
        pytest.param(
            {"transactionId": 7, "idTagInfo": {"status": "Ok"}},
            {"transactionId": 7, "idTagInfo": {"status": "Invalid"}},
            id="no word of ours",
        ),
        pytest.param({"transactionId": 7, "idTagInfo": "Accepted"}, {"transactionId": 7}, id="idTagInfo a text"),
        pytest.param({"idTagInfo": ACCEPTED}, None, id="X-45 no transaction id"),
        pytest.param({"transactionId": None}, None, id="null"),
        pytest.param({"transactionId": True}, None, id="true"),
        pytest.param({"transactionId": 7.5}, None, id="fraction"),
        pytest.param({"transactionId": "seven"}, None, id="words"),
        pytest.param([7], None, id="no object"),
    ],
)
@pytest.mark.conformance("X-06", "X-45")
def test_fault_o_11_a_transaction_id_is_taken_wherever_it_can_be_read(payload: Any, usable: object) -> None:
    assert usable_answer("StartTransaction", payload) == usable


@pytest.mark.parametrize("payload", [{}, {"idTagInfo": {"status": "nonsense"}}, "text", 7, [1]])
def test_x_43_any_answer_to_a_message_that_needs_none_will_do(payload: Any) -> None:
    assert usable_answer("StopTransaction", payload) is not None
    assert usable_answer("MeterValues", payload) is not None


def test_an_authorize_without_a_verdict_is_no_answer() -> None:
    assert usable_answer("Authorize", {}) is None
    assert usable_answer("Authorize", {"idTagInfo": {"status": "BLOCKED"}}) == {"idTagInfo": {"status": "Blocked"}}


@pytest.mark.parametrize(
    ("payload", "answer"),
    [
        pytest.param(
            {"status": "Accepted", "interval": 300, "currentTime": "2026-03-01T12:00:00Z"},
            BootAnswer(RegistrationStatus.ACCEPTED, 300, datetime(2026, 3, 1, 12, tzinfo=UTC)),
            id="right",
        ),
        pytest.param(
            {"status": "pending", "interval": "60", "currentTime": "now"},
            BootAnswer(RegistrationStatus.PENDING, 60, None),
            id="bent",
        ),
        pytest.param({"status": "Rejected"}, BootAnswer(RegistrationStatus.REJECTED, 0, None), id="bare"),
        pytest.param({"status": "Pending", "interval": -5}, BootAnswer(RegistrationStatus.PENDING, 0, None), id="< 0"),
        pytest.param({"status": "Fine"}, None, id="no status of ours"),
        pytest.param({}, None, id="nothing"),
        pytest.param([], None, id="no object"),
    ],
)
def test_b_09_a_boot_answer_counts_by_its_status(payload: Any, answer: BootAnswer | None) -> None:
    assert boot_answer(payload) == answer
