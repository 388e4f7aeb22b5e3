"""So many frames at a running gateway, with the figures: `make fuzz`."""

from __future__ import annotations

import argparse
import asyncio
import ctypes
import gc
import resource
import secrets
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fuzz.mutator import Mutator
from fuzz.target import Misbehaved, Target, a_target

CHUNK = 500
WARM_UP = 0.2
MOST_GROWTH_MB = 10.0


@dataclass(frozen=True, slots=True)
class Figures:
    """What came of a campaign."""

    frames: int
    duration_s: float
    outcomes: Counter[str]
    connections: int
    growth_mb: float

    def __str__(self) -> str:
        counts = ", ".join(f"{outcome} {count}" for outcome, count in self.outcomes.most_common())
        return (
            f"{self.frames} frames in {self.duration_s:.1f} s, "
            f"{self.frames / self.duration_s:.0f}/s, {self.connections} connections, {self.growth_mb:+.1f} MB\n{counts}"
        )


async def campaign(folder: Path, seed: int, frames: int) -> Figures:
    """Shoots that many frames. Raises Misbehaved with the seed and the frame."""
    began_s = time.monotonic()
    mutator = Mutator(seed)
    warm_mb = 0.0
    async with a_target(folder, seed) as target:
        for shot in range(0, frames, CHUNK):
            if shot <= frames * WARM_UP < shot + CHUNK:
                warm_mb = resident_mb()
            try:
                await target.shoot([mutator.frame() for _ in range(min(CHUNK, frames - shot))])
            except Misbehaved as misbehaved:
                misbehaved.add_note(f"seed {seed}, after {shot} frames")
                raise
        if complaints := [*target.complaints, *_complaints_about_logs(target)]:
            raise Misbehaved("\n".join([f"seed {seed}:", *complaints]))
        growth_mb = resident_mb() - warm_mb
        if growth_mb >= MOST_GROWTH_MB:
            raise Misbehaved(f"grew by {growth_mb:.1f} MB (seed {seed})")
        return Figures(frames, time.monotonic() - began_s, target.outcomes, target.peer.connections, growth_mb)


def _complaints_about_logs(target: Target) -> Iterator[str]:
    witness = target.witness
    if witness.errors:
        yield f"{len(witness.errors)} errors were logged; the first: {witness.errors[0]}"
    if witness.events["malformed_frame"] > target.peer.connections:  # O-17
        yield f"malformed frames were logged {witness.events['malformed_frame']} times"


def resident_mb() -> float:
    """What this process keeps; neither garbage nor what the allocator has not given back yet."""
    gc.collect()
    if trim := getattr(ctypes.CDLL(None), "malloc_trim", None):  # of glibc
        trim(0)
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description="Mutated OCPP frames at a running gateway.")
    parser.add_argument("--frames", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=None, help="a new one if not given")
    arguments = parser.parse_args()
    seed = secrets.randbelow(10**9) if arguments.seed is None else arguments.seed
    print(f"seed {seed}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        print(asyncio.run(campaign(Path(folder), seed, arguments.frames)))


if __name__ == "__main__":
    main()
