"""Counts the operations of a request before the codec makes objects of them: seconds, where they are many."""

from __future__ import annotations

from collections.abc import Callable

from asyncua import ua

from opcua_server.limits import OperationLimits
from opcua_server.wire.requests import MALFORMED, RequestHeader, count_of, end_of_node_id, end_of_string

_Place = Callable[[bytes, int], int]


def _behind(size: int) -> _Place:
    return lambda body, at: at + size


def _of_browse(body: bytes, at: int) -> int:
    """Behind the View and the number of references."""
    return end_of_node_id(body, at) + 16


def _of_history_read(body: bytes, at: int) -> int:
    """Behind the details, an ExtensionObject, the timestamps and a Boolean."""
    at = end_of_node_id(body, at)
    return (end_of_string(body, at + 1) if body[at] in (1, 2) else at + 1) + 5


_PLACES: dict[str, tuple[_Place, str]] = {
    "Browse": (_of_browse, "max_nodes_per_browse"),
    "TranslateBrowsePathsToNodeIds": (_behind(0), "max_nodes_per_translate_browse_paths_to_node_ids"),
    "RegisterNodes": (_behind(0), "max_nodes_per_register_nodes"),
    "UnregisterNodes": (_behind(0), "max_nodes_per_register_nodes"),
    "Call": (_behind(0), "max_nodes_per_method_call"),
    "HistoryRead": (_of_history_read, "max_nodes_per_history_read_data"),
    "HistoryUpdate": (_behind(0), "max_nodes_per_history_update_data"),
    "CreateMonitoredItems": (_behind(8), "max_monitored_items_per_call"),
    "ModifyMonitoredItems": (_behind(8), "max_monitored_items_per_call"),
}
_COUNTED = {getattr(ua.ObjectIds, f"{name}Request_Encoding_DefaultBinary"): where for name, where in _PLACES.items()}


def require_few(header: RequestHeader, body: bytes, limits: OperationLimits) -> None:
    """Check that a request has no more operations than its service takes.

    Raises:
        ua.uaerrors.BadTooManyOperations: when it has more.
        ua.uaerrors.BadDecodingError: when it ends before it says.
    """
    counted = _COUNTED.get(header.type_number)
    if counted is None:
        return
    place, limit = counted
    try:
        count = count_of(body, place(body, header.end))
    except MALFORMED as error:
        raise ua.uaerrors.BadDecodingError from error
    if count > getattr(limits, limit):
        raise ua.uaerrors.BadTooManyOperations
