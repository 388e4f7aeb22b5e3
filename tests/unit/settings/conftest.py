from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from textwrap import dedent

import pytest

from ocpp_gateway import mapping_files
from ocpp_gateway.errors import ConfigurationError
from ocpp_gateway.settings import Settings, load_settings

GOOD = """\
version: 1
central_system:
  url: wss://cpms.example.com/ocpp
  password: sixteen-bytes-ok
chargers:
  - identity: SITE-1
    mapping: compleo-duo-solo
    modbus: {host: 192.168.1.50}
    max_power_w: 44000
"""


@pytest.fixture(scope="session", autouse=True)
def _mappings_read_once() -> Iterator[None]:
    """Reading the mapping that comes with the gateway takes longer than all the rest of a test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mapping_files, "load", cache(mapping_files.load))
        yield


Load = Callable[..., Settings]
Mistakes = Callable[..., list[str]]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Loads a text as gateway.yaml; without one, a small good one."""

    def load(text: str = GOOD, environ: Mapping[str, str] | None = None) -> Settings:
        file = tmp_path / "gateway.yaml"
        file.write_text(dedent(text), "utf-8")
        return load_settings(file, environ or {})

    return load


@pytest.fixture
def mistakes(load: Load, tmp_path: Path) -> Mistakes:
    """The lines an operator reads for a text, without the directory of the file."""

    def mistakes(text: str = GOOD, environ: Mapping[str, str] | None = None) -> list[str]:
        with pytest.raises(ConfigurationError) as caught:
            load(text, environ)
        return str(caught.value).replace(f"{tmp_path}/", "").splitlines()

    return mistakes
