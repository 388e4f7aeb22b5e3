"""`ocpp-gateway why IDENTITY CONNECTOR`: every limit with its source, who won, what was written and read back."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, NoReturn
from urllib.parse import quote

import typer

from ocpp_gateway.cli.options import ConfigOption, JsonOption

if TYPE_CHECKING:
    from ocpp_gateway.settings import Settings


def why(
    identity: Annotated[str, typer.Argument(help="The charge point's identity.", metavar="IDENTITY")],
    connector_id: Annotated[int, typer.Argument(help="The connector; 0 is the station.", metavar="CONNECTOR")],
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tell why a limit is what it is. With the gateway stopped: what it would be, from what the store knows."""
    from ocpp_gateway.cli.running import ask
    from ocpp_gateway.settings import load_settings

    settings = load_settings(config, os.environ)
    told = ask(settings, "GET", f"/api/v1/chargers/{quote(identity, safe='')}/connectors/{connector_id}/why")
    runs = told is not None
    if not runs:
        told = _from_store(settings, identity, connector_id)
    if as_json:
        typer.echo(json.dumps({"gateway_runs": runs} | told, indent=2))
        return
    for line in _story(identity, told, runs=runs):
        typer.echo(line)


def _from_store(settings: Settings, identity: str, connector_id: int) -> dict[str, Any]:
    """The same answer of a gateway that does not run: nothing was read from the charger, so all of that is null."""
    from ocpp_gateway.charger.why import why as explain
    from ocpp_gateway.cli.stopped import charger_of, stored_core
    from ocpp_gateway.clock import system_clock

    now, charger = system_clock().now(), charger_of(settings, identity)
    core = stored_core(settings, charger, now)
    if connector_id != 0 and connector_id not in core.point.connectors:
        _end(f"{identity} has no connector {connector_id}")
    return explain(core.point, connector_id, now)


def _end(problem: str) -> NoReturn:
    typer.echo(problem, err=True)
    raise typer.Exit(1)


def _story(identity: str, told: dict[str, Any], *, runs: bool) -> Iterator[str]:
    """The answer for people: the result first, then where it comes from, then what became of it."""
    connector_id = told["connector_id"]
    where = f"{identity}, {'the station' if connector_id == 0 else f'connector {connector_id}'}"
    yield f"{where}: {told['summary']}"
    if not runs:
        yield "The gateway does not run; this is what it would decide from its store, without the charger's registers."
    yield ""
    yield from _sources(told["sources"])
    if told["station"] is not None:
        yield ""
        yield f"Station, {told['station']['written_w']} W:"
        yield from _sources(told["station"]["sources"])
    yield ""
    if told["may_change_at"]:
        yield f"May change at {told['may_change_at']}"
    yield from _outcome(told, runs=runs)


def _sources(sources: list[dict[str, Any]]) -> Iterator[str]:
    for source in sources:
        value = "sets no limit" if source["power_w"] is None else f"{source['power_w']} W"
        stated = "" if source["limit"] is None else f"{source['limit']} {source['limit_unit']}"
        if source["limit_unit"] == "A":
            stated += f" on {source['number_phases']} phases"
        notes = [stated, source["detail"] or "", f"until {source['until']}" if source["until"] else ""]
        note = ", ".join(note for note in notes if note)
        yield f"{'>' if source['decides'] else ' '} {source['name']:<26}{value:>14}  {note}".rstrip()


def _outcome(told: dict[str, Any], *, runs: bool) -> Iterator[str]:
    command, read, charger = told["command"], told["read_back"], told["charger"]
    if command["read_only"]:
        yield "Written: nothing, the gateway runs with --read-only"
    elif command["power_w"] is None:
        yield "Written: nothing yet"
    else:
        done = "read back" if command["confirmed"] else "not read back yet"
        yield f"Written: {command['power_w']} W, register value {command['register_value']}, {done}"
    if command["safe_state"] is not None:
        yield f"Safe state since {command['safe_state']['since']}: {command['safe_state']['reason']}"
    if read["power_w"] is None:
        yield "Read: never"
    else:
        place = f"{read['register_table']} register {read['register_address']}"
        yield f"Read: {read['power_w']} W, {place} = {read['register_value']}, {read['age_s']} s ago"
    if charger["seen_at"] is None:
        yield "Charger: has not been reached yet" if runs else "Charger: not asked, as the gateway does not run"
        return
    amperes = [f"{value:g} A" for value in charger.get("current_a") or () if value is not None]
    drawn = "power not read" if charger["power_w"] is None else f"{charger['power_w']:g} W"
    yield f"Charger: {charger['status']}, {', '.join([drawn, *amperes])}"
