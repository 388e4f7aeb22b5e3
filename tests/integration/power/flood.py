"""A flood of web requests: run with a port of this machine; 64 clients ask for three seconds, then tell how often."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time

CLIENTS, SECONDS = 64, 3.0
REQUEST = b"GET /api/v1/chargers HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


async def ask(port: int, until_s: float) -> int:
    """Ask again and again on one connection; how often an answer came."""
    answers = 0
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(until_s - time.monotonic()):
            while True:
                writer.write(REQUEST)
                answers += bool(await reader.read(65536))
    writer.close()
    return answers


async def main(port: int) -> None:
    until_s = time.monotonic() + SECONDS
    print(sum(await asyncio.gather(*(ask(port, until_s) for _ in range(CLIENTS)))))


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
