"""What is deployed with the gateway fits the gateway."""

from __future__ import annotations

import configparser
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ocpp_gateway.settings import load_settings
from ocpp_gateway.yaml_document import parse_yaml

ROOT = Path(__file__).parents[2]
UNIT = ROOT / "deploy/systemd/ocpp-gateway.service"
COMPOSE = ROOT / "deploy/compose"


def document(file: Path) -> Any:
    return parse_yaml(file.read_text(encoding="utf-8"), str(file)).data


# ---------------------------------------------------------------- systemd


def unit() -> configparser.RawConfigParser:
    parser = configparser.RawConfigParser(strict=False, comment_prefixes=("#",))
    parser.optionxform = str  # type: ignore[assignment]
    parser.read(UNIT, encoding="utf-8")
    return parser


def test_the_service_waits_for_the_gateway_to_be_ready_and_watches_it() -> None:
    service = unit()["Service"]
    assert service["Type"] == "notify"
    assert int(service["WatchdogSec"]) >= 60  # longer than an owner may be at one event
    assert int(service["TimeoutStopSec"]) > 10  # longer than a gateway takes to stop
    assert service["RestartPreventExitStatus"] == "2"


def test_the_service_may_do_next_to_nothing() -> None:
    service = unit()["Service"]
    assert service["DynamicUser"] == "yes"
    assert service["CapabilityBoundingSet"] == ""
    assert service["ProtectSystem"] == "strict"
    assert service["NoNewPrivileges"] == "yes"
    assert "ProtectClock" not in service  # it would forbid to ask whether the clock is right


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
def test_systemd_understands_every_line_of_the_service(tmp_path: Path) -> None:
    text = UNIT.read_text(encoding="utf-8").replace("/opt/ocpp-gateway/bin/ocpp-gateway", "/bin/true")
    (tmp_path / UNIT.name).write_text(text, encoding="utf-8")
    command = ["systemd-analyze", "verify", "--man=no", str(tmp_path / UNIT.name)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, [line for line in done.stderr.splitlines() if UNIT.name in line]) == (0, [])


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
def test_systemd_finds_the_service_hardly_exposed(tmp_path: Path) -> None:
    command = ["systemd-analyze", "security", "--offline=true", "--threshold=20", str(UNIT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-200:] + done.stderr


# ---------------------------------------------------------------- compose


@pytest.fixture
def services() -> Any:
    return document(COMPOSE / "compose.yaml")["services"]


def test_no_container_is_privileged_or_may_write_its_own_image(services: Any) -> None:
    for service in services.values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
    assert "cap_add" not in services["gateway"]


def test_only_the_proxy_is_reached_from_outside(services: Any) -> None:
    assert "ports" not in services["gateway"]
    assert services["proxy"]["ports"] == ["80:80", "443:443"]
    assert document(COMPOSE / "compose.yaml")["networks"]["inside"] == {"internal": True}


def test_every_file_that_is_mounted_is_there_but_for_the_secret(services: Any) -> None:
    mounted = [volume.split(":")[0] for service in services.values() for volume in service["volumes"]]
    for name in mounted:
        known = document(COMPOSE / "compose.yaml")["volumes"]
        assert (COMPOSE / name).is_file() if name.startswith("./") else name in known
    assert not (COMPOSE / "cpms-password").exists()


def test_the_configuration_of_the_container_is_right(tmp_path: Path) -> None:
    (tmp_path / "cpms").write_text("a-password-of-16-bytes")
    text = (COMPOSE / "gateway.yaml").read_text(encoding="utf-8")
    (tmp_path / "gateway.yaml").write_text(text.replace("/run/secrets/cpms_password", str(tmp_path / "cpms")))
    settings = load_settings(tmp_path / "gateway.yaml", {})
    assert settings.store.url == "sqlite:////var/lib/ocpp-gateway/gateway.db"  # the volume
    assert settings.web.port == 8080
    assert "gateway" in settings.web.allowed_hosts


def test_the_container_gives_the_gateway_more_time_to_stop_than_it_takes(services: Any) -> None:
    assert services["gateway"]["stop_grace_period"] == "15s"


def test_prometheus_sends_a_token_and_knows_the_rules() -> None:
    configuration = document(ROOT / "deploy/prometheus/prometheus.yml")
    (job,) = configuration["scrape_configs"]
    assert "credentials_file" in job["authorization"]
    assert (ROOT / "deploy/prometheus" / configuration["rule_files"][0]).is_file()
