"""How much a server takes in one call (OPC 10000-5 v1.05 §6.3.11, OperationLimitsType)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

from asyncua import ua
from asyncua.client.ua_session import UaSession

from runtime.opcua_link.datavalues import plain

MOST, MOST_WRITTEN = 1000, 10_000
"""At once to a server that takes as much; what is written together belongs together."""
TOO_MUCH = frozenset(map(int, (ua.StatusCodes.BadTooManyOperations, ua.StatusCodes.BadRequestTooLarge)))
"""What a server says to a call of more, also one that tells no limits; it has done nothing of it."""
TOO_MUCH_TO_TELL = TOO_MUCH | {int(ua.StatusCodes.BadResponseTooLarge)}
"""Of a question, which may be asked twice."""
NO_ROOM = frozenset(
    map(
        int,
        (
            ua.StatusCodes.BadOutOfMemory,
            ua.StatusCodes.BadResourceUnavailable,
            ua.StatusCodes.BadTooManyMonitoredItems,
            ua.StatusCodes.BadTooManyOperations,
        ),
    )
)
"""What it says of an item more than it has room for, for the moment, as while those of a session that was cut still
count, or for ever: nothing is wrong with the item."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Nodes or items of one call."""

    read: int = MOST
    write: int = MOST_WRITTEN
    browse: int = MOST
    monitored_items: int = MOST
    history_read: int = MOST

    @classmethod
    async def of(cls, services: UaSession) -> Self:
        """Ask a server, for one after the other: it may take no more."""
        ids = ua.ObjectIds
        return cls(
            await _limit(services, ids.Server_ServerCapabilities_OperationLimits_MaxNodesPerRead),
            await _limit(services, ids.Server_ServerCapabilities_OperationLimits_MaxNodesPerWrite, MOST_WRITTEN),
            await _limit(services, ids.Server_ServerCapabilities_OperationLimits_MaxNodesPerBrowse),
            await _limit(services, ids.Server_ServerCapabilities_OperationLimits_MaxMonitoredItemsPerCall),
            await _limit(services, ids.Server_ServerCapabilities_OperationLimits_MaxNodesPerHistoryReadData),
        )


async def _limit(services: UaSession, number: int, most: int = MOST) -> int:
    """Return one of them; a node that is not there, or 0, sets none."""
    node = ua.ReadValueId(ua.NodeId(ua.Int32(number)), ua.AttributeIds.Value)
    answers = await services.read(ua.ReadParameters(NodesToRead=[node]))
    value: Any = plain(answers[0]) if answers else None
    return min(value, most) if isinstance(value, int) and value > 0 else most
