"""`ocpp-gateway backup` and `restore`: a copy of the store, made at any time and put back while no gateway runs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from ocpp_gateway.cli.options import ConfigOption


def backup(
    file: Annotated[Path, typer.Argument(help="A new file.", metavar="FILE")], config: ConfigOption = None
) -> None:
    """Copy the store into a file, whole and at one moment; the gateway may run."""
    from ocpp_gateway.settings import load_settings
    from ocpp_gateway.store.backup import back_up

    url = load_settings(config, os.environ).store.url
    back_up(url, file)
    typer.echo(f"{file}: {file.stat().st_size} bytes")


def restore(
    file: Annotated[Path, typer.Argument(help="What `backup` wrote.", metavar="FILE")], config: ConfigOption = None
) -> None:
    """Put a copy in the place of the store, which is kept aside; only while no gateway runs.

    What happened since the copy was made is not in it: messages delivered since go out again, identical to the first
    time, and the meters go on from where they stood.
    """
    from datetime import UTC, datetime

    from ocpp_gateway.settings import load_settings
    from ocpp_gateway.store.backup import restore as put_back

    aside = put_back(load_settings(config, os.environ).store.url, file, datetime.now(UTC))
    typer.echo("restored" if aside is None else f"restored; the store before is kept as {aside}")
