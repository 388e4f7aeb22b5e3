from __future__ import annotations

import asyncio
import json
import zipfile
from pathlib import Path

import pytest

from ocpp_gateway.store import Store
from unit.cli.conftest import Run
from unit.cli.test_transactions import SESSION

CHARGER = "{{identity: {identity}, mapping: compleo-duo-solo, modbus: {{host: 10.0.0.{number}}}, max_power_w: 22000}}"


def configured(folder: Path, *identities: str) -> Path:
    """A configuration of a gateway that does not run, with these chargers."""
    named = enumerate(map(json.dumps, identities))
    chargers = ", ".join(CHARGER.format(identity=identity, number=number) for number, identity in named)
    file = folder / "gateway.yaml"
    file.write_text(
        "version: 1\n"
        'central_system: {url: "ws://127.0.0.1:9000/", security_profile: 0}\n'
        f"chargers: [{chargers}]\n"
        f'store: {{url: "sqlite:///{folder / "gateway.db"}"}}\n'
        "web: {enabled: false}\n"
    )
    return file


def stored(folder: Path) -> None:
    """A store in which SITE-1 had a session."""

    async def make() -> None:
        store = await Store.open(f"sqlite:///{folder / 'gateway.db'}")
        await store.commit("SITE-1", SESSION)
        await store.close()

    asyncio.run(make())


def test_a_stopped_gateway_tells_what_its_store_holds(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored(tmp_path)
    monkeypatch.chdir(tmp_path)
    ended = run("support-bundle", "-c", configured(tmp_path, "SITE-1"))
    assert ended.exit_code == 0, ended.err
    assert "SITE-1-support.zip" in ended.out
    assert "does not run" in ended.out
    with zipfile.ZipFile(tmp_path / "SITE-1-support.zip") as bundle:
        told = {name: bundle.read(name).decode() for name in bundle.namelist()}
    transactions = {one["local_id"]: one["id_tag"] for one in json.loads(told["transactions.json"])}
    assert transactions["abc-1"] == "***"
    assert json.loads(told["charge_point.json"])["identity"] == "SITE-1"
    assert json.loads(told["settings.json"])["charger"]["max_power_w"] == 22_000


def test_an_identity_makes_no_path(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stored(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert run("support-bundle", "-c", configured(tmp_path, "a b.c")).exit_code == 0
    assert (tmp_path / "a_b.c-support.zip").is_file()


def test_of_several_chargers_one_is_to_be_named(run: Run, tmp_path: Path) -> None:
    ended = run("support-bundle", "-c", configured(tmp_path, "SITE-1", "SITE-2"))
    assert ended.exit_code == 2
    assert "SITE-1, SITE-2" in ended.err


@pytest.mark.parametrize("arguments", [["SITE-9"], ["SITE-1", "-o", "/nowhere/at/all.zip"]])
def test_what_cannot_be_is_told_in_a_line(run: Run, tmp_path: Path, arguments: list[str]) -> None:
    stored(tmp_path)
    ended = run("support-bundle", *arguments, "-c", configured(tmp_path, "SITE-1"))
    assert ended.exit_code == 1
    assert len(ended.err.splitlines()) == 1


def test_a_recording_needs_no_mapping_and_everything_else_does(run: Run, tmp_path: Path) -> None:
    noise = tmp_path / "noise"
    noise.write_text("hello\n")
    assert run("simulate").exit_code == 2
    assert run("simulate", "--replay", noise, "-m", "compleo-duo-solo").exit_code == 2
    ended = run("simulate", "--replay", noise)
    assert (ended.exit_code, ended.err) == (2, f"{noise}: line 1 is no line of a flight recorder\n")
