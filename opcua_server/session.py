"""A client's session: its user, and what goes with it."""

from __future__ import annotations

import asyncio
import secrets
import time
import uuid
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, Protocol

from asyncua import ua
from asyncua.crypto.permission_rules import User, UserRole
from asyncua.ua.ua_binary import nodeid_to_binary

from opcua_server.access.rights import Rights
from opcua_server.diagnostics.counts import ServerCounts, SessionCounts
from opcua_server.historical_access.points import Seals
from opcua_server.limits import ServerLimits
from opcua_server.monitoring.publish_queue import PublishQueue
from opcua_server.monitoring.subscription import Subscription
from opcua_server.security.identities import ServerIdentity
from opcua_server.security.policies import Offer
from opcua_server.services.continuation import ContinuationPoints
from opcua_server.services.view import BrowsePoints
from runtime import users_file

if TYPE_CHECKING:
    from opcua_server.processor import PlantProcessor

NONCE_BYTES = 32
MOST_USERS = 100
"""Names in a session's history."""
SERVER_NAMESPACE = 1
"""That of the ApplicationUri."""


@dataclass
class PlantUser(User):
    """A user with the roles of OPC 10000-18."""

    roles: frozenset[str] = frozenset()
    entry: users_file.User | None = None
    """What the users file said at the login; None: a service's own, or Anonymous."""
    certificates: bytes = b""
    """By which the user has logged in, with those of its issuers; empty without."""


NOBODY = PlantUser(role=UserRole.Anonymous)


class State(Enum):
    """Of a session's life."""

    CREATED = auto()
    ACTIVATED = auto()
    CLOSED = auto()


@dataclass(frozen=True, slots=True)
class Ending:
    """Why a session ends (OPC 10000-4 v1.05 §6.5.6), and the AuditEntryId of the request that ends it."""

    cause: str = "Terminated"
    entry_id: str = ""


TERMINATED, TIMED_OUT = Ending(), Ending("Timeout")


@dataclass(frozen=True, slots=True)
class Client:
    """What a client has said of itself in CreateSession."""

    description: ua.ApplicationDescription
    session_name: str
    endpoint_url: str
    server_uri: str
    most_bytes: int
    """Size of the largest response that it takes (OPC 10000-4 v1.05 §5.7.2.2)."""
    certificate: bytes
    """Of its secure channel, empty without security."""
    server: ServerIdentity
    """Which certificate it was shown, by which it encrypts secrets."""


class Keeper(Protocol):
    """Who keeps the sessions."""

    counts: ServerCounts

    def activated(self, session: PlantSession) -> None:
        """Take note that a session goes on for a user, maybe another than before."""

    def disconnected(self, session: PlantSession) -> None:
        """Take note that a session waits for its client."""

    def ended(self, session: PlantSession, ending: Ending, *, delete_subscriptions: bool) -> None:
        """Forget a session."""


class PlantSession:
    """One client's session."""

    def __init__(
        self,
        client: Client,
        connection: PlantProcessor,
        timeout_s: float,
        limits: ServerLimits,
        keeper: Keeper,
    ) -> None:
        self.client = client
        unique: Any = uuid.uuid4()
        self.id = ua.NodeId(unique, ua.Int16(SERVER_NAMESPACE))
        self.auth_token = ua.NodeId(ua.ByteString(secrets.token_bytes(32)), ua.Int16(0))
        self.token = nodeid_to_binary(self.auth_token)
        """The AuthenticationToken on the wire."""
        self.state = State.CREATED
        self.user = NOBODY
        self.mechanism = "Anonymous"
        """How the user logged in: a lexical name of UserTokenType."""
        self.first_user = ""
        self.users: deque[str] = deque(maxlen=MOST_USERS)
        """Names of who has been logged in, the present user's last; that of Anonymous is empty."""
        self.offer: Offer = connection.channel.offer
        """Policy and mode of its secure channel."""
        self.nonce = b""
        """The last that the client was given; each is used once."""
        self.locale_ids: tuple[str, ...] = ()
        self.timeout_s = timeout_s
        self.begun = datetime.now(UTC)
        self.counts = SessionCounts(keeper.counts)
        self.browsing: BrowsePoints = ContinuationPoints(limits.max_browse_continuation_points)
        self.history_points = Seals()
        """Of HistoryRead: a continuation point is of one session (OPC 10000-4 v1.05 §7.9)."""
        self.queue = PublishQueue(limits)
        self.subscriptions: dict[int, Subscription] = {}
        self.working: set[asyncio.Task[Any]] = set()
        """Requests that are answered later; they end with the session (OPC 10000-4 v1.05 §5.7.4)."""
        self.rights: Rights | None = None
        """By which its items were agreed on last."""
        self.connection: PlantProcessor | None = None
        """None while the client's connection is gone and the session waits for it to come back."""
        self._keeper = keeper
        self._connect(connection)
        self._active = time.monotonic()
        self._timer = asyncio.get_running_loop().call_later(timeout_s, self._end_if_idle)

    @property
    def roles(self) -> frozenset[str]:
        """Roles of the user who is logged in now."""
        return self.user.roles

    @property
    def application_uri(self) -> str:
        """Of the client: proven by its certificate, without security only said."""
        return self.client.description.ApplicationUri or ""

    @property
    def peer(self) -> str:
        """Address of the client, empty while it is gone."""
        return self.connection.peer if self.connection is not None else ""

    @property
    def most_bytes(self) -> int:
        """Size of the largest response that the client takes."""
        return self.client.most_bytes

    @property
    def security_mode(self) -> ua.MessageSecurityMode:
        """Of its secure channel."""
        return self.offer.mode

    def is_activated(self) -> bool:
        """Tell whether it may be used."""
        return self.state is State.ACTIVATED

    def is_closed(self) -> bool:
        """Tell whether it has ended."""
        return self.state is State.CLOSED

    def new_nonce(self) -> bytes:
        """Return the nonce that the client signs next."""
        self.nonce = secrets.token_bytes(NONCE_BYTES)
        return self.nonce

    @property
    def last_contact(self) -> datetime:
        """When the client asked for something last."""
        return datetime.now(UTC) - timedelta(seconds=time.monotonic() - self._active)

    def activate(self, connection: PlantProcessor, user: PlantUser, mechanism: str) -> None:
        """Go on for a user over a connection; what waited to be answered over another is forgotten."""
        self._note_user(user.name or "")
        self.state, self.user, self.mechanism = State.ACTIVATED, user, mechanism
        self.touch()
        if connection is not self.connection:
            self.queue.forget()
            self._connect(connection)
        self._keeper.activated(self)

    def disconnect(self) -> None:
        """Take note that the connection is gone: wait for the client to come back, or end if it was never activated."""
        if not self.is_activated():
            self.close(delete_subscriptions=True)
            return
        self.queue.forget()
        self._connect(None)
        self._keeper.disconnected(self)

    def close(self, ending: Ending = TERMINATED, *, delete_subscriptions: bool) -> None:
        """End the session; subscriptions that are not deleted wait for a transfer until their lifetime ends."""
        if self.is_closed():
            return
        self.state = State.CLOSED
        self._timer.cancel()
        self._connect(None)
        self._keeper.ended(self, ending, delete_subscriptions=delete_subscriptions)
        self.queue.fail_all(ua.StatusCodes.BadSessionClosed)
        for task in self.working:
            task.cancel()

    def touch(self) -> None:
        """Take note that the client has asked for something."""
        self._active = time.monotonic()

    def _note_user(self, name: str) -> None:
        if not self.is_activated():
            self.first_user = name
        if not self.users or self.users[-1] != name:
            self.users.append(name)

    def _connect(self, connection: PlantProcessor | None) -> None:
        if self.connection is not None:
            self.connection.sessions.discard(self)
        self.connection = connection
        if connection is not None:
            connection.sessions.add(self)

    def _end_if_idle(self) -> None:
        """End when nothing was asked for so long; the subscriptions stay (OPC 10000-4 v1.05 §5.7.2.1)."""
        remaining = self._active + self.timeout_s - time.monotonic()
        if remaining > 0.0:
            self._timer = asyncio.get_running_loop().call_later(remaining, self._end_if_idle)
        else:
            self.counts.server.session_timeouts += 1
            self.close(TIMED_OUT, delete_subscriptions=False)
