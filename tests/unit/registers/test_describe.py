"""What `mapping show` prints."""

from __future__ import annotations

from ocpp_gateway.mapping_files import load
from ocpp_gateway.registers.describe import describe

TEXT = describe(load("compleo-duo-solo"))


def lines_between(start: str, end: str) -> list[str]:
    return TEXT[TEXT.index(start) : TEXT.index(end)].splitlines()[1:]


def test_the_plan_of_a_solo_and_of_a_duo_is_told_with_the_requests_a_cycle() -> None:
    assert "  fast: 2 requests, every cycle" in lines_between("1 connector (SOLO)", "2 connectors")
    duo = lines_between("2 connectors (DUO)", "\nRegisters")
    assert duo[:5] == [
        "  fast: 4 requests, every cycle",
        "    FC4   257 × 8    status_word, …, session_energy_wh",
        "    FC4   267 × 5    error_code, …, voltage_l3_v",
        "    FC4   273 × 8    status_word, …, session_energy_wh",
        "    FC4   283 × 5    error_code, …, voltage_l3_v",
    ]
    assert duo[5:9] == [
        "  in_turn: 3 requests, one of them every cycle, all of them on each connection",
        "    FC3     0 × 6    station_power_limit_w, …, fallback_interval_s",
        "    FC3   256 × 1    power_limit_w",
        "    FC3   272 × 1    power_limit_w",
    ]
    assert "    FC4  4122 × 1    derating  (optional)" in duo


def test_it_is_told_exactly_when_tags_are_read() -> None:
    told = " ".join(TEXT.split())
    assert (
        "on_change: 2 requests, every 15 s; every cycle for a connector that is Preparing, SuspendedEVSE or Finishing, "
        "that charges and shows no tag, or whose status or tag changed within the last two cycles" in told
    )


def test_every_register_is_told_with_its_confidence() -> None:
    rows = [line.split() for line in lines_between("Registers\n", "\nNotes")]
    by_key = {row[2]: row for row in rows}
    limit = "256 holding connector.1.power_limit_w u16 100 W in_turn rw confirmed"
    assert " ".join(by_key["connector.1.power_limit_w"]) == limit
    assert by_key["connector.2.derating"][-1] == "inferred"


def test_a_note_is_told_once_with_its_sources() -> None:
    assert TEXT.count("Bit 0 is no proof of a plugged car") == 1
    assert "  4122 Derating status [V16]: " in TEXT
