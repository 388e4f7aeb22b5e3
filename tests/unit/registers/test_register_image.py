"""What the registers held, and the snapshots made from them."""

from __future__ import annotations

import gc
import struct
from datetime import UTC, datetime

import pytest

from ocpp_gateway.errors import WrongAnswer
from ocpp_gateway.instant import Instant
from ocpp_gateway.mapping_files import load
from ocpp_gateway.registers.read_plan import Block, plan_reads, split
from ocpp_gateway.registers.register_image import Reading, RegisterImage
from ocpp_gateway.registers.snapshot import ChargerIdentity, ConnectorSnapshot, Derating, Tag
from ocpp_gateway.registers.vocabulary import ChargePointErrorCode, ChargePointStatus, Table

MAPPING = load("compleo-duo-solo")
PLAN = {(block.table, block.address): block for block in plan_reads(MAPPING.fields(2), max_count=16)}

RIGHT_METER, RIGHT_STATUS = PLAN[Table.INPUT, 257], PLAN[Table.INPUT, 267]
LEFT_STATUS = PLAN[Table.INPUT, 283]
RIGHT_LIMIT, RIGHT_TAG, RIGHT_DERATING = PLAN[Table.HOLDING, 256], PLAN[Table.INPUT, 4096], PLAN[Table.INPUT, 4106]
STATION, STATION_METER, VERSIONS = PLAN[Table.HOLDING, 0], PLAN[Table.INPUT, 9], PLAN[Table.INPUT, 6]
HARDWARE, SERIAL = PLAN[Table.INPUT, 14], PLAN[Table.INPUT, 32]


def at(monotonic_s: float) -> Instant:
    return Instant(datetime(2026, 1, 1, tzinfo=UTC), "boot", monotonic_s)


def words(*numbers: int) -> bytes:
    return struct.pack(f">{len(numbers)}H", *numbers)


def text(value: bytes, block: Block) -> bytes:
    return value.ljust(2 * block.count, b"\0")


@pytest.fixture
def image() -> RegisterImage:
    return RegisterImage(MAPPING, 2)


def right(image: RegisterImage) -> ConnectorSnapshot:
    return image.snapshot(at(0)).connectors[0]


def reading(image: RegisterImage, key: str, now_s: float = 0.0) -> Reading:
    return next(r for r in image.readings(at(now_s)) if r.key == key)


def test_an_image_goes_as_soon_as_nobody_holds_it_and_waits_for_no_collection() -> None:
    gc.collect()
    gc.disable()
    try:
        image = RegisterImage(MAPPING, 2)
        for block in PLAN.values():
            image.take(block, bytes(2 * block.count), at(1.0))
        del image
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_nothing_read_is_nothing_known(image: RegisterImage) -> None:
    snapshot = image.snapshot(at(5.0), interrupted=True)
    assert snapshot.connectors == (ConnectorSnapshot(1), ConnectorSnapshot(2))
    assert (snapshot.taken_at, snapshot.interrupted, snapshot.power_w) == (at(5.0), True, None)
    assert right(image).error_code is ChargePointErrorCode.NO_ERROR
    assert right(image).error_code_raw is None


def test_a_charging_connector(image: RegisterImage) -> None:
    # status word, power, three currents, seconds (low word first), energy
    image.take(RIGHT_METER, words(0x0003, 110, 159, 160, 161, 0x0E10, 0, 123), at(1))
    image.take(RIGHT_STATUS, words(7, 2, 230, 231, 229), at(1))
    image.take(RIGHT_LIMIT, words(220), at(1))
    image.take(RIGHT_DERATING, words(1), at(1))
    image.take(RIGHT_TAG, text(b"04A1B2C3", RIGHT_TAG), at(1))
    assert right(image) == ConnectorSnapshot(
        1,
        status=ChargePointStatus.CHARGING,
        status_raw=2,
        error_code=ChargePointErrorCode.NO_ERROR,
        error_code_raw=7,
        charging_s=3600,
        session_energy_wh=12300,
        power_w=11000,
        current_a=(15.9, 16.0, 16.1),
        voltage_v=(230, 231, 229),
        derating=Derating.LEVEL_1,
        power_limit_w=22000,
        tag=Tag("04A1B2C3", unusable=False, read_s=1),
    )


def test_the_station(image: RegisterImage) -> None:
    image.take(STATION, words(440, 100, 200, 42, 10, 30), at(1))
    image.take(STATION_METER, words(110, 159, 0, 0, 330), at(1))
    snapshot = image.snapshot(at(2))
    assert (snapshot.station_power_limit_w, snapshot.fallback_power_w, snapshot.fallback_interval_s) == (
        44000,
        4200,
        30,
    )
    assert (snapshot.power_w, snapshot.current_a) == (11000, (15.9, 0.0, 0.0))


@pytest.mark.parametrize("raw", [9, 99, 65535])
def test_fault_m_16_an_unknown_status_is_none_with_its_number(image: RegisterImage, raw: int) -> None:
    image.take(RIGHT_STATUS, words(7, raw, 230, 230, 230), at(1))
    assert (right(image).status, right(image).status_raw) == (None, raw)
    assert reading(image, "connector.1.status").error == f"{raw} has no meaning in the mapping"


@pytest.mark.parametrize(
    ("raw", "error_code"),
    [(0, "NoError"), (2, "GroundFailure"), (9, "OverCurrentFailure"), (17, "OtherError"), (200, "OtherError")],
)
@pytest.mark.conformance("W-16")
def test_an_error_code_keeps_its_number_known_or_not(image: RegisterImage, raw: int, error_code: str) -> None:
    image.take(RIGHT_STATUS, words(raw, 2, 230, 230, 230), at(1))
    assert (right(image).error_code, right(image).error_code_raw) == (error_code, raw)


def test_fault_m_18_an_impossible_current_is_dropped_and_counted(image: RegisterImage) -> None:
    image.take(RIGHT_METER, words(0, 0xFFFF, 0xFFFF, 160, 161, 0, 0, 0), at(1))
    assert right(image).power_w is None
    assert right(image).current_a == (None, 16.0, 16.1)
    assert image.implausible_count == 2
    assert reading(image, "connector.1.current_l1_a").error == "65535 is outside 0..2000"


def test_unchanged_bytes_keep_the_snapshot_object(image: RegisterImage) -> None:
    data = words(7, 2, 230, 230, 230)
    assert image.take(RIGHT_STATUS, data, at(1))
    first = image.snapshot(at(1)).connectors
    assert not image.take(RIGHT_STATUS, bytes(bytearray(data)), at(2))
    assert image.snapshot(at(2)).connectors is first


def test_a_change_of_one_connector_leaves_the_other_alone(image: RegisterImage) -> None:
    image.take(RIGHT_STATUS, words(7, 2, 230, 230, 230), at(1))
    image.take(LEFT_STATUS, words(7, 1, 230, 230, 230), at(1))
    before = image.snapshot(at(1)).connectors
    assert image.take(LEFT_STATUS, words(7, 2, 230, 230, 230), at(2))
    after = image.snapshot(at(2)).connectors
    assert after[0] is before[0]
    assert (before[1].status, after[1].status) == (ChargePointStatus.PREPARING, ChargePointStatus.CHARGING)


def test_a_tag_tells_when_it_was_read_even_if_it_stands_unchanged(image: RegisterImage) -> None:
    data = text(b"04A1", RIGHT_TAG)
    image.take(RIGHT_TAG, data, at(1))
    assert right(image).tag == Tag("04A1", unusable=False, read_s=1)
    assert not image.take(RIGHT_TAG, data, at(2))
    assert right(image).tag == Tag("04A1", unusable=False, read_s=2)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        pytest.param(b"", Tag(None, unusable=False, read_s=1), id="empty"),
        pytest.param(b"\xff" * 20, Tag(None, unusable=False, read_s=1), id="all 0xFF"),
        pytest.param(b"04\0A1", Tag(None, unusable=True, read_s=1), id="NUL inside"),
    ],
)
def test_fault_m_20_an_empty_tag_is_told_from_an_unusable_one(image: RegisterImage, raw: bytes, expected: Tag) -> None:
    image.take(RIGHT_TAG, text(raw, RIGHT_TAG), at(1))
    assert right(image).tag == expected


def test_refused_fields_hold_no_value_and_say_why(image: RegisterImage) -> None:
    data = words(7, 2, 230, 230, 230)
    image.take(RIGHT_STATUS, data, at(1))
    image.refuse(RIGHT_STATUS.fields, 2)
    assert right(image) == ConnectorSnapshot(1)
    refused = reading(image, "connector.1.status")
    assert (refused.value, refused.raw, refused.age_s) == (None, None, None)
    assert refused.error == "refused: Modbus exception 2, illegal data address"
    assert image.take(RIGHT_STATUS, data, at(3))  # the same bytes as before, yet news
    assert right(image).status is ChargePointStatus.CHARGING
    assert reading(image, "connector.1.status").error is None


def test_a_field_read_in_another_block_is_never_taken_from_the_older_one(image: RegisterImage) -> None:
    # a poller splits a refused block, and asks for the whole again after a reconnect
    whole = words(7, 2, 230, 230, 230)
    image.take(RIGHT_STATUS, whole, at(1))
    first, second = split(RIGHT_STATUS)
    charging, faulted = 2, 8
    image.take(first, words(7, faulted)[: 2 * first.count], at(2))
    image.take(second, words(faulted, 230, 230, 230)[-2 * second.count :], at(2))
    image.take(RIGHT_STATUS, whole, at(3))
    assert right(image).status_raw == charging


def test_readings_show_registers_values_and_age(image: RegisterImage) -> None:
    image.take(VERSIONS, words(0x0100, 0x0604, 2), at(1))
    image.take(HARDWARE, words(2, 0x0D02), at(1))
    shown = reading(image, "station.firmware_version", now_s=4.5)
    assert (shown.raw, shown.value, shown.age_s, shown.address) == ((0x0100, 0x0604), "6.4.1", 3.5, 6)
    assert reading(image, "station.hardware_revision").value == (13, 2)
    assert [r.key for r in image.readings(at(5))] == [field.key for field in MAPPING.fields(2)]


def test_a_register_that_a_block_only_crosses_is_no_change() -> None:
    plan = plan_reads(MAPPING.fields(1), max_count=16, max_gap=2)
    (whole,) = [block for block in plan if (block.table, block.address) == (Table.INPUT, 257)]
    image = RegisterImage(MAPPING, 1)
    assert whole.count == 15
    assert image.take(whole, words(*range(15)), at(1))
    data = bytearray(words(*range(15)))
    data[2 * 8] = 0xFF  # register 265
    assert not image.take(whole, bytes(data), at(2))


def test_the_identity(image: RegisterImage) -> None:
    with pytest.raises(WrongAnswer):
        image.identity()
    image.take(VERSIONS, words(0x0100, 0x0604, 2), at(1))
    image.take(SERIAL, text(b"C123", SERIAL), at(1))
    assert image.identity() == ChargerIdentity(2, "Compleo", "DUO", "C123", "6.4.1")


def test_an_answer_of_another_length_is_refused(image: RegisterImage) -> None:
    with pytest.raises(ValueError, match=r"input 267\.\.271 has 10 bytes, not 8"):
        image.take(RIGHT_STATUS, bytes(8), at(1))
    assert image.snapshot(at(1)).connectors[0] == ConnectorSnapshot(1)


def test_a_solo_has_one_connector() -> None:
    assert len(RegisterImage(MAPPING, 1).snapshot(at(0)).connectors) == 1
