"""Who may look, who may act: passwords by role, sessions, tokens, and a brake on guessing.

On a loopback address without a password everybody who reaches it is the operator. On any other address nothing is
shown until the operator's password was set with the code that the gateway prints at its start.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from functools import cache
from typing import Protocol

from ocpp_gateway.web.passwords import hash_password, hash_token, is_password, new_token, weakness

SESSION_S = 12 * 3600.0
IDLE_S = 2 * 3600.0
MOST_SESSIONS = 1000

FREE_ATTEMPTS = 5
LONGEST_LOCK_S = 300.0
FORGOTTEN_AFTER_S = 3600.0
MOST_CLIENTS = 4096


class Role(IntEnum):
    """What somebody may do; each may do what the one before may."""

    VIEWER = 1
    OPERATOR = 2


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody who was let in: the name for the audit log, the role, and the token that this browser's forms carry."""

    name: str
    role: Role
    form_token: str = ""


@dataclass(frozen=True, slots=True)
class Token:
    """A bearer token as it is kept."""

    name: str
    role: Role
    token_hash: str


@dataclass(frozen=True, slots=True)
class Credentials:
    """What the store knows: scrypt hashes by role, and the tokens."""

    passwords: Mapping[Role, str] = field(default_factory=dict)
    tokens: tuple[Token, ...] = ()

    @classmethod
    def of(cls, passwords: Mapping[str, str], tokens: Iterable[tuple[str, str, str]]) -> Credentials:
        """From what is stored: hashes by the role's name, and name, role and hash of each token."""
        return cls(
            {Role[role.upper()]: password_hash for role, password_hash in passwords.items()},
            tuple(Token(name, Role[role.upper()], token_hash) for name, role, token_hash in tokens),
        )


class CredentialStore(Protocol):
    """Where passwords and tokens outlive the process."""

    async def keep_web_password(self, role: str, password_hash: str) -> None:
        """Keep the password of a role, in place of the one before."""

    async def keep_web_token(self, name: str, role: str, token_hash: str) -> None:
        """Keep a token, in place of one of the same name."""

    async def remove_web_token(self, name: str) -> None:
        """Forget a token."""

    async def keep_audit(self, who: str, action: str, detail: str) -> None:
        """Append a line to the audit log."""


class AccessError(Exception):
    """Not let in, or a password not taken. `wait_s`: how long the next attempt must wait, 0 when it need not."""

    def __init__(self, reason: str, wait_s: float = 0.0) -> None:
        self.wait_s = wait_s
        super().__init__(reason)


@dataclass(slots=True)
class _Session:
    role: Role
    form_token: str
    began_s: float
    seen_s: float


class Access:
    """Decides who is there. `now_s` is monotonic; `loopback`: whether only this machine can reach the web."""

    def __init__(
        self, store: CredentialStore, credentials: Credentials, *, loopback: bool, now_s: Callable[[], float]
    ) -> None:
        self._store, self._loopback, self._now_s = store, loopback, now_s
        self._passwords = dict(credentials.passwords)
        self._tokens = {token.token_hash: token for token in credentials.tokens}
        self._sessions: OrderedDict[str, _Session] = OrderedDict()
        self._attempts = Attempts(now_s)
        self._hashing = asyncio.Semaphore(1)  # one password at a time: guessing takes at most one core
        self._form_token = secrets.token_urlsafe(16)  # of everybody, while no password is asked for
        self._setup_code = None if loopback or self.has_password else _setup_code()

    @property
    def has_password(self) -> bool:
        """Whether the operator's password was set."""
        return Role.OPERATOR in self._passwords

    @property
    def setup_code(self) -> str | None:
        """What the gateway prints once, for the first password; None when none is needed."""
        return self._setup_code

    @property
    def open(self) -> bool:
        """Whether no password is asked for."""
        return self._loopback and not self.has_password

    def who(self, cookie: str | None, bearer: str | None) -> Principal | None:
        """Who asks, by the session's cookie or a bearer token; None for nobody that is known."""
        if bearer is not None:
            token = self._tokens.get(hash_token(bearer))
            return None if token is None else Principal(f"token {token.name}", token.role)
        if self.open:
            return Principal("local operator", Role.OPERATOR, self._form_token)
        session = self._session(cookie)
        return None if session is None else Principal(session.role.name.lower(), session.role, session.form_token)

    async def set_up(self, code: str, password: str, client: str) -> str:
        """Set the operator's first password with the printed code; gives a session. Raises AccessError."""
        self._attempts.check("setup", client)
        if self._setup_code is None or not secrets.compare_digest(code.strip().upper().encode(), self._code_bytes()):
            self._attempts.failed("setup", client)
            raise AccessError("this is not the code that the gateway printed at its start")
        await self.change_password(Role.OPERATOR, password, who=f"set-up from {client}")
        self._setup_code = None
        self._attempts.succeeded("setup", client)
        return self._new_session(Role.OPERATOR)

    async def log_in(self, role: Role, password: str, client: str) -> str:
        """A session's cookie for the right password. Raises AccessError, and slows guessing down."""
        self._attempts.check(role.name, client)
        self._attempts.failed(role.name, client)  # counted before it is known: many at once are many attempts
        async with self._hashing:
            hashed = self._passwords.get(role)
            if hashed is None:
                hashed = await asyncio.to_thread(nobodys_hash)
            right = await asyncio.to_thread(is_password, password, hashed)
        if not right or role not in self._passwords:
            await self._store.keep_audit(role.name.lower(), "log_in_refused", client)
            raise AccessError("wrong password")
        self._attempts.succeeded(role.name, client)
        await self._store.keep_audit(role.name.lower(), "logged_in", client)
        return self._new_session(role)

    def log_out(self, cookie: str | None) -> None:
        """End this session."""
        if cookie is not None:
            self._sessions.pop(hash_token(cookie), None)

    async def change_password(self, role: Role, password: str, *, who: str) -> None:
        """Set a role's password, and end all sessions. Raises AccessError for one that is too easy."""
        if (problem := weakness(password)) is not None:
            raise AccessError(f"the password {problem}")
        async with self._hashing:
            hashed = await asyncio.to_thread(hash_password, password)
        await self._store.keep_web_password(role.name.lower(), hashed)
        await self._store.keep_audit(who, "password_changed", role.name.lower())
        self._passwords[role] = hashed
        self._sessions.clear()

    async def add_token(self, name: str, role: Role, *, who: str) -> str:
        """A new bearer token, in place of one of the same name; this is the only time that it is shown."""
        token = new_token()
        kept = Token(name, role, hash_token(token))
        await self._store.keep_web_token(name, role.name.lower(), kept.token_hash)
        await self._store.keep_audit(who, "token_made", f"{name} ({role.name.lower()})")
        self._tokens = {h: t for h, t in self._tokens.items() if t.name != name} | {kept.token_hash: kept}
        return token

    async def remove_token(self, name: str, *, who: str) -> bool:
        """Forget a token; whether there was one."""
        if all(token.name != name for token in self._tokens.values()):
            return False
        await self._store.remove_web_token(name)
        await self._store.keep_audit(who, "token_removed", name)
        self._tokens = {h: t for h, t in self._tokens.items() if t.name != name}
        return True

    def tokens(self) -> list[Token]:
        """The tokens, by name."""
        return sorted(self._tokens.values(), key=lambda token: token.name)

    # ---------------------------------------------------------------- sessions

    def _session(self, cookie: str | None) -> _Session | None:
        if cookie is None or (session := self._sessions.get(key := hash_token(cookie))) is None:
            return None
        now_s = self._now_s()
        if now_s - session.began_s > SESSION_S or now_s - session.seen_s > IDLE_S:
            del self._sessions[key]
            return None
        session.seen_s = now_s
        return session

    def _new_session(self, role: Role) -> str:
        cookie, now_s = secrets.token_urlsafe(32), self._now_s()
        self._sessions[hash_token(cookie)] = _Session(role, secrets.token_urlsafe(16), now_s, now_s)
        while len(self._sessions) > MOST_SESSIONS:
            self._sessions.popitem(last=False)
        return cookie

    def _code_bytes(self) -> bytes:
        return (self._setup_code or "").encode()


class Attempts:
    """Slows guessing down: after five failures from one client each further one doubles the wait, up to 5 minutes."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self._failures: OrderedDict[tuple[str, str], tuple[int, float]] = OrderedDict()

    def check(self, account: str, client: str) -> None:
        """Raises AccessError with the time to wait while this client guesses too fast."""
        failures, last_s = self._failures.get((account, client), (0, 0.0))
        if failures < FREE_ATTEMPTS:
            return
        wait_s = last_s + min(2.0 ** (failures - FREE_ATTEMPTS), LONGEST_LOCK_S) - self._now_s()
        if wait_s > 0:
            raise AccessError("too many attempts; wait before the next one", wait_s)

    def failed(self, account: str, client: str) -> None:
        """Count a failure."""
        now_s, key = self._now_s(), (account, client)
        failures, last_s = self._failures.pop(key, (0, now_s))
        if now_s - last_s > FORGOTTEN_AFTER_S:
            failures = 0
        self._failures[key] = (failures + 1, now_s)
        while len(self._failures) > MOST_CLIENTS:
            self._failures.popitem(last=False)

    def succeeded(self, account: str, client: str) -> None:
        """Forget this client's failures."""
        self._failures.pop((account, client), None)


def _setup_code() -> str:
    """Twelve characters that are not mistaken for each other, in groups of four: 58 bits."""
    letters = [secrets.choice("ABCDEFGHJKLMNPQRSTUVWXYZ23456789") for _ in range(12)]
    return "-".join("".join(letters[start : start + 4]) for start in (0, 4, 8))


@cache
def nobodys_hash() -> str:
    """What a password is compared with when its role has none, so that this takes as long."""
    return hash_password(secrets.token_urlsafe(16))
