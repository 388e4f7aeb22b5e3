"""Who is let in, and what guessing costs."""

from __future__ import annotations

import asyncio

import pytest

from ocpp_gateway.web import passwords
from ocpp_gateway.web.access import FREE_ATTEMPTS, IDLE_S, SESSION_S, Access, AccessError, Credentials, Role
from unit.web.asking import Kept, Watch

GOOD = "correct horse battery"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """scrypt at a cost for tests: how slow it is is not what they show."""
    monkeypatch.setattr(passwords, "COST", 2**4)


async def set_up(public: Access) -> str:
    return await public.set_up(public.setup_code or "", GOOD, "192.0.2.7")


# ---------------------------------------------------------------- passwords


def test_fault_w_01_a_password_is_kept_as_a_salted_scrypt_hash() -> None:
    one, other = passwords.hash_password(GOOD), passwords.hash_password(GOOD)
    assert one.startswith("scrypt$")
    assert one != other
    assert GOOD not in one
    assert passwords.is_password(GOOD, one)
    assert not passwords.is_password(GOOD + " ", one)


def test_a_hash_tells_its_cost_so_that_a_later_cost_reads_it(monkeypatch: pytest.MonkeyPatch) -> None:
    cheap = passwords.hash_password(GOOD)
    monkeypatch.setattr(passwords, "COST", 2**5)
    assert passwords.is_password(GOOD, cheap)


@pytest.mark.parametrize("password", ["", "short", "aaaaaaaaaaaaaaaa", "x" * 257])
async def test_a_password_that_is_too_easy_is_refused(public: Access, kept: Kept, password: str) -> None:
    with pytest.raises(AccessError):
        await public.set_up(public.setup_code or "", password, "192.0.2.7")
    assert kept.passwords == {}
    assert public.setup_code is not None


# ---------------------------------------------------------------- who is there


def test_on_loopback_without_a_password_everybody_is_the_operator(access: Access) -> None:
    principal = access.who(None, None)
    assert principal is not None
    assert principal.role is Role.OPERATOR
    assert access.setup_code is None


async def test_on_loopback_a_password_is_asked_for_once_it_is_set(access: Access) -> None:
    await access.change_password(Role.OPERATOR, GOOD, who="local operator")
    assert access.who(None, None) is None
    assert access.setup_code is None  # whoever set it knows it


def test_fault_w_01_nobody_is_let_in_before_the_set_up(public: Access) -> None:
    assert public.who(None, None) is None
    assert public.who("anything", "anything") is None
    code = public.setup_code
    assert code is not None
    assert len(code) == 14


async def test_fault_w_01_the_code_sets_the_first_password_once(public: Access) -> None:
    code = public.setup_code or ""
    cookie = await public.set_up(f" {code.lower()} ", GOOD, "192.0.2.7")
    principal = public.who(cookie, None)
    assert principal is not None
    assert principal.role is Role.OPERATOR
    with pytest.raises(AccessError):
        await public.set_up(code, "another password", "192.0.2.7")


async def test_fault_w_01_a_wrong_code_is_refused(public: Access, kept: Kept) -> None:
    with pytest.raises(AccessError, match="not the code"):
        await public.set_up("AAAA-BBBB-CCCC", GOOD, "192.0.2.7")
    assert kept.passwords == {}


async def test_fault_w_12_each_log_in_is_a_new_session(public: Access) -> None:
    await set_up(public)
    one = await public.log_in(Role.OPERATOR, GOOD, "192.0.2.7")
    other = await public.log_in(Role.OPERATOR, GOOD, "192.0.2.7")
    assert one != other
    public.log_out(one)
    assert public.who(one, None) is None
    assert public.who(other, None) is not None


async def test_fault_w_12_a_new_password_ends_every_session(public: Access) -> None:
    cookie = await set_up(public)
    await public.change_password(Role.OPERATOR, "a different password", who="operator")
    assert public.who(cookie, None) is None
    with pytest.raises(AccessError):
        await public.log_in(Role.OPERATOR, GOOD, "192.0.2.7")


async def test_fault_w_12_a_session_ends_after_its_time_and_when_it_is_idle(public: Access, watch: Watch) -> None:
    cookie = await set_up(public)
    watch.now_s += IDLE_S + 1
    assert public.who(cookie, None) is None
    cookie = await public.log_in(Role.OPERATOR, GOOD, "192.0.2.7")
    for _ in range(int(SESSION_S / IDLE_S) + 1):
        watch.now_s += IDLE_S - 1
        public.who(cookie, None)
    assert public.who(cookie, None) is None


async def test_a_viewer_needs_a_password_of_their_own(public: Access) -> None:
    await set_up(public)
    with pytest.raises(AccessError, match="wrong password"):
        await public.log_in(Role.VIEWER, GOOD, "192.0.2.7")
    await public.change_password(Role.VIEWER, "only for looking", who="operator")
    cookie = await public.log_in(Role.VIEWER, "only for looking", "192.0.2.7")
    principal = public.who(cookie, None)
    assert principal is not None
    assert principal.role is Role.VIEWER


async def test_passwords_and_tokens_outlive_the_process(public: Access, kept: Kept, watch: Watch) -> None:
    await set_up(public)
    token = await public.add_token("grafana", Role.VIEWER, who="operator")
    credentials = Credentials.of(kept.passwords, [(name, *rest) for name, rest in kept.tokens.items()])
    again = Access(kept, credentials, loopback=False, now_s=watch)
    assert again.setup_code is None
    assert again.who(None, token) is not None
    assert await again.log_in(Role.OPERATOR, GOOD, "192.0.2.7")


# ---------------------------------------------------------------- tokens


async def test_a_token_is_kept_as_its_hash_and_counts_until_it_is_removed(public: Access, kept: Kept) -> None:
    token = await public.add_token("grafana", Role.VIEWER, who="operator")
    assert token not in str(kept)
    principal = public.who(None, token)
    assert principal is not None
    assert (principal.name, principal.role) == ("token grafana", Role.VIEWER)
    newer = await public.add_token("grafana", Role.OPERATOR, who="operator")
    assert public.who(None, token) is None
    assert await public.remove_token("grafana", who="operator")
    assert public.who(None, newer) is None
    assert not await public.remove_token("grafana", who="operator")
    assert [action for _, action, _ in kept.audit] == ["token_made", "token_made", "token_removed"]


async def test_a_wrong_token_is_nobody_also_where_no_password_is_asked_for(access: Access) -> None:
    assert access.who(None, "ogw_wrong") is None


# ---------------------------------------------------------------- guessing


async def test_fault_w_01_guessing_gets_slower_and_slower(public: Access, watch: Watch) -> None:
    await set_up(public)
    waits_s = []
    for _ in range(1000):
        try:
            await public.log_in(Role.OPERATOR, "wrong password", "198.51.100.1")
        except AccessError as exc:
            waits_s.append(exc.wait_s)
            watch.now_s += exc.wait_s
    assert waits_s[:FREE_ATTEMPTS] == [0.0] * FREE_ATTEMPTS
    assert sum(waits_s) > 24 * 3600  # a thousand guesses take longer than a day
    assert await public.log_in(Role.OPERATOR, GOOD, "192.0.2.7")  # from elsewhere one still gets in


async def test_fault_w_01_many_guesses_at_once_are_many_guesses(public: Access) -> None:
    await set_up(public)
    tried = await asyncio.gather(
        *(public.log_in(Role.OPERATOR, "wrong password", "198.51.100.1") for _ in range(50)), return_exceptions=True
    )
    assert sum(isinstance(exc, AccessError) and exc.wait_s == 0 for exc in tried) <= FREE_ATTEMPTS


async def test_a_right_password_forgives(public: Access) -> None:
    await set_up(public)
    for _ in range(3):
        for _ in range(FREE_ATTEMPTS - 1):
            with pytest.raises(AccessError):
                await public.log_in(Role.OPERATOR, "wrong password", "192.0.2.7")
        assert await public.log_in(Role.OPERATOR, GOOD, "192.0.2.7")
