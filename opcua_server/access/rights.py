"""What a session may: its roles and its channel against the policies of nodes."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
from asyncua import ua

from opcua_server.access.permissions import (
    BROWSE,
    ENCRYPTED,
    PLANT,
    PUBLIC,
    READ,
    RECEIVE_EVENTS,
    SIGNALS,
    UNRESTRICTED,
    WRITE,
    Policy,
)
from opcua_server.access.policies import Policies
from plant import quality
from plant.signals import Writer

_UNMET: Mapping[ua.MessageSecurityMode | None, ua.AccessRestrictionType] = {
    ua.MessageSecurityMode.None_: ENCRYPTED,
    ua.MessageSecurityMode.Sign: ua.AccessRestrictionType.EncryptionRequired,
    ua.MessageSecurityMode.SignAndEncrypt: UNRESTRICTED,
    None: UNRESTRICTED,
}
"""The restrictions that a channel does not fulfil, by its mode (OPC 10000-3 v1.05 §8.56)."""

Mask = np.ndarray[Any, np.dtype[np.bool_]]


class Rights:
    """The rights of all sessions that have these roles over a channel of this mode."""

    def __init__(self, roles: frozenset[str], mode: ua.MessageSecurityMode | None, policies: Policies) -> None:
        """No channel is restricted where `mode` is None."""
        self.roles = roles
        self._policies = policies
        self._is_restricted = mode is not None
        self._unmet = _UNMET[mode]
        self._granted: dict[Policy, int] = {}
        self._sees_all = all(self.granted(policy) & BROWSE for policy in (PUBLIC, PLANT, *SIGNALS.values()))
        """But for nodes that have policies of their own."""

    def granted(self, policy: Policy) -> int:
        """Return the permissions that a policy grants, whatever the channel."""
        granted = self._granted.get(policy)
        if granted is None:
            granted = self._granted[policy] = policy.granted(self.roles)
        return granted

    def restrictions(self, policy: Policy) -> ua.AccessRestrictionType:
        """Return the restrictions of a policy, as far as any are made here."""
        return policy.restrictions if self._is_restricted else UNRESTRICTED

    def status(self, node: ua.NodeId, permission: ua.PermissionType) -> int:
        """Return Good, or why a node that is there is not for this session to use so."""
        return self.under(self._policies.of(node), permission)

    def under(self, policy: Policy, permission: ua.PermissionType) -> int:
        """Return the same of a node that a policy governs."""
        granted = self.granted(policy)
        if not granted & BROWSE:
            return quality.BAD_NODE_ID_UNKNOWN
        if not granted & permission:
            return quality.BAD_USER_ACCESS_DENIED
        if permission is not BROWSE and policy.restrictions & self._unmet:
            return int(ua.StatusCodes.BadSecurityModeInsufficient)
        return quality.GOOD

    def sees(self, node: ua.NodeId) -> bool:
        """Tell whether a node is there for this session."""
        own = self._policies.own(node)
        if own is None and self._sees_all:
            return True
        return bool(self.granted(own or self._policies.of(node)) & BROWSE)

    def receives(self, event_type: ua.NodeId, source: ua.NodeId) -> bool:
        """Tell whether an Event may be told (OPC 10000-3 v1.05 §8.55, ReceiveEvents)."""
        return all(self.status(node, RECEIVE_EVENTS) == quality.GOOD for node in (event_type, source))

    @cached_property
    def writers(self) -> frozenset[Writer]:
        """As which writers of signals the session counts."""
        return frozenset(writer for writer, policy in SIGNALS.items() if self.under(policy, WRITE) == quality.GOOD)

    def reads_row(self, row: int) -> bool:
        """Tell whether a row of the bank may be read."""
        return self.unreadable is None or not self.unreadable[row]

    @cached_property
    def unreadable(self) -> Mask | None:
        """Tell of each row of the bank whether it may not be read; None where all may."""
        refused = {policy for policy in (*SIGNALS.values(), PLANT) if self.under(policy, READ) != quality.GOOD}
        return np.array([policy in refused for policy in self._policies.of_rows()], np.bool_) if refused else None
