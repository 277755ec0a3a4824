"""A change to history as an audit event tells it (OPC 10000-11 v1.05 §5.8)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from asyncua import ua

from opcua_server.auditing import record
from opcua_server.historical_access.encoding import data_values
from opcua_server.status import status_code
from runtime.opcua_link.filetime import FileTime, ticks_of
from timeseries.columns import Columns
from timeseries.signals import SignalInfo

MOST_VALUES = 100
"""Of each list that an event tells; all that was there before is kept with the history."""
V = ua.VariantType
_KINDS: Mapping[type[Any], str] = {
    ua.UpdateDataDetails: "AuditHistoryValueUpdateEventType",
    ua.DeleteRawModifiedDetails: "AuditHistoryRawModifyDeleteEventType",
    ua.DeleteAtTimeDetails: "AuditHistoryAtTimeDeleteEventType",
    ua.UpdateStructureDataDetails: "AuditHistoryAnnotationUpdateEventType",
    ua.UpdateEventDetails: "AuditHistoryEventUpdateEventType",
    ua.DeleteEventDetails: "AuditHistoryEventDeleteEventType",
}
_WORDS: Mapping[int, str] = {
    ua.PerformUpdateType.Insert: "insert",
    ua.PerformUpdateType.Replace: "replace",
    ua.PerformUpdateType.Update: "update",
}


@dataclass(frozen=True, slots=True)
class Amendment:
    """What a client has asked for, and what was there before."""

    details: Any
    before: Columns | None
    recorded: tuple[int, SignalInfo] | None
    """Number and kind of the node's signal."""

    @property
    def kind(self) -> str:
        """The EventType's name."""
        return _KINDS.get(type(self.details), "AuditHistoryUpdateEventType")

    def words(self, codes: Sequence[int]) -> str:
        """Say what was to be done, and with `codes` what has become of how many values."""
        details = self.details
        if isinstance(details, ua.DeleteRawModifiedDetails):
            return f"delete {'modified' if details.IsDeleteModified else 'raw'}: {len(self.before or ())} values"
        asked = _WORDS.get(getattr(details, "PerformInsertReplace", 0), "change")
        if isinstance(details, ua.DeleteAtTimeDetails):
            asked = "delete at times"
        counts = Counter(status_code(code).name for code in codes)
        return f"{asked}: " + (", ".join(f"{count} {name}" for name, count in counts.items()) or "nothing")

    def fields(self) -> dict[str, ua.Variant]:
        """Return the fields beyond AuditUpdateEventType's, as far as the event's type has them."""
        details = self.details
        data_type = getattr(details, "data_type", None)
        fields = {"ParameterDataTypeId": ua.Variant(data_type or ua.NodeId(), V.NodeId)}
        node = getattr(details, "NodeId", None)
        if node is not None:
            fields["UpdatedNode"] = ua.Variant(record.bounded_id(node), V.NodeId)
        if isinstance(details, ua.UpdateDataDetails):
            fields["PerformInsertReplace"] = ua.Variant(int(details.PerformInsertReplace), V.Int32)
            fields["NewValues"] = _array([_bounded(each) for each in (details.UpdateValues or ())[:MOST_VALUES]])
        if isinstance(details, ua.DeleteRawModifiedDetails):
            fields["IsDeleteModified"] = ua.Variant(bool(details.IsDeleteModified), V.Boolean)
            fields["StartTime"] = ua.Variant(FileTime.of(ticks_of(details.StartTime)), V.DateTime)
            fields["EndTime"] = ua.Variant(FileTime.of(ticks_of(details.EndTime)), V.DateTime)
        if isinstance(details, ua.DeleteAtTimeDetails):
            times = [FileTime.of(ticks_of(time)) for time in (details.ReqTimes or ())[:MOST_VALUES]]
            fields["ReqTimes"] = ua.Variant(times, V.DateTime, is_array=True)
        if self.before is not None and self.recorded is not None:
            fields["OldValues"] = _array(
                [_bounded(each) for each in data_values(self.before, self.recorded[1], MOST_VALUES)]
            )
        return fields


def _array(values: list[ua.DataValue]) -> ua.Variant:
    return ua.Variant(values, V.DataValue, is_array=True)


def _bounded(value: ua.DataValue) -> ua.DataValue:
    return replace(value, Value=record.bounded(value.Value)) if value.Value is not None else value
