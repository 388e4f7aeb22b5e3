"""The Modbus half of the flight recorder: what it keeps, in how much memory, and how it is shown."""

from __future__ import annotations

from typing import Any

import pytest

from ocpp_gateway import flight_recorder, mapping_files
from ocpp_gateway.flight_recorder import Exchange, ModbusLog, Outcome, tag_fields
from ocpp_gateway.registers.fields import Field
from ocpp_gateway.support_bundle import shown_exchange
from unit.test_support_bundle import Hand

CARD = b"04CANARYTAG99"
TAG = next(field for field in tag_fields(mapping_files.load("compleo-duo-solo")) if field.connector_id == 1)


class Log(ModbusLog):
    """A log whose clock is in the hand of the test."""

    def __init__(self) -> None:
        self.hand = Hand()
        super().__init__(lambda: self.hand.now_s)

    def at(self, at_s: float, kind: str, address: int, count: int, outcome: Outcome) -> Log:
        self.hand.now_s = at_s
        self.on_exchange(kind, address, count, outcome)
        return self


def test_equal_answers_in_a_row_are_one_from_the_first_to_the_last() -> None:
    log = Log()
    for at_s, data in enumerate((b"\0\1", b"\0\1", b"\0\1", b"\0\2", b"\0\1")):
        log.at(at_s, "input", 5, 1, data).at(at_s + 0.5, "input", 6, 1, b"\0\0")
    assert [(one.at_s, one.until_s, one.times, one.outcome) for one in log.exchanges() if one.address == 5] == [
        (0, 2, 3, b"\0\1"),
        (3, 3, 1, b"\0\2"),
        (4, 4, 1, b"\0\1"),
    ]
    assert [(one.at_s, one.until_s, one.times) for one in log.exchanges() if one.address == 6] == [(0.5, 4.5, 5)]


def test_each_write_and_each_refusal_is_kept() -> None:
    log = Log().at(0, "write", 256, 1, b"\0\x2a").at(1, "write", 256, 1, b"\0\x2a").at(2, "input", 9, 2, 2)
    assert [(one.kind, one.outcome) for one in log.exchanges()] == [
        ("write", b"\0\x2a"),
        ("write", b"\0\x2a"),
        ("input", 2),
    ]


def test_memory_is_bounded_and_each_register_stays_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flight_recorder, "EXCHANGES_BYTES", 10 * 32)
    log = Log().at(0, "input", 1, 1, b"SN")
    for n in range(100):
        log.at(n, "input", 5, 1, n.to_bytes(2, "big"))
    kept = log.exchanges()
    assert [one.outcome for one in kept if one.address == 1] == [b"SN"]
    assert [int.from_bytes(bytes(one.outcome), "big") for one in kept if one.address == 5] == [*range(89, 100)]  # type: ignore[arg-type]


def test_what_is_over_is_kept_as_it_was() -> None:
    outcomes: tuple[Outcome, ...] = (b"\0\1" * 125, 2, "closed: \N{SNOWMAN} \ud800", b"", "")
    log = Log()
    for at_s, outcome in enumerate((*outcomes, b"last")):
        log.at(at_s + 0.25, "holding", 65_535, 125, outcome).at(at_s + 0.5, "holding", 65_535, 125, outcome)
    kept = [Exchange(at_s + 0.25, at_s + 0.5, 2, "holding", 65_535, 125, it) for at_s, it in enumerate(outcomes)]
    assert log.exchanges()[:-1] == kept


def shown(kind: str, address: int, outcome: Outcome, tags: tuple[Field, ...] = (TAG,)) -> dict[str, Any]:
    count = len(outcome) // 2 if isinstance(outcome, bytes) else 1
    return shown_exchange(Exchange(1.0, 1.0, 1, kind, address, count, outcome), tags)


def test_registers_are_shown_in_hex_with_when_and_how_often() -> None:
    times = {"at_s": 1.0, "until_s": 1.0}
    assert shown("input", 5, b"\0\x2a\1\0") == times | {"input": 5, "words": "002a0100"}
    assert shown("write", 256, b"\0\x2a") == times | {"write": 256, "words": "002a"}
    assert shown("holding", 7, 2) == times | {"holding": 7, "count": 1, "exception": 2}
    assert shown("link", 0, "connected") == times | {"link": "connected"}
    again = shown_exchange(Exchange(1.0, 9.0, 9, "input", 5, 1, b"\0\0"), ())
    assert again == {"at_s": 1.0, "until_s": 9.0, "times": 9, "input": 5, "words": "0000"}


def test_fault_w_11_a_card_is_shown_by_its_ends_only() -> None:
    card = CARD.ljust(2 * TAG.count, b"\0")
    whole = shown(TAG.table.value, TAG.address, card)
    assert bytes.fromhex(whole["words"]).rstrip(b"\0") == b"04***99"
    among_others = shown(TAG.table.value, TAG.address - 1, b"\0\7" + card + b"\0\x08")
    assert among_others["words"] == "0007" + whole["words"] + "0008"
    in_part = shown(TAG.table.value, TAG.address + 1, card[2:])
    assert set(in_part["words"]) == {"0"}
    assert shown(TAG.table.value, TAG.address, bytes(len(card)))["words"] == bytes(len(card)).hex()
    other_table = "holding" if TAG.table.value == "input" else "input"
    assert shown(other_table, TAG.address, card)["words"] == card.hex()
