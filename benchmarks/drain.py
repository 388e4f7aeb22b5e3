"""How fast a queue drains after a long time offline: the real store on disk, the real owner and outbox.

In process, over a connection whose other end answers after a given round trip, or at once. One CALL may be under way at
a time, so one message per round trip is the most that OCPP allows. What it costs besides is CPU and two commits that
are on the disk: that a message was sent, before it is sent, and what it was answered. The yardstick is the same CALLs
over the same connection without a store, in the same run.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from statistics import median
from typing import Any

from ocpp_gateway.charger.core import ChargerCore
from ocpp_gateway.charger.events import Event
from ocpp_gateway.charger.records import OutboxRecord, Record, TransactionRecord
from ocpp_gateway.charger.state import ChargePointSettings
from ocpp_gateway.clock import Clock
from ocpp_gateway.instant import Instant
from ocpp_gateway.ocpp16.frames import CallFrame
from ocpp_gateway.ocpp16.outbox import Outbox
from ocpp_gateway.ocpp16.rpc import ConnectionLost, Rpc
from ocpp_gateway.ocpp16.timing import Timing
from ocpp_gateway.runtime import ChargerRuntime, Sides
from ocpp_gateway.smart_charging.power import PowerRegister
from ocpp_gateway.store import Store

IDENTITY = "SITE-1"
GOAL = 0.9
"""Of one message per round trip; facts O-25."""

MESSAGES_OF_A_SESSION = 100
BEGIN = Instant(datetime(2026, 3, 1, tzinfo=UTC), "boot", 0.0)


@dataclass(frozen=True, slots=True)
class Run:
    messages: int
    round_trip_s: float


RUNS = (Run(10_000, 0.0), Run(500, 0.020), Run(300, 0.050))
"""Fewer messages where the round trip is longer: what one costs does not depend on how many wait, says the first.
The last is judged: a round trip over a mobile network.
"""


def meter_value(at: Instant) -> dict[str, Any]:
    """A MeterValue with eight sampled values."""
    kinds: list[tuple[str, str, dict[str, str]]] = [
        ("Energy.Active.Import.Register", "Wh", {}),
        ("Power.Active.Import", "W", {}),
        *(("Current.Import", "A", {"phase": phase}) for phase in ("L1", "L2", "L3")),
        *(("Voltage", "V", {"phase": phase}) for phase in ("L1-N", "L2-N", "L3-N")),
    ]
    common = {"value": "230.5", "context": "Sample.Periodic", "location": "Outlet"}
    values = [common | {"measurand": measurand, "unit": unit} | phase for measurand, unit, phase in kinds]
    return {"timestamp": at.stamp(), "sampledValue": values}


def session(number: int) -> list[Record]:
    """A whole session as an offline charger queues it: a start, samples, a stop."""
    begin, local_id = BEGIN.plus(number * 7200), f"tx-{number}"
    end = begin.plus(6000)
    start = {"connectorId": 1, "idTag": "04A1B2C3", "meterStart": number * 20_000, "timestamp": begin.stamp()}
    samples = [
        {"connectorId": 1, "meterValue": [meter_value(begin.plus(60 * minute))]}
        for minute in range(1, MESSAGES_OF_A_SESSION - 1)
    ]
    stop = {"meterStop": number * 20_000 + 18_000, "timestamp": end.stamp(), "reason": "EVDisconnected"}
    messages = [("MeterValues", sample) for sample in samples]
    messages = [("StartTransaction", start), *messages, ("StopTransaction", stop)]
    return [
        TransactionRecord(local_id, 1, "04A1B2C3", number * 20_000, begin, number * 20_000, begin, stopped_at=end),
        *(
            OutboxRecord(f"{local_id}-{index}", action, payload, begin.plus(60 * index), local_id)
            for index, (action, payload) in enumerate(messages)
        ),
    ]


class Answering:
    """A connection whose other end answers every CALL after a round trip."""

    def __init__(self, round_trip_s: float) -> None:
        self._round_trip_s = round_trip_s
        self._answers: asyncio.Queue[str] = asyncio.Queue()
        self._ids = count(1)

    async def send(self, text: str, /) -> None:
        message_id, action = text.split('"', 4)[1:4:2]
        answer = "{}"
        if action == "StartTransaction":
            answer = f'{{"transactionId":{next(self._ids)},"idTagInfo":{{"status":"Accepted"}}}}'
        frame = f'[3,"{message_id}",{answer}]'
        if self._round_trip_s:
            asyncio.get_running_loop().call_later(self._round_trip_s, self._answers.put_nowait, frame)
        else:
            self._answers.put_nowait(frame)

    async def recv(self) -> str:
        return await self._answers.get()

    async def close(self, code: int = 1000, reason: str = "") -> None:
        pass


class Connected:
    """A session that was accepted."""

    def __init__(self, rpc: Rpc) -> None:
        self._rpc = rpc

    async def run(self) -> None:
        with suppress(ConnectionLost):
            await self._rpc.run()

    async def ready(self) -> Rpc:
        return self._rpc

    def boot(self, payload: dict[str, Any], *, at_once: bool) -> None:
        """It has booted before."""


class Idle:
    """A poller, or uploads, that nobody asks for anything."""

    async def run(self) -> None:
        await asyncio.Event().wait()


async def _no_calls(frame: CallFrame) -> None:
    raise AssertionError(f"unexpected {frame}")


async def drain_s(run: Run, store: Store) -> float:
    """Seconds until the last message of the queue is answered, and that is on the disk."""
    left, drained = run.messages, asyncio.Event()
    core = ChargerCore(
        ChargePointSettings(
            max_power_w=22_000,
            power_register=PowerRegister(step_w=100, minimum_w=1_380, nominal_voltage_v=230, tolerance_w=100),
        ),
        await store.load(IDENTITY),
        from_file={},
        started_at=BEGIN,
        new_id=lambda: "unused",
    )
    clock = Clock(boot_id="boot", monotonic=time.monotonic, wall=time.time, synchronised=lambda: True)
    runtime = ChargerRuntime(IDENTITY, core, store, clock)
    connected: Any = Connected(Rpc(Answering(run.round_trip_s), _no_calls))

    async def deliver(event: Event) -> None:
        nonlocal left
        await runtime.deliver(event)
        left -= 1
        if not left:
            drained.set()

    outbox = Outbox(
        charge_point=IDENTITY, store=store, session=connected, deliver=deliver, timing=Timing, now=clock.now
    )
    idle: Any = Idle()
    began_s = time.perf_counter()
    running = asyncio.create_task(runtime.run(Sides(idle, connected, outbox, idle)))
    ending = asyncio.create_task(drained.wait())
    await asyncio.wait([running, ending], return_when=asyncio.FIRST_COMPLETED)
    taken_s = time.perf_counter() - began_s
    if running.done():
        running.result()
    running.cancel()
    await asyncio.wait([running])
    return taken_s


async def queue_and_drain_s(run: Run, folder: Path) -> float:
    """What `drain_s` says of a queue that was filled offline."""
    store = await Store.open(f"sqlite:///{folder}/gateway.db")
    try:
        for number in range(run.messages // MESSAGES_OF_A_SESSION):
            await store.commit(IDENTITY, session(number))
        taken_s = await drain_s(run, store)
        assert await store.outbox_depth(IDENTITY) == 0
        return taken_s
    finally:
        await store.close()


async def bare_round_trip_s(round_trip_s: float) -> float:
    """What one CALL takes over the same connection, without a store: the median of some."""
    rpc = Rpc(Answering(round_trip_s), _no_calls)
    running = asyncio.create_task(Connected(rpc).run())
    payload = {"connectorId": 1, "transactionId": 1, "meterValue": [meter_value(BEGIN)]}
    taken_s = []
    for _ in range(50):
        began_s = time.perf_counter()
        await rpc.call("MeterValues", payload, timeout_s=30)
        taken_s.append(time.perf_counter() - began_s)
    running.cancel()
    await asyncio.wait([running])
    return median(taken_s)


def main(arguments: list[str] | None = None) -> int:
    """Prints the figures; with `--check`, 1 when a queue drains below the goal."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="exit 1 when a queue drains below the goal")
    check = parser.parse_args(arguments).check
    logging.disable(logging.WARNING)

    print("a queue drains, each message on disk before it is sent, and its answer too")
    ratio = 0.0
    for run in RUNS:
        bare_s = asyncio.run(bare_round_trip_s(run.round_trip_s))
        with tempfile.TemporaryDirectory() as folder:
            each_s = asyncio.run(queue_and_drain_s(run, Path(folder))) / run.messages
        ratio = bare_s / each_s
        goal = f" (goal >= {GOAL:.0%})" if run is RUNS[-1] else ""
        of_most = f"   {ratio:5.1%} of one per round trip{goal}" if run.round_trip_s else ""
        print(
            f"  {run.messages:6} messages, round trip {run.round_trip_s * 1e3:3.0f} ms   {1 / each_s:6.1f} messages/s"
            f"   {(each_s - bare_s) * 1e3:5.2f} ms each besides{of_most}"
        )
    return 1 if check and ratio < GOAL else 0


if __name__ == "__main__":
    sys.exit(main())
