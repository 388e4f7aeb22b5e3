"""When to poll what, as a function of time and of what was read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocpp_gateway.modbus.schedule import interval_s, longest_silence_s, next_due_s, reconnect_delay_s, tags_to_read
from ocpp_gateway.registers.vocabulary import ChargePointStatus as S


@pytest.mark.parametrize(
    ("failures", "chance", "delay_s"),
    [
        pytest.param(1, 0.0, 1.0, id="m-04 never more than once a second"),
        pytest.param(1, 1.0, 2.0, id="m-04 back within two seconds"),
        pytest.param(2, 0.0, 2.0, id="doubled"),
        pytest.param(5, 0.5, 24.0, id="32 s x 0.75"),
        pytest.param(6, 0.0, 30.0, id="64 s is cut to 60 s"),
        pytest.param(1000, 1.0, 60.0, id="m-01 at most a minute"),
    ],
)
def test_reconnections_back_off_with_jitter(failures: int, chance: float, delay_s: float) -> None:
    assert reconnect_delay_s(failures, chance) == delay_s


@pytest.mark.parametrize(
    ("last_due_s", "now_s", "due_s"),
    [
        pytest.param(100.0, 100.2, 105.0, id="in time"),
        pytest.param(100.0, 105.0, 105.0, id="just in time"),
        pytest.param(100.0, 105.1, 110.0, id="late: the next one keeps its place"),
        pytest.param(100.0, 131.0, 135.0, id="very late: what was missed is not made up for"),
        pytest.param(100.0, 99.0, 105.0, id="a clock before the last"),
    ],
)
def test_the_phase_is_kept(last_due_s: float, now_s: float, due_s: float) -> None:
    assert next_due_s(last_due_s, 5.0, now_s) == due_s


@given(late_s=st.floats(0, 1e5), interval=st.sampled_from([0.1, 1.0, 5.0, 60.0]))
def test_the_next_cycle_is_never_past_nor_more_than_an_interval_away(late_s: float, interval: float) -> None:
    due_s = next_due_s(0.0, interval, late_s)
    assert late_s - 1e-6 <= due_s <= late_s + interval + 1e-6


@pytest.mark.parametrize(
    ("statuses", "idle_s", "fallback_interval_s", "expected_s"),
    [
        pytest.param([S.AVAILABLE, S.AVAILABLE], 60.0, None, 60.0, id="nobody there"),
        pytest.param([S.AVAILABLE, S.AVAILABLE], None, None, 5.0, id="nobody there, no idle interval"),
        pytest.param([S.AVAILABLE, S.PREPARING], 60.0, None, 5.0, id="one plugged"),
        pytest.param([S.AVAILABLE, None], 60.0, None, 5.0, id="a status that is not known"),
        pytest.param([S.FAULTED], 60.0, 0, 5.0, id="anything but Available"),
        pytest.param([S.AVAILABLE], 60.0, 30, 15.0, id="the charger's timer is fed twice an interval"),
        pytest.param([S.CHARGING], 60.0, 30, 5.0, id="fed anyway"),
        pytest.param([S.AVAILABLE], 60.0, 0, 60.0, id="no fallback"),
    ],
)
def test_the_interval_follows_the_statuses(
    statuses: list[S | None], idle_s: float | None, fallback_interval_s: int | None, expected_s: float
) -> None:
    by_connector = dict(enumerate(statuses, start=1))
    assert (
        interval_s(by_connector, plugged_s=5.0, idle_s=idle_s, fallback_interval_s=fallback_interval_s) == expected_s
    )


@pytest.mark.parametrize(
    ("before", "statuses", "again", "due"),
    [
        pytest.param({}, {1: S.AVAILABLE, 2: None}, set(), [1, 2], id="at connect all"),
        pytest.param({1: S.AVAILABLE}, {1: S.AVAILABLE}, set(), [], id="idle"),
        pytest.param({1: S.AVAILABLE, 2: S.CHARGING}, {1: S.CHARGING, 2: S.CHARGING}, set(), [1], id="changed"),
        pytest.param({1: S.CHARGING, 2: S.CHARGING}, {1: S.CHARGING, 2: S.CHARGING}, {2}, [2], id="to be confirmed"),
    ],
)
def test_tags_are_read_when_they_may_be_news(
    before: dict[int, S | None], statuses: dict[int, S | None], again: set[int], due: list[int]
) -> None:
    assert tags_to_read(statuses, before, again, tagless=set()) == due


@pytest.mark.parametrize(
    ("status", "when_it_names_nobody", "when_it_names_somebody"),
    [
        (S.AVAILABLE, False, False),
        (S.PREPARING, True, True),
        (S.SUSPENDED_EVSE, True, True),  # what a charger says behind our own 0 W while a card is waited for
        (S.FINISHING, True, True),
        (S.CHARGING, True, False),
        (S.SUSPENDED_EV, True, False),
        (S.UNAVAILABLE, False, False),
        (S.FAULTED, False, False),
        (None, False, False),
    ],
)
def test_the_tag_of_a_plugged_connector_is_read_each_round_while_a_card_is_waited_for(
    status: S | None, when_it_names_nobody: bool, when_it_names_somebody: bool
) -> None:
    steady = {1: status}
    assert bool(tags_to_read(steady, steady, set(), tagless={1})) is when_it_names_nobody
    assert bool(tags_to_read(steady, steady, set(), tagless=set())) is when_it_names_somebody


@pytest.mark.parametrize(
    ("polled_every_s", "fallback_interval_s", "silence_s"),
    [
        pytest.param(1.0, None, 10.0, id="t-07 a slow disk is no loss"),
        pytest.param(1.0, 0, 10.0, id="s-12 0 means that the charger never falls back"),
        pytest.param(5.0, 60, 15.0, id="t-07 three polls"),
        pytest.param(1.0, 6, 6.0, id="s-12 never longer than the charger waits"),
        pytest.param(30.0, 60, 60.0, id="s-12 not even when polled seldom"),
        pytest.param(60.0, None, 180.0, id="t-07 an idle charger"),
    ],
)
def test_a_silence_counts_as_a_loss(polled_every_s: float, fallback_interval_s: int | None, silence_s: float) -> None:
    assert longest_silence_s(polled_every_s, fallback_interval_s) == silence_s
