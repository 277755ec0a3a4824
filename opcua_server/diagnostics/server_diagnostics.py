"""ServerDiagnostics: the summary, the arrays of sessions and subscriptions, and whether there are any."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from asyncua import ua
from asyncua.server.address_space import AddressSpace, NodeData

from opcua_server.diagnostics.complex_variable import SAMPLING_MS
from opcua_server.diagnostics.counts import ServerCounts
from opcua_server.diagnostics.nodes import DiagnosticNodes
from opcua_server.diagnostics.readings import Owned
from opcua_server.nodes import standard_id
from opcua_server.sessions import Sessions
from opcua_server.standard_values import compute
from opcua_server.status import status_code
from opcua_server.subscriptions import Subscriptions

_ROOT = "Server_ServerDiagnostics"
_SESSIONS = f"{_ROOT}_SessionsDiagnosticsSummary"
ENABLED_FLAG = standard_id(ua.ObjectIds.Server_ServerDiagnostics_EnabledFlag)


class ServerDiagnostics:
    """Reads what has been counted; while they are not enabled there are none (OPC 10000-5 v1.05 §6.3.3)."""

    def __init__(
        self,
        nodes: DiagnosticNodes,
        counts: ServerCounts,
        sessions: Sessions,
        subscriptions: Subscriptions,
    ) -> None:
        self._nodes = nodes
        self._counts = counts
        self._sessions = sessions
        self._subscriptions = subscriptions
        nodes.sessions = sessions.__iter__
        nodes.find_session = sessions.find_by_id
        nodes.subscriptions = self._owned
        nodes.find_subscription = self._find

    @property
    def is_enabled(self) -> bool:
        """The EnabledFlag."""
        return self._nodes.is_enabled

    def enable(self, *, enabled: bool) -> None:
        """Set the EnabledFlag; when it is set, counting begins anew."""
        self._nodes.is_enabled = enabled
        if enabled:
            self._counts.reset(len(self._sessions))
            self._subscriptions.count_anew()
            for session in self._sessions:
                session.counts.reset()

    def summary(self) -> ua.ServerDiagnosticsSummaryDataType:
        """Return the summary (OPC 10000-5 v1.05 §12.9); there are no Views."""
        counts, subscriptions = self._counts, self._subscriptions
        return ua.ServerDiagnosticsSummaryDataType(
            ServerViewCount=ua.UInt32(0),
            CurrentSessionCount=ua.UInt32(len(self._sessions)),
            CumulatedSessionCount=ua.UInt32(counts.sessions),
            SecurityRejectedSessionCount=ua.UInt32(counts.security_rejected_sessions),
            RejectedSessionCount=ua.UInt32(counts.rejected_sessions),
            SessionTimeoutCount=ua.UInt32(counts.session_timeouts),
            SessionAbortCount=ua.UInt32(counts.session_aborts),
            CurrentSubscriptionCount=ua.UInt32(len(subscriptions)),
            CumulatedSubscriptionCount=ua.UInt32(subscriptions.created),
            PublishingIntervalCount=ua.UInt32(len({each.terms.publishing_ms for each in subscriptions})),
            SecurityRejectedRequestsCount=ua.UInt32(counts.security_rejected_requests),
            RejectedRequestsCount=ua.UInt32(counts.rejected_requests),
        )

    def show(self, space: AddressSpace) -> None:
        """Let the nodes of the standard be read."""
        nodes = self._nodes
        self._compute(space, f"{_ROOT}_ServerDiagnosticsSummary", self.summary)
        for name in ua.ServerDiagnosticsSummaryDataType.__dataclass_fields__:
            self._compute(space, f"{_ROOT}_ServerDiagnosticsSummary_{name}", partial(self._in_summary, name))
        self._compute(
            space,
            f"{_ROOT}_SubscriptionDiagnosticsArray",
            lambda: [nodes.subscription.read(owned) for owned in self._owned()],
        )
        self._compute(
            space,
            f"{_SESSIONS}_SessionDiagnosticsArray",
            lambda: [nodes.session.read(each) for each in nodes.sessions()],
        )
        self._compute(
            space,
            f"{_SESSIONS}_SessionSecurityDiagnosticsArray",
            lambda: [nodes.security.read(each) for each in nodes.sessions()],
        )
        compute(space, f"{_ROOT}_EnabledFlag", lambda: self.is_enabled)
        self._let_write(space[ENABLED_FLAG])

    def _in_summary(self, name: str) -> int:
        count: int = getattr(self.summary(), name)
        return count

    def _compute(self, space: AddressSpace, node: str, value: Callable[[], Any]) -> None:
        """Let a value be read while the diagnostics are enabled."""
        unknown = status_code(ua.StatusCodes.BadNodeIdUnknown)
        compute(space, node, lambda: value() if self.is_enabled else unknown, sampling_ms=SAMPLING_MS)

    def _let_write(self, node: NodeData) -> None:
        def write(_: NodeData, __: ua.AttributeIds, data: ua.DataValue) -> None:
            self.enable(enabled=bool(data.Value is not None and data.Value.Value))

        mask = ua.AccessLevel.CurrentRead.mask | ua.AccessLevel.CurrentWrite.mask
        for name in (ua.AttributeIds.AccessLevel, ua.AttributeIds.UserAccessLevel):
            node.attributes[name].value = ua.DataValue(ua.Variant(mask, ua.VariantType.Byte))
        node.attributes[ua.AttributeIds.Value].value_setter = write

    def _owned(self) -> Iterator[Owned]:
        return (Owned(each, self._subscriptions.session_of(each.id)) for each in self._subscriptions)

    def _find(self, number: int) -> Owned | None:
        subscription = self._subscriptions.get(number)
        return None if subscription is None else Owned(subscription, self._subscriptions.session_of(number))
