"""`ocpp-gateway support-bundle`: what a developer needs to see of one charger, as one file without secrets."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote

import typer

from ocpp_gateway.cli.options import ConfigOption

if TYPE_CHECKING:
    from ocpp_gateway.settings import Settings


def support_bundle(
    identity: Annotated[
        str | None, typer.Argument(help="The charge point's identity; may be absent when there is one.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="Where to write it; IDENTITY-support.zip here if absent.", metavar="FILE"
        ),
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Write settings, state, frames, registers and log of a charger to a zip, without secrets and whole id tags.

    With the gateway stopped: what its store and its settings tell.
    """
    from ocpp_gateway.cli.running import download
    from ocpp_gateway.settings import load_settings

    settings = load_settings(config, os.environ)
    charge_point = _the_one(settings) if identity is None else identity
    bundle = download(settings, f"/api/v1/chargers/{quote(charge_point, safe='')}/support-bundle")
    runs = bundle is not None
    if bundle is None:
        bundle = _from_store(settings, charge_point)
    file = output or Path(re.sub(r"[^\w.-]", "_", charge_point) + "-support.zip")
    try:
        file.write_bytes(bundle)
    except OSError as exc:
        typer.echo(f"cannot write {file}: {exc.strerror}", err=True)
        raise typer.Exit(1) from exc
    typer.echo(f"{file}: {len(bundle) / 1000:.0f} kB")
    if not runs:
        typer.echo("The gateway does not run: this tells what its store holds, without frames, registers and log.")


def _the_one(settings: Settings) -> str:
    identities = [charger.identity for charger in settings.chargers]
    if len(identities) == 1:
        return identities[0]
    raise typer.BadParameter(f"which charger? one of {', '.join(identities)}", param_hint="IDENTITY")


def _from_store(settings: Settings, identity: str) -> bytes:
    from ocpp_gateway import support_bundle as bundle
    from ocpp_gateway.charger.view import view
    from ocpp_gateway.cli.stopped import charger_of, stored_core
    from ocpp_gateway.clock import system_clock
    from ocpp_gateway.store import ledger
    from ocpp_gateway.store.reader import read_store

    now, charger = system_clock().now(), charger_of(settings, identity)
    point = stored_core(settings, charger, now).point
    asked = bundle.TRANSACTIONS
    evidence = bundle.Evidence(
        charge_point=identity,
        settings=bundle.shown_settings(settings, charger),
        view={"identity": identity} | view(point, now),
        configuration_keys=point.configuration.report([])["configurationKey"],
        transactions=read_store(settings.store.url, lambda it: ledger.transactions(it, identity, limit=asked)),
        frames=(),
        exchanges=(),
        tags=(),
        log_lines=(),
    )
    return bundle.build(evidence, now)
