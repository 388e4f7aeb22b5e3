"""The virtual meter against whatever a charger may show."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from ocpp_gateway.charger.metering import Meter, feed
from ocpp_gateway.charger.records import MeterRecord

RATED_W = 22_000.0
readings = st.tuples(
    st.integers(0, 65_535).map(lambda steps: 100 * steps),
    st.none() | st.integers(0, 2**32 - 1),
    st.floats(0.1, 100_000),
    st.booleans(),
)


@given(st.lists(readings), st.booleans())
def test_m_30_the_total_never_falls_whatever_is_read(
    sequence: list[tuple[int, int | None, float, bool]], restarts: bool
) -> None:
    meter, now_s = Meter(MeterRecord(1)), 0.0
    for register_wh, charging_s, after_s, zero_proves in sequence:
        now_s += after_s
        if restarts:
            meter = Meter(meter.record)
        before_wh = meter.total_wh
        meter = feed(
            meter,
            register_wh=register_wh,
            charging_s=charging_s,
            now_s=now_s,
            rated_power_w=RATED_W,
            zero_proves=zero_proves,
        )
        assert meter.total_wh >= before_wh
        assert meter.total_wh % 100 == 0  # m-35, m-36: what the register shows, and nothing between


@dataclass
class Charger:
    """A connector that charges, its meter, and what a poll shows; `shown_wh` is all that the register ever grew."""

    power_w: float = 0.0
    delivered_wh: float = 0.0
    energy_wh: float = 0.0
    seconds: float = 0.0
    shown_wh: int = 0
    now_s: float = 0.0
    last_shown_wh: int = 0
    meter: Meter = field(default_factory=lambda: Meter(MeterRecord(1)))

    def wait(self, seconds: float) -> None:
        self.now_s += seconds
        if self.power_w:
            self.energy_wh += self.power_w * seconds / 3600
            self.delivered_wh += self.power_w * seconds / 3600
            self.seconds += seconds

    def poll(self, *, energy_wh: int | None = None, charging_s: int | None = None) -> None:
        """Read it as it is, or with an odd value in place of what it is."""
        register_wh = int(self.energy_wh) // 100 * 100
        if energy_wh is None:
            self.shown_wh += register_wh - self.last_shown_wh
            self.last_shown_wh = register_wh
        self.meter = feed(
            self.meter,
            register_wh=register_wh if energy_wh is None else energy_wh,
            charging_s=int(self.seconds) if charging_s is None else charging_s,
            now_s=self.now_s,
            rated_power_w=RATED_W,
            zero_proves=True,
        )

    def next_session(self) -> None:
        """What the register showed is final; the next session counts from zero."""
        self.energy_wh = self.seconds = 0.0
        self.last_shown_wh = 0


WATTS = st.sampled_from([0.0, 1_400.0, 7_400.0, 22_000.0])
POLLS_S = st.sampled_from([1.0, 5.0, 60.0])
ACTS = st.sampled_from(
    ["polls", "polls", "polls", "gap", "restart", "reset", "energy reads zero", "all reads zero", "leap", "step down"]
)


@given(st.lists(st.tuples(ACTS, WATTS, POLLS_S), max_size=40))
def test_m_32_the_total_is_the_true_energy_within_a_step_a_session(story: list[tuple[str, float, float]]) -> None:
    charger = Charger()
    charger.poll()
    sessions = 1
    for act, power_w, interval_s in story:
        charger.power_w = power_w
        match act:
            case "gap":
                charger.wait(1800)
            case "restart":
                charger.meter = Meter(charger.meter.record)
            case "reset":  # the last value was seen, then a car plugs in and nothing flows at first
                charger.poll()
                charger.next_session()
                sessions += 1
                charger.power_w = 0.0
            case "energy reads zero":
                charger.poll(energy_wh=0)
                charger.wait(1)
                charger.poll(energy_wh=0)
            case "all reads zero":
                charger.poll(energy_wh=0, charging_s=0)
            case "leap":
                charger.poll(energy_wh=charger.last_shown_wh + 500_000)
            case "step down":
                charger.poll(energy_wh=max(charger.last_shown_wh - 100, 0))
        for _ in range(3):
            charger.wait(1 if act != "polls" else interval_s)
            charger.poll()
        assert charger.meter.total_wh == charger.shown_wh
    assert -1e-6 < charger.delivered_wh - charger.meter.total_wh < 100 * sessions + 1e-6
