"""The file of starts beside the database: lines count, and no fault of the disk is more than a start uncounted."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from ocpp_gateway.store.starts import LINES, Starts

NOON = "2026-11-22T12:00:00.000Z"


def file_of(folder: Path) -> Path:
    return folder / "gateway.db.starts"


def a_process(folder: Path) -> Starts:
    """What one life of the gateway has of the file."""
    return Starts(folder / "gateway.db")


def test_fault_k_14_every_start_is_a_line_and_counts_those_before_it(tmp_path: Path) -> None:
    assert [a_process(tmp_path).count(NOON) for _ in range(4)] == [1, 2, 3, 4]
    assert file_of(tmp_path).read_text() == f"{NOON}\n" * 4
    assert stat.S_IMODE(file_of(tmp_path).stat().st_mode) == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["gateway.db.starts"]


def test_fault_k_14_what_is_forgotten_counts_no_more(tmp_path: Path) -> None:
    for _ in range(5):
        starts = a_process(tmp_path)
        starts.count(NOON)
    starts.forget()
    starts.forget()  # there is nothing to forget any more
    assert a_process(tmp_path).count(NOON) == 1


def test_fault_k_14_lines_count_whatever_the_clock_said(tmp_path: Path) -> None:
    for at in ("2031-01-01T00:00:00.000Z", "1970-01-01T00:00:07.000Z", "@boot@3.000"):
        count = a_process(tmp_path).count(at)
    assert count == 3


def test_fault_k_14_months_of_crashes_make_no_long_file(tmp_path: Path) -> None:
    file_of(tmp_path).write_text(f"{NOON}\n" * 100_000)
    assert a_process(tmp_path).count(NOON) == LINES
    assert file_of(tmp_path).read_text() == f"{NOON}\n" * LINES


@pytest.mark.parametrize(
    ("content", "count"),
    [
        pytest.param(b"", 1, id="empty"),
        pytest.param(b"\x00" * 4096, 2, id="zeros are one line"),
        pytest.param(b"\xff\xfe\n\x80", 3, id="no text"),
        pytest.param(b"2026-11", 2, id="a broken line"),
    ],
)
def test_fault_k_14_a_damaged_file_is_counted_as_it_is(tmp_path: Path, content: bytes, count: int) -> None:
    file_of(tmp_path).write_bytes(content)
    assert a_process(tmp_path).count(NOON) == count
    assert a_process(tmp_path).count(NOON) == count + 1


def test_fault_k_14_a_file_that_cannot_be_used_is_told_once_and_stops_nothing(tmp_path: Path) -> None:
    file_of(tmp_path).mkdir()
    with capture_logs() as told:
        starts = a_process(tmp_path)
        assert starts.count(NOON) == 1
        starts.forget()
        starts.forget()
    assert [(line["event"], line["log_level"]) for line in told] == [("starts_not_counted", "warning")]
    assert told[0]["file"] == str(file_of(tmp_path))


def test_fault_k_14_without_room_the_lines_of_before_stay_and_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_process(tmp_path).count(NOON)

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.write", full)
    with capture_logs() as told:
        assert [a_process(tmp_path).count(NOON) for _ in range(3)] == [2, 2, 2]
    assert {line["problem"] for line in told} == {"No space left on device"}
    assert [file.name for file in tmp_path.iterdir()] == ["gateway.db.starts"]
