"""The power history outlives the process, and only for a week."""

from __future__ import annotations

from dataclasses import replace

from contract.conftest import OpenStore
from ocpp_gateway.charger.history import Stretch
from ocpp_gateway.store import Store

MONDAY_S = 1_795_000_000
ROW = Stretch(MONDAY_S, MONDAY_S + 60, 11_000, 10_900, 11_050, 22_000, 6_000, (15.9, 16.0, None))


async def test_history_is_there_after_a_restart(open_store: OpenStore) -> None:
    store = await open_store()
    unread = Stretch(MONDAY_S, MONDAY_S + 60, None, None, None, None, None, (None, None, None))
    await store.keep_history({"SITE-1": ({1: [ROW], 0: [unread]}, 0.0), "SITE-2": ({1: [ROW]}, 0.0)})
    store = await open_store()
    assert await store.history("SITE-1", MONDAY_S, MONDAY_S + 60) == {0: [unread], 1: [ROW]}
    assert await store.history("SITE-3", MONDAY_S, MONDAY_S + 60) == {}


async def test_a_row_that_goes_on_takes_the_place_of_the_one_before(store: Store) -> None:
    on_monotonic = replace(ROW, at_s=100.2, until_s=160.2)
    zero_s = MONDAY_S - 100.0
    await store.keep_history({"SITE-1": ({1: [on_monotonic]}, zero_s)})
    await store.keep_history({"SITE-1": ({1: [replace(on_monotonic, until_s=220.2)]}, zero_s)})
    assert await store.history("SITE-1", MONDAY_S, MONDAY_S) == {1: [replace(ROW, until_s=MONDAY_S + 120)]}


async def test_history_is_read_between_two_moments(store: Store) -> None:
    rows = [replace(ROW, at_s=MONDAY_S + 60 * n, until_s=MONDAY_S + 60 * n + 60) for n in range(10)]
    long = replace(ROW, at_s=MONDAY_S - 3600, until_s=MONDAY_S)
    await store.keep_history({"SITE-1": ({1: [long, *rows]}, 0.0)})
    found = await store.history("SITE-1", MONDAY_S + 150, MONDAY_S + 200)
    assert found == {1: rows[2:4]}
    assert (await store.history("SITE-1", MONDAY_S - 30, MONDAY_S - 20))[1] == [long]


async def test_what_is_older_than_a_week_goes(store: Store) -> None:
    week_s = 7 * 86_400

    def after(seconds: int) -> Stretch:
        return replace(ROW, at_s=ROW.at_s + seconds, until_s=ROW.until_s + seconds)

    await store.keep_history({"SITE-1": ({1: [ROW], 2: [ROW]}, 0.0)})
    for seconds, expected in (
        (week_s - 60, [ROW, after(week_s - 60)]),
        (week_s, [after(week_s - 60), after(week_s)]),
    ):
        await store.keep_history({"SITE-1": ({1: [after(seconds)]}, 0.0)})
        assert (await store.history("SITE-1", 0, MONDAY_S + 2 * week_s))[1] == expected


async def test_of_two_rows_that_begin_in_one_second_the_longer_is_kept(store: Store) -> None:
    short = replace(ROW, at_s=MONDAY_S - 0.3, until_s=MONDAY_S + 0.2, power_w=0)
    await store.keep_history({"SITE-1": ({1: [short, replace(ROW, at_s=MONDAY_S + 0.2)]}, 0.0)})
    assert await store.history("SITE-1", MONDAY_S, MONDAY_S + 60) == {1: [ROW]}
