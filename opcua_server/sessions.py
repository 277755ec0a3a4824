"""All sessions of the server, whichever connection they are on, and what goes with them when they end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

from asyncua import ua
from asyncua.crypto.permission_rules import User

from opcua_server.auditing.connections import ConnectionAudit
from opcua_server.diagnostics.counts import ServerCounts
from opcua_server.limits import ServerLimits
from opcua_server.loops import Loops
from opcua_server.services.subscription import SubscriptionService
from opcua_server.session import Ending, PlantSession


class Sessions:
    """Found by their AuthenticationToken on the wire."""

    def __init__(
        self,
        limits: ServerLimits,
        subscriptions: SubscriptionService,
        loops: Loops,
        audit: ConnectionAudit,
        counts: ServerCounts,
    ) -> None:
        self._limits = limits
        self._subscriptions = subscriptions
        self._loops = loops
        self._audit = audit
        self.counts = counts
        self._by_token: dict[bytes, PlantSession] = {}
        self._by_id: dict[ua.NodeId, PlantSession] = {}
        self.on_activated: Callable[[PlantSession], None] = lambda session: None
        """Called when a session goes on for a user."""

    def __len__(self) -> int:
        return len(self._by_token)

    def __iter__(self) -> Iterator[PlantSession]:
        return iter(list(self._by_token.values()))

    def find(self, token: bytes) -> PlantSession | None:
        """Return a session that has not ended."""
        return self._by_token.get(token)

    def find_by_id(self, session_id: ua.NodeId) -> PlantSession | None:
        """Return the session of a SessionId that has not ended."""
        return self._by_id.get(session_id)

    def add(self, session: PlantSession) -> None:
        """Take a new one."""
        self._by_token[session.token] = session
        self._by_id[session.id] = session
        self.counts.sessions += 1

    def make_room(self) -> bool:
        """Tell whether there may be one more; one that was never activated gives way.

        Of the connection that has most of them, the oldest.
        """
        if len(self) < self._limits.max_sessions:
            return True
        self._limits.reached.note("sessions")
        idle = [session for session in self if not session.is_activated()]
        counts = Counter(session.connection for session in idle)
        greedy = max(idle, key=lambda session: counts[session.connection], default=None)
        if greedy is not None:
            self.counts.session_aborts += 1
            greedy.close(delete_subscriptions=True)
        return greedy is not None

    def has_room_for(self, user: User, session: PlantSession) -> bool:
        """Tell whether a user may have one more session than those activated beside this one.

        Anonymous may have most of all sessions, but not those that keep the others from being shut out.
        """
        limits = self._limits.settings
        most = limits.sessions_per_user if user.name else max(1, limits.sessions - limits.sessions // 10)
        count = sum(each.is_activated() and each.user.name == user.name for each in self if each is not session)
        if count < most:
            return True
        self._limits.reached.note("sessions_per_user")
        return False

    def activated(self, session: PlantSession) -> None:
        """Take note that a session goes on for a user, maybe another than before."""
        self.on_activated(session)

    def disconnected(self, session: PlantSession) -> None:
        """Take note that a session waits for its client: the loops that it held are free."""
        self._loops.release(session)

    def ended(self, session: PlantSession, ending: Ending, *, delete_subscriptions: bool) -> None:
        """Forget a session."""
        self._by_token.pop(session.token, None)
        self._by_id.pop(session.id, None)
        self._loops.release(session)
        self._subscriptions.close(session, delete=delete_subscriptions)
        self._audit.ended(session, ending.cause, ending.entry_id)
