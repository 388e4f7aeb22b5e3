"""A recording played on a Modbus TCP port, outages and all."""

from __future__ import annotations

import asyncio
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

from ocpp_gateway.simulator.replay import NotARecording, Recording, ReplayedCharger, recording_of
from ocpp_gateway.simulator.server import RegisterServer

IN_A_BUNDLE = "modbus.jsonl"
LARGEST_BYTES = 100_000_000
LOOK_S = 0.05


async def replay(file: Path, *, host: str, port: int, speed: float) -> int:
    """Play it until cancelled; the last registers stay. Returns the exit code: 1 for no port, 2 for no recording."""
    try:
        recording = read_recording(file)
    except NotARecording as wrong:
        print(f"{file}: {wrong}", file=sys.stderr)
        return 2
    charger = ReplayedCharger(recording)
    try:
        async with RegisterServer(charger, host=host, port=port, speed=speed) as server:
            registers, minutes = len(recording.words), recording.length_s / 60
            print(f"{registers} registers, {minutes:.1f} minutes, on {host}:{server.port}; begins at the first read")
            await play(server, charger, lambda line: print(line, flush=True))
            await asyncio.Event().wait()
    except OSError as refusal:
        print(f"cannot open port {port} on {host}: {refusal.strerror}; try another --port", file=sys.stderr)
        return 1
    return 0


async def play(server: RegisterServer, charger: ReplayedCharger, say: Callable[[str], None]) -> None:
    """Take the charger off the network when the recorded one was, until the recording is over."""
    outages = list(charger.recording.outages)
    while not charger.is_over:
        if outages and charger.position_s >= outages[0].at_s:
            outage = outages.pop(0)
            seconds = (outage.until_s - outage.at_s) / charger.charging_speed
            say(f"{outage.at_s:.0f} s: cannot be reached for {seconds:.0f} s")
            await server.offline(seconds)
        await asyncio.sleep(LOOK_S)
    say("the recording is over; its last registers stay")


def read_recording(file: Path) -> Recording:
    """The recording in a support bundle, or in a file of its own. Raises NotARecording."""
    try:
        if not zipfile.is_zipfile(file):
            return recording_of(file.read_text("utf-8").splitlines())
        with zipfile.ZipFile(file) as bundle:
            if bundle.getinfo(IN_A_BUNDLE).file_size > LARGEST_BYTES:
                raise NotARecording(f"its {IN_A_BUNDLE} is too large")
            return recording_of(bundle.read(IN_A_BUNDLE).decode("utf-8").splitlines())
    except OSError as exc:
        raise NotARecording(exc.strerror or str(exc)) from exc
    except KeyError as exc:
        raise NotARecording(f"a zip without {IN_A_BUNDLE}: no support bundle of a running gateway") from exc
    except (UnicodeDecodeError, zipfile.BadZipFile) as exc:
        raise NotARecording("neither a support bundle nor its modbus.jsonl") from exc
