"""One request of a session, and how it is answered: at once, or later, while others have their turn."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from typing import Any, Protocol, TypeVar

from asyncua import ua
from asyncua.common.utils import ServiceError

from opcua_server.session import PlantSession
from opcua_server.wire.messages import array, fault, response
from opcua_server.wire.requests import MALFORMED, RequestHeader, decoded

log = logging.getLogger("server")

T = TypeVar("T")
TURN_S = 0.01
"""After so long others, and the scan, have their turn."""


class Connection(Protocol):
    """One client's connection."""

    @property
    def most_bytes(self) -> int:
        """Size of the largest response that the client takes on this connection."""

    def session_of(self, token: bytes) -> PlantSession | None:
        """Return the session of an AuthenticationToken, if it is one of this connection."""

    def send(self, body: bytes, request_id: int) -> None:
        """Send a response."""

    def is_congested(self) -> bool:
        """Tell whether the client does not read what it was sent."""

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Let a request be answered later."""


class Request:
    """A request whose header has been read."""

    __slots__ = ("_size", "_turns", "body", "connection", "header", "request_id", "session")

    def __init__(
        self,
        connection: Connection,
        session: PlantSession,
        header: RequestHeader,
        request_id: int,
        body: bytes,
        turns: asyncio.Lock,
    ) -> None:
        """`turns` is held by whichever request has its turn."""
        self._turns = turns
        self._size = 0
        self.connection = connection
        self.session = session
        self.header = header
        self.request_id = request_id
        self.body = body

    def parameters(self, kind: type[T]) -> T:
        """Decode what follows the header.

        Raises:
            ua.uaerrors.BadDecodingError: when it cannot be decoded, for whatever reason the codec finds.
        """
        return decoded(kind, self.body, self.header.end)

    def answer(self, payload: bytes) -> None:
        """Send the response."""
        self.send(response(self.header.type_number, self.header.handle) + payload)

    @property
    def most_bytes(self) -> int:
        """Size of the largest response that the client takes, on this connection and in this session."""
        return min(self.connection.most_bytes, self.session.most_bytes)

    def send(self, body: bytes) -> None:
        """Send a response, or the ServiceFault that it is too large."""
        if len(body) > self.most_bytes:
            self.fail(ua.StatusCodes.BadResponseTooLarge)
        else:
            self.connection.send(body, self.request_id)

    def fail(self, code: int) -> None:
        """Send a ServiceFault."""
        self.session.counts.fail(self.header.type_number, code)
        self.connection.send(fault(self.header.handle, code), self.request_id)

    def fail_by(self, error: Exception) -> None:
        """Send the ServiceFault of an error; one that is none of the client's is told to the log."""
        if isinstance(error, (ua.uaerrors.UaStatusCodeError, ServiceError)):
            self.fail(error.code)
            return
        log.error("a request of type %d failed", self.header.type_number, exc_info=error)
        self.fail(ua.StatusCodes.BadInternalError)

    def answer_later(self, work: Callable[[], Awaitable[bytes]]) -> None:
        """Answer when the work is done.

        Raises:
            ua.uaerrors.BadTooManyOperations: when too much is being worked on for this connection.
        """
        self.connection.spawn(self._later(work))

    def answer_in_turns(self, parts: Iterator[bytes], join: Callable[[list[bytes]], bytes] = array) -> bytes | None:
        """Return what the parts make, or answer by it later where they take longer than a turn.

        Of all requests that take longer, one at a time has its turn.

        Raises:
            ua.uaerrors.BadResponseTooLarge: when the parts are more than the client takes.
        """
        done: list[bytes] = []
        if self._turn(parts, done):
            return join(done)

        async def rest() -> bytes:
            is_done = False
            while not is_done:
                await asyncio.sleep(0)
                async with self._turns:
                    is_done = self._turn(parts, done)
            return join(done)

        self.answer_later(rest)
        return None

    def _turn(self, parts: Iterator[bytes], done: list[bytes]) -> bool:
        """Take parts for one turn; tell whether these were all."""
        until = time.monotonic() + TURN_S
        try:
            for part in parts:
                done.append(part)
                self._size += len(part)
                if self._size > self.most_bytes:
                    raise ua.uaerrors.BadResponseTooLarge
                if time.monotonic() > until:
                    return False
        except MALFORMED as error:
            raise ua.uaerrors.BadDecodingError from error
        return True

    async def _later(self, work: Callable[[], Awaitable[bytes]]) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101
        self.session.working.add(task)
        try:
            if not self.session.is_activated():
                raise ua.uaerrors.BadSessionClosed
            self.answer(await work())
        except asyncio.CancelledError:
            self.fail(ua.StatusCodes.BadSessionClosed)
            raise
        except Exception as error:  # noqa: BLE001 - told to the client or the log
            self.fail_by(error)
        finally:
            self.session.working.discard(task)
