"""The gateway as a process: the signals that end it, and what it tells of itself to systemd."""

from __future__ import annotations

import asyncio
import ctypes
import gc
import os
import signal
from contextlib import suppress

from ocpp_gateway import systemd
from ocpp_gateway.gateway import Gateway
from ocpp_gateway.settings import Settings

ENDING = (signal.SIGTERM, signal.SIGINT)

STATUS_EVERY_S = 10.0
"""How often systemd is told how it goes, unless its watchdog wants to hear of us more often."""

FULL_COLLECTION_AFTER = 2
"""Collections of the middle generation, of 7,000 new objects each: a full one takes milliseconds without the program,
and what libraries left in cycles waits for minutes."""

# mallopt(3)
M_MMAP_THRESHOLD, M_ARENA_MAX = -3, -8
LARGE_BYTES = 65_536


async def run_gateway(settings: Settings, *, read_only: bool = False) -> int:
    """Run until SIGTERM or SIGINT; gives the exit code. Raises GatewayError when it cannot start.

    Further signals change nothing, to the very end of the process: stopping is bounded in time.
    """
    use_one_heap()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in ENDING:  # not the loop's own handlers: those are gone before the interpreter is
        signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop.set))
    gateway = Gateway(settings, read_only=read_only)
    telling: list[asyncio.Task[None]] = []

    def started() -> None:
        systemd.notify("READY=1")
        telling.append(asyncio.create_task(tell_systemd(gateway), name="systemd"))
        set_apart()

    running = asyncio.create_task(gateway.run(on_started=started), name="gateway")
    stopping = asyncio.create_task(stop.wait(), name="signals")
    await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    systemd.notify("STOPPING=1")
    for task in (*telling, running):
        task.cancel()
    await asyncio.wait({running, *telling})
    for number in ENDING:
        signal.signal(number, signal.SIG_IGN)
    with suppress(asyncio.CancelledError):
        running.result()
    return 0


def use_one_heap() -> None:
    """Have glibc give all threads one heap, and what is large memory of its own, which goes back when it does.

    Left to itself it gives each thread a heap, and learns from the first page of the dashboard that was served to take
    the next ones out of the middle of it: holes are left, and the process grows for hours without holding more.
    """
    with suppress(AttributeError, OSError):  # another libc has none of this, nor this trouble
        libc = ctypes.CDLL(None)
        libc.mallopt(M_ARENA_MAX, 1)
        libc.mallopt(M_MMAP_THRESHOLD, LARGE_BYTES)


def set_apart() -> None:
    """Take all that there is now, most of it the program itself, out of what is looked through for rubbish.

    A full collection comes when a quarter of what the one before left is new. With 150,000 objects of the program to
    look through it would hold every charger up for 0.1 s, and leave what libraries drop in cycles with each lost
    connection for an hour.
    """
    gc.collect()
    gc.freeze()
    gc.collect()  # of nothing: this is what the next quarter counts from
    young, middle, _ = gc.get_threshold()
    gc.set_threshold(young, middle, FULL_COLLECTION_AFTER)


async def tell_systemd(gateway: Gateway) -> None:
    """Tell systemd how it goes, and that the gateway lives: for as long as every charger's owner takes events.

    This runs in the gateway's own loop, so a loop that hangs tells nothing either (faults.md 4.8).
    """
    within_s = systemd.watchdog_s(os.environ, os.getpid())
    every_s = STATUS_EVERY_S if within_s is None else min(STATUS_EVERY_S, within_s / 3)
    while True:
        alive = ("WATCHDOG=1",) if within_s is not None and not gateway.stuck() else ()
        systemd.notify(f"STATUS={gateway.summary()}", *alive)
        await asyncio.sleep(every_s)
