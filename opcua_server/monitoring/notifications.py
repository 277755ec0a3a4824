"""What is published in one message: data changes and events."""

from __future__ import annotations

from dataclasses import dataclass

from opcua_server.wire.messages import data_changes, event_list


@dataclass(frozen=True, slots=True)
class Notifications:
    """Data changes, of which the first parts may hold many each, and events, a part each."""

    data: list[bytes]
    events: list[bytes]
    count: int
    """Of all notifications."""

    def __bool__(self) -> bool:
        return self.count > 0

    def __add__(self, other: Notifications) -> Notifications:
        return Notifications(self.data + other.data, self.events + other.events, self.count + other.count)

    def first(self, limit: int) -> tuple[Notifications, Notifications]:
        """Return at most so many, and the rest; each is a part."""
        data, events = self.data[:limit], self.events[: max(0, limit - len(self.data))]
        count = len(data) + len(events)
        rest = Notifications(self.data[len(data) :], self.events[len(events) :], self.count - count)
        return Notifications(data, events, count), rest

    def fitting(self, room: int) -> tuple[Notifications, Notifications]:
        """Return what fits into so many bytes, one part at least, and the last ones that do not."""
        size = sum(map(len, self.data)) + sum(map(len, self.events))
        data, events = len(self.data), len(self.events)
        while size > room and data + events > 1:
            if events:
                events -= 1
                size -= len(self.events[events])
            else:
                data -= 1
                size -= len(self.data[data])
        left = len(self.data) - data + len(self.events) - events
        if not left:
            return self, NONE
        rest = Notifications(self.data[data:], self.events[events:], left)
        return Notifications(self.data[:data], self.events[:events], self.count - left), rest

    def encoded(self) -> list[bytes]:
        """Return the NotificationData."""
        found: list[bytes] = []
        if self.data:
            found.append(data_changes(self.data, self.count - len(self.events)))
        if self.events:
            found.append(event_list(self.events))
        return found


NONE = Notifications([], [], 0)
