"""What can be typed to a simulated charger."""

from __future__ import annotations

import pytest

from ocpp_gateway.simulator.console import VERBS, Action, NotUnderstood, parse


@pytest.mark.parametrize(
    ("line", "action"),
    [
        ("plug 1 TAG", Action("plug", (1, "TAG"))),
        ("plug 2", Action("plug", (2,))),
        ("tag 1 04A1b2c3", Action("tag", (1, "04A1b2c3"))),
        ("unplug 1", Action("unplug", (1,))),
        ("error 1 9", Action("error", (1, 9))),
        ("clear 1", Action("clear", (1,))),
        ("offline 30", Action("offline", (30.0,))),
        ("offline 0.5", Action("offline", (0.5,))),
        ("status", Action("status")),
        ("help", Action("help")),
        ("quit", Action("quit")),
        ("  PLUG   1  TAG \r", Action("plug", (1, "TAG"))),
        ("", None),
        ("  \t", None),
    ],
)
def test_a_line_becomes_an_action(line: str, action: Action | None) -> None:
    assert parse(line) == action


@pytest.mark.parametrize(
    ("line", "help_text"),
    [
        ("plg 1", "plg is no command; did you mean plug?"),
        ("charge 1", "charge is no command; try help"),
        ("plug", "write it as: plug CONNECTOR [TAG]"),
        ("plug 1 TAG more", "write it as: plug CONNECTOR [TAG]"),
        ("tag 1", "write it as: tag CONNECTOR TAG"),
        ("status now", "write it as: status"),
        ("unplug one", "one is no connector; connectors are 1, 2, …"),
        ("unplug 0", "0 is no connector; connectors are 1, 2, …"),
        ("unplug -1", "-1 is no connector; connectors are 1, 2, …"),
        ("tag 1 123456789012345678901", "a tag has at most 20 characters, printable ASCII"),
        ("tag 1 Grüße", "a tag has at most 20 characters, printable ASCII"),
        ("error 1 x", "x is no error code; they are the numbers of the error code register, 1 to 65535"),
        ("error 1 0", "0 is no error code; they are the numbers of the error code register, 1 to 65535"),
        ("offline soon", "soon is no time; give seconds, such as 30"),
        ("offline -1", "-1 is no time; give seconds, such as 30"),
        ("offline nan", "nan is no time; give seconds, such as 30"),
        ("offline inf", "inf is no time; give seconds, such as 30"),
    ],
)
def test_a_line_that_is_no_command_gets_one_line_of_help(line: str, help_text: str) -> None:
    with pytest.raises(NotUnderstood) as problem:
        parse(line)

    assert str(problem.value) == help_text


def test_every_usage_names_its_command() -> None:
    assert all(verb.usage.split()[0] == name for name, verb in VERBS.items())
