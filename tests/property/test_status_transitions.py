"""Whatever a connector's status was and becomes: only steps of the matrix of OCPP 1.6 §4.9 go over the wire."""

from __future__ import annotations

from itertools import pairwise, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocpp_gateway.charger.status import PLUGGED, Situation, derive_status, transitions
from ocpp_gateway.registers.vocabulary import ChargePointStatus as S

ORDER = (
    S.AVAILABLE,
    S.PREPARING,
    S.CHARGING,
    S.SUSPENDED_EV,
    S.SUSPENDED_EVSE,
    S.FINISHING,
    S.RESERVED,
    S.UNAVAILABLE,
    S.FAULTED,
)
# As the table of §4.9 stands: row letter A to I is the status before, the numbers are those that may follow.
MATRIX = "A2345789 B134569 C145689 D135689 E134689 F1289 G1289 H123459 I12345678"
ALLOWED = {(ORDER["ABCDEFGHI".index(row[0])], ORDER[int(number) - 1]) for row in MATRIX.split() for number in row[1:]}
PAIRS = [(last, target) for last, target in product(S, S) if last is not target]


@pytest.mark.parametrize(("last", "target"), PAIRS, ids=[f"{last} to {target}" for last, target in PAIRS])
def test_s_02_every_step_is_one_of_the_matrix(last: S, target: S) -> None:
    path = (last, *transitions(last, target))
    assert path[-1] is target
    assert all(step in ALLOWED for step in pairwise(path))
    assert len(path) == len(set(path))
    assert len(path) == 2 if (last, target) in ALLOWED else len(path) == 3


@pytest.mark.parametrize("last", list(S))
@pytest.mark.parametrize("target", [S.CHARGING, S.SUSPENDED_EV, S.SUSPENDED_EVSE, S.PREPARING, S.FINISHING])
def test_r_15_a_car_that_is_there_is_not_said_to_have_left_in_between(last: S, target: S) -> None:
    if last in PLUGGED and last is not target:
        assert S.AVAILABLE not in transitions(last, target)


situations = st.builds(Situation, **{name: st.booleans() for name in Situation.__slots__})


@given(st.lists(st.tuples(st.sampled_from(list(S)), situations), min_size=2))
def test_s_02_any_story_is_told_in_steps_of_the_matrix(story: list[tuple[S, Situation]]) -> None:
    statuses = [derive_status(register, situation) for register, situation in story]
    told = [statuses[0]]
    for status in statuses[1:]:
        if status is not told[-1]:
            told += transitions(told[-1], status)
    assert all(step in ALLOWED for step in pairwise(told))


@given(st.sampled_from(list(S)), situations)
def test_s_12_a_limit_that_lets_nothing_flow_is_never_the_car_s_pause(register: S, situation: Situation) -> None:
    if situation.transaction and situation.nothing_offered:
        assert derive_status(register, situation) is not S.SUSPENDED_EV
