"""A week of the year that `make soak` lives: each session told, its energy right, both sides away once, a power cut."""

from __future__ import annotations

from pathlib import Path

import pytest

from soak.year import MONTH, Size, rises, run


@pytest.mark.timeout(180)
def test_fault_k_11_a_week_of_sessions_outages_and_a_power_cut_is_told_as_it_was(tmp_path: Path) -> None:
    year = run(tmp_path, seed=1, days=7)
    print(year)
    assert year.breaches == []
    assert year.happened == {
        "visits": 42,
        "outages of the central system": 1,
        "outages of the charger": 1,
        "power cuts": 1,
    }


def sizes(*, store_mb_a_month: float = 0.0, memory_mb_a_month: float = 0.0, days: int = 91) -> list[Size]:
    """Looks at the end of each week, with some noise."""
    return [
        Size(
            day,
            memory_mb=100 + memory_mb_a_month * day / MONTH + day % 3 * 0.25,
            store_mb=9 + store_mb_a_month * day / MONTH + day % 2 * 0.02,
        )
        for day in range(7, days + 1, 7)
    ]


@pytest.mark.parametrize(
    ("looks", "told"),
    [
        pytest.param(sizes(), None, id="flat"),
        pytest.param(sizes(store_mb_a_month=0.33), "store: rises by 0.3", id="a ledger that forgets nothing"),
        pytest.param(sizes(memory_mb_a_month=2.0), "memory: rises by", id="a leak"),
        pytest.param(sizes(store_mb_a_month=9.0, days=42), None, id="too few looks to tell"),
        pytest.param([Size(7, 50, 1), Size(14, 70, 3), Size(28, 99, 6), *sizes()[4:]], None, id="the first month"),
    ],
)
def test_what_rises_after_the_first_month_is_a_breach(looks: list[Size], told: str | None) -> None:
    found = list(rises(looks))
    assert [breach.startswith(str(told)) for breach in found] == [True] * (told is not None)
