"""`ocpp-gateway check`: every mistake of a configuration at once, without touching the network."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import typer

from ocpp_gateway.cli.options import ConfigOption, JsonOption

if TYPE_CHECKING:
    from ocpp_gateway.settings import Charger, Settings


def check(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Check a configuration: every mistake at once, with file, line and column. Asks nothing of the network."""
    import dataclasses
    import os

    from ocpp_gateway.errors import ConfigurationError
    from ocpp_gateway.settings import load_settings, settings_file, warnings_of

    try:
        file = settings_file(config)
        settings = load_settings(file, os.environ)
    except ConfigurationError as exc:
        if not as_json:
            raise
        mistakes = [dataclasses.asdict(mistake) for mistake in exc.mistakes]
        _print_json({"ok": False, "mistakes": mistakes, "warnings": [], "chargers": []})
        raise typer.Exit(2) from exc
    warnings = warnings_of(settings, file, os.environ)
    chargers = [_summary(settings, charger) for charger in settings.chargers]
    if as_json:
        _print_json({"ok": True, "mistakes": [], "warnings": warnings, "chargers": chargers})
        return
    typer.echo(f"{file}: no mistakes")
    for charger in chargers:
        typer.echo(
            "  {identity}: {mapping} at {modbus}, at most {max_power_w} W, authorization {mode}\n"
            "    -> {central_system}, security profile {security_profile}".format_map(charger)
        )
    for warning in warnings:
        typer.echo(f"warning: {warning}")


def _summary(settings: Settings, charger: Charger) -> dict[str, Any]:
    """What the gateway would do with a charger, without credentials."""
    from urllib.parse import urlsplit, urlunsplit

    system = settings.central_system_of(charger)
    modbus = charger.modbus
    return {
        "identity": charger.identity,
        "mapping": charger.mapping,
        "modbus": modbus.host if modbus.port is None else f"{modbus.host}:{modbus.port}",
        "max_power_w": charger.max_power_w,
        "mode": charger.authorization.mode,
        "central_system": urlunsplit(urlsplit(system.url_for(charger.identity))._replace(query="")),
        "security_profile": system.security_profile,
    }


def _print_json(result: dict[str, Any]) -> None:
    typer.echo(json.dumps(result, indent=2))
