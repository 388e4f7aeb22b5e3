"""The wheel holds the whole package and the mappings, and finds them without the source tree beside it."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from ocpp_gateway import mapping_files

ROOT = Path(__file__).parents[2]


def files_below(directory: Path, *, prefix: str) -> set[str]:
    files = (path for path in directory.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {f"{prefix}/{path.relative_to(directory).as_posix()}" for path in files}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("wheel")
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", directory], cwd=ROOT, check=True)
    (built,) = directory.glob("*.whl")
    return built


def test_the_wheel_holds_every_file_of_the_package_and_every_mapping(wheel: Path) -> None:
    wanted = files_below(ROOT / "src/ocpp_gateway", prefix="ocpp_gateway")
    wanted |= files_below(ROOT / "mappings", prefix="ocpp_gateway/mappings")
    held = set(zipfile.ZipFile(wheel).namelist())
    assert {name for name in held if ".dist-info/" not in name} == wanted
    assert any(name.endswith("/licenses/LICENSE") for name in held)


def test_an_installed_wheel_finds_the_same_mappings_as_the_source_tree(wheel: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path)
    show = "import ocpp_gateway.mapping_files as m; print(m.__file__, *m.available(), m.load('compleo-duo-solo').name)"
    command = [sys.executable, "-c", show]
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    place, *names = done.stdout.split()
    assert place.startswith(str(tmp_path))
    assert names == [*mapping_files.available(), "compleo-duo-solo"]
