"""Moments from before the time was known get theirs, whoever brings it (B-13)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from ocpp_gateway.charger.events import DeadlineReached, Persist
from ocpp_gateway.charger.records import StampsResolved
from ocpp_gateway.registers.vocabulary import ChargePointStatus as Status
from unit.charger.bench import NINE, Bench


def _without_a_clock() -> Bench:
    bench = Bench(StopTxnSampledData="Energy.Active.Import.Register")
    bench.now = replace(bench.now, utc=None)
    return bench


def _learn_the_time(bench: Bench) -> None:
    bench.now = replace(bench.now, utc=NINE + timedelta(seconds=bench.now.monotonic_s - 1000.0))
    bench.give(DeadlineReached())


def test_b_13_what_was_noticed_before_the_time_is_stamped_after_it() -> None:
    bench = _without_a_clock().linked()
    bench.see(status=Status.CHARGING, charging_s=10, session_energy_wh=100)
    bench.see(status=Status.CHARGING, charging_s=11, session_energy_wh=100)
    (start,) = bench.queued("StartTransaction")
    assert start["timestamp"].startswith("@boot@")
    bench.see(status=Status.AVAILABLE)  # the end is seen, and has to stand
    _learn_the_time(bench)
    bench.poll(5)
    (stop,) = bench.queued("StopTransaction")
    stamps = [stop["timestamp"], *(value["timestamp"] for value in stop["transactionData"])]
    assert stamps == ["2026-11-22T09:00:18.000Z", "2026-11-22T09:00:16.000Z", "2026-11-22T09:00:18.000Z"]


def test_b_13_every_charger_is_told_once_also_where_the_clock_was_right_all_along() -> None:
    bench = Bench().linked().online()
    told = [e.record for e in bench.effects if isinstance(e, Persist) and isinstance(e.record, StampsResolved)]
    assert told == [StampsResolved("boot", "2026-11-22T08:43:20.000Z")]  # for what an earlier process left
