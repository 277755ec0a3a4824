"""Attribute service set: HistoryRead (OPC 10000-4 v1.05 §5.11.3) of what the server has recorded."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from asyncua import ua
from asyncua.ua.ua_binary import nodeid_to_binary

from opcua_server.access.permissions import READ_HISTORY
from opcua_server.access.rights import Rights
from opcua_server.historical_access.answer import Answer, Steps, asked_of, question_of
from opcua_server.historical_access.encoding import TIMESTAMPS, VALUE_OCTETS, Result
from opcua_server.historical_access.event_history import EventHistory
from opcua_server.historical_access.points import Seals
from opcua_server.recorder import Recorder
from opcua_server.services import index_range
from opcua_server.tags import Tags
from opcua_server.wire.messages import ANY_SIZE
from plant import quality
from timeseries.packing import Damaged
from timeseries.reading import History

log = logging.getLogger("server")

MAX_VALUES_PER_READ, MAX_VALUES_PER_CALL = 10_000, 100_000
"""Of one node, and of all nodes together; what is beyond comes by continuation points."""
TURN_S = 0.02
"""A call keeps others waiting for so long, or for one node; of values at times, for those of a day."""
_HEAD_OCTETS = 250
"""Of a response without results, and of a result without values, at most."""
_UNSUPPORTED = Result(int(ua.StatusCodes.BadHistoryOperationUnsupported))


@dataclass(frozen=True, slots=True)
class Room:
    """How much a call may still return; each of its nodes gets on by one value at least."""

    values: int
    octets: int
    nodes: int
    """Those that are not answered."""

    @property
    def share(self) -> int:
        """How many bytes of texts are read of a node, for one text may be as long as thousands of numbers."""
        return self.octets // self.nodes

    def most(self, of_a_node: int) -> int:
        """Return how many values of a node are read, where they are no texts."""
        return max(1, min(of_a_node, self.values, self.octets // VALUE_OCTETS))


class HistoryReader:
    """Answers HistoryRead, in a thread of its own: however much is read, the plant goes on.

    Stands where asyncua keeps its history manager.
    """

    def __init__(
        self,
        tags: Tags,
        recorder: Recorder,
        history: History,
        events: EventHistory,
        exists: Callable[[ua.NodeId], bool],
    ) -> None:
        self._tags = tags
        self._recorder = recorder
        self._history = history
        self._events = events
        self._exists = exists
        self._worker = ThreadPoolExecutor(1, "history")

    def close(self) -> None:
        """Let what is under way finish, and answer nothing more."""
        self._worker.shutdown()
        self._history.close()
        self._events.close()

    async def read(
        self, rights: Rights, params: ua.HistoryReadParameters, seals: Seals, most_bytes: int = ANY_SIZE
    ) -> list[bytes]:
        """Return HistoryReadResults, each in parts, within so many bytes where they can be; `seals` are of who asks.

        When it is cancelled, only the turn that is under way goes on.

        Raises:
            ua.uaerrors.UaStatusCodeError: when the whole call is refused.
        """
        details = params.HistoryReadDetails
        if isinstance(details, ua.ExtensionObject):  # none, or one of an unknown type
            raise ua.uaerrors.BadHistoryOperationInvalid
        if params.TimestampsToReturn not in TIMESTAMPS:
            raise ua.uaerrors.BadTimestampsToReturnInvalid
        if isinstance(details, ua.ReadProcessedDetails) and len(details.AggregateType or ()) != len(params.NodesToRead):
            raise ua.uaerrors.BadAggregateListMismatch
        if params.ReleaseContinuationPoints:
            return [_released(node, seals).head(None) for node in params.NodesToRead]
        self._recorder.flush()
        octets = max(0, most_bytes - _HEAD_OCTETS * (1 + len(params.NodesToRead)))
        results: Iterator[list[bytes] | None]
        if isinstance(details, ua.ReadEventDetails):
            results = self._events.results(rights, params, seals, octets)
        else:
            results = self._results(rights, params, seals, octets)
        loop, parts, are_all = asyncio.get_running_loop(), list[bytes](), False
        while not are_all:
            some, are_all = await loop.run_in_executor(self._worker, _turn, results)
            parts += some
        return parts

    def _results(
        self, rights: Rights, params: ua.HistoryReadParameters, seals: Seals, octets: int
    ) -> Iterator[list[bytes] | None]:
        nodes, asked = len(params.NodesToRead), asked_of(params.HistoryReadDetails)
        room = Room(MAX_VALUES_PER_CALL, octets, nodes)
        for place in range(nodes):
            result = yield from self._result(rights, params, seals, asked, place, room)
            parts = result.encoded()
            room = Room(room.values - result.count, room.octets - sum(map(len, parts)), room.nodes - 1)
            yield parts

    def _result(
        self, rights: Rights, params: ua.HistoryReadParameters, seals: Seals, asked: bytes, place: int, room: Room
    ) -> Steps:
        node, details = params.NodesToRead[place], params.HistoryReadDetails
        row = self._tags.row_of(nodeid_to_binary(node.NodeId))
        recorded = self._recorder.signals.get(row) if row is not None else None
        if recorded is None:
            known = self._exists(node.NodeId) and rights.sees(node.NodeId)
            return _UNSUPPORTED if known else Result(quality.BAD_NODE_ID_UNKNOWN)
        status = rights.status(node.NodeId, READ_HISTORY)
        if quality.is_bad(status):
            return Result(status)
        if node.IndexRange:
            return Result(index_range.refusal_in_history(node.IndexRange))
        if node.DataEncoding is not None and node.DataEncoding.Name:  # only structures have one, and none is recorded
            return Result(int(ua.StatusCodes.BadDataEncodingInvalid))
        function = details.AggregateType[place] if isinstance(details, ua.ReadProcessedDetails) else None
        question = question_of(asked, node.NodeId, function)
        try:
            point = seals.opened(question, node.ContinuationPoint or b"")
        except ValueError:
            return Result(int(ua.StatusCodes.BadContinuationPointInvalid))
        answer = Answer(self._history, *recorded, params.TimestampsToReturn, point)
        result = yield from self._answered(answer, details, function, room)
        return replace(result, point=seals.sealed(question, result.point))

    def _answered(self, answer: Answer, details: Any, function: Any, room: Room) -> Steps:
        most = room.most(MAX_VALUES_PER_READ)
        try:
            if isinstance(details, ua.ReadRawModifiedDetails):
                read = answer.modified if details.IsReadModified else answer.raw
                return read(details, most, room.share)
            if isinstance(details, ua.ReadAtTimeDetails):
                return (yield from answer.at_time(details, most))
            if isinstance(details, ua.ReadProcessedDetails):
                return (yield from answer.processed(details, function, most))
        except Damaged:
            return Result(quality.BAD_DATA_LOST)
        except sqlite3.Error as error:
            log.error("history cannot be read: %s", error)
            return Result(int(ua.StatusCodes.BadResourceUnavailable))
        return _UNSUPPORTED


def _released(node: ua.HistoryReadValueId, seals: Seals) -> Result:
    try:
        seals.release(node.ContinuationPoint or b"")
    except ValueError:
        return Result(int(ua.StatusCodes.BadContinuationPointInvalid))
    return Result(quality.GOOD)


def _turn(results: Iterator[list[bytes] | None]) -> tuple[list[bytes], bool]:
    """Return some results, and whether these were the last: whoever asks for much waits for others meanwhile.

    None stands for a step of a result that is not there yet.
    """
    parts: list[bytes] = []
    ends = time.monotonic() + TURN_S
    for each in results:
        parts += each or ()
        if time.monotonic() > ends:
            return parts, False
    return parts, True
