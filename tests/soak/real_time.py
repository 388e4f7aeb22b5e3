"""A gateway in real time under a mix of faults: what does it take of the machine, and does it take more and more?

    PYTHONPATH=tests python -m soak.real_time --minutes 40 --seed 1

The gateway is a process with its dashboard on; charger and central system are in this one. Cars come and go on both
connectors while cables are pulled, answers lost, profiles set, pages opened and left. Each 10 s its memory, file
descriptors, threads and tasks are looked at. Ends with 1 when memory rises after the first quarter, when descriptors,
threads or tasks do not come back, or when a transaction was lost, doubled or invented.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import random
import statistics
import sys
import tempfile
import time
import urllib.request
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families as parse

from faults import invariants
from faults.story import CONNECTORS, Story
from integration.process import gateway_process
from integration.site import IDENTITY, Site, a_site
from ocpp_gateway.central.frames import ConnectionClosedError
from ocpp_gateway.central.policy import call_error, hang_up, late, no_answer
from ocpp_gateway.simulator.options import ChargerOptions

LOOK_EVERY_S = 10.0
WARM_UP = 0.25
"""The first part of a run, in which caches fill; of forty minutes the first ten."""

MOST_RISE_MB_PER_H = 3.0
"""What a rise must exceed, with its error, to count: allocators hand memory back in lumps."""

FAULT_EVERY_S = (2.0, 8.0)


@dataclass(slots=True)
class Looks:
    """What the gateway took of the machine, look by look."""

    at_s: list[float] = field(default_factory=list)
    rss_mb: list[float] = field(default_factory=list)
    descriptors: list[int] = field(default_factory=list)
    threads: list[int] = field(default_factory=list)
    tasks: list[int] = field(default_factory=list)

    def take(self, pid: int, at_s: float, tasks: int) -> None:
        """One look at /proc; `tasks` is what the gateway tells of itself."""
        self.tasks.append(tasks)
        status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
        self.at_s.append(at_s)
        self.rss_mb.append(int(status["VmRSS"].split()[0]) / 1024)
        self.threads.append(int(status["Threads"]))
        self.descriptors.append(sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir()))

    def settled(self, values: list[float] | list[int]) -> list[float]:
        """Those after the warm-up."""
        return [float(value) for value in values[int(len(values) * WARM_UP) :]]


def _tasks(web_port: int) -> int:
    """How many tasks the gateway's loop has, one or two for this question among them."""
    with urllib.request.urlopen(f"http://127.0.0.1:{web_port}/metrics", timeout=30) as answer:
        samples = (sample for family in parse(answer.read().decode()) for sample in family.samples)
        return int(next(sample.value for sample in samples if sample.name == "ocpp_gateway_tasks"))


@dataclass(slots=True)
class Judgement:
    """A table of figures, and what is wrong."""

    rows: list[tuple[str, str]] = field(default_factory=list)
    breaches: list[str] = field(default_factory=list)

    def compare(self, name: str, values: list[float]) -> None:
        """What is opened is closed: the last third mostly has no more of it than there ever was before, but for one.

        Not than mostly before: a gateway that is away from its central system for a while has six tasks less.
        """
        before, last = max(values[: -(len(values) // 3) or None]), _thirds(values)[1]
        if last > before + 1:
            self.breaches.append(f"{name}: at most {before:g} at first, {last:g} in the last third")

    def __str__(self) -> str:
        width = max(len(name) for name, _ in self.rows)
        lines = [f"{name.ljust(width)}  {value}" for name, value in self.rows]
        return "\n".join([*lines, *(f"BREACH {breach}" for breach in self.breaches)])


async def run(
    folder: Path, seconds: float, seed: int, *, look_every_s: float = LOOK_EVERY_S, stay_s: float = 30.0
) -> Judgement:
    """So many seconds of everything at once; a car stays up to `stay_s`."""
    chance = random.Random(seed)
    async with a_site(
        folder, options=ChargerOptions(start_delay_s=0.5), speed=60.0, poll_interval_s=0.5, max_power_w=44_000
    ) as site:
        site.config["chargers"][0]["configuration"] = {
            "MeterValueSampleInterval": "3",
            "TransactionMessageAttempts": "50",
            "TransactionMessageRetryInterval": "1",
            "MessageTimeout": "5",
            "HeartbeatInterval": "10",
        }
        site.config["web"] = {"port": await _free_port()}
        story, looks, done = Story(site, chance), Looks(), asyncio.Event()
        faults: dict[str, int] = {}
        async with gateway_process(site) as gateway:
            await site.until(lambda: site.statuses(2), 60)
            story.born()
            tasks = [asyncio.create_task(_cars(story, connector_id, stay_s, done)) for connector_id in CONNECTORS]
            watching = asyncio.create_task(story.watch(0.5))
            mixing = asyncio.create_task(_mix(site, chance, faults))
            began_s = time.monotonic()
            while (at_s := time.monotonic() - began_s) < seconds:
                looks.take(gateway.pid, at_s, await asyncio.to_thread(_tasks, site.config["web"]["port"]))
                await asyncio.sleep(look_every_s)
            mixing.cancel()
            done.set()
            async with asyncio.timeout(300):
                await asyncio.gather(*tasks)
                await site.until(lambda: not any(row.running for row in site.central.transactions), 200)
            watching.cancel()
            alive = gateway.returncode is None
        return _judge(story, looks, faults, folder, alive=alive)


async def _cars(story: Story, connector_id: int, stay_s: float, done: asyncio.Event) -> None:
    """One car after the other; the last one is seen off."""
    while not done.is_set():
        await asyncio.sleep(story.chance.uniform(0.1, 0.2) * stay_s)
        await story.visit(connector_id, story.chance.uniform(0, stay_s))


# ---------------------------------------------------------------- the faults


async def _mix(site: Site, chance: random.Random, faults: dict[str, int]) -> None:
    """One fault after the other, for ever."""
    while True:
        await asyncio.sleep(chance.uniform(*FAULT_EVERY_S))
        name = chance.choice(list(FAULTS))
        faults[name] = faults.get(name, 0) + 1
        with contextlib.suppress(ConnectionClosedError, TimeoutError, OSError):
            await FAULTS[name](site, chance)


async def _cable(site: Site, chance: random.Random) -> None:
    await site.simulator.offline(chance.uniform(0.5, 3.0))


async def _torn_link(site: Site, _: random.Random) -> None:
    await site.simulator.drop_connections()


async def _torn_answer(site: Site, _: random.Random) -> None:
    site.simulator.cut_next_answer()


async def _busy(site: Site, chance: random.Random) -> None:
    """Busy for some requests, or unwell for one: while there is no link that costs a connection, and many such would
    keep the gateway away until the end."""
    if chance.random() < 0.5:
        site.charger.refuse(chance.randint(1, 6), 6)
    else:
        site.charger.refuse(1, 4)


async def _torn_websocket(site: Site, _: random.Random) -> None:
    site.server.abort_connections()


async def _odd_answers(site: Site, chance: random.Random) -> None:
    action = chance.choice(("StartTransaction", "StopTransaction", "MeterValues", "Heartbeat", "StatusNotification"))
    answer = chance.choice((hang_up(), no_answer(), late(2.0), call_error("InternalError", "mixed")))
    assert site.central.policy is not None
    site.central.policy.answer_next(action, answer)


async def _profile(site: Site, chance: random.Random) -> None:
    profile = {
        "chargingProfileId": chance.randint(1, 5),
        "stackLevel": chance.randint(0, 3),
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Relative",
        "chargingSchedule": {
            "chargingRateUnit": "A",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": float(chance.randint(8, 32))}],
        },
    }
    await site.central.call(IDENTITY, "SetChargingProfile", {"connectorId": 0, "csChargingProfiles": profile})


async def _no_profile(site: Site, chance: random.Random) -> None:
    await site.central.call(IDENTITY, "ClearChargingProfile", {"id": chance.randint(1, 5)})


async def _questions(site: Site, chance: random.Random) -> None:
    trigger = chance.choice(("MeterValues", "Heartbeat", "StatusNotification"))
    await site.central.call(IDENTITY, "TriggerMessage", {"requestedMessage": trigger})
    await site.central.call(IDENTITY, "GetConfiguration", {})


async def _pages(site: Site, chance: random.Random) -> None:
    """Somebody opens pages and the stream, and is gone; somebody else asks half a question."""
    paths = ("/", f"/chargers/{IDENTITY}", "/api/v1/chargers", f"/api/v1/chargers/{IDENTITY}/messages", "/metrics")
    for path in (*chance.sample(paths, 2), "/api/v1/events"):
        await _visit(site, f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    await _visit(site, "GET / HTTP/1.1\r\nHos")


async def _visit(site: Site, request: str) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", site.config["web"]["port"])
    writer.write(request.encode())
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(0.5):
            await reader.read(100_000)
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


FAULTS: dict[str, Callable[[Site, random.Random], Awaitable[None]]] = {
    "cable pulled": _cable,
    "Modbus link torn": _torn_link,
    "Modbus answer torn": _torn_answer,
    "charger busy": _busy,
    "websocket torn": _torn_websocket,
    "odd answers": _odd_answers,
    "profile set": _profile,
    "profile cleared": _no_profile,
    "questions": _questions,
    "pages opened and left": _pages,
}


# ---------------------------------------------------------------- the judgement


def _judge(story: Story, looks: Looks, faults: dict[str, int], folder: Path, *, alive: bool) -> Judgement:
    slope, error = slope_per_h(looks.settled(looks.at_s), looks.settled(looks.rss_mb))
    found = Judgement()
    found.rows = [
        ("looks", str(len(looks.at_s))),
        ("faults", ", ".join(f"{name} {count}" for name, count in sorted(faults.items()))),
        ("cars", str(len(story.visits))),
        ("memory, MB", f"{looks.rss_mb[0]:.1f} first, {looks.rss_mb[-1]:.1f} last, {max(looks.rss_mb):.1f} most"),
        ("slope, MB/h", f"{slope:+.2f} ± {error:.2f} (twice its standard error), after the first quarter"),
        ("file descriptors", _first_and_last(looks.settled(looks.descriptors))),
        ("threads", _first_and_last(looks.settled(looks.threads))),
        ("tasks", _first_and_last(looks.settled(looks.tasks))),
    ]
    if not alive:
        found.breaches.append("the process ended")
    if slope - error > MOST_RISE_MB_PER_H:
        found.breaches.append(f"memory rises by {slope:.1f} MB an hour")
    found.compare("file descriptors", looks.settled(looks.descriptors))
    found.compare("threads", looks.settled(looks.threads))
    found.compare("tasks", looks.settled(looks.tasks))
    found.breaches += invariants.every_visit_is_one_transaction(story)
    found.breaches += invariants.energy_is_right(story)
    found.breaches += invariants.log_is_clean((folder / "log").read_text().splitlines())
    return found


def slope_per_h(at_s: list[float], values: list[float]) -> tuple[float, float]:
    """The slope by least squares an hour, and twice its standard error."""
    if len(at_s) < 4:
        return 0.0, float("inf")
    slope, intercept = statistics.linear_regression(at_s, values)
    rest = sum((value - intercept - slope * at) ** 2 for at, value in zip(at_s, values, strict=True))
    spread = sum((at - statistics.mean(at_s)) ** 2 for at in at_s)
    return slope * 3600, 2 * (rest / (len(at_s) - 2) / spread) ** 0.5 * 3600


def _thirds(values: list[float]) -> tuple[float, float]:
    third = max(1, len(values) // 3)
    return statistics.median(values[:third]), statistics.median(values[-third:])


def _first_and_last(values: list[float]) -> str:
    first, last = _thirds(values)
    return f"{first:g} in the first third, {last:g} in the last, {max(values):g} most"


async def _free_port() -> int:
    server = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    port: int = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    return port


def main() -> int:
    """Run, print, judge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=40.0)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    print(f"{arguments.minutes:g} minutes, seed {arguments.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="ocpp-gateway-real-time-") as folder:
        judgement = asyncio.run(run(Path(folder), arguments.minutes * 60, arguments.seed))
    print(judgement)
    return 1 if judgement.breaches else 0


if __name__ == "__main__":
    sys.exit(main())
