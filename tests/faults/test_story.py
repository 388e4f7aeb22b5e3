"""What a gateway has certainly read: the least that it must tell rests on nothing that it may have missed."""

from __future__ import annotations

import contextlib
import random
from typing import cast

import pytest

from faults.story import PLACES, Story
from integration.site import Site
from ocpp_gateway import mapping_files
from ocpp_gateway.registers.vocabulary import Role
from ocpp_gateway.simulator.device import ModbusException, SimulatedCharger

ENERGY, CARD = Role.SESSION_ENERGY_WH, Role.ID_TAG
NEXT, REFUSED = "on the next connection", "refused"


class Quiet:
    """A site with a charger and nobody else."""

    def __init__(self) -> None:
        self.charger = SimulatedCharger(mapping_files.load("compleo-duo-solo"), 2)


def a_story(*reads: Role | str) -> Story:
    """One whose gateway was just born, and read these registers of connector 1, a second each."""
    site = Quiet()
    charger = site.charger
    charger.connection = 1
    story = Story(cast("Site", site), random.Random(1))
    story.born()
    for read in reads:
        charger.advance(charger.now_s + 1)
        if read == NEXT:
            charger.connection += 1
        elif read == REFUSED:
            charger.refuse(1)
        else:
            with contextlib.suppress(ModbusException):
                charger.read(*PLACES[Role(read), 1], 1)
    return story


@pytest.mark.parametrize(
    ("reads", "kept"),
    [
        pytest.param([ENERGY, ENERGY], True, id="it read on"),
        pytest.param([ENERGY, CARD, ENERGY], True, id="and something else"),
        pytest.param([ENERGY], False, id="the answer may be on its way"),
        pytest.param([ENERGY, CARD], False, id="it may not have kept it yet"),
        pytest.param([ENERGY, NEXT, ENERGY], False, id="torn: it asked again on another connection"),
        pytest.param([REFUSED, ENERGY, ENERGY], False, id="refused"),
        pytest.param([REFUSED, ENERGY, ENERGY, ENERGY], True, id="refused, and then not"),
        pytest.param([ENERGY, NEXT, ENERGY, ENERGY], True, id="torn, and then not"),
        pytest.param([ENERGY, REFUSED, ENERGY], True, id="whole, and the next one refused"),
    ],
)
def test_energy_is_kept_once_the_same_connection_asks_for_it_again(reads: list[Role | str], kept: bool) -> None:
    assert a_story(*reads)._has_read_on(0.0, ENERGY, 1) is kept


@pytest.mark.parametrize(
    ("reads", "seen"),
    [([CARD], False), ([CARD, ENERGY], True), ([CARD, NEXT, ENERGY], False), ([REFUSED, CARD, ENERGY], False)],
)
def test_a_card_is_seen_once_the_same_connection_asks_on(reads: list[Role | str], seen: bool) -> None:
    assert a_story(*reads).has_read(1) is seen


def test_without_a_known_connection_nothing_is_certain() -> None:
    story = a_story()
    story.site.charger.connection = None
    for _ in range(3):
        story.site.charger.advance(story.site.charger.now_s + 1)
        story.site.charger.read(*PLACES[ENERGY, 1], 1)
    assert not story._has_read_on(0.0, ENERGY, 1)
