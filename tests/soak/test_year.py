"""A week of the year that `make soak` lives: each session told, its energy right, both sides away once, a power cut."""

from __future__ import annotations

from pathlib import Path

import pytest

from soak.year import run


@pytest.mark.timeout(180)
def test_fault_k_11_a_week_of_sessions_outages_and_a_power_cut_is_told_as_it_was(tmp_path: Path) -> None:
    year = run(tmp_path, seed=1, days=7)
    print(year)
    assert year.breaches == []
    assert len(year.visits) == 42
    assert set(year.happened.values()) == {1}
    assert len(year.happened) == 3
