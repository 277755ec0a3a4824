"""The one place that says which role may what (OPC 10000-3 v1.05 §8.55): pure tables.

A node has no permissions of its own but those of its policy, so ten thousand reactors need no more of them than one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from asyncua import ua

from opcua_server.access.roles import (
    ANONYMOUS,
    AUTHENTICATED_USER,
    CONFIGURE_ADMIN,
    CONTROLLER,
    DETECTOR,
    ENGINEER,
    OBSERVER,
    OPERATOR,
    SECURITY_ADMIN,
    SUPERVISOR,
)
from plant.signals import Writer

BROWSE, READ, WRITE, CALL = (
    ua.PermissionType.Browse,
    ua.PermissionType.Read,
    ua.PermissionType.Write,
    ua.PermissionType.Call,
)
READ_ROLE_PERMISSIONS = ua.PermissionType.ReadRolePermissions
READ_HISTORY, RECEIVE_EVENTS = ua.PermissionType.ReadHistory, ua.PermissionType.ReceiveEvents
INSERT_HISTORY, MODIFY_HISTORY, DELETE_HISTORY = (
    ua.PermissionType.InsertHistory,
    ua.PermissionType.ModifyHistory,
    ua.PermissionType.DeleteHistory,
)
AMEND_HISTORY = INSERT_HISTORY | MODIFY_HISTORY | DELETE_HISTORY

UNRESTRICTED = ua.AccessRestrictionType(0)
ENCRYPTED = ua.AccessRestrictionType.SigningRequired | ua.AccessRestrictionType.EncryptionRequired


@dataclass(frozen=True, slots=True, eq=False)
class Policy:
    """What each role may on the nodes of one kind, and over which channels."""

    permissions: Mapping[str, ua.PermissionType]
    restrictions: ua.AccessRestrictionType = UNRESTRICTED

    def granted(self, roles: Iterable[str]) -> int:
        """Return the permissions of who has these roles: of all of them together (OPC 10000-3 v1.05 §5.2.10)."""
        granted = 0
        for role in roles:
            granted |= int(self.permissions.get(role, 0))
        return granted

    def granting(self, permission: ua.PermissionType, *roles: str) -> Policy:
        """Return a policy that grants more."""
        more = {role: self.permissions.get(role, ua.PermissionType(0)) | permission for role in roles}
        return replace(self, permissions={**self.permissions, **more})


_SEES = BROWSE | READ
_OBSERVES = _SEES | READ_HISTORY | RECEIVE_EVENTS

PLANT = Policy(
    {
        AUTHENTICATED_USER: _SEES,
        OBSERVER: _OBSERVES,
        OPERATOR: _OBSERVES,
        ENGINEER: _OBSERVES | CALL | AMEND_HISTORY,
        SUPERVISOR: _OBSERVES,
        CONFIGURE_ADMIN: _SEES,
        SECURITY_ADMIN: _SEES | READ_ROLE_PERMISSIONS | RECEIVE_EVENTS,
        CONTROLLER: _OBSERVES,
        DETECTOR: _OBSERVES,
    }
)
"""The default of the plant's namespace: Methods, and changes to history, are an engineer's; Anonymous alone sees
nothing of it."""

PUBLIC = PLANT.granting(_SEES | CALL, *PLANT.permissions, ANONYMOUS).granting(RECEIVE_EVENTS, SECURITY_ADMIN)
"""The Server object and all types, which everyone sees (OPC 10000-3 v1.05 §4.9.2)."""

SECURITY = Policy({SECURITY_ADMIN: _SEES | READ_ROLE_PERMISSIONS | RECEIVE_EVENTS | CALL}, ENCRYPTED)
"""What tells who is who; nobody else even sees that it is there (OPC 10000-18 v1.05 §4.4.1)."""

AUDIT_EVENTS = Policy(
    {role: permission & ~RECEIVE_EVENTS for role, permission in PUBLIC.permissions.items()}, ENCRYPTED
).granting(RECEIVE_EVENTS, SECURITY_ADMIN)
"""AuditEventType and its subtypes."""

CONFIGURATION = PUBLIC.granting(WRITE, CONFIGURE_ADMIN, SECURITY_ADMIN)
"""What an administrator switches on and off."""

_WRITERS: Mapping[Writer, tuple[str, ...]] = {
    Writer.NOBODY: (),
    Writer.HOLDER: (CONTROLLER,),
    Writer.HEARTBEAT: (CONTROLLER,),
    Writer.DEMAND: (CONTROLLER, OPERATOR, SUPERVISOR),
    Writer.OUTPUT: (OPERATOR, SUPERVISOR),
    Writer.SETPOINT: (OPERATOR, SUPERVISOR),
    Writer.OPERATOR: (OPERATOR, SUPERVISOR),
    Writer.ENGINEER: (ENGINEER,),
    Writer.DETECTOR: (DETECTOR,),
}
SIGNALS: Mapping[Writer, Policy] = {writer: PLANT.granting(WRITE, *roles) for writer, roles in _WRITERS.items()}
"""By who writes a signal; who holds the loop is asked besides (`ownership`)."""
