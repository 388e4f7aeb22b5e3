from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ocpp_gateway.central.frames import Direction, Frame, Kind, format_frame, read_message


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        pytest.param(b'[2,"1","Heartbeat",{}]', "T-12", id="binary"),
        pytest.param("{", "T-12", id="no JSON"),
        pytest.param('[2,"1","Heartbeat",{"a":NaN}]', "T-12", id="NaN"),
        pytest.param('[2,"1","Heartbeat",{"a":1,"a":2}]', "T-12", id="a field twice"),
        pytest.param("[" * 100_000, "T-12", id="too deep"),
        pytest.param("{}", "T-13", id="no list"),
        pytest.param("[]", "T-13", id="empty list"),
        pytest.param('[2,"1","Heartbeat"]', "T-13", id="CALL of three"),
        pytest.param('[3,"1",{},{}]', "T-13", id="CALLRESULT of four"),
        pytest.param('[4,"1","GenericError",""]', "T-13", id="CALLERROR of four"),
        pytest.param('[2,"1",7,{}]', "T-13", id="action is a number"),
        pytest.param('[4,"1","GenericError",null,{}]', "T-13", id="no description"),
        pytest.param('[4,"1","GenericError","",[]]', "T-13", id="details are a list"),
        pytest.param('[2,"1","Heartbeat",null]', "T-14", id="null payload"),
        pytest.param('[2,"","Heartbeat",{}]', "T-15", id="empty message id"),
        pytest.param('[2,"' + 37 * "x" + '","Heartbeat",{}]', "T-15", id="37 characters"),
        pytest.param('[2,1,"Heartbeat",{}]', "T-15", id="message id is a number"),
        pytest.param('[5,"1","Heartbeat",{}]', "T-18", id="unknown type"),
        pytest.param('[true,"1","Heartbeat",{}]', "T-18", id="type is a bool"),
        pytest.param('[2.0,"1","Heartbeat",{}]', "T-18", id="type is a float"),
        pytest.param('[[],"1","Heartbeat",{}]', "T-18", id="type is a list"),
    ],
)
def test_a_message_that_is_no_frame_is_malformed_and_names_its_rule(text: str | bytes, rule: str) -> None:
    message = read_message(text)

    assert (message.kind, message.rule) == (Kind.MALFORMED, rule)


def test_the_three_kinds_are_read() -> None:
    assert read_message('[2,"a","Heartbeat",{}]').action == "Heartbeat"
    assert read_message('[3,"' + 36 * "x" + '",{"b":1}]').payload == {"b": 1}
    assert read_message('[4,"c","NotSupported","no",{}]').payload == {
        "errorCode": "NotSupported",
        "errorDescription": "no",
        "errorDetails": {},
    }


def test_a_malformed_call_keeps_an_id_that_can_be_read() -> None:
    assert read_message('[2,"a","Heartbeat"]').message_id == "a"


def frame(payload: object, kind: Kind = Kind.CALL, direction: Direction = Direction.RECEIVED, **changed: str) -> Frame:
    at = datetime(2026, 5, 4, 18, 5, 1, 234_000, UTC)
    action, identity = changed.get("action", "Heartbeat"), changed.get("identity", "SITE-1")
    return Frame(at, identity, direction, kind, "1", action, payload, changed.get("text", ""))


@pytest.mark.parametrize(
    ("shown", "line"),
    [
        pytest.param(frame({}), "18:05:01.234 SITE-1 → Heartbeat.req {}", id="call"),
        pytest.param(
            frame({"currentTime": "x"}, Kind.RESULT, Direction.SENT),
            '18:05:01.234 SITE-1 ← Heartbeat.conf {"currentTime":"x"}',
            id="answer",
        ),
        pytest.param(
            frame({"errorCode": "GenericError"}, Kind.ERROR),
            '18:05:01.234 SITE-1 → Heartbeat.error {"errorCode":"GenericError"}',
            id="error",
        ),
        pytest.param(
            frame("not JSON", Kind.MALFORMED, text="\x1b[2J{"),
            '18:05:01.234 SITE-1 → malformed not JSON: "\\u001b[2J{"',
            id="malformed, with a terminal escape",
        ),
        pytest.param(
            frame({}, identity="A\x1b[2J", action="B\n"),
            '18:05:01.234 "A\\u001b[2J" → "B\\n.req" {}',
            id="terminal escapes in the names",
        ),
    ],
)
def test_a_frame_is_one_line(shown: Frame, line: str) -> None:
    assert format_frame(shown) == line


def test_an_authorization_key_is_masked_in_both_directions() -> None:
    told = frame({"key": "authorizationKey", "value": "5ECRE7"}, action="ChangeConfiguration")
    read = frame({"configurationKey": [{"key": "AuthorizationKey", "readonly": False, "value": "5ECRE7"}]})
    other = frame({"key": "HeartbeatInterval", "value": "60"}, action="ChangeConfiguration")

    assert "5ECRE7" not in format_frame(told)
    assert "5ECRE7" not in format_frame(read)
    assert '"value":"60"' in format_frame(other)
