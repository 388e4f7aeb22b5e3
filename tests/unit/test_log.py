from __future__ import annotations

import io
import json
import logging
import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from ocpp_gateway import log

CANARY = "C4nary-deadbeef"


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """Where the log goes; levels and handlers are as before after the test."""
    root = logging.getLogger()
    handlers, level, raises = list(root.handlers), root.level, logging.raiseExceptions
    names = [*log.AREAS.values(), *log.QUIET, "ocpp_gateway"]
    levels = {name: logging.getLogger(name).level for name in names}
    yield io.StringIO()
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.raiseExceptions = raises
    for name, at in levels.items():
        logging.getLogger(name).setLevel(at)
    structlog.contextvars.clear_contextvars()
    structlog.reset_defaults()


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


# ---------------------------------------------------------------- events


def test_an_event_is_one_json_line_with_its_name_fields_level_logger_and_utc_time(stream: io.StringIO) -> None:
    log.configure(stream=stream)
    log.logger("ocpp_gateway.ocpp16.session").info("session_up", interval_s=300)
    (event,) = lines(stream)
    assert event.pop("timestamp").endswith("Z")
    assert event == {
        "event": "session_up",
        "interval_s": 300,
        "level": "info",
        "logger": "ocpp_gateway.ocpp16.session",
    }


def test_bound_fields_go_with_every_event(stream: io.StringIO) -> None:
    log.configure(stream=stream)
    log.bind(charge_point="SITE-1")
    log.logger("ocpp_gateway.modbus").warning("link_lost")
    logging.getLogger("pymodbus").critical("gone")
    assert [event["charge_point"] for event in lines(stream)] == ["SITE-1", "SITE-1"]


def test_auto_is_json_where_nobody_looks_and_text_on_a_terminal(stream: io.StringIO) -> None:
    log.configure(stream=stream)
    log.logger("ocpp_gateway").info("started")
    assert lines(stream)
    terminal = Terminal()
    log.configure(stream=terminal)
    log.logger("ocpp_gateway").info("started", port=8080)
    assert "started" in terminal.getvalue()
    assert "8080" in terminal.getvalue()
    assert not terminal.getvalue().startswith("{")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_configuring_twice_does_not_print_twice(stream: io.StringIO) -> None:
    log.configure(stream=stream)
    log.configure(stream=stream)
    log.logger("ocpp_gateway").info("started")
    assert len(lines(stream)) == 1


def test_an_exception_is_in_the_line(stream: io.StringIO) -> None:
    log.configure(stream=stream)
    try:
        raise ValueError("no such thing")
    except ValueError:
        log.logger("ocpp_gateway").exception("charger_crashed")
    (event,) = lines(stream)
    assert "ValueError: no such thing" in event["exception"]


# ---------------------------------------------------------------- levels


@pytest.mark.parametrize("library", ["ocpp", "pymodbus", "websockets.client", "uvicorn.error", "alembic", "anything"])
def test_libraries_are_quiet(stream: io.StringIO, library: str) -> None:
    log.configure("DEBUG", stream=stream)
    logging.getLogger(library).info("chatter")
    assert stream.getvalue() == ""


def test_a_part_of_the_gateway_has_its_own_level(stream: io.StringIO) -> None:
    log.configure("WARNING", levels={"ocpp": "DEBUG"}, stream=stream)
    log.logger("ocpp_gateway.ocpp16.rpc").debug("frame_sent")
    log.logger("ocpp_gateway.modbus.poller").info("polled")
    assert [event["event"] for event in lines(stream)] == ["frame_sent"]


def test_any_logger_can_be_named(stream: io.StringIO) -> None:
    log.configure(levels={"websockets": "DEBUG"}, stream=stream)
    logging.getLogger("websockets.client").debug("= connection is OPEN")
    assert [event["event"] for event in lines(stream)] == ["= connection is OPEN"]


# ---------------------------------------------------------------- W-11: a planted secret shows nowhere

KEY_CHANGE = {"key": "AuthorizationKey", "value": CANARY}
FRAME = f'[2,"1","ChangeConfiguration",{{"key":"AuthorizationKey","value":"{CANARY}"}}]'
CONFIGURATION = f'{{"configurationKey":[{{"key":"AuthorizationKey","readonly":false,"value":"{CANARY}"}}]}}'

OURS = [
    pytest.param({"password": CANARY}, id="field"),
    pytest.param({"authorization_key": CANARY}, id="key field"),
    pytest.param({"settings": {"central_system": {"password": CANARY}}}, id="nested field"),
    pytest.param({"headers": [{"Authorization": f"Basic {CANARY}"}]}, id="headers"),
    pytest.param({"headers": [("Authorization", f"Basic {CANARY}")]}, id="header pair"),
    pytest.param({"url": f"wss://SITE-1:{CANARY}@cpms.example.com/ocpp"}, id="URL userinfo"),
    pytest.param({"url": f"wss://{CANARY}@cpms.example.com/ocpp"}, id="URL user alone"),
    pytest.param({"payload": KEY_CHANGE}, id="payload"),
    pytest.param({"payload": {"value": CANARY, "key": "authorizationkey"}}, id="payload, other order and case"),
    pytest.param({"frame": FRAME}, id="frame"),
    pytest.param({"frame": FRAME.replace(":", ": ")}, id="frame with blanks"),
    pytest.param({"frame": repr(json.dumps(FRAME))}, id="frame, escaped twice"),
    pytest.param({"frame": CONFIGURATION}, id="GetConfiguration.conf"),
    pytest.param({"frame": FRAME.replace(CANARY, f'a\\",{CANARY}')}, id="frame, quotation mark in the key"),
    pytest.param({"frame": FRAME.replace(CANARY, f"a}}]{CANARY}")}, id="frame, braces in the key"),
    pytest.param({"frame": FRAME[: FRAME.index(CANARY) + len(CANARY)]}, id="frame, cut short"),
    pytest.param({"frame": '{"value":"' + CANARY + '","key":"AuthorizationKey"}'}, id="frame, other order"),
    pytest.param({"payload": str(KEY_CHANGE)}, id="payload as Python prints it"),
    pytest.param({"reason": ValueError(f"cannot connect to wss://a:{CANARY}@host")}, id="exception as a field"),
    pytest.param({"line": f'password: "{CANARY}"'}, id="line of a file"),
    pytest.param({"environment": f"OCPP_GATEWAY_CENTRAL_SYSTEM__PASSWORD={CANARY}"}, id="environment"),
]


@pytest.mark.parametrize("style", ["json", "console"])
@pytest.mark.parametrize("fields", OURS)
def test_fault_w_11_no_field_shows_a_secret(stream: io.StringIO, style: log.Format, fields: dict[str, Any]) -> None:
    log.configure("DEBUG", style, stream=stream)
    log.logger("ocpp_gateway").debug("event", **fields)
    assert stream.getvalue().count("event") >= 1
    assert CANARY not in stream.getvalue()


@pytest.mark.parametrize(
    ("library", "message"),
    [
        ("ocpp", f"SITE-1: receive message {FRAME}"),
        ("websockets.client", f"> Authorization: Basic {CANARY}"),
        ("websockets.client", f'< TEXT \'[2,"1","ChangeConfigu..."{CANARY}"}}]\' [97 bytes]'),
        ("websockets.client", f"> GET wss://u:{CANARY}@host/ocpp HTTP/1.1"),
    ],
)
def test_fault_w_11_no_library_shows_a_secret(stream: io.StringIO, library: str, message: str) -> None:
    log.configure("DEBUG", stream=stream)
    logging.getLogger(library.split(".", maxsplit=1)[0]).setLevel("DEBUG")
    logging.getLogger(library).debug("%s", message)
    assert len(lines(stream)) == 1
    assert CANARY not in stream.getvalue()


@pytest.mark.parametrize("style", ["json", "console"])
def test_fault_w_11_no_traceback_shows_a_secret(stream: io.StringIO, style: log.Format) -> None:
    log.configure("DEBUG", style, stream=stream)
    try:
        raise ValueError(f"refused {FRAME}")
    except ValueError:
        log.logger("ocpp_gateway").exception("crashed")
    assert "ValueError" in stream.getvalue()
    assert CANARY not in stream.getvalue()


def test_what_is_no_secret_stays(stream: io.StringIO) -> None:
    log.configure(stream=stream)
    frame = '[2,"1","ChangeConfiguration",{"key":"HeartbeatInterval","value":"300"}]'
    log.logger("ocpp_gateway").info("frame", frame=frame, url="wss://cpms.example.com/ocpp", payload={"value": "21.5"})
    (event,) = lines(stream)
    assert event["frame"] == frame
    assert event["url"] == "wss://cpms.example.com/ocpp"
    assert event["payload"] == {"value": "21.5"}


def test_a_log_that_cannot_be_written_says_nothing_and_ends_nothing(
    stream: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    log.configure(stream=Full())
    log.logger("ocpp_gateway").error("event", password=CANARY)
    assert capsys.readouterr().err == ""


class Full(io.StringIO):
    def write(self, _: str) -> int:
        raise OSError(28, "No space left on device")


# ---------------------------------------------------------------- id tags


@pytest.mark.parametrize(
    ("id_tag", "shown"),
    [("04A1B2C3D4E5F6", "04***F6"), ("04A1B2", "04***B2"), ("04A1B", "***"), ("AB", "***"), ("", "***")],
)
def test_an_id_tag_is_cut_to_its_ends(id_tag: str, shown: str) -> None:
    assert log.masked_id_tag(id_tag) == shown


@pytest.mark.parametrize(
    "fields",
    [
        {"id_tag": "04A1B2C3"},
        {"payload": {"idTag": "04A1B2C3"}},
        {"payload": {"idTagInfo": {"parentIdTag": "04A1B2C3", "status": "Accepted"}}},
        {"payload": {"localAuthorizationList": [{"idTag": "04A1B2C3"}]}},
        {"frame": '[2,"1","Authorize",{"idTag":"04A1B2C3"}]'},
    ],
)
def test_id_tags_are_masked_unless_asked_for(stream: io.StringIO, fields: dict[str, Any]) -> None:
    log.configure(stream=stream)
    log.logger("ocpp_gateway").info("event", **fields)
    assert "04***C3" in stream.getvalue()
    assert "04A1B2C3" not in stream.getvalue()
    log.configure(stream=stream, show_id_tags=True)
    log.logger("ocpp_gateway").info("event", **fields)
    assert "04A1B2C3" in stream.getvalue()


@pytest.mark.parametrize("text", ["a\x1b[2Jb", "a\r\nb", "a\x9bb", "a\x00b"])
def test_fault_w_08_a_terminal_gets_no_control_characters(stream: io.StringIO, text: str) -> None:
    log.configure(format="console", stream=stream)
    log.logger("ocpp_gateway").info("event", serial=text)
    logging.getLogger("library").warning(text)
    assert stream.getvalue().count("\n") == 2
    assert all(character.isprintable() for character in stream.getvalue().replace("\n", ""))


def test_the_level_of_a_part_changes_while_it_runs(stream: io.StringIO) -> None:
    log.configure("INFO", "json", stream=stream)
    assert log.levels() == dict.fromkeys(("gateway", *log.AREAS), "INFO")
    log.set_level("modbus", "DEBUG")
    log.logger("ocpp_gateway.modbus.poller").debug("asked")
    log.logger("ocpp_gateway.ocpp16.session").debug("not_asked")
    assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()] == ["asked"]
    assert log.levels()["modbus"] == "DEBUG"
    with pytest.raises(KeyError):
        log.set_level("kitchen", "DEBUG")


@pytest.mark.parametrize(
    ("level", "least", "shows"), [("info", "INFO", True), ("debug", "INFO", False), ("error", "WARNING", True)]
)
def test_a_level_shows_from_the_least_on(level: str, least: str, shows: bool) -> None:
    assert log.is_at_least(level, least) is shows


# ---------------------------------------------------------------- the last lines


def test_the_last_lines_stay_as_many_as_fit() -> None:
    kept = log.RecentLines()
    for number in range(log.MAX_RECENT_LINES + 5):
        kept.write(f'{{"event": "{number}"}}\n')
    assert [json.loads(line)["event"] for _, line in kept.all()] == [str(5 + n) for n in range(log.MAX_RECENT_LINES)]
    for _ in range(log.MAX_RECENT_LINES):
        kept.write("x" * log.MAX_RECENT_LINE)
    assert len(kept.all()) == log.RECENT_BYTES // (log.MAX_RECENT_LINE + 12)


def test_a_line_that_is_written_while_another_is_taken_in_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = log.RecentLines()
    take = kept._ring.append
    within = iter(("a finalizer's", "another one's"))

    def append(record: bytes) -> None:
        for line in within:
            kept.write(line)
            break
        take(record)

    monkeypatch.setattr(kept._ring, "append", append)
    kept.write("first")
    assert [line for _, line in kept.all()] == ["first", "a finalizer's", "another one's"]


def test_lines_of_several_threads_stay_whole() -> None:
    kept = log.RecentLines()

    def write() -> None:
        for _ in range(200):
            kept.write("a line")

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Counter(line for _, line in kept.all()) == {"a line": 800}
