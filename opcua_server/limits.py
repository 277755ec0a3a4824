"""How much the server does for a client, in a call and at all; clients read it below Server.ServerCapabilities."""

from __future__ import annotations

from dataclasses import dataclass, fields

from asyncua import ua
from asyncua.server.address_space import AddressSpace

from opcua_server.standard_values import put

CHUNK_BYTES, MESSAGE_BYTES = 65_535, 16 << 20
"""Largest chunk and largest message, both ways: ten thousand of anything fit."""
MOST_CONNECTIONS = 1_000
"""Open at once: a process has 1,024 files."""
_CAPABILITIES = "Server_ServerCapabilities"


@dataclass(frozen=True, slots=True)
class OperationLimits:
    """Operations a call, OPC 10000-5 v1.05 §6.3.11: never 0, not even for what the server refuses item by item."""

    max_nodes_per_read: int = 10_000
    max_nodes_per_history_read_data: int = 1_000
    max_nodes_per_history_read_events: int = 1_000
    max_nodes_per_write: int = 10_000
    max_nodes_per_history_update_data: int = 1_000
    max_nodes_per_history_update_events: int = 1_000
    max_nodes_per_method_call: int = 1_000
    max_nodes_per_browse: int = 1_000
    max_nodes_per_register_nodes: int = 10_000
    max_nodes_per_translate_browse_paths_to_node_ids: int = 10_000
    max_nodes_per_node_management: int = 1_000
    max_monitored_items_per_call: int = 10_000


@dataclass(frozen=True, slots=True)
class ServerLimits:
    """What OPC 10000-5 v1.05 §6.3.2 lets a server tell, and the calls' limits."""

    operations: OperationLimits = OperationLimits()
    min_supported_sample_rate: float = 0.0
    """Shortest sampling interval, ms: the scan."""
    max_browse_continuation_points: int = 1_000
    """Of a session; as many as Browse takes nodes, so that no call runs out of them."""
    max_query_continuation_points: int = 0
    """There is no Query service set."""
    max_history_continuation_points: int = 1_000
    max_array_length: int = 65_536
    max_string_length: int = 65_536
    """Bytes."""
    max_byte_string_length: int = 1_048_576
    max_sessions: int = 1_000
    max_subscriptions: int = 10_000
    max_monitored_items: int = 1_000_000
    max_subscriptions_per_session: int = 1_000
    max_monitored_items_per_subscription: int = 100_000
    max_select_clause_parameters: int = 1_000
    max_where_clause_parameters: int = 1_000
    max_monitored_items_queue_size: int = 10_000


def show(address_space: AddressSpace, limits: ServerLimits) -> None:
    """Write the limits into the standard nodes, each with its own DataType."""
    for owner, prefix in ((limits, _CAPABILITIES), (limits.operations, f"{_CAPABILITIES}_OperationLimits")):
        for field in fields(owner):
            value = getattr(owner, field.name)
            if not isinstance(value, OperationLimits):
                put(address_space, f"{prefix}_{_standard_name(field.name)}", value)


def require(count: int, limit: int) -> None:
    """Check the number of operations of a call.

    Raises:
        ua.uaerrors.BadNothingToDo: when there is none.
        ua.uaerrors.BadTooManyOperations: when there are more than the limit.
    """
    if count == 0:
        raise ua.uaerrors.BadNothingToDo
    if count > limit:
        raise ua.uaerrors.BadTooManyOperations


def _standard_name(field: str) -> str:
    return "".join(word.capitalize() for word in field.split("_"))
