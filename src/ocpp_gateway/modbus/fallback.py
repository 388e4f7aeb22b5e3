"""What the charger does on its own when nobody asks any more: its two registers, set at a connection and never else."""

from __future__ import annotations

from dataclasses import dataclass

from ocpp_gateway.errors import RegisterRefused
from ocpp_gateway.log import logger
from ocpp_gateway.modbus.asking import Link
from ocpp_gateway.modbus.reading import ChargerReader
from ocpp_gateway.modbus.writing import word_for, write_and_read_back
from ocpp_gateway.registers.vocabulary import Role

log = logger(__name__)


@dataclass(frozen=True, slots=True)
class Fallback:
    """What the charger shall do on its own: give the station `power_w`, within `after_s` of the last access."""

    power_w: int
    after_s: int


async def program(fallback: Fallback, link: Link, reader: ChargerReader) -> None:
    """Write what the reader found different; what the charger does not take is told, and keeps nothing from working.

    These registers may be flash: they are never written for a profile (decisions.md, Power). Raises LinkError.
    """
    mapping = reader.image.mapping
    factor = mapping.fallback.trigger_factor if mapping.fallback else 1
    wanted = {Role.FALLBACK_POWER_W: fallback.power_w, Role.FALLBACK_INTERVAL_S: fallback.after_s // factor}
    for role, value in wanted.items():
        field = mapping.field(role)
        if field is None:
            log.warning("fallback_not_set", register=role, reason=f"{mapping.name} has no such register")
            continue
        held = reader.image.word(field)
        if held is None:
            log.warning("fallback_not_set", register=field.key, reason="it could not be read")
            continue
        try:
            word = word_for(field, value)
            if held != word:
                held = await write_and_read_back(link, field, word)
        except (RegisterRefused, ValueError) as exc:
            log.warning("fallback_not_set", register=field.key, reason=str(exc))
            continue
        reader.keep(field, held.to_bytes(2, "big"))
        if held != word:
            log.warning("fallback_not_set", register=field.key, written=word, reads=held)
