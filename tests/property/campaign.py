"""So many random sets of charging profiles against the slow reference, with the figures: `make fuzz`."""

from __future__ import annotations

import argparse
import secrets
import time

from property.profile_sets import compare_composite, compare_limits, compare_many, compare_registers


def main() -> None:
    parser = argparse.ArgumentParser(description="Random sets of charging profiles, reckoned twice.")
    parser.add_argument("--sets", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=None, help="a new one if not given")
    arguments = parser.parse_args()
    seed = secrets.randbelow(10**9) if arguments.seed is None else arguments.seed
    print(f"seed {seed}", flush=True)
    began_s = time.monotonic()
    compared = compare_many(seed, arguments.sets, compare_limits, compare_composite, compare_registers)
    duration_s = time.monotonic() - began_s
    print(
        f"{arguments.sets} sets of {compared['profiles']} charging profiles in {duration_s:.1f} s: "
        f"{compared['compare_limits']} limits, {compared['compare_composite']} seconds of composite schedules and "
        f"{compared['compare_registers']} of power registers agree"
    )


if __name__ == "__main__":
    main()
