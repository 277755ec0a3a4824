"""Attribute service set: HistoryRead (OPC 10000-4 v1.05 §5.11.3), raw, of the last hour (OPC 10000-11 v1.05 §6.5.3)."""

from __future__ import annotations

import struct
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import numpy as np
from asyncua import ua
from asyncua.ua.ua_binary import nodeid_to_binary, struct_to_binary

from opcua_server.access.permissions import READ_HISTORY
from opcua_server.access.rights import Rights
from opcua_server.history import History, Samples
from opcua_server.status import status_code
from opcua_server.tags import Tags
from opcua_server.wire import records
from opcua_server.wire.messages import NULL_ARRAY
from plant import quality
from plant.clock import TICKS_PER_SECOND
from runtime.opcua_link.filetime import FileTime, ticks_of

MAX_VALUES_PER_READ, MAX_VALUES_PER_CALL = 10_000, 100_000
"""Of one node, and of all nodes together; what is beyond comes by continuation points."""
_TIMESTAMPS = {
    ua.TimestampsToReturn.Source: records.SOURCE,
    ua.TimestampsToReturn.Server: records.SERVER,
    ua.TimestampsToReturn.Both: records.SOURCE | records.SERVER,
}
"""Neither is not valid here (OPC 10000-11 v1.04 §4.3)."""
_STATUS, _LENGTH = struct.Struct("<I"), struct.Struct("<i")
NO_OBJECT = bytes(3)
"""An ExtensionObject that is null."""
_DATA = b"\x01\x00" + struct.pack("<H", ua.ObjectIds.HistoryData_Encoding_DefaultBinary) + b"\x01"
_NO_TIME_BELOW = TICKS_PER_SECOND
"""StartTime or EndTime that is not given arrives as DateTime.MinValue."""


class Recording:
    """One tag's samples, as clients get them; a Bad one has no value."""

    def __init__(self, samples: Samples, vtype: ua.VariantType) -> None:
        self.times = samples.times
        self._samples = samples
        self._vtype = vtype

    def encoded(self, indices: range, wanted: ua.TimestampsToReturn) -> Iterator[bytes]:
        """Yield samples as DataValues on the wire, in the order of the indices."""
        samples, where = self._samples, np.arange(indices.start, indices.stop, indices.step)
        if samples.texts is not None:
            yield from (_encoded_value(self._text(samples.texts, index), wanted) for index in indices)
        elif len(where):
            yield from records.encode(
                self._vtype.value,
                _TIMESTAMPS[wanted],
                None,
                samples.bits[where],
                samples.statuses[where],
                samples.times[where],
                samples.server_times[where],
            )

    def _text(self, texts: Sequence[str | None], index: int) -> ua.DataValue:
        status = int(self._samples.statuses[index])
        text = None if quality.is_bad(status) else texts[index]
        return ua.DataValue(
            Value=ua.Variant(text, ua.VariantType.Null if text is None else self._vtype),
            StatusCode=status_code(status),
            SourceTimestamp=FileTime.of(int(self.times[index])),
            ServerTimestamp=FileTime.of(int(self._samples.server_times[index])),
        )


class HistoryReader:
    """Answers HistoryRead; stands where asyncua keeps its history manager."""

    def __init__(self, tags: Tags, history: History, exists: Callable[[ua.NodeId], bool]) -> None:
        self._tags = tags
        self._history = history
        self._exists = exists

    def read(self, rights: Rights, params: ua.HistoryReadParameters) -> Iterator[bytes]:
        """Yield the parts of one HistoryReadResult after the other; only raw data is kept.

        Raises:
            ua.uaerrors.UaStatusCodeError: when the whole call is refused.
        """
        wanted = params.TimestampsToReturn
        if wanted not in _TIMESTAMPS:
            raise ua.uaerrors.BadTimestampsToReturnInvalid
        left = MAX_VALUES_PER_CALL
        for node in params.NodesToRead:
            if params.ReleaseContinuationPoints:
                yield _failed(ua.StatusCodes.Good).head(None)
                continue
            page = self._page(rights, params.HistoryReadDetails, node, wanted, max(1, left))
            left -= page.count
            yield from page.encoded()

    def _recording_of(self, node: ua.NodeId) -> Recording | None:
        row = self._tags.row_of(nodeid_to_binary(node))
        tag = self._tags.of_row(row) if row is not None else None
        if tag is None or not tag.signal.recorded:
            return None
        return Recording(self._history.samples(tag.row), tag.vtype)

    def _page(
        self,
        rights: Rights,
        details: Any,
        node: ua.HistoryReadValueId,
        wanted: ua.TimestampsToReturn,
        most: int,
    ) -> _Page:
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
        before = [found.before] if found.before is not None and not node.ContinuationPoint else []
        left = found.indices[done:]
        shown, after = left[: page - len(before)], []
        more = len(left) > len(shown)
        if found.after is not None and not more:
            more = len(before) + len(shown) == page
            after = [] if more else [found.after]
        count = len(before) + len(shown) + len(after)
        point = _pack(recording.times[shown[-1]] if shown else ticks_of(before[-1].SourceTimestamp)) if more else b""
        status = quality.GOOD if count else quality.GOOD_NO_DATA
        first, last = ((_encoded_value(bound, wanted) for bound in bounds) for bounds in (before, after))
        return _Page(status, point, chain(first, recording.encoded(shown, wanted), last), count)


@dataclass(frozen=True, slots=True)
class _Page:
    """The answer for one node."""

    status: int
    point: bytes = b""
    """Continuation point, empty where there is no more."""
    values: Iterable[bytes] = ()
    """Encoded, some at a time."""
    count: int = 0

    def encoded(self) -> Iterator[bytes]:
        """Yield the parts of a HistoryReadResult."""
        if quality.is_bad(self.status):
            yield self.head(None)
            return
        values: list[bytes] = []
        for part in self.values:
            values.append(part)
            yield b""
        yield self.head(_LENGTH.size + sum(map(len, values)))
        yield _LENGTH.pack(self.count) + b"".join(values)

    def head(self, size: int | None) -> bytes:
        """Return a HistoryReadResult up to its data of so many bytes; None: without data."""
        point = _LENGTH.pack(len(self.point)) + self.point if self.point else NULL_ARRAY
        return _STATUS.pack(self.status) + point + (NO_OBJECT if size is None else _DATA + _LENGTH.pack(size))


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


def _encoded_value(data: ua.DataValue, wanted: ua.TimestampsToReturn) -> bytes:
    """Return a value with the timestamps that were asked for."""
    if wanted == ua.TimestampsToReturn.Source:
        data = replace(data, ServerTimestamp=None)
    elif wanted == ua.TimestampsToReturn.Server:
        data = replace(data, SourceTimestamp=None)
    return struct_to_binary(data)


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


def _failed(code: int) -> _Page:
    return _Page(int(code))
