"""A client's session: its user, and what goes with it."""

from __future__ import annotations

import asyncio
import secrets
import time
from dataclasses import dataclass
from typing import Any, Protocol

from asyncua import ua
from asyncua.crypto.permission_rules import User, UserRole
from asyncua.server.internal_server import InternalServer
from asyncua.server.internal_session import InternalSession
from asyncua.ua.ua_binary import nodeid_to_binary

from opcua_server.access.rights import Rights
from opcua_server.limits import ServerLimits
from opcua_server.monitoring.publish_queue import PublishQueue
from opcua_server.monitoring.subscription import Subscription
from opcua_server.services.continuation import ContinuationPoints
from opcua_server.services.subscription import SubscriptionService
from opcua_server.services.view import BrowsePoints
from opcua_server.simulator import Simulator
from opcua_server.wire.messages import ANY_SIZE


@dataclass
class PlantUser(User):
    """A user with the roles of OPC 10000-18."""

    roles: frozenset[str] = frozenset()


NOBODY = PlantUser(role=UserRole.Anonymous)


class Channel(Protocol):
    """The connection that a session uses."""

    @property
    def security_mode(self) -> ua.MessageSecurityMode:
        """Of its secure channel."""


class PlantSession(InternalSession):
    """One client's session."""

    def __init__(
        self,
        server: InternalServer,
        simulator: Simulator,
        subscriptions: SubscriptionService,
        limits: ServerLimits,
        name: str,
    ) -> None:
        super().__init__(server, server.aspace, server.subscription_service, name, user=NOBODY, external=True)
        self._simulator = simulator
        self._subscriptions = subscriptions
        server.unregister_external_session(self)
        self.auth_token = ua.NodeId(ua.ByteString(secrets.token_bytes(32)), ua.Int16(0))
        server.register_external_session(self)
        self.token = nodeid_to_binary(self.auth_token)
        """The AuthenticationToken on the wire."""
        self.browsing: BrowsePoints = ContinuationPoints(limits.max_browse_continuation_points)
        self.queue = PublishQueue()
        self.subscriptions: dict[int, Subscription] = {}
        self.working: set[asyncio.Task[Any]] = set()
        """Requests that are answered later; they end with the session (OPC 10000-4 v1.05 §5.7.4)."""
        self.application_uri = ""
        """Of the client."""
        self.most_bytes = ANY_SIZE
        """Size of the largest response that the client takes (OPC 10000-4 v1.05 §5.7.2.2)."""
        self.rights: Rights | None = None
        """By which its items were agreed on last."""
        self.connection: Channel | None = None
        """None while the client's connection is gone and the session waits for it to come back."""

    @property
    def roles(self) -> frozenset[str]:
        """Roles of the user who is logged in now."""
        return self.user.roles if isinstance(self.user, PlantUser) else frozenset()

    @property
    def security_mode(self) -> ua.MessageSecurityMode:
        """Of the channel that the session uses."""
        return self.connection.security_mode if self.connection is not None else ua.MessageSecurityMode.None_

    async def create_session(
        self, params: ua.CreateSessionParameters, sockname: tuple[str, int] | None = None
    ) -> ua.CreateSessionResult:
        """Begin; a session that is never activated ends by its timeout, too."""
        self.application_uri = params.ClientDescription.ApplicationUri or ""
        self.most_bytes = params.MaxResponseMessageSize or ANY_SIZE
        if not params.RequestedSessionTimeout >= 0.0:  # NaN, too: a timer by it would never sleep
            params.RequestedSessionTimeout = 0.0
        try:
            result = await super().create_session(params, sockname)
        except BaseException:
            await self.close_session(False)
            raise
        self._start_timeout_watchdog()
        return result

    async def close_session(self, delete_subs: bool = True) -> None:
        """End the session; subscriptions that are not deleted wait for a transfer until their lifetime ends."""
        self.release_loops()
        self._subscriptions.close(self, delete=delete_subs)
        self.queue.fail_all(ua.StatusCodes.BadSessionClosed)
        for task in self.working:
            task.cancel()
        await super().close_session(False)

    def connect(self, connection: Channel) -> None:
        """Go on over a connection; what waited to be answered over another is forgotten."""
        if connection is not self.connection:
            self.queue.forget()
            self.connection = connection

    def disconnect(self, connection: object) -> None:
        """Take note that a connection is gone; the loops are free at once, the subscriptions wait."""
        if connection is self.connection:
            self.queue.forget()
            self.connection = None
            self.release_loops()

    async def _timeout_loop(self) -> None:
        """End when nothing was asked for so long; the subscriptions stay (OPC 10000-4 v1.05 §5.7.2.1)."""
        timeout = self.session_timeout or 0.0
        remaining = timeout
        while remaining > 0.0:
            await asyncio.sleep(remaining)
            remaining = self._last_activity + timeout - time.monotonic()
        await self.close_session(False)

    def release_loops(self) -> None:
        """Hold no loop any longer."""
        self._simulator.loops.release(self)
