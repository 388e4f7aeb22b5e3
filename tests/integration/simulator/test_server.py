"""The simulated charger over real Modbus TCP, asked by pymodbus's own client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from pymodbus import FramerType
from pymodbus.client import AsyncModbusTcpClient

from ocpp_gateway.registers.vocabulary import Table
from ocpp_gateway.simulator.device import SimulatedCharger
from ocpp_gateway.simulator.ev import ElectricVehicle
from ocpp_gateway.simulator.server import SimulatorServer
from unit.simulator.chargers import new_charger


@asynccontextmanager
async def connected(server: SimulatorServer) -> AsyncIterator[AsyncModbusTcpClient]:
    client = AsyncModbusTcpClient(
        "127.0.0.1", port=server.port, framer=FramerType.SOCKET, retries=0, reconnect_delay=0, timeout=2
    )
    assert await client.connect()
    try:
        yield client
    finally:
        client.close()
        await asyncio.sleep(0)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110  a fact of the other side of a socket, which sets no event
            await asyncio.sleep(0.01)


async def until_answered(port: int) -> None:
    async with asyncio.timeout(5):
        while await refused(port):  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def refused(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except ConnectionRefusedError:
        return True
    writer.close()
    await writer.wait_closed()
    return False


@pytest.fixture
async def server() -> AsyncIterator[SimulatorServer]:
    async with SimulatorServer(new_charger()) as running:
        yield running


# ---------------------------------------------------------------- requests and answers


async def test_both_tables_are_read_by_their_own_function(server: SimulatorServer) -> None:
    async with connected(server) as client:
        holding = await client.read_holding_registers(0, count=6)
        inputs = await client.read_input_registers(6, count=3)

    assert holding.registers == [440, 100, 200, 440, 100, 0]
    assert inputs.registers == [0x0100, 0x0604, 2]


@pytest.mark.parametrize("unit_id", [0, 1, 17, 255])
async def test_any_unit_id_is_answered(server: SimulatorServer, unit_id: int) -> None:
    async with connected(server) as client:
        answer = await client.read_input_registers(8, count=1, device_id=unit_id)

    assert (answer.registers, answer.dev_id) == ([2], unit_id)


async def test_a_write_is_echoed_reaches_the_charger_and_its_mirror(server: SimulatorServer) -> None:
    async with connected(server) as client:
        echo = await client.write_register(0, 220)
        mirror = await client.read_holding_registers(1, count=1)

    assert (echo.function_code, echo.address, echo.registers) == (6, 0, [220])
    assert mirror.registers == [50]
    assert [(w.address, w.value) for w in server.charger.writes] == [(0, 220)]
    assert [(r.table, r.address) for r in server.charger.requests] == [(Table.HOLDING, 1)]  # the echo is no read


async def test_several_registers_can_be_written_at_once(server: SimulatorServer) -> None:
    async with connected(server) as client:
        answer = await client.write_registers(3, [42, 10, 30])

    assert not answer.isError()
    assert [(w.address, w.value) for w in server.charger.writes] == [(3, 42), (4, 10), (5, 30)]


@pytest.mark.parametrize(
    ("ask", "exception_code"),
    [
        pytest.param(lambda c: c.read_input_registers(257, count=15), 2, id="a hole at 265"),
        pytest.param(lambda c: c.read_input_registers(4096, count=16), 2, id="a hole at 4107"),
        pytest.param(lambda c: c.read_holding_registers(262, count=2), 2, id="FC3 on an input register"),
        pytest.param(lambda c: c.read_input_registers(65535, count=1), 2, id="the last address"),
        pytest.param(lambda c: c.write_register(268, 1), 2, id="a write to an input register"),
        pytest.param(lambda c: c.write_register(265, 1), 2, id="a write to a hole"),
        pytest.param(lambda c: c.read_coils(0, count=1), 1, id="coils"),
        pytest.param(lambda c: c.read_discrete_inputs(0, count=1), 1, id="discrete inputs"),
        pytest.param(lambda c: c.write_coil(0, True), 1, id="a coil"),
        pytest.param(lambda c: c.mask_write_register(address=0), 1, id="a mask write"),
    ],
)
async def test_what_the_charger_lacks_is_a_modbus_exception(
    server: SimulatorServer, ask: Callable[[AsyncModbusTcpClient], object], exception_code: int
) -> None:
    async with connected(server) as client:
        answer = await ask(client)  # type: ignore[misc]

    assert answer.exception_code == exception_code
    assert server.charger.connector(1).vehicle is None


async def test_a_session_over_the_wire(server: SimulatorServer) -> None:
    server.charger.charging_speed = 3600
    async with connected(server) as client:

        async def status() -> int:
            return (await client.read_input_registers(268, count=1)).registers[0]

        assert await status() == 0
        server.charger.plug(1, "04A1B2C3", ElectricVehicle(energy_wanted_wh=2_000))
        assert await status() == 2
        assert (await client.read_input_registers(4096, count=10)).registers[:4] == [0x3034, 0x4131, 0x4232, 0x4333]
        async with asyncio.timeout(5):
            while await status() != 4:
                pass
        energy = await client.read_input_registers(264, count=1)
        assert energy.registers == [20]
        server.charger.unplug(1)
        assert await status() == 0


async def test_time_passes_without_requests(server: SimulatorServer) -> None:
    await until(lambda: server.charger.now_s > 0.3)

    assert not server.charger.requests


async def test_charging_runs_faster_by_the_speed_asked_for() -> None:
    charger = new_charger()
    charger.plug(1, ev=ElectricVehicle(energy_wanted_wh=1_000_000))
    async with SimulatorServer(charger, speed=1000):
        await until(lambda: charger.now_s > 0.1)

    assert charger.connector(1).charging_s == pytest.approx(charger.now_s * 1000)


# ---------------------------------------------------------------- mishaps


async def test_exception_6_for_the_next_requests(server: SimulatorServer) -> None:
    server.charger.refuse(2)
    async with connected(server) as client:
        answers = [await client.read_input_registers(268, count=1) for _ in range(3)]

    assert [answer.exception_code for answer in answers] == [6, 6, 0]


async def test_a_request_during_another_finds_the_charger_busy(server: SimulatorServer) -> None:
    server.delay_s = 0.2
    async with connected(server) as one, connected(server) as other:
        first = asyncio.ensure_future(one.read_input_registers(8, count=1))
        await until(lambda: server.is_answering)
        second = await other.read_input_registers(8, count=1)
        assert second.exception_code == 6
        assert (await first).registers == [2]
        assert (await other.read_input_registers(8, count=1)).registers == [2]


async def test_an_answer_can_be_late(server: SimulatorServer) -> None:
    server.delay_s = 0.2
    loop = asyncio.get_running_loop()
    async with connected(server) as client:
        begin_s = loop.time()
        await client.read_input_registers(8, count=1)

    assert loop.time() - begin_s >= 0.2


async def test_dropped_connections_are_seen_and_new_ones_are_welcome(server: SimulatorServer) -> None:
    async with connected(server) as one, connected(server) as other:
        await server.drop_connections()
        await until(lambda: not one.connected and not other.connected)

        async with connected(server) as client:
            assert not (await client.read_input_registers(8, count=1)).isError()


async def test_a_connection_dropped_while_an_answer_is_due_gets_none(server: SimulatorServer) -> None:
    server.delay_s = 60
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(bytes.fromhex("000100000006ff0400080001"))
    await until(lambda: server.is_answering)

    await server.drop_connections()

    assert await reader.read() == b""
    assert not server.is_answering
    writer.close()
    await writer.wait_closed()


async def test_the_next_answer_can_be_cut_in_the_middle(server: SimulatorServer) -> None:
    server.cut_next_answer()
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(bytes.fromhex("000100000006ff0400080001"))

    assert await reader.read() == bytes.fromhex("0001000000")  # of 0001 0000 0005 ff 04 02 0002
    writer.close()
    await writer.wait_closed()

    async with connected(server) as client:
        assert (await client.read_input_registers(8, count=1)).registers == [2]


async def test_a_read_tells_on_which_connection_it_came_unless_there_are_two(server: SimulatorServer) -> None:
    async with connected(server) as first:
        await first.read_input_registers(8, count=1)
        await first.read_input_registers(8, count=1)
        async with connected(server) as second:
            await second.read_input_registers(8, count=1)
        await until(lambda: len(server.charger.requests) == 3)
    async with connected(server) as third:
        await third.read_input_registers(8, count=1)

    assert [read.connection for read in server.charger.requests] == [1, 1, None, 3]


async def test_offline_means_dropped_and_refused_until_the_time_is_over(server: SimulatorServer) -> None:
    server.charger.plug(1)
    async with connected(server) as client:
        await server.offline(0.3)
        await until(lambda: not client.connected)
    assert await refused(server.port)
    before_s = server.charger.now_s

    await until_answered(server.port)
    assert server.charger.now_s >= before_s  # the car goes on
    async with connected(server) as client:
        assert (await client.read_input_registers(268, count=1)).registers == [2]


async def test_offline_again_counts_anew(server: SimulatorServer) -> None:
    await server.offline(60)
    await server.offline(0.05)

    await until_answered(server.port)


# ---------------------------------------------------------------- start and stop


async def test_two_chargers_get_two_ports() -> None:
    async with SimulatorServer(new_charger()) as one, SimulatorServer(new_charger(1)) as other:
        assert one.port != other.port
        async with connected(one) as duo, connected(other) as solo:
            assert (await duo.read_input_registers(8, count=1)).registers == [2]
            assert (await solo.read_input_registers(8, count=1)).registers == [1]


async def test_a_taken_port_is_an_error_of_the_operating_system(server: SimulatorServer) -> None:
    with pytest.raises(OSError, match="in use"):
        async with SimulatorServer(new_charger(), port=server.port):
            pass


@pytest.mark.parametrize("state", ["idle", "connected", "answering", "offline"])
async def test_nothing_is_left_after_the_end(state: str) -> None:
    before = asyncio.all_tasks()
    charger: SimulatedCharger = new_charger()
    async with SimulatorServer(charger) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        if state == "answering":
            server.delay_s = 60
            writer.write(bytes.fromhex("000100000006ff0400080001"))
            await until(lambda: server.is_answering)
        if state == "offline":
            await server.offline(60)
        if state == "idle":
            writer.close()
            await writer.wait_closed()
    assert await reader.read() == b""
    writer.close()
    await writer.wait_closed()

    assert asyncio.all_tasks() == before
    assert await refused(server.port)


async def test_a_client_that_speaks_no_modbus_does_no_harm(server: SimulatorServer) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"GET / HTTP/1.1\r\n\r\n" * 50)
    await writer.drain()

    async with connected(server) as client:
        assert (await client.read_input_registers(8, count=1)).registers == [2]
    writer.close()
    await writer.wait_closed()
