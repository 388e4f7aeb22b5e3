"""docs/conformance.md, made from requirements.yaml and the names of the tests: `make conformance`.

A test shows the requirements that its name begins with, test_t_04_... or test_a_14_a_15_..., and those of its mark
@pytest.mark.conformance("X-34", "W-03"). Ids of the fault catalogue, which uses some of the same letters, are
written test_fault_m_16_... and are not read here. The sources are read, no test is run: that they pass is the suite's
affair, so a test that may be skipped or is expected to fail shows nothing. Nor does a test of the two peers, the test
central system and the simulator: they are not the gateway.
"""

from __future__ import annotations

import argparse
import ast
import re
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

from ocpp_gateway.errors import ConfigurationError
from ocpp_gateway.yaml_document import parse_yaml, validate

TESTS = Path(__file__).parents[1]
REQUIREMENTS = Path(__file__).with_name("requirements.yaml")
PAGE = TESTS.parent / "docs" / "conformance.md"

PEERS = {"central", "simulator"}
OTHER_AREAS = {"G", "Z"}  # the charger, security: of the same list, not of this page

HEAD = """\
# Conformance

What an OCPP 1.6J charge point owes, and the test that shows it here. Made with `make conformance` from
[the list](../tests/conformance/requirements.yaml) and the names of the tests; change those, not this page.

An id stands at the beginning of a test's name, or in its `conformance` mark. **open** is what no test shows yet. The
summaries are ours; the named sections have the text. S is OCPP 1.6 edition 2, E its errata 4.0, J OCPP-J 1.6, JE and
JE25 its errata, W and A00 to N01 the security whitepaper, TC a case of the compliance testing tool, EV Everest's tests,
MO MicroOcpp's, LO libocpp's; POLICY marks what the texts leave to us.
"""


class Level(StrEnum):
    """How binding a requirement is, the strongest first."""

    MUST = "MUST"
    SHOULD = "SHOULD"
    MAY = "MAY"
    TEST = "TEST"
    POLICY = "POLICY"


class Outcome(StrEnum):
    """What became of a requirement."""

    SHOWN = "shown"
    NOT_APPLICABLE = "not applicable"
    OPEN = "open"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Area(_Part):
    """A group of requirements with one letter: id -> level, source, summary."""

    title: str
    lines: dict[str, tuple[Level, str, str]]


class Contradiction(_Part):
    """Two texts that cannot both be met, and which one is."""

    between: str
    decided: str
    ids: tuple[str, ...]


class Checklist(_Part):
    """requirements.yaml."""

    areas: dict[str, Area]
    not_applicable: dict[str, str]
    decisions: dict[str, str]
    contradictions: tuple[Contradiction, ...]
    statement: tuple[str, ...]

    @property
    def levels(self) -> dict[str, Level]:
        """Every id with its level, in the order of the list."""
        return {id_: level for area in self.areas.values() for id_, (level, _, _) in area.lines.items()}


class Evidence(NamedTuple):
    """One test function, and the requirements it says it shows."""

    file: str
    name: str
    ids: tuple[str, ...]
    always_run: bool


def read_checklist(text: str, file: str) -> Checklist:
    """The list. Raises ConfigurationError with every mistake, ids that are in no area among them."""
    document = parse_yaml(text, file)
    checklist = validate(Checklist, document)
    mentioned = (
        *((("not_applicable", id_), id_) for id_ in checklist.not_applicable),
        *((("decisions", id_), id_) for id_ in checklist.decisions),
        *(
            (("contradictions", number, "ids", place), id_)
            for number, contradiction in enumerate(checklist.contradictions)
            for place, id_ in enumerate(contradiction.ids)
        ),
        *((("areas", letter, "lines", id_), id_) for letter, area in checklist.areas.items() for id_ in area.lines),
    )
    mistakes = [
        document.mistake(path, f"{id_} is no id of this list")
        for path, id_ in mentioned
        if id_ not in checklist.levels or (path[0] == "areas" and not id_.startswith(f"{path[1]}-"))
    ]
    if mistakes:
        raise ConfigurationError(*mistakes)
    return checklist


# ---------------------------------------------------------------- the tests


def ids_in_name(name: str) -> tuple[str, ...]:
    """The ids at the beginning of a test's name: test_t_12a_x_34_... gives T-12a and X-34, test_fault_... none."""
    ids = re.match(r"test_((?:[a-z]_\d+[a-z]?_)+)", name)
    found = re.findall(r"([a-z])_(\d+[a-z]?)_", ids[1]) if ids else []
    return tuple(f"{letter.upper()}-{number}" for letter, number in found)


def read_tests(source: str, file: str) -> list[Evidence]:
    """Every test function of a source file."""
    tree = ast.parse(source, file)
    marks_of_all = [m for node in tree.body if _names(node, "pytestmark") for m in _marks(node)]
    tests = []
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            marks = [*marks_of_all, *(mark for decorator in node.decorator_list for mark in _marks(decorator))]
            marked = (id_ for mark, texts in marks if mark == "conformance" for id_ in texts)
            always_run = not {mark for mark, _ in marks} & {"skip", "skipif", "xfail"}
            ids = tuple(dict.fromkeys((*ids_in_name(node.name), *marked)))
            tests.append(Evidence(file, node.name, ids, always_run))
    return tests


def _names(node: ast.stmt, name: str) -> bool:
    return isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == name for t in node.targets)


def _marks(node: ast.AST) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Every `pytest.mark.name` within a decorator, those of single parameters too, with its texts."""
    texts: dict[int, tuple[str, ...]] = {}
    for part in ast.walk(node):  # a call comes before what it calls
        if isinstance(part, ast.Call):
            texts[id(part.func)] = tuple(
                arg.value for arg in part.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)
            )
        if isinstance(part, ast.Attribute) and isinstance(part.value, ast.Attribute) and part.value.attr == "mark":
            yield part.attr, texts.get(id(part), ())


def collect(root: Path) -> list[Evidence]:
    """Every test of the gateway below a directory, by file and line."""
    return [
        test
        for path in sorted(root.rglob("test_*.py"))
        if not PEERS & set(path.relative_to(root).parts)
        for test in read_tests(path.read_text("utf-8"), path.relative_to(root).as_posix())
    ]


def unknown_ids(checklist: Checklist, tests: Sequence[Evidence]) -> list[str]:
    """One line for each id that a test names and no list has."""
    return [
        f"{test.file}::{test.name} names {id_}; ids have two digits, those of the fault catalogue follow test_fault_"
        for test in tests
        for id_ in test.ids
        if id_ not in checklist.levels and id_[0] not in OTHER_AREAS
    ]


# ---------------------------------------------------------------- what became of each line


def shown_by(tests: Sequence[Evidence]) -> Mapping[str, list[Evidence]]:
    """The tests that show each id."""
    shown: defaultdict[str, list[Evidence]] = defaultdict(list)
    for test in tests:
        for id_ in test.ids if test.always_run else ():
            shown[id_].append(test)
    return shown


def outcomes(checklist: Checklist, tests: Sequence[Evidence]) -> dict[str, Outcome]:
    """What became of every id; a line that a test shows does apply, whatever a reason says."""
    shown = shown_by(tests)
    return {
        id_: Outcome.SHOWN
        if id_ in shown
        else Outcome.NOT_APPLICABLE
        if id_ in checklist.not_applicable
        else Outcome.OPEN
        for id_ in checklist.levels
    }


def still_open(checklist: Checklist, tests: Sequence[Evidence], level: Level) -> list[str]:
    """The ids of a level with neither a test nor a reason."""
    found = outcomes(checklist, tests)
    return [id_ for id_, at in checklist.levels.items() if at is level and found[id_] is Outcome.OPEN]


# ---------------------------------------------------------------- the page


def page(checklist: Checklist, tests: Sequence[Evidence]) -> str:
    """docs/conformance.md."""
    shown, found = shown_by(tests), outcomes(checklist, tests)
    parts = [HEAD, "## How it stands\n", *_count_table(checklist, found)]
    for letter, area in checklist.areas.items():
        parts += [f"\n## {letter}: {area.title}\n", "| id | level | requirement | source | shown by |"]
        parts.append("|---|---|---|---|---|")
        for id_, (level, source, summary) in area.lines.items():
            decision = checklist.decisions.get(id_)
            what = summary if decision is None else f"{summary}<br>Decided: {decision}"
            evidence = "<br>".join(f"`{test.file}` `{test.name}`" for test in shown.get(id_, ()))
            if found[id_] is Outcome.NOT_APPLICABLE:
                evidence = f"does not apply: {checklist.not_applicable[id_]}"
            parts.append(f"| {id_} | {level} | {_cell(what)} | {_cell(source)} | {_cell(evidence or '**open**')} |")
    parts += ["\n## Where the texts contradict each other\n", "| between | decided | ids |", "|---|---|---|"]
    parts += [f"| {_cell(c.between)} | {_cell(c.decided)} | {', '.join(c.ids)} |" for c in checklist.contradictions]
    parts += ["\n## Statement\n", *(f"- {line}" for line in checklist.statement)]
    return "\n".join(parts) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _count_table(checklist: Checklist, found: Mapping[str, Outcome]) -> Iterator[str]:
    yield "| area | " + " | ".join(Outcome) + " | open MUST |"
    yield "|---|" + "---:|" * (len(Outcome) + 1)
    titles = [(letter, f"{letter}: {area.title}") for letter, area in checklist.areas.items()]
    for letter, title in (*titles, (None, "all")):
        numbers = [_count(checklist, found, outcome, letter=letter) for outcome in Outcome]
        numbers.append(_count(checklist, found, Outcome.OPEN, letter=letter, level=Level.MUST))
        yield f"| {title} | " + " | ".join(map(str, numbers)) + " |"


def _count(
    checklist: Checklist,
    found: Mapping[str, Outcome],
    outcome: Outcome,
    *,
    letter: str | None = None,
    level: Level | None = None,
) -> int:
    return sum(
        found[id_] is outcome and letter in {None, at} and level in {None, of}
        for at, area in checklist.areas.items()
        for id_, (of, _, _) in area.lines.items()
    )


def counts(checklist: Checklist, tests: Sequence[Evidence]) -> str:
    """How many lines of each area and level are shown, do not apply or are open, and which are open: for a terminal."""
    found = outcomes(checklist, tests)
    lines = ["area level    shown  not applicable  open"]
    for letter in (*checklist.areas, None):
        for level in Level:
            shown, reasoned, open_ = (_count(checklist, found, o, letter=letter, level=level) for o in Outcome)
            if shown or reasoned or open_:
                lines.append(f"{letter or 'all':<4} {level:<7} {shown:>6}  {reasoned:>14}  {open_:>4}")
    lines += [f"open {level}: {' '.join(ids)}" for level in Level if (ids := still_open(checklist, tests, level))]
    return "\n".join(lines)


def main() -> int:
    """Write the page and print the counts."""
    summary, _, rest = (__doc__ or "").partition("\n\n")
    argparse.ArgumentParser(
        description=summary, epilog=rest, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    checklist, tests = read_checklist(REQUIREMENTS.read_text("utf-8"), REQUIREMENTS.name), collect(TESTS)
    if unknown := unknown_ids(checklist, tests):
        print(*unknown, sep="\n", file=sys.stderr)
        return 1
    PAGE.write_text(page(checklist, tests), "utf-8")
    print(counts(checklist, tests))
    return 0


if __name__ == "__main__":
    sys.exit(main())
