"""History over the link: every page, in order, and what is no history named."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

import pytest
from asyncua import ua
from asyncua.ua.ua_binary import struct_to_binary
from hypothesis import given
from hypothesis import strategies as st

from plant import quality
from runtime.errors import BadInput, LinkLost
from runtime.opcua_link.binary import Malformed
from runtime.opcua_link.errors import link_errors
from runtime.opcua_link.limits import Limits
from runtime.opcua_link.nodes import ListedNodes, PlantNodes
from runtime.opcua_link.reading_back import history
from runtime.opcua_link.responses import HISTORY_DATA, HISTORY_READ_RESPONSE, read_remembered


def value(number: float | str, status: int = quality.GOOD) -> ua.DataValue:
    return ua.DataValue(ua.Variant(number), ua.StatusCode(ua.UInt32(status)))


def result(*values: ua.DataValue, following: bytes | None = None, status: int = 0) -> ua.HistoryReadResult:
    data = ua.HistoryData(DataValues=list(values)) if values else None
    return ua.HistoryReadResult(ua.StatusCode(ua.UInt32(status)), following, data)


def response(*results: ua.HistoryReadResult, service: int = 0) -> bytes:
    found = ua.HistoryReadResponse(Results=list(results))
    found.ResponseHeader.ServiceResult = ua.StatusCode(ua.UInt32(service))
    return struct_to_binary(found)


def page(*values: ua.DataValue, following: bytes | None = None, status: int = 0, service: int = 0) -> bytes:
    return response(result(*values, following=following, status=status), service=service)


class Server:
    """Stands where a session would: answers with one page after the other, and remembers what it was asked with."""

    nodes = PlantNodes(2)
    limits = Limits()
    is_reading_back = False

    def __init__(self, *pages: bytes) -> None:
        self._pages = list(pages)
        self.points: list[bytes | None] = []
        self.asked: list[int] = []
        """How many signals, call by call."""

    def node_id(self, name: str) -> ua.NodeId:
        return ua.NodeId(name, 2)

    async def answer(self, call: Awaitable[Any]) -> Any:
        with link_errors("test"):
            return await call

    async def send(self, request: Any) -> bytes:
        asked = request.Parameters.NodesToRead
        self.points.append(asked[0].ContinuationPoint)
        self.asked.append(len(asked))
        return self._pages.pop(0)


async def read(server: Server) -> list[object]:
    pages = history(server, ["R101.T"], 0, 100, bounds=True)  # type: ignore[arg-type]
    return [value async for page in pages for value in page.values]


async def test_all_pages_are_read_and_a_bound_that_was_not_found_is_none() -> None:
    missing = value(0.0, quality.BAD_BOUND_NOT_FOUND)
    server = Server(
        page(missing, value(1.0), following=b"a"), page(value("two"), following=b"b"), page(value(3.0), missing)
    )
    assert await read(server) == [1.0, "two", 3.0]
    assert server.points == [None, b"a", b"b"]


class Archive(Server):
    """Answers from what it has of each signal, so much at once; a place says how much is answered."""

    def __init__(self, values: dict[str, list[float]], most: int) -> None:
        super().__init__()
        self._values, self._most = values, most

    async def send(self, request: Any) -> bytes:
        asked, room, results = request.Parameters.NodesToRead, self._most, []
        self.asked.append(len(asked))
        for each in asked:
            done = int(each.ContinuationPoint or 0)
            values = self._values[each.NodeId.Identifier][done : done + max(room, 1)]
            room, done = room - len(values), done + len(values)
            more = done < len(self._values[each.NodeId.Identifier])
            results.append(result(*map(value, values), following=str(done).encode() if more else None))
        return response(*results)


async def of_archive(archive: Archive, names: list[str]) -> dict[str, list[object]]:
    found: dict[str, list[object]] = {name: [] for name in names}
    async for each in history(archive, names, 0, 100, bounds=False):  # type: ignore[arg-type]
        for row in each.readings():
            found[row.name].append(row.value)
    return found


@given(st.lists(st.lists(st.floats(0, 1), max_size=20), max_size=120), st.integers(1, 200))
async def test_of_many_signals_all_is_read_in_order(values: list[list[float]], most: int) -> None:
    names = [f"R{number}.T" for number in range(len(values))]
    archive = Archive(dict(zip(names, values, strict=True)), most)
    assert list((await of_archive(archive, names)).values()) == values
    assert all(count <= 50 for count in archive.asked)


async def test_no_more_are_asked_about_than_the_server_takes() -> None:
    archive = Archive({f"R{number}.T": [1.0, 2.0] for number in range(20)}, 100)
    archive.limits = Limits(history_read=8)
    await of_archive(archive, [f"R{number}.T" for number in range(20)])
    assert archive.asked == [8, 8, 4]


async def test_other_servers_are_asked_about_one_signal_at_a_time() -> None:
    archive = Archive({"a": [1.0, 2.0, 3.0], "b": [4.0]}, 2)
    archive.nodes = ListedNodes({"a": ua.NodeId("a", 1), "b": ua.NodeId("b", 1)}, {})  # type: ignore[assignment]
    assert await of_archive(archive, ["a", "b"]) == {"a": [1.0, 2.0, 3.0], "b": [4.0]}
    assert archive.asked == [1, 1, 1]


async def test_a_bad_answer_about_one_signal_leaves_the_others() -> None:
    server = Server(
        response(result(value(1.0), following=b"a"), result(status=quality.BAD_DATA_LOST), result(value(2.0))),
        response(result(value(3.0))),
    )
    refused: dict[str, int] = {}
    pages = history(server, ["a", "b", "c"], 0, 100, bounds=False, on_refusal=refused.__setitem__)  # type: ignore[arg-type]
    assert [(row.name, row.value) async for page in pages for row in page.readings()] == [
        ("a", 1.0),
        ("c", 2.0),
        ("a", 3.0),
    ]
    assert refused == {"b": quality.BAD_DATA_LOST}


async def test_a_server_that_reads_no_history_is_not_away() -> None:
    unsupported = 0x800B0000
    server, refused = Server(page(service=unsupported)), {}
    pages = history(server, ["a", "b"], 0, 100, bounds=False, on_refusal=refused.__setitem__)  # type: ignore[arg-type]
    assert [len(each) async for each in pages] == [0]
    assert refused == dict.fromkeys(["a", "b"], unsupported)


@pytest.mark.parametrize("code", [ua.StatusCodes.BadInternalError, ua.StatusCodes.BadResponseTooLarge, None])
async def test_what_a_server_cannot_answer_or_not_in_time_is_refused_and_to_who_takes_no_refusals_a_loss(
    code: int | None,
) -> None:
    class Slow(Server):
        async def send(self, request: Any) -> bytes:
            raise TimeoutError

    def make() -> Server:
        return Slow() if code is None else Server(page(service=int(code)))

    refused: dict[str, int] = {}
    server = make()
    pages = history(server, ["a"], 0, 100, bounds=False, on_refusal=refused.__setitem__)  # type: ignore[arg-type]
    assert [len(each) async for each in pages] == [0]
    assert refused == {"a": int(code or ua.StatusCodes.BadTimeout)}
    assert not server.is_reading_back
    with pytest.raises(LinkLost):
        await read(make())


@pytest.mark.parametrize("status", [quality.GOOD_NO_DATA, quality.BAD_NO_DATA])
async def test_no_history_is_empty(status: int) -> None:
    assert await read(Server(page(status=status))) == []


@pytest.mark.parametrize(
    ("answer", "error", "why"),
    [
        (page(status=quality.BAD_NODE_ID_UNKNOWN), BadInput, "R101.T: the server's history answers BadNodeIdUnknown"),
        (page(service=0x80250000), LinkLost, "BadSessionIdInvalid"),
        (struct_to_binary(ua.HistoryReadResponse()), LinkLost, "cannot be read"),
        (page(value(1.0))[:-10], LinkLost, "cannot be read"),
        (struct_to_binary(ua.ReadResponse()), LinkLost, "cannot be read"),
    ],
)
async def test_what_is_no_history_is_said(answer: bytes, error: type[Exception], why: str) -> None:
    with pytest.raises(error, match=why):
        await read(Server(page(value(1.0), following=b"a"), answer))


def test_encodings_are_those_of_the_standard() -> None:
    assert ua.ObjectIds.HistoryReadResponse_Encoding_DefaultBinary == HISTORY_READ_RESPONSE
    assert ua.ObjectIds.HistoryData_Encoding_DefaultBinary == HISTORY_DATA


@given(st.binary(max_size=60), st.integers(0, 200))
def test_a_damaged_answer_is_an_error_or_an_answer(tail: bytes, kept: int) -> None:
    try:
        read_remembered(page(value(1.0), value("two"))[:kept] + tail, 1)
    except Malformed:
        return
