"""A short form of the forty minutes: everything at once for some seconds, and nothing lost by it."""

from __future__ import annotations

from pathlib import Path

import pytest

from soak.real_time import Judgement, Looks, run, slope_per_h


@pytest.mark.timeout(300)
async def test_a_mix_of_faults_loses_nothing_and_leaves_nothing_open(tmp_path: Path) -> None:
    judgement = await run(tmp_path, 5.0, seed=5, look_every_s=0.5, stay_s=2.0)
    # What a few seconds say of the memory's slope is noise; the long run judges it.
    assert [breach for breach in judgement.breaches if not breach.startswith("memory")] == [], str(judgement)


def test_the_slope_is_told_with_its_error() -> None:
    at_s = [float(second) for second in range(0, 3600, 10)]
    rising = [100 + 5 * at / 3600 + (at % 20) / 100 for at in at_s]
    slope, error = slope_per_h(at_s, rising)
    assert slope == pytest.approx(5, abs=0.2)
    assert 0 < error < 0.2
    flat, error = slope_per_h(at_s, [100 + (at % 20) / 100 for at in at_s])
    assert abs(flat) < error + 0.01


def test_what_is_left_open_is_a_breach() -> None:
    looks = Looks(at_s=[float(n) for n in range(30)], descriptors=[20 + n for n in range(30)], threads=[4] * 30)
    found = Judgement()
    found.compare("file descriptors", looks.settled(looks.descriptors))
    found.compare("threads", looks.settled(looks.threads))
    assert len(found.breaches) == 1
    assert found.breaches[0].startswith("file descriptors")
