"""The Server object: what the server is, what it can do, how it is (OPC 10000-5 v1.05 §6.3.1, §6.3.2, §12.10)."""

from __future__ import annotations

import datetime as dt
import importlib.metadata
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

from asyncua import ua
from asyncua.server.address_space import AddressSpace, NodeManagementService

from opcua_server import profiles
from opcua_server.historical_access import event_nodes
from opcua_server.historical_access.event_history import MAX_EVENTS_PER_READ
from opcua_server.historical_access.processed import AGGREGATES
from opcua_server.nodes import standard_id
from opcua_server.services.attribute_history import MAX_VALUES_PER_READ
from opcua_server.standard_values import compute, put
from opcua_server.wire.messages import now_ticks
from plant.clock import TICKS_PER_SECOND
from runtime.opcua_link.filetime import FileTime

LOCALES = ["en"]
HEALTHY, MAINTENANCE = 255, 0
"""ServiceLevel: the best there is, and the one of a server that is being ended."""
_VERSION_TIME_EPOCH = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
_HISTORY = "HistoryServerCapabilities"
_MODELLING_RULES = ("Mandatory", "Optional", "ExposesItsArray", "OptionalPlaceholder", "MandatoryPlaceholder")


class ServerStatus:
    """Whether the server runs, and how long it will."""

    def __init__(self, build: ua.BuildInfo) -> None:
        self._build = build
        self._started = FileTime.of(now_ticks())
        self._ends_at: int | None = None
        self._reason = ""

    def shut_down(self, seconds: float, reason: str) -> None:
        """Say that the server ends in so many seconds."""
        self._ends_at = now_ticks() + round(seconds * TICKS_PER_SECOND)
        self._reason = reason

    @property
    def service_level(self) -> int:
        """How well the server can provide its data."""
        return HEALTHY if self._ends_at is None else MAINTENANCE

    def read(self) -> ua.ServerStatusDataType:
        """Return the status now."""
        return ua.ServerStatusDataType(
            StartTime=self._started,
            CurrentTime=FileTime.of(now_ticks()),
            State=ua.ServerState.Running if self._ends_at is None else ua.ServerState.Shutdown,
            BuildInfo=self._build,
            SecondsTillShutdown=ua.UInt32(self._seconds_left()),
            ShutdownReason=ua.LocalizedText(self._reason),
        )

    def read_field(self, name: str) -> Any:
        """Return one field of it."""
        return getattr(self.read(), name)

    def _seconds_left(self) -> int:
        if self._ends_at is None:
            return 0
        return max(0, -(-(self._ends_at - now_ticks()) // TICKS_PER_SECOND))


def build_info(product_uri: str, name: str) -> ua.BuildInfo:
    """Return what was installed, and when."""
    version = importlib.metadata.version("cstr-gateway")
    installed = dt.datetime.fromtimestamp(Path(__file__).stat().st_mtime, dt.UTC)
    return ua.BuildInfo(product_uri, name, name, version, version, installed)


def show_status(space: AddressSpace, status: ServerStatus) -> None:
    """Let the status be read, whole and in its components."""
    compute(space, "Server_ServerStatus", status.read)
    for field in ("StartTime", "CurrentTime", "State", "SecondsTillShutdown", "ShutdownReason"):
        compute(space, f"Server_ServerStatus_{field}", partial(status.read_field, field))
    compute(space, "Server_ServiceLevel", lambda: status.service_level)


def show_build(space: AddressSpace, build: ua.BuildInfo) -> None:
    """Write what was built into its nodes."""
    put(space, "Server_ServerStatus_BuildInfo", build)
    for field in ("ProductUri", "ManufacturerName", "ProductName", "SoftwareVersion", "BuildNumber", "BuildDate"):
        put(space, f"Server_ServerStatus_BuildInfo_{field}", getattr(build, field))


def show_capabilities(space: AddressSpace, *, auditing: bool) -> None:
    """Write what the server can do into the standard nodes; its limits are `limits.show`'s."""
    put(space, "Server_Auditing", auditing)
    put(space, "Server_ServerRedundancy_RedundancySupport", ua.RedundancySupport.None_)
    put(space, "Server_UrisVersion", _version_time())
    compute(space, "Server_LocalTime", _local_time, sampling_ms=1000.0)
    put(space, "Server_ServerCapabilities_ServerProfileArray", profiles.supported_uris())
    units = [ua.QualifiedName(unit, 0) for unit in profiles.supported_units()]
    put(space, "Server_ServerCapabilities_ConformanceUnits", units)
    put(space, "Server_ServerCapabilities_LocaleIdArray", LOCALES)
    put(space, "Server_ServerCapabilities_SoftwareCertificates", [])
    put(space, "OPCUANamespaceMetadata_StaticStringNodeIdPattern", "")
    _show_history(space)
    _show_modelling_rules(space)


def _show_history(space: AddressSpace) -> None:
    """Write what history there is: values are read and changed, events are read; there are no annotations."""
    able = [
        "AccessHistoryData",
        "AccessHistoryEvents",
        "InsertData",
        "ReplaceData",
        "UpdateData",
        "DeleteRaw",
        "DeleteAtTime",
    ]
    unable = ["InsertEvent", "ReplaceEvent", "UpdateEvent", "DeleteEvent", "InsertAnnotation"]
    put(space, f"{_HISTORY}_ServerTimestampSupported", True)
    for name in able:
        put(space, f"{_HISTORY}_{name}Capability", True)
    for name in unable:
        put(space, f"{_HISTORY}_{name}Capability", False)
    put(space, f"{_HISTORY}_MaxReturnDataValues", MAX_VALUES_PER_READ)
    put(space, f"{_HISTORY}_MaxReturnEventValues", MAX_EVENTS_PER_READ)
    event_nodes.show(space)
    for owner in (_HISTORY, "Server_ServerCapabilities"):
        folder = standard_id(getattr(ua.ObjectIds, f"{owner}_AggregateFunctions"))
        _relate(space, folder, ua.ObjectIds.Organizes, AGGREGATES)


def _show_modelling_rules(space: AddressSpace) -> None:
    folder = standard_id(ua.ObjectIds.Server_ServerCapabilities_ModellingRules)
    rules = [standard_id(getattr(ua.ObjectIds, f"ModellingRule_{name}")) for name in _MODELLING_RULES]
    _relate(space, folder, ua.ObjectIds.HasComponent, rules)


def _relate(space: AddressSpace, folder: ua.NodeId, reference: int, targets: Iterable[ua.NodeId]) -> None:
    """Let a folder and other standard nodes refer to each other."""
    kind = standard_id(reference)
    ends = [end for target in targets for end in ((folder, target, True), (target, folder, False))]
    service = NodeManagementService(space)
    for source, target, forward in ends:
        item = ua.AddReferencesItem(SourceNodeId=source, ReferenceTypeId=kind, IsForward=forward, TargetNodeId=target)
        service.add_references([item])[0].check()


def _version_time() -> int:
    """Return a VersionTime, seconds since 2000: of the start, for no URI changes later."""
    return int((dt.datetime.now(dt.UTC) - _VERSION_TIME_EPOCH).total_seconds())


def _local_time() -> ua.TimeZoneDataType:
    local = dt.datetime.now().astimezone()
    offset, saving = local.utcoffset() or dt.timedelta(), local.dst() or dt.timedelta()
    is_saving = bool(saving) or (local.timetuple().tm_isdst > 0)
    return ua.TimeZoneDataType(Offset=ua.Int16(int(offset.total_seconds() // 60)), DaylightSavingInOffset=is_saving)
