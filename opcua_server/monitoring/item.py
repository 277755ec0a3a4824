"""A monitored item: what was agreed for it, and where it is kept."""

from __future__ import annotations

from opcua_server.monitoring.event_item import EventItem
from opcua_server.monitoring.group import Group
from opcua_server.monitoring.single import SingleItem
from opcua_server.monitoring.spec import Spec


class Item:
    """One item, and where it is kept: in a group, on its own, or nowhere while it is disabled."""

    __slots__ = ("events", "group", "id", "links", "single", "slot", "spec", "stays_single")

    def __init__(self, item_id: int, spec: Spec) -> None:
        self.id = item_id
        self.spec = spec
        self.group: Group | None = None
        self.slot = -1
        self.single: SingleItem | None = None
        self.events: EventItem | None = None
        self.links: frozenset[int] = frozenset()
        """Items that this one triggers."""
        self.stays_single = False
        """It takes part in triggering."""

    def release(self) -> None:
        """Let all that waits of an item on its own be published."""
        queue = self.single or self.events
        if queue is not None:
            queue.release()
