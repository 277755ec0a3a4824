"""Who may receive which events."""

from __future__ import annotations

from asyncua import ua

from opcua_server.monitoring.event import Event
from opcua_server.nodes import standard_id

_AUDIT = standard_id(ua.ObjectIds.AuditEventType)
_ADMINISTRATORS = frozenset({"SecurityAdmin"})


class Audience:
    """Audit events are for a SecurityAdmin on an encrypted channel, all others for everybody.

    The standard NodeSet lets SecurityAdmin alone receive audit events (PermissionType ReceiveEvents, OPC 10000-3 v1.05
    §8.55), and OPC 10000-2 v1.05 §6.11 wants them on a SecureChannel; where the server is only reached over loopback,
    a channel without encryption will do.
    """

    def __init__(self, *, on_loopback: bool) -> None:
        self._on_loopback = on_loopback

    def may_receive(self, event: Event, roles: frozenset[str], mode: ua.MessageSecurityMode) -> bool:
        """Tell whether an event is for a session of such roles and SecurityMode."""
        if _AUDIT not in event.types:
            return True
        is_encrypted = mode == ua.MessageSecurityMode.SignAndEncrypt
        return bool(roles & _ADMINISTRATORS) and (is_encrypted or self._on_loopback)
