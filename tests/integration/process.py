"""The gateway as a process of its own: to be killed, stopped, and read afterwards."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from integration.site import Site


def config_file(site: Site) -> Path:
    """The site's gateway.yaml, written as it stands now."""
    file = site.folder / "gateway.yaml"
    file.write_text(json.dumps(site.config))  # JSON is YAML
    return file


@contextlib.asynccontextmanager
async def gateway_process(site: Site, *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """`ocpp-gateway run` on the site's configuration; killed at the end if it still lives."""
    file = config_file(site)
    with (site.folder / "log").open("ab") as log:
        command = (sys.executable, "-m", "ocpp_gateway", "run", "-c", str(file), *arguments)
        process = await asyncio.create_subprocess_exec(*command, stdout=log, stderr=log)
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()


def logged(site: Site, event: str) -> list[dict[str, Any]]:
    """What the site's gateways wrote under that name, oldest first; whole lines only."""
    lines = (site.folder / "log").read_text(encoding="utf-8").splitlines(keepends=True)
    said: list[dict[str, Any]] = [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}\n")]
    return [entry for entry in said if entry.get("event") == event]
