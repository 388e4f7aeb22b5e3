"""What mutations start from: a valid CALL of each action, answers, errors, and frames that killed others."""

from __future__ import annotations

from typing import Any

PROFILE: dict[str, Any] = {
    "chargingProfileId": 1,
    "stackLevel": 0,
    "chargingProfilePurpose": "TxDefaultProfile",
    "chargingProfileKind": "Absolute",
    "chargingSchedule": {
        "chargingRateUnit": "A",
        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 16.0}, {"startPeriod": 3600, "limit": 6.1}],
    },
}
RECURRING = PROFILE | {
    "chargingProfileId": 2,
    "stackLevel": 3,
    "chargingProfilePurpose": "ChargePointMaxProfile",
    "chargingProfileKind": "Recurring",
    "recurrencyKind": "Daily",
    "validFrom": "2026-11-01T00:00:00Z",
    "validTo": "2027-11-01T00:00:00Z",
    "chargingSchedule": {
        "duration": 43200,
        "startSchedule": "2026-11-21T06:00:00Z",
        "chargingRateUnit": "W",
        "minChargingRate": 4200.0,
        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 11000.0, "numberPhases": 3}],
    },
}
RELATIVE = PROFILE | {"chargingProfilePurpose": "TxProfile", "chargingProfileKind": "Relative", "transactionId": 1}
ID_TAG_INFO = {"status": "Accepted", "expiryDate": "2027-01-01T00:00:00Z", "parentIdTag": "PARENT"}

CALLS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("CancelReservation", {"reservationId": 1}),
    ("ChangeAvailability", {"connectorId": 0, "type": "Operative"}),
    ("ChangeAvailability", {"connectorId": 2, "type": "Inoperative"}),
    ("ChangeConfiguration", {"key": "MeterValueSampleInterval", "value": "900"}),
    ("ChangeConfiguration", {"key": "StopTxnSampledData", "value": "Current.Import,Voltage"}),
    ("ChangeConfiguration", {"key": "ConnectorPhaseRotation", "value": "0.RST,1.RST,2.RTS"}),
    ("ChangeConfiguration", {"key": "LocalPreAuthorize", "value": "true"}),
    ("ChangeConfiguration", {"key": "AuthorizeRemoteTxRequests", "value": "true"}),
    ("ClearCache", {}),
    ("ClearChargingProfile", {}),
    ("ClearChargingProfile", {"id": 2}),
    ("ClearChargingProfile", {"connectorId": 1, "chargingProfilePurpose": "TxProfile", "stackLevel": 0}),
    ("DataTransfer", {"vendorId": "elsewhere", "messageId": "hello", "data": "x"}),
    ("DataTransfer", {"vendorId": "ocpp-gateway", "messageId": "snapshot"}),
    ("DataTransfer", {"vendorId": "ocpp-gateway", "messageId": "register", "data": "connector.1.status"}),
    ("GetCompositeSchedule", {"connectorId": 1, "duration": 86400, "chargingRateUnit": "W"}),
    ("GetCompositeSchedule", {"connectorId": 0, "duration": 60}),
    ("GetConfiguration", {}),
    ("GetConfiguration", {"key": ["HeartbeatInterval", "NumberOfConnectors", "Nonsense"]}),
    ("GetDiagnostics", {"location": "ftp://user:secret@files.example.com/in", "retries": 1, "retryInterval": 1}),
    ("GetDiagnostics", {"location": "http://files.example.com/", "startTime": "2026-11-21T00:00:00Z"}),
    ("GetLocalListVersion", {}),
    ("RemoteStartTransaction", {"idTag": "A11CE0"}),
    ("RemoteStartTransaction", {"connectorId": 1, "idTag": "A11CE0", "chargingProfile": RELATIVE}),
    ("RemoteStopTransaction", {"transactionId": 1}),
    (
        "ReserveNow",
        {"connectorId": 1, "expiryDate": "2027-01-01T00:00:00Z", "idTag": "A11CE0", "reservationId": 1},
    ),
    (
        "ReserveNow",
        {
            "connectorId": 2,
            "expiryDate": "2027-02-01T12:00:00Z",
            "idTag": "B0B",
            "parentIdTag": "PARENT",
            "reservationId": 2,
        },
    ),
    ("Reset", {"type": "Soft"}),
    ("SendLocalList", {"listVersion": 1, "updateType": "Full", "localAuthorizationList": [{"idTag": "A11CE0"}]}),
    (
        "SendLocalList",
        {
            "listVersion": 7,
            "updateType": "Full",
            "localAuthorizationList": [
                {"idTag": "A11CE0", "idTagInfo": ID_TAG_INFO},
                {"idTag": "B0B", "idTagInfo": {"status": "Blocked"}},
            ],
        },
    ),
    ("SendLocalList", {"listVersion": 8, "updateType": "Differential", "localAuthorizationList": [{"idTag": "B0B"}]}),
    ("SetChargingProfile", {"connectorId": 1, "csChargingProfiles": PROFILE}),
    ("SetChargingProfile", {"connectorId": 0, "csChargingProfiles": RECURRING}),
    ("SetChargingProfile", {"connectorId": 1, "csChargingProfiles": RELATIVE}),
    ("TriggerMessage", {"requestedMessage": "StatusNotification", "connectorId": 1}),
    ("TriggerMessage", {"requestedMessage": "MeterValues"}),
    ("TriggerMessage", {"requestedMessage": "Heartbeat"}),
    ("UnlockConnector", {"connectorId": 1}),
    ("UpdateFirmware", {"location": "ftp://files.example.com/f", "retrieveDate": "2026-11-22T00:00:00Z"}),
    # The other direction, and the security whitepaper.
    ("Authorize", {"idTag": "A11CE0"}),
    ("BootNotification", {"chargePointModel": "M", "chargePointVendor": "V"}),
    ("DiagnosticsStatusNotification", {"status": "Idle"}),
    ("FirmwareStatusNotification", {"status": "Idle"}),
    ("Heartbeat", {}),
    ("MeterValues", {"connectorId": 1, "meterValue": []}),
    ("StartTransaction", {"connectorId": 1, "idTag": "A", "meterStart": 0, "timestamp": "2026-11-22T00:00:00Z"}),
    ("StatusNotification", {"connectorId": 1, "errorCode": "NoError", "status": "Available"}),
    ("StopTransaction", {"transactionId": 1, "meterStop": 0, "timestamp": "2026-11-22T00:00:00Z"}),
    ("ExtendedTriggerMessage", {"requestedMessage": "LogStatusNotification"}),
    ("GetLog", {"logType": "SecurityLog", "requestId": 1, "log": {"remoteLocation": "ftp://files.example.com/"}}),
    ("InstallCertificate", {"certificateType": "CentralSystemRootCertificate", "certificate": "-----BEGIN"}),
    ("SignedUpdateFirmware", {"requestId": 1, "firmware": {}}),
)
"""Everything a central system may ask, and what it may not."""

ANSWERS: tuple[dict[str, Any], ...] = (
    {},
    {"currentTime": "2026-11-22T00:00:00Z", "interval": 300, "status": "Accepted"},
    {"currentTime": "2026-11-22T00:00:00Z"},
    {"idTagInfo": ID_TAG_INFO},
    {"idTagInfo": {"status": "Accepted"}, "transactionId": 1},
    {"status": "Rejected"},
)

ERRORS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("InternalError", "", {}),
    ("FormatViolation", "no such field", {"field": "x"}),
    ("WhoKnows", "ä" * 300, {"deep": [[[]]]}),
)

_LIMIT = (
    '[2,"ID","SetChargingProfile",{"connectorId":1,"csChargingProfiles":{"chargingProfileId":1,"stackLevel":0,'
    '"chargingProfilePurpose":"TxDefaultProfile","chargingProfileKind":"Absolute","chargingSchedule":'
    '{"chargingRateUnit":"A","chargingSchedulePeriod":[{"startPeriod":0,"limit":LIMIT}]}}}]'
)
NUMBERS = (
    *("NaN", "Infinity", "-Infinity", "1e400", "1e30", "1e-30", "1.", "00", "-1", "-0.0"),
    *("9" * 5000, "1" + "0" * 30),
)
"""Numbers as they may stand in a frame."""

HOSTILE: tuple[str | bytes, ...] = (
    '[2,"ID",["Reset"],{"type":"Soft"}]',
    '[2,"ID",{"action":"Reset"},{}]',
    '[2,"ID",null,{}]',
    '[2,"ID","",{}]',
    '[2,"ID","Reset\\u0000",{}]',
    "[" * 100_000,
    '[2,"ID","Reset",' + "[" * 100_000,
    '[2,"ID","DataTransfer",' + '{"a":' * 5000 + "1" + "}" * 5000 + "]",
    '[2,"ID","GetConfiguration",{"key":' + "[" * 29 + "]" * 29 + "}]",
    '[2,"ID","GetConfiguration",{"key":' + "[" * 40 + "]" * 40 + "}]",
    *(_LIMIT.replace("LIMIT", number) for number in NUMBERS),
    *(f'[2,"ID","UnlockConnector",{{"connectorId":{number}}}]' for number in NUMBERS),
    '[2,"ID","ChangeConfiguration",{"key":"\\ud800","value":"\\udfff"}]',
    '[2,"ID","\\ud800",{}]',
    '[2,"\\ud800","ClearCache",{}]',
    '[2,"ID","DataTransfer",{"vendorId":"\\ud83d\\ude00"}]',
    '[2,null,"ClearCache",{}]',
    '[2,{},"ClearCache",{}]',
    '[2,["ID"],"ClearCache",{}]',
    '[2,7,"ClearCache",{}]',
    '[2,"","ClearCache",{}]',
    '[2,"' + "i" * 10_000 + '","ClearCache",{}]',
    '[2,"' + "i" * 100 + '","Reset",{"type":"Warm"}]',
    '[2,"ID","UnlockConnector",{"connectorId":1,"connectorId":"1"}]',
    '[2,"ID","UnlockConnector",{"connectorId":"1","connectorId":1}]',
    '[2,"ID","UnlockConnector",null]',
    '[2,"ID","ClearCache",null]',
    '[2,"ID","ClearCache",[]]',
    '[2,"ID","ClearCache",{}',
    '[2,"ID","ClearCache",{}]]',
    '[2,"ID"]',
    '[2,"ID","ClearCache"]',
    '[2,"ID","ClearCache",{},{}]',
    '[2.0,"ID","ClearCache",{}]',
    '[true,"ID","ClearCache",{}]',
    '["2","ID","ClearCache",{}]',
    '[5,"ID","ClearCache",{}]',
    '[-2,"ID","ClearCache",{}]',
    '{"2":["ID","ClearCache",{}]}',
    "",
    " ",
    "null",
    "[]",
    "[2]",
    "[3]",
    "[4]",
    '[3,"ID"]',
    "[3,null,{}]",
    '[3,"ID",NaN]',
    '[3,"ID","\\ud800"]',
    '[4,"ID",{},[],7,8,9]',
    "\ufeff" + '[2,"ID","ClearCache",{}]',
    '[2,"ID","GetConfiguration",{"key":[' + ",".join(['"Nonsense"'] * 101) + "]}]",
    '[2,"ID","DataTransfer",{"vendorId":"v","data":"' + "x" * 100_000 + '"}]',
    '[2,"ID","ClearCache",{' + ",".join(f'"{number}":0' for number in range(2000)) + "}]",
    b"",
    b"\xff\xfe\x00\x01",
    b'[2,"ID","ClearCache",{}]',
    b'[2,"\xc3","ClearCache",{}]',
)
"""`ID` stands for a fresh message id."""
