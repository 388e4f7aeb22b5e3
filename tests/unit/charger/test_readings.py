"""The register values that a transaction rests on: its ends, and wherever its meter did more than follow them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocpp_gateway.charger.metering import Meter, feed
from ocpp_gateway.charger.readings import kind_of
from ocpp_gateway.charger.records import MeterRecord, TransactionReading
from ocpp_gateway.registers.vocabulary import ChargePointStatus as Status
from unit.charger.bench import Bench, kept

RATED_W = 22_000.0


def fed(meter: Meter, register_wh: int, charging_s: int | None, now_s: float) -> Meter:
    return feed(
        meter,
        register_wh=register_wh,
        charging_s=charging_s,
        now_s=now_s,
        rated_power_w=RATED_W,
        zero_proves=True,
    )


@pytest.mark.parametrize(
    ("sequence", "kinds"),
    [
        pytest.param([(5_000, 3601), (5_100, 3620)], [None, None], id="it follows the register"),
        pytest.param([(200, 10)], ["segment"], id="a session that began anew"),
        pytest.param([(0, 3601), (0, 3602), (0, 3603)], ["fell", None, "segment"], id="a fall, believed at last"),
        pytest.param([(0, 3601), (5_000, 3602)], ["fell", None], id="a fall that was none"),
        pytest.param([(60_000, 3601), (60_000, 3602)], ["leapt", None], id="a leap, believed at last"),
        pytest.param([(0, 0), (5_000, 3602)], ["segment", "corrected"], id="a segment taken back"),
    ],
)
def test_each_thing_that_happens_to_a_meter_has_its_reading(
    sequence: list[tuple[int, int]], kinds: list[str | None]
) -> None:
    meter, seen = Meter(MeterRecord(1, 20_000, 5_000, 3600), 1000.0), []
    for second, (register_wh, charging_s) in enumerate(sequence, 1001):
        before, meter = meter, fed(meter, register_wh, charging_s, second)
        seen.append(kind_of(before, meter))
    assert seen == kinds


@given(
    st.lists(
        st.tuples(st.integers(0, 500).map(lambda steps: 100 * steps), st.none() | st.integers(0, 100_000)), max_size=30
    )
)
def test_between_two_readings_the_meter_grows_as_the_register_does(sequence: list[tuple[int, int | None]]) -> None:
    meter = Meter(MeterRecord(1, 20_000, 5_000, 3600), 0.0)
    kept = meter.record
    for second, (register_wh, charging_s) in enumerate(sequence, 1):
        before, meter = meter, fed(meter, register_wh, charging_s, float(second))
        if kind_of(before, meter) is not None:
            kept = meter.record
        assert meter.record.register_wh is not None
        assert kept.register_wh is not None
        assert meter.total_wh - kept.total_wh == meter.record.register_wh - kept.register_wh


def test_a_transaction_keeps_the_registers_of_its_ends_and_of_a_new_segment() -> None:
    bench = Bench().linked().online()
    bench.charging(id_tag="04A1")
    local_id = kept(bench.effects, TransactionReading)[0].local_id
    bench.charge(wh=3_000, seconds=900)
    bench.see(session_energy_wh=0, charging_s=1)
    bench.charge(wh=100, seconds=60)
    bench.leave()

    readings = kept(bench.effects, TransactionReading)
    assert [reading.kind for reading in readings] == ["start", "segment", "stop"]
    assert [reading.meter.total_wh for reading in readings] == [0, 3_000, 3_100]
    assert [reading.session_energy_wh for reading in readings] == [0, 0, 100]
    assert [reading.id_tag for reading in readings] == ["04A1", "04A1", None]
    assert {reading.local_id for reading in readings} == {local_id}


def test_the_stop_of_a_transaction_that_a_power_cut_ended_shows_what_its_meter_was_fed_with() -> None:
    bench = Bench().linked().online()
    bench.charging()
    bench.charge(wh=3_000, seconds=900)
    bench.killed_and_restarted().unseen(status=Status.AVAILABLE, session_energy_wh=0, charging_s=0)
    bench.linked()

    *_, stop = kept(bench.effects, TransactionReading)
    assert (stop.kind, stop.session_energy_wh, stop.meter) == ("stop", 0, MeterRecord(1, 3_000, 3_000, 901))
