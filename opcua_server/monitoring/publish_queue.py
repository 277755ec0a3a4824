"""The Publish requests of a session, which wait to be answered (OPC 10000-4 v1.05 §5.14.5)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from asyncua import ua

from opcua_server.limits import ServerLimits
from opcua_server.wire.messages import ANY_SIZE, notification_message, publish_response, status_change

UNLIMITED = float("inf")


@dataclass(frozen=True, slots=True)
class PublishRequest:
    """One that waits."""

    handle: int
    expires: float
    """By its TimeoutHint, monotonic seconds."""
    results: Sequence[int]
    """Of its acknowledgements."""
    send: Callable[[bytes], None]
    """Sends the body of the response."""
    fail: Callable[[int], None]
    """Sends a ServiceFault."""
    is_congested: Callable[[], bool]
    """Tells whether the client does not read what it was sent."""
    most_bytes: int = ANY_SIZE
    """Size of the largest response."""


class PublishQueue:
    """First in, first out; and the status changes of subscriptions that the session has lost."""

    def __init__(self, limits: ServerLimits | None = None) -> None:
        self._limits = limits or ServerLimits()
        self._requests: deque[PublishRequest] = deque()
        self._next_expiry = UNLIMITED
        """No request times out before."""
        self._ended: deque[tuple[int, int, int]] = deque(maxlen=1000)

    def __len__(self) -> int:
        return len(self._requests)

    @property
    def is_ready(self) -> bool:
        """True when something can be published."""
        return bool(self._requests) and not self._requests[0].is_congested()

    def push(self, request: PublishRequest, subscriptions: int) -> None:
        """Take a request; the oldest of too many is refused, of more than two a subscription at least."""
        self._requests.append(request)
        self._next_expiry = min(self._next_expiry, request.expires)
        if len(self._requests) > max(self._limits.settings.publish_requests_per_session, 2 * subscriptions):
            self._limits.reached.note("publish_requests_per_session")
            self._requests.popleft().fail(ua.StatusCodes.BadTooManyPublishRequests)
        self._tell_ended()

    def pop(self, now: float) -> PublishRequest | None:
        """Return the oldest request that has not timed out, None when nothing can be published."""
        self.expire(now)
        return self._requests.popleft() if self.is_ready else None

    def expire(self, now: float) -> None:
        """Answer what has timed out."""
        if now < self._next_expiry:
            return
        late = [request for request in self._requests if request.expires <= now]
        self._requests = deque(request for request in self._requests if request.expires > now)
        self._next_expiry = min((request.expires for request in self._requests), default=UNLIMITED)
        for request in late:
            request.fail(ua.StatusCodes.BadTimeout)

    def cancel(self, handle: int) -> int:
        """Answer the requests of this RequestHandle with BadRequestCancelledByClient; return their number."""
        cancelled = [request for request in self._requests if request.handle == handle]
        self._requests = deque(request for request in self._requests if request.handle != handle)
        for request in cancelled:
            request.fail(ua.StatusCodes.BadRequestCancelledByClient)
        return len(cancelled)

    def fail_all(self, code: int) -> None:
        """Answer all requests with a Bad code."""
        while self._requests:
            self._requests.popleft().fail(code)

    def forget(self) -> None:
        """Drop all requests: their connection is gone."""
        self._requests.clear()

    def ended(self, subscription: int, sequence_number: int, status: int) -> None:
        """Tell the client that a subscription is no longer its own, as soon as there is a request to tell it by."""
        self._ended.append((subscription, sequence_number, status))
        self._tell_ended()

    @property
    def has_ended(self) -> bool:
        """True while there is such a thing to tell."""
        return bool(self._ended)

    def _tell_ended(self) -> None:
        while self._ended and self._requests:
            subscription, sequence_number, status = self._ended.popleft()
            request = self._requests.popleft()
            message = notification_message(sequence_number, [status_change(status)])
            request.send(publish_response(request.handle, subscription, [], message, request.results, more=False))
