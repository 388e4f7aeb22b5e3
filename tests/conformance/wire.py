"""The wire itself: when a charge point knocks at the door, what it answers to raw frames, how a connection ends."""

from __future__ import annotations

import json
from datetime import datetime
from functools import partial
from typing import Any

from ocpp_gateway.central.frames import Frame
from ocpp_gateway.gateway import wire_timing
from ocpp_gateway.ocpp16.connection import Endpoint, connect
from ocpp_gateway.ocpp16.rpc import Connection
from scenario.world import IDENTITY, MIDNIGHT, World


def knocks_at(world: World) -> list[float]:
    """From now on: when a connection was tried, in seconds since midnight, as it happens. Before the gateway starts."""
    seen: list[float] = []
    usual = world.connect

    async def noted() -> Connection:
        seen.append((world.now - MIDNIGHT).total_seconds())
        return await usual()

    world.connect = noted
    return seen


def with_pings(world: World) -> None:
    """Pings go as WebSocketPingInterval has it; otherwise there are none in these worlds. Before the gateway starts."""
    assert world.server is not None

    def interval_s() -> float:
        assert world.core is not None
        return wire_timing(world.core).web_socket_ping_interval_s

    endpoint = Endpoint(f"{world.server.url}/{IDENTITY}", IDENTITY)
    world.connect = partial(connect, endpoint, ping_interval_s=interval_s)


async def raw(world: World, *frames: str | bytes) -> list[list[Any]]:
    """What the charge point sends within the next second after these messages, CALLs of its own left out."""
    before = len(world.central.frames)
    for frame in frames:
        await world.central.send_raw(IDENTITY, frame)
    await world.seconds(1)
    texts = [frame.text for frame in list(world.central.frames)[before:] if frame.direction.name == "RECEIVED"]
    return [frame for frame in map(json.loads, texts) if frame[0] != 2]


async def refusal(world: World, action: str, payload: object) -> str:
    """The code of the CALLERROR that a CALL gets; "" when it got an answer."""
    (answer,) = await raw(world, json.dumps([2, "the-call", action, payload]))
    assert answer[1] == "the-call"
    if answer[0] == 3:
        return ""
    assert (answer[0], len(answer), answer[4]) == (4, 5, {})
    return str(answer[2])


def sent_by(world: World, *, since: datetime | None = None) -> list[Frame]:
    """Every frame of the charge point, its answers too."""
    return [f for f in world.central.frames if f.direction.name == "RECEIVED" and (since is None or f.at >= since)]


def actions(world: World, *, since: datetime | None = None) -> list[str]:
    """The actions of its CALLs, in the order of the wire."""
    return [f.action or "" for f in sent_by(world, since=since) if f.kind.name == "CALL"]
