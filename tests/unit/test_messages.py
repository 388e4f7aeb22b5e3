"""docs/messages.md names every event that the sources log, at its level, and every kind of error; and nothing else."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "src/ocpp_gateway"
PAGE = ROOT / "docs/messages.md"

LEVELS = {method: method.upper() for method in ("debug", "info", "warning", "error", "critical")}
LEVELS |= {"exception": "ERROR", "alarm": "WARNING"}

# Names that are worked out: file and expression, and what comes of it. A new one must be added here, or written out.
COMPUTED = {
    ("charger/own_fallback.py", "alarm"): {"fallback_was_active", "fallback_may_have_been_active"},
    ("charger/own_fallback.py", "told"): {"fallback_was_active", "fallback_may_have_been_active"},
    ("charger/own_fallback.py", "str(masters.silence_told)"): {"fallback_was_active", "fallback_may_have_been_active"},
    ("charger/observation.py", "f'energy_register_{kind}'"): {"energy_register_fell", "energy_register_leapt"},
    ("runtime.py", "event"): set(),  # an alarm, which stands where it is raised
    ("runtime.py", "f'{event}_cleared'"): set(),
}


class Logged(NamedTuple):
    """A call that logs: where, what the name is, and at which level."""

    place: str
    name: str
    level: str


def logged(path: str, tree: ast.Module) -> Iterator[Logged]:
    """Every event in a source. An alarm that may be cleared has a second name, at INFO."""
    constants = {
        node.targets[0].id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in LEVELS):
            continue
        if not node.args:  # Future.exception()
            continue
        said, text = node.args[0], ast.unparse(node.args[0])
        if isinstance(said, ast.Constant):
            names = {str(said.value)}
        elif text in constants:
            names = {str(constants[text])}
        else:
            assert (path, text) in COMPUTED, f"{path}:{node.lineno}: the name of an event is worked out: {text}"
            names = COMPUTED[path, text]
        for name in names:
            yield Logged(f"{path}:{node.lineno}", name, LEVELS[node.func.attr])
            if any(keyword.arg == "cleared" for keyword in node.keywords):
                yield Logged(f"{path}:{node.lineno}", f"{name}_cleared", "INFO")


def trees() -> Iterator[tuple[str, ast.Module]]:
    for file in sorted(SOURCES.rglob("*.py")):
        yield file.relative_to(SOURCES).as_posix(), ast.parse(file.read_text("utf-8"))


def rows(heading: str) -> list[list[str]]:
    """The cells of the table under a heading of the page, without its head."""
    section = PAGE.read_text("utf-8").partition(f"## {heading}\n")[2].partition("\n## ")[0]
    table = [line.strip("|").split(" | ") for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in table[2:]]


def names_in(cell: str) -> list[str]:
    return [name.strip("`") for name in cell.split(", ")]


def documented() -> dict[str, str]:
    """Event -> level, of the page."""
    return {
        name: level for row in rows("Log") for name, level in zip(names_in(row[0]), row[1].split(", "), strict=True)
    }


def kinds_of_error() -> set[str]:
    """Every class below GatewayError."""
    bases = {
        node.name: {ast.unparse(base).rpartition(".")[2] for base in node.bases}
        for _, tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    }
    found = {"GatewayError"}
    while more := {name for name, parents in bases.items() if parents & found} - found:
        found |= more
    return found


def test_every_event_that_is_logged_is_on_the_page_at_its_level() -> None:
    page, seen = documented(), [event for path, tree in trees() for event in logged(path, tree)]
    assert len(seen) > 50, "the sources were not found"
    missing = [f"{event.place}: {event.name} at {event.level}" for event in seen if page.get(event.name) != event.level]
    assert missing == []


def test_every_event_on_the_page_is_logged_somewhere() -> None:
    seen = {event.name for path, tree in trees() for event in logged(path, tree)}
    assert sorted(documented().keys() - seen) == []


def test_every_kind_of_error_is_on_the_page_and_no_other() -> None:
    roots = {"GatewayError", "LinkError"}  # never raised but as one of their children
    on_page = {name for row in rows("Errors") for name in names_in(row[0])}
    assert on_page == kinds_of_error() - roots


@pytest.mark.parametrize("heading", ["Log", "Errors"])
def test_the_tables_are_sorted_and_every_row_says_what_to_do(heading: str) -> None:
    table = rows(heading)
    assert all(len(row) == 4 and all(row) for row in table), [row for row in table if len(row) != 4]
    assert [row[0] for row, later in pairwise(table) if row[0] >= later[0]] == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ('log.warning("a", x=1)', [("a", "WARNING")]),
        ('turn.alarm("a", cleared=gone)', [("a", "WARNING"), ("a_cleared", "INFO")]),
        ('NAME = "a"\nlogger(__name__).error(NAME)', [("a", "ERROR")]),
        ("answer.exception()", []),
    ],
)
def test_an_event_is_found_in_a_source(source: str, found: list[tuple[str, str]]) -> None:
    assert [(event.name, event.level) for event in logged("a.py", ast.parse(source))] == found


def test_a_name_that_nobody_can_look_up_is_refused() -> None:
    with pytest.raises(AssertionError, match="worked out"):
        list(logged("a.py", ast.parse("log.info(name_of(event))")))
