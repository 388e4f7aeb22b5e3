"""The site test: what must be seen on a charger before it is relied on, step by step, and what was seen.

A step asks the installer for something, then watches the running gateway until it is seen or its time is over. Nothing
is believed without being read: what was not seen is told as not shown.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import quote

Outcome = Literal["shown", "not shown", "skipped"]
Ask = Callable[..., Any]
"""`ask(method, path, body)`: the running gateway's answer as JSON."""

SOURCE, LIFETIME_S = "commissioning", 86_400.0
"""Whose limit pauses the car: one of its own, so that taking it back never lifts the operator's."""
LOOK_EVERY_S = 0.5
IDLE_W = 150.0
"""Less than this is no charging: a charger's own consumption, and one step of its register."""

PAUSED, WAITING = frozenset({"SuspendedEVSE", "SuspendedEV"}), frozenset({"Available", "Unavailable"})
FALLBACK_EVENTS = ("fallback_was_active", "fallback_may_have_been_active")


@dataclass(frozen=True, slots=True)
class Seen:
    """What became of a step."""

    name: str
    title: str
    outcome: Outcome
    took_s: float | None
    evidence: dict[str, Any] = field(default_factory=dict)


class SiteTest:
    """The steps at one connector of one charger. `say` tells the installer what to do; `wait_s` bounds each step."""

    def __init__(
        self, ask: Ask, identity: str, connector_id: int, *, wait_s: float, say: Callable[[str], None]
    ) -> None:
        self._ask, self._say, self._wait_s = ask, say, wait_s
        self.identity, self.connector_id = identity, connector_id
        self._path = f"/api/v1/chargers/{quote(identity, safe='')}"
        self._limit = f"/api/v1/limits/{SOURCE}?charger={quote(identity, safe='')}&connector_id={connector_id}"
        self._fallback_after_s: float | None = None

    def run(self, skip: frozenset[str], fallback_after_s: float | None) -> Iterator[Seen]:
        """Every step in turn, as it ends; none after a charger that could not be reached.

        The limit that a step sets is always taken back.
        """
        self._fallback_after_s = fallback_after_s
        for name, (title, instruction, step) in STEPS.items():
            if name in skip or (name == "fallback" and fallback_after_s is None):
                yield Seen(name, title, "skipped", None)
                continue
            self._say(f"\n{title}: {instruction.format(connector=self.connector_id)}")
            began_s = time.monotonic()
            evidence = step(self)
            outcome: Outcome = "not shown" if evidence is None else "shown"
            yield Seen(name, title, outcome, round(time.monotonic() - began_s, 1), evidence or self._missing(name))
            if name == "reach" and evidence is None:
                self._say("Without the charger nothing more can be seen; the test ends here.")
                return

    # ---------------------------------------------------------------- the steps: evidence, or None when it was not seen

    def reach(self) -> dict[str, Any] | None:
        """The charger answers."""
        health = self._until(lambda: self._get("/health"), lambda told: told["modbus"]["connected"])
        return None if health is None else {"round_s": health["modbus"]["round_s"]} | self._charger()["charger"]

    def registers(self) -> dict[str, Any] | None:
        """Status and energy of the connector are among what can be read."""
        rows = self._get("/registers")
        values = {row["key"]: row for row in rows}
        needed = [f"connector.{self.connector_id}.{name}" for name in ("status", "session_energy_wh", "power_limit_w")]
        refused = sorted(name for name, row in values.items() if row["error"] is not None)
        if any(values.get(name, {}).get("value") is None for name in needed):
            return None
        return {"read": len(rows) - len(refused), "refused": refused}

    def central_system(self) -> dict[str, Any] | None:
        """The central system accepted us."""
        accepted = self._until(
            lambda: self._get("/health"), lambda told: told["central_system"]["registration"] == "Accepted"
        )
        return None if accepted is None else accepted["central_system"] | {"clock": accepted["clock"]}

    def plug(self) -> dict[str, Any] | None:
        """A car shows."""
        return self._seen(lambda it: it["status"] not in WAITING)

    def tag(self) -> dict[str, Any] | None:
        """A card shows in its register."""
        name = f"connector.{self.connector_id}.id_tag"

        def shown() -> dict[str, Any]:
            return next((row for row in self._get("/registers") if row["key"] == name), {"value": None})

        found = self._until(shown, lambda row: bool(row["value"]))
        return None if found is None else {"register": name, "shows": "a card", "age_s": found["age_s"]}

    def charge(self) -> dict[str, Any] | None:
        """Power flows, and a transaction runs."""
        return self._seen(lambda it: _power_w(it) > IDLE_W and it["transaction"] is not None)

    def pause(self) -> dict[str, Any] | None:
        """0 W in the register stops the power, and the transaction stays."""
        body = {"charger": self.identity, "connector_id": self.connector_id, "power_w": 0, "lifetime_s": LIFETIME_S}
        self._ask("PUT", f"/api/v1/limits/{SOURCE}", body)
        return self._seen(lambda it: _power_w(it) < IDLE_W and it["status"] in PAUSED and it["transaction"] is not None)

    def resume(self) -> dict[str, Any] | None:
        """Without that limit the power flows again."""
        self.take_limit_back()
        return self._seen(lambda it: _power_w(it) > IDLE_W)

    def unplug(self) -> dict[str, Any] | None:
        """The transaction ends."""
        return self._seen(lambda it: it["status"] == "Available" and it["transaction"] is None)

    def fallback(self) -> dict[str, Any] | None:
        """After a silence longer than the fallback's time the charger's registers tell that it acted."""
        lost = self._until(lambda: self._get("/health"), lambda told: not told["modbus"]["connected"])
        if lost is None:
            return None
        self._say(f"The charger is away. Leave it so for at least {self._fallback_after_s:g} s, then plug it in again.")
        back = self._until(lambda: self._get("/health"), lambda told: told["modbus"]["connected"], times=4)
        if back is None:
            return None

        def told() -> list[dict[str, Any]]:
            lines: list[dict[str, Any]] = self._ask("GET", f"/api/v1/log?charger={quote(self.identity, safe='')}")
            return [line for line in lines if line.get("event") in FALLBACK_EVENTS]

        lines = self._until(told, bool)
        return None if lines is None else lines[0]

    def take_limit_back(self) -> None:
        """Remove the limit that `pause` set, if it still stands."""
        limits = self._ask("GET", "/api/v1/limits")
        key = {"charger": self.identity, "source": SOURCE, "connector_id": self.connector_id}
        if any(key.items() <= limit.items() for limit in limits):
            self._ask("DELETE", self._limit)

    # ---------------------------------------------------------------- looking

    def _seen(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any] | None:
        found = self._until(self._connector, wanted)
        return None if found is None else self._state()

    def _until(self, look: Callable[[], Any], wanted: Callable[[Any], bool], *, times: int = 1) -> Any:
        """The first look that is as wanted; None when the time is over."""
        end_s = time.monotonic() + self._wait_s * times
        while True:
            found = look()
            if wanted(found):
                return found
            if time.monotonic() >= end_s:
                return None
            time.sleep(LOOK_EVERY_S)

    def _get(self, path: str) -> Any:
        return self._ask("GET", self._path + path)

    def _charger(self) -> dict[str, Any]:
        told: dict[str, Any] = self._ask("GET", self._path)
        return told

    def _connector(self) -> dict[str, Any]:
        connectors = self._charger()["connectors"]
        return next(it for it in connectors if it["connector_id"] == self.connector_id)

    def _missing(self, step: str) -> dict[str, Any]:
        """What stands against a step that was not seen."""
        if step != "reach":
            return self._state()
        problem = self._get("/health")["modbus"]["last_error"] or "no answer yet"
        self._say(f"  {problem}")
        return {"problem": problem}

    def _state(self) -> dict[str, Any]:
        """What the connector shows now."""
        it = next((it for it in self._charger()["connectors"] if it["connector_id"] == self.connector_id), None)
        registers = {} if it is None else it["registers"] or {}
        return {
            "status": None if it is None else it["status"],
            "power_w": registers.get("power_w"),
            "current_a": registers.get("current_a"),
            "power_limit_w": registers.get("power_limit_w"),
            "transaction": it is not None and it["transaction"] is not None,
        }


def _power_w(connector: dict[str, Any]) -> float:
    """Its power; what nobody read is no power, and none less than any."""
    power_w = (connector["registers"] or {}).get("power_w")
    return float("nan") if power_w is None else float(power_w)


STEPS: dict[str, tuple[str, str, Callable[[SiteTest], dict[str, Any] | None]]] = {
    "reach": ("Reach", "the charger must answer Modbus TCP.", SiteTest.reach),
    "registers": ("Registers", "status, energy and limit must be readable.", SiteTest.registers),
    "central-system": ("Central system", "it must accept this charge point.", SiteTest.central_system),
    "plug": ("Plug", "plug a car in at connector {connector}.", SiteTest.plug),
    "tag": ("Card", "hold a card to connector {connector}.", SiteTest.tag),
    "charge": ("Charging", "the car must draw power, and a transaction run.", SiteTest.charge),
    "pause": ("Pause", "the limit becomes 0 W; the power must stop, and the transaction stay.", SiteTest.pause),
    "resume": ("Resume", "the limit is taken back; the power must flow again.", SiteTest.resume),
    "unplug": ("Unplug", "end the session at the charger and unplug the car.", SiteTest.unplug),
    "fallback": ("Fallback", "pull the charger's network cable.", SiteTest.fallback),
}
"""In the order of a visit: title, what to do, and how it is looked at."""
