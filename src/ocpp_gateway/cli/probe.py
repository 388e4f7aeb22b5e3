"""`ocpp-gateway probe`: every register of a charger, raw and decoded."""

from __future__ import annotations

import ipaddress
import json
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from ocpp_gateway.cli.options import JsonOption, MappingOption

if TYPE_CHECKING:
    from ocpp_gateway.cli.probe_reading import Probe
    from ocpp_gateway.modbus.link import ModbusLink
    from ocpp_gateway.registers.mapping import Mapping

TIMEOUT_S = 2.0
WATCH_INTERVAL_S = 1.0


def probe(
    host: Annotated[str, typer.Argument(help="Host name or IP address, with :PORT if need be.", metavar="HOST[:PORT]")],
    mapping: MappingOption,
    unit: Annotated[int | None, typer.Option(help="Unit id; the mapping's when absent.", min=0, max=255)] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Read again each second and print what changed.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Read every register of a charger: raw, decoded, latency, refused ones. Never writes."""
    import asyncio

    from ocpp_gateway import mapping_files
    from ocpp_gateway.modbus.link import ModbusLink

    name, port = address(host)
    known = mapping_files.load(mapping)
    transport = known.transport
    link = ModbusLink(name, port or transport.port, transport.unit_id if unit is None else unit, TIMEOUT_S)
    asyncio.run(_probe(link, known, watch=watch, as_json=as_json))


def address(text: str) -> tuple[str, int | None]:
    """Host and port of `HOST[:PORT]`, an IPv6 address with a port in brackets. Raises typer.BadParameter."""
    try:
        return str(ipaddress.ip_address(text.strip("[]"))), None
    except ValueError:
        host, colon, port = text.rpartition(":")
    if not colon:
        return text, None
    if not (host and port.isascii() and port.isdigit() and 0 < int(port) <= 65535) or "/" in host:
        raise typer.BadParameter(f"{text!r} is not HOST or HOST:PORT", param_hint="HOST[:PORT]")
    return host.strip("[]"), int(port)


async def _probe(link: ModbusLink, mapping: Mapping, *, watch: bool, as_json: bool) -> None:
    from ocpp_gateway.cli.probe_reading import read_everything, table

    await link.connect()
    try:
        first = await read_everything(link, mapping)
        _print(_as_json(first, mapping, indent=None if watch else 2) if as_json else table(first))
        if watch:
            await _watch(link, mapping, first, as_json=as_json)
    finally:
        await link.close()


async def _watch(link: ModbusLink, mapping: Mapping, before: Probe, *, as_json: bool) -> None:
    """Reads for ever; a lost connection is told, and opened again."""
    import asyncio
    from datetime import datetime

    from ocpp_gateway.cli.probe_reading import changes, read_everything
    from ocpp_gateway.errors import LinkError

    while True:
        await asyncio.sleep(WATCH_INTERVAL_S)
        try:
            if not link.connected:
                await link.connect()
            now = await read_everything(link, mapping)
        except LinkError as exc:
            print(exc, file=sys.stderr)
            continue
        if as_json:
            _print(_as_json(now, mapping, indent=None))
        else:
            for change in changes(before, now):
                _print(f"{datetime.now().astimezone():%H:%M:%S}  {change}")
        before = now


def _as_json(probe: Probe, mapping: Mapping, *, indent: int | None) -> str:
    registers = [reading.as_json() for reading in probe.readings]
    latency = {**probe.latency(), "requests": len(probe.latencies_ms)}
    return json.dumps({"mapping": mapping.name, "registers": registers, "latency_ms": latency}, indent=indent)


def _print(text: str) -> None:
    print(text, flush=True)
