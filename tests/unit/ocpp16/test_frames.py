from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocpp_gateway.ocpp16.frames import (
    MAX_BYTES,
    CallFrame,
    ErrorFrame,
    MalformedFrame,
    ResultFrame,
    UnknownFrame,
    parse_frame,
    render_call,
    render_error,
    render_result,
)

# ---------------------------------------------------------------- what is understood


@pytest.mark.parametrize(
    ("text", "frame"),
    [
        pytest.param('[2,"1","Reset",{"type":"Hard"}]', CallFrame("1", "Reset", {"type": "Hard"}), id="T-13 CALL"),
        pytest.param('[2,"1","ClearCache",null]', CallFrame("1", "ClearCache", {}), id="T-14 null is no payload"),
        pytest.param('[2," 7 ","reset",{}]', CallFrame(" 7 ", "reset", {}), id="T-16, T-17 as they are"),
        pytest.param('[2,"' + "x" * 37 + '","Reset",{}]', CallFrame("x" * 37, "Reset", {}), id="long id is served"),
        pytest.param('[2,"\\ud83d\\ude97","Reset",{}]', CallFrame("🚗", "Reset", {}), id="both halves of a pair"),
        pytest.param('[3,"1",{"a":["\\ud800x"]}]', ResultFrame("1", {"a": ["?x"]}), id="O-17 half a pair, answered"),
        pytest.param('[3,"1",{"status":"Accepted"}]', ResultFrame("1", {"status": "Accepted"}), id="T-13 CALLRESULT"),
        pytest.param('[3,"1",null]', ResultFrame("1", {}), id="result null"),
        pytest.param('[3,"1",[]]', ResultFrame("1", {}), id="empty object as PHP writes it"),
        pytest.param('[3,"1"]', ResultFrame("1", {}), id="result without payload"),
        pytest.param('[3,"1",{},"more"]', ResultFrame("1", {}), id="result with more"),
        pytest.param(
            '[4,"1","InternalError","oops",{}]', ErrorFrame("1", "InternalError", "oops"), id="T-13 CALLERROR"
        ),
        pytest.param('[4,"1","RpcFrameworkError"]', ErrorFrame("1", "RpcFrameworkError", ""), id="T-39 unknown code"),
        pytest.param('[4,"1",7,null,"x"]', ErrorFrame("1", "", ""), id="CALLERROR of wrong types"),
        pytest.param('[5,"1",{}]', UnknownFrame(), id="T-18 unknown type"),
        pytest.param("[-2]", UnknownFrame(), id="T-18 unknown type alone"),
        pytest.param(
            '[3,"1",{"transactionId":1180591620717411303424}]',
            ResultFrame("1", {"transactionId": 2**70}),
            id="O-12 transaction id beyond 64 bits",
        ),
    ],
)
@pytest.mark.conformance("T-14")
def test_a_frame_is_read(text: str, frame: object) -> None:
    assert parse_frame(text) == frame


# ---------------------------------------------------------------- what is not


@pytest.mark.parametrize(
    ("text", "call_id"),
    [
        pytest.param("", None, id="nothing"),
        pytest.param("hello", None, id="no JSON"),
        pytest.param("{}", None, id="no list"),
        pytest.param("[]", None, id="empty list"),
        pytest.param("[2]", None, id="only a type"),
        pytest.param('["2","1","Reset",{}]', None, id="type as text"),
        pytest.param('[true,"1","Reset",{}]', None, id="type true"),
        pytest.param('[2.0,"1","Reset",{}]', None, id="type 2.0"),
        pytest.param('[2,null,"Reset",{}]', None, id="id null"),
        pytest.param('[2,1,"Reset",{}]', None, id="id number"),
        pytest.param('[2,{},"Reset",{}]', None, id="id object"),
        pytest.param('[2,"","Reset",{}]', None, id="id empty"),
        pytest.param('[2,"' + "x" * 10_000 + '","Reset",{}]', None, id="id of 10 kB"),
        pytest.param("[3]", None, id="result without id"),
        pytest.param('[2,"1"]', "1", id="T-37 two elements"),
        pytest.param('[2,"1","Reset"]', "1", id="T-37 three elements"),
        pytest.param('[2,"1","Reset",{},{}]', "1", id="T-37 five elements"),
        pytest.param('[2,"1",["Reset"],{}]', "1", id="T-37 action a list"),
        pytest.param('[2,"1",{},{}]', "1", id="T-37 action an object"),
        pytest.param('[2,"1",null,{}]', "1", id="T-37 action null"),
        pytest.param('[2,"1","Reset",{"type":}]', "1", id="T-37 bad JSON, readable id"),
        pytest.param('[2,"1","X",{"\\udfff":1}]', "1", id="O-17 half a surrogate pair, asked"),
        pytest.param('[2,"\\ud800","X",{}]', None, id="O-17 half a surrogate pair as id"),
        pytest.param('[2,"1","X",{"limit":NaN}]', "1", id="O-18 NaN"),
        pytest.param('[2,"1","X",{"limit":-Infinity}]', "1", id="O-18 Infinity"),
        pytest.param('[2,"1","X",{"limit":1e400}]', "1", id="O-18 1e400"),
        pytest.param('[2,"1","X",{"limit":' + "9" * 5000 + "}]", "1", id="O-18 5,000 digits"),
        pytest.param('[2,"1","X",' + "[" * 40 + "]" * 40 + "]", "1", id="O-18 40 deep"),
        pytest.param('[2,"1","X",' + '{"a":' * 5000 + "1" + "}" * 5000 + "]", "1", id="O-18 5,000 objects deep"),
        pytest.param("[" * 100_000, None, id="O-18 100,000 brackets"),
        pytest.param("[" * 100_000 + "]" * 100_000, None, id="O-18 100,000 lists"),
        pytest.param('[2,"1","X",{"a":"' + "x" * MAX_BYTES + '"}]', "1", id="O-18 too large"),
        pytest.param(b'[2,"1","Reset",{}]', None, id="T-12a binary"),
        pytest.param(b"\xff\xfe\xfd\xfc", None, id="T-36 binary, no UTF-8"),
    ],
)
@pytest.mark.conformance("T-12a", "T-36")
def test_t_37_a_malformed_frame_is_told_from_one_that_can_be_refused(text: str | bytes, call_id: str | None) -> None:
    frame = parse_frame(text)

    assert isinstance(frame, MalformedFrame)
    assert frame.call_id == call_id


def test_fault_o_18_brackets_in_texts_are_no_depth() -> None:
    payload = {"data": "[" * 100, "more": [{}] * 30}

    assert parse_frame(json.dumps([2, "1", "DataTransfer", payload])) == CallFrame("1", "DataTransfer", payload)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
    max_leaves=20,
)


@given(st.text() | st.binary())
def test_no_text_makes_the_parser_raise(text: str | bytes) -> None:
    parse_frame(text)


@given(st.lists(st.sampled_from([2, 3, 4, "1", "Reset", {}, None, [[]]]) | JSON, max_size=6))
def test_no_json_list_makes_the_parser_raise(elements: list[Any]) -> None:
    parse_frame(json.dumps(elements))


# ---------------------------------------------------------------- what is said


@pytest.mark.conformance("T-12", "T-14")
def test_t_13_frames_are_rendered_compactly_and_in_ascii() -> None:
    assert render_call("1", "DataTransfer", {"data": "Ladesäule", "n": 1.5}) == (
        '[2,"1","DataTransfer",{"data":"Lades\\u00e4ule","n":1.5}]'
    )
    assert render_result("1", {}) == '[3,"1",{}]'
    assert render_error("1", "NotSupported") == '[4,"1","NotSupported","",{}]'


def test_t_13_a_description_keeps_to_255_characters() -> None:
    assert len(json.loads(render_error("1", "GenericError", "x" * 300))[3]) == 255


@pytest.mark.conformance("T-12")
def test_no_number_that_is_no_json_is_sent() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        render_call("1", "MeterValues", {"value": float("nan")})


@given(st.dictionaries(st.text(), JSON.filter(lambda value: "NaN" not in repr(value)), max_size=4))
@pytest.mark.conformance("T-12")
def test_what_is_rendered_is_read_back(payload: dict[str, Any]) -> None:
    try:
        text = render_call("1", "DataTransfer", payload)
    except ValueError:  # not finite
        return
    frame = parse_frame(text)
    assert isinstance(frame, MalformedFrame) or frame == CallFrame("1", "DataTransfer", payload)
    assert text.isascii()
