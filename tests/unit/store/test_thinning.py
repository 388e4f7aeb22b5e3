"""Which meter values of a transaction may go, and that a queue without any is not searched all the time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, event
from structlog.testing import capture_logs

from ocpp_gateway.charger.records import MeterRecord, OutboxRecord
from ocpp_gateway.instant import Instant
from ocpp_gateway.store import database
from ocpp_gateway.store.thinning import SAMPLES_QUERY, UNBILLED_QUERY, WINDOW_S, QueueBound, superfluous
from ocpp_gateway.store.write import ensure_charge_point, write

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Sample:
    seq: int
    created_at: str
    transmissions: int = 0


def at(seconds: float) -> str:
    return Instant(NOON, "boot-1", 0.0).plus(seconds).stamp()


def boot(seconds: float, boot_id: str = "boot-1") -> str:
    return Instant(None, boot_id, seconds).stamp()


def dropped(*stamps: str) -> list[int]:
    return superfluous([Sample(seq, stamp) for seq, stamp in enumerate(stamps)])


@pytest.mark.parametrize(
    ("stamps", "expected"),
    [
        pytest.param([], [], id="nothing"),
        pytest.param([at(0)], [], id="one"),
        pytest.param([at(0), at(1)], [], id="first and last"),
        pytest.param([at(0), at(1), at(2)], [1], id="what is between"),
        pytest.param([at(0), at(899), at(900), at(901), at(1000)], [1, 3], id="one per quarter of an hour"),
        pytest.param([at(840), at(900), at(960), at(1020)], [2], id="quarters are those of the clock"),
        pytest.param([boot(0), boot(1), boot(900), boot(901)], [1], id="of the boot, without a clock"),
        pytest.param([boot(0), boot(1, "boot-2"), boot(2, "boot-2"), boot(3, "boot-2")], [2], id="of each boot"),
        pytest.param([boot(0), at(1), boot(2, "b@t"), at(3), at(4)], [], id="clocks that cannot be compared"),
        pytest.param([at(0), at(-3600), at(-3590), at(1)], [2], id="a clock set back"),
    ],
)
def test_fault_o_26_first_last_and_one_per_quarter_of_an_hour_stay(stamps: list[str], expected: list[int]) -> None:
    assert dropped(*stamps) == expected


def test_what_was_transmitted_stays_and_changes_nothing_for_the_others() -> None:
    samples = [Sample(0, at(0)), Sample(1, at(1), 1), Sample(2, at(2)), Sample(3, at(3), 2), Sample(4, at(4))]
    assert superfluous(samples) == [2]


@given(st.lists(st.tuples(st.integers(0, 10**5), st.integers(0, 1)), min_size=1).map(sorted))
def test_thinning_keeps_the_course_and_comes_to_an_end(course: list[tuple[int, int]]) -> None:
    samples = [Sample(seq, at(seconds), transmissions) for seq, (seconds, transmissions) in enumerate(course)]
    gone = set(superfluous(samples))
    left = [sample for sample in samples if sample.seq not in gone]

    assert (left[0], left[-1]) == (samples[0], samples[-1])
    assert {sample.seq for sample in samples if sample.transmissions} <= {sample.seq for sample in left}
    assert superfluous(left) == []
    quarters = {seconds // WINDOW_S for seconds, _ in course}  # noon is one of the clock's
    assert {course[sample.seq][0] // WINDOW_S for sample in left} == quarters
    assert sum(sample.transmissions == 0 for sample in left) <= len(quarters) + 1


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    connection = database.open_database(tmp_path / "gateway.db")
    yield connection
    database.close_database(connection)


@pytest.fixture
def statements(connection: Connection) -> list[str]:
    """What is executed from now on."""
    seen: list[str] = []
    event.listen(connection, "before_cursor_execute", lambda *execution: seen.append(execution[2]))
    return seen


def commit(connection: Connection, bound: QueueBound, number: int, action: str = "StartTransaction") -> None:
    record = OutboxRecord(f"m-{number}", action, {}, Instant(NOON, "boot-1", 0.0).plus(number), local_id="tx-1")
    with connection.begin():
        ensure_charge_point(connection, "SITE-1")
        write(connection, "SITE-1", record)
        bound.hold(connection, "SITE-1", [record, MeterRecord(1, number)])


def searches(statements: Sequence[str]) -> int:
    return sum("GROUP BY" in statement for statement in statements)


def counts(statements: Sequence[str]) -> int:
    return sum("count(*)" in statement for statement in statements)


def test_a_queue_is_counted_once_and_not_searched_until_it_is_full(
    connection: Connection, statements: list[str]
) -> None:
    bound = QueueBound(100)
    for number in range(99):
        commit(connection, bound, number)
    assert (counts(statements), searches(statements)) == (1, 0)

    commit(connection, bound, 99)
    assert (counts(statements), searches(statements)) == (2, 1)


def test_a_queue_with_nothing_to_thin_is_searched_once_per_tenth_of_the_bound(
    connection: Connection, statements: list[str]
) -> None:
    bound = QueueBound(100)
    for number in range(139):
        commit(connection, bound, number)
    assert searches(statements) == 4  # at 100, 110, 120 and 130

    for number in range(139, 150):
        commit(connection, bound, number, "MeterValues")
    with connection.begin():
        assert connection.exec_driver_sql("SELECT outbox_thinned FROM charge_point").scalar() == 9  # at 150, of 11


def test_a_commit_that_failed_makes_it_count_anew(connection: Connection, statements: list[str]) -> None:
    bound = QueueBound(100)
    commit(connection, bound, 1)
    bound.forget()
    commit(connection, bound, 2)
    commit(connection, bound, 3)
    assert counts(statements) == 2


def test_thinning_is_told_once(connection: Connection) -> None:
    bound = QueueBound(20)
    with capture_logs() as told:
        for number in range(20):
            commit(connection, bound, number, "MeterValues")
    thinned = {"event": "meter_values_thinned", "charge_point": "SITE-1", "messages": 18, "log_level": "warning"}
    assert told == [thinned]
    with connection.begin():
        left = connection.exec_driver_sql("SELECT message_id FROM outbox ORDER BY seq").scalars().all()
    assert left == ["m-0", "m-19"]


def test_the_samples_of_a_transaction_are_found_by_its_id(connection: Connection) -> None:
    asked = SAMPLES_QUERY.params(central_system="main", local_id="tx-1")
    compiled = asked.compile(connection, compile_kwargs={"literal_binds": True})
    with connection.begin():
        steps = [step.detail for step in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {compiled}").all()]
    assert any("ix_outbox_local_id_action" in step for step in steps), steps


def test_what_no_transaction_needs_is_found_in_the_order_of_the_queue(connection: Connection) -> None:
    asked = UNBILLED_QUERY.params(charge_point="SITE-1", central_system="main", wanted=10)
    compiled = asked.compile(connection, compile_kwargs={"literal_binds": True})
    with connection.begin():
        steps = [step.detail for step in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {compiled}").all()]
    searched = [step for step in steps if step.startswith("SEARCH")]
    assert all("ix_outbox_charge_point_central_system_state_seq" in step for step in searched), steps
    assert len(searched) == 2
    assert not any("TEMP B-TREE" in step for step in steps), steps
