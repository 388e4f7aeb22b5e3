"""Which registers the simulated charger has, and what they say. Addresses are typed from the vendor's document."""

from __future__ import annotations

from typing import Any

import pytest

from ocpp_gateway.registers.codec import decode
from ocpp_gateway.registers.fields import Field
from ocpp_gateway.registers.snapshot import Derating
from ocpp_gateway.registers.vocabulary import Table
from ocpp_gateway.simulator.device import ModbusException, SimulatedCharger
from ocpp_gateway.simulator.ev import ElectricVehicle
from unit.simulator.chargers import CHARGING, FAULTED, compleo, holding, new_charger, pass_time, status, word

HOLDING, INPUT = Table.HOLDING, Table.INPUT


def refused(charger: SimulatedCharger, table: Table, address: int, count: int = 1) -> int | None:
    """The exception code of a read, None when it was answered."""
    try:
        assert len(charger.read(table, address, count)) == count
    except ModbusException as exception:
        return exception.exception_code
    return None


# ---------------------------------------------------------------- tables and holes


@pytest.mark.parametrize(
    ("table", "address", "count"),
    [
        pytest.param(HOLDING, 0, 6, id="limits and fallback"),
        pytest.param(INPUT, 6, 10, id="station"),
        pytest.param(INPUT, 32, 16, id="serial number"),
        pytest.param(INPUT, 48, 16, id="article number"),
        pytest.param(INPUT, 32, 32, id="both strings"),
        pytest.param(HOLDING, 256, 1, id="limit, right"),
        pytest.param(INPUT, 257, 8, id="right, first part"),
        pytest.param(INPUT, 267, 5, id="right, second part"),
        pytest.param(HOLDING, 272, 1, id="limit, left"),
        pytest.param(INPUT, 273, 8, id="left, first part"),
        pytest.param(INPUT, 283, 5, id="left, second part"),
        pytest.param(INPUT, 4096, 11, id="tag and derating, right"),
        pytest.param(INPUT, 4112, 11, id="tag and derating, left"),
    ],
)
def test_a_duo_answers_for_every_documented_block(table: Table, address: int, count: int) -> None:
    assert refused(new_charger(2), table, address, count) is None


@pytest.mark.parametrize(
    ("table", "address", "count"),
    [
        pytest.param(INPUT, 257, 15, id="a block across 265 and 266"),
        pytest.param(INPUT, 265, 2, id="265 and 266 alone"),
        pytest.param(INPUT, 281, 1, id="281, their left twin"),
        pytest.param(INPUT, 4096, 16, id="FC4 4096 x16, which failed in the field"),
        pytest.param(INPUT, 4107, 1, id="4107"),
        pytest.param(INPUT, 4111, 1, id="4111"),
        pytest.param(HOLDING, 262, 1, id="FC3 on an input register"),
        pytest.param(INPUT, 0, 1, id="FC4 on a holding register"),
        pytest.param(INPUT, 256, 9, id="a block across a holding register"),
        pytest.param(HOLDING, 6, 1, id="after the last holding register"),
        pytest.param(INPUT, 16, 1, id="between revision and serial number"),
        pytest.param(INPUT, 64, 1, id="after the strings"),
        pytest.param(INPUT, 65535, 1, id="the last address there is"),
        pytest.param(INPUT, 65535, 2, id="past the last address"),
    ],
)
def test_a_read_that_covers_an_undefined_address_is_refused_whole(table: Table, address: int, count: int) -> None:
    assert refused(new_charger(2), table, address, count) == 2


@pytest.mark.parametrize(
    ("table", "address"), [(HOLDING, 272), (INPUT, 273), (INPUT, 284), (INPUT, 4112), (INPUT, 4122)]
)
def test_a_solo_has_no_left_registers(table: Table, address: int) -> None:
    assert refused(new_charger(1), table, address) == 2
    assert refused(new_charger(2), table, address) is None


@pytest.mark.parametrize("count", [0, 126])
def test_a_count_that_modbus_does_not_know_is_an_illegal_value(count: int) -> None:
    assert refused(new_charger(), INPUT, 257, count) == 3


def test_the_left_derating_may_be_absent() -> None:
    charger = new_charger(left_derating_absent=True)

    assert refused(charger, INPUT, 4122) == 2
    assert refused(charger, INPUT, 4106) is None


@pytest.mark.parametrize("address", [267, 268, 269, 270, 271, 283, 284, 287])
def test_an_old_firmware_lacks_status_error_code_and_voltages(address: int) -> None:
    charger = new_charger(old_firmware=True)

    assert refused(charger, INPUT, address) == 2
    assert refused(charger, INPUT, 257, 8) is None


# ---------------------------------------------------------------- what the words say


def test_a_new_duo_says_what_it_is() -> None:
    charger = new_charger(2)

    assert charger.read(INPUT, 6, 2) == (0x0100, 0x0604)  # 6.4.1, low word first
    assert word(charger, 8) == 2
    assert word(charger, 14) == 3  # P52
    assert word(charger, 15) == 13 << 8 | 2  # board revision, power-module version
    assert charger.read(INPUT, 32, 5) == (0x5349, 0x4D30, 0x3030, 0x3030, 0x3031)  # SIM0000001
    assert charger.read(HOLDING, 0, 6) == (440, 100, 200, 440, 100, 0)  # 44 kW, 20 A, fallback off
    assert (holding(charger, 256), holding(charger, 272)) == (220, 220)


def test_a_new_solo_has_one_connector_of_22_kw() -> None:
    charger = new_charger(1)

    assert word(charger, 8) == 1
    assert charger.read(HOLDING, 0, 2) == (220, 100)


def test_measurements_while_one_car_charges() -> None:
    charger = new_charger()
    charger.plug(2, "04A1B2C3", ElectricVehicle(energy_wanted_wh=50_000, max_current_a=16))
    pass_time(charger, 3600)

    # 16 A × 230 V × 3 = 11,040 W -> 110 steps of 100 W; one hour of it -> 110 steps of 100 Wh
    assert charger.read(INPUT, 273, 8) == (0b0011, 110, 160, 160, 160, 3600, 0, 110)
    assert charger.read(INPUT, 283, 5) == (0, CHARGING, 230, 230, 230)
    assert charger.read(INPUT, 9, 5) == (110, 160, 160, 160, 440 - 110 - 1)  # unused: 44,000 - 11,040 = 32,960 W
    assert charger.read(INPUT, 257, 8) == (0, 0, 0, 0, 0, 0, 0, 0)


def test_seconds_are_low_word_first() -> None:
    charger = new_charger()
    charger.plug(1, ev=ElectricVehicle(energy_wanted_wh=1_000_000, max_current_a=6))
    pass_time(charger, 65_537)

    assert charger.read(INPUT, 262, 2) == (1, 1)


@pytest.mark.parametrize(
    ("phases", "currents", "steps_of_100_w"),
    [(1, (160, 0, 0), 36), (2, (160, 160, 0), 73), (3, (160, 160, 160), 110)],  # 3,680 W, 7,360 W, 11,040 W
)
def test_a_car_uses_its_first_phases(phases: int, currents: tuple[int, int, int], steps_of_100_w: int) -> None:
    charger = new_charger()
    charger.plug(1, ev=ElectricVehicle(max_current_a=16, number_of_phases=phases))

    assert charger.read(INPUT, 258, 4) == (steps_of_100_w, *currents)


def test_the_tag_is_two_characters_a_register_high_byte_first() -> None:
    charger = new_charger()
    charger.present_tag(1, "04A1B2C3")
    charger.present_tag(2, "12345678901234567890")

    assert charger.read(INPUT, 4096, 10) == (0x3034, 0x4131, 0x4232, 0x4333, 0, 0, 0, 0, 0, 0)
    assert charger.read(INPUT, 4112, 10) == (0x3132, 0x3334, 0x3536, 0x3738, 0x3930) * 2


def test_voltages_wander_when_asked_to_and_are_the_same_in_every_run() -> None:
    def voltages() -> list[tuple[int, ...]]:
        charger = new_charger(voltage_swing_v=4)
        seen = []
        for _ in range(60):
            pass_time(charger, 7)
            seen.append(charger.read(INPUT, 269, 3))
        return seen

    seen = voltages()
    assert len(set(seen)) > 10
    assert all(226 <= voltage <= 234 for reading in seen for voltage in reading)
    assert voltages() == seen


def expected(field: Field) -> object:
    """What each register decodes to while connector 1 charges with 16 A from a limit of 16.5 kW."""
    name = field.key.rpartition(".")[2]
    if field.connector_id == 2:
        idle: dict[str, object] = {"status": "Available", "error_code": "NoError", "status_word": (), "id_tag": ""}
        idle |= {"power_limit_w": 22_000, "derating": "none"}
        idle |= {f"voltage_l{phase}_v": 230 for phase in (1, 2, 3)}
        return idle.get(name, 0)
    values: dict[str, object] = {
        "station_power_limit_w": 44_000, "relative_power_limit": 100, "max_unbalanced_current": 20.0,
        "fallback_power_w": 44_000, "relative_fallback_power": 100, "fallback_interval_s": 0,
        "firmware_version": "6.4.1", "number_of_connectors": 2, "hardware_type": "P52", "hardware_revision": (13, 2),
        "serial_number": "SIM0000001", "article_number": "SIM-ARTICLE", "unused_power": 32_900,
        "station_power_w": 11_000, "power_w": 11_000, "power_limit_w": 16_500,
        "charging_s": 1800, "session_energy_wh": 5500, "status": "Charging", "error_code": "NoError",
        "status_word": ("active", "charging", "limited"), "id_tag": "04A1B2C3", "derating": "none",
    }  # fmt: skip
    values |= {f"station_current_l{phase}_a": 16.0 for phase in (1, 2, 3)}
    values |= {f"current_l{phase}_a": 16.0 for phase in (1, 2, 3)}
    values |= {f"voltage_l{phase}_v": 230 for phase in (1, 2, 3)}
    return values[name]


def test_the_gateways_codec_reads_in_every_register_what_the_charger_means() -> None:
    charger = new_charger()
    charger.write(256, 165)
    charger.plug(1, "04A1B2C3", ElectricVehicle(energy_wanted_wh=50_000, max_current_a=16))
    pass_time(charger, 1800)

    def decoded(field: Field) -> object:
        words = charger.read(field.table, field.address, field.count)
        return decode(field, b"".join(w.to_bytes(2, "big") for w in words))

    fields = compleo().fields(2)
    assert {f.key: decoded(f) for f in fields} == {f.key: expected(f) for f in fields}


# ---------------------------------------------------------------- flags, errors, derating


@pytest.mark.parametrize(
    ("happens", "flags"),
    [
        pytest.param("nothing", 0b0000, id="idle"),
        pytest.param("plug", 0b0011, id="charging"),
        pytest.param("limited", 0b0111, id="charging below its rating"),
        pytest.param("paused", 0b0101, id="held at 0 W"),
        pytest.param("fault", 0b1001, id="faulted"),
    ],
)
def test_the_status_word_agrees_with_the_status(happens: str, flags: int) -> None:
    charger = new_charger()
    if happens != "nothing":
        charger.plug(1)
    if happens in {"limited", "paused"}:
        charger.write(256, 110 if happens == "limited" else 0)
    if happens == "fault":
        charger.fault(1, 9)

    assert word(charger, 257) == flags


@pytest.mark.parametrize("error_code", [1, 2, 3, 9, 16, 99])
def test_a_fault_shows_its_number_and_stops_the_current_until_it_is_cleared(error_code: int) -> None:
    charger = new_charger()
    charger.plug(1)

    charger.fault(1, error_code)
    assert (word(charger, 267), status(charger), word(charger, 259)) == (error_code, FAULTED, 0)
    assert (word(charger, 283), status(charger, 2)) == (0, 0)

    charger.clear_fault(1)
    assert (word(charger, 267), status(charger)) == (0, CHARGING)


def test_a_warning_has_a_number_and_leaves_the_status_alone() -> None:
    charger = new_charger()
    charger.plug(1)

    charger.fault(1, 13, faulted=False)

    assert (word(charger, 267), status(charger)) == (13, CHARGING)


@pytest.mark.parametrize(
    ("derating", "current", "number"),
    [
        (Derating.NONE, 159, CHARGING),
        (Derating.LEVEL_1, 119, CHARGING),  # 15.94 A × 0.75
        (Derating.LEVEL_2, 79, CHARGING),  # 15.94 A × 0.5
        (Derating.PAUSED, 0, 3),
        (Derating.SENSOR_ERROR, 159, CHARGING),
    ],
)
def test_derating_takes_current_away_and_shows_its_level(derating: Derating, current: int, number: int) -> None:
    charger = new_charger()
    charger.write(256, 110)  # 11,000 W / 3 / 230 V = 15.94 A
    charger.plug(1)

    charger.derate(1, derating)

    assert (word(charger, 4106), word(charger, 259), status(charger)) == (derating, current, number)


# ---------------------------------------------------------------- odd values and refusals


@pytest.mark.parametrize(
    ("address", "odd"),
    [
        pytest.param(268, 99, id="status 99"),
        pytest.param(4096, 0xFFFF, id="0xFF in the tag"),
        pytest.param(4097, 0x4100, id="NUL inside the tag"),
        pytest.param(264, 0, id="energy falls"),
        pytest.param(259, 65_530, id="current of 6,553 A"),
    ],
)
def test_any_word_can_be_set_over_the_truth_and_taken_back(address: int, odd: int) -> None:
    charger = new_charger()
    charger.plug(1, "04A1B2C3")
    pass_time(charger, 600)
    truth = word(charger, address)

    charger.set_raw(INPUT, address, odd)
    assert (word(charger, address), truth != odd) == (odd, True)

    charger.set_raw(INPUT, address, None)
    assert word(charger, address) == truth


def test_frozen_registers_show_the_moment_they_froze() -> None:
    charger = new_charger()
    charger.plug(1)
    pass_time(charger, 60)
    before = charger.read(INPUT, 257, 8)

    charger.freeze()
    pass_time(charger, 600)
    assert charger.read(INPUT, 257, 8) == before
    with pytest.raises(ModbusException):
        charger.read(INPUT, 265, 1)

    charger.thaw()
    assert charger.read(INPUT, 257, 8) != before


@pytest.mark.parametrize("exception_code", [6, 4])
def test_the_next_requests_can_be_refused(exception_code: int) -> None:
    charger = new_charger()
    charger.refuse(2, exception_code)

    assert refused(charger, INPUT, 268) == exception_code
    with pytest.raises(ModbusException, match=str(exception_code)):
        charger.write(256, 100)
    assert holding(charger, 256) == 220
    assert refused(charger, INPUT, 268) is None


# ---------------------------------------------------------------- writes, and what is remembered


@pytest.mark.parametrize("address", [0, 1, 2, 3, 4, 5, 256, 272])
def test_every_holding_register_can_be_written_and_read_back(address: int) -> None:
    charger = new_charger()

    charger.write(address, 50)

    assert holding(charger, address) == 50


@pytest.mark.parametrize(
    ("address", "value", "exception_code"),
    [
        pytest.param(268, 1, 2, id="an input register"),
        pytest.param(6, 1, 2, id="an input register after the holding ones"),
        pytest.param(265, 1, 2, id="an undefined address"),
        pytest.param(256, 65_536, 3, id="more than a word"),
        pytest.param(256, -1, 3, id="less than a word"),
    ],
)
def test_a_write_elsewhere_is_refused(address: int, value: int, exception_code: int) -> None:
    charger = new_charger()

    with pytest.raises(ModbusException) as refusal:
        charger.write(address, value)

    assert refusal.value.exception_code == exception_code


def test_every_request_is_remembered_with_its_outcome() -> None:
    charger = new_charger()
    pass_time(charger, 5)
    charger.read(INPUT, 257, 8)
    refused(charger, HOLDING, 262, 2)
    pass_time(charger, 1)
    charger.write(256, 42)
    with pytest.raises(ModbusException):
        charger.write(268, 0)

    reads: list[tuple[Any, ...]] = [(r.at_s, r.table, r.address, r.count, r.exception_code) for r in charger.requests]
    assert reads == [(5, INPUT, 257, 8, None), (5, HOLDING, 262, 2, 2)]
    writes = [(w.at_s, w.address, w.value, w.exception_code) for w in charger.writes]
    assert writes == [(6, 256, 42, None), (6, 268, 0, 2)]
