"""Which connectors there are: what the store remembers, and what the charger shows.

A connector that the charger stops showing keeps its meter, its gate and its transaction until it comes back.
"""

from __future__ import annotations

from ocpp_gateway.charger import tags
from ocpp_gateway.charger.configuration import Configuration
from ocpp_gateway.charger.id_tags import EMPTY_LIST, AuthorizationCache
from ocpp_gateway.charger.metering import Meter
from ocpp_gateway.charger.records import MeterRecord, StoredCharger
from ocpp_gateway.charger.state import ChargePoint, ChargePointSettings, Connector, InstalledProfile
from ocpp_gateway.smart_charging.profiles import parse_profile


def restored(settings: ChargePointSettings, stored: StoredCharger, from_file: dict[str, str]) -> ChargePoint:
    """The charge point as the store knows it; every connector it ever had is there, shown or away."""
    number = settings.number_of_connectors if stored.identity is None else stored.identity.number_of_connectors
    point = ChargePoint(settings, Configuration(from_file, stored.configuration, number), {}, identity=stored.identity)
    for meter in stored.meters:
        point.away[meter.connector_id] = Connector(meter.connector_id, Meter(meter), meter_kept=meter)
    for transaction in stored.open_transactions:
        connector = _known(point, transaction.connector_id)
        connector.transaction, connector.unproven, connector.after_restart = transaction, True, True
        connector.visited = True
        connector.samples = list(stored.samples.get(transaction.local_id, ()))
    for availability in stored.availability:
        if availability.connector_id == 0:
            point.operative = availability.operative
        else:
            _known(point, availability.connector_id).operative = availability.operative
    for gate in stored.gates:
        connector = _known(point, gate.connector_id)
        connector.closed = connector.visited = gate.closed
    for record in stored.tags:
        connector = _known(point, record.connector_id)
        connector.tags = tags.remembered(record, in_transaction=connector.transaction is not None)
        connector.tags_kept = record
        connector.visited = connector.visited or connector.tags.presented is not None
    point.cache = AuthorizationCache.restored(stored.cached_tags)
    point.local_list = stored.local_list or EMPTY_LIST
    point.reservations = list(stored.reservations)
    point.limits = {(limit.source, limit.connector_id): limit for limit in stored.limits}
    point.profiles = [InstalledProfile(record, parse_profile(record.payload)) for record in stored.profiles]
    show(point, number)
    point.configuration.learn("SupportedFileTransferProtocols", ",".join(settings.upload_schemes).upper())
    return point


def show(point: ChargePoint, number: int) -> None:
    """The charger has connectors 1 to `number`; the others are away."""
    point.away |= point.connectors
    point.connectors = {connector_id: _known(point, connector_id) for connector_id in range(1, number + 1)}
    for connector_id in point.connectors:
        del point.away[connector_id]
    point.configuration.has_connectors(number)


def _known(point: ChargePoint, connector_id: int) -> Connector:
    return point.away.setdefault(connector_id, Connector(connector_id, Meter(MeterRecord(connector_id))))
