from __future__ import annotations

import asyncio
import csv
import http.server
import io
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

import pytest

from ocpp_gateway.charger.records import (
    MeterRecord,
    OutboxDone,
    OutboxRecord,
    Record,
    TransactionIdRecord,
    TransactionReading,
    TransactionRecord,
)
from ocpp_gateway.instant import Instant
from ocpp_gateway.store import Store
from unit.cli.conftest import Run

NOON = Instant(datetime(2026, 3, 1, 12, tzinfo=UTC), "boot-1", 0.0)
CONFIGURATION = """\
version: 1
central_system: {{url: "ws://127.0.0.1:9000/", security_profile: 0}}
chargers: [{{identity: SITE-1, mapping: compleo-duo-solo, modbus: {{host: 127.0.0.1}}, max_power_w: 22000}}]
store: {{url: "sqlite:///{store}"}}
web: {{port: {port}}}
"""
SESSION: list[Record] = [
    TransactionRecord(
        "abc-1", 1, "=04A1", 1000, NOON, 1700, NOON, stopped_at=NOON, meter_stop_wh=1700, stop_reason="Local"
    ),
    TransactionReading("abc-1", "start", NOON, MeterRecord(1, 1000, 300, 20), 2, 300, 20, "=04A1", 3600.0),
    OutboxRecord("m-1", "StartTransaction", {"idTag": "=04A1"}, NOON, "abc-1"),
    OutboxRecord("m-2", "StopTransaction", {"meterStop": 1700}, NOON, "abc-1"),
    OutboxDone(1, answer={"transactionId": 77}, answered_at=NOON),
    TransactionIdRecord("abc-1", "77"),
    OutboxDone(2, dead=True, answered_at=NOON),
    TransactionRecord("abd-2", 2, "04B2", 0, NOON, 0, NOON),
]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """gateway.yaml of a stopped gateway, with a store that holds something."""

    async def fill() -> None:
        store = await Store.open(f"sqlite:///{tmp_path}/gateway.db", now=lambda: datetime(2026, 3, 1, tzinfo=UTC))
        await store.commit("SITE-1", SESSION)
        await store.outbox_sending(
            "SITE-1", 2, number=1, message_id="m-2", sent_at=NOON.stamp(), transaction_id="77"
        )
        await store.close()

    asyncio.run(fill())
    return written(tmp_path, 1)  # nothing listens on port 1


def written(folder: Path, port: int) -> Path:
    file = folder / "gateway.yaml"
    file.write_text(CONFIGURATION.format(store=folder / "gateway.db", port=port))
    return file


def test_transactions_are_listed_newest_first(run: Run, config: Path) -> None:
    exit_code, out, _ = run("transactions", "list", "-c", config)
    lines = out.splitlines()
    assert exit_code == 0
    assert ["CHARGE POINT" in lines[0], "abd-2" in lines[1], "abc-1" in lines[2]] == [True] * 3
    assert json.loads(run("transactions", "list", "-c", config, "--json", "--limit", 1).out)[0]["local_id"] == "abd-2"


def test_dead_letters_are_listed(run: Run, config: Path) -> None:
    (letter,) = json.loads(run("transactions", "list", "--dead", "--json", "-c", config).out)
    assert (letter["seq"], letter["action"], letter["local_id"]) == (2, "StopTransaction", "abc-1")


@pytest.mark.parametrize("name", ["abc-1", "abc", "77"])
def test_a_transaction_shows_what_it_rests_on(run: Run, config: Path, name: str) -> None:
    exit_code, out, _ = run("transactions", "show", name, "-c", config)
    assert exit_code == 0
    reading = "start: status_raw=2 session_energy_wh=300"
    for part in ('"meterStop": 1700', "transactionId 77", reading, "energy_wh: 700"):
        assert part in out
    as_json = json.loads(run("transactions", "show", name, "-c", config, "--json").out)
    assert as_json["transaction_ids"] == {"main": "77"}


@pytest.mark.parametrize(
    ("name", "says"), [("ab", "ab may be any of abd-2, abc-1"), ("zz", "no transaction is called zz")]
)
def test_a_name_that_means_none_or_several_is_said_to(run: Run, config: Path, name: str, says: str) -> None:
    assert run("transactions", "show", name, "-c", config) == (1, "", f"{says}\n")


def test_a_missing_store_is_one_line(run: Run, tmp_path: Path) -> None:
    exit_code, _, err = run("transactions", "list", "-c", written(tmp_path, 1))
    assert exit_code == 1
    assert err.startswith(f"there is no store {tmp_path}/gateway.db")


def test_a_store_that_waits_for_room_since_its_first_start_is_one_line(run: Run, tmp_path: Path) -> None:
    (tmp_path / "gateway.db").touch()
    exit_code, _, err = run("transactions", "list", "-c", written(tmp_path, 1))
    assert exit_code == 1
    assert err.startswith(f"the store {tmp_path}/gateway.db is empty: no gateway has begun it")


def test_fault_w_06_what_is_exported_is_no_formula(run: Run, config: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(run("transactions", "export", "-c", config).out)))
    assert [(row["local_id"], row["id_tag"], row["energy_wh"]) for row in rows] == [
        ("abd-2", "04B2", "0"),
        ("abc-1", "'=04A1", "700"),
    ]
    told = json.loads(run("transactions", "export", "--format", "json", "-c", config).out)
    assert [len(one["messages"]) for one in told] == [0, 2]


# ---------------------------------------------------------------- sending again


@pytest.mark.parametrize("what", [["abc"], ["2", "--message"]])
def test_a_stopped_gateway_sends_it_again_at_its_next_start(run: Run, config: Path, what: list[str]) -> None:
    again = "SITE-1: StopTransaction (message 2) is in the queue again\n"
    assert run("transactions", "resend", *what, "-c", config) == (0, again, "")
    assert run("transactions", "resend", "abc", "-c", config) == (1, "", "it has no dead letters\n")


@pytest.mark.parametrize("seq", ["1", "99"])
def test_what_is_no_dead_letter_is_not_sent_again(run: Run, config: Path, seq: str) -> None:
    assert run("transactions", "resend", seq, "--message", "-c", config) == (1, "", f"there is no dead letter {seq}\n")


class Gateway(http.server.BaseHTTPRequestHandler):
    """A running gateway that answers as the class says, and remembers what it was asked."""

    status = 200
    asked: ClassVar[list[tuple[str, str | None]]] = []

    def do_POST(self) -> None:
        self.asked.append((self.path, self.headers["Content-Type"]))
        self.rfile.read(int(self.headers["Content-Length"]))
        body = [{"charge_point": "SITE-1", "seq": 2, "action": "StopTransaction"}]
        self.send_response(self.status)
        self.end_headers()
        self.wfile.write(json.dumps(body if self.status == 200 else {"detail": "log in"}).encode())

    def log_message(self, *args: object) -> None:
        """Says nothing."""


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    monkeypatch.setattr(Gateway, "asked", [])
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Gateway) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def test_a_running_gateway_is_asked_to_send_it_again(run: Run, config: Path, port: int) -> None:
    written(config.parent, port)
    assert run("transactions", "resend", "abc", "-c", config).exit_code == 0
    assert Gateway.asked == [("/api/v1/transactions/abc-1/resend", "application/json")]
    assert len(json.loads(run("transactions", "list", "--dead", "--json", "-c", config).out)) == 1  # nobody else did


def test_what_the_running_gateway_refuses_is_told(
    run: Run, config: Path, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(config.parent, port)
    monkeypatch.setattr(Gateway, "status", 401)
    assert run("transactions", "resend", "abc", "-c", config) == (
        1,
        "",
        "the gateway asks for a token: put one into OCPP_GATEWAY_TOKEN\n",
    )
