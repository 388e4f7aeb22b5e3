"""GetDiagnostics' uploads: the tries, the pauses between them, and what the central system is told of each.

How the bytes travel is in `upload`. Source: OCPP 1.6 §5.9, §7.24; E 3.31, 3.50; conformance R-45 to R-47.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from ocpp_gateway.charger.events import Event, StartTransfer, TransferChanged
from ocpp_gateway.log import logger
from ocpp_gateway.ocpp16.upload import Destination, UploadFailed, destination_of

TRY_TIMEOUT_S = 120.0

Post = Callable[[Event], Awaitable[None]]


class Send(Protocol):
    """Sends a file once, or raises UploadFailed: `upload.upload`, told whom to trust."""

    async def __call__(self, destination: Destination, file_name: str, content: bytes, /) -> None: ...


class Uploads:
    """One charge point's uploads, one at a time. `run` runs for ever.

    `make_bundle` gives the file's bytes, once for all tries; `post` hands an event to the owner.
    """

    def __init__(
        self, *, charge_point: str, post: Post, make_bundle: Callable[[StartTransfer], Awaitable[bytes]], send: Send
    ) -> None:
        self._post = post
        self._make_bundle = make_bundle
        self._send = send
        self._asked: asyncio.Queue[StartTransfer] = asyncio.Queue()  # bound: the core has one under way at most
        self._log = logger(__name__).bind(charge_point=charge_point)

    def start(self, transfer: StartTransfer) -> None:
        """Begins an upload; `TransferChanged` tells how it goes."""
        self._asked.put_nowait(transfer)

    async def run(self) -> None:
        """Uploads what is asked for until cancelled. An upload that fails is told, and ends nothing."""
        while True:
            await self._upload(await self._asked.get())

    async def _upload(self, transfer: StartTransfer) -> None:
        content = await self._make_bundle(transfer)
        for tries_left in range(transfer.retries, -1, -1):  # E 3.50: `retries` further ones follow the first
            await self._post(TransferChanged("Uploading", last=False))
            if await self._try(transfer, content, tries_left):
                await self._post(TransferChanged("Uploaded", last=True))
                return
            await self._post(TransferChanged("UploadFailed", last=tries_left == 0))
            if tries_left > 0:
                await asyncio.sleep(transfer.retry_interval_s)

    async def _try(self, transfer: StartTransfer, content: bytes, tries_left: int) -> bool:
        log = self._log.bind(file=transfer.file_name)
        try:
            destination = destination_of(transfer.location)
            log = log.bind(to=destination.shown)
            async with asyncio.timeout(TRY_TIMEOUT_S):
                await self._send(destination, transfer.file_name, content)
        except UploadFailed as exc:
            log.warning("diagnostics_not_uploaded", problem=str(exc), tries_left=tries_left)
        except TimeoutError:
            problem = f"not done within {TRY_TIMEOUT_S:g} s"
            log.warning("diagnostics_not_uploaded", problem=problem, tries_left=tries_left)
        else:
            log.info("diagnostics_uploaded", size=len(content))
            return True
        return False
