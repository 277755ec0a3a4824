"""The roles of sessions: those of OPC 10000-3 v1.05 §4.9.2 that are in use here, and two of our own."""

from __future__ import annotations

from dataclasses import dataclass

from asyncua import ua

from opcua_server.nodes import plant_id, standard_id

ANONYMOUS, AUTHENTICATED_USER = "Anonymous", "AuthenticatedUser"
OBSERVER, OPERATOR, ENGINEER, SUPERVISOR = "Observer", "Operator", "Engineer", "Supervisor"
CONFIGURE_ADMIN, SECURITY_ADMIN = "ConfigureAdmin", "SecurityAdmin"
CONTROLLER, DETECTOR = "Controller", "Detector"

WELL_KNOWN = (
    ANONYMOUS,
    AUTHENTICATED_USER,
    OBSERVER,
    OPERATOR,
    ENGINEER,
    SUPERVISOR,
    CONFIGURE_ADMIN,
    SECURITY_ADMIN,
)
OWN = (CONTROLLER, DETECTOR)
"""Who may hold loops, and who may write verdicts."""
ALL_ROLES = frozenset(WELL_KNOWN + OWN) - {ANONYMOUS, AUTHENTICATED_USER}
"""What can be given to a user; the other two come with every session, and with every login."""


@dataclass(frozen=True, slots=True)
class IdentityRule:
    """Who gets which roles (OPC 10000-18 v1.05 §4.4.3)."""

    criteria_type: ua.IdentityCriteriaType
    criteria: str
    """A user name, or the thumbprint of a user's certificate in upper case hexadecimal; empty for what has neither."""
    roles: frozenset[str]


def role_id(role: str) -> ua.NodeId:
    """Return the NodeId of a role."""
    if role in OWN:
        return plant_id(f"RoleSet.{role}")
    return standard_id(getattr(ua.ObjectIds, f"WellKnownRole_{role}"))
