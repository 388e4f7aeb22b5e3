"""`ocpp-gateway central`: a test central system."""

from __future__ import annotations

from typing import Annotated

import typer


def central(
    port: Annotated[int, typer.Option(help="TCP port to listen on; 0 takes a free one.", min=0, max=65535)] = 9000,
) -> None:
    """Run a test central system: prints every frame, takes commands on standard input (`help` lists them)."""
    import asyncio

    from ocpp_gateway.central.console import run_console

    raise typer.Exit(asyncio.run(run_console(port)))
