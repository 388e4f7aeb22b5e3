"""Whose card it is: presented, standing from before, unreadable, or a glitch."""

from __future__ import annotations

import pytest

from ocpp_gateway.charger.events import LinkUp
from ocpp_gateway.charger.state import AuthorizationMode
from ocpp_gateway.charger.tags import TagWatch, watch
from ocpp_gateway.registers.snapshot import Tag
from ocpp_gateway.registers.vocabulary import ChargePointStatus as Status
from unit.charger.bench import DUO, SETTINGS, Bench, mode

UNUSABLE = "unusable"


def seen(*contents: str | None) -> tuple[TagWatch, list[str]]:
    """The watch and the cards presented after reads a second apart; the first read is at 0 s."""
    state, presented = TagWatch(), []
    for second, content in enumerate(contents):
        unusable = content == UNUSABLE
        state, card = watch(state, Tag(None if unusable else content, unusable=unusable, read_s=float(second)))
        if card is not None:
            presented.append(card)
    return state, presented


@pytest.mark.parametrize(
    ("contents", "presented"),
    [
        pytest.param([None, "A", "A"], ["A"], id="two equal reads"),
        pytest.param([None, "A"], [], id="one read is none yet"),
        pytest.param([None, "A", None, None], [], id="a glitch"),
        pytest.param([None, "A", "B", "B"], ["B"], id="a half-written card is not the card"),
        pytest.param(["A", "A", "A"], [], id="it stood there before us"),
        pytest.param([None, "A", "A", "A", "A"], ["A"], id="it stands there"),
        pytest.param([None, "A", "A", None, None, "A", "A"], ["A", "A"], id="cleared, and shown again"),
        pytest.param([None, "A", "A", None, "A", "A"], ["A"], id="one empty read is no clearing"),
        pytest.param(["A", None, "A", "A"], [], id="one empty read gives the last customer's card to nobody"),
        pytest.param(["A", UNUSABLE, "A", "A"], [], id="nor does one unreadable read"),
        pytest.param([None, "A", "A", "B", "B"], ["A", "B"], id="another card"),
        pytest.param([None, "A", "A", "B", "A", "A"], ["A"], id="one read of another card"),
        pytest.param([None, "A", "A", "B", "A", "B"], ["A"], id="two reads of another card with this one between"),
        pytest.param([None, "a", "a", "A", "A"], ["a"], id="case alone makes no other card"),
        pytest.param([None, UNUSABLE, UNUSABLE], [], id="unreadable"),
        pytest.param([None, "A", "A", UNUSABLE, UNUSABLE, "A", "A"], ["A", "A"], id="unreadable in between"),
    ],
)
def test_a_03_a_card_is_a_change_to_a_tag_in_two_equal_reads(contents: list[str | None], presented: list[str]) -> None:
    assert seen(*contents)[1] == presented


def test_the_same_read_seen_twice_is_one_read() -> None:
    state, _ = watch(TagWatch(), Tag(None, unusable=False, read_s=0.0))
    for _ in range(3):
        state, card = watch(state, Tag("A", unusable=False, read_s=1.0))
        assert card is None
    assert state.pending


def test_fault_m_20_an_unreadable_card_is_billed_to_nobody_else() -> None:
    state, _ = seen(None, "A", "A", UNUSABLE, UNUSABLE)
    assert state.presented is None
    assert state.unusable


def test_a_card_of_a_visit_belongs_to_nobody_once_the_car_has_left() -> None:
    state, _ = seen(None, "A", "A")
    assert state.car_left().presented is None
    assert state.car_left().standing == "A"


# ---------------------------------------------------------------- in a charge point


def test_the_card_shown_since_the_car_came_is_billed() -> None:
    bench = Bench().online().linked().charging(id_tag="04A1B2")
    assert bench.starts()[0]["idTag"] == "04A1B2"


def test_a_card_may_come_before_the_plug() -> None:
    bench = Bench().online().linked()
    bench.card("EARLY")
    bench.poll(20)
    bench.see(status=Status.PREPARING)
    bench.charge()
    assert bench.starts()[0]["idTag"] == "EARLY"


def test_a_31_without_a_card_the_unknown_id_tag_is_billed() -> None:
    bench = Bench().online().linked().charging(id_tag=None)
    assert bench.starts()[0]["idTag"] == "UNKNOWN"


def test_the_last_customer_s_card_that_still_stands_is_not_billed_again() -> None:
    bench = Bench().online().linked().charging(id_tag="FIRST")
    bench.leave(tag="FIRST")
    bench.charging(id_tag=None)
    assert [s["idTag"] for s in bench.starts()] == ["FIRST", "UNKNOWN"]
    assert "id_tag_standing" in bench.alarms()


def test_the_last_customer_s_card_is_not_billed_after_a_one_poll_glitch_of_its_register() -> None:
    bench = Bench().online().linked().charging(id_tag="FIRST")
    bench.leave(tag="FIRST")
    bench.see(status=Status.PREPARING, tag=Tag(None, unusable=False, read_s=0.0))
    bench.see(tag=Tag("FIRST", unusable=False, read_s=0.0))
    bench.poll(3)
    bench.charge()
    assert bench.starts()[-1]["idTag"] == "UNKNOWN"


def test_a_standing_card_is_billed_where_the_mapping_says_so() -> None:
    bench = Bench(mode(AuthorizationMode.CHARGER, accept_standing_tag=True)).online().linked()
    bench.charging(id_tag="FIRST")
    bench.leave(tag="FIRST")
    bench.charging(id_tag=None)
    assert [s["idTag"] for s in bench.starts()] == ["FIRST", "FIRST"]


def test_a_card_shown_by_somebody_who_left_without_a_car_is_not_billed_to_the_next() -> None:
    bench = Bench(ConnectionTimeOut="60").online().linked()
    bench.card("GONE")
    bench.card(None)
    bench.poll(65)
    bench.charging(id_tag=None)
    assert bench.starts()[0]["idTag"] == "UNKNOWN"


def test_a_card_shown_as_a_pulse_waits_for_its_car() -> None:
    bench = Bench(ConnectionTimeOut="60").online().linked()
    bench.card("PULSE")
    bench.card(None)
    bench.poll(30)
    bench.charging(id_tag=None)
    assert bench.starts()[0]["idTag"] == "PULSE"


def test_a_card_that_the_charger_still_shows_waits_as_long_as_it_is_shown() -> None:
    bench = Bench(ConnectionTimeOut="60").online().linked()
    bench.card("SLOW")
    bench.poll(100)
    bench.charging(id_tag=None)
    assert bench.starts()[0]["idTag"] == "SLOW"


def test_a_card_of_the_car_before_a_gap_is_not_billed_to_the_car_after_it() -> None:
    bench = Bench().online().linked().charging(id_tag="FIRST")
    bench.charge(wh=5_000, seconds=1200)
    bench.cut().wait(30)
    bench.unseen(session_energy_wh=100, charging_s=20)  # both are lower: another car charges now
    bench.linked()
    assert [s["idTag"] for s in bench.starts()] == ["FIRST", "UNKNOWN"]


def test_a_card_that_has_paid_and_is_gone_is_not_billed_to_the_car_that_came_while_its_end_was_not_certain() -> None:
    bench = Bench().online().linked().charging(id_tag="FIRST")
    bench.charge(wh=1_000, seconds=240)
    bench.cut().wait(40)
    bench.unseen(status=Status.AVAILABLE, tag=Tag(None, unusable=False, read_s=0.0))
    bench.give(LinkUp(DUO))
    bench.poll()
    bench.see(status=Status.PREPARING)  # before the link has settled
    bench.poll(12)
    bench.see(status=Status.CHARGING, session_energy_wh=0, charging_s=1)
    bench.charge(wh=300, seconds=70)
    assert [s["idTag"] for s in bench.starts()] == ["FIRST", "UNKNOWN"]


def test_a_card_that_paid_for_a_session_found_at_its_end_waits_for_no_other_car() -> None:
    bench = Bench().online().linked().charging(id_tag="FIRST")
    bench.charge(wh=100, seconds=18)
    bench.cut().wait(200)
    second = Tag("SECOND", unusable=False, read_s=0.0)
    bench.unseen(status=Status.FINISHING, session_energy_wh=300, charging_s=61, tag=second)
    bench.give(LinkUp(DUO))
    bench.poll(10)  # the link has just settled when that car leaves, and its card stays in the register
    bench.see(status=Status.AVAILABLE)
    bench.poll(30)
    bench.see(status=Status.CHARGING, session_energy_wh=0, charging_s=1)
    bench.charge(wh=300, seconds=70)
    assert [s["idTag"] for s in bench.starts()] == ["FIRST", "SECOND", "UNKNOWN"]


def test_a_start_waits_for_the_second_read_of_a_card_seen_once() -> None:
    bench = Bench().online().linked()
    bench.see(status=Status.CHARGING, charging_s=1, tag=Tag("CARD", unusable=False, read_s=0.0))
    assert bench.starts() == []
    bench.poll()
    assert bench.starts()[0]["idTag"] == "CARD"


def test_a_start_waits_five_seconds_at_most_for_a_card_that_flickers() -> None:
    bench = Bench().online().linked()
    for second in range(7):
        bench.see(status=Status.CHARGING, charging_s=second, tag=Tag(f"CARD-{second}", unusable=False, read_s=0.0))
    assert [s["idTag"] for s in bench.starts()] == ["UNKNOWN"]


def test_energy_seen_once_while_a_card_is_awaited_is_not_lost() -> None:
    bench = Bench().online().linked()
    bench.see(  # a slow poll: the car charged, and pauses now
        seconds=60,
        status=Status.SUSPENDED_EV,
        session_energy_wh=500,
        charging_s=50,
        tag=Tag("CARD", unusable=False, read_s=0.0),
    )
    bench.poll(3)
    bench.leave()
    assert [(s["idTag"], s["meterStart"]) for s in bench.starts()] == [("CARD", 0)]
    assert bench.stops()[0]["meterStop"] == 500


def test_fault_m_20_an_unreadable_card_is_told_once_an_episode() -> None:
    bench = Bench().online().linked()
    for unusable in (True, True, True, False, False, True, True):
        bench.see(tag=Tag(None, unusable=unusable, read_s=0.0))
    assert bench.alarms().count("id_tag_unusable") == 2


def test_a_04_case_is_passed_on() -> None:
    bench = Bench().online().linked().charging(id_tag="aBcDeF")
    assert bench.starts()[0]["idTag"] == "aBcDeF"
    assert bench.calls("Authorize") == [{"idTag": "aBcDeF"}]


def test_where_everyone_may_charge_cards_mean_nothing() -> None:
    bench = Bench(mode(AuthorizationMode.FREE)).online().linked().charging(id_tag="CARD")
    assert bench.starts()[0]["idTag"] == SETTINGS.free_id_tag
    assert bench.calls("Authorize") == []


# ---------------------------------------------------------------- over a restart


def begins_while_dead(bench: Bench, *, tag: str | None, charging_s: int, session_energy_wh: int) -> None:
    """A car comes and charges while no gateway lives; the next one finds it so."""
    shown = Tag(tag, unusable=False, read_s=0.0)
    bench.unseen(tag=shown, status=Status.CHARGING, charging_s=charging_s, session_energy_wh=session_energy_wh)
    bench.killed_and_restarted(300).linked().online()


def test_a_card_shown_while_no_gateway_lived_is_billed() -> None:
    bench = Bench().linked().online()
    begins_while_dead(bench, tag="LATE", charging_s=200, session_energy_wh=500)
    assert [start["idTag"] for start in bench.starts()] == ["LATE"]


def test_another_car_that_came_while_no_gateway_lived_is_billed_to_its_own_card() -> None:
    bench = Bench().linked().online().charging(id_tag="FIRST")
    bench.charge(wh=900, seconds=300)
    bench.deliver()
    begins_while_dead(bench, tag="SECOND", charging_s=60, session_energy_wh=100)
    assert [start["idTag"] for start in bench.starts()] == ["FIRST", "SECOND"]
    assert bench.stops()[0]["reason"] == "PowerLoss"


def test_a_card_that_stood_there_before_the_gateway_died_is_nobodys_still() -> None:
    bench = Bench().linked().online().charging(id_tag="FIRST")
    bench.charge(wh=900, seconds=300)
    bench.leave(tag="FIRST")
    begins_while_dead(bench, tag="FIRST", charging_s=60, session_energy_wh=100)
    assert [start["idTag"] for start in bench.starts()] == ["FIRST", "UNKNOWN"]


def test_a_card_presented_before_the_gateway_died_is_billed_to_the_car_that_waits() -> None:
    bench = Bench().linked().online()
    bench.see(status=Status.PREPARING)
    bench.card("EARLY")
    begins_while_dead(bench, tag="EARLY", charging_s=60, session_energy_wh=100)
    assert [start["idTag"] for start in bench.starts()] == ["EARLY"]


def test_the_card_of_a_car_that_left_is_not_billed_for_the_next_after_a_kill_in_that_moment() -> None:
    bench = Bench().linked().online().charging(id_tag="FIRST")
    bench.charge(wh=900, seconds=300)
    bench.see(status=Status.AVAILABLE, tag=Tag(None, unusable=False, read_s=0.0), seconds=3)
    bench.poll(seconds=3)
    assert len(bench.stops()) == 1
    begins_while_dead(bench, tag=None, charging_s=60, session_energy_wh=100)
    assert [start["idTag"] for start in bench.starts()] == ["FIRST", "UNKNOWN"]


def test_a_card_that_is_gone_with_its_car_is_not_billed_for_the_next_though_the_charger_settles_meanwhile() -> None:
    bench = Bench().linked().online().charging(id_tag="FIRST")
    bench.charge(wh=900, seconds=300)
    bench.cut().wait(40)
    bench.unseen(status=Status.AVAILABLE, tag=Tag(None, unusable=False, read_s=0.0)).give(LinkUp(DUO))
    bench.poll(9)
    bench.see(status=Status.PREPARING)
    bench.poll(5)
    bench.see(status=Status.CHARGING, session_energy_wh=0, charging_s=1)
    assert [start["idTag"] for start in bench.starts()] == ["FIRST", "UNKNOWN"]


def test_a_card_whose_transaction_is_over_is_not_billed_for_the_next_car_after_a_kill() -> None:
    bench = Bench().linked().online().charging(id_tag="FIRST")
    bench.charge(wh=900, seconds=300)
    bench.see(status=Status.FINISHING)
    bench.poll(4)
    assert len(bench.stops()) == 1
    begins_while_dead(bench, tag="FIRST", charging_s=60, session_energy_wh=100)
    assert [start["idTag"] for start in bench.starts()] == ["FIRST", "UNKNOWN"]


def test_a_card_that_is_gone_after_a_restart_is_billed_to_nobody() -> None:
    bench = Bench().linked().online()
    bench.see(status=Status.PREPARING)
    bench.card("EARLY")
    begins_while_dead(bench, tag=None, charging_s=60, session_energy_wh=100)
    assert [start["idTag"] for start in bench.starts()] == ["UNKNOWN"]


def test_the_card_of_a_transaction_that_goes_on_over_a_restart_does_not_stop_it() -> None:
    bench = Bench(mode(AuthorizationMode.CENTRAL_SYSTEM)).linked().online().charging(id_tag="OWN")
    bench.deliver()
    bench.killed_and_restarted().linked().online()
    bench.charge(wh=100)
    assert bench.stops() == []


def test_a_card_shown_while_no_gateway_lived_is_asked_for() -> None:
    bench = Bench(mode(AuthorizationMode.CENTRAL_SYSTEM)).linked().online()
    bench.unseen(tag=Tag("LATE", unusable=False, read_s=0.0), status=Status.PREPARING)
    bench.killed_and_restarted().online().linked()
    bench.authorize()
    assert [start["idTag"] for start in bench.starts()] == ["LATE"]
