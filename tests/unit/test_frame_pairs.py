"""Frames as questions with their answers, newest first, without secrets."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from ocpp_gateway.frame_pairs import Filter, pairs
from ocpp_gateway.instant import Instant

NOW = Instant(datetime(2026, 11, 22, 9, tzinfo=UTC), "boot", 100.0)


def frames(*told: tuple[float, str, Any]) -> list[tuple[float, str, str]]:
    return [
        (at_s, direction, frame if isinstance(frame, str) else json.dumps(frame)) for at_s, direction, frame in told
    ]


TALK = frames(
    (90.0, "sent", [2, "1", "Heartbeat", {}]),
    (90.2, "received", [3, "1", {"currentTime": "2026-11-22T09:00:00Z"}]),
    (91.0, "received", [2, "1", "RemoteStartTransaction", {"idTag": "04A1B2C3D4"}]),  # the same id, the other way
    (91.5, "sent", [4, "1", "InternalError", "no", {}]),
    (92.0, "sent", [2, "2", "MeterValues", {"connectorId": 1}]),
    (93.0, "received", "no frame"),
)


EVERYTHING = Filter()


def shown(wanted: Filter = EVERYTHING, **more: Any) -> list[dict[str, Any]]:
    return pairs(TALK, NOW, wanted, **more)


def test_each_question_has_its_answer_and_the_time_that_it_took() -> None:
    malformed, meter_values, start, heartbeat = shown()
    assert (heartbeat["action"], heartbeat["result"], heartbeat["latency_s"]) == ("Heartbeat", "answered", 0.2)
    assert heartbeat["response"] == {"currentTime": "2026-11-22T09:00:00Z"}
    assert heartbeat["at"] == "2026-11-22T08:59:50.000Z"
    assert (start["direction"], start["result"]) == ("received", "error")
    assert start["response"] == {"code": "InternalError", "description": "no", "details": {}}
    assert (meter_values["result"], meter_values["latency_s"], meter_values["response"]) == ("unanswered", None, None)
    assert (malformed["result"], malformed["action"], malformed["request"]) == ("malformed", None, "[8 characters]")


def test_id_tags_are_cut_and_keys_are_gone() -> None:
    assert shown()[2]["request"] == {"idTag": "04***D4"}
    (change,) = pairs(
        frames((1.0, "received", [2, "9", "ChangeConfiguration", {"key": "AuthorizationKey", "value": "secret"}])), NOW
    )
    assert "secret" not in json.dumps(change)


@pytest.mark.parametrize(
    ("wanted", "numbers"),
    [
        (Filter(action="Heartbeat"), [0]),
        (Filter(direction="received"), [5, 2]),
        (Filter(result="error"), [2]),
        (Filter(text="CURRENTTIME"), [0]),
        (Filter(before=4), [2, 0]),
        (Filter(action="Heartbeat", direction="received"), []),
    ],
)
def test_a_filter_takes_what_it_names(wanted: Filter, numbers: list[int]) -> None:
    assert [one["number"] for one in shown(wanted)] == numbers


def test_numbers_go_on_when_old_frames_are_dropped() -> None:
    assert [one["number"] for one in shown(first=1000, limit=2)] == [1005, 1004]


def test_an_answer_whose_question_was_dropped_is_shown_alone() -> None:
    (alone,) = pairs(TALK[1:2], NOW)
    assert (alone["result"], alone["action"], alone["request"], alone["latency_s"]) == ("answered", None, None, None)
