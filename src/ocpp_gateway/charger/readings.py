"""What a transaction rests on: the registers at its ends, and wherever its meter did more than follow them."""

from __future__ import annotations

from ocpp_gateway.charger.metering import Meter
from ocpp_gateway.charger.records import ReadingKind, TransactionReading
from ocpp_gateway.charger.state import Connector
from ocpp_gateway.charger.turn import Turn


def keep(connector: Connector, turn: Turn, local_id: str, kind: ReadingKind) -> None:
    """Keep the registers as they were last read, and what the meter made of them."""
    registers = connector.registers
    if registers is None:
        turn.persist(TransactionReading(local_id, kind, turn.now, connector.meter.record))
        return
    turn.persist(
        TransactionReading(
            local_id,
            kind,
            turn.now,
            connector.meter.record,
            status_raw=registers.status_raw,
            session_energy_wh=registers.session_energy_wh,
            charging_s=registers.charging_s,
            id_tag=None if registers.tag is None else registers.tag.id_tag,
            power_w=registers.power_w,
        )
    )


def kind_of(before: Meter, fed: Meter) -> ReadingKind | None:
    """What one reading did to the meter; None when the meter grew as the register did, or stood still with it."""
    old, new = before.record, fed.record
    if old.register_wh is None or new.register_wh is None:
        return None if new.register_wh is None else "segment"
    if new.total_wh - old.total_wh != new.register_wh - old.register_wh:
        return "segment" if fed.fell_from is not None else "corrected"
    if fed.suspicion is not None and before.suspicion is None:
        return "fell" if fed.suspicion.is_drop else "leapt"
    return None
