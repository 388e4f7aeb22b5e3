"""Moments: how they are stamped, moved, and repaired once the time is known."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocpp_gateway.instant import Instant, age_s, format_utc, parse_utc, resolve_stamp

NOON = datetime(2026, 3, 29, 12, 0, 0, tzinfo=UTC)
BERLIN_SUMMER = timezone(timedelta(hours=2))


def at(utc: datetime | None = NOON, *, boot_id: str = "boot-a", monotonic_s: float = 100.0) -> Instant:
    return Instant(utc, boot_id, monotonic_s)


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        pytest.param(NOON, "2026-03-29T12:00:00.000Z", id="milliseconds are always written"),
        pytest.param(NOON.replace(microsecond=7_000), "2026-03-29T12:00:00.007Z", id="milliseconds are padded"),
        pytest.param(NOON.replace(microsecond=999_999), "2026-03-29T12:00:00.999Z", id="never rounded up"),
        pytest.param(NOON.astimezone(BERLIN_SUMMER), "2026-03-29T12:00:00.000Z", id="another offset becomes UTC"),
    ],
)
def test_t_21_times_are_written_in_utc_with_z(moment: datetime, text: str) -> None:
    assert format_utc(moment) == text
    assert at(moment).stamp() == text


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        pytest.param("2026-03-29T12:00:00Z", NOON, id="Z"),
        pytest.param("2026-03-29T12:00:00.000Z", NOON, id="milliseconds"),
        pytest.param("2026-03-29T12:00:00.1234567Z", NOON.replace(microsecond=123_456), id="seven digits"),
        pytest.param("2026-03-29T14:00:00+02:00", NOON, id="offset"),
        pytest.param("2026-03-29T12:00:00", NOON, id="no offset is UTC"),
        pytest.param("2026-03-29T12:00Z", NOON, id="no seconds"),
    ],
)
def test_t_21_times_of_a_central_system_are_read_in_every_usual_form(text: str, moment: datetime) -> None:
    assert parse_utc(text) == moment
    assert parse_utc(text).tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    ["", "noon", "2026-13-01T00:00:00Z", "2026-03-29T25:00:00Z", "1774785600", "0001-01-01T00:00:00+23:59"],
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_utc(text)


@given(st.datetimes(min_value=datetime(1970, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_a_written_time_reads_back_to_its_millisecond(moment: datetime) -> None:
    assert parse_utc(format_utc(moment)) == moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def test_time_passes_on_both_clocks() -> None:
    assert at().plus(1.5) == at(NOON + timedelta(seconds=1.5), monotonic_s=101.5)
    assert at().plus(-1.5) == at(NOON - timedelta(seconds=1.5), monotonic_s=98.5)
    assert at(None).plus(1.5) == at(None, monotonic_s=101.5)


def test_b_13_a_moment_without_a_clock_is_resolved_when_the_time_is_learnt() -> None:
    # The clock of boot-a read 100 s at the moment, and 0 s at 11:58:20: the moment is noon.
    zero = NOON - timedelta(seconds=100)
    assert at(None).resolved(boot_id="boot-a", utc_at_zero=zero) == at(NOON)


def test_b_13_a_known_time_and_another_boots_moment_stay_as_they_are() -> None:
    zero = datetime(2000, 1, 1, tzinfo=UTC)
    for moment in (at(NOON), at(None, boot_id="boot-b")):
        assert moment.resolved(boot_id="boot-a", utc_at_zero=zero) is moment


def test_b_13_a_stamp_without_a_clock_is_resolved_when_the_time_is_learnt() -> None:
    zero = NOON - timedelta(seconds=100)
    assert resolve_stamp(at(None).stamp(), boot_id="boot-a", utc_at_zero=zero) == "2026-03-29T12:00:00.000Z"


@pytest.mark.parametrize("boot_id", ["boot-b", "boot", "boot-aa"])
def test_b_13_a_stamp_of_another_boot_stays_as_it_is(boot_id: str) -> None:
    stamp = at(None, boot_id=boot_id).stamp()
    assert resolve_stamp(stamp, boot_id="boot-a", utc_at_zero=NOON) == stamp


def test_a_stamp_with_its_time_is_left_alone() -> None:
    assert resolve_stamp("2026-03-29T12:00:00.000Z", boot_id="boot-a", utc_at_zero=NOON) == "2026-03-29T12:00:00.000Z"


@given(st.floats(min_value=0, max_value=1e9), st.text(st.characters(codec="ascii", exclude_characters="@"), min_size=1))
def test_stamp_and_moment_resolve_to_the_same_time(monotonic_s: float, boot_id: str) -> None:
    moment = at(None, boot_id=boot_id, monotonic_s=monotonic_s)
    stamped = parse_utc(resolve_stamp(moment.stamp(), boot_id=boot_id, utc_at_zero=NOON))
    resolved = moment.resolved(boot_id=boot_id, utc_at_zero=NOON).utc
    assert resolved is not None
    assert abs(stamped - resolved) <= timedelta(milliseconds=2)


@pytest.mark.parametrize(
    ("stamp", "expected"),
    [
        pytest.param(at(NOON - timedelta(minutes=1)).stamp(), 60.0, id="UTC"),
        pytest.param(at(None, monotonic_s=40.0).stamp(), 60.0, id="without a clock, of this boot"),
        pytest.param(at(None, boot_id="boot-b").stamp(), None, id="without a clock, of another boot"),
        pytest.param(at(None, boot_id="a@b").stamp(), None, id="of a boot with an odd name"),
    ],
)
def test_the_age_of_a_stamp_is_known_where_a_clock_relates_it_to_now(stamp: str, expected: float | None) -> None:
    assert age_s(stamp, at(NOON)) == expected


def test_without_a_clock_the_age_of_a_time_is_unknown() -> None:
    assert age_s(at(NOON).stamp(), at(None)) is None


@pytest.mark.parametrize(
    ("later", "stamped"),
    [
        pytest.param(at(NOON + timedelta(seconds=9), monotonic_s=109), NOON + timedelta(seconds=9), id="as it is"),
        pytest.param(at(NOON + timedelta(hours=1), monotonic_s=109), NOON + timedelta(hours=1), id="set forward"),
        pytest.param(at(NOON - timedelta(hours=1), monotonic_s=109), NOON + timedelta(seconds=9), id="set back"),
        pytest.param(at(NOON - timedelta(seconds=9), monotonic_s=91), NOON - timedelta(seconds=9), id="it came before"),
        pytest.param(at(NOON - timedelta(hours=1), boot_id="boot-b"), NOON, id="set back while the machine was off"),
        pytest.param(at(None, monotonic_s=109), None, id="not known"),
    ],
)
def test_fault_t_03_a_story_goes_on_where_the_clock_was_set_back(later: Instant, stamped: datetime | None) -> None:
    told = later.not_before(at())
    assert told == Instant(stamped, later.boot_id, later.monotonic_s)
