"""What watchers of many chargers are sent: all of it once, then what is new, and never more than fits."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocpp_gateway.web.live import BUDGET, Live, Watcher, keyed, merge_patch
from unit.web.asking import Watch


def charger(identity: str = "SITE-1", power_w: float = 0.0, **changes: Any) -> dict[str, Any]:
    connector = {"connector_id": 1, "status": "Charging", "registers": {"power_w": power_w, "charging_s": 7}}
    return {
        "identity": identity,
        "modbus": {"connected": True, "last_poll_age_s": power_w},
        "connectors": [connector],
    } | changes


class Site:
    """Chargers that are looked at; counts how often."""

    def __init__(self, *views: dict[str, Any]) -> None:
        self.views, self.looks = list(views), 0
        self.clock = Watch()
        self.live = Live(self._look, self.clock)

    async def _look(self) -> list[dict[str, Any]]:
        self.looks += 1
        return self.views

    async def told(self, watcher: Watcher) -> list[dict[str, Any]]:
        """What a watcher is sent in the next tick."""
        self.clock.now_s += 1
        return [json.loads(news) for news in watcher.news(await self.live.lean(self.live.tick()))]


async def test_the_first_tick_brings_all_and_the_next_only_what_is_new() -> None:
    site, watcher = Site(charger(power_w=1.0)), Watcher()
    (whole,) = await site.told(watcher)
    assert whole["connectors"]["1"] == {"connector_id": 1, "status": "Charging", "registers": {"power_w": 1.0}}
    assert await site.told(watcher) == []
    site.views = [charger(power_w=2.0)]
    assert await site.told(watcher) == [{"identity": "SITE-1", "connectors": {"1": {"registers": {"power_w": 2.0}}}}]


async def test_what_changes_with_every_look_is_no_news() -> None:
    site, watcher = Site(charger()), Watcher()
    await site.told(watcher)
    site.views = [charger(modbus={"connected": True, "last_poll_age_s": 99.0})]
    assert await site.told(watcher) == []


async def test_all_watchers_of_a_tick_share_one_look_and_nobody_s_absence_costs_any() -> None:
    site, watchers = Site(charger()), [Watcher() for _ in range(20)]
    assert site.looks == 0
    site.clock.now_s += 1
    for watcher in watchers:
        assert len(list(watcher.news(await site.live.lean(site.live.tick())))) == 1
    assert site.looks == 1


async def test_two_hundred_chargers_that_all_change_fit_and_take_turns() -> None:
    big = {"note": "x" * 500}
    site = Site(*(charger(f"CP-{number}", 0.0, **big) for number in range(200)))
    watcher, seen = Watcher(), set()
    for second in range(1, 5):
        site.views = [charger(f"CP-{number}", float(second), note="y" * (500 + second)) for number in range(200)]
        told = await site.told(watcher)
        assert sum(len(json.dumps(news, separators=(",", ":"))) for news in told) <= BUDGET + 1000
        seen |= {news["identity"] for news in told}
    assert len(seen) == 200  # three ticks' worth, in turn


async def test_a_charger_that_could_not_be_sent_is_sent_later_with_the_values_of_then() -> None:
    site = Site(*(charger(f"CP-{number}", 0.0, note="x" * 30_000) for number in range(3)))
    watcher = Watcher()
    assert [news["identity"] for news in await site.told(watcher)] == ["CP-0", "CP-1"]
    site.views[2] = charger("CP-2", 7.0, note="x" * 30_000)
    (late,) = await site.told(watcher)
    assert (late["identity"], late["connectors"]["1"]["registers"]["power_w"]) == ("CP-2", 7.0)


MEMBERS = st.recursive(
    st.integers(0, 3) | st.booleans() | st.lists(st.integers(0, 2), max_size=2),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)
DOCUMENTS = st.dictionaries(st.sampled_from("abc"), MEMBERS, max_size=3)


@given(DOCUMENTS, DOCUMENTS)
def test_a_patch_applied_as_rfc_7386_says_gives_the_new_document(before: Any, now: Any) -> None:
    def merged(target: Any, patch: Any) -> Any:
        if not isinstance(patch, dict):
            return patch
        result = dict(target) if isinstance(target, dict) else {}
        for name, value in patch.items():
            if value is None:
                result.pop(name, None)
            else:
                result[name] = merged(result.get(name), value)
        return result

    assert merged(before, merge_patch(before, now)) == now


def test_connectors_are_keyed_by_their_id() -> None:
    assert list(keyed(charger())["connectors"]) == ["1"]


@pytest.mark.parametrize("hidden", [set(), {"registers"}], ids=["nothing", "registers"])
def test_what_is_hidden_is_hidden_at_any_depth(hidden: set[str]) -> None:
    assert ("registers" in keyed(charger(), hidden)["connectors"]["1"]) is not bool(hidden)
