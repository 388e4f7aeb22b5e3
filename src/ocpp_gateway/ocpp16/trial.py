"""A visit to a central system under a probe's identity: what it agrees to, how it answers a boot, what it asks first.

No transaction is ever begun, and the connector it tells about is Unavailable. Its questions are answered honestly:
a probe has no configuration keys, and supports nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from ocpp_gateway.errors import PeerError
from ocpp_gateway.instant import parse_utc
from ocpp_gateway.ocpp16.connection import certificate_ends_s
from ocpp_gateway.ocpp16.frames import CallFrame
from ocpp_gateway.ocpp16.rpc import Connection, ConnectionLost, Rpc

ANSWER_WITHIN_S = 30.0

BOOT = {"chargePointVendor": "ocpp-gateway", "chargePointModel": "connection probe"}
STATUS = {"connectorId": 0, "errorCode": "NoError", "status": "Unavailable"}


@dataclass(frozen=True, slots=True)
class Asked:
    """Something that the central system asked for by itself."""

    after_s: float  # since the answer to the boot
    action: str
    payload: dict[str, Any]


@dataclass(slots=True)
class Findings:
    """What was found; None is what was not reached."""

    handshake_s: float
    certificate_ends_at: str | None = None
    boot_answer_s: float | None = None
    registration: str | None = None
    interval_s: int | None = None
    clock_offset_s: float | None = None  # theirs less ours; half the answer's time is its uncertainty
    problem: str | None = None
    asked: list[Asked] = field(default_factory=list)


async def visit(connect: Callable[[], Awaitable[Connection]], *, listen_s: float) -> Findings:
    """Connect, boot, tell one status, and listen for a while. Raises PeerError when there is no connection."""
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    connection = await connect()
    findings = Findings(handshake_s=round(loop.time() - began_s, 3))
    ends_s = certificate_ends_s(connection)
    if ends_s is not None:
        findings.certificate_ends_at = datetime.fromtimestamp(ends_s, UTC).isoformat()
    booted_s = began_s

    async def on_call(call: CallFrame) -> None:
        findings.asked.append(Asked(round(loop.time() - booted_s, 3), call.action, call.payload))
        if call.action == "GetConfiguration":
            unknown = {"unknownKey": call.payload["key"]} if call.payload.get("key") else {}
            rpc.reply(call.message_id, {"configurationKey": []} | unknown)
        else:
            rpc.reply_error(call.message_id, "NotSupported", "this is a connection probe")

    rpc = Rpc(connection, on_call)
    running = asyncio.create_task(rpc.run(), name="visit")
    try:
        asked_s = loop.time()
        answer = await rpc.call("BootNotification", BOOT, timeout_s=ANSWER_WITHIN_S)
        booted_s = loop.time()
        _take_boot(findings, answer, booted_s - asked_s)
        if findings.registration == "Accepted":
            await rpc.call("StatusNotification", STATUS, timeout_s=ANSWER_WITHIN_S)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(listen_s):
                await asyncio.shield(running)
    except PeerError as exc:
        findings.problem = str(exc)
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError, ConnectionLost):
            await running
        await connection.close()
    return findings


def _take_boot(findings: Findings, answer: Any, took_s: float) -> None:
    """What a BootNotification.conf says; whatever is wrong in it is the problem."""
    findings.boot_answer_s = round(took_s, 3)
    if not isinstance(answer, dict):
        findings.problem = "the answer to BootNotification is no JSON object"
        return
    findings.registration = str(answer.get("status"))
    interval = answer.get("interval")
    findings.interval_s = interval if isinstance(interval, int) else None
    try:
        theirs = parse_utc(str(answer.get("currentTime")))
    except ValueError:
        findings.problem = "currentTime in the answer to BootNotification is no time"
        return
    findings.clock_offset_s = round((theirs - datetime.now(UTC)).total_seconds() + took_s / 2, 3)
