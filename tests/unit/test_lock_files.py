"""The lock files: every requirement pinned and hashed, no address in them, and the three agree with pyproject.toml."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[2]
LOCKS = ["runtime", "build", "dev"]
PYPROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def lock_text(name: str) -> str:
    return (ROOT / "requirements" / f"{name}.txt").read_text("utf-8")


def pins(name: str) -> dict[str, Version]:
    found = re.findall(r"^([a-z0-9-]+)==(\S+)", lock_text(name), re.MULTILINE)
    return {canonicalize_name(package): Version(version) for package, version in found}


def wanted_by_pyproject() -> dict[str, list[Requirement]]:
    groups = PYPROJECT["dependency-groups"]
    runtime = [Requirement(text) for text in PYPROJECT["project"]["dependencies"]]
    build = [Requirement(text) for text in groups["build"] + PYPROJECT["build-system"]["requires"]]
    dev = [Requirement(text) for text in groups["dev"] if isinstance(text, str)]
    return {"runtime": runtime, "build": build, "dev": runtime + build + dev}


@pytest.mark.parametrize("lock", LOCKS)
def test_every_line_of_a_lock_is_a_pin_or_its_hash(lock: str) -> None:
    line = re.compile(r"[a-z0-9-]+==[\w.]+( ; [^\\]+)? \\|    --hash=sha256:[0-9a-f]{64}( \\)?")
    assert [text for text in lock_text(lock).splitlines() if not line.fullmatch(text)] == []


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_satisfies_pyproject(lock: str) -> None:
    pinned = pins(lock)
    for wanted in wanted_by_pyproject()[lock]:
        assert pinned[canonicalize_name(wanted.name)] in wanted.specifier, wanted


def test_the_dev_lock_holds_the_other_two_at_the_same_versions() -> None:
    others = pins("runtime") | pins("build")
    assert pins("dev").items() >= others.items()


def test_the_judge_s_lock_hashes_every_package_and_names_no_registry() -> None:
    lock = json.loads((ROOT / "tests/conformance/judge/package-lock.json").read_text("utf-8"))
    packages = {path: package for path, package in lock["packages"].items() if path}
    assert "node_modules/ocpp-rpc" in packages
    assert [path for path, package in packages.items() if not package["integrity"].startswith("sha512-")] == []
    assert [path for path, package in packages.items() if "resolved" in package] == []
