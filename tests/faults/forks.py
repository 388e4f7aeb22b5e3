"""Forks gateways: a process that has imported everything once, so that the next gateway is there in milliseconds.

Each line on stdin is a JSON object, an order: `argv` of the gateway, `environment` to add, `log` to append its output
to, and `clock`, the speed and beginning of a fast clock. The answer is one line, the new process id. Whoever ordered
it watches and kills it; the dead need no burial. With an order as its argument the process itself becomes a gateway.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import json
import os
import signal
import sys
import types
from typing import Any

import alembic.command
import jsonschema_rs
import websockets.asyncio.client

import ocpp_gateway.cli.app
import ocpp_gateway.clock
import ocpp_gateway.gateway
from faults.fast_clock import FastClock, FastPolicy
from ocpp_gateway import failpoints

PRELOADED = (alembic.command, jsonschema_rs, websockets.asyncio.client, ocpp_gateway.gateway)


def main() -> None:
    if len(sys.argv) > 1:
        become(json.loads(sys.argv[1]))
        return
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    gc.collect()
    gc.freeze()
    for line in iter(sys.stdin.readline, ""):
        pid = os.fork()
        if pid == 0:
            become(json.loads(line))
            return
        os.write(1, f"{pid}\n".encode())


def become(order: dict[str, Any]) -> None:
    """Be `ocpp-gateway` from here on."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for stream, target in ((0, os.open(os.devnull, os.O_RDONLY)), (1, log), (2, log)):
        os.dup2(target, stream)
    os.environ.update(order["environment"])
    importlib.reload(failpoints)  # it reads the environment once
    clock = FastClock(**order["clock"])
    told = types.SimpleNamespace(monotonic=clock.monotonic, time=lambda: clock.wall() + clock.off_by_s)
    setattr(ocpp_gateway.clock, "time", told)  # noqa: B010 - the module itself, not one of its names
    if clock.off_by_s:
        ocpp_gateway.clock.system_clock_is_synchronised = lambda: False
    asyncio.set_event_loop_policy(FastPolicy(clock))
    sys.argv = ["ocpp-gateway", *order["argv"]]
    ocpp_gateway.cli.app.main()


if __name__ == "__main__":
    main()
