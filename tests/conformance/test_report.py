"""The page says what the tests say, and the tests say ids that exist."""

from __future__ import annotations

from pathlib import Path

import pytest

from conformance import report
from conformance.report import (
    PAGE,
    REQUIREMENTS,
    TESTS,
    Checklist,
    Evidence,
    Level,
    Outcome,
    collect,
    ids_in_name,
    outcomes,
    page,
    read_checklist,
    read_tests,
    still_open,
    unknown_ids,
)
from ocpp_gateway.errors import ConfigurationError

SMALL = """\
areas:
  T:
    title: Transport
    lines:
      T-01: [MUST, J§3, the URL]
      T-02: [MUST, J§3, the identity | encoded]
      T-03: [POLICY, POLICY, the rest]
not_applicable: {T-03: there is no rest}
decisions: {T-02: once}
contradictions: [{between: two texts, decided: neither, ids: [T-01]}]
statement: [no lock]
"""


@pytest.fixture(scope="module")
def checklist() -> Checklist:
    return read_checklist(REQUIREMENTS.read_text("utf-8"), REQUIREMENTS.name)


@pytest.fixture(scope="module")
def tests() -> list[Evidence]:
    return collect(TESTS)


def test_the_page_is_in_step_with_the_tests(checklist: Checklist, tests: list[Evidence]) -> None:
    assert PAGE.read_text("utf-8") == page(checklist, tests), "run: make conformance"


def test_every_id_that_a_test_names_is_in_the_list(checklist: Checklist, tests: list[Evidence]) -> None:
    assert unknown_ids(checklist, tests) == []


def test_every_must_has_a_test_or_a_reason(checklist: Checklist, tests: list[Evidence]) -> None:
    assert still_open(checklist, tests, Level.MUST) == []


def test_no_line_is_shown_and_yet_said_not_to_apply(checklist: Checklist, tests: list[Evidence]) -> None:
    shown = {id_ for id_, outcome in outcomes(checklist, tests).items() if outcome is Outcome.SHOWN}
    assert shown & set(checklist.not_applicable) == set()


# ---------------------------------------------------------------- the generator


@pytest.mark.parametrize(
    ("name", "ids"),
    [
        ("test_t_04_a_server_without_subprotocol", ("T-04",)),
        ("test_a_14_a_15_offline", ("A-14", "A-15")),
        ("test_t_12a_a_binary_message", ("T-12a",)),
        ("test_x_50_a_car_that_left", ("X-50",)),
        ("test_fault_m_16_an_unknown_status", ()),
        ("test_a_day", ()),
        ("test_t_4_one_digit", ("T-4",)),
    ],
)
def test_ids_stand_at_the_beginning_of_a_name(name: str, ids: tuple[str, ...]) -> None:
    assert ids_in_name(name) == ids


SOURCE = """
import pytest

@pytest.mark.parametrize("n", [1, pytest.param(2, marks=pytest.mark.conformance("T-02"))])
@pytest.mark.conformance("T-03", "T-01", "W-03")
async def test_t_01_marks(n): ...

def test_nothing(): ...

def helper_t_01_(): ...
"""


def test_ids_are_taken_from_names_and_marks_once_each() -> None:
    assert read_tests(SOURCE, "f") == [
        Evidence("f", "test_t_01_marks", ("T-01", "T-02", "T-03", "W-03"), always_run=True),
        Evidence("f", "test_nothing", (), always_run=True),
    ]


@pytest.mark.parametrize("mark", ["skip", "xfail(reason='')", "skipif(True, reason='')"])
def test_a_test_that_may_not_run_shows_nothing(mark: str) -> None:
    small = read_checklist(SMALL, "small")
    alone = read_tests(f"@pytest.mark.{mark}\ndef test_t_01_(): ...", "f")
    module = read_tests(f"pytestmark = pytest.mark.{mark}\ndef test_t_01_(): ...", "f")
    assert outcomes(small, alone)["T-01"] is outcomes(small, module)["T-01"] is Outcome.OPEN


def test_every_line_is_shown_or_does_not_apply_or_is_open() -> None:
    small = read_checklist(SMALL, "small")
    tests = read_tests("def test_t_01_(): ...", "unit/test_url.py")
    assert outcomes(small, tests) == {"T-01": Outcome.SHOWN, "T-02": Outcome.OPEN, "T-03": Outcome.NOT_APPLICABLE}
    assert still_open(small, tests, Level.MUST) == ["T-02"]
    text = page(small, tests)
    assert "| T-01 | MUST | the URL | J§3 | `unit/test_url.py` `test_t_01_` |" in text
    assert "| T-02 | MUST | the identity \\| encoded<br>Decided: once | J§3 | **open** |" in text
    assert "| T-03 | POLICY | the rest | POLICY | does not apply: there is no rest |" in text
    assert "| T: Transport | 1 | 1 | 1 | 1 |" in text
    assert "| two texts | neither | T-01 |" in text


@pytest.mark.parametrize("name", ["test_t_1_", "test_t_04_", "test_o_08_"])
def test_an_unknown_id_is_told_with_its_test(name: str) -> None:
    told = unknown_ids(read_checklist(SMALL, "small"), read_tests(f"def {name}(): ...", "f"))
    assert len(told) == 1
    assert told[0].startswith(f"f::{name} names ")


def test_ids_of_the_other_areas_of_the_list_are_let_alone() -> None:
    assert unknown_ids(read_checklist(SMALL, "small"), read_tests("def test_g_10_z_03_(): ...", "f")) == []


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("not_applicable: {T-03", "not_applicable: {T-04"),
        ("decisions: {T-02", "decisions: {T-04"),
        ("ids: [T-01]", "ids: [T-04]"),
        ("T-03: [POLICY", "X-03: [POLICY"),
    ],
)
def test_an_id_in_no_area_is_a_mistake_of_the_list(line: str, wrong: str) -> None:
    with pytest.raises(ConfigurationError, match=r"-0[34] is no id of"):
        read_checklist(SMALL.replace(line, wrong), "small")


def test_help_writes_no_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(report, "PAGE", tmp_path / "conformance.md")
    monkeypatch.setattr("sys.argv", ["report.py", "--help"])
    with pytest.raises(SystemExit, match="0"):
        report.main()
    assert "docs/conformance.md, made from" in capsys.readouterr().out
    assert not report.PAGE.exists()
