"""All sessions of the server, whichever connection they are on, and what goes with them when they end."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from asyncua import ua

from opcua_server.diagnostics.counts import ServerCounts
from opcua_server.loops import Loops
from opcua_server.services.subscription import SubscriptionService
from opcua_server.session import PlantSession


class Sessions:
    """Found by their AuthenticationToken on the wire."""

    def __init__(self, most: int, subscriptions: SubscriptionService, loops: Loops, counts: ServerCounts) -> None:
        self._most = most
        self._subscriptions = subscriptions
        self._loops = loops
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
        """Tell whether there may be one more; one that was never activated gives way, the oldest first."""
        if len(self) < self._most:
            return True
        idle = next((session for session in self if not session.is_activated()), None)
        if idle is not None:
            self.counts.session_aborts += 1
            idle.close(delete_subscriptions=True)
        return idle is not None

    def activated(self, session: PlantSession) -> None:
        """Take note that a session goes on for a user, maybe another than before."""
        self.on_activated(session)

    def disconnected(self, session: PlantSession) -> None:
        """Take note that a session waits for its client: the loops that it held are free."""
        self._loops.release(session)

    def ended(self, session: PlantSession, *, delete_subscriptions: bool) -> None:
        """Forget a session."""
        self._by_token.pop(session.token, None)
        self._by_id.pop(session.id, None)
        self._loops.release(session)
        self._subscriptions.close(session, delete=delete_subscriptions)
