"""A gateway that may do next to nothing on its machine, and one that has nowhere to log."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from integration.process import gateway_process
from integration.site import Site, a_site

BWRAP = (
    *("bwrap", "--unshare-user", "--uid", "65534", "--gid", "65534", "--cap-drop", "ALL"),
    *("--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--die-with-parent"),
)


def why_not() -> str | None:
    """Why this machine cannot confine a process so; None when it can."""
    if shutil.which("bwrap") is None:
        return "needs bubblewrap"
    tried = subprocess.run([*BWRAP, "true"], capture_output=True, text=True, check=False)
    return None if tried.returncode == 0 else f"needs user namespaces: {tried.stderr.strip()}"


@pytest.mark.skipif(why_not() is not None, reason=str(why_not()))
async def test_fault_c_04_without_root_capabilities_or_a_writable_system_it_serves_a_session(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    async with a_site(data) as site:
        config = tmp_path / "gateway.yaml"
        config.write_text(json.dumps(site.config))
        gateway = (sys.executable, "-m", "ocpp_gateway", "run", "-c", str(config))
        confined = (*BWRAP, "--bind", str(data), str(data), *gateway)
        with (tmp_path / "log").open("wb") as log:
            process = await asyncio.create_subprocess_exec(*confined, stdout=log, stderr=log)
        try:
            await _a_session(site)
        finally:
            process.terminate()
            await process.wait()


async def test_fault_c_05_with_nowhere_to_log_it_serves_a_session(tmp_path: Path) -> None:
    async with a_site(tmp_path) as site:
        (tmp_path / "log").symlink_to("/dev/full")
        async with gateway_process(site) as process:
            await _a_session(site)
            assert process.returncode is None


async def _a_session(site: Site) -> None:
    await site.until(lambda: site.statuses(2) == ["Available"])
    site.charger.plug(1, "04A1B2C3")
    await site.until(lambda: site.told("MeterValues"))
    (transaction,) = site.central.transactions
    assert transaction.id_tag == "04A1B2C3"
    assert site.central.violations == []
