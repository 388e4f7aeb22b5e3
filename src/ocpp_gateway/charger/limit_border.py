"""Who may set a limit from outside OCPP, and which values are none: refused where they enter.

Source: faults.md S-05, S-15.
"""

from __future__ import annotations

import re

INSTALLATION, CHARGER_RATING, CONNECTOR_MAXIMUM = "installation", "charger_rating", "connector_maximum"
CHARGE_POINT_MAX_PROFILE = "charge_point_max_profile"
TX_PROFILE, TX_DEFAULT_PROFILE = "tx_profile", "tx_default_profile"
GATE, AVAILABILITY, STATION_SHARE = "gate", "availability", "station_share"
CURRENT_GUARD, SAFE_STATE, ANOTHER_MASTER = "current_guard", "safe_state", "another_master"
STORE = "store"
OPERATOR = "operator"

OWN_SOURCES = frozenset(
    {
        INSTALLATION,
        CHARGER_RATING,
        CONNECTOR_MAXIMUM,
        CHARGE_POINT_MAX_PROFILE,
        TX_PROFILE,
        TX_DEFAULT_PROFILE,
        GATE,
        AVAILABILITY,
        STATION_SHARE,
        CURRENT_GUARD,
        SAFE_STATE,
        ANOTHER_MASTER,
        STORE,
    }
)
"""What the gateway itself calls its sources: nobody else may speak under these names."""

HIGHEST_LIMIT_W = 6_553_500
"""65,535 steps of 100 W: more than any register can hold is a mistake, and no limit."""
LONGEST_LIFETIME_S = 604_800

_NAME = re.compile(r"[a-z0-9_-]{1,32}")


def objection(source: str, connector_id: object, power_w: object, lifetime_s: object, failsafe_w: object) -> str | None:
    """Why that cannot be a limit, or None when it can."""
    mistakes = (
        (_NAME.fullmatch(source) is None, "source must be 1 to 32 of a-z, 0-9, _ and -"),
        (source in OWN_SOURCES, f"{source} is one of the gateway's own sources"),
        (not _is_whole(connector_id, 255), "connector_id must be a whole number, 0 or more"),
        (not is_limit_w(power_w), f"power_w must be whole watts from 0 to {HIGHEST_LIMIT_W}"),
        (
            failsafe_w is not None and not is_limit_w(failsafe_w),
            f"failsafe_w must be whole watts from 0 to {HIGHEST_LIMIT_W}",
        ),
        (
            lifetime_s is not None and not _is_lifetime(lifetime_s),
            f"lifetime_s must be more than 0 and at most {LONGEST_LIFETIME_S}",
        ),
        (lifetime_s is None and source != OPERATOR, f"every source but {OPERATOR} must give a lifetime_s"),
        (lifetime_s is None and failsafe_w is not None, "failsafe_w counts only when a lifetime_s is over"),
    )
    return next((why for wrong, why in mistakes if wrong), None)


def is_limit_w(value: object) -> bool:
    """Whether it is a limit in W: whole, from 0 to what a register can hold."""
    return _is_whole(value, HIGHEST_LIMIT_W)


def _is_whole(value: object, highest: int) -> bool:
    """Whether it is a whole number from 0; Python takes a boolean for one."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= highest


def _is_lifetime(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value <= LONGEST_LIFETIME_S
