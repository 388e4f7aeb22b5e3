"""Deaths with a tale of their own; the campaigns of `killing` and `inside_commit` find the rest."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from faults.gateways import Process
from faults.stage import Stage, play
from ocpp_gateway.central.policy import Policy

CGROUPS = Path("/sys/fs/cgroup/memory")
HOG = """
print("ready", flush=True)
input()
held = [b"x" * 1_000_000 * (number + 1) for number in range(30)]
"""


@pytest.mark.parametrize("failpoint", ["start_intent.after_send", "stop_intent.after_send"])
def test_fault_k_07_what_was_sent_before_a_kill_is_sent_again_to_the_letter(tmp_path: Path, failpoint: str) -> None:
    async def tale(stage: Stage) -> None:
        await stage.commissioned()
        gateway = await stage.start(failpoint=failpoint)
        await stage.polling()
        car = asyncio.create_task(stage.story.visit(1, 10))
        await gateway.gone.wait()
        stage.story.kills += 1
        gateway = await stage.start()
        await car
        action = "StartTransaction" if failpoint.startswith("start") else "StopTransaction"
        await stage.site.until(lambda: len(stage.site.told(action)) == 2, timeout_s=600)
        await stage.stop(gateway)
        first, second = (frame.payload for frame in stage.site.told(action))
        assert first == second

    play(tmp_path, tale)


def test_fault_k_08_after_two_answers_with_two_ids_the_stop_names_the_second(tmp_path: Path) -> None:
    async def tale(stage: Stage) -> None:
        await stage.commissioned()
        gateway = await stage.start(failpoint="start_intent.answer_received")
        await stage.polling()
        car = asyncio.create_task(stage.story.visit(1, 10))
        await gateway.gone.wait()
        stage.story.kills += 1
        gateway = await stage.start()
        await car
        await stage.stop(gateway)
        (transaction,) = stage.site.central.transactions
        assert transaction.transaction_ids == [1, 2]
        assert [frame.payload["transactionId"] for frame in stage.site.told("StopTransaction")] == [2]

    play(tmp_path, tale, policy=Policy(knows_repeats=False))


def test_fault_k_09_a_card_shown_while_no_gateway_lived_is_billed(tmp_path: Path) -> None:
    async def tale(stage: Stage) -> None:
        await stage.commissioned()
        car = asyncio.create_task(stage.story.visit(1, 10))
        await stage.site.until(lambda: stage.site.charger.connector(1).session_energy_wh >= 200, timeout_s=600)
        gateway = await stage.start()
        await car
        await stage.stop(gateway)
        (transaction,) = stage.site.central.transactions
        assert transaction.id_tag == stage.story.visits[-1].id_tag

    play(tmp_path, tale)


def test_fault_k_13_power_loss_of_both_ends_the_session_with_what_was_last_seen(tmp_path: Path) -> None:
    async def tale(stage: Stage) -> None:
        await stage.commissioned()
        gateway = await stage.start()
        await stage.polling()
        charger, story = stage.site.charger, stage.story
        car = asyncio.create_task(story.visit(1, 30))
        await stage.site.until(lambda: story.visits and story.visits[-1].seen_wh >= 800, timeout_s=600)
        seen_wh = story.visits[-1].seen_wh
        charger.advance(charger.now_s)
        charger.pause_vehicle(1, paused=True)
        await stage.die(gateway)
        took_wh = charger.connector(1).session_energy_wh
        charger.reboot()
        gateway = await stage.start()
        await stage.site.until(lambda: stage.site.told("StopTransaction"), timeout_s=600)
        (stopped,) = stage.site.told("StopTransaction")
        (transaction,) = stage.site.central.transactions
        assert stopped.payload["reason"] == "PowerLoss"
        assert transaction.energy_wh is not None
        assert seen_wh <= transaction.energy_wh <= took_wh
        assert transaction.id_tag == story.visits[-1].id_tag
        story.visits[-1].seen_wh = 0  # the charger forgot, and so the register is no witness any more
        await car
        story.visits[-1].energy_wh = transaction.energy_wh
        await stage.stop(gateway)
        assert len(stage.site.told("StartTransaction")) == 1

    play(tmp_path, tale)


def test_fault_k_14_a_crash_loop_reaches_neither_charger_nor_central_system(tmp_path: Path) -> None:
    async def tale(stage: Stage) -> None:
        await stage.commissioned()
        connections, writes = len(stage.site.central.closings), len(stage.site.charger.writes)
        stage.config.write_text(stage.config.read_text().replace("max_power_w", "max_power_kw"))
        for _ in range(20):
            gateway = await stage.forks.start(stage.config, log=stage.log)
            async with asyncio.timeout(100):
                await gateway.gone.wait()
        assert len(stage.site.central.closings) <= connections + 1  # the one of before may end meanwhile
        assert len(stage.site.charger.writes) == writes
        assert stage.log.read_text().count("max_power_kw") >= 20

    play(tmp_path, tale)


@pytest.fixture
def memory_group() -> Iterator[Path]:
    """A group of processes that may have 256 MB together."""
    group = CGROUPS / f"ocpp-gateway-{os.getpid()}"
    try:
        group.mkdir()
        (group / "memory.limit_in_bytes").write_text("256M")
    except OSError as exc:
        pytest.skip(f"needs root and the memory cgroup (version 1): {exc.strerror}")
    yield group
    with suppress(OSError):
        group.rmdir()


def test_fault_k_10_the_out_of_memory_killer_costs_nothing(tmp_path: Path, memory_group: Path) -> None:
    def first_to_go(pid: int, beside: int) -> None:
        for member in (pid, beside):
            (memory_group / "cgroup.procs").write_text(str(member))
        Path(f"/proc/{pid}/oom_score_adj").write_text("1000")

    async def killed_for_want_of_memory(gateway: Process) -> None:
        hog = await asyncio.create_subprocess_exec(
            sys.executable, "-c", HOG, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        assert hog.stdin is not None
        assert hog.stdout is not None
        await hog.stdout.readline()
        await asyncio.to_thread(first_to_go, gateway.pid, hog.pid)
        hog.stdin.write(b"\n")
        await gateway.gone.wait()
        with suppress(ProcessLookupError):
            hog.kill()
        await hog.wait()

    async def tale(stage: Stage) -> None:
        await stage.commissioned()
        gateway = await stage.start()
        await stage.polling()
        car = asyncio.create_task(stage.story.visit(1, 20))
        await stage.site.until(lambda: stage.site.told("MeterValues"), timeout_s=600)
        await killed_for_want_of_memory(gateway)
        stage.story.kills += 1
        gateway = await stage.start()
        await car
        await stage.stop(gateway)

    play(tmp_path, tale)
