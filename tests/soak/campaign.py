"""Days of everything at once in virtual time, every write to the charger judged: `make soak`."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import heapq
import secrets
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import structlog

from ocpp_gateway.central.frames import CallError, ConnectionClosedError
from ocpp_gateway.central.policy import Policy
from ocpp_gateway.charger.events import LimitRemoved, LimitSet
from ocpp_gateway.clock import Clock
from ocpp_gateway.simulator.connector import NotPossible
from ocpp_gateway.simulator.device import BUSY, ModbusException
from ocpp_gateway.simulator.ev import ElectricVehicle
from ocpp_gateway.simulator.options import ChargerOptions
from scenario.world import IDENTITY, World, a_world
from soak import requests
from soak.link import DEVICE_FAILURE, WatchedLink
from soak.oracle import (
    FIRST_MIDNIGHT_S,
    REGISTER_OF,
    UNSAID,
    Accepted,
    Allowance,
    Figures,
    Oracle,
    Site,
    Situation,
    Transaction,
    Violated,
)
from soak.reference import CHARGE_POINT_MAX, TX, TX_DEFAULT, Installed, with_profile
from virtual_time import virtual_time

DAY_S = 86_400.0
BETWEEN_EVENTS_S = 150.0
POLL_INTERVALS_S, IDLE_POLL_INTERVAL_S = (10.0, 20.0, 30.0), 60.0
SOURCES = ("operator", "grid", "site")


@dataclass(frozen=True, slots=True)
class Report:
    """What came of a campaign."""

    seed: int
    days: float
    duration_s: float
    happened: Counter[str]
    figures: Figures
    energy_wh: float

    def __str__(self) -> str:
        figures = self.figures
        rows = {
            "virtual days": f"{self.days:g}",
            "real seconds": f"{self.duration_s:.1f}",
            "register writes judged": figures.writes + figures.refused,
            "of them raises": figures.raises,
            "of them refused by the charger": figures.refused,
            "of them landings on the minimum": figures.landings,
            "seconds judged": figures.checked_s,
            "energy charged, kWh": f"{self.energy_wh / 1000:.0f}",
            **dict(sorted(self.happened.items())),
            "the largest margin below a limit, W": figures.largest_margin_w,
            "violations": 0,
        }
        return "\n".join([f"seed {self.seed}", *(f"  {name:<40}{value:>12}" for name, value in rows.items())])


def run(folder: Path, seed: int, days: float) -> Report:
    """A campaign in a virtual time of its own. Raises Violated with all that is needed to repeat it."""
    began_s = time.monotonic()
    with asyncio.Runner(loop_factory=virtual_time) as runner, _quiet() as alarms:
        campaign = runner.run(_campaign(folder, seed, days))
    happened = campaign.happened + Counter({f"alarm {name}": number for name, number in alarms.items()})
    return Report(seed, days, time.monotonic() - began_s, happened, campaign.oracle.figures, campaign.energy_wh)


async def _campaign(folder: Path, seed: int, days: float) -> Campaign:
    async with _a_campaign(folder, seed) as campaign:
        try:
            await campaign.run(days * DAY_S)
        except Exception as error:
            error.add_note(f"PYTHONPATH=tests python -m soak.campaign --seed {seed} --days {days:g}")
            raise
        return campaign


@contextlib.asynccontextmanager
async def _a_campaign(folder: Path, seed: int) -> AsyncIterator[Campaign]:
    random = Random(seed)
    connectors = random.choice((1, 2, 2, 2))
    fallback = random.choice((None, {"power_w": 4_200, "after_s": 120}, {"power_w": 8_000, "after_s": 240}))
    config: dict[str, Any] = {
        "poll_interval_s": random.choice(POLL_INTERVALS_S),
        "idle_poll_interval_s": IDLE_POLL_INTERVAL_S,
        "max_power_w": random.choice((4_150, 7_400, 11_000, 22_000, 33_000, 44_000)),
        "connector_max_power_w": random.choice((11_000, 22_000, 22_000)),
        "authorization": {"mode": random.choice(("charger", "central_system", "free"))},
    }
    if fallback is not None:
        config["fallback"] = fallback
    site = Site(
        connectors=connectors,
        max_power_w=config["max_power_w"],
        connector_max_power_w=min(config["max_power_w"], config["connector_max_power_w"]),
        held_until_authorised=config["authorization"]["mode"] == "central_system",
        poll_interval_s=IDLE_POLL_INTERVAL_S,
        fallback=None if fallback is None else (fallback["power_w"] // 100, fallback["after_s"] // 2),
    )
    options = ChargerOptions(keeps_tag=random.random() < 0.3, fallback_after_one_interval=random.random() < 0.3)
    policy = Policy(id_tags={"REFUSED": {"status": "Blocked"}})
    async with a_world(folder, connectors=connectors, options=options, policy=policy, started=False, **config) as world:
        world.central.frames = type(world.central.frames)(maxlen=1_000)
        campaign = Campaign(world, site, random)
        campaign.oracle.tell(f"begins with {config}, {connectors} connectors, {options}")
        yield campaign


class MovingTime:
    """The loop's time, but no two looks at it give the same: a deadline waited for is over, as in real life."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._time_s = 0.0
        self._looks = 0

    def __call__(self) -> float:
        time_s = self._loop.time()
        self._looks = self._looks + 1 if time_s == self._time_s else 0
        self._time_s = time_s
        return time_s + self._looks * 1e-8


@dataclass
class Campaign:
    """Random things that happen to one world, and what it is told of them."""

    world: World
    site: Site
    random: Random
    happened: Counter[str] = field(default_factory=Counter)
    energy_wh: float = 0.0

    def __post_init__(self) -> None:
        self._loop, self._time = asyncio.get_running_loop(), MovingTime()
        self._zero_s = FIRST_MIDNIGHT_S - self._loop.time()
        charger = self.world.charger
        self.oracle = Oracle(self.site, self.now_s, self._situation, lambda address: charger._holding[address])
        self._looked_s = 0.0
        self.link = self.world.link = WatchedLink(charger, self.oracle, self.look, self.look_if_late)
        self._runs = False
        self._later: list[tuple[float, int, Callable[[], Awaitable[None]]]] = []
        self._order = count()
        self._numbers = count(1)

    @property
    def now_s(self) -> float:
        """The moment, in seconds since 1970."""
        return self._zero_s + self._loop.time()

    # ---------------------------------------------------------------- time

    async def run(self, duration_s: float) -> None:
        """Let everything happen for so long."""
        ends_s = self.now_s + duration_s
        self._start()
        while self.now_s < ends_s:
            next_s = min(self.now_s + self.random.expovariate(1 / BETWEEN_EVENTS_S), ends_s)
            while self._later and self._later[0][0] <= next_s:
                await self._until(self._later[0][0])
                await heapq.heappop(self._later)[2]()
            await self._until(next_s)
            await self._something()
        self._check()

    async def _until(self, moment_s: float) -> None:
        """Let time pass, and kill a gateway that hangs."""
        while (left_s := moment_s - self.now_s) > 0:
            try:
                async with asyncio.timeout(left_s):
                    await self.link.hangs.wait()
            except TimeoutError:
                break
            await self._kill("between two requests")
        self._check()

    def _check(self) -> None:
        if self.oracle.violation is not None:
            raise self.oracle.violation
        if self._runs and self.world._gateway is not None and self.world._gateway.done():
            self.world._gateway.result()

    def _after(self, seconds: float, action: Callable[[], Awaitable[None]]) -> None:
        heapq.heappush(self._later, (self.now_s + seconds, next(self._order), action))

    def _a_while(self, shortest_s: float, longest_s: float) -> float:
        """From seconds to hours, each order of magnitude as likely as the other."""
        return float(shortest_s * (longest_s / shortest_s) ** self.random.random())

    # ---------------------------------------------------------------- what the oracle is shown

    def look_if_late(self) -> None:
        """Show the oracle what there is, once at each moment, and what the gateway is about to read."""
        if self.now_s != self._looked_s:
            self.look()
            for connector in self.world.charger.connectors:
                used = sum(current >= 1 for current in connector.current_a)
                self.oracle.sees_phases(connector.connector_id, used or None)

    def look(self) -> None:
        """Show the oracle what there is."""
        self._looked_s = self.now_s
        charger = self.world.charger
        charger.advance(self._loop.time())
        answers = self.link.connected and not self.link.cut and self._loop.time() >= self.link.unwell_until_s
        self.oracle.passes(self.now_s, healthy=self._runs and answers)

    def _situation(self) -> Situation | None:
        core = self.world.core
        if core is None or not self._runs:
            return None
        running = {}
        for connector_id, connector in core.point.connectors.items():
            transaction = connector.transaction
            if transaction is not None:
                utc = transaction.started_at.utc
                running[connector_id] = Transaction(
                    transaction.local_id, transaction.id_tag, None if utc is None else utc.timestamp()
                )
        return Situation(running, self.world.clock.now().utc is not None)

    def _tell(self, event: str, count_as: str) -> None:
        self.happened[count_as] += 1
        self.oracle.tell(event)

    # ---------------------------------------------------------------- the gateway

    def _start(self) -> None:
        self._runs, self.world.core = True, None
        if self.random.random() < 0.2:
            self.world.clock = Clock(
                boot_id=f"boot-{next(self._numbers)}",
                monotonic=self._time,
                wall=lambda: 0.0,
                synchronised=lambda: False,
            )
        else:
            self.world.clock = Clock(
                boot_id="virtual",
                monotonic=self._time,
                wall=lambda: self.now_s,
                synchronised=lambda: True,
            )
        self.look()
        self.oracle.started()
        self._tell(f"the gateway starts{'' if self.world.clock.now().utc else ' without the time'}", "starts")
        self.world.start()

    async def _kill(self, when: str) -> None:
        self.look()
        self._runs = False
        self.look()
        await self.world.kill()
        self.link.hangs.clear()
        self.link.requests_left = None
        self._tell(f"the gateway is killed {when}", "kills")

        async def start() -> None:
            if not self._runs:
                self._start()

        self._after(self._a_while(0.1, 7_200), start)

    async def _kill_it(self) -> None:
        if not self._runs:
            return
        if self.random.random() < 0.5:
            self.link.requests_left, self.link.then_cut = self.random.randrange(30), False
        else:
            await self._kill("at rest")

    # ---------------------------------------------------------------- the central system

    async def _call(self, action: str, payload: dict[str, Any]) -> str | None:
        """The status of its answer; None if there was none, and it may have been taken or not."""
        self.look()
        if IDENTITY not in self.world.central.connected:
            return UNSAID
        self.happened[action] += 1
        try:
            if self._runs and self.random.random() < 0.05:
                answer = await self._call_and_kill(action, payload)
            else:
                answer = await self.world.central.call(IDENTITY, action, payload)
        except CallError as error:
            answer = {"status": error.code}
        except (ConnectionClosedError, TimeoutError):
            answer = {"status": None}
        status: str | None = answer["status"]
        self.happened[f"{action} {status or 'without an answer'}"] += 1
        self.oracle.tell(f"{action} {payload}: {status}")
        return status

    async def _call_and_kill(self, action: str, payload: dict[str, Any]) -> dict[str, Any]:
        asked = asyncio.create_task(self.world.central.call(IDENTITY, action, payload))
        for _ in range(self.random.randrange(40)):
            await asyncio.sleep(0)
        await self._kill(f"while {action} is asked")
        return await asked

    async def _accept(self, action: str, payload: dict[str, Any], change: Callable[[Accepted], Accepted]) -> str | None:
        """Ask for something that changes what is allowed, if it is taken."""
        self.look()
        answered = self.oracle.asked(change)
        status = await self._call(action, payload)
        answered(None if status is None else status in ("Accepted", "Scheduled"))
        return status

    async def _set_profile(self) -> None:
        purpose = self.random.choice((CHARGE_POINT_MAX, TX_DEFAULT, TX_DEFAULT, TX, TX))
        connector_id = 0 if purpose == CHARGE_POINT_MAX else self.random.randint(purpose == TX, self.site.connectors)
        transaction = self.oracle.transaction_on(connector_id) if purpose == TX else None
        transaction_id = self._transaction_id(connector_id) if self.random.random() < 0.5 else None
        payload = requests.profile(self.random, self.now_s, purpose, transaction_id if purpose == TX else None)
        profile = Installed(connector_id, payload, self.now_s, transaction.local_id if transaction else None)
        await self._accept(
            "SetChargingProfile",
            {"connectorId": connector_id, "csChargingProfiles": payload},
            lambda world: replace(world, profiles=with_profile(world.profiles, profile)),
        )

    def _transaction_id(self, connector_id: int) -> int | None:
        running = self.world.central.judge.ledger.running(IDENTITY, connector_id)
        return None if running is None else running.transaction_id

    async def _clear_profile(self) -> None:
        # What is in doubt after a kill is cleared away: from then on it is known again.
        request = {} if self.oracle.in_doubt else requests.clearing(self.random)
        self.look()
        answered = self.oracle.asked_to_clear(request)
        answered(await self._call("ClearChargingProfile", request))

    async def _remote_start(self) -> None:
        connector_id = self.random.randint(1, self.site.connectors)
        id_tag = f"REMOTE-{next(self._numbers)}"
        payload: dict[str, Any] = {"connectorId": connector_id, "idTag": id_tag}
        if self.site.held_until_authorised and self.random.random() < 0.6:
            payload["chargingProfile"] = requests.profile(self.random, self.now_s, TX)
            self.oracle.remote_profiles[id_tag] = payload["chargingProfile"]
        await self._accept(
            "RemoteStartTransaction", payload, lambda world: replace(world, closed=world.closed - {connector_id})
        )

    async def _remote_stop(self) -> None:
        connector_id = self.random.randint(1, self.site.connectors)
        transaction_id = self._transaction_id(connector_id)
        if transaction_id is not None and self.oracle.transaction_on(connector_id) is not None:
            # A car that has left unnoticed opens what is closed as soon as it is missed.
            is_there = self.world.charger.connector(connector_id).vehicle is not None
            closed = frozenset({connector_id} if is_there else ())
            await self._accept(
                "RemoteStopTransaction",
                {"transactionId": transaction_id},
                lambda world: replace(world, closed=world.closed | closed),
            )

    async def _change_availability(self) -> None:
        connector_id = self.random.randint(0, self.site.connectors)
        meant = frozenset({connector_id} if connector_id else range(1, self.site.connectors + 1))
        operative = self.random.random() < 0.7
        await self._accept(
            "ChangeAvailability",
            {"connectorId": connector_id, "type": "Operative" if operative else "Inoperative"},
            lambda world: replace(
                world, inoperative=world.inoperative - meant if operative else world.inoperative | meant
            ),
        )

    async def _reset(self) -> None:
        await self._call("Reset", {"type": self.random.choice(("Soft", "Hard"))})

    async def _go_offline(self) -> None:
        if self.world.central.offline:
            return
        self._tell("the central system goes away", "central system away")
        await self.world.central.go_offline()

        async def back() -> None:
            self._tell("the central system is back", "central system back")
            self.world.central.go_online()

        self._after(self._a_while(5, 20_000), back)

    # ---------------------------------------------------------------- limits from outside OCPP

    async def _set_limit(self) -> None:
        runtime = self.world.runtime
        if not self._runs or runtime is None:
            return
        source, connector_id = self.random.choice(SOURCES), self.random.randint(0, self.site.connectors)
        self.look()
        if self.random.random() < 0.65:
            self._tell(f"{source} limits {connector_id} no more", "external limits removed")
            answered = self.oracle.asked(lambda world: world.allowing((source, connector_id), None))
            event: LimitSet | LimitRemoved = LimitRemoved(source, connector_id)
        else:
            lifetime_s = None if source == "operator" and self.random.random() < 0.5 else self._a_while(5, 7_200)
            failsafe_w = None if lifetime_s is None else self.random.choice((None, 0, 4_100, 6_000, 11_000, 22_000))
            power_w = self.random.choice((0, 4_199, 4_200, 9_999, 11_000, 15_000, 22_000, 22_000, 30_000, 44_000))
            until_s = float("inf") if lifetime_s is None else self.now_s + lifetime_s
            allowance = Allowance(power_w, until_s, failsafe_w)
            answered = self.oracle.asked(lambda world: world.allowing((source, connector_id), allowance))
            event = LimitSet(source, connector_id, power_w, lifetime_s, failsafe_w)
            self._tell(str(event), "external limits set")
        try:
            async with asyncio.timeout(5):
                await runtime.deliver(event)
        except TimeoutError:  # its poller hangs, and with it its owner
            answered(None)
        else:
            answered(True)

    # ---------------------------------------------------------------- people and cars

    async def _visit(self) -> None:
        """A car comes, or leaves."""
        connector_id = self.random.randint(1, self.site.connectors)
        self.look()
        charger = self.world.charger
        if charger.connector(connector_id).vehicle is not None:
            self.energy_wh += charger.connector(connector_id).session_energy_wh
            self._tell(f"the car leaves {connector_id}", "cars left")
            charger.unplug(connector_id)
        else:
            vehicle = ElectricVehicle(
                energy_wanted_wh=self.random.choice((3_000, 20_000, 60_000)),
                max_current_a=self.random.choice((10, 16, 32)),
                number_of_phases=self.random.choice((1, 1, 2, 3, 3)),
            )
            tag = self._tag() if self.random.random() < 0.8 else None
            self._tell(f"a car comes to {connector_id} with {tag}: {vehicle}", "cars came")
            charger.plug(connector_id, tag, vehicle)
        self._open(connector_id)

    async def _show_tag(self) -> None:
        connector_id, tag = self.random.randint(1, self.site.connectors), self._tag()
        self.look()
        self._tell(f"{tag} is shown at {connector_id}", "cards shown")
        self.world.charger.present_tag(connector_id, tag)
        self._open(connector_id)

    def _tag(self) -> str:
        return self.random.choice(("04A11CE0", "04B0B0B0", "04CAFE00", "REFUSED"))

    def _open(self, connector_id: int) -> None:
        """What a stop closed may be open again."""
        self.oracle.change(lambda world: replace(world, closed=world.closed - {connector_id}))

    async def _pause(self) -> None:
        connector_id = self.random.randint(1, self.site.connectors)
        self.look()
        with contextlib.suppress(NotPossible):
            self.world.charger.pause_vehicle(connector_id, paused=self.random.random() < 0.5)

    # ---------------------------------------------------------------- the charger's mishaps

    async def _pull_cable(self) -> None:
        if self.link.cut:
            return
        self.look()
        if self.random.random() < 0.5:
            self.link.requests_left, self.link.then_cut = self.random.randrange(20), True
        else:
            self.link.cut = True
        self._tell("the Modbus cable is pulled", "cable pulls")

        async def back() -> None:
            self.look()
            self.link.cut, self.link.requests_left = False, None
            self._tell("the Modbus cable is back", "cable back")

        self._after(self._a_while(1, 10_000), back)

    async def _reboot(self) -> None:
        self.look()
        self._tell("the charger restarts", "charger restarts")
        self.world.charger.reboot()
        if not self.link.cut and self.random.random() < 0.5:
            self.link.cut = True

            async def up() -> None:
                self.look()
                self.link.cut = False

            self._after(10.0, up)

    async def _meddle(self) -> None:
        """Another master writes."""
        address = self._limit_register()
        value = self.random.choice((0, 41, 60, 110, 220, 440, 65_535))
        self.look()
        with contextlib.suppress(ModbusException):  # it refuses others as well
            self.world.charger.write(address, value)
        self._tell(f"another master writes {address} = {value}", "writes by another master")

    def _limit_register(self) -> int:
        return self.random.choice([address for address, place in REGISTER_OF.items() if place <= self.site.connectors])

    async def _refuse(self) -> None:
        self.look()
        number, code = self.random.choice((1, 2, 5, 20, 60)), self.random.choice((BUSY, BUSY, DEVICE_FAILURE))
        self._tell(f"the charger refuses {number} requests with {code}", "refusals")
        self.world.charger.refuse(number, code)

    async def _refuse_writes(self) -> None:
        """A limit register takes no write for a while."""
        address = self._limit_register()
        self.look()
        self._tell(f"register {address} takes no write", "registers that take no write")
        self.link.refusing.add(address)

        async def take_again() -> None:
            self.look()
            self.oracle.tell(f"register {address} takes writes again")
            self.link.refusing.discard(address)

        self._after(self._a_while(5, 2_000), take_again)

    async def _fault(self) -> None:
        connector_id = self.random.randint(1, self.site.connectors)
        self.look()
        self._tell(f"{connector_id} is faulted", "charger faults")
        self.world.charger.fault(connector_id, 8)

        async def clear() -> None:
            self.look()
            self.world.charger.clear_fault(connector_id)

        self._after(self._a_while(5, 1_000), clear)

    # ---------------------------------------------------------------- whatever comes

    async def _something(self) -> None:
        actions: dict[Callable[[], Awaitable[None]], int] = {
            self._set_profile: 60,
            self._clear_profile: 16 if not self.oracle.in_doubt else 200,
            self._visit: 20,
            self._show_tag: 5,
            self._pause: 3,
            self._remote_start: 6,
            self._remote_stop: 5,
            self._change_availability: 5,
            self._reset: 1,
            self._go_offline: 1,
            self._set_limit: 14,
            self._pull_cable: 1,
            self._reboot: 1,
            self._meddle: 5,
            self._refuse: 2,
            self._refuse_writes: 2,
            self._fault: 1,
            self._kill_it: 1,
        }
        await self.random.choices(list(actions), list(actions.values()))[0]()
        self._check()


@contextlib.contextmanager
def _quiet() -> Iterator[Counter[str]]:
    """No log; how often the operator was told what."""
    alarms: Counter[str] = Counter()

    def see(logger: Any, method: str, event: Any) -> Any:
        if method in ("warning", "error", "critical", "exception"):
            alarms[event["event"]] += 1
        raise structlog.DropEvent

    before = structlog.get_config()
    structlog.configure(processors=[see], wrapper_class=structlog.stdlib.BoundLogger, cache_logger_on_first_use=False)
    try:
        yield alarms
    finally:
        structlog.configure(**before)


def main() -> None:
    parser = argparse.ArgumentParser(description="Days of everything at once, every write to the charger judged.")
    parser.add_argument("--days", type=float, default=30.0)
    parser.add_argument("--seed", type=int, default=None, help="a new one if not given")
    arguments = parser.parse_args()
    seed = secrets.randbelow(10**9) if arguments.seed is None else arguments.seed
    print(f"seed {seed}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        try:
            print(run(Path(folder), seed, arguments.days))
        except Violated as violated:
            raise SystemExit("\n".join([f"seed {seed}: {violated}", *violated.__notes__])) from None


if __name__ == "__main__":
    main()
