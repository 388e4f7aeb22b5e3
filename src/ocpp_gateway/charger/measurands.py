"""The measurands that a charger's registers can give, and a snapshot's values as OCPP sampled values.

Source: OCPP 1.6 §7.31, §7.43; conformance M-01 to M-21.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ocpp_gateway.registers.snapshot import ConnectorSnapshot

SampledValue = dict[str, str]

DEFAULT_MEASURANDS = "Energy.Active.Import.Register,Power.Active.Import,Current.Import,Voltage,Power.Offered"
_PHASES = ("L1", "L2", "L3")
_WHEN_EMPTY = ("Energy.Active.Import.Register",)  # M-12: an empty list means the default measurand


@dataclass(frozen=True, slots=True)
class Reading:
    """What a sample is made from: registers, the virtual meter, and the power offered."""

    connector: ConnectorSnapshot
    meter_wh: int
    offered_w: int | None


Values = Iterable[tuple[str | None, float | int | None]]
Phases = tuple[float | None, float | None, float | None]


def _energy(reading: Reading) -> Values:
    return ((None, reading.meter_wh),)


def _power(reading: Reading) -> Values:
    return ((None, reading.connector.power_w),)


def _current(reading: Reading) -> Values:
    return zip(_PHASES, reading.connector.current_a, strict=True)


def _voltage(reading: Reading) -> Values:
    return zip(("L1-N", "L2-N", "L3-N"), reading.connector.voltage_v, strict=True)


def _offered(reading: Reading) -> Values:
    return ((None, reading.offered_w),)


_SOURCES: dict[str, tuple[Callable[[Reading], Values], str]] = {
    "Energy.Active.Import.Register": (_energy, "Wh"),
    "Power.Active.Import": (_power, "W"),
    "Current.Import": (_current, "A"),
    "Voltage": (_voltage, "V"),
    "Power.Offered": (_offered, "W"),
}

SUPPORTED_MEASURANDS: frozenset[str] = frozenset(_SOURCES) | {
    f"{measurand}.{phase}" for measurand in ("Current.Import", "Voltage") for phase in _PHASES
}
"""What MeterValuesSampledData may name; `Current.Import.L1` is one phase only (M-10)."""


def format_number(value: float) -> str:
    """A number as OCPP wants it: a decimal point, no exponent, no needless zeros (M-06)."""
    # What rounds to zero has no sign: -0.0 + 0.0 is 0.0.
    return str(value) if isinstance(value, int) else f"{round(value, 3) + 0.0:.3f}".rstrip("0").rstrip(".")


def sampled_values(configured: str, reading: Reading, context: str) -> list[SampledValue]:
    """The configured measurands of one moment; a value nobody read is left out (M-25: the list may be empty)."""
    values: list[SampledValue] = []
    for item in configured.split(",") if configured else _WHEN_EMPTY:
        measurand, phase = _split(item)
        source, _ = _SOURCES[measurand]
        values += _samples(measurand, source(reading), context, "Outlet", phase)
    return values


def station_values(configured: str, power_w: float | None, current_a: Phases, context: str) -> list[SampledValue]:
    """The configured measurands that the station's own registers give: its power and currents, at the inlet (M-18)."""
    sources: dict[str, Values] = {
        "Power.Active.Import": ((None, power_w),),
        "Current.Import": tuple(zip(_PHASES, current_a, strict=True)),
    }
    values: list[SampledValue] = []
    for item in configured.split(",") if configured else _WHEN_EMPTY:
        measurand, phase = _split(item)
        values += _samples(measurand, sources.get(measurand, ()), context, "Inlet", phase)
    return values


def _samples(measurand: str, values: Values, context: str, location: str, only_phase: str | None) -> list[SampledValue]:
    samples: list[SampledValue] = []
    for phase, value in values:
        if value is None or (only_phase is not None and phase is not None and phase[:2] != only_phase):
            continue
        sample = {
            "value": format_number(value),
            "context": context,
            "measurand": measurand,
            "location": location,
            "unit": _SOURCES[measurand][1],
        }
        if phase is not None:
            sample["phase"] = phase
        samples.append(sample)
    return samples


def _split(item: str) -> tuple[str, str | None]:
    if item in _SOURCES:
        return item, None
    measurand, _, phase = item.rpartition(".")
    return measurand, phase
