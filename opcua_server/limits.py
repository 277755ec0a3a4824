"""How much the server does for a client, in a call and at all; clients read it below Server.ServerCapabilities."""

from __future__ import annotations

import logging
import time
from collections import Counter
from dataclasses import dataclass, field, fields

from asyncua import ua
from asyncua.server.address_space import AddressSpace

from opcua_server.standard_values import put
from runtime.limit_settings import LimitSettings

log = logging.getLogger("server")

TOLD_EVERY_S = 60.0
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


class Reached:
    """How often each limit kept somebody from something; the log is told once a minute, whoever floods the server."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter(dict.fromkeys(LimitSettings.model_fields, 0))
        self._told: dict[str, float] = {}

    def note(self, limit: str) -> None:
        """Count one more time."""
        self.counts[limit] += 1
        now = time.monotonic()
        if now >= self._told.get(limit, now):
            self._told[limit] = now + TOLD_EVERY_S
            where = " (server.limits)" if limit in LimitSettings.model_fields else ""
            log.warning("clients reach the limit %s, %d times until now%s", limit, self.counts[limit], where)


_SETTINGS = LimitSettings()


@dataclass(frozen=True, slots=True)
class ServerLimits:
    """What OPC 10000-5 v1.05 §6.3.2 lets a server tell, the calls' limits, and what the settings say."""

    operations: OperationLimits = OperationLimits()
    min_supported_sample_rate: float = 0.0
    """Shortest sampling interval, ms: the scan."""
    max_browse_continuation_points: int = 1_000
    """Of a session; as many as Browse takes nodes, so that no call runs out of them."""
    max_query_continuation_points: int = 0
    """There is no Query service set."""
    max_history_continuation_points: int = 1_000
    max_array_length: int = _SETTINGS.array_length
    max_string_length: int = _SETTINGS.string_bytes
    """Bytes."""
    max_byte_string_length: int = _SETTINGS.byte_string_bytes
    max_sessions: int = _SETTINGS.sessions
    max_subscriptions: int = _SETTINGS.subscriptions
    max_monitored_items: int = _SETTINGS.monitored_items
    max_subscriptions_per_session: int = _SETTINGS.subscriptions_per_session
    max_monitored_items_per_subscription: int = _SETTINGS.monitored_items_per_subscription
    max_select_clause_parameters: int = 1_000
    max_where_clause_parameters: int = 1_000
    max_monitored_items_queue_size: int = 10_000
    settings: LimitSettings = _SETTINGS
    """Those that no node tells."""
    reached: Reached = field(default_factory=Reached, compare=False)

    @classmethod
    def of(cls, settings: LimitSettings, scan_ms: float) -> ServerLimits:
        """Return the limits of the settings."""
        return cls(
            min_supported_sample_rate=scan_ms,
            max_array_length=settings.array_length,
            max_string_length=settings.string_bytes,
            max_byte_string_length=settings.byte_string_bytes,
            max_sessions=settings.sessions,
            max_subscriptions=settings.subscriptions,
            max_monitored_items=settings.monitored_items,
            max_subscriptions_per_session=settings.subscriptions_per_session,
            max_monitored_items_per_subscription=settings.monitored_items_per_subscription,
            settings=settings,
        )


def show(address_space: AddressSpace, limits: ServerLimits) -> None:
    """Write the limits into the standard nodes, each with its own DataType."""
    for owner, prefix in ((limits, _CAPABILITIES), (limits.operations, f"{_CAPABILITIES}_OperationLimits")):
        for each in fields(owner):
            value = getattr(owner, each.name)
            if isinstance(value, (int, float)):
                put(address_space, f"{prefix}_{_standard_name(each.name)}", value)


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
