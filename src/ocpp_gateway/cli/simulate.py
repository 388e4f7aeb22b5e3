"""`ocpp-gateway simulate`: a charger to try against, made up or as it was recorded."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def simulate(
    mapping: Annotated[
        str | None,
        typer.Option(
            "--mapping", "-m", help="A name from `mapping list`, or a path.", metavar="MAPPING", show_default=False
        ),
    ] = None,
    port: Annotated[int, typer.Option(help="TCP port to listen on; 0 takes a free one.", min=0, max=65535)] = 5020,
    connectors: Annotated[
        int | None, typer.Option(help="How many; as many as the mapping has when absent.", min=1)
    ] = None,
    speed: Annotated[float, typer.Option(help="Simulated seconds in one second.", min=0.1, max=1000)] = 1.0,
    replay: Annotated[
        Path | None,
        typer.Option(
            help="A support bundle, or its modbus.jsonl: answer as that charger did, from the first read on.",
            metavar="FILE",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Run a simulated charger on this machine. It obeys standard input: `plug 1 TAG`, `unplug 1`, `offline 30`, …"""
    import asyncio

    from ocpp_gateway import mapping_files
    from ocpp_gateway.simulator.console import simulate as run
    from ocpp_gateway.simulator.playing import replay as play

    if replay is not None:
        if mapping is not None or connectors is not None:
            raise typer.BadParameter("a recording has its own registers: leave --mapping and --connectors away")
        raise typer.Exit(asyncio.run(play(replay, host="127.0.0.1", port=port, speed=speed)))
    if mapping is None:
        raise typer.BadParameter("which charger? give one, or --replay", param_hint="--mapping")
    known = mapping_files.load(mapping)
    number = known.max_connectors if connectors is None else connectors
    raise typer.Exit(asyncio.run(run(known, host="127.0.0.1", port=port, number_of_connectors=number, speed=speed)))
