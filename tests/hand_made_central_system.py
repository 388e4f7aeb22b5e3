"""A central system made by hand: it says exactly what a test writes, right or wrong, when the test says so."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from ocpp_gateway.central.pipe import Pipe, PipeEnd

NOW = "2026-03-01T12:00:00.000Z"


class Line:
    """The central system's end of one connection."""

    def __init__(self, pipe: Pipe) -> None:
        self.end: PipeEnd = pipe.central_system
        self.opened_s = asyncio.get_running_loop().time()

    async def send(self, *elements: object) -> None:
        """One frame of these elements."""
        await self.end.send(json.dumps(elements))

    async def receive(self) -> list[Any]:
        """The next frame; a test that waits for a frame that never comes ends after an hour of its loop's time."""
        async with asyncio.timeout(3600):
            frame = json.loads(await self.end.recv())
        assert isinstance(frame, list)
        return frame

    async def asked(self, action: str) -> tuple[str, dict[str, Any]]:
        """The next frame, which must be that CALL: its id and payload."""
        message_type, message_id, asked, payload = await self.receive()
        assert (message_type, asked) == (2, action)
        return message_id, payload

    async def answer(self, action: str, payload: object) -> dict[str, Any]:
        """Answers the next frame, which must be that CALL; its payload."""
        message_id, asked = await self.asked(action)
        await self.send(3, message_id, payload)
        return asked

    async def accept_boot(self, interval: int = 300) -> dict[str, Any]:
        """Accepts the BootNotification that must come next."""
        return await self.answer(
            "BootNotification", {"status": "Accepted", "interval": interval, "currentTime": NOW}
        )

    async def silent_for(self, seconds: float) -> None:
        """Nothing arrives for so long."""
        try:
            async with asyncio.timeout(seconds):
                raise AssertionError(f"unexpected frame: {await self.end.recv()!r}")
        except TimeoutError:
            pass


class SlowSocket:
    """A socket that takes a second for each answer."""

    def __init__(self, end: PipeEnd) -> None:
        self._end, self.recv, self.close = end, end.recv, end.close

    async def send(self, text: str, /) -> None:
        if text.startswith("[3"):
            await asyncio.sleep(1)
        await self._end.send(text)


class HandMadeCentralSystem:
    """Takes connections in memory; `line` is the latest of them once it has been opened."""

    def __init__(self) -> None:
        self.refusals: list[Exception] = []
        self.attempts_s: list[float] = []
        self._lines: asyncio.Queue[Line] = asyncio.Queue()

    async def connect(self) -> PipeEnd:
        """What a charge point calls."""
        self.attempts_s.append(asyncio.get_running_loop().time())
        if self.refusals:
            raise self.refusals.pop(0)
        pipe = Pipe()
        self._lines.put_nowait(Line(pipe))
        return pipe.charge_point

    async def opened(self) -> Line:
        """The next connection."""
        async with asyncio.timeout(3600):
            return await self._lines.get()
