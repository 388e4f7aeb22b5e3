"""What a charger means in OCPP terms: events in, effects out. Pure: no sockets, no disk, no clock."""
