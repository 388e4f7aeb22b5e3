"""`probe` against a simulated charger on a real socket."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator

import pytest
import typer

from ocpp_gateway import mapping_files
from ocpp_gateway.cli import probe as probe_module
from ocpp_gateway.cli.probe import address
from ocpp_gateway.cli.probe_reading import read_everything
from ocpp_gateway.errors import RegisterRefused
from ocpp_gateway.registers.mapping import Mapping
from ocpp_gateway.registers.vocabulary import Table
from ocpp_gateway.simulator.device import SimulatedCharger
from ocpp_gateway.simulator.options import ChargerOptions
from ocpp_gateway.simulator.server import SimulatorServer
from unit.cli.conftest import Ended, Run

DUO = 2
SOLO = 1


@pytest.fixture(scope="module")
def mapping() -> Mapping:
    return mapping_files.load("compleo-duo-solo")


@pytest.fixture
async def server(mapping: Mapping) -> AsyncIterator[SimulatorServer]:
    async with SimulatorServer(SimulatedCharger(mapping, DUO)) as server:
        yield server


async def probed(run: Run, server: SimulatorServer, *args: str) -> Ended:
    """The command runs beside the server, in a loop of its own."""
    return await asyncio.to_thread(run, "probe", f"127.0.0.1:{server.port}", "-m", "compleo-duo-solo", *args)


async def test_acceptance_8_every_register_raw_and_decoded_and_nothing_written(
    run: Run, server: SimulatorServer, mapping: Mapping
) -> None:
    ended = await probed(run, server)
    assert (ended.exit_code, ended.err) == (0, "")
    head, *rows, _, summary = ended.out.splitlines()
    assert head.split() == ["KEY", "ADDRESS", "DECODED", "UNIT", "CONFIDENCE", "RAW"]
    assert [row.split()[0] for row in rows] == [field.key for field in mapping.fields(DUO)]
    (firmware,) = [row for row in rows if row.startswith("station.firmware_version")]
    assert firmware.split() == ["station.firmware_version", "input", "6..7", "6.4.1", "confirmed", "0100", "0604"]
    assert summary.startswith(f"{len(rows)} values, 0 refused; ")
    assert "latency min " in summary
    assert not server.charger.writes
    assert server.charger.requests
    assert all(request.exception_code is None for request in server.charger.requests)


async def test_a_solo_is_known_by_register_8(run: Run, mapping: Mapping) -> None:
    async with SimulatorServer(SimulatedCharger(mapping, SOLO)) as server:
        ended = await probed(run, server)
        assert ended.exit_code == 0
        assert "connector.1.status " in ended.out
        assert "connector.2." not in ended.out
        assert all(request.exception_code is None for request in server.charger.requests)


async def test_refused_registers_are_marked_and_cost_their_neighbours_nothing(run: Run, mapping: Mapping) -> None:
    old = SimulatedCharger(mapping, DUO, ChargerOptions(old_firmware=True, left_derating_absent=True))
    async with SimulatorServer(old) as server:
        ended = await probed(run, server)
    rows = {row.split()[0]: row for row in ended.out.splitlines() if "." in row.split(" ")[0]}
    refused = {key for key, row in rows.items() if "exception 2, illegal data address" in row}
    assert refused == {
        "connector.2.derating",
        *(f"connector.{n}.{name}" for n in (1, 2) for name in ("status", "error_code")),
        *(f"connector.{n}.voltage_l{phase}_v" for n in (1, 2) for phase in (1, 2, 3)),
    }
    assert len(rows) == len(mapping.fields(DUO))
    assert f"{len(refused)} refused" in ended.out
    assert ended.exit_code == 0


class WithoutOneRegister:
    """Answers every read with zeros, but refuses those that touch one address."""

    async def read(self, table: Table, address: int, count: int) -> bytes:
        if table is Table.INPUT and 260 in range(address, address + count):
            raise RegisterRefused(table=table, address=address, count=count, exception_code=2)
        return (DUO if address == 8 else 0).to_bytes(2, "big") * count


async def test_a_refused_block_is_split_until_only_the_refused_register_is_left(mapping: Mapping) -> None:
    probe = await read_everything(WithoutOneRegister(), mapping)
    assert [(r.field.key, r.refused) for r in probe.readings if r.refused] == [("connector.1.current_l2_a", 2)]
    assert len(probe.readings) == len(mapping.fields(DUO))


async def test_what_a_charger_says_cannot_paint_over_a_terminal(run: Run, server: SimulatorServer) -> None:
    server.charger.set_raw(Table.INPUT, 32, 0x1B5B)  # ESC [
    ended = await probed(run, server)
    assert "\x1b" not in ended.out


async def test_implausible_values_are_told_with_their_raw_words(run: Run, server: SimulatorServer) -> None:
    server.charger.set_raw(Table.INPUT, 268, 99)
    ended = await probed(run, server)
    (status,) = [row for row in ended.out.splitlines() if row.startswith("connector.1.status ")]
    assert "not plausible" in status
    assert status.endswith("0063")


async def test_json_is_for_programs(run: Run, server: SimulatorServer) -> None:
    result = json.loads((await probed(run, server, "--json")).out)
    firmware = next(r for r in result["registers"] if r["key"] == "station.firmware_version")
    assert firmware == {
        "key": "station.firmware_version",
        "title": firmware["title"],
        "table": "input",
        "address": 6,
        "count": 2,
        "raw": ["0100", "0604"],
        "value": "6.4.1",
        "unit": None,
        "confidence": "confirmed",
        "exception": None,
    }
    latency = result["latency_ms"]
    assert 0 < latency["min"] <= latency["median"] <= latency["max"]


async def test_watch_tells_what_changed_and_survives_a_lost_connection(
    server: SimulatorServer, mapping: Mapping, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from ocpp_gateway.modbus.link import ModbusLink

    monkeypatch.setattr(probe_module, "WATCH_INTERVAL_S", 0.01)
    printed = ""

    async def told(text: str) -> None:
        nonlocal printed
        while text not in printed:
            printed += "".join(capsys.readouterr())
            await asyncio.sleep(0.005)

    link = ModbusLink("127.0.0.1", server.port, 255, 1.0)
    watching = asyncio.create_task(probe_module._probe(link, mapping, watch=True, as_json=False))
    await told("latency min")
    server.charger.set_raw(Table.INPUT, 268, 1)
    await told("connector.1.status: Available -> Preparing  (0001)")
    await server.offline(0.05)
    await told("connection refused")
    server.charger.set_raw(Table.INPUT, 268, 4)
    await told("connector.1.status: Preparing -> SuspendedEV  (0004)")
    watching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await watching
    assert not link.connected
    assert not server.charger.writes


# ---------------------------------------------------------------- one line that says what to do


def test_a_closed_port_is_one_line(run: Run) -> None:
    with socket.socket() as never_listens:
        never_listens.bind(("127.0.0.1", 0))
        port = never_listens.getsockname()[1]
        ended = run("probe", f"127.0.0.1:{port}", "-m", "compleo-duo-solo")
    assert (ended.exit_code, ended.out) == (1, "")
    assert ended.err.count("\n") == 1
    assert "connection refused; check" in ended.err


def test_an_unknown_host_is_one_line(run: Run) -> None:
    ended = run("probe", "no-such-host.invalid", "-m", "compleo-duo-solo")
    assert (ended.exit_code, ended.err.count("\n")) == (1, 1)
    assert "unknown host name" in ended.err


def test_a_charger_that_never_answers_is_one_line_about_the_unit(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe_module, "TIMEOUT_S", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        ended = run("probe", f"127.0.0.1:{silent.getsockname()[1]}", "-m", "compleo-duo-solo", "--unit", "7")
    assert (ended.exit_code, ended.err.count("\n")) == (1, 1)
    assert "unit_id 7" in ended.err


async def test_a_charger_that_hangs_up_may_have_another_client(run: Run) -> None:
    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        ended = await asyncio.to_thread(run, "probe", f"127.0.0.1:{port}", "-m", "compleo-duo-solo")
    assert (ended.exit_code, ended.err.count("\n")) == (1, 1)
    assert "does another Modbus client hold" in ended.err


async def test_another_make_of_charger_is_one_line_about_the_mapping(run: Run, server: SimulatorServer) -> None:
    server.charger.refuse(1, exception_code=2)
    ended = await probed(run, server)
    assert (ended.exit_code, ended.err.count("\n")) == (1, 1)
    assert ended.err.strip().endswith("is compleo-duo-solo the right mapping?")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("192.168.1.50", ("192.168.1.50", None)),
        ("192.168.1.50:1502", ("192.168.1.50", 1502)),
        ("charger.local:502", ("charger.local", 502)),
        ("::1", ("::1", None)),
        ("[::1]", ("::1", None)),
        ("[::1]:502", ("::1", 502)),
    ],
)
def test_an_address_is_a_host_and_maybe_a_port(text: str, expected: tuple[str, int | None]) -> None:
    assert address(text) == expected


@pytest.mark.parametrize("text", ["host:", "host:0", "host:65536", "host:x", ":502", "http://host:80", "host:502/"])
def test_what_is_no_address_is_wrong_use(text: str) -> None:
    with pytest.raises(typer.BadParameter):
        address(text)
