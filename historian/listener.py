"""Who is told of the OPC UA server, and of what is stored of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from runtime.opcua_link.link import OpcuaLink
from timeseries.signals import SignalInfo


class Listener(Protocol):
    """Told in this order over each connection."""

    def connected(self, link: OpcuaLink) -> None:
        """Take the connection."""

    async def declared(self, infos: Sequence[SignalInfo]) -> None:
        """Take what will be collected, before any of it comes."""

    def subscribed(self) -> None:
        """Take that values come."""

    def stored(self) -> None:
        """Take that samples were stored."""

    def away(self) -> None:
        """Take that nothing comes any more, and nothing can be written."""


class Nobody:
    """Does nothing about it."""

    def connected(self, link: OpcuaLink) -> None:
        """Do nothing."""

    async def declared(self, infos: Sequence[SignalInfo]) -> None:
        """Do nothing."""

    def subscribed(self) -> None:
        """Do nothing."""

    def stored(self) -> None:
        """Do nothing."""

    def away(self) -> None:
        """Do nothing."""
