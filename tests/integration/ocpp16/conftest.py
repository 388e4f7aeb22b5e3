from __future__ import annotations

import asyncio

# Without this the pytest-asyncio plugin makes a loop of its own beside the first test and never closes it.
asyncio.set_event_loop(None)
