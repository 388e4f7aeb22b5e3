"""What the stories of this directory share: a station that has booted, people at it, and what the wire showed."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any

from ocpp_gateway.central.frames import Frame
from ocpp_gateway.central.policy import Policy
from ocpp_gateway.registers.vocabulary import Table
from ocpp_gateway.simulator.options import ChargerOptions
from scenario.world import IDENTITY, World, a_world

STATUS, ENERGY, SECONDS = 268, 264, 262
"""Input registers of connector 1."""
LIMITS = {1: 256, 2: 272}
"""Holding registers that limit a connector, in 100 W."""
FULL_W = 22_000
"""What a connector may give where nothing limits it."""

ALICE, BOB, EVE = "A11CE0", "B0B0B0", "E7E7E7"


@contextlib.asynccontextmanager
async def a_station(
    folder: Path,
    *,
    mode: str = "central_system",
    policy: Policy | None = None,
    options: ChargerOptions | None = None,
    started: bool = True,
    **config: Any,
) -> AsyncIterator[World]:
    """A station with two connectors, twenty seconds after midnight: booted, and past the doubts of a first connection.

    Nobody has broken a rule by the end.
    """
    config = {"authorization": {"mode": mode}} | config
    async with a_world(folder, policy=policy, options=options, websocket=True, started=started, **config) as world:
        await world.seconds(20)
        yield world
        assert world.central.violations == []


# ---------------------------------------------------------------- people


async def swipe(world: World, id_tag: str, connector_id: int = 1) -> None:
    """Somebody holds a card to the reader, and the register shows it until the gateway has surely seen it."""
    _now(world)
    world.charger.present_tag(connector_id, id_tag)
    await world.seconds(20)


async def clear_tag(world: World, connector_id: int = 1) -> None:
    """The register shows no card any more, so that the same one would be news."""
    world.charger.connector(connector_id).tag = b""
    await world.seconds(20)


async def charging(world: World, id_tag: str = ALICE, connector_id: int = 1, *, wants_wh: float = 60_000) -> int:
    """A car charges, somebody's card let it; gives the id of its transaction."""
    world.plug_in(connector_id, id_tag, wants_wh=wants_wh)
    await world.seconds(30)
    (transaction,) = (t for t in world.central.transactions if t.connector_id == connector_id and t.running)
    assert statuses(world, connector_id)[-1] == "Charging"
    assert transaction.transaction_id is not None
    return transaction.transaction_id


def pause(world: World, *, paused: bool, connector_id: int = 1) -> None:
    """The car stops asking for current by itself, or asks again."""
    _now(world)
    world.charger.pause_vehicle(connector_id, paused=paused)


# ---------------------------------------------------------------- the central system asks


async def ask(world: World, action: str, **payload: Any) -> dict[str, Any]:
    """The answer to one CALL, which takes no time at all."""
    return await world.central.call(IDENTITY, action, payload)


async def configure(world: World, **keys: object) -> None:
    """Every one of these configuration keys is Accepted."""
    for key, value in keys.items():
        text = str(value).lower() if isinstance(value, bool) else str(value)
        assert await ask(world, "ChangeConfiguration", key=key, value=text) == {"status": "Accepted"}


async def local_list(
    world: World, version: int, id_tags: dict[str, dict[str, Any] | None], *, full: bool = True
) -> None:
    """This local list, or with `full` False this change of it, is Accepted; None removes a tag."""
    entries = [{"idTag": tag} | ({} if info is None else {"idTagInfo": info}) for tag, info in id_tags.items()]
    kind = "Full" if full else "Differential"
    answer = await ask(world, "SendLocalList", listVersion=version, updateType=kind, localAuthorizationList=entries)
    assert answer == {"status": "Accepted"}


async def offline(world: World) -> None:
    """The connection is lost, and every new one refused."""
    await world.central.go_offline()
    await world.seconds(1)


async def online(world: World) -> None:
    """Connections are taken again, and there is one; what had waited for it has been sent."""
    world.central.go_online()
    await world.central.wait_for(lambda: world.central.connected, 300)
    await world.seconds(5)


# ---------------------------------------------------------------- what was seen


def told(world: World, action: str, **wanted: Any) -> list[dict[str, Any]]:
    """The payloads of the CALLs of that action that hold those values."""
    payloads = [frame.payload for frame in world.central.calls(action)]
    return [payload for payload in payloads if payload | wanted == payload]


def frames(world: World, *actions: str) -> list[Frame]:
    """The CALLs of those actions, in the order of the wire, repeats included."""
    calls = [f for f in world.central.frames if f.direction.name == "RECEIVED" and f.kind.name == "CALL"]
    return [frame for frame in calls if frame.action in actions]


def statuses(world: World, connector_id: int = 1) -> list[str]:
    """The statuses of a connector as they were told."""
    return [payload["status"] for payload in told(world, "StatusNotification", connectorId=connector_id)]


def limit_w(world: World, connector_id: int = 1) -> int:
    """The power that the limit register of a connector was last written with."""
    return [write.value * 100 for write in world.charger.writes if write.address == LIMITS[connector_id]][-1]


def register(world: World, address: int, word: int | None) -> None:
    """An input register of connector 1 shows this, whatever the charger does; None: the truth again."""
    _now(world)
    world.charger.set_raw(Table.INPUT, address, word)


def moment(timestamp: str) -> datetime:
    """A time that the gateway told."""
    return datetime.fromisoformat(timestamp)


def _now(world: World) -> None:
    world.charger.advance(asyncio.get_running_loop().time())
