"""Attribute service set: HistoryRead (OPC 10000-4 v1.05 §5.11.3) of what the server has recorded."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from asyncua import ua
from asyncua.ua.ua_binary import nodeid_to_binary

from opcua_server.access.permissions import READ_HISTORY
from opcua_server.access.rights import Rights
from opcua_server.historical_access.answer import Answer
from opcua_server.historical_access.encoding import TIMESTAMPS, Result
from opcua_server.recorder import Recorder
from opcua_server.tags import Tags
from plant import quality
from timeseries.packing import Damaged
from timeseries.reading import History

MAX_VALUES_PER_READ, MAX_VALUES_PER_CALL = 10_000, 100_000
"""Of one node, and of all nodes together; what is beyond comes by continuation points."""
_UNSUPPORTED = Result(int(ua.StatusCodes.BadHistoryOperationUnsupported))


class HistoryReader:
    """Answers HistoryRead, in a thread of its own: however much is read, the plant goes on.

    Stands where asyncua keeps its history manager.
    """

    def __init__(self, tags: Tags, recorder: Recorder, history: History, exists: Callable[[ua.NodeId], bool]) -> None:
        self._tags = tags
        self._recorder = recorder
        self._history = history
        self._exists = exists
        self._worker = ThreadPoolExecutor(1, "history")

    def close(self) -> None:
        """Let what is under way finish, and answer nothing more."""
        self._worker.shutdown()
        self._history.close()

    async def read(self, rights: Rights, params: ua.HistoryReadParameters) -> list[bytes]:
        """Return HistoryReadResults, each in parts.

        Raises:
            ua.uaerrors.UaStatusCodeError: when the whole call is refused.
        """
        details = params.HistoryReadDetails
        if params.TimestampsToReturn not in TIMESTAMPS:
            raise ua.uaerrors.BadTimestampsToReturnInvalid
        if isinstance(details, ua.ReadProcessedDetails) and len(details.AggregateType or ()) != len(params.NodesToRead):
            raise ua.uaerrors.BadAggregateListMismatch
        if params.ReleaseContinuationPoints:
            return [Result(quality.GOOD).head(None) for _ in params.NodesToRead]
        self._recorder.flush()
        return await asyncio.get_running_loop().run_in_executor(self._worker, self._results, rights, params)

    def _results(self, rights: Rights, params: ua.HistoryReadParameters) -> list[bytes]:
        left = MAX_VALUES_PER_CALL
        parts: list[bytes] = []
        for place, node in enumerate(params.NodesToRead):
            result = self._result(rights, params, place, node, max(1, left))
            left -= result.count
            parts += result.encoded()
        return parts

    def _result(
        self, rights: Rights, params: ua.HistoryReadParameters, place: int, node: ua.HistoryReadValueId, most: int
    ) -> Result:
        row = self._tags.row_of(nodeid_to_binary(node.NodeId))
        recorded = self._recorder.signals.get(row) if row is not None else None
        if recorded is None:
            known = self._exists(node.NodeId) and rights.sees(node.NodeId)
            return _UNSUPPORTED if known else Result(quality.BAD_NODE_ID_UNKNOWN)
        status = rights.status(node.NodeId, READ_HISTORY)
        if quality.is_bad(status):
            return Result(status)
        if node.IndexRange:
            return Result(int(ua.StatusCodes.BadIndexRangeNoData))
        answer = Answer(self._history, *recorded, params.TimestampsToReturn, node.ContinuationPoint or b"")
        details, room = params.HistoryReadDetails, min(MAX_VALUES_PER_READ, most)
        try:
            if isinstance(details, ua.ReadRawModifiedDetails):
                return answer.modified(details, room) if details.IsReadModified else answer.raw(details, room)
            if isinstance(details, ua.ReadAtTimeDetails):
                return answer.at_time(details, room)
            if isinstance(details, ua.ReadProcessedDetails):
                return answer.processed(details, details.AggregateType[place], room)
        except Damaged:
            return Result(quality.BAD_DATA_LOST)
        return _UNSUPPORTED
