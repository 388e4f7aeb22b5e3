"""What `make faults` does at length, in brief: the gateway killed, its power cut, its writes broken off."""

from __future__ import annotations

import os
import secrets

import pytest

from faults import disk, inside_commit, killing
from faults.killing import Plan

SEED = int(os.environ.get("FAULTS_SEED", secrets.randbelow(10**9)))


@pytest.mark.timeout(300)
def test_fault_k_09_a_hundred_kills_with_a_tenth_of_the_answers_lost_lose_and_double_nothing() -> None:
    figures = killing.run(Plan(SEED, 100))  # a faster clock would outrun a machine that is busy with other tests
    print(figures)
    assert figures.breaches == [], f"FAULTS_SEED={SEED}"
    assert figures.deaths.total() == 100
    assert figures.visits >= 16


@pytest.mark.timeout(300)
@pytest.mark.skipif(disk.why_not() is not None, reason=str(disk.why_not()))
def test_fault_k_11_twenty_power_cuts_lose_nothing_that_was_told() -> None:
    figures = killing.run(Plan(SEED, 20, sites=4, speed=15.0, power_cuts=True))
    print(figures)
    assert figures.breaches == [], f"FAULTS_SEED={SEED}"


@pytest.mark.timeout(300)
@pytest.mark.skipif(inside_commit.why_not() is not None, reason=str(inside_commit.why_not()))
def test_fault_k_12_kills_inside_commits_lose_nothing() -> None:
    figures = inside_commit.run([9, 57, 105], sites=3)
    print(figures)
    assert figures.breaches == []
    assert figures.killed_at == [9, 57, 105]
