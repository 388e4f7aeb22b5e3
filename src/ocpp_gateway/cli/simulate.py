"""`ocpp-gateway simulate`: a charger to try against."""

from __future__ import annotations

from typing import Annotated

import typer

from ocpp_gateway.cli.options import MappingOption


def simulate(
    mapping: MappingOption,
    port: Annotated[int, typer.Option(help="TCP port to listen on; 0 takes a free one.", min=0, max=65535)] = 5020,
    connectors: Annotated[
        int | None, typer.Option(help="How many; as many as the mapping has when absent.", min=1)
    ] = None,
    speed: Annotated[float, typer.Option(help="Simulated seconds in one second.", min=0.1, max=1000)] = 1.0,
) -> None:
    """Run a simulated charger on this machine. It obeys standard input: `plug 1 TAG`, `unplug 1`, `offline 30`, …"""
    import asyncio

    from ocpp_gateway import mapping_files
    from ocpp_gateway.simulator.console import simulate as run

    known = mapping_files.load(mapping)
    number = known.max_connectors if connectors is None else connectors
    raise typer.Exit(asyncio.run(run(known, host="127.0.0.1", port=port, number_of_connectors=number, speed=speed)))
