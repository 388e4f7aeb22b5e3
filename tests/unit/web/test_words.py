"""What pages say: values in words, JSON without cards, tables that no spreadsheet runs, and what is wrong first."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from ocpp_gateway.web.app import STATIC
from ocpp_gateway.web.pages import words
from ocpp_gateway.web.pages.download import csv_cell, csv_file
from ocpp_gateway.web.pages.overview import alert, sums


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        pytest.param(words.kw(6900), "6.9 kW", id="power"),
        pytest.param(words.kw(None), "–", id="power nobody knows"),
        pytest.param(words.kw(0), "0.0 kW", id="no power is not unknown"),
        pytest.param(words.kwh(12_345), "12.35 kWh", id="energy"),
        pytest.param(words.phase_amperes(4140), "6 A", id="6 A x 230 V x 3 = 4,140 W"),
        pytest.param(words.phase_amperes(22_000), "31.9 A", id="22 kW"),
        pytest.param(words.age(59), "59 s", id="seconds"),
        pytest.param(words.age(180), "3 min", id="minutes"),
        pytest.param(words.age(3 * 86_400), "3 d", id="days"),
        pytest.param(words.source("grid"), "grid", id="a source from outside goes by its own name"),
        pytest.param(words.hex((0x5349, 0x4D30, 0, 0, 0)), "5349 4D30 (+3 of 0000)", id="registers"),
        pytest.param(words.hex((0, 0)), "0000 0000", id="short registers stay whole"),
        pytest.param(words.gist({"connectorId": 1, "timestamp": "x", "meterValue": []}), "connectorId 1", id="gist"),
        pytest.param(words.gist(["no", "object"]), "", id="gist of no object"),
    ],
)
def test_values_in_words(said: str, wanted: str) -> None:
    assert said == wanted


def test_the_script_of_the_pages_uses_the_same_words() -> None:
    script = (STATIC / "words.js").read_text()
    said = dict(re.findall(r'^  (\w+): "([^"]+)",$', script, re.MULTILINE))
    assert said == words.SOURCES
    assert dict(re.findall(r'(\w+): "(\w+)"', script.partition("const TONES")[2].partition("};")[0])) == words.TONES


def test_cards_are_masked_wherever_they_stand_in_a_payload() -> None:
    payload = {"idTag": "04A1B2C3D4", "list": [{"parentIdTag": "04A1B2C3D4"}], "other": "04A1B2C3D4"}
    wanted = {"idTag": "04…D4", "list": [{"parentIdTag": "04…D4"}], "other": "04A1B2C3D4"}
    assert words.without_tags(payload) == wanted


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@a", "\t=1", "\r=1"])
def test_fault_w_06_no_cell_is_a_formula(text: str) -> None:
    assert csv_cell(text) == f"'{text}"


def test_fault_w_06_numbers_stay_numbers_and_names_of_files_are_quoted() -> None:
    answer = csv_file('a"b\r\nc.csv', ("n", "t"), [{"n": -5, "t": "plain"}])
    assert bytes(answer.body).decode().splitlines() == ["n,t", "-5,plain"]
    assert answer.headers["content-disposition"] == "attachment; filename*=UTF-8''a%22b%0D%0Ac.csv"


def charger(**changed: Any) -> dict[str, Any]:
    return {
        "modbus": {"connected": True, "unreachable": False, "last_error": None},
        "central_system": {
            "connected": True,
            "registration": "Accepted",
            "last_problem": None,
            "outbox": {"messages": 2, "dead_letters": 0, "oldest_age_s": 7.0},
        },
        "power_limit_commanded_w": 44_000,
        "connectors": [
            {
                "connector_id": 1,
                "status": "Charging",
                "error_code": "NoError",
                "vendor_error_code": None,
                "info": None,
                "registers": {"power_w": 11_000},
            }
        ],
    } | changed


SILENT = {"connected": False, "unreachable": True, "last_error": "timed out"}
AWAY = {"connected": False, "registration": None, "last_problem": "refused: 401", "outbox": None}


def test_the_first_thing_to_look_at_is_told() -> None:
    faulted = charger()["connectors"][0] | {"status": "Faulted", "error_code": "GroundFailure"}
    assert alert(charger()) == ""
    assert alert(charger(modbus=SILENT, central_system=AWAY)) == "does not answer: timed out"
    assert alert(charger(connectors=[faulted], central_system=AWAY)) == "connector 1: GroundFailure"
    assert alert(charger(central_system=AWAY)) == "central system: refused: 401"


def test_all_chargers_in_a_few_numbers_without_the_power_of_a_silent_one() -> None:
    told = sums([charger(), charger(modbus=SILENT, central_system=AWAY)])
    assert (told["chargers"], told["reachable"], told["connected"]) == (2, 1, 1)
    assert (told["power_w"], told["allowed_w"], told["charging"]) == (11_000, 88_000, 2)
    assert (told["queued"], told["oldest_age_s"]) == (2, 7.0)


def test_no_page_carries_a_script_or_a_style_in_itself() -> None:
    found = []
    for template in sorted((Path(STATIC).parent / "templates").glob("*.html")):
        text = template.read_text()
        for wrong in (r"<script(?![^>]*\bsrc=)", r"<style", r"\sstyle=", r"\son[a-z]+=", r"https?://", r"\|\s*safe\b"):
            found += [f"{template.name}: {wrong}"] * len(re.findall(wrong, text))
    assert found == []
