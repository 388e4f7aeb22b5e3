"""`ocpp-gateway limit`: the operator's own limits, at a running gateway. They only ever lower."""

from __future__ import annotations

import os
from typing import Annotated, Any
from urllib.parse import quote, urlencode

import typer

from ocpp_gateway.cli.options import ConfigOption

app = typer.Typer(no_args_is_help=True, help="Limits from outside OCPP: the operator's, and those of machines.")

IdentityArgument = Annotated[str, typer.Argument(help="The charge point's identity.", metavar="IDENTITY")]
ConnectorOption = Annotated[int, typer.Option("--connector", min=0, help="Only this connector; 0 is the station.")]
SourceOption = Annotated[str, typer.Option("--source", help="Who says so.")]


@app.command("set")
def set_limit(  # noqa: PLR0917 - the command line's order is theirs
    identity: IdentityArgument,
    power_w: Annotated[int, typer.Argument(help="At most this much, in W.", metavar="WATTS", min=0)],
    connector_id: ConnectorOption = 0,
    source: SourceOption = "operator",
    lifetime_s: Annotated[
        float | None, typer.Option("--for", help="Counts so long, in s; every source but operator needs it.")
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Limit a charger, or one connector of it."""
    body: dict[str, Any] = {"charger": identity, "connector_id": connector_id, "power_w": power_w}
    if lifetime_s is not None:
        body["lifetime_s"] = lifetime_s
    kept = _asked(config, "PUT", f"/api/v1/limits/{quote(source, safe='')}", body)
    until = f" until {kept['until']}" if kept["until"] else ""
    typer.echo(f"{kept['source']} allows {identity}, {_whole(connector_id)}, {kept['power_w']} W{until}")


@app.command("remove")
def remove(
    identity: IdentityArgument,
    connector_id: ConnectorOption = 0,
    source: SourceOption = "operator",
    config: ConfigOption = None,
) -> None:
    """Take a limit back."""
    which = urlencode({"charger": identity, "connector_id": connector_id})
    _asked(config, "DELETE", f"/api/v1/limits/{quote(source, safe='')}?{which}")
    typer.echo(f"{source} limits {identity}, {_whole(connector_id)}, no more")


@app.command("list")
def list_limits(config: ConfigOption = None) -> None:
    """List them, with what counts of each now."""
    for limit in _asked(config, "GET", "/api/v1/limits"):
        state = "silent" if limit["silent"] else f"until {limit['until']}" if limit["until"] else "until removed"
        place = f"{limit['charger']}, {_whole(limit['connector_id'])}"
        typer.echo(f"{place}: {limit['source']} said {limit['power_w']} W, counts {limit['counts_w']} W, {state}")


def _whole(connector_id: int) -> str:
    return "the station" if connector_id == 0 else f"connector {connector_id}"


def _asked(config: Any, method: str, path: str, body: Any = None) -> Any:
    from ocpp_gateway.cli.running import ask
    from ocpp_gateway.settings import load_settings

    answer = ask(load_settings(config, os.environ), method, path, body)
    if answer is None:
        typer.echo("the gateway does not run, or not with this file", err=True)
        raise typer.Exit(1)
    return answer
