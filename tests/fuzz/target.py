"""The whole gateway with a hostile central system at the other end of its connection, and what it must show for it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
import traceback
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, MutableMapping, Sequence
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import structlog
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from fuzz.mutator import Frame
from fuzz.oracle import RESULT, Verdict, judge
from ocpp_gateway.errors import PeerError
from ocpp_gateway.ocpp16.connection import Endpoint, connect
from ocpp_gateway.ocpp16.rpc import Connection
from scenario.world import IDENTITY, World, a_world

PATIENCE_S = 20.0
MOST_COMPLAINTS = 20
MOST_AT_ONCE = 100
"""CALLs sent before their answers are awaited; the gateway may refuse more than 128 (O-21)."""


Judged = Sequence[tuple[Frame, Verdict]]


class Misbehaved(AssertionError):
    """The gateway did something to a frame that it must not."""


class QueueConnection:
    """The gateway's end of a connection without a network."""

    def __init__(self, peer: HostilePeer) -> None:
        self._peer = peer
        self._received: asyncio.Queue[Frame | None] = asyncio.Queue()
        self._closed = False

    def put(self, frame: Frame) -> None:
        self._received.put_nowait(frame)

    async def send(self, text: str, /) -> None:
        if self._closed:
            raise PeerError("closed")
        self._peer.hear(text)

    async def recv(self) -> Frame:
        frame = await self._received.get()
        if frame is None:
            raise PeerError("closed")
        return frame

    async def close(self, code: int = 1000, reason: str = "") -> None:
        self._closed = True
        self._received.put_nowait(None)


TRANSACTION_IDS = (1, 2, 0, -1, "8", 9.0, 2**31, 2**70)


def _into_the_void(_frame: Frame) -> None:
    """There is no connection yet."""


TAG_STATUSES = ("Accepted", "Accepted", "Blocked", "ConcurrentTx", "accepted", "Who", 7, None)
EXPIRIES: tuple[Any, ...] = (
    "2027-01-01T00:00:00Z",
    "0001-01-01T00:00:00+23:59",
    "9999-12-31T23:59:59-23:59",
    "soon",
    "",
    7,
    None,
    [],
)
BELIEVED = {"BootNotification", "MeterValues", "StartTransaction", "StopTransaction"}
"""Without a usable answer to these a gateway has to wait for minutes, and a campaign would wait with it."""

NASTY_ANSWERS: tuple[Any, ...] = (
    *(None, [], {}, "", 7, {"status": 1}, {"idTagInfo": None}, {"idTagInfo": {"status": []}}),
    *({"idTagInfo": {"status": "Accepted", "expiryDate": "soon"}, "transactionId": 3}, {"currentTime": "never"}),
    {"idTagInfo": {"status": "accepted", "expiryDate": "0001-01-01T00:00:00+23:59", "parentIdTag": "\x00"}},
    {"currentTime": "9999-12-31T23:59:59-23:59"},
)


class HostilePeer:
    """A central system that accepts every boot and otherwise answers as it likes; keeps what it was answered."""

    def __init__(self, seed: int) -> None:
        self.connections = 0
        self.calls: Counter[str] = Counter()
        self.answers: dict[str, list[str]] = {}
        self.close_codes: list[int | None] = []
        self._random = Random(seed)
        self.say: Callable[[Frame], None] = _into_the_void
        self._heard = asyncio.Event()

    def connected(self, say: Callable[[Frame], None]) -> None:
        """From now on frames go that way."""
        self.connections += 1
        self.say = say

    async def connect(self) -> Connection:
        """A connection in memory, for the gateway."""
        connection = QueueConnection(self)
        self.connected(connection.put)
        return connection

    async def serve(self, websocket: ServerConnection) -> None:
        """A connection of the gateway over a websocket."""
        waiting: asyncio.Queue[Frame] = asyncio.Queue()

        async def speak() -> None:
            with contextlib.suppress(ConnectionClosed):
                while True:
                    await websocket.send(await waiting.get())

        self.connected(waiting.put_nowait)
        speaking = asyncio.create_task(speak(), name="hostile central system")
        try:
            async for text in websocket:
                self.hear(str(text))
        except ConnectionClosed:
            pass
        finally:
            speaking.cancel()
        self.close_codes.append(websocket.close_code)

    def hear(self, text: str) -> None:
        """One frame of the gateway; these are all well-formed, or the test fails here."""
        kind, message_id, *rest = json.loads(text)
        if kind == 2:
            action, _ = rest
            self.calls[action] += 1
            for answer in self._answers_to(action, message_id):
                self.say(answer)
        else:
            self.answers.setdefault(message_id, []).append(rest[0] if kind == 4 else RESULT)
        self._heard.set()

    async def heard(self, patience_s: float) -> None:
        """Returns at the next frame of the gateway, or when patience is over."""
        self._heard.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience_s):
                await self._heard.wait()

    def _answers_to(self, action: str, message_id: str) -> Iterator[str]:
        right: dict[str, Any] = {}
        match action:
            case "BootNotification":
                right = {"currentTime": "2026-11-22T00:00:00Z", "interval": 86400, "status": "Accepted"}
            case "Heartbeat":
                right = {"currentTime": "2026-11-22T00:00:00Z"}
            case "Authorize":
                right = {"idTagInfo": {"status": "Accepted"}}
            case "StartTransaction":
                number = self._random.choice(TRANSACTION_IDS)
                info = {"status": self._random.choice(TAG_STATUSES), "expiryDate": self._random.choice(EXPIRIES)}
                right = {"idTagInfo": info, "transactionId": number}
        chance = 1.0 if action in BELIEVED else self._random.random()
        if chance < 0.1:
            yield json.dumps([4, message_id, self._random.choice(("InternalError", "FormatViolation", "Oh")), "", {}])
        elif chance < 0.3:
            yield json.dumps([3, message_id, self._random.choice(NASTY_ANSWERS)])
        else:
            yield json.dumps([3, message_id, right])
        yield json.dumps([3, message_id, right])  # O-09


class Witness:
    """Counts what is logged, and keeps what is an error."""

    def __init__(self) -> None:
        self.events: Counter[str] = Counter()
        self.errors: list[str] = []

    def see(self, _logger: Any, method: str, event: MutableMapping[str, Any]) -> Any:
        self.events[str(event.get("event"))] += 1
        if method in {"error", "critical", "exception"}:
            self.errors.append(str(dict(event))[:1000])
        raise structlog.DropEvent

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """Sees every event of the gateway and every error of the libraries."""
        before = structlog.get_config()
        handler = logging.Handler(logging.ERROR)
        handler.emit = lambda record: self.errors.append(record.getMessage()[:1000])  # type: ignore[method-assign]
        logging.getLogger().addHandler(handler)
        structlog.configure(processors=[self.see], wrapper_class=structlog.stdlib.BoundLogger)
        try:
            yield
        finally:
            structlog.configure(**before)
            logging.getLogger().removeHandler(handler)


class Target:
    """A running gateway to shoot at."""

    def __init__(self, world: World, peer: HostilePeer, witness: Witness) -> None:
        self.world, self.peer, self.witness = world, peer, witness
        self.outcomes: Counter[str] = Counter()
        self.complaints: list[str] = []
        self._probes = 0

    async def shoot(self, frames: list[Frame]) -> None:
        """Sends frames and checks each answer; first those by which nothing may change. Raises Misbehaved."""
        judged = [(frame, judge(frame)) for frame in frames]
        harmless = [(frame, verdict) for frame, verdict in judged if verdict.refused]
        before = self.memory()
        await self._volleys(harmless)
        for name, value in self.memory().items():
            if value != before[name]:
                self._complain(f"refused frames changed the {name}: {before[name]} became {value}")
        await self._volleys([(frame, verdict) for frame, verdict in judged if not verdict.refused])

    async def _volleys(self, judged: Judged) -> None:
        volley: list[tuple[Frame, Verdict]] = []
        for frame, verdict in judged:
            resets = verdict.action == "Reset" and not verdict.refused
            if len(volley) == MOST_AT_ONCE or resets:
                await self._volley(volley)
                volley = []
            if not resets:
                volley.append((frame, verdict))
            elif verdict.due:  # else nobody can say whether the gateway will be gone for a moment
                await self._volley([(frame, verdict)], resets=True)
        await self._volley(volley)

    async def _volley(self, judged: Judged, *, resets: bool = False) -> None:
        """One lot at once; then a harmless CALL, whose answer comes after all of theirs."""
        self.peer.answers.clear()
        boots = self.peer.calls["BootNotification"]
        for frame, _ in judged:
            self.peer.say(frame)
        self._probes += 1
        probe = f"probe-{self._probes}"
        if resets:
            await self.until(lambda: self.peer.calls["BootNotification"] > boots, judged)
        self.peer.say(f'[2,"{probe}","GetLocalListVersion",{{}}]')
        await self.until(lambda: probe in self.peer.answers, judged)
        if self.peer.answers.pop(probe) != [RESULT]:
            self._complain("a harmless CALL was refused")
        self._check(judged)

    async def until(self, predicate: Callable[[], bool], judged: Judged = ()) -> None:
        """Waits for what must follow those frames."""
        give_up_s = time.monotonic() + PATIENCE_S
        while not predicate():
            await self.peer.heard(0.2)
            try:
                await self.world.seconds(0)
            except ExceptionGroup as died:
                self.world._gateway = None  # its death was told, and is not to be told again
                raise Misbehaved(f"{_causes(died)}; died of {self._shown(judged)}") from died
            if time.monotonic() > give_up_s:
                raise Misbehaved(f"no answer any more after {self._shown(judged)}")

    def _check(self, judged: Judged) -> None:
        by_id: dict[str, list[tuple[Frame, Verdict]]] = {}
        for frame, verdict in judged:
            if verdict.call_id is None:
                self.outcomes["ignored"] += 1
            else:
                by_id.setdefault(verdict.call_id, []).append((frame, verdict))
        for call_id, asked in by_id.items():
            answers = self.peer.answers.pop(call_id, [])
            due = sum(verdict.due for _, verdict in asked)
            if not due <= len(answers) <= len(asked):
                self._complain(f"{len(answers)} answers instead of {due}: {_shown(asked)}")
            right = frozenset[str]().union(*(verdict.outcomes for _, verdict in asked))
            if len(asked) > 1:
                right |= {"GenericError"}  # T-30
            for answer in answers:
                self.outcomes[answer or "answered"] += 1
                if answer not in right:
                    self._complain(f"{answer or 'a CALLRESULT'} instead of {set(right)}: {_shown(asked)}")
            self.outcomes["ignored"] += len(asked) - len(answers)
        if self.peer.answers:
            self._complain(f"answers to nothing that was asked: {self.peer.answers}")

    def _complain(self, complaint: str) -> None:
        if len(self.complaints) < MOST_COMPLAINTS:
            self.complaints.append(complaint)

    def memory(self) -> dict[str, Any]:
        """What a refused CALL must not change."""
        core = self.world.core
        assert core is not None
        point = core.point
        return {
            "configuration": point.configuration.report([]),
            "operative": [point.operative, *(connector.operative for connector in point.connectors.values())],
            "profiles": [one.record for one in point.profiles if one.record.local_id is None],
            "local list": point.local_list,
            "reservations": list(point.reservations),
        }

    def _shown(self, judged: Judged) -> str:
        """The frames that may be to blame: from the first one that is still to be answered."""
        unanswered = [index for index, (_, v) in enumerate(judged) if v.due and v.call_id not in self.peer.answers]
        return _shown(judged[unanswered[0] :][:3]) if unanswered else "frames that all were answered"


def _causes(died: BaseException) -> str:
    if isinstance(died, BaseExceptionGroup):
        return "; ".join(_causes(inner) for inner in died.exceptions)
    return f"{died!r} at {traceback.extract_tb(died.__traceback__)[-1]}"


def _shown(judged: Judged) -> str:
    return " and ".join(f"{frame[:500]!r} ({len(frame)} long)" for frame, _ in judged)


@contextlib.asynccontextmanager
async def a_target(folder: Path, seed: int, *, websocket: bool = False) -> AsyncIterator[Target]:
    """A gateway in the mode with the most to do, accepted, with a car at the first connector."""
    witness, peer = Witness(), HostilePeer(seed)
    async with contextlib.AsyncExitStack() as stack:
        stack.enter_context(witness.watching())
        world = await stack.enter_async_context(
            a_world(folder, started=False, authorization={"mode": "central_system"})
        )
        world.connect = peer.connect
        if websocket:
            server = await stack.enter_async_context(
                serve(peer.serve, "127.0.0.1", 0, subprotocols=[Subprotocol("ocpp1.6")], max_size=None)
            )
            endpoint = Endpoint(f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}/{IDENTITY}", IDENTITY)
            world.connect = partial(connect, endpoint, ping_interval_s=lambda: 0.0)
        world.plug_in(1, wants_wh=60_000)
        world.start()
        target = Target(world, peer, witness)
        await target.until(lambda: peer.calls["BootNotification"] > 0)
        yield target
        await world.kill()  # before the server
