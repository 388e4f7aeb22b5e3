"""`ocpp-gateway run`: the gateway."""

from __future__ import annotations

from typing import Annotated

import typer

from ocpp_gateway.cli.options import ConfigOption


def run(
    config: ConfigOption = None,
    read_only: Annotated[bool, typer.Option("--read-only", help="Write nothing to any charger.")] = False,
) -> None:
    """Run the gateway until it is told to stop (Ctrl-C, SIGTERM)."""
    import asyncio
    import os

    from ocpp_gateway import log
    from ocpp_gateway.process import run_gateway
    from ocpp_gateway.settings import load_settings, settings_file, warnings_of

    file = settings_file(config)
    settings = load_settings(file, os.environ)
    log.configure(settings.log.level, settings.log.format, settings.log.levels, show_id_tags=settings.log.show_id_tags)
    for warning in warnings_of(settings, file, os.environ):
        log.logger(__name__).warning("configuration", advice=warning)
    raise typer.Exit(asyncio.run(run_gateway(settings, read_only=read_only)))
