"""HA Configuration: how values are recorded, said once for all that are recorded alike (OPC 10000-11 v1.05 §5.2).

A HasHistoricalConfiguration Reference says that a configuration is used by a node (§5.3.2), so ten thousand reactors
need no more of them than one. The configurations do not refer back: that would be to every recorded node.
"""

from __future__ import annotations

from collections.abc import Callable

from asyncua import ua
from asyncua.server.address_space import AddressSpace

from opcua_server.nodes import NodeBuilder, plant_id, standard_id
from opcua_server.standard_values import computed
from plant.names import PLANT
from plant.signals import Signal
from runtime.opcua_link.filetime import FileTime
from timeseries.aggregates import AggregateConfiguration

_FOLDER = f"{PLANT}.HistoryConfiguration"
_MEASURED, _HELD = f"{_FOLDER}.Measured", f"{_FOLDER}.Held"
_NAME = "HA Configuration"
_STARTS = ("StartOfArchive", "StartOfOnlineArchive")
"""They are the same: nothing is kept elsewhere."""
_AGGREGATE_FUNCTIONS = standard_id(ua.ObjectIds.HistoryServerCapabilities_AggregateFunctions)
_DEFAULTS = AggregateConfiguration()


def add(builder: NodeBuilder, plant: ua.NodeId) -> ua.NodeId:
    """Add both configurations below the plant; return the folder they are in."""
    folder = builder.add_object(
        _FOLDER, plant, type_id=ua.ObjectIds.FolderType, description="How values are recorded, by kind"
    )
    _configuration(builder, folder, _MEASURED, "Measured once a scan, interpolated", stepped=False)
    _configuration(builder, folder, _HELD, "Set, held until the next value", stepped=True)
    return folder


def use(builder: NodeBuilder, node: ua.NodeId, signal: Signal) -> None:
    """Let a recorded signal's node refer to its configuration."""
    if signal.recorded:
        configuration = plant_id(_HELD if signal.stepped else _MEASURED)
        builder.refer(node, ua.ObjectIds.HasHistoricalConfiguration, configuration)


def show_start(space: AddressSpace, start: Callable[[], int]) -> None:
    """Let the start of the archive be read, ticks, as it is then."""
    for path in (_MEASURED, _HELD):
        for name in _STARTS:
            attributes = space[plant_id(f"{path}.{name}")].attributes
            attributes[ua.AttributeIds.Value] = computed(lambda: FileTime.of(start()), ua.VariantType.DateTime)


def _configuration(builder: NodeBuilder, folder: ua.NodeId, path: str, display: str, *, stepped: bool) -> None:
    ids, kinds = ua.ObjectIds, ua.VariantType
    node = builder.add_object(
        path,
        folder,
        type_id=ids.HistoricalDataConfigurationType,
        reference=ids.Organizes,
        name=_NAME,
        display=display,
        namespace=0,
    )
    builder.add_property(f"{path}.Stepped", node, ids.Boolean, stepped, kinds.Boolean)
    if not stepped:
        builder.add_property(f"{path}.MinTimeInterval", node, ids.Duration, builder.scan_ms, kinds.Double)
    for name in _STARTS:
        builder.add_property(f"{path}.{name}", node, ids.UtcTime, FileTime.of(0), kinds.DateTime)
    builder.add_property(f"{path}.ServerTimestampSupported", node, ids.Boolean, True, kinds.Boolean)
    aggregates = f"{path}.AggregateConfiguration"
    below = builder.add_object(aggregates, node, type_id=ids.AggregateConfigurationType, namespace=0)
    for name, data_type, value, kind in (
        ("TreatUncertainAsBad", ids.Boolean, _DEFAULTS.treat_uncertain_as_bad, kinds.Boolean),
        ("PercentDataBad", ids.Byte, _DEFAULTS.percent_data_bad, kinds.Byte),
        ("PercentDataGood", ids.Byte, _DEFAULTS.percent_data_good, kinds.Byte),
        ("UseSlopedExtrapolation", ids.Boolean, _DEFAULTS.use_sloped_extrapolation, kinds.Boolean),
    ):
        builder.add_property(f"{aggregates}.{name}", below, data_type, value, kind)
    builder.refer(node, ids.HasComponent, _AGGREGATE_FUNCTIONS)
