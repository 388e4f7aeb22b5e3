from __future__ import annotations

import io
import json
import logging
import random
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import structlog

from ocpp_gateway import log
from ocpp_gateway.flight_recorder import FRAMES_BYTES, MAX_FRAME_CHARACTERS, MAX_FRAMES, Frame, FrameLog
from ocpp_gateway.instant import Instant
from ocpp_gateway.settings import Settings
from ocpp_gateway.support_bundle import Evidence, build, shown_frame, shown_settings

CANARY = "C4nary"
TAG = "04CANARYTAG99"
KEY = "c4" * 20
NINE = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)

SETTINGS = Settings.model_validate(
    {
        "version": 1,
        "central_system": {"url": f"wss://cpms.example/ocpp?token={CANARY}", "authorization_key": KEY},
        "chargers": [
            {
                "identity": "SITE-1",
                "mapping": "compleo-duo-solo",
                "modbus": {"host": "10.0.0.1"},
                "max_power_w": 22_000,
                "authorization": {"mode": "free", "free_id_tag": TAG},
                "configuration": {"AuthorizationKey": CANARY},
                "central_system": {"password": CANARY},
            },
            {"identity": "NEIGHBOUR", "mapping": "x", "modbus": {"host": "10.0.0.2"}, "max_power_w": 22_000},
        ],
    }
)


class Hand:
    """A clock in the hand of the test."""

    def __init__(self, utc: datetime | None = NINE) -> None:
        self.now_s = 0.0
        self.utc_at_zero = utc

    def now(self) -> Instant:
        utc = None if self.utc_at_zero is None else self.utc_at_zero + timedelta(seconds=self.now_s)
        return Instant(utc, "boot", self.now_s)


def kept(*frames: tuple[float, Any], hand: Hand | None = None) -> list[Frame]:
    hand = hand or Hand()
    frames_log = FrameLog(hand.now)
    for at_s, frame in frames:
        hand.now_s = at_s
        frames_log.on_frame("received", frame if isinstance(frame, str) else json.dumps(frame))
    return frames_log.frames()


def evidence(**changes: Any) -> Evidence:
    usual: dict[str, Any] = {
        "charge_point": "SITE-1",
        "settings": shown_settings(SETTINGS, SETTINGS.chargers[0]),
        "view": {"status": "Available"},
        "configuration_keys": [],
        "transactions": [],
        "frames": [],
        "exchanges": [],
        "tags": [],
        "log_lines": [],
    }
    return Evidence(**(usual | changes))


def unpacked(bundle: bytes) -> dict[str, str]:
    with zipfile.ZipFile(io.BytesIO(bundle)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name).decode() for name in archive.namelist()}


# ---------------------------------------------------------------- no secret, whatever was said

SECRET_FRAMES: list[Any] = [
    [2, "1", "ChangeConfiguration", {"key": "AuthorizationKey", "value": CANARY}],
    [2, "2", "ChangeConfiguration", {"key": "authorizationkey", "value": CANARY}],
    [2, "3", "ChangeConfiguration", {"key": "WifiPassphrase", "value": CANARY}],
    [3, "4", {"configurationKey": [{"key": "AuthorizationKey", "readonly": False, "value": CANARY}]}],
    [2, "5", "GetDiagnostics", {"location": f"ftp://user:{CANARY}@host/in"}],
    [2, "6", "GetDiagnostics", {"location": f"ftp://user:{CANARY}@{CANARY}@host/in"}],
    [2, "7", "GetDiagnostics", {"location": f"ftp://user:a/{CANARY}@host/in"}],
    [2, "8", "GetDiagnostics", {"location": f"ftp://user:{CANARY}#b@host/in"}],
    [2, "9", "GetDiagnostics", {"location": f"https://host/in?signature={CANARY}"}],
    [2, "10", "UpdateFirmware", {"location": f"ftp://user:{CANARY}@host/fw", "retrieveDate": "2026-11-22T09:00:00Z"}],
    [2, "11", "GetDiagnostics", {"location": f"http://[{CANARY}"}],
    [2, "12", "DataTransfer", {"vendorId": "x", "data": CANARY}],
    [3, "13", {"status": "Accepted", "data": json.dumps({"key": "connector.1.last_tag", "value": TAG})}],
    [2, "14", "Authorize", {"idTag": TAG}],
    [2, "15", "StartTransaction", {"connectorId": 1, "idTag": TAG, "meterStart": 0}],
    [2, "16", "SendLocalList", {"localAuthorizationList": [{"idTag": TAG, "idTagInfo": {"parentIdTag": TAG}}]}],
    [4, "17", "InternalError", f"cannot reach https://user:{CANARY}@host/", {"password": CANARY}],
    [4, "17b", "InternalError", f"cannot reach https://user:a@{CANARY}@host/", {}],
    [2, "18", "GetDiagnostics", {"location": {"url": f"ftp://user:{CANARY}@host"}}],
    f'[2,"19","ChangeConfiguration",{{"key":"AuthorizationKey","value":"{CANARY}"}}',  # cut
    f"Authorization: Basic {CANARY}",
    "[" * 100_000 + CANARY,
    f'[2,"20","Authorize",{{"idTag":"{TAG}"}}' + "[" * 900 + "]" * 900 + "]",
]


@pytest.mark.parametrize("frame", SECRET_FRAMES, ids=lambda frame: str(frame)[:60])
def test_r_50_no_frame_shows_a_secret_or_a_whole_id_tag(frame: Any) -> None:
    shown = json.dumps(shown_frame(frame if isinstance(frame, str) else json.dumps(frame)))
    assert CANARY not in shown
    assert TAG not in shown


def test_a_frame_without_secrets_is_shown_whole() -> None:
    for frame in (
        [2, "1", "ChangeConfiguration", {"key": "heartbeatinterval", "value": "300"}],
        [2, "2", "GetDiagnostics", {"location": "https://host:8443/in/", "retries": 2}],
        [2, "3", "MeterValues", {"connectorId": 1, "meterValue": [{"sampledValue": [{"value": "1"}]}]}],
        [3, "4", {"status": "Accepted"}],
    ):
        assert shown_frame(json.dumps(frame)) == frame


@pytest.fixture
def logging_restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level, raises = list(root.handlers), root.level, logging.raiseExceptions
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.raiseExceptions = raises
    structlog.contextvars.clear_contextvars()
    structlog.reset_defaults()


@pytest.mark.usefixtures("logging_restored")
def test_fault_w_11_no_canary_in_a_whole_bundle() -> None:
    """R-50: secrets planted in settings, state, keys, frames and log; the operator's log may even show id tags."""
    log.configure("DEBUG", stream=io.StringIO(), show_id_tags=True)
    said = log.logger("ocpp_gateway.test").bind(charge_point="SITE-1")
    said.info("connecting", url=f"wss://SITE-1:{CANARY}@cpms.example", password=CANARY, id_tag=TAG)
    try:
        raise ValueError(f"Authorization: Basic {CANARY}")
    except ValueError:
        said.exception("went_wrong")
    logging.getLogger("a_library").warning("password=%s", CANARY)
    bundle = unpacked(
        build(
            evidence(
                view={"connectors": [{"transaction": {"id_tag": TAG}}], "last_problem": f"https://u:{CANARY}@h/"},
                configuration_keys=[{"key": "AuthorizationKey", "readonly": False, "value": CANARY}],
                frames=kept(*((float(n), frame) for n, frame in enumerate(SECRET_FRAMES))),
                log_lines=log.recent_lines.of("SITE-1"),
            ),
            Hand().now(),
        )
    )
    assert all(event in bundle["log.jsonl"] for event in ("connecting", "went_wrong", "a_library"))
    assert len(bundle["frames.jsonl"].splitlines()) == len(SECRET_FRAMES)
    for name, text in bundle.items():
        for secret in (CANARY, CANARY.lower(), KEY, TAG):
            assert secret not in text, name


@pytest.mark.usefixtures("logging_restored")
def test_nothing_of_a_neighbour_is_in_a_bundle() -> None:
    log.configure("INFO", stream=io.StringIO())
    log.logger("ocpp_gateway.test").bind(charge_point="NEIGHBOUR").warning("next_door")
    log.logger("ocpp_gateway.test").warning("everybodys")
    bundle = unpacked(build(evidence(log_lines=log.recent_lines.of("SITE-1")), Hand().now()))
    assert "everybodys" in bundle["log.jsonl"]
    assert "NEIGHBOUR" not in "".join(bundle.values())


# ---------------------------------------------------------------- what is in it


def test_a_bundle_holds_versions_settings_state_keys_frames_and_log() -> None:
    bundle = unpacked(
        build(
            evidence(
                configuration_keys=[{"key": "HeartbeatInterval", "readonly": False, "value": "300"}],
                frames=kept((0, [2, "1", "Heartbeat", {}])),
                log_lines=[(0.0, '{"event":"session_up"}')],
            ),
            Hand().now(),
        )
    )
    about = json.loads(bundle["about.json"])
    assert about["charge_point"] == "SITE-1"
    assert about["made_at"] == "2026-11-22T09:00:00.000Z"
    assert {"ocpp-gateway", "websockets"} <= about["packages"].keys()
    settings = json.loads(bundle["settings.json"])
    assert settings["charger"]["max_power_w"] == 22_000
    assert settings["charger"]["central_system"]["url"] == "wss://cpms.example/ocpp"
    assert settings["charger"]["central_system"]["password"] == "**********"
    assert json.loads(bundle["charge_point.json"]) == {"status": "Available"}
    assert json.loads(bundle["configuration_keys.json"])[0]["value"] == "300"
    assert json.loads(bundle["frames.jsonl"]) == {
        "at": "2026-11-22T09:00:00.000Z",
        "direction": "received",
        "frame": [2, "1", "Heartbeat", {}],
    }
    assert json.loads(bundle["log.jsonl"]) == {"event": "session_up"}


BOUNDS = [
    # startTime, stopTime, seconds after nine that are in
    pytest.param(None, None, [0, 10, 20], id="no bound"),
    pytest.param("2026-11-22T09:00:10Z", None, [10, 20], id="from"),
    pytest.param(None, "2026-11-22T10:00:10+01:00", [0, 10], id="to, in another zone"),
    pytest.param("2026-11-22T09:00:05Z", "2026-11-22T09:00:15Z", [10], id="between"),
    pytest.param("2026-11-22T09:00:15Z", "2026-11-22T09:00:05Z", [], id="nothing is between"),
    pytest.param("2026-12-31T23:59:60Z", None, [0, 10, 20], id="a leap second bounds nothing"),
]


@pytest.mark.parametrize(("start", "stop", "seconds"), BOUNDS)
def test_r_47_start_and_stop_bound_frames_and_log_lines(
    start: str | None, stop: str | None, seconds: list[int]
) -> None:
    hand = Hand()
    frames = kept(*((at_s, [3, str(at_s), {}]) for at_s in (0, 10, 20)), hand=hand)
    lines = [(float(at_s), json.dumps({"event": at_s})) for at_s in (0, 10, 20)]
    bundle = unpacked(build(evidence(frames=frames, log_lines=lines), hand.now(), start=start, stop=stop))
    assert [int(json.loads(line)["frame"][1]) for line in bundle["frames.jsonl"].splitlines()] == seconds
    assert [json.loads(line)["event"] for line in bundle["log.jsonl"].splitlines()] == seconds


def test_a_frame_from_before_the_time_was_known_gets_its_time_afterwards() -> None:
    hand = Hand(utc=None)
    frames = kept((5, [3, "1", {}]), hand=hand)

    def told(start: str | None) -> list[str]:
        bundle = unpacked(build(evidence(frames=frames), hand.now(), start=start))
        return [json.loads(line)["at"] for line in bundle["frames.jsonl"].splitlines()]

    assert told("2026-11-22T09:00:00Z") == ["5.000 s"]
    hand.utc_at_zero, hand.now_s = NINE, 100
    assert told(None) == ["2026-11-22T09:00:05.000Z"]
    assert told("2026-11-22T09:00:06Z") == []


# ---------------------------------------------------------------- bounds


def test_frames_take_no_more_memory_than_their_bound_and_the_last_ones_stay() -> None:
    frames = kept(*((0, json.dumps([3, str(n), {}])) for n in range(MAX_FRAMES + 5)))
    assert (len(frames), frames[0][2]) == (MAX_FRAMES, '[3, "5", {}]')
    big = json.dumps([3, "big", {"x": "y" * (MAX_FRAME_CHARACTERS - 100)}])
    frames = kept(*((0, big) for _ in range(200)))
    assert len(frames) == FRAMES_BYTES // (len(big) + 13)


def test_of_a_very_long_frame_its_size_is_kept() -> None:
    ((_, _, text),) = kept((0, "x" * (MAX_FRAME_CHARACTERS + 1)))
    assert shown_frame(text) == f"[{MAX_FRAME_CHARACTERS + 1} characters]"


@pytest.mark.usefixtures("logging_restored")
def test_a_bundle_of_all_that_can_be_kept_is_below_20_mb_even_if_nothing_can_be_packed() -> None:
    noise = random.Random(1)
    log.configure("INFO", stream=io.StringIO())
    said = log.logger("ocpp_gateway.test")
    for _ in range(log.MAX_RECENT_LINES + 1):
        said.info("noise", text=noise.randbytes(log.MAX_RECENT_LINE // 2 - 100).hex())
    text = json.dumps([3, "1", {"x": noise.randbytes(MAX_FRAME_CHARACTERS // 2 - 50).hex()}])
    frames = kept(*((0, text) for _ in range(100)))
    bundle = build(evidence(frames=frames, log_lines=log.recent_lines.of("SITE-1")), Hand().now())
    assert sum(map(len, unpacked(bundle).values())) < 20_000_000
    assert len(bundle) < 20_000_000


@pytest.mark.usefixtures("logging_restored")
def test_of_a_very_long_line_its_size_is_kept() -> None:
    log.configure("INFO", stream=io.StringIO())
    log.logger("ocpp_gateway.test").info("long", text="x" * log.MAX_RECENT_LINE)
    _, line = log.recent_lines.of("SITE-1")[-1]
    assert "characters" in line
    assert len(line) < 100
