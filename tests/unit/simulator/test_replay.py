"""A recorded charger answers again: what it held then, what it refused then, and nothing that nobody recorded."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from ocpp_gateway.registers.vocabulary import Table
from ocpp_gateway.simulator.device import ModbusException
from ocpp_gateway.simulator.playing import read_recording
from ocpp_gateway.simulator.replay import NotARecording, Outage, ReplayedCharger, recording_of


def line(at_s: float, **told: Any) -> str:
    return json.dumps({"at_s": at_s, "until_s": at_s} | told)


def charger(*lines: str) -> ReplayedCharger:
    """One that nobody has read yet."""
    return ReplayedCharger(recording_of(lines))


def words(replayed: ReplayedCharger, at_s: float, address: int, count: int = 1, table: Table = Table.INPUT) -> Any:
    replayed.advance(at_s)
    try:
        return replayed.read(table, address, count)
    except ModbusException as refusal:
        return f"exception {refusal.exception_code}"


def test_registers_hold_what_was_read_of_them_last_by_then() -> None:
    replayed = charger(
        line(100, link="connected"),
        line(100, input=1, words="00010002"),
        line(105, input=1, words="00010003"),
        line(111, input=2, words="0004"),
    )
    assert words(replayed, 50, 1, 2) == (1, 2), "time begins with the first read, whenever that is"
    assert words(replayed, 54.9, 1, 2) == (1, 2)
    assert words(replayed, 55, 1, 2) == (1, 3)
    assert words(replayed, 61, 2) == (4,)
    assert words(replayed, 999, 1, 2) == (1, 4), "the last ones stay"


def test_a_register_read_late_held_that_from_the_beginning_and_one_never_read_does_not_exist() -> None:
    replayed = charger(line(0, input=1, words="0001"), line(60, input=7, words="0009"))
    assert words(replayed, 0, 7) == (9,)
    assert words(replayed, 0, 8) == "exception 2"
    assert words(replayed, 0, 7, 2) == "exception 2"
    assert words(replayed, 0, 1, table=Table.HOLDING) == "exception 2"


def test_speed_makes_all_of_it_faster() -> None:
    replayed = charger(line(0, input=1, words="0001"), line(50, input=1, words="0002"))
    replayed.charging_speed = 10.0
    assert words(replayed, 0, 1) == (1,)
    assert words(replayed, 4.9, 1) == (1,)
    assert words(replayed, 5.1, 1) == (2,)


def test_answers_of_one_poll_change_together() -> None:
    replayed = charger(
        line(0, input=1, words="0001"), line(0, input=5, words="0001"),
        line(10, input=1, words="0002"), line(10.1, input=5, words="0002"),
    )  # fmt: skip
    words(replayed, 0, 1)
    assert words(replayed, 10.0, 5) == (2,)


def test_where_nothing_changed_for_long_two_minutes_pass() -> None:
    replayed = charger(line(0, input=1, words="0001"), line(86_400, input=1, words="0002"))
    words(replayed, 0, 1)
    assert words(replayed, 119, 1) == (1,)
    assert words(replayed, 120, 1) == (2,)
    assert replayed.is_over


def test_what_is_written_now_stays_and_what_was_written_then_is_not_repeated() -> None:
    replayed = charger(
        line(0, holding=256, words="00dc"),
        line(5, write=256, words="0000"),
        line(6, holding=256, words="0000"),
        line(90, holding=256, words="002a"),  # the charger's own fallback
    )
    assert words(replayed, 0, 256, table=Table.HOLDING) == (0xDC,)
    replayed.write(256, 0x50)
    assert words(replayed, 30, 256, table=Table.HOLDING) == (0x50,)
    assert words(replayed, 91, 256, table=Table.HOLDING) == (0x2A,)
    with pytest.raises(ModbusException):
        replayed.write(257, 1)


def test_a_refusal_that_passed_passes_again_and_a_lasting_one_is_a_register_that_is_not_there() -> None:
    replayed = charger(
        line(0, input=1, words="00010002"),
        line(0, input=9, count=2, exception=2),
        line(10, input=1, count=2, exception=6),
        line(12, input=1, words="00010002"),
    )
    assert words(replayed, 0, 9, 2) == "exception 2"
    assert words(replayed, 10, 1, 2) == "exception 6"
    assert words(replayed, 12, 1, 2) == (1, 2)


def test_outages_are_those_of_the_charger() -> None:
    recording = recording_of([
        line(0, link="connected"),
        line(0, input=1, words="0001"),
        line(10, link="10.0.0.1:502: no answer within 1 s"),
        line(12, link="10.0.0.1:502: connection refused"),
        line(40, link="connected"),
        line(50, link="10.0.0.1:502: closed by the gateway"),
        line(51, link="connected"),
        line(60, input=1, words="0002"),
    ])  # fmt: skip
    assert recording.outages == (Outage(10, 40),)
    assert recording.changes[0].at_s == 60


@pytest.mark.parametrize(
    "text", ["", "hello", "{}", "[1]", line(0, input=1, words="xyz"), line(0, input=1, words="00"), line(0, output=1)]
)
def test_what_is_no_recording_is_told(text: str) -> None:
    with pytest.raises(NotARecording):
        recording_of(text.splitlines())


def test_a_bundle_and_a_plain_file_hold_the_same_and_other_files_are_told(tmp_path: Path) -> None:
    lines = line(0, input=1, words="0001") + "\n" + line(9, input=1, words="0002") + "\n"
    plain, bundle, other, noise = (tmp_path / name for name in ("modbus.jsonl", "b.zip", "o.zip", "noise"))
    plain.write_text(lines)
    noise.write_bytes(b"\xff\xfe\0")
    for name, file in (("modbus.jsonl", bundle), ("else.txt", other)):
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr(name, lines)
    assert read_recording(plain) == read_recording(bundle)
    for file in (other, noise, tmp_path / "absent"):
        with pytest.raises(NotARecording):
            read_recording(file)
