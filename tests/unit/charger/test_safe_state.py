"""A charger that does not take a limit: held at 0 W, told, tried again, and no transaction ends by it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ocpp_gateway.charger.events import (
    Command,
    CommandConfirmed,
    CommandKind,
    CommandRefused,
    Effect,
    LimitRemoved,
    LimitSet,
    LinkUp,
)
from ocpp_gateway.charger.state import AuthorizationMode
from ocpp_gateway.registers.vocabulary import ChargePointStatus as Status
from unit.charger.bench import DUO, SETTINGS, Bench, mode

LIMIT = CommandKind.LIMIT


class Charger:
    """What the limit registers of a charger do with what is written: `takes` gives what each reads afterwards.

    A value of None is a write that the charger refuses.
    """

    def __init__(self, bench: Bench, takes: Callable[[int, int, int], int | None] = lambda _, w, __: w) -> None:
        self.bench, self.takes = bench, takes
        self.held_w = {0: 44_000, 1: 22_000, 2: 22_000}
        self.written: list[tuple[int, int]] = []
        self._seen = 0

    def answer(self) -> Charger:
        """Carry out all that is commanded, and what that leads to."""
        while self._seen < len(self.bench.effects):
            effect = self.bench.effects[self._seen]
            self._seen += 1
            if isinstance(effect, Command):
                self._write(effect)
        return self

    def _write(self, command: Command) -> None:
        connector_id, power_w = command.connector_id, command.value
        self.written.append((connector_id, power_w))
        reads_w = self.takes(connector_id, power_w, self.held_w[connector_id])
        if reads_w is None:
            self.bench.give(CommandRefused(LIMIT, connector_id, power_w, "exception 4"))
            return
        self.held_w[connector_id] = reads_w
        if reads_w == power_w:
            self.bench.give(CommandConfirmed(LIMIT, connector_id, power_w))
        else:
            self.bench.give(CommandRefused(LIMIT, connector_id, power_w, "reads differently", reads_w))

    def run(self, seconds: int) -> Charger:
        """Time goes on, polled and answered each second."""
        for _ in range(seconds):
            self.bench.poll()
            self.answer()
        return self


def stuck(connector_id: int, power_w: int, held_w: int) -> int | None:
    """Connector 1's register takes nothing."""
    return held_w if connector_id == 1 else power_w


def not_writable(connector_id: int, power_w: int, _: int) -> int | None:
    return None if connector_id == 1 else power_w


def takes_only_a_pause(connector_id: int, power_w: int, held_w: int) -> int | None:
    return 22_000 if connector_id == 1 and power_w else power_w


def charging(takes: Callable[[int, int, int], int | None]) -> Charger:
    """A car charges, then the charger stops obeying."""
    charger = Charger(Bench().linked().online()).answer()
    charger.bench.charging()
    charger.answer()
    charger.bench.deliver()
    charger.takes = takes
    return charger


def limit(charger: Charger, power_w: int, connector_id: int = 1) -> list[Effect]:
    effects = charger.bench.give(LimitSet("operator", connector_id, power_w))
    charger.answer()
    return effects


def faults(bench: Bench) -> list[dict[str, Any]]:
    return [call for call in bench.calls("StatusNotification") if call["status"] == "Faulted"]


# ---------------------------------------------------------------- into it


@pytest.mark.conformance("P-54")
def test_fault_s_13_a_register_that_reads_more_than_was_written_is_told_as_a_fault() -> None:
    charger = charging(stuck)
    limit(charger, 8_000)
    (fault,) = faults(charger.bench)
    assert fault["connectorId"] == 1
    assert fault["errorCode"] == "InternalError"
    assert fault["vendorErrorCode"] == "LimitNotTaken"
    assert fault["info"] == "8000 W written, register reads 22000 W"
    assert charger.bench.alarms() == ["limit_not_taken"]


@pytest.mark.conformance("P-54")
def test_fault_s_13_a_register_that_cannot_be_written_is_told_as_a_fault() -> None:
    charger = charging(not_writable)
    limit(charger, 8_000)
    (fault,) = faults(charger.bench)
    assert (fault["vendorErrorCode"], fault["info"]) == ("LimitNotTaken", "8000 W not taken: exception 4")


def test_fault_s_13_the_connector_is_told_0_w_at_once_and_again_until_that_reads_back() -> None:
    charger = charging(stuck)
    charger.written.clear()
    limit(charger, 8_000)
    assert charger.written == [(1, 8_000), (1, 0)]
    charger.run(31)
    assert charger.written == [(1, 8_000), (1, 0), (1, 0), (1, 0), (1, 0)]  # every 10 s, and never more
    assert len(faults(charger.bench)) == 1


def test_fault_s_13_a_register_that_stays_at_nothing_is_a_fault_as_well() -> None:
    charger = charging(lambda connector_id, w, held_w: 0 if connector_id == 1 else w)
    limit(charger, 8_000)
    assert faults(charger.bench)[0]["info"] == "8000 W written, register reads 0 W"
    assert charger.held_w[1] == 0


@pytest.mark.parametrize("takes", [stuck, not_writable, takes_only_a_pause])
def test_fault_s_13_what_the_gateway_made_faulted_ends_no_transaction(
    takes: Callable[[int, int, int], int | None],
) -> None:
    charger = charging(takes)
    limit(charger, 8_000)
    for _ in range(120):
        charger.bench.charge(wh=100, seconds=30.0)
        charger.answer()
    assert charger.bench.statuses()[-1] == "Faulted"
    assert charger.bench.stops() == []
    assert charger.bench.connector().transaction is not None
    charger.takes = lambda _, w, __: w
    charger.run(601)
    assert charger.bench.statuses()[-1] == "Charging"
    charger.bench.leave()
    assert [stop["reason"] for stop in charger.bench.stops()] == ["EVDisconnected"]


def test_fault_s_13_a_faulted_connector_takes_no_remote_start() -> None:
    charger = Charger(Bench(mode(AuthorizationMode.CENTRAL_SYSTEM)).linked().online(), not_writable).answer()
    assert charger.bench.ask("RemoteStartTransaction", connectorId=1, idTag="A") == {"status": "Rejected"}


def test_the_other_connector_is_not_faulted() -> None:
    charger = charging(stuck)
    limit(charger, 8_000)
    assert charger.bench.statuses(2) == ["Available"]


# ---------------------------------------------------------------- the fuse behind both


@pytest.mark.conformance("P-50")
@pytest.mark.parametrize(("takes", "left_w"), [(stuck, 8_000), (not_writable, 8_000)], ids=["stuck", "not writable"])
def test_p_50_while_a_connector_does_not_obey_the_other_gets_only_what_is_left(
    takes: Callable[[int, int, int], int | None], left_w: int
) -> None:
    charger = charging(takes)
    charger.bench.give(LimitSet("operator", 0, 30_000))
    charger.answer()
    assert charger.held_w[1] == 22_000  # it was told 15,000 W
    assert charger.held_w[2] == left_w


@pytest.mark.conformance("P-50")
def test_p_50_a_connector_that_draws_more_than_the_station_may_leaves_nothing() -> None:
    charger = charging(stuck)
    charger.bench.give(LimitSet("operator", 0, 20_000))
    charger.answer()
    assert charger.held_w[2] == 0


@pytest.mark.conformance("P-50")
def test_p_50_once_it_took_0_w_the_other_may_have_all() -> None:
    charger = charging(takes_only_a_pause)
    charger.bench.give(LimitSet("operator", 0, 20_000))
    charger.answer()
    assert (charger.held_w[1], charger.held_w[2]) == (0, 20_000)


# ---------------------------------------------------------------- and out again


@pytest.mark.conformance("P-54")
def test_p_54_what_the_limiter_says_is_tried_again_only_once_0_w_was_confirmed() -> None:
    charger = charging(takes_only_a_pause)
    charger.written.clear()
    limit(charger, 8_000)
    assert charger.written == [(1, 8_000), (1, 0)]
    charger.run(9)
    assert charger.written == [(1, 8_000), (1, 0)]
    charger.run(1)
    assert charger.written == [(1, 8_000), (1, 0), (1, 8_000), (1, 0)]
    assert charger.held_w[1] == 0
    assert len(faults(charger.bench)) == 1


def test_p_54_a_pause_that_does_not_hold_is_no_ground_for_another_try() -> None:
    charger = charging(takes_only_a_pause)
    limit(charger, 8_000)
    charger.takes = stuck
    charger.bench.connector().commanded_w = None  # somebody else wrote another value, which was noticed
    charger.held_w[1] = 22_000
    charger.written.clear()
    charger.run(25)
    assert {w for connector_id, w in charger.written if connector_id == 1} == {0}


def test_p_54_each_try_comes_after_twice_the_time_up_to_ten_minutes() -> None:
    charger = charging(takes_only_a_pause)
    limit(charger, 8_000)
    tries: list[int] = []
    for second in range(1, 3_000):
        before = charger.written.count((1, 8_000))
        charger.run(1)
        if charger.written.count((1, 8_000)) > before:
            tries.append(second)
    waits = [later - earlier for earlier, later in zip([0, *tries], tries, strict=False)]
    assert waits == [10, 20, 40, 80, 160, 320, 600, 600, 600]


@pytest.mark.conformance("P-54")
def test_p_54_a_limit_that_is_taken_ends_the_fault() -> None:
    charger = charging(takes_only_a_pause)
    limit(charger, 8_000)
    charger.takes = lambda _, w, __: w
    charger.run(10)
    assert charger.held_w[1] == 8_000
    assert charger.bench.statuses()[-2:] == ["Faulted", "Charging"]
    assert charger.bench.alarms() == ["limit_not_taken", "limit_not_taken_cleared"]
    assert charger.bench.connector().safe_state is None


def test_p_54_a_pause_that_the_limiter_wants_anyway_ends_the_fault_too() -> None:
    charger = charging(takes_only_a_pause)
    limit(charger, 8_000)
    limit(charger, 0)
    assert charger.bench.statuses()[-1] == "Faulted"
    charger.run(10)
    assert charger.bench.connector().safe_state is None
    assert charger.bench.statuses()[-1] != "Faulted"


@pytest.mark.parametrize("takes", [stuck, takes_only_a_pause])
def test_p_54_a_reconnect_begins_with_0_w_and_then_tries_at_once(
    takes: Callable[[int, int, int], int | None],
) -> None:
    charger = charging(takes)
    limit(charger, 8_000)
    charger.bench.cut().wait(5)
    charger.takes = lambda _, w, __: w
    charger.written.clear()
    charger.bench.give(LinkUp(DUO))
    charger.answer()
    assert [w for connector_id, w in charger.written if connector_id == 1] == [0, 8_000]
    charger.run(15)
    assert charger.bench.statuses()[-1] == "Charging"


def test_p_54_after_a_kill_what_the_charger_does_not_take_is_found_out_anew() -> None:
    charger = charging(stuck)
    limit(charger, 8_000)
    charger.bench.killed_and_restarted().linked().online()
    charger.answer()
    assert charger.bench.connector().safe_state is not None
    assert charger.bench.statuses()[-1] == "Faulted"


# ---------------------------------------------------------------- a register that takes less breaks no limit


def rated(connector_id: int, power_w: int, _: int) -> int | None:
    """Connector 1 takes 11 kW at the most, whatever is written."""
    return min(power_w, 11_000) if connector_id == 1 else power_w


def test_a_charger_that_takes_less_than_was_written_is_held_to_that_and_not_faulted() -> None:
    charger = Charger(Bench().linked().online(), rated).answer()
    assert charger.written[-1] == (1, 11_000)
    assert charger.bench.connector().confirmed_w == 11_000
    assert faults(charger.bench) == []
    assert charger.bench.alarms() == ["limit_capped_by_charger"]


def test_what_it_takes_is_tried_again_after_ten_minutes_and_told_once() -> None:
    charger = Charger(Bench().linked().online(), rated).answer()
    charger.run(599)
    assert charger.written.count((1, 22_000)) == 1
    charger.run(2)
    assert charger.written.count((1, 22_000)) == 2
    assert charger.held_w[1] == 11_000
    charger.takes = lambda _, w, __: w
    charger.run(600)
    assert charger.held_w[1] == 22_000
    assert charger.bench.alarms() == ["limit_capped_by_charger"]


def test_what_it_takes_is_tried_again_at_once_after_a_reconnect() -> None:
    charger = Charger(Bench().linked().online(), rated).answer()
    charger.takes = lambda _, w, __: w
    charger.bench.cut().wait(5)
    charger.bench.give(LinkUp(DUO))
    charger.answer().run(2)
    assert charger.held_w[1] == 22_000


def test_a_lower_limit_is_written_as_it_is() -> None:
    charger = Charger(Bench().linked().online(), rated).answer()
    limit(charger, 6_000)
    assert charger.held_w[1] == 6_000
    charger.bench.give(LimitRemoved("operator", 1))
    charger.answer()
    assert charger.held_w[1] == 11_000


def test_a_station_that_takes_less_is_shared_as_what_it_takes() -> None:
    charger = Charger(Bench().linked().online(), lambda n, w, _: min(w, 22_000) if n == 0 else w).answer()
    assert charger.held_w == {0: 22_000, 1: 11_000, 2: 11_000}


@pytest.mark.conformance("P-52")
def test_a_station_register_that_cannot_be_written_is_told_once_and_faults_nobody() -> None:
    charger = Charger(Bench().linked().online(), lambda n, w, _: None if n == 0 else w).answer()
    charger.run(60)
    assert charger.bench.alarms() == ["limit_not_taken"]
    assert faults(charger.bench) == []
    charger.takes = lambda _, w, __: w
    charger.run(10)
    assert charger.held_w[0] == SETTINGS.max_power_w
    assert charger.bench.alarms() == ["limit_not_taken", "limit_not_taken_cleared"]
    assert charger.bench.statuses(1) == ["Available"]
    assert Status.FAULTED not in charger.bench.statuses(0)
