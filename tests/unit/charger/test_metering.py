"""The virtual meter: what a session register that falls, leaps and restarts adds to a total that only grows."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from ocpp_gateway.charger.metering import Meter, feed
from ocpp_gateway.charger.records import MeterRecord
from ocpp_gateway.registers.vocabulary import ChargePointStatus as Status
from unit.charger.bench import Bench, kept

RATED_W = 22_000.0
AT_S = 1000.0


@dataclass(frozen=True)
class Read:
    """One reading of the session registers, `after_s` after the one before."""

    register_wh: int
    charging_s: int | None
    after_s: float = 1.0
    zero_proves: bool = True


def metered(*readings: Read, start: Meter | None = None) -> Meter:
    """The meter after readings; it starts at 20 kWh with its register believed at 5 kWh and 3600 s."""
    meter, now_s = start or Meter(MeterRecord(1, 20_000, 5_000, 3600), AT_S), AT_S
    for reading in readings:
        now_s += reading.after_s
        meter = feed(
            meter,
            register_wh=reading.register_wh,
            charging_s=reading.charging_s,
            now_s=now_s,
            rated_power_w=RATED_W,
            zero_proves=reading.zero_proves,
        )
    return meter


def after_a_restart(charging_s: int | None = 3600) -> Meter:
    return Meter(MeterRecord(1, 20_000, 5_000, charging_s))


def test_m_33_the_first_reading_ever_is_not_this_meter_s_energy() -> None:
    meter = metered(Read(8_300, 900), start=Meter(MeterRecord(1)))
    assert meter.record == MeterRecord(1, 0, 8_300, 900)


@pytest.mark.parametrize(
    ("readings", "added_wh"),
    [
        pytest.param([Read(5_000, 3601)], 0, id="nothing flowed"),
        pytest.param([Read(5_100, 3610)], 100, id="one step"),
        pytest.param([Read(5_300, 3660, after_s=60)], 300, id="a minute at 18 kW"),
        pytest.param([Read(16_000, 5400, after_s=1800)], 11_000, id="half an hour that nobody polled"),
        pytest.param([Read(0, 0)], 0, id="a new session at its start"),
        pytest.param([Read(300, 50, after_s=60)], 300, id="a new session between two polls"),
        pytest.param([Read(20_000, 3500, after_s=100_000)] * 2, 15_000, id="less time and more energy is believed"),
    ],
)
def test_m_32_the_total_takes_in_what_the_register_shows(readings: list[Read], added_wh: int) -> None:
    assert metered(*readings).total_wh == 20_000 + added_wh


@pytest.mark.parametrize(
    ("readings", "added_wh"),
    [
        pytest.param([Read(0, 3601)], 0, id="one poll"),
        pytest.param([Read(0, 3601), Read(0, 3602), Read(5_000, 3603)], 0, id="two polls, and back"),
        pytest.param([Read(0, 3601), Read(0, 3602), Read(5_100, 3603)], 100, id="two polls, and back a step further"),
        pytest.param([Read(0, 3601), Read(0, 3602), Read(0, 3603)], 0, id="three polls: a new segment"),
        pytest.param([Read(0, None), Read(0, None), Read(100, None)], 100, id="a charger that counts no seconds"),
        pytest.param([Read(0, 0), Read(5_000, 3601)], 0, id="all counters zero for one poll"),
        pytest.param([Read(0, 0), Read(5_100, 3601)], 100, id="all counters zero for one poll, and a step further"),
        pytest.param([Read(3_600, 600)], 3_600, id="a simulated charger that runs faster than time: 600 s at 22 kW"),
        pytest.param([Read(4_900, 3601)] * 4, 0, id="a step down that stays is no session of 4.9 kWh"),
        pytest.param([*[Read(4_900, 3601)] * 3, Read(5_000, 3610)], 100, id="and the next step up counts again"),
    ],
)
def test_fault_m_17_a_fall_is_believed_when_it_is_proven(readings: list[Read], added_wh: int) -> None:
    assert metered(*readings).total_wh == 20_000 + added_wh


def test_fault_m_17_a_fall_is_only_suspected_at_first() -> None:
    meter = metered(Read(0, 3601), Read(0, 3602))
    assert meter.record == MeterRecord(1, 20_000, 5_000, 3600)
    assert meter.suspicion is not None
    assert meter.suspicion.is_drop


def test_a_zero_proves_nothing_in_the_first_seconds_after_a_reconnect() -> None:
    unsettled = [Read(0, 0, zero_proves=False)] * 10
    assert metered(*unsettled).record.register_wh == 5_000
    assert metered(*unsettled, Read(5_000, 3611)).total_wh == 20_000
    assert metered(*unsettled, Read(100, 11)).total_wh == 20_100


@pytest.mark.parametrize(
    ("readings", "added_wh"),
    [
        pytest.param([Read(505_000, 3601)], 0, id="one leap"),
        pytest.param([Read(505_000, 3601), Read(5_000, 3602)], 0, id="one leap, and back"),
        pytest.param([Read(505_000, 3601), Read(5_100, 3602)], 100, id="one leap, and back a step further"),
        pytest.param([Read(505_000, 3601), Read(905_000, 3602)], 0, id="two leaps that disagree"),
        pytest.param([Read(6_000, 3601), Read(6_000, 3602)], 1_000, id="a second reading agrees"),
        pytest.param([Read(6_000, 3601), Read(6_100, 3602)], 1_100, id="a second reading agrees a step later"),
        pytest.param([Read(0, 3601), Read(505_000, 3602)], 0, id="a fall does not vouch for a leap"),
        pytest.param(
            [Read(505_000, 3601), Read(0, 3602), Read(0, 3603), Read(5_100, 3604)], 100, id="nor a leap for a fall"
        ),
    ],
)
def test_fault_m_17_a_leap_no_charger_can_make_needs_a_second_reading(readings: list[Read], added_wh: int) -> None:
    assert metered(*readings).total_wh == 20_000 + added_wh


@pytest.mark.parametrize(
    ("grown_wh", "believed"),
    [
        pytest.param(600, True, id="22 kW x 60 s x 1.5 = 550 Wh, and one step"),
        pytest.param(700, False, id="more than that"),
    ],
)
def test_m_32_the_bound_is_rated_power_by_time_by_half_as_much_again(grown_wh: int, *, believed: bool) -> None:
    meter = metered(Read(5_000 + grown_wh, 3600, after_s=60))
    assert (meter.total_wh == 20_000 + grown_wh) is believed


def test_m_33_after_a_restart_the_seconds_charged_vouch_for_the_energy() -> None:
    assert metered(Read(15_000, 5400), start=after_a_restart()).total_wh == 30_000


def test_m_33_after_a_restart_without_seconds_two_readings_vouch_for_it() -> None:
    once = metered(Read(15_000, None), start=after_a_restart(None))
    assert once.total_wh == 20_000
    twice = metered(Read(15_000, None), Read(15_000, None), start=after_a_restart(None))
    assert twice.total_wh == 30_000


@pytest.mark.parametrize("charging_s", [pytest.param(700, id="fewer seconds"), pytest.param(None, id="no seconds")])
def test_m_33_after_a_restart_a_lower_register_is_a_new_session(charging_s: int | None) -> None:
    start = after_a_restart(None if charging_s is None else 3600)
    assert metered(*[Read(4_000, charging_s)] * 3, start=start).total_wh == 24_000


def test_m_39_a_wrap_is_a_new_session() -> None:
    full = Meter(MeterRecord(1, 0, 6_553_500, 3600), AT_S)
    assert metered(*[Read(0, 3601)] * 3, Read(100, 3620), start=full).total_wh == 100


# ---------------------------------------------------------------- in a charge point


def test_m_31_a_session_starts_where_the_one_before_stopped_though_the_register_started_again() -> None:
    bench = Bench().online().linked()
    bench.charging(id_tag="FIRST").charge(wh=5_000, seconds=1200)
    bench.leave(tag="FIRST")
    bench.see(status=Status.PREPARING, session_energy_wh=0, charging_s=0)
    bench.card("SECOND")
    bench.charge(wh=300, seconds=60)
    bench.leave()
    assert [(s["meterStart"], s["idTag"]) for s in bench.starts()] == [(0, "FIRST"), (5_000, "SECOND")]
    assert [s["meterStop"] for s in bench.stops()] == [5_000, 5_300]


def test_fault_m_17_a_reset_inside_a_session_is_a_new_segment_of_it() -> None:
    bench = Bench().online().linked().charging()
    bench.charge(wh=5_000, seconds=1200)
    bench.see(session_energy_wh=0, charging_s=0)
    bench.charge(wh=400, seconds=60)
    bench.leave()
    assert len(bench.starts()) == 1
    assert bench.stops()[0]["meterStop"] == 5_400


def test_energy_seen_with_the_first_charging_belongs_to_the_transaction() -> None:
    bench = Bench().online().linked()
    bench.charging(id_tag="FIRST").charge(wh=5_000, seconds=1200)
    bench.leave()
    bench.see(status=Status.CHARGING, charging_s=50, session_energy_wh=300, seconds=60)  # one slow poll
    bench.poll(2)
    assert [s["meterStart"] for s in bench.starts()] == [0, 5_000]
    assert bench.connector().meter.total_wh == 5_300


@pytest.mark.parametrize(
    ("register_wh", "alarm"),
    [pytest.param(0, "energy_register_fell", id="fell"), pytest.param(505_000, "energy_register_leapt", id="leapt")],
)
def test_fault_m_17_an_odd_reading_is_told_once(register_wh: int, alarm: str) -> None:
    bench = Bench().online().linked().charging()
    bench.charge(wh=5_000, seconds=1200)
    bench.see(session_energy_wh=register_wh)
    bench.poll()
    assert bench.alarms().count(alarm) == 1


def test_m_32_each_step_is_kept_before_a_message_tells_it() -> None:
    bench = Bench().online().linked().charging()
    effects = bench.charge(wh=100, seconds=60)
    assert kept(effects, MeterRecord) == [MeterRecord(1, 100, 100, 61)]
    assert bench.shelf.stored.open_transactions[0].last_meter_wh == 100


def test_m_31_the_meter_goes_on_after_a_kill() -> None:
    bench = Bench().online().linked().charging()
    bench.charge(wh=5_000, seconds=1200)
    bench.killed_and_restarted(300)
    bench.unseen(session_energy_wh=6_000, charging_s=1501)
    bench.linked()
    assert bench.connector().meter.total_wh == 6_000


def test_a_register_nobody_read_leaves_the_meter_alone() -> None:
    bench = Bench().online().linked().charging()
    bench.charge(wh=5_000, seconds=1200)
    bench.see(session_energy_wh=None)
    bench.poll(5)
    assert bench.connector().meter == replace(bench.connector().meter, record=MeterRecord(1, 5_000, 5_000, 1201))
