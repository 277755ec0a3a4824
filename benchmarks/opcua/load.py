"""The load generator: many subscribers on one thread, and who writes while they listen."""

from __future__ import annotations

import selectors
import time
from collections.abc import Callable

from benchmarks.opcua.channel import Disconnected
from benchmarks.opcua.session import Session
from benchmarks.opcua.subscriber import Subscriber
from benchmarks.opcua.writer import Writer

ASK_S = 0.1


class Load:
    """Reads whatever has arrived for any of its subscribers; a connection that ends is kept in `lost`."""

    def __init__(self) -> None:
        self.subscribers: list[Subscriber] = []
        self.writer: Writer | None = None
        self._period_s = 0.0
        self._can_write = True
        self.lost: list[str] = []
        self._selector = selectors.DefaultSelector()

    def add(self, subscriber: Subscriber) -> None:
        """Have it publish from now on."""
        self.subscribers.append(subscriber)
        self._selector.register(subscriber.session.channel, selectors.EVENT_READ, subscriber)
        subscriber.ask()

    def write_with(self, writer: Writer, period_s: float) -> None:
        """Have it write every period while `run` is told to."""
        self.writer = writer
        self._period_s = period_s
        self._selector.register(writer.session.channel, selectors.EVENT_READ, writer)

    def run(self, seconds: float, *, until: Callable[[], bool] | None = None, writing: bool = False) -> None:
        """Receive so long at most; `until` is asked now and then whether it is enough."""
        end = time.monotonic() + seconds
        due = writes = time.monotonic()
        while (now := time.monotonic()) < end:
            if now >= due:
                due += ASK_S
                if writing and self._can_write and self.writer is not None and now >= writes:
                    writes += self._period_s
                    self._write(self.writer)
                if until is not None and until():
                    return
            for key, _ in self._selector.select(max(0.0, min(due, end) - time.monotonic())):
                self._receive(key.data)

    def close(self) -> None:
        """End all sessions."""
        sessions: list[Session] = [subscriber.session for subscriber in self.subscribers]
        if self.writer is not None:
            sessions.append(self.writer.session)
        for session in sessions:
            session.close()
        self._selector.close()

    def reset(self) -> None:
        """Count anew."""
        for subscriber in self.subscribers:
            subscriber.meter.reset()

    @property
    def records(self) -> int:
        """How many have arrived since they were counted anew."""
        return sum(subscriber.meter.records for subscriber in self.subscribers)

    def _write(self, writer: Writer) -> None:
        try:
            writer.write()
        except OSError as error:  # it was lost, maybe before anybody looked
            self._can_write = False
            self.lost.append(str(error))

    def _receive(self, client: Subscriber | Writer) -> None:
        try:
            client.receive()
        except (OSError, Disconnected) as error:
            self.lost.append(str(error))
            self._selector.unregister(client.session.channel)
