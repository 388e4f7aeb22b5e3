"""So many random sets of charging profiles against the slow reference, with the figures: `make fuzz`."""

from __future__ import annotations

import argparse
import secrets
import time

from property.profile_sets import compare_many


def main() -> None:
    parser = argparse.ArgumentParser(description="Random sets of charging profiles, reckoned twice.")
    parser.add_argument("--sets", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=None, help="a new one if not given")
    arguments = parser.parse_args()
    seed = secrets.randbelow(10**9) if arguments.seed is None else arguments.seed
    print(f"seed {seed}", flush=True)
    began_s = time.monotonic()
    figures = compare_many(seed, arguments.sets)
    duration_s = time.monotonic() - began_s
    print(
        f"{figures.sets} sets of {figures.profiles} charging profiles in {duration_s:.1f} s: "
        f"{figures.limits} limits and {figures.composite_seconds} seconds of composite schedules agree"
    )


if __name__ == "__main__":
    main()
