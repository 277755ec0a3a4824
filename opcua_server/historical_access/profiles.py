"""The facets of Historical Access that the server aims at (OPC 10000-7 v1.04)."""

from __future__ import annotations

from opcua_server.historical_access.processed import AGGREGATES
from opcua_server.profile import SERVER, Profile, Unit, optional, units

_READ, _UPDATE = Unit("Attribute Historical Read"), Unit("Attribute Historical Update")
_POINTS = Unit("Historical Access Data Max Nodes Read Continuation Point")
_SERVER_TIMESTAMP = optional("Historical Access ServerTimestamp")

RAW = Profile(
    "Historical Raw Data Server Facet",
    f"{SERVER}HistoricalRawData",
    "OPC 10000-7 v1.04 §6.6.48",
    units=(_READ, _POINTS, *units("Historical Access Read Raw"), _SERVER_TIMESTAMP),
)
AGGREGATE = Profile(
    "Historical Aggregate Server Facet",
    f"{SERVER}AggregateHistorical",
    "OPC 10000-7 v1.04 §6.6.49",
    units=(
        _READ,
        _POINTS,
        *units("Historical Access Aggregates", "Aggregate Master Configuration"),
        *(optional(f"Aggregate – {name}") for name in sorted(AGGREGATES.values())),
        optional("Aggregate – AnnotationCount", "there are no annotations"),
        optional("Aggregate – Custom", "all aggregates are the standard's"),
    ),
)
AT_TIME = Profile(
    "Historical Data AtTime Server Facet",
    f"{SERVER}HistoricalDataAtTime",
    "OPC 10000-7 v1.04 §6.6.50",
    units=(_READ, _POINTS, *units("Historical Access Time Instance")),
)
MODIFIED = Profile(
    "Historical Access Modified Data Server Facet",
    f"{SERVER}HistoricalModifiedData",
    "OPC 10000-7 v1.04 §6.6.51",
    units=(_READ, *units("Historical Access Modified Values")),
)
INSERT = Profile(
    "Historical Data Insert Server Facet",
    f"{SERVER}HistoricalDataInsert",
    "OPC 10000-7 v1.04 §6.6.53",
    units=(_UPDATE, *units("Historical Access Insert Value"), _SERVER_TIMESTAMP),
)
UPDATE = Profile(
    "Historical Data Update Server Facet",
    f"{SERVER}HistoricalDataUpdate",
    "OPC 10000-7 v1.04 §6.6.54",
    units=(_UPDATE, *units("Historical Access Update Value"), _SERVER_TIMESTAMP),
)
REPLACE = Profile(
    "Historical Data Replace Server Facet",
    f"{SERVER}HistoricalDataReplace",
    "OPC 10000-7 v1.04 §6.6.55",
    units=(_UPDATE, *units("Historical Access Replace Value"), _SERVER_TIMESTAMP),
)
DELETE = Profile(
    "Historical Data Delete Server Facet",
    f"{SERVER}HistoricalDataDelete",
    "OPC 10000-7 v1.04 §6.6.56",
    units=(_UPDATE, *units("Historical Access Delete Value")),
)
EVENTS = Profile(
    "Base Historical Event Server Facet",
    f"{SERVER}BaseHistoricalEvent",
    "OPC 10000-7 v1.04 §6.6.58",
    units=(_READ, *units("Historical Access Event Max Events Read Continuation Point", "Historical Access Events")),
)
PROFILES = (RAW, AGGREGATE, AT_TIME, MODIFIED, INSERT, UPDATE, REPLACE, DELETE, EVENTS)
