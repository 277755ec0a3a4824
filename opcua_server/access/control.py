"""What each session may now."""

from __future__ import annotations

from typing import Protocol

from asyncua import ua
from asyncua.crypto.permission_rules import User

from opcua_server.access.policies import Policies
from opcua_server.access.rights import Rights
from opcua_server.access.roles import session_roles


class Subject(Protocol):
    """A session, as far as its rights are concerned."""

    @property
    def user(self) -> User:
        """Who is logged in now."""

    @property
    def roles(self) -> frozenset[str]:
        """Roles given to the user."""

    @property
    def security_mode(self) -> ua.MessageSecurityMode:
        """Of the channel that the session uses."""


class AccessControl:
    """The rights of all sessions, made once for all that are alike."""

    def __init__(self, policies: Policies, *, on_loopback: bool) -> None:
        """On loopback nobody listens in, so no channel need be encrypted."""
        self.policies = policies
        self._on_loopback = on_loopback
        self._rights: dict[tuple[frozenset[str], bool, ua.MessageSecurityMode | None], Rights] = {}

    def of(self, session: Subject) -> Rights:
        """Return what a session may, with its present user over its present channel."""
        mode = None if self._on_loopback else session.security_mode
        key = session.roles, bool(session.user.name), mode
        rights = self._rights.get(key)
        if rights is None:
            roles = session_roles(key[0], is_authenticated=key[1])
            rights = self._rights[key] = Rights(roles, mode, self.policies)
        return rights
