"""A ring in one piece of memory: what it keeps, and that it takes no more and no less than it took at first."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocpp_gateway.ring import Ring


def test_the_last_records_stay_in_their_order() -> None:
    ring = Ring(30)
    for number in range(10):
        ring.append(b"record%d" % number)  # 11 bytes with its length
    assert list(ring) == [b"record8", b"record9"]
    assert (len(ring), ring.dropped) == (2, 8)


def test_what_can_never_fit_is_refused_and_costs_nothing() -> None:
    ring = Ring(10)
    ring.append(b"kept")
    with pytest.raises(ValueError, match="7 bytes in a ring of 10"):
        ring.append(b"too big")
    assert list(ring) == [b"kept"]


def test_the_oldest_can_be_dropped_to_keep_fewer() -> None:
    ring = Ring(100)
    ring.append(b"a")
    ring.append(b"b")
    ring.drop()
    assert (list(ring), ring.dropped) == ([b"b"], 1)


@given(st.integers(16, 60), st.lists(st.binary(max_size=12), max_size=40))
def test_it_holds_as_many_of_the_last_records_as_fit_wherever_they_wrap(size: int, records: list[bytes]) -> None:
    ring = Ring(size)
    for record in records:
        ring.append(record)
    fitting: list[bytes] = []
    for record in reversed(records):
        if sum(4 + len(one) for one in (record, *fitting)) > size:
            break
        fitting.insert(0, record)
    assert list(ring) == fitting
    assert (len(ring), ring.dropped) == (len(fitting), len(records) - len(fitting))
    assert len(ring._memory) == size
