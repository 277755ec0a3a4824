"""Attribute service set: HistoryRead (OPC 10000-4 v1.05 §5.11.3), raw, of the last hour (OPC 10000-11 v1.05 §6.5.3)."""

from __future__ import annotations

import asyncio
import struct
from bisect import bisect_left, bisect_right
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from asyncua import ua
from asyncua.ua.ua_binary import nodeid_to_binary

from opcua_server.access.permissions import READ_HISTORY
from opcua_server.access.rights import Rights
from opcua_server.history import History, Samples
from opcua_server.status import status_code
from opcua_server.tags import Tags
from plant import quality
from plant.clock import TICKS_PER_SECOND
from runtime.opcua_link.filetime import FileTime, ticks_of

MAX_VALUES_PER_READ, MAX_VALUES_PER_CALL = 10_000, 100_000
"""Of one node, and of all nodes together; what is beyond comes by continuation points."""
_TIMESTAMPS = (ua.TimestampsToReturn.Source, ua.TimestampsToReturn.Server, ua.TimestampsToReturn.Both)
"""Neither is not valid here (OPC 10000-11 v1.04 §4.3)."""
_NO_TIME_BELOW = TICKS_PER_SECOND
"""StartTime or EndTime that is not given arrives as DateTime.MinValue."""


class Recording:
    """One tag's samples, as clients get them."""

    def __init__(self, samples: Samples, vtype: ua.VariantType) -> None:
        self.times = samples.times
        self._samples = samples
        self._vtype = vtype

    def at(self, index: int) -> ua.DataValue:
        """Return one sample."""
        status = int(self._samples.statuses[index])
        value = None if quality.is_bad(status) else self._value(index)
        return ua.DataValue(
            Value=ua.Variant(value, ua.VariantType.Null if value is None else self._vtype),
            StatusCode=status_code(status),
            SourceTimestamp=FileTime.of(int(self.times[index])),
            ServerTimestamp=FileTime.of(int(self._samples.server_times[index])),
        )

    def _value(self, index: int) -> Any:
        if self._samples.texts is not None:
            return self._samples.texts[index]
        bits = self._samples.bits[index]
        if self._vtype is ua.VariantType.Double:
            return float(bits.view(np.float64))
        number = int(bits.view(np.int64))
        if self._vtype is ua.VariantType.Boolean:
            return bool(number)
        return FileTime.of(number) if self._vtype is ua.VariantType.DateTime else number


class HistoryReader:
    """Answers HistoryRead; stands where asyncua keeps its history manager."""

    def __init__(self, tags: Tags, history: History, exists: Callable[[ua.NodeId], bool]) -> None:
        self._tags = tags
        self._history = history
        self._exists = exists

    async def read_history(self, rights: Rights, params: ua.HistoryReadParameters) -> list[ua.HistoryReadResult]:
        """Return one result for each node; only raw data is kept."""
        wanted = params.TimestampsToReturn
        if wanted not in _TIMESTAMPS:
            raise ua.uaerrors.BadTimestampsToReturnInvalid
        if params.ReleaseContinuationPoints:
            return [_failed(ua.StatusCodes.Good) for _ in params.NodesToRead]
        results: list[ua.HistoryReadResult] = []
        left = MAX_VALUES_PER_CALL
        for node in params.NodesToRead:
            result = self._read(rights, params.HistoryReadDetails, node, max(1, left))
            data: Any = result.HistoryData
            if isinstance(data, ua.HistoryData):
                data.DataValues = [_with_timestamps(value, wanted) for value in data.DataValues]
                left -= len(data.DataValues)
            results.append(result)
            await asyncio.sleep(0)  # the scan, and the others, have their turn
        return results

    def _recording_of(self, node: ua.NodeId) -> Recording | None:
        row = self._tags.row_of(nodeid_to_binary(node))
        tag = self._tags.of_row(row) if row is not None else None
        if tag is None or not tag.signal.recorded:
            return None
        return Recording(self._history.samples(tag.row), tag.vtype)

    def _read(self, rights: Rights, details: Any, node: ua.HistoryReadValueId, most: int) -> ua.HistoryReadResult:
        recording = self._recording_of(node.NodeId)
        if recording is None:
            known = self._exists(node.NodeId) and rights.sees(node.NodeId)
            return _failed(ua.StatusCodes.BadHistoryOperationUnsupported if known else ua.StatusCodes.BadNodeIdUnknown)
        status = rights.status(node.NodeId, READ_HISTORY)
        if quality.is_bad(status):
            return _failed(status)
        if not isinstance(details, ua.ReadRawModifiedDetails) or details.IsReadModified:
            return _failed(ua.StatusCodes.BadHistoryOperationUnsupported)
        start, end = ticks_of(details.StartTime), ticks_of(details.EndTime)
        start = start if start > _NO_TIME_BELOW else 0
        end = end if end > _NO_TIME_BELOW else 0
        limit = details.NumValuesPerNode
        if (not start and not end) or ((not start or not end) and not limit):
            return _failed(ua.StatusCodes.BadInvalidTimestampArgument)
        backward = (not start) or (end != 0 and end < start)
        found = _select(recording, start, end, backward, bool(details.ReturnBounds))
        try:
            done = _unpack(node.ContinuationPoint, recording, backward, found.indices)
        except ValueError:
            return _failed(ua.StatusCodes.BadContinuationPointInvalid)
        page = min(limit or MAX_VALUES_PER_READ, MAX_VALUES_PER_READ, most)
        values = [found.before] if found.before is not None and not node.ContinuationPoint else []
        wanted = found.indices[done:]
        room = page - len(values)
        values += [recording.at(index) for index in wanted[:room]]
        more = len(wanted) > room
        if found.after is not None and not more:
            more = len(values) == page
            if not more:
                values.append(found.after)
        status = quality.GOOD if values else quality.GOOD_NO_DATA
        point = _pack(ticks_of(values[-1].SourceTimestamp)) if more else None
        return ua.HistoryReadResult(
            StatusCode=status_code(status),
            ContinuationPoint=point,
            HistoryData=ua.HistoryData(DataValues=values),
        )


@dataclass(frozen=True, slots=True)
class _Selection:
    """What to answer, in order."""

    before: ua.DataValue | None
    """The first bound, where there is no sample to show it."""
    indices: range
    after: ua.DataValue | None
    """The last one."""


def _select(recording: Recording, start: int, end: int, backward: bool, with_bounds: bool) -> _Selection:
    times = recording.times
    low, high = (end, start) if backward else (start, end)
    first = bisect_left(times, low) if low else 0
    last = bisect_right(times, high) if high else len(times)
    if low and high and low != high and not with_bounds and first < last:
        # The end of the interval does not belong to it, whichever way it is read.
        if backward and times[first] == low:
            first += 1
        elif not backward and times[last - 1] == high:
            last -= 1
    missing: dict[int, ua.DataValue | None] = {low: None, high: None}
    if with_bounds:
        if low and (first == len(times) or times[first] != low):
            first, missing[low] = (first - 1, None) if first > 0 else (first, _no_bound(low))
        if high and (last == 0 or times[last - 1] != high):
            last, missing[high] = (last + 1, None) if last < len(times) else (last, _no_bound(high))
    indices = range(last - 1, first - 1, -1) if backward else range(first, last)
    ends = (high, low) if backward else (low, high)
    return _Selection(missing[ends[0]], indices, missing[ends[1]])


def _no_bound(time: int) -> ua.DataValue:
    return ua.DataValue(
        Value=ua.Variant(None, ua.VariantType.Null),
        StatusCode=status_code(quality.BAD_BOUND_NOT_FOUND),
        SourceTimestamp=FileTime.of(time),
    )


def _with_timestamps(data: ua.DataValue, wanted: ua.TimestampsToReturn) -> ua.DataValue:
    """Return a value with the timestamps that were asked for."""
    if wanted == ua.TimestampsToReturn.Source:
        return replace(data, ServerTimestamp=None)
    return replace(data, SourceTimestamp=None) if wanted == ua.TimestampsToReturn.Server else data


def _pack(last_sent: int) -> bytes:
    return struct.pack("<q", last_sent)


def _unpack(point: bytes | None, recording: Recording, backward: bool, indices: range) -> int:
    """Return how many of the indices were sent already; a time says so even after the oldest were forgotten."""
    if not point:
        return 0
    try:
        (last_sent,) = struct.unpack("<q", point)
    except struct.error as error:
        raise ValueError(str(error)) from error
    times = recording.times
    following = bisect_left(times, last_sent) - 1 if backward else bisect_right(times, last_sent)
    return max(0, indices.start - following if backward else following - indices.start)


def _failed(code: int) -> ua.HistoryReadResult:
    return ua.HistoryReadResult(StatusCode=status_code(code))
