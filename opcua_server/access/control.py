"""What each session may now."""

from __future__ import annotations

from typing import Protocol

from asyncua import ua

from opcua_server.access.policies import Policies
from opcua_server.access.rights import Rights
from opcua_server.monitoring.event import Event


class Subject(Protocol):
    """A session, as far as its rights are concerned."""

    @property
    def roles(self) -> frozenset[str]:
        """Roles of the user who is logged in now, those that everybody has included."""

    @property
    def security_mode(self) -> ua.MessageSecurityMode:
        """Of the channel that the session uses."""


class AccessControl:
    """The rights of all sessions, made once for all that are alike."""

    def __init__(self, policies: Policies, *, on_loopback: bool) -> None:
        """On loopback nobody listens in, so no channel need be encrypted."""
        self.policies = policies
        self._on_loopback = on_loopback
        self._rights: dict[tuple[frozenset[str], ua.MessageSecurityMode | None], Rights] = {}

    def of(self, session: Subject) -> Rights:
        """Return what a session may, with its present user over its present channel."""
        return self._of(session.roles, session.security_mode)

    def may_receive(self, event: Event, roles: frozenset[str], mode: ua.MessageSecurityMode) -> bool:
        """Tell whether an event is for who has these roles over a channel of this mode."""
        return self._of(roles, mode).receives(event.type, event.source)

    def _of(self, roles: frozenset[str], mode: ua.MessageSecurityMode) -> Rights:
        key = roles, None if self._on_loopback else mode
        rights = self._rights.get(key)
        if rights is None:
            rights = self._rights[key] = Rights(*key, self.policies)
        return rights
