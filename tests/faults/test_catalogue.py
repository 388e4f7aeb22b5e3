"""The catalogue of faults is kept: no entry of the release gate without a test, a campaign or a reason."""

from __future__ import annotations

import pytest

from faults import catalogue
from faults.campaigns import CAMPAIGNS

FAULTS = catalogue.read()
SHOWN = {id_ for test in catalogue.tests() for id_ in test.ids}
COUNTS = {"K": 14, "D": 13, "T": 9, "M": 22, "O": 28, "C": 14}


def test_every_entry_is_there_once() -> None:
    expected = [f"{group}-{number:02d}" for group, count in COUNTS.items() for number in range(1, count + 1)]
    assert list(FAULTS) == expected


@pytest.mark.parametrize("id_", [id_ for id_, fault in FAULTS.items() if fault.tier == 1])
def test_every_entry_of_tier_1_has_a_test_a_campaign_or_a_reason(id_: str) -> None:
    fault = FAULTS[id_]
    assert id_ in SHOWN or fault.campaign or fault.not_run


def test_every_campaign_that_is_named_exists_and_every_other_is_named() -> None:
    assert {fault.campaign for fault in FAULTS.values() if fault.campaign} == set(CAMPAIGNS)


def test_every_test_named_beside_exists() -> None:
    names = {test.name for test in catalogue.tests()}
    assert [name for fault in FAULTS.values() for name in fault.also if name not in names] == []


def test_every_id_in_a_name_is_in_the_catalogue() -> None:
    unknown = [
        (test.name, id_) for test in catalogue.tests() for id_ in test.ids if id_[0] in COUNTS and id_ not in FAULTS
    ]
    assert unknown == []


@pytest.mark.parametrize(
    ("name", "ids"),
    [
        ("test_fault_m_16_an_unknown_status", ("M-16",)),
        ("test_fault_o_17_o_18_any_frame", ("O-17", "O-18")),
        ("test_t_04_a_rule_of_another_list", ()),
        ("test_a_fault_shows_its_number", ()),
    ],
)
def test_ids_stand_at_the_beginning_of_a_name(name: str, ids: tuple[str, ...]) -> None:
    assert catalogue.ids_in(name) == ids


@pytest.mark.parametrize(
    ("only", "found"),
    [("T", [f"T-{number:02d}" for number in range(1, 10)]), ("D-06,K-09", ["K-09", "D-06"]), ("C-11", ["C-11"])],
)
def test_entries_are_chosen_by_group_or_by_name(only: str, found: list[str]) -> None:
    assert catalogue.chosen(only, FAULTS) == found


@pytest.mark.parametrize("only", ["T-99", "T-04,T-99", "t", "X"])
def test_an_entry_that_is_not_there_is_told(only: str) -> None:
    with pytest.raises(ValueError, match="no group and no entry"):
        catalogue.chosen(only, FAULTS)
