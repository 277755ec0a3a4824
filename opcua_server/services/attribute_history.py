"""Attribute service set: HistoryRead (OPC 10000-4 v1.05 §5.11.3) of what the server has recorded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any

from asyncua import ua
from asyncua.ua.ua_binary import nodeid_to_binary

from opcua_server.access.permissions import READ_HISTORY
from opcua_server.access.rights import Rights
from opcua_server.historical_access import raw
from opcua_server.historical_access.encoding import TIMESTAMPS, Result, no_bound, samples
from opcua_server.recorder import Recorder
from opcua_server.tags import Tags
from plant import quality
from plant.clock import TICKS_PER_SECOND
from runtime.opcua_link.filetime import ticks_of
from timeseries.reading import Damaged, History
from timeseries.signals import SignalInfo

MAX_VALUES_PER_READ, MAX_VALUES_PER_CALL = 10_000, 100_000
"""Of one node, and of all nodes together; what is beyond comes by continuation points."""
_NO_TIME_BELOW = TICKS_PER_SECOND
"""StartTime or EndTime that is not given arrives as DateTime.MinValue."""
_UNSUPPORTED = Result(int(ua.StatusCodes.BadHistoryOperationUnsupported))


class HistoryReader:
    """Answers HistoryRead; stands where asyncua keeps its history manager."""

    def __init__(self, tags: Tags, recorder: Recorder, history: History, exists: Callable[[ua.NodeId], bool]) -> None:
        self._tags = tags
        self._recorder = recorder
        self._history = history
        self._exists = exists

    def read(self, rights: Rights, params: ua.HistoryReadParameters) -> Iterator[bytes]:
        """Yield the parts of one HistoryReadResult after the other.

        Raises:
            ua.uaerrors.UaStatusCodeError: when the whole call is refused.
        """
        wanted = params.TimestampsToReturn
        if wanted not in TIMESTAMPS:
            raise ua.uaerrors.BadTimestampsToReturnInvalid
        self._recorder.flush()
        left = MAX_VALUES_PER_CALL
        for node in params.NodesToRead:
            if params.ReleaseContinuationPoints:
                yield Result(int(ua.StatusCodes.Good)).head(None)
                continue
            result = self._result(rights, params.HistoryReadDetails, node, wanted, max(1, left))
            left -= result.count
            yield from result.encoded()

    def _result(
        self,
        rights: Rights,
        details: Any,
        node: ua.HistoryReadValueId,
        wanted: ua.TimestampsToReturn,
        most: int,
    ) -> Result:
        row = self._tags.row_of(nodeid_to_binary(node.NodeId))
        recorded = self._recorder.signals.get(row) if row is not None else None
        if recorded is None:
            known = self._exists(node.NodeId) and rights.sees(node.NodeId)
            return _UNSUPPORTED if known else Result(int(ua.StatusCodes.BadNodeIdUnknown))
        status = rights.status(node.NodeId, READ_HISTORY)
        if quality.is_bad(status):
            return Result(status)
        if not isinstance(details, ua.ReadRawModifiedDetails) or details.IsReadModified:
            return _UNSUPPORTED
        try:
            return self._raw(*recorded, details, node, wanted, most)
        except Damaged:
            return Result(quality.BAD_DATA_LOST)

    def _raw(
        self,
        number: int,
        info: SignalInfo,
        details: ua.ReadRawModifiedDetails,
        node: ua.HistoryReadValueId,
        wanted: ua.TimestampsToReturn,
        most: int,
    ) -> Result:
        start, end = _given(details.StartTime), _given(details.EndTime)
        limit = details.NumValuesPerNode
        if (not start and not end) or ((not start or not end) and not limit):
            return Result(int(ua.StatusCodes.BadInvalidTimestampArgument))
        try:
            point = raw.Point.of(node.ContinuationPoint) if node.ContinuationPoint else None
        except ValueError:
            return Result(int(ua.StatusCodes.BadContinuationPointInvalid))
        span = raw.Span(start, end, bool(details.ReturnBounds))
        room = min(limit or MAX_VALUES_PER_READ, MAX_VALUES_PER_READ, most)
        page = raw.read(self._history, number, info, span, room, point)
        before, after = ([no_bound(time, wanted)] if time is not None else [] for time in (page.before, page.after))
        return Result(
            quality.GOOD if len(page) else quality.GOOD_NO_DATA,
            page.point.packed() if page.point is not None else b"",
            chain(before, samples(page.samples, info, wanted), after),
            len(page),
        )


def _given(time: Any) -> int:
    """Return ticks, 0 for a time that is not given."""
    ticks = ticks_of(time)
    return ticks if ticks > _NO_TIME_BELOW else 0
