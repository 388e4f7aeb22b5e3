from __future__ import annotations

import asyncio

import pytest

from ocpp_gateway.central.frames import ConnectionClosedError
from ocpp_gateway.central.pipe import DEPTH, Pipe


async def test_messages_arrive_in_order_in_both_directions() -> None:
    pipe = Pipe()
    for text in ("one", "two"):
        await pipe.charge_point.send(text)
    await pipe.central_system.send("back")

    assert [await pipe.central_system.recv() for _ in range(2)] == ["one", "two"]
    assert await pipe.charge_point.recv() == "back"


async def test_what_was_sent_before_the_close_is_still_received() -> None:
    pipe = Pipe()
    await pipe.central_system.send("last words")
    await pipe.central_system.close(1001, "going away")

    assert await pipe.charge_point.recv() == "last words"
    with pytest.raises(ConnectionClosedError) as closed:
        await pipe.charge_point.recv()
    assert (closed.value.code, closed.value.reason) == (1001, "going away")
    with pytest.raises(ConnectionClosedError):
        await pipe.charge_point.send("too late")


async def test_a_close_wakes_whoever_waits_for_a_message() -> None:
    pipe = Pipe()
    waiting = asyncio.create_task(pipe.charge_point.recv())
    await asyncio.sleep(0)
    await pipe.charge_point.close()

    with pytest.raises(ConnectionClosedError):
        await waiting


async def test_the_first_close_decides_the_code() -> None:
    pipe = Pipe()
    await pipe.charge_point.close(1000)
    await pipe.central_system.close(1011)

    with pytest.raises(ConnectionClosedError) as closed:
        await pipe.central_system.recv()
    assert closed.value.code == 1000


async def test_a_slow_reader_holds_the_sender() -> None:
    pipe = Pipe()
    for number in range(DEPTH):
        await pipe.charge_point.send(str(number))
    sending = asyncio.create_task(pipe.charge_point.send("one more"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not sending.done()

    assert await pipe.central_system.recv() == "0"
    await sending


async def test_a_held_sender_learns_of_the_close() -> None:
    pipe = Pipe()
    for number in range(DEPTH):
        await pipe.charge_point.send(str(number))
    sending = asyncio.create_task(pipe.charge_point.send("one more"))
    await asyncio.sleep(0)
    await pipe.central_system.close()

    with pytest.raises(ConnectionClosedError):
        await sending


async def test_a_black_hole_swallows_messages_and_closes() -> None:
    lost = True
    pipe = Pipe(loses=lambda: lost)
    await pipe.charge_point.send("into the void")
    await pipe.central_system.close()
    assert not pipe.charge_point.closed

    lost = False
    with pytest.raises(ConnectionClosedError) as closed:
        await pipe.charge_point.send("anybody there?")
    assert closed.value.code == 1006
