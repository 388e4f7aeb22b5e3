"""Files of older formats, by steps that a later version will have."""

from __future__ import annotations

from typing import Any

import pytest

from ocpp_gateway.settings.versions import CURRENT, STEPS, up_to_date


def rename_site(data: dict[str, Any]) -> dict[str, Any]:
    return {("chargers" if key == "sites" else key): value for key, value in data.items()}


def wrap_log(data: dict[str, Any]) -> dict[str, Any]:
    return data | {"log": {"level": data["log"]}}


LATER = {1: rename_site, 2: wrap_log}


def test_an_old_file_takes_every_step_to_the_newest_format() -> None:
    old = {"version": 1, "sites": [], "log": "INFO"}
    assert up_to_date(old, LATER) == {"version": 3, "chargers": [], "log": {"level": "INFO"}}
    assert old["version"] == 1  # and is left as it was


def test_a_file_of_the_middle_takes_the_steps_that_are_left() -> None:
    assert up_to_date({"version": 2, "log": "INFO"}, LATER) == {"version": 3, "log": {"level": "INFO"}}


@pytest.mark.parametrize("data", [None, [], "text", {}, {"version": True}, {"version": "1"}, {"version": 9}])
def test_what_is_no_older_file_is_left_to_the_checks(data: Any) -> None:
    assert up_to_date(data, LATER) == data


def test_the_steps_lead_to_the_format_of_this_version() -> None:
    assert sorted(STEPS) == list(range(1, CURRENT))
