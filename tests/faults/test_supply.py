"""What the gateway is made of and where it runs: libraries, the image, and machines that are set up differently."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from faults.stage import at_length

ROOT = Path(__file__).parents[2]
RELIED_UPON = ("ocpp", "pymodbus", "websockets")
WITHOUT_IPV6 = ("unshare", "--net", "sh", "-c", 'ip link set lo up && echo 1 >"$0" && exec "$@"')
SWITCH = "/proc/sys/net/ipv6/conf/all/disable_ipv6"
A_DAY = "tests/scenario/test_day.py"
A_SESSION = "tests/integration/test_charging_sessions.py::test_a_session_from_plug_to_unplug_is_one_transaction"


@pytest.mark.parametrize("library", RELIED_UPON)
def test_fault_c_12_a_library_whose_ways_we_rely_on_is_kept_below_its_next_version(library: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    (wanted,) = (r for r in map(Requirement, project["dependencies"]) if r.name == library)
    assert {"<", "==", "~="} & {specifier.operator for specifier in wanted.specifier}, str(wanted)


def instructions() -> list[tuple[str, str]]:
    """Those of the Dockerfile, as (word, rest), continued lines joined."""
    text = re.sub(r"\\\n\s*", "", (ROOT / "Dockerfile").read_text("utf-8"))
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in lines)]


def test_fault_c_13_the_image_runs_as_nobody_and_without_a_shell_of_ours() -> None:
    last = instructions()[max(n for n, (word, _) in enumerate(instructions()) if word == "FROM") :]
    assert [rest for word, rest in last if word == "USER"] == ["10001:10001"]
    assert all(rest.startswith("[") for word, rest in last if word in ("ENTRYPOINT", "CMD"))
    assert [rest for word, rest in last if word == "COPY"] == ["--from=install /opt/ocpp-gateway /opt/ocpp-gateway"]
    assert "pip" not in " ".join(rest for word, rest in last if word == "RUN")


def test_fault_c_13_no_layer_takes_a_secret_or_what_nobody_has_hashed() -> None:
    assert {word for word, _ in instructions()}.isdisjoint({"ADD", "ARG"})
    copied = [rest.split()[:-1] for word, rest in instructions() if word == "COPY" and "--from" not in rest]
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines() if line.startswith("!")}
    assert {source.split("/")[0] for sources in copied for source in sources} <= allowed
    assert (ROOT / ".dockerignore").read_text("utf-8").startswith("*\n")
    installs = [rest for word, rest in instructions() if word == "RUN" and " install " in rest and "pip" in rest]
    assert [rest for rest in installs if "--require-hashes" not in rest and "--no-index" not in rest] == []


def passes(test: str, *before: str, **environment: str) -> None:
    """That test in a process of its own, so started and in that environment."""
    command = (*before, sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", test)
    done = subprocess.run(command, cwd=ROOT, env=os.environ | environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]


@at_length
@pytest.mark.parametrize(
    "environment",
    [
        pytest.param({"TZ": "Pacific/Chatham", "PYTHONHASHSEED": "0"}, id="a zone of 45 minutes"),
        pytest.param({"TZ": "America/St_Johns", "PYTHONHASHSEED": "1"}, id="a zone behind UTC"),
        pytest.param({"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, id="no locale"),
        pytest.param({"LC_ALL": "tr_TR.UTF-8", "PYTHONHASHSEED": "4294967295"}, id="another locale"),
    ],
)
def test_fault_c_08_a_day_is_told_to_the_letter_wherever_the_machine_stands(environment: dict[str, str]) -> None:
    passes(A_DAY, **environment)


def why_no_network_of_its_own() -> str | None:
    """Why no process here can have one without IPv6; None when it can."""
    if shutil.which("unshare") is None or shutil.which("ip") is None:
        return "needs unshare and ip"
    tried = subprocess.run([*WITHOUT_IPV6, SWITCH, "true"], capture_output=True, text=True, check=False)
    return None if tried.returncode == 0 else f"needs root: {tried.stderr.strip()}"


@at_length
@pytest.mark.skipif(why_no_network_of_its_own() is not None, reason=str(why_no_network_of_its_own()))
def test_fault_c_08_a_machine_without_ipv6_serves_a_session() -> None:
    passes(A_SESSION, *WITHOUT_IPV6, SWITCH)
