"""Two days of everything at once, every write to the charger judged; thirty and more by `make soak`."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from soak.campaign import run

SEEDS = [int(seed) for seed in os.environ.get("SOAK_SEEDS", "15").split()]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.conformance("P-43", "P-50", "P-32", "P-33", "P-27", "P-24", "P-25", "P-20", "P-55", "G-10")
def test_p_28_for_two_days_of_everything_no_write_exceeds_a_limit_in_force(tmp_path: Path, seed: int) -> None:
    """Nor the installation, nor all connectors together the station; and what is too high is lowered within 2 s."""
    report = run(tmp_path, seed, days=2)
    print(report)
    happened, figures = report.happened, report.figures
    assert figures.writes > 100
    assert figures.raises > 20
    assert figures.checked_s > 86_400
    assert report.energy_wh > 0
    assert happened["SetChargingProfile Accepted"] > 30
    assert min(happened[one] for one in ("kills", "cable pulls", "writes by another master", "external limits set")) > 2
