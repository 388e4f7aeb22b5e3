"""The first minute of a newcomer: `ocpp-gateway demo` as a process."""

from __future__ import annotations

import asyncio
import signal
import sys


async def _demo(*options: str) -> asyncio.subprocess.Process:
    command = (sys.executable, "-m", "ocpp_gateway", "demo", *options)
    return await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )


async def test_the_demo_shows_a_transaction_within_fifteen_seconds_and_ends_by_itself() -> None:
    process = await _demo("--for", "14")
    async with asyncio.timeout(120):
        output, _ = await process.communicate()
    text = output.decode()
    assert process.returncode == 0, text
    assert "→ StartTransaction.req" in text
    assert "← StartTransaction.conf" in text
    assert "http://127.0.0.1:" in text
    assert "Traceback" not in text


async def test_ctrl_c_ends_the_demo_cleanly() -> None:
    process = await _demo()
    assert process.stdout is not None
    async with asyncio.timeout(120):
        while b"StartTransaction.conf" not in await process.stdout.readline():
            pass
        process.send_signal(signal.SIGINT)
        rest = (await process.stdout.read()).decode()
        assert await process.wait() == 130
    assert rest.endswith("demo ended\n")
    assert "Traceback" not in rest
