"""A mapping file: what it becomes, and every mistake its author can make."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ocpp_gateway.errors import ConfigurationError, WrongAnswer
from ocpp_gateway.mapping_files import find, load, read_text
from ocpp_gateway.registers.mapping import Limits, parse_mapping
from ocpp_gateway.registers.snapshot import ChargerIdentity
from ocpp_gateway.registers.vocabulary import ChargePointErrorCode, ChargePointStatus, Confidence, Role, Table

SMALL = """\
schema: 1
meta: {name: small, models: [Small], sources: {DOC: the manual}}
transport: {unit_id: 1, word_order: low_word_first, max_read_count: 4, slow_interval_s: 10}
identity: {vendor: Acme, model: {1: One}}
connectors: {maximum: 2, groups: {main: {base: 100, stride: 10}}}
limit: {minimum_power_w: 4200, phases: 3}
station:
  number_of_connectors:
    {title: Count, table: input, address: 1, type: u16, poll: once, confidence: confirmed, source: [DOC]}
connector:
  status:
    {title: Status, table: input, group: main, offset: 0, type: u16, labels: {0: Available, 1: Charging}, poll: fast,
     confidence: confirmed, source: [DOC]}
  power_limit_w:
    {title: Limit, table: holding, group: main, offset: 1, type: u16, scale: 100, unit: W, poll: slow, access: rw,
     confidence: confirmed, source: [DOC]}
"""

EXTRA = """\
  more:
    {{title: More, extra: true, table: input, group: main, offset: 5, poll: slow, confidence: inferred,
     source: [DOC], {}}}
"""


def mistakes(text: str) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        parse_mapping(text, "m.yaml")
    return [str(mistake) for mistake in caught.value.mistakes]


def replaced(old: str, new: str) -> str:
    assert old in SMALL
    return SMALL.replace(old, new, 1)


def test_a_small_mapping_needs_little() -> None:
    mapping = parse_mapping(SMALL, "m.yaml")
    assert mapping.limits == Limits(step_w=100, minimum_power_w=4200, phases=3)
    assert [(f.key, f.table, f.address) for f in mapping.all_fields] == [
        ("station.number_of_connectors", Table.INPUT, 1),
        ("connector.1.status", Table.INPUT, 100),
        ("connector.1.power_limit_w", Table.HOLDING, 101),
        ("connector.2.status", Table.INPUT, 110),
        ("connector.2.power_limit_w", Table.HOLDING, 111),
    ]
    assert mapping.fallback is None


def test_a_solo_has_no_left_registers() -> None:
    mapping = load("compleo-duo-solo")
    solo = mapping.fields(1)
    assert {field.connector_id for field in solo} == {None, 1}
    assert {field.address for field in solo}.isdisjoint({*range(272, 288), *range(4112, 4123)})
    assert len(mapping.fields(2)) == len(solo) + 15
    for number in (0, 3):
        with pytest.raises(ValueError, match="1 to 2 connectors"):
            mapping.fields(number)


def test_only_limits_and_fallback_may_be_written() -> None:
    writable = {field.address for field in load("compleo-duo-solo").all_fields if field.writable}
    assert writable == {0, 3, 5, 256, 272}


def test_a_field_is_found_by_its_role() -> None:
    mapping = load("compleo-duo-solo")
    left, station = mapping.field(Role.POWER_LIMIT_W, 2), mapping.field(Role.STATION_POWER_LIMIT_W)
    assert left is not None
    assert station is not None
    assert (left.address, station.address) == (272, 0)
    assert mapping.field(Role.POWER_LIMIT_W) is None


def test_labels_of_status_and_error_are_the_specifications_names() -> None:
    mapping = load("compleo-duo-solo")
    status, error = mapping.field(Role.STATUS, 1), mapping.field(Role.ERROR_CODE, 1)
    assert status is not None
    assert error is not None
    assert list(status.labels.values()) == list(ChargePointStatus)  # 0-based order of OCPP 1.6 §7.7
    assert {raw for raw, label in error.labels.items() if label is ChargePointErrorCode.NO_ERROR} == {0, 7}
    assert {raw for raw, label in error.labels.items() if label is ChargePointErrorCode.GROUND_FAILURE} == {2, 3}


def test_an_override_changes_one_connector() -> None:
    right, left = (load("compleo-duo-solo").field(Role.DERATING, connector_id) for connector_id in (1, 2))
    assert right is not None
    assert left is not None
    assert (right.optional, right.confidence, right.source) == (False, Confidence.CONFIRMED, "DOC")
    assert (left.optional, left.confidence, left.source) == (True, Confidence.INFERRED, "V16")


def test_the_identity_comes_from_registers_and_literals() -> None:
    mapping = load("compleo-duo-solo")
    values: dict[str, object] = {Role.NUMBER_OF_CONNECTORS: 2, Role.SERIAL_NUMBER: "C1", Role.FIRMWARE_VERSION: "6.4.1"}
    assert mapping.identity(values) == ChargerIdentity(2, "Compleo", "DUO", "C1", "6.4.1")
    assert mapping.identity({Role.NUMBER_OF_CONNECTORS: 1, Role.SERIAL_NUMBER: ""}) == ChargerIdentity(
        1, "Compleo", "SOLO"
    )


@pytest.mark.parametrize("number", [0, 3, 65535, None])
def test_a_charger_that_does_not_know_its_connectors_is_not_believed(number: int | None) -> None:
    with pytest.raises(WrongAnswer, match="input 8 does not give a number of connectors from 1 to 2"):
        load("compleo-duo-solo").identity({Role.NUMBER_OF_CONNECTORS: number})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            replaced("  status:", "  stauts:"),
            [
                "m.yaml:10:1: connector.status: is missing: the gateway cannot do without it",
                "m.yaml:11:3: connector.stauts: is no role of the gateway (did you mean status?)",
            ],
            id="misspelt role",
        ),
        pytest.param(
            replaced("0: Available", "0: Avialable"),
            ["m.yaml:12:82: connector.status.labels.0: Avialable is not one of its names (did you mean Available?)"],
            id="misspelt status",
        ),
        pytest.param(
            replaced("labels: {0: Available, 1: Charging}, ", ""),
            ["m.yaml:11:3: connector.status.labels: are missing: this role means names, not numbers"],
            id="status without labels",
        ),
        pytest.param(
            replaced("offset: 1,", "offset: 70000,"),
            ["m.yaml:15:57: connector.power_limit_w.offset: must be at most 65535"],
            id="offset out of range",
        ),
        pytest.param(
            replaced("base: 100", "base: 65530"),
            [
                "m.yaml:12:56: connector.status.offset: ends at 65540; the last address is 65535",
                "m.yaml:15:57: connector.power_limit_w.offset: ends at 65541; the last address is 65535",
            ],
            id="the second connector lies past the end",
        ),
        pytest.param(
            replaced("group: main, offset: 1", "group: mian, offset: 1"),
            ["m.yaml:15:43: connector.power_limit_w.group: is not in connectors.groups (did you mean main?)"],
            id="unknown group",
        ),
        pytest.param(
            replaced("table: holding", "table: input").replace("offset: 1", "offset: 0"),
            [
                "m.yaml:15:55: connector.power_limit_w.offset: input 100 is already taken by connector.status",
                "m.yaml:15:110: connector.power_limit_w.access: only one holding register can be written",
            ],
            id="writable input register, on top of another",
        ),
        pytest.param(
            replaced("stride: 10", "stride: 1")
            .replace("table: holding", "table: input")
            .replace("access: rw", "access: r"),
            [
                "m.yaml:15:55: connector.power_limit_w.offset: input 101 is already taken by connector.status",
                "m.yaml:15:110: connector.power_limit_w.access: must be rw: it is how charging is limited",
            ],
            id="one connector on top of the other",
        ),
        pytest.param(
            replaced("access: rw", "access: r"),
            ["m.yaml:15:112: connector.power_limit_w.access: must be rw: it is how charging is limited"],
            id="limit that is never written",
        ),
        pytest.param(
            replaced("unit: W", "unit: A"),
            ["m.yaml:15:89: connector.power_limit_w.unit: must be W"],
            id="wrong unit",
        ),
        pytest.param(
            replaced("4200", "4250"),
            ["m.yaml:6:26: limit.minimum_power_w: must be a multiple of 100 W, the scale of power_limit_w"],
            id="minimum between two steps",
        ),
        pytest.param(
            replaced("source: [DOC]}\nconnector", "source: [DOK]}\nconnector"),
            ["m.yaml:9:101: station.number_of_connectors.source[0]: is not in meta.sources (did you mean DOC?)"],
            id="unknown source",
        ),
        pytest.param(
            replaced("station:\n  number_of_connectors:", "station:\n  status:"),
            [
                "m.yaml:7:1: station.number_of_connectors: is missing: the gateway cannot do without it",
                "m.yaml:8:3: station.status: belongs under connector",
                "m.yaml:8:3: station.status.labels: are missing: this role means names, not numbers",
            ],
            id="connector role in the station",
        ),
        pytest.param(
            replaced("{1: One}", "{3: Three}"),
            ["m.yaml:4:34: identity.model.3: connectors.maximum is 2"],
            id="more connectors than there are",
        ),
        pytest.param(
            replaced("limit:", "fallback: {trigger_factor: 2}\nlimit:"),
            ["m.yaml:6:1: fallback: no register under station has a fallback role"],
            id="fallback without registers",
        ),
        pytest.param(replaced("schema: 1", "schema: 2"), ["m.yaml:1:9: schema: must be one of 1"], id="another schema"),
        pytest.param(
            replaced("  status:\n", "  status:\n    {}\n  status:\n"),
            ["m.yaml:13:3: status: the key stands here a second time; first in line 11"],
            id="the same role twice",
        ),
    ],
)
def test_a_mistake_is_told_at_its_place(text: str, expected: list[str]) -> None:
    found = mistakes(text)
    assert len(found) == len(expected)
    for mistake, start in zip(found, expected, strict=True):
        assert mistake.startswith(start)


def test_the_column_is_that_of_the_value() -> None:
    line = SMALL.splitlines()[14]
    (found,) = mistakes(replaced("offset: 1,", "offset: 70000,"))
    assert found.startswith(f"m.yaml:15:{line.index('offset: 1') + len('offset: ') + 1}: ")


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        pytest.param(
            "type: string", "more.count: is missing: a string has no length of its own", id="string of no length"
        ),
        pytest.param("type: u32, count: 1", "more.count: must be 2 for u32, or left out", id="half a u32"),
        pytest.param(
            "type: string, count: 5", "more: fills 5 registers, more than transport.max_read_count", id="too long"
        ),
        pytest.param(
            "type: u16, scale: 0.3", "scale: must be a whole number, or one divided by a whole number", id="scale"
        ),
        pytest.param(
            "type: u16, scale: 1.5", "scale: must be a whole number, or one divided by a whole number", id="scale 1.5"
        ),
        pytest.param("type: bits", "more.bits: type bits and named bits go together", id="bits without names"),
        pytest.param(
            "type: u16, bits: {0: a}", "more.bits: type bits and named bits go together", id="names without bits"
        ),
        pytest.param("type: bits, bits: {16: a}", "more.bits.16: must be at most 15", id="bit 16"),
        pytest.param(
            "type: version, unit: V", "more.unit: only a number without labels has a unit", id="unit of a version"
        ),
        pytest.param(
            "type: version, labels: {1: a}", "more.labels: only a number has labels", id="labels of a version"
        ),
        pytest.param(
            "type: u16, plausible_raw: [9, 1]", "plausible_raw: the lowest value comes first", id="range backwards"
        ),
        pytest.param(
            "type: u8_pair, plausible_raw: [1, 9]", "only a number without labels has a plausible range", id="range"
        ),
        pytest.param("type: u16, labels: {a: b}", "more.labels.a: must be a whole number", id="label of no number"),
        pytest.param("type: f32", "more.type: must be one of u16, i16, u32", id="unknown type"),
        pytest.param(
            "type: u16, override: {3: {}}", "more.override.3: connectors.maximum is 2", id="override for nobody"
        ),
        pytest.param(
            "type: u16, override: {2: {source: [X]}}", "override.2.source[0]: is not in meta.sources", id="source"
        ),
        pytest.param(
            "type: u16, override: {2: {address: 7}}", "override.2.address: unknown key", id="override of the place"
        ),
    ],
)
def test_a_register_must_make_sense_by_itself(keys: str, problem: str) -> None:
    (found,) = mistakes(SMALL + EXTRA.format(keys))
    assert problem in found


def test_an_extra_cannot_take_the_name_of_a_role() -> None:
    (found,) = mistakes(SMALL + EXTRA.format("type: u16, unit: W").replace("more", "power_w"))
    assert "power_w.extra: is a role of the gateway, so it cannot be extra" in found


def test_all_mistakes_of_a_file_are_told_at_once() -> None:
    changes: list[Callable[[str], str]] = [
        lambda text: text.replace("name: small", "nmae: small"),  # a missing and an unknown key
        lambda text: text.replace("unit_id: 1", "unit_id: one"),
        lambda text: text.replace("0: Available", "0: Vacant"),  # found although other parts are broken
        lambda text: text.replace("poll: once", "poll: sometimes"),
        lambda text: text.replace("unit: W", "unit: kW"),
    ]
    text = SMALL
    for change in changes:
        text = change(text)
    found = mistakes(text)
    assert [mistake.split(":")[1] for mistake in found] == ["2", "2", "3", "9", "12", "15"]


def test_registers_that_overlap_beyond_their_neighbour_are_found() -> None:
    wide = EXTRA.format("type: string, count: 4")  # 105..108
    inside = EXTRA.format("type: u16").replace("more", "first").replace("offset: 5", "offset: 6")
    behind = EXTRA.format("type: u16").replace("more", "second").replace("offset: 5", "offset: 8")
    found = mistakes(SMALL + wide + inside + behind)
    assert [mistake.partition(": ")[2] for mistake in found] == [
        "connector.first.offset: input 106 is already taken by connector.more in line 17",
        "connector.second.offset: input 108 is already taken by connector.more in line 17",
    ]


def test_the_fallback_section_comes_with_the_fallback_registers() -> None:
    text = read_text(find("compleo-duo-solo"))
    without = text.replace("fallback:\n  trigger_factor: 2", "")
    assert without != text
    (found,) = mistakes(without)
    assert "fallback: is missing: this charger has fallback registers" in found
