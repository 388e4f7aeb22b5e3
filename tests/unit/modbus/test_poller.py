"""The poller on a register bank in virtual time: what it asks, what it posts, what it writes."""

from __future__ import annotations

import asyncio
from collections import Counter
from itertools import pairwise

import pytest

from ocpp_gateway.charger.events import (
    CommandConfirmed,
    CommandKind,
    CommandRefused,
    DeadlineReached,
    Event,
    LinkLost,
    LinkUp,
    SnapshotTaken,
)
from ocpp_gateway.modbus.fallback import Fallback
from ocpp_gateway.registers.vocabulary import ChargePointStatus, Table
from unit.modbus.polling import Polling, Start
from unit.modbus.register_bank import LIMIT, MAPPING, STATUS, TAG, RegisterBank

pytestmark = pytest.mark.looptime

AVAILABLE, PREPARING, CHARGING, SUSPENDED_EVSE = 0, 1, 2, 3
TAG_READS = [(TAG[1], 10), (TAG[2], 10)]
ROUND = [(257, 8), (267, 5), (273, 8), (283, 5)]  # acceptance 6: four requests for a DUO
LIMITS = [(0, 6), (256, 1), (272, 1)]  # one of these follows each round


def without_limits(reads: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Rounds without what is read in turn after each."""
    return [read for read in reads if read not in LIMITS]


def limits_in(reads: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The reads of limits."""
    return [read for read in reads if read in LIMITS]


# ---------------------------------------------------------------- connecting


async def test_a_charger_is_asked_for_its_connectors_first_and_introduced_by_what_it_says(polling: Start) -> None:
    bank = RegisterBank()
    bank.show(6, 0x0100, 0x0604)
    bank.show(32, 0x3132, 0x3300)
    running = await polling(bank)
    await asyncio.sleep(0.5)
    assert bank.reads_since(0)[0] == (8, 1)
    assert isinstance(running.events[0][1], LinkUp)
    identity = running.posted(LinkUp)[0].identity
    assert (identity.number_of_connectors, identity.model) == (2, "DUO")
    assert (identity.firmware_version, identity.serial_number) == ("6.4.1", "123")


async def test_a_solo_is_never_asked_for_left_registers(polling: Start) -> None:
    bank = RegisterBank(number_of_connectors=1)
    bank.show(STATUS[1], PREPARING)
    running = await polling(bank)
    await asyncio.sleep(120)
    assert {connector.connector_id for connector in running.snapshots[-1].connectors} == {1}
    assert bank.refused == []
    assert max(address + count for address, count in bank.reads_since(0)) <= 4107


@pytest.mark.parametrize("number", [0, 3, 0xFFFF])
async def test_an_impossible_number_of_connectors_is_no_charger(polling: Start, number: int) -> None:
    bank = RegisterBank()
    bank.show(8, number)
    running = await polling(bank)
    await asyncio.sleep(10)
    assert [type(event) for _, event in running.events] == [LinkLost]
    assert "number of connectors" in running.posted(LinkLost)[0].reason
    assert {address for address, _ in bank.reads_since(0)} == {8}


# ---------------------------------------------------------------- what is asked when


async def test_acceptance_6_an_idle_duo_takes_four_requests_a_round(polling: Start) -> None:
    running = await polling()
    await asyncio.sleep(5.5)
    start = len(running.bank.asked)
    await asyncio.sleep(5)
    assert without_limits(running.bank.reads_since(start)) == ROUND * 5


async def test_fault_m_19_each_round_reads_one_limit_and_all_of_them_come_in_turn(polling: Start) -> None:
    running = await polling()
    await asyncio.sleep(5.5)
    start = len(running.bank.asked)
    await asyncio.sleep(6)
    reads = running.bank.reads_since(start)
    assert len(reads) == 6 * 5
    assert sorted(reads[4:15:5]) == LIMITS
    assert reads[4:15:5] == reads[19::5]


@pytest.mark.parametrize("address", [0, 3, 5, 256, 272])
async def test_fault_m_19_what_another_master_wrote_is_in_a_snapshot_within_three_cycles(
    polling: Start, address: int
) -> None:
    running = await polling()
    await asyncio.sleep(5.5)
    before = running.snapshots[-1]
    running.bank.registers[Table.HOLDING, address] = 77
    await asyncio.sleep(3)
    after = running.snapshots[-1]
    shown = {
        0: after.station_power_limit_w,
        3: after.fallback_power_w,
        5: after.fallback_interval_s,
        256: after.connectors[0].power_limit_w,
        272: after.connectors[1].power_limit_w,
    }
    assert shown[address] == (77 if address == 5 else 7_700)
    connector_id = {0: 0, 3: 0, 5: 0, 256: 1, 272: 2}[address]
    assert after.limits_read_s[connector_id] > before.limits_read_s[connector_id]


@pytest.mark.parametrize("idle_poll_interval_s", [5.0, 30.0])
async def test_fault_m_19_of_an_idle_charger_polled_seldom_all_limits_are_read_in_each_round(
    polling: Start, idle_poll_interval_s: float
) -> None:
    running = await polling(poll_interval_s=1.0, idle_poll_interval_s=idle_poll_interval_s)
    await asyncio.sleep(40)
    start = len(running.bank.asked)
    await asyncio.sleep(3 * idle_poll_interval_s)
    assert sorted(limits_in(running.bank.reads_since(start))) == sorted(3 * LIMITS)


async def test_fault_m_19_for_a_minute_after_a_foreign_change_all_limits_are_read_in_each_round(polling: Start) -> None:
    running = await polling()
    await asyncio.sleep(5.5)
    running.limit(1, 11_000)  # ours is no foreign change
    await asyncio.sleep(3)
    start = len(running.bank.asked)
    await asyncio.sleep(3)
    assert len(running.bank.reads_since(start)) == 3 * 5
    running.bank.registers[Table.HOLDING, 256] = 77
    await asyncio.sleep(3)
    start = len(running.bank.asked)
    await asyncio.sleep(50)
    assert len(limits_in(running.bank.reads_since(start))) == 50 * 3
    await asyncio.sleep(10)
    start = len(running.bank.asked)
    await asyncio.sleep(10)
    assert len(limits_in(running.bank.reads_since(start))) == 10


async def test_fault_m_21_for_a_minute_after_a_lost_link_all_limits_are_read_in_each_round(polling: Start) -> None:
    running = await polling()
    await asyncio.sleep(5.5)
    await running.poller.reconnect()
    await asyncio.sleep(5)
    start = len(running.bank.asked)
    await asyncio.sleep(10)
    assert len(limits_in(running.bank.reads_since(start))) == 10 * 3
    await asyncio.sleep(60)
    start = len(running.bank.asked)
    await asyncio.sleep(10)
    assert len(limits_in(running.bank.reads_since(start))) == 10


async def test_fault_m_06_a_limit_register_in_trouble_misses_no_round(polling: Start) -> None:
    bank = RegisterBank()
    running = await polling(bank)
    await asyncio.sleep(2.5)
    bank.refusals |= {256: 4, 272: 2}
    await asyncio.sleep(10)
    assert len(running.snapshots) == 13
    assert running.posted(LinkLost) == []


async def test_acceptance_6_each_preparing_connector_takes_one_request_more(polling: Start) -> None:
    running = await polling()
    running.bank.show(STATUS[2], PREPARING)
    await asyncio.sleep(5.5)
    start = len(running.bank.asked)
    await asyncio.sleep(3)
    assert without_limits(running.bank.reads_since(start)) == [*ROUND, (TAG[2], 10)] * 3
    running.bank.show(STATUS[1], PREPARING)
    await asyncio.sleep(3)
    start = len(running.bank.asked)
    await asyncio.sleep(1)
    assert without_limits(running.bank.reads_since(start)) == ROUND + TAG_READS


async def test_acceptance_6_a_connector_that_charges_with_a_tag_takes_no_request_more(polling: Start) -> None:
    running = await polling()
    for connector_id in (1, 2):
        running.bank.show(STATUS[connector_id], CHARGING)
        running.bank.show_tag(connector_id, "04A1B2C3")
    await asyncio.sleep(5.5)
    start = len(running.bank.asked)
    await asyncio.sleep(3)
    assert without_limits(running.bank.reads_since(start)) == ROUND * 3
    running.bank.show_tag(1, "")  # found among the slow registers, and then watched for the next one
    await asyncio.sleep(16)
    start = len(running.bank.asked)
    await asyncio.sleep(1)
    assert without_limits(running.bank.reads_since(start)) == [*ROUND, (TAG[1], 10)]


async def test_acceptance_6_only_mapped_addresses_are_read_and_none_is_refused_after_the_start(polling: Start) -> None:
    mapped = {(f.table, a) for f in MAPPING.fields(2) for a in range(f.address, f.end)}
    running = await polling()
    for second in range(600):
        running.bank.show(STATUS[1 + second // 7 % 2], second // 3 % 9)
        await asyncio.sleep(1)
    asked = {(r.table, a) for r in running.bank.asked for a in range(r.address, r.address + r.count)}
    assert asked == mapped
    assert running.bank.refused == []


async def test_a_round_is_posted_before_the_slow_registers_are_asked_for(polling: Start) -> None:
    running = await polling(RegisterBank(answer_s=0.02))
    await asyncio.sleep(14.5)
    start = len(running.bank.asked)
    await asyncio.sleep(1)
    reads = running.bank.reads_since(start)
    assert reads[:4] == ROUND
    assert set(reads[4:]) >= {(9, 5), (4106, 1), (4122, 1), *TAG_READS, (6, 3)}
    assert running.posted_at(SnapshotTaken)[15] == pytest.approx(running.posted_at(SnapshotTaken)[14] + 1, abs=0.001)


async def test_slow_registers_never_delay_the_next_round_by_more_than_one_request(polling: Start) -> None:
    running = await polling(RegisterBank(answer_s=0.12))  # a round takes 0.6 s, the slow registers 0.72 s
    await asyncio.sleep(60)
    gaps = [later - earlier for earlier, later in pairwise(running.posted_at(SnapshotTaken))]
    assert max(gaps[1:]) < 1.13


async def test_rounds_keep_their_phase(polling: Start) -> None:
    running = await polling(RegisterBank(answer_s=0.02))
    await asyncio.sleep(100)
    begins = [r.at_s for r in running.bank.asked if r.address == 257]
    assert [b - begins[0] for b in begins] == pytest.approx(range(len(begins)), abs=0.02)
    assert len(begins) == 100


async def test_an_idle_charger_is_asked_at_the_idle_interval_until_a_car_is_seen(polling: Start) -> None:
    running = await polling(poll_interval_s=5.0, idle_poll_interval_s=60.0)
    await asyncio.sleep(15 + 121)
    assert len(running.snapshots) == 3 + 3  # at 0, 5, 10 s, then at 15, 75 and 135 s
    running.bank.show(STATUS[1], CHARGING)
    await asyncio.sleep(60 + 60)
    assert len(running.snapshots) == 3 + 3 + 1 + 12


async def test_a_car_that_left_is_looked_at_again_before_the_charger_is_taken_for_idle(polling: Start) -> None:
    running = await polling(poll_interval_s=5.0, idle_poll_interval_s=60.0)
    running.bank.show(STATUS[1], CHARGING)
    await asyncio.sleep(21)
    seen = len(running.snapshots)
    running.bank.show(STATUS[1], AVAILABLE)
    await asyncio.sleep(20)  # at 25, 30, 35, 40 s
    assert len(running.snapshots) == seen + 4
    await asyncio.sleep(50)
    assert len(running.snapshots) == seen + 4
    assert not any(snapshot.interrupted for snapshot in running.snapshots[1:])


async def test_the_charger_s_own_timer_is_fed_twice_an_interval(polling: Start) -> None:
    running = await polling(idle_poll_interval_s=60.0, fallback=Fallback(power_w=4200, after_s=40))
    await asyncio.sleep(3.5)
    started = len(running.snapshots)
    await asyncio.sleep(100)
    # 40 s // 2 = 20 s in register 5; half of it is 10 s
    assert len(running.snapshots) == started + 10
    assert running.bank.holding(5) == 20


# ---------------------------------------------------------------- tags


async def test_a_tag_of_an_idle_connector_is_noticed_and_read_once_more(polling: Start) -> None:
    running = await polling(poll_interval_s=1.0)
    await asyncio.sleep(5.5)
    running.bank.show_tag(2, "04A1B2C3")
    await asyncio.sleep(15)
    tags = [snapshot.connectors[1].tag for snapshot in running.snapshots]
    reads = {tag.read_s for tag in tags if tag and tag.id_tag == "04A1B2C3"}
    assert len(reads) == 2


async def test_a_tag_is_in_the_snapshot_of_the_status_that_it_came_with(polling: Start) -> None:
    running = await polling()
    await asyncio.sleep(5.5)
    running.bank.show(STATUS[1], CHARGING)
    running.bank.show_tag(1, "04A1B2C3")
    await asyncio.sleep(2)
    first, second = (s.connectors[0] for s in running.snapshots if s.connectors[0].status is ChargePointStatus.CHARGING)
    assert first.tag is not None
    assert second.tag is not None
    assert first.tag.id_tag == second.tag.id_tag == "04A1B2C3"
    assert first.tag.read_s < second.tag.read_s


@pytest.mark.parametrize("waiting", [PREPARING, SUSPENDED_EVSE])
async def test_a_tag_that_replaces_a_standing_one_is_read_twice_within_two_rounds(polling: Start, waiting: int) -> None:
    running = await polling()
    running.bank.show_tag(1, "OLD")
    running.bank.show(STATUS[1], waiting)
    await asyncio.sleep(5.5)
    running.bank.show_tag(1, "NEW")
    await asyncio.sleep(2)
    assert [s.connectors[0].tag.id_tag for s in running.snapshots[-3:] if s.connectors[0].tag] == ["OLD", "NEW", "NEW"]


# ---------------------------------------------------------------- refusals


async def test_fault_m_05_an_absent_register_is_found_once_and_not_asked_for_again(polling: Start) -> None:
    bank = RegisterBank()
    del bank.registers[Table.INPUT, 4122]
    running = await polling(bank)
    await asyncio.sleep(60)
    assert [(r.address, r.count) for r in bank.refused] == [(4122, 1)]
    assert running.link_events == [running.events[0][1]]
    assert running.poller.image is not None
    derating = next(r for r in running.poller.image.readings(running.snapshots[-1].taken_at) if r.address == 4122)
    assert derating.value is None
    assert "2, illegal data address" in str(derating.error)


async def test_fault_m_05_a_hole_in_a_block_costs_only_the_registers_that_are_missing(polling: Start) -> None:
    bank = RegisterBank()
    bank.show(STATUS[1], CHARGING)
    bank.show(269, 231)
    del bank.registers[Table.INPUT, 270]  # voltage L2 of connector 1
    running = await polling(bank)
    await asyncio.sleep(5.5)
    refused, start = len(bank.refused), len(bank.asked)
    await asyncio.sleep(30)
    connector = running.snapshots[-1].connectors[0]
    assert connector.status is ChargePointStatus.CHARGING
    assert connector.voltage_v == (231, None, 0)
    assert refused == 4  # 267..271, 269..271, 270..271, 270
    assert len(bank.refused) == refused
    assert not [r for r in bank.asked[start:] if r.address <= 270 < r.address + r.count and r.table is Table.INPUT]


async def test_an_old_charger_without_status_registers_is_still_polled(polling: Start) -> None:
    bank = RegisterBank()
    for address in (*range(267, 272), *range(283, 288)):
        del bank.registers[Table.INPUT, address]
    bank.show(257, 0b11)
    bank.show_tag(1, "04A1B2C3")
    running = await polling(bank)
    await asyncio.sleep(5.5)
    assert running.snapshots[-1].connectors[0].status is ChargePointStatus.CHARGING  # by the bits of its status word
    assert running.posted(LinkLost) == []
    start = len(bank.asked)
    await asyncio.sleep(1)
    assert without_limits(bank.reads_since(start)) == [(257, 8), (273, 8)]


async def test_what_was_refused_is_asked_for_again_on_the_next_connection(polling: Start) -> None:
    bank = RegisterBank()
    bank.refusals[TAG[1]] = 2
    running = await polling(bank)
    await asyncio.sleep(5)
    assert running.snapshots[-1].connectors[0].tag is None
    bank.refusals.clear()
    bank.show_tag(1, "04A1B2C3")
    bank.connected = False
    await asyncio.sleep(5)
    tag = running.snapshots[-1].connectors[0].tag
    assert tag is not None
    assert tag.id_tag == "04A1B2C3"


async def test_a_charger_that_refuses_every_status_register_is_lost_with_a_hint(polling: Start) -> None:
    bank = RegisterBank()
    bank.refusals |= dict.fromkeys(range(257, 288), 2)
    running = await polling(bank)
    await asyncio.sleep(3)
    assert running.snapshots == []
    assert "right mapping" in running.posted(LinkLost)[0].reason


@pytest.mark.parametrize("code", [5, 6])
async def test_fault_m_06_a_busy_charger_is_asked_again_in_the_same_round(polling: Start, code: int) -> None:
    running = await polling()
    await asyncio.sleep(2.5)
    running.bank.refusals[257] = code
    asyncio.get_running_loop().call_later(0.8, running.bank.refusals.clear)  # busy at 3.0, free again at 3.3
    await asyncio.sleep(1.4)
    assert running.bank.refused
    assert len(running.snapshots) == 4
    assert not running.snapshots[-1].interrupted


@pytest.mark.parametrize("code", [4, 6, 8, 10, 11, 99])
async def test_fault_m_06_a_charger_that_keeps_its_status_to_itself_is_lost_after_three_rounds(
    polling: Start, code: int
) -> None:
    running = await polling()
    await asyncio.sleep(2.5)
    running.bank.refusals[268] = code
    await asyncio.sleep(10)
    assert f"exception {code}" in running.posted(LinkLost)[0].reason
    assert len(running.snapshots) == 3
    running.bank.refusals.clear()
    await asyncio.sleep(10)
    assert len(running.snapshots) > 5
    assert [snapshot.interrupted for snapshot in running.snapshots[3:5]] == [True, False]


async def test_fault_m_06_trouble_in_a_slow_register_leaves_the_rest_alone(polling: Start) -> None:
    bank = RegisterBank()
    bank.refusals[4106] = 4
    running = await polling(bank)
    await asyncio.sleep(20)
    assert len(running.snapshots) == 20
    bank.refusals.clear()
    bank.show(4106, 3)
    await asyncio.sleep(15)
    assert str(running.snapshots[-1].connectors[0].derating) == "3"


# ---------------------------------------------------------------- losses


async def test_fault_m_01_a_lost_charger_is_told_once_and_called_again_with_growing_pauses(
    polling: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = await polling()
    await asyncio.sleep(5.5)
    loop = asyncio.get_running_loop()
    attempts: list[float] = []
    connect = running.bank.connect

    async def counted() -> None:
        attempts.append(loop.time())
        await connect()

    monkeypatch.setattr(running.bank, "connect", counted)
    running.bank.lose()
    await asyncio.sleep(150)
    assert [type(event) for event in running.link_events] == [LinkUp, LinkLost]
    assert "closed the connection" in running.posted(LinkLost)[0].reason
    pauses = [later - earlier for earlier, later in pairwise([6.0, *attempts])]
    assert pauses == pytest.approx([1, 2, 4, 8, 16, 30, 30, 30], abs=0.01)
    running.bank.down = None
    await asyncio.sleep(31)
    assert [type(event) for event in running.link_events] == [LinkUp, LinkLost, LinkUp]
    assert running.poller.statistics.last_good_poll is not None
    assert running.poller.statistics.lost_links == 1


async def test_pauses_start_short_again_after_a_good_connection(polling: Start) -> None:
    running = await polling()
    await asyncio.sleep(2.5)
    running.bank.lose()
    await asyncio.sleep(100)
    running.bank.down = None
    await asyncio.sleep(40)
    running.bank.connected = False
    connections = running.bank.connections
    await asyncio.sleep(2.1)  # noticed within one, called again after one
    assert running.bank.connections == connections + 1


async def test_a_charger_that_is_away_at_the_start_is_told_once(polling: Start) -> None:
    bank = RegisterBank()
    bank.lose("connection refused")
    running = await polling(bank)
    await asyncio.sleep(100)
    assert [type(event) for _, event in running.events] == [LinkLost]
    assert running.poller.statistics.last_error == "no Modbus TCP connection to charger:502: connection refused"


async def test_fault_m_04_a_charger_that_hangs_up_after_each_answer_is_not_called_more_than_once_a_second(
    polling: Start,
) -> None:
    bank = RegisterBank()
    running = await polling(bank)
    start_s = asyncio.get_running_loop().time()
    for _ in range(1000):
        bank.connected = False
        await asyncio.sleep(0.1)
    assert bank.connections <= asyncio.get_running_loop().time() - start_s
    assert len(running.posted(LinkLost)) <= len(running.posted(LinkUp)) + 1


async def test_the_first_snapshot_after_a_gap_says_so(polling: Start) -> None:
    running = await polling()
    await asyncio.sleep(2.5)
    running.bank.connected = False
    await asyncio.sleep(5)
    flags = [snapshot.interrupted for snapshot in running.snapshots]
    assert flags[:5] == [True, False, False, True, False]


async def test_a_new_connection_starts_with_empty_hands(polling: Start) -> None:
    running = await polling()
    await asyncio.sleep(2.5)
    assert running.snapshots[-1].power_w == 0
    running.bank.connected = False
    running.bank.show(9, 60)
    await asyncio.sleep(4)
    again = next(s for s in running.snapshots if s.interrupted and s is not running.snapshots[0])
    assert again.power_w is None  # nobody has read it since
    assert running.snapshots[-1].power_w == 6000


async def test_fault_m_08_shifted_answers_are_noticed_by_a_register_whose_value_is_known(polling: Start) -> None:
    running = await polling()
    await asyncio.sleep(5)
    running.bank.show(8, 440)
    await asyncio.sleep(15)
    assert "reads differently than when the connection was made" in running.posted(LinkLost)[0].reason


async def test_fault_m_14_a_charger_that_takes_ten_seconds_for_a_round_is_lost(polling: Start) -> None:
    running = await polling()
    await asyncio.sleep(2.5)
    running.bank.answer_s = 3.0
    await asyncio.sleep(14)
    assert "took 12 s" in running.posted(LinkLost)[0].reason


async def test_a_stopped_poller_closes_its_connection(polling: Start) -> None:
    running = await polling()
    await asyncio.sleep(0.5)
    assert running.bank.connected
    task = next(task for task in asyncio.all_tasks() if task.get_name() == "poller")
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert not running.bank.connected


async def test_fault_s_11_nothing_is_asked_or_written_while_the_owner_takes_no_events(
    polling: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = await polling()
    await asyncio.sleep(13.5)  # the slow registers are due at 15 s
    owner_is_back = asyncio.Event()

    async def stuck(event: Event) -> None:
        running.events.append((asyncio.get_running_loop().time(), event))
        await owner_is_back.wait()

    monkeypatch.setattr(running.poller, "_post", stuck)
    await asyncio.sleep(1)
    asked = len(running.bank.asked)
    running.limit(1, 6_000)
    await asyncio.sleep(120)
    assert len(running.bank.asked) == asked
    owner_is_back.set()
    await asyncio.sleep(5)
    assert len(running.bank.asked) > asked
    assert running.bank.writes() == []  # what was commanded before the silence is commanded anew, or not at all
    assert [type(event) for event in running.link_events] == [LinkUp, LinkLost, LinkUp]
    assert "nothing was asked for 120 s" in running.posted(LinkLost)[0].reason
    assert running.posted(LinkUp)[1].silence_s == pytest.approx(122, abs=1)
    assert [snapshot.interrupted for snapshot in running.snapshots[-4:]] == [True, False, False, False]


@pytest.mark.parametrize(("stopped_s", "lost"), [(8.0, False), (11.0, True)])
async def test_fault_t_07_after_a_stop_nothing_old_is_written_and_the_charger_is_met_anew(
    polling: Start, monkeypatch: pytest.MonkeyPatch, stopped_s: float, lost: bool
) -> None:
    running = await polling(poll_interval_s=1.0)
    await asyncio.sleep(5.5)
    for value_w in (0, 6_000):
        running.limit(1, value_w)
        await asyncio.sleep(0.1)
    running.limit(1, 11_000)  # rests for a second, because it raises; the process is stopped meanwhile
    started = len(running.bank.asked)
    clock = asyncio.get_running_loop().time
    monkeypatch.setattr(running.poller._link, "_now_s", lambda: clock() + stopped_s)
    await asyncio.sleep(4)
    assert running.bank.writes()[-1] == ((256, 60) if lost else (256, 110))
    assert [type(event) for event in running.link_events] == [LinkUp, LinkLost, LinkUp][: 3 if lost else 1]
    assert running.bank.asked[started].address == (8 if lost else 257)


async def test_fault_s_12_a_silence_longer_than_the_charger_s_own_interval_is_a_lost_link(
    polling: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = await polling(poll_interval_s=1.0, fallback=Fallback(power_w=4_200, after_s=10))
    await asyncio.sleep(5.5)
    clock = asyncio.get_running_loop().time
    monkeypatch.setattr(running.poller._link, "_now_s", lambda: clock() + 5.0)
    await asyncio.sleep(4)
    assert [type(event) for event in running.link_events] == [LinkUp, LinkLost, LinkUp]
    assert running.posted(LinkUp)[1].silence_s == pytest.approx(7, abs=0.2)


async def test_fault_s_12_linkup_tells_what_the_charger_held_before_anything_was_written(polling: Start) -> None:
    running = await polling(fallback=Fallback(power_w=4_200, after_s=60))
    await asyncio.sleep(5.5)
    assert running.posted(LinkUp)[0].silence_s is None
    running.bank.connected = False
    running.bank.registers |= {(Table.HOLDING, place): word for place, word in ((0, 42), (3, 440), (5, 0), (256, 41))}
    await asyncio.sleep(5)
    again = running.posted(LinkUp)[1]
    assert again.silence_s == pytest.approx(2, abs=0.1)
    assert again.found is not None
    assert (again.found.station_power_limit_w, again.found.connectors[0].power_limit_w) == (4_200, 4_100)
    assert (again.found.fallback_power_w, again.found.fallback_interval_s) == (44_000, 0)
    assert (running.bank.holding(3), running.bank.holding(5)) == (42, 30)  # written again, before the limits


async def test_fault_m_21_at_a_reconnect_only_reads_and_the_fallback_come_before_the_limits(polling: Start) -> None:
    def command_all(running: Polling, event: Event) -> None:
        if isinstance(event, LinkUp):
            for connector_id in LIMIT:
                running.limit(connector_id, 11_000)

    running = await polling(on_event=command_all, fallback=Fallback(power_w=4_200, after_s=60))
    await asyncio.sleep(5.5)
    running.bank.connected = False
    start = len(running.bank.asked)
    running.bank.registers |= {(Table.HOLDING, place): 440 for place in (0, 3, 256, 272)}
    await asyncio.sleep(4)
    asked = running.bank.asked[start:]
    first_write = next(i for i, request in enumerate(asked) if request.value is not None)
    assert {request.address for request in asked[:first_write]} == {0, 6, 8, 14, 32, 48, 256, 272}
    written = [request.address for request in asked if request.value is not None]
    assert written[0] == 3
    assert set(written[1:4]) == {256, 272, 0}


# ---------------------------------------------------------------- writing


async def test_a_limit_is_written_at_once_rounded_down_and_confirmed_by_reading_it_back(polling: Start) -> None:
    running = await polling(poll_interval_s=60.0)
    await asyncio.sleep(10)
    commanded_s = asyncio.get_running_loop().time()
    running.limit(1, 11_099)
    await asyncio.sleep(0.01)
    assert running.bank.writes() == [(256, 110)]
    assert running.outcomes == [CommandConfirmed(CommandKind.LIMIT, 1, 11_000)]
    assert running.posted_at(CommandConfirmed)[0] - commanded_s < 0.005
    assert [(r.address, r.count) for r in running.bank.asked[-1:]] == [(256, 1)]
    await asyncio.sleep(60)
    assert running.snapshots[-1].connectors[0].power_limit_w == 11_000


async def test_a_write_waits_for_one_answer_at_most_not_for_the_slow_registers(polling: Start) -> None:
    running = await polling(RegisterBank(answer_s=0.1), poll_interval_s=20.0)
    await asyncio.sleep(20.55)  # in the slow registers
    asked = len(running.bank.asked)
    running.limit(2, 0)
    await asyncio.sleep(0.15)
    assert running.bank.asked[asked].value == 0


async def test_the_newest_limit_of_a_connector_counts(polling: Start) -> None:
    running = await polling()
    await asyncio.sleep(0.5)
    for value_w in (9000, 7000, 5000):
        running.limit(1, value_w)
    running.limit(2, 6000)
    await asyncio.sleep(0.2)
    assert running.bank.writes() == [(256, 50), (272, 60)]


async def test_limits_are_lowered_before_others_are_raised(polling: Start) -> None:
    bank = RegisterBank()
    bank.registers[Table.HOLDING, 256] = 60
    running = await polling(bank)
    await asyncio.sleep(2.5)
    running.limit(1, 16_000)
    running.limit(2, 6_000)
    await asyncio.sleep(0.2)
    assert bank.writes() == [(272, 60), (256, 160)]


async def test_a_write_to_the_station_is_followed_by_both_connectors_closed_ones_first(polling: Start) -> None:
    running = await polling()
    await asyncio.sleep(2.5)
    running.limit(1, 11_000)
    running.limit(2, 0)
    await asyncio.sleep(0.2)
    running.limit(0, 22_000)
    await asyncio.sleep(0.2)
    assert running.bank.writes() == [(256, 110), (272, 0), (0, 220), (272, 0), (256, 110)]


async def test_p_54_after_a_refused_decrease_a_station_write_never_brings_the_older_limit_back(polling: Start) -> None:
    running = await polling(poll_interval_s=60.0)
    await asyncio.sleep(2)
    running.limit(1, 11_000)
    await asyncio.sleep(0.1)
    running.bank.refusals[256] = 4
    running.limit(1, 6_000)
    await asyncio.sleep(0.1)
    running.bank.refusals.clear()
    running.limit(0, 22_000)
    await asyncio.sleep(0.1)
    assert running.bank.writes() == [(256, 110), (256, 60), (0, 220), (256, 60)]
    running.limit(0, 11_000)  # and what was carried out in the end is repeated from then on
    await asyncio.sleep(0.1)
    assert running.bank.writes()[4:] == [(0, 110), (256, 60)]


async def test_after_a_refused_increase_a_station_write_repeats_what_was_in_force(polling: Start) -> None:
    running = await polling(poll_interval_s=60.0)
    await asyncio.sleep(2)
    running.limit(1, 0)
    await asyncio.sleep(0.1)
    running.bank.refusals[256] = 4
    running.limit(1, 11_000)
    await asyncio.sleep(0.1)
    running.bank.refusals.clear()
    running.limit(0, 22_000)
    await asyncio.sleep(2)
    assert running.bank.writes() == [(256, 0), (256, 110), (0, 220), (256, 0)]


async def test_fault_m_12_a_decrease_that_does_not_stay_is_not_followed_by_the_older_limit(polling: Start) -> None:
    running = await polling(poll_interval_s=60.0)
    await asyncio.sleep(2)
    running.limit(1, 11_000)
    await asyncio.sleep(0.1)
    running.bank.on_write = lambda address, _value: 110 if address == 256 else None
    running.limit(1, 6_000)
    await asyncio.sleep(0.1)
    running.limit(0, 22_000)
    await asyncio.sleep(0.1)
    assert running.bank.writes() == [(256, 110), (256, 60), (256, 60), (0, 220), (256, 60), (256, 60)]


async def test_a_limit_commanded_during_a_station_write_is_not_overtaken_by_the_repeat(polling: Start) -> None:
    running = await polling(RegisterBank(answer_s=0.1), poll_interval_s=60.0)
    await asyncio.sleep(5)
    running.limit(1, 11_000)
    await asyncio.sleep(1)
    running.limit(0, 22_000)
    await asyncio.sleep(0.05)
    running.limit(1, 6_000)
    await asyncio.sleep(1)
    assert running.bank.writes() == [(256, 110), (0, 220), (256, 60)]


@pytest.mark.parametrize("station_is", ["refused", "read back differently", "refused when read back"])
async def test_connectors_are_assigned_again_after_any_station_write_that_may_have_arrived(
    polling: Start, station_is: str
) -> None:
    running = await polling(poll_interval_s=60.0)
    await asyncio.sleep(2)
    running.limit(1, 11_000)
    await asyncio.sleep(0.1)
    match station_is:
        case "refused":
            running.bank.refusals[0] = 4
        case "read back differently":
            running.bank.on_write = lambda address, _value: 440 if address == 0 else None
        case _:
            running.bank.on_write = lambda address, _value: (
                running.bank.refusals.update({0: 4}) if address == 0 else None
            )
    running.limit(0, 22_000)
    await asyncio.sleep(0.1)
    assert [type(outcome) for outcome in running.outcomes] == [CommandConfirmed, CommandRefused, CommandConfirmed]
    assert running.bank.writes()[-1] == (256, 110)


async def test_a_busy_charger_is_not_asked_again_for_a_limit_that_a_newer_one_replaced(polling: Start) -> None:
    running = await polling(poll_interval_s=60.0)
    await asyncio.sleep(2)
    running.bank.refusals[256] = 6
    running.limit(1, 11_000)
    await asyncio.sleep(0.1)
    running.limit(1, 6_000)
    asked = len(running.bank.writes())
    running.bank.refusals.clear()
    await asyncio.sleep(2)
    assert running.bank.writes()[asked:] == [(256, 60)]
    assert running.outcomes == [CommandConfirmed(CommandKind.LIMIT, 1, 6_000)]


async def test_a_limit_that_did_not_stay_is_not_written_again_once_a_lower_one_waits(polling: Start) -> None:
    running = await polling(RegisterBank(answer_s=0.1), poll_interval_s=60.0)
    await asyncio.sleep(5)
    running.bank.on_write = lambda _address, value: 220 if value == 110 else None
    running.limit(1, 11_000)
    await asyncio.sleep(0.15)  # written, and being read back
    running.limit(1, 6_000)
    await asyncio.sleep(1)
    assert running.bank.writes() == [(256, 110), (256, 60)]
    assert running.outcomes == [CommandConfirmed(CommandKind.LIMIT, 1, 6_000)]


async def test_a_new_connection_repeats_nothing_that_was_commanded_before_it(polling: Start) -> None:
    running = await polling(poll_interval_s=1.0)
    await asyncio.sleep(2.5)
    running.limit(1, 11_000)
    await asyncio.sleep(0.1)
    running.bank.on_write = lambda _address, _value: running.bank.lose()  # in the middle of the station's write
    running.limit(0, 22_000)
    await asyncio.sleep(1)
    running.bank.down, running.bank.on_write = None, lambda _address, _value: None
    await asyncio.sleep(10)
    assert len(running.posted(LinkUp)) == 2
    running.limit(0, 22_000)
    await asyncio.sleep(3)
    assert running.bank.writes() == [(256, 110), (0, 220), (0, 220)]


async def test_a_register_is_raised_once_a_second_and_lowered_at_once(polling: Start) -> None:
    running = await polling(poll_interval_s=60.0)
    await asyncio.sleep(2)
    running.limit(1, 0)
    await asyncio.sleep(0.1)
    for value_w in (6_000, 8_000, 7_000, 5_000, 9_000):
        running.limit(1, value_w)
        await asyncio.sleep(0.05)
    await asyncio.sleep(2)
    assert running.bank.writes() == [(256, 0), (256, 60), (256, 50), (256, 90)]
    at_s = [r.at_s for r in running.bank.asked if r.value is not None]
    assert at_s[3] - at_s[1] == pytest.approx(1, abs=0.01)


async def test_fault_t_07_a_raise_that_waited_is_written_after_the_owner_has_looked_again(polling: Start) -> None:
    def lower(running: Polling, event: Event) -> None:
        if isinstance(event, DeadlineReached):
            running.limit(1, 5_000)

    running = await polling(on_event=lower, poll_interval_s=60.0)
    await asyncio.sleep(2)
    for value_w in (0, 6_000, 9_000):
        running.limit(1, value_w)
        await asyncio.sleep(0.05)
    await asyncio.sleep(2)
    assert running.bank.writes() == [(256, 0), (256, 60), (256, 50)]


async def test_fault_m_12_a_value_that_does_not_stay_is_written_once_more_and_then_refused(polling: Start) -> None:
    bank = RegisterBank()
    running = await polling(bank)
    await asyncio.sleep(0.5)
    bank.on_write = lambda address, value: 220
    running.limit(1, 6_000)
    await asyncio.sleep(0.2)
    assert bank.writes() == [(256, 60), (256, 60)]
    [refused] = running.outcomes
    assert isinstance(refused, CommandRefused)
    assert refused.value == 6_000
    assert refused.reason == "holding 256 reads 22000 W after 6000 W was written twice"


async def test_fault_m_12_a_value_that_stays_the_second_time_is_confirmed(polling: Start) -> None:
    bank = RegisterBank()
    running = await polling(bank)
    await asyncio.sleep(0.5)
    bank.on_write = lambda address, value: 220 if len(bank.writes()) == 1 else None
    running.limit(1, 6_000)
    await asyncio.sleep(0.2)
    assert running.outcomes == [CommandConfirmed(CommandKind.LIMIT, 1, 6_000)]


async def test_fault_m_06_a_refused_write_is_told_and_a_busy_charger_asked_again(polling: Start) -> None:
    running = await polling(poll_interval_s=60.0)
    await asyncio.sleep(2)
    running.bank.refusals[256] = 3
    running.limit(1, 6_000)
    await asyncio.sleep(0.1)
    assert [type(outcome) for outcome in running.outcomes] == [CommandRefused]
    assert "Modbus exception 3" in running.refusals[0]
    running.bank.refusals[256] = 6
    asyncio.get_running_loop().call_later(0.3, running.bank.refusals.clear)
    running.limit(1, 6_000)
    await asyncio.sleep(1)
    assert running.outcomes[1] == CommandConfirmed(CommandKind.LIMIT, 1, 6_000)


@pytest.mark.parametrize(
    ("connector_id", "value_w", "told"),
    [(3, 6000, "no power limit register for connector 3"), (1, -100, "cannot hold"), (1, 7_000_000, "cannot hold")],
)
async def test_a_limit_that_no_register_can_take_is_refused(
    polling: Start, connector_id: int, value_w: int, told: str
) -> None:
    running = await polling()
    await asyncio.sleep(0.5)
    running.limit(connector_id, value_w)
    await asyncio.sleep(0.1)
    assert running.bank.writes() == []
    assert told in running.refusals[0]


async def test_a_solo_is_never_written_left_limits(polling: Start) -> None:
    running = await polling(RegisterBank(number_of_connectors=1))
    await asyncio.sleep(0.5)
    running.limit(2, 0)
    await asyncio.sleep(0.1)
    assert running.bank.writes() == []
    assert [type(outcome) for outcome in running.outcomes] == [CommandRefused]


async def test_limits_commanded_on_linkup_are_on_the_wire_before_the_second_round(polling: Start) -> None:
    def command_all(running: Polling, event: Event) -> None:
        if isinstance(event, LinkUp):
            for connector_id in LIMIT:
                running.limit(connector_id, 11_000)

    running = await polling(on_event=command_all)
    await asyncio.sleep(0.5)
    assert Counter(running.bank.writes())[256, 110] >= 1
    first_fast = next(i for i, r in enumerate(running.bank.asked) if r.address == 257)
    assert running.bank.asked[first_fast + 1].value == 110  # only one read went before


async def test_commands_of_a_lost_link_are_dropped_and_those_without_a_link_too(polling: Start) -> None:
    running = await polling()
    await asyncio.sleep(2.5)
    running.bank.connected = False
    running.limit(1, 6_000)
    running.limit(2, 0)
    await asyncio.sleep(0.5)
    running.limit(2, 6_000)
    await asyncio.sleep(10)
    assert running.bank.writes() == []
    assert running.outcomes == []
    assert len(running.posted(LinkUp)) == 2


async def test_read_only_writes_nothing_at_all(polling: Start) -> None:
    running = await polling(read_only=True, fallback=Fallback(power_w=4200, after_s=60))
    await asyncio.sleep(2)
    running.limit(0, 0)
    running.limit(1, 0)
    await asyncio.sleep(60)
    assert running.bank.writes() == []
    assert ["read-only" in reason for reason in running.refusals] == [True, True]


# ---------------------------------------------------------------- the charger's own fallback


async def test_the_fallback_is_set_before_anything_else_and_written_only_where_it_differs(polling: Start) -> None:
    bank = RegisterBank()
    bank.registers[Table.HOLDING, 3] = 42
    writes_at_linkup: list[list[tuple[int, int]]] = []

    def note(running: Polling, event: Event) -> None:
        if isinstance(event, LinkUp):
            writes_at_linkup.append(running.bank.writes())

    await polling(bank, on_event=note, fallback=Fallback(power_w=4_250, after_s=61))
    await asyncio.sleep(5)
    bank.connected = False
    await asyncio.sleep(5)
    assert writes_at_linkup == [[(5, 30)], [(5, 30)]]  # 61 s // 2; 4,250 W is 42 steps already


async def test_without_a_fallback_setting_its_registers_are_left_alone(polling: Start) -> None:
    running = await polling()
    await asyncio.sleep(60)
    assert running.bank.writes() == []


async def test_a_fallback_that_the_charger_refuses_does_not_keep_it_from_working(polling: Start) -> None:
    bank = RegisterBank()
    bank.refusals |= {3: 2, 5: 4}
    running = await polling(bank, fallback=Fallback(power_w=4_200, after_s=60))
    await asyncio.sleep(5)
    assert running.snapshots
