"""kill -9 at any moment: what a commit returned for is there, what did not return is there as a whole or not at all."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from ocpp_gateway.errors import StoreError
from ocpp_gateway.store import Store

KILLS = 25


@dataclass
class Gateways:
    """Starts gateways one after the other, hears what they say, and kills them."""

    process: subprocess.Popen[str]

    def hear(self) -> list[str]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "the writer is gone"
        return line.split()

    def start(self) -> int:
        """The pid of a gateway that has its store open."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        word, pid = self.hear()
        assert word == "pid"
        assert self.hear() == ["open"]
        return int(pid)

    def rest(self) -> list[list[str]]:
        """What the killed gateway had still said."""
        said = []
        while (words := self.hear()) != ["gone"]:
            said.append(words)
        return said


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "gateway.db"


@pytest.fixture
def gateways(database: Path) -> Iterator[Gateways]:
    writer = [sys.executable, str(Path(__file__).with_name("writer.py")), str(database)]
    with subprocess.Popen(writer, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield Gateways(process)


def everything_in(database: Path) -> tuple[list[int], list[int], list[int], int]:
    """The numbers of the transactions and of the messages, the rows that are done, and the meter."""
    look = f"{database.as_uri()}?mode=ro"  # who may write takes the WAL away with it
    with closing(sqlite3.connect(look, uri=True)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        begun = connection.execute("SELECT local_id FROM charging_transaction ORDER BY number").fetchall()
        transactions = [int(local_id.removeprefix("tx-")) for (local_id,) in begun]
        queued = connection.execute("SELECT message_id FROM outbox ORDER BY seq").fetchall()
        messages = [int(message_id.removeprefix("m-")) for (message_id,) in queued]
        done = [seq for (seq,) in connection.execute("SELECT seq FROM outbox WHERE state = 'done' ORDER BY seq")]
        ((meter,),) = connection.execute("SELECT total_wh FROM connector").fetchall()
    return transactions, messages, done, meter


@pytest.mark.conformance("X-38")
def test_fault_k_09_every_commit_that_returned_survives_kill_9(gateways: Gateways, database: Path) -> None:
    seed = random.randrange(2**32)
    chance = random.Random(seed)
    committed: list[int] = []
    answered: list[int] = []

    for kill in range(KILLS):
        pid = gateways.start()
        said = [gateways.hear() for _ in range(chance.randrange(1, 12))]
        time.sleep(chance.uniform(0, 0.002))  # not waiting for anything: anywhere within the next commits
        os.kill(pid, signal.SIGKILL)
        for word, number in said + gateways.rest():
            (committed if word == "committed" else answered).append(int(number))

        transactions, messages, done, meter = everything_in(database)
        story = f"kill {kill} of seed {seed}"
        assert set(committed) <= set(transactions), story
        assert set(answered) <= set(done), story
        assert transactions == messages == list(range(1, meter + 1)), story  # of one event: all of it, or nothing
        assert done == list(range(1, len(done) + 1)), story

    assert len(committed) > KILLS
    assert len(answered) > KILLS / 4


async def test_fault_d_10_the_lock_names_its_holder_and_dies_with_it(gateways: Gateways, database: Path) -> None:
    pid = gateways.start()

    began = time.monotonic()
    with pytest.raises(StoreError, match=f"in use by another gateway, process {pid}: stop that one"):
        await Store.open(f"sqlite:///{database}")
    assert time.monotonic() - began < 2

    os.kill(pid, signal.SIGKILL)
    await asyncio.to_thread(gateways.rest)
    store = await Store.open(f"sqlite:///{database}")
    await store.close()
