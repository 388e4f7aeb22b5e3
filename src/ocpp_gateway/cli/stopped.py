"""A charge point of a gateway that does not run: what its store and its settings tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from ocpp_gateway.charger.core import ChargerCore
    from ocpp_gateway.instant import Instant
    from ocpp_gateway.settings import Charger, Settings


def charger_of(settings: Settings, identity: str) -> Charger:
    """The charger of that identity. Ends the command when the file has none."""
    charger = next((charger for charger in settings.chargers if charger.identity == identity), None)
    if charger is None:
        typer.echo(f"no charger of this file is called {identity}", err=True)
        raise typer.Exit(1)
    return charger


def stored_core(settings: Settings, charger: Charger, now: Instant) -> ChargerCore:
    """Its core as it would start now; nothing was read from the charger. Raises StoreError."""
    from ocpp_gateway import mapping_files
    from ocpp_gateway.charger.core import ChargerCore
    from ocpp_gateway.gateway import point_settings
    from ocpp_gateway.store.read import load
    from ocpp_gateway.store.reader import read_store

    return ChargerCore(
        point_settings(charger, mapping_files.load(charger.mapping)),
        read_store(settings.store.url, lambda connection: load(connection, charger.identity)),
        from_file=charger.configuration,
        started_at=now,
        new_id=lambda: "",
    )
