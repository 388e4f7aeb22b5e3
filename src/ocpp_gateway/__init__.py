"""A gateway between EV chargers that speak Modbus TCP and central systems that speak OCPP 1.6J."""
