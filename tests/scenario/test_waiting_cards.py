"""Cards shown while nobody can be asked."""

from __future__ import annotations

from pathlib import Path

from scenario.world import a_world


async def test_a_card_shown_while_the_central_system_was_away_is_asked_for_when_it_is_back(tmp_path: Path) -> None:
    async with a_world(tmp_path, authorization={"mode": "central_system"}) as world:
        await world.until("00:05")
        await world.central.go_offline()
        world.plug_in(1, "04A1B2C3", wants_wh=1_000)
        await world.until("00:10")
        assert world.central.transactions == []
        world.central.go_online()
        await world.until("00:15")
        (transaction,) = world.central.transactions
        assert transaction.id_tag == "04A1B2C3"
        assert world.central.violations == []


async def test_a_card_shown_to_a_car_that_left_meanwhile_starts_nothing(tmp_path: Path) -> None:
    async with a_world(tmp_path, authorization={"mode": "central_system"}) as world:
        await world.until("00:05")
        await world.central.go_offline()
        world.plug_in(1, "04A1B2C3")
        await world.until("00:07")
        world.unplug(1)
        await world.until("00:10")
        world.central.go_online()
        world.plug_in(1, None)
        await world.until("00:15")
        assert world.central.calls("Authorize") == []
        assert world.central.transactions == []
