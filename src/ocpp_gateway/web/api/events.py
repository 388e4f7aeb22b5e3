"""Chargers live, as server-sent events: `charger` with what is new of one, a merge patch (RFC 7386)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.requests import Request
from starlette.responses import Response

from ocpp_gateway.web.endpoint import Endpoint, Parameter, place_of_query
from ocpp_gateway.web.gateway_view import GatewayView
from ocpp_gateway.web.guard import principal_in
from ocpp_gateway.web.live import Live, Watcher, keyed
from ocpp_gateway.web.problem import Problem

MOST_STREAMS = 32
PING_S = 15
LOOKED_AT_AGAIN_TICKS = 10
"""So often it is looked whether the watcher may still watch."""

RETRY_MS = 2000


class Streams:
    """All streams of one application. `stopping` ends them: a server that ends would wait for them otherwise."""

    def __init__(self, live: Live, stopping: asyncio.Event) -> None:
        self.live, self.stopping = live, stopping
        self.open = 0

    async def next_tick(self) -> bool:
        """Wait for it; False when the server ends."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self.live.until_next_s()):
                await self.stopping.wait()
        return not self.stopping.is_set()


async def _events(request: Request, gateway: GatewayView) -> Response:
    streams: Streams = request.app.state.streams
    identity = place_of_query(request, gateway)
    if streams.open >= MOST_STREAMS:
        raise Problem(503, f"{MOST_STREAMS} pages watch already; close some", headers={"Retry-After": "10"})
    return EventSourceResponse(
        _told(request, streams, identity),
        ping=PING_S,
        ping_message_factory=lambda: ServerSentEvent(comment="still here"),
    )


async def _told(request: Request, streams: Streams, identity: str | None) -> AsyncIterator[ServerSentEvent]:
    """The first tick brings everything, or as much of it as may be sent at once."""
    watcher, live, ticks = Watcher(), streams.live, 0
    streams.open += 1
    try:
        yield ServerSentEvent(comment="chargers", retry=RETRY_MS)
        while True:
            tick = live.tick()
            for news in watcher.news(await _shown(live, tick, identity)):
                yield ServerSentEvent(data=news, event="charger")
            ticks += 1
            if ticks % LOOKED_AT_AGAIN_TICKS == 0 and principal_in(request.app.state.access, request.scope) is None:
                return
            if not await streams.next_tick():
                return
    finally:
        streams.open -= 1


async def _shown(live: Live, tick: int, identity: str | None) -> dict[str, Any]:
    if identity is None:
        return await live.lean(tick)
    view = (await live.whole(tick)).get(identity)
    return {} if view is None else {identity: keyed(view)}


ENDPOINTS = (
    Endpoint(
        "GET",
        "/api/v1/events",
        _events,
        "Chargers live: server-sent events `charger`, each what is new of one as a merge patch (RFC 7386), with its "
        "`identity`, and `connectors` keyed by their id. The first ones bring all of it",
        tag="chargers",
        query=(Parameter("charger", "only this one, with all that it shows"),),
        answers={200: {"type": "string"}, 404: "problem", 503: "problem"},
        media_type="text/event-stream",
    ),
)
