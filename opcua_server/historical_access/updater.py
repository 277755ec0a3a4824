"""Who may change which history, and the thread that does it."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from asyncua import ua
from asyncua.ua.ua_binary import nodeid_to_binary

from opcua_server.access.permissions import DELETE_HISTORY, INSERT_HISTORY, MODIFY_HISTORY
from opcua_server.access.rights import Rights
from opcua_server.historical_access.update import Storable, Update, Updated
from opcua_server.recorder import Recorder
from opcua_server.tags import Tags
from opcua_server.wire.messages import now_ticks
from plant import quality
from timeseries.amended import Author
from timeseries.amending import Amender
from timeseries.packing import Damaged
from timeseries.signals import SignalInfo

log = logging.getLogger("server")

_UNSUPPORTED = Updated(int(ua.StatusCodes.BadHistoryOperationUnsupported))
_OF_DATA = {
    ua.PerformUpdateType.Insert: (INSERT_HISTORY,),
    ua.PerformUpdateType.Replace: (MODIFY_HISTORY,),
    ua.PerformUpdateType.Update: (INSERT_HISTORY, MODIFY_HISTORY),
}
_NODE_ONLY = (ua.UpdateStructureDataDetails, ua.UpdateEventDetails, ua.DeleteEventDetails)
"""Details of which only the node matters here: there are no annotations, and events are not changed."""
DATA_DETAILS = (ua.UpdateDataDetails, ua.DeleteRawModifiedDetails, ua.DeleteAtTimeDetails)


class HistoryUpdater:
    """Changes history, in a thread of its own: the plant goes on, and so do those who read."""

    def __init__(
        self,
        tags: Tags,
        recorder: Recorder,
        amender: Amender,
        exists: Callable[[ua.NodeId], bool],
        storable: Callable[[], Storable],
        longest: int,
    ) -> None:
        self._tags = tags
        self._recorder = recorder
        self._amender = amender
        self._exists = exists
        self._storable = storable
        self._longest = longest
        self._worker = ThreadPoolExecutor(1, "history-update")

    def close(self) -> None:
        """Let what is under way finish, and change nothing more."""
        self._worker.shutdown()
        self._amender.close()

    def recorded(self, node: ua.NodeId) -> tuple[int, SignalInfo] | None:
        """Return number and kind of what is recorded of a node."""
        row = self._tags.row_of(nodeid_to_binary(node))
        return self._recorder.signals.get(row) if row is not None else None

    async def update(self, rights: Rights, user: str | None, details: Sequence[Any]) -> list[Updated]:
        """Return what has become of each, done in this order."""
        self._recorder.flush()
        storable, author = self._storable(), Author(user, now_ticks())
        work = partial(self._all, rights, storable, author, details)
        return await asyncio.get_running_loop().run_in_executor(self._worker, work)

    def _all(self, rights: Rights, storable: Storable, author: Author, details: Sequence[Any]) -> list[Updated]:
        return [self._one(rights, storable, author, each) for each in details]

    def _one(self, rights: Rights, storable: Storable, author: Author, details: Any) -> Updated:
        if not isinstance(details, (*DATA_DETAILS, *_NODE_ONLY)):
            return Updated(int(ua.StatusCodes.BadHistoryOperationInvalid))
        node = details.NodeId
        row = self._tags.row_of(nodeid_to_binary(node))
        recorded = self._recorder.signals.get(row) if row is not None else None
        tag = self._tags.of_row(row) if row is not None else None
        if recorded is None or tag is None:
            known = self._exists(node) and rights.sees(node)
            return _UNSUPPORTED if known else Updated(quality.BAD_NODE_ID_UNKNOWN)
        for permission in _permissions(details):
            refused = rights.status(node, permission)
            if quality.is_bad(refused):
                return Updated(refused)
        update = Update(self._amender, *recorded, tag.signal, storable, self._longest, author)
        try:
            if isinstance(details, ua.UpdateDataDetails):
                return update.put(details)
            if isinstance(details, ua.DeleteRawModifiedDetails):
                return update.delete(details)
            if isinstance(details, ua.DeleteAtTimeDetails):
                return update.delete_at(details)
        except Damaged:
            return Updated(quality.BAD_DATA_LOST)
        except sqlite3.Error as error:
            log.error("history cannot be changed: %s", error)
            return Updated(int(ua.StatusCodes.BadResourceUnavailable))
        return _UNSUPPORTED


def _permissions(details: Any) -> Sequence[ua.PermissionType]:
    """Return what details take (OPC 10000-3 v1.05 §8.55); what is no valid change takes the most."""
    if isinstance(details, (ua.DeleteRawModifiedDetails, ua.DeleteAtTimeDetails, ua.DeleteEventDetails)):
        return (DELETE_HISTORY,)
    return _OF_DATA.get(details.PerformInsertReplace, (INSERT_HISTORY, MODIFY_HISTORY))
