"""Attribute service set: HistoryUpdate (OPC 10000-4 v1.05 §5.11.5) of what the server has recorded."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from asyncua import ua
from asyncua.ua.ua_binary import struct_to_binary

from opcua_server.access.rights import Rights
from opcua_server.auditing.audit import Audit
from opcua_server.auditing.history import Amendment
from opcua_server.historical_access.update import Updated
from opcua_server.historical_access.updater import HistoryUpdater
from opcua_server.session import PlantSession
from opcua_server.status import status_code


class HistoryUpdateService:
    """Has history changed, and all of it audited, what is refused too (OPC 10000-11 v1.05 §5.8)."""

    def __init__(self, updater: HistoryUpdater, audit: Audit) -> None:
        self._updater = updater
        self._audit = audit
        self._under_way: set[asyncio.Task[list[bytes]]] = set()

    async def update(self, session: PlantSession, rights: Rights, details: Sequence[Any], entry_id: str) -> list[bytes]:
        """Return HistoryUpdateResults; what has begun is done and audited also when the client does not wait for it."""
        work = asyncio.create_task(self._update(session, rights, details, entry_id), name="history update")
        self._under_way.add(work)
        work.add_done_callback(self._under_way.discard)
        return await asyncio.shield(work)

    async def finish(self) -> None:
        """Wait for what has begun."""
        await asyncio.gather(*self._under_way, return_exceptions=True)

    async def _update(
        self, session: PlantSession, rights: Rights, details: Sequence[Any], entry_id: str
    ) -> list[bytes]:
        results = await self._updater.update(rights, session.user.name, details)
        for each, updated in zip(details, results, strict=True):
            node = getattr(each, "NodeId", ua.NodeId())
            amendment = Amendment(each, updated.before, self._updater.recorded(node))
            self._audit.amended(
                session, node=node, amendment=amendment, codes=updated.operations, code=updated.code, entry_id=entry_id
            )
        return [_encoded(updated) for updated in results]


def _encoded(updated: Updated) -> bytes:
    codes = [status_code(code) for code in updated.operations]
    return struct_to_binary(ua.HistoryUpdateResult(StatusCode=status_code(updated.status), OperationResults=codes))
