"""What the process does for itself, beside the gateway that runs in it."""

from __future__ import annotations

import gc

from ocpp_gateway.process import set_apart


def test_what_there_is_at_the_start_is_not_looked_through_for_rubbish_again() -> None:
    thresholds = gc.get_threshold()
    try:
        set_apart()
        assert gc.get_freeze_count() > 10_000
        assert len(gc.get_objects()) < 1_000
    finally:
        gc.unfreeze()
        gc.set_threshold(*thresholds)
