"""Who is told of the OPC UA server, and of what is stored of it."""

from __future__ import annotations

from collections.abc import Sequence

from runtime.opcua_link.link import OpcuaLink
from timeseries.signals import SignalInfo


class Listener:
    """Does nothing about it; told in this order over each connection."""

    def connected(self, link: OpcuaLink) -> None:
        """Take the connection."""

    async def declared(self, infos: Sequence[SignalInfo]) -> None:
        """Take what will be collected, before any of it comes."""

    def subscribed(self) -> None:
        """Take that values come."""

    def stored(self) -> None:
        """Take that samples were stored."""

    def dropped(self, through: int) -> None:
        """Take that the outbox has let go of its blocks up to a number."""

    def away(self) -> None:
        """Take that nothing comes any more, and nothing can be written."""
