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
from runtime.opcua_link.reading_back import history
from runtime.opcua_link.responses import HISTORY_DATA, HISTORY_READ_RESPONSE, read_remembered


def value(number: float | str, status: int = quality.GOOD) -> ua.DataValue:
    return ua.DataValue(ua.Variant(number), ua.StatusCode(ua.UInt32(status)))


def page(*values: ua.DataValue, following: bytes | None = None, status: int = 0, service: int = 0) -> bytes:
    found = ua.HistoryReadResponse()
    found.ResponseHeader.ServiceResult = ua.StatusCode(ua.UInt32(service))
    data = ua.HistoryData(DataValues=list(values)) if values else None
    found.Results = [ua.HistoryReadResult(ua.StatusCode(ua.UInt32(status)), following, data)]
    return struct_to_binary(found)


class Server:
    """Stands where a session would: answers with one page after the other, and remembers what it was asked with."""

    def __init__(self, *pages: bytes) -> None:
        self._pages = list(pages)
        self.points: list[bytes | None] = []

    def node_id(self, name: str) -> ua.NodeId:
        return ua.NodeId(name, 2)

    async def answer(self, call: Awaitable[Any]) -> Any:
        with link_errors("test"):
            return await call

    async def send(self, request: Any) -> bytes:
        self.points.append(request.Parameters.NodesToRead[0].ContinuationPoint)
        return self._pages.pop(0)


async def read(server: Server) -> list[object]:
    pages = history(server, "R101.T", 0, 100, bounds=True)  # type: ignore[arg-type]
    return [value async for page in pages for value in page.values]


async def test_all_pages_are_read_and_a_bound_that_was_not_found_is_none() -> None:
    missing = value(0.0, quality.BAD_BOUND_NOT_FOUND)
    server = Server(
        page(missing, value(1.0), following=b"a"), page(value("two"), following=b"b"), page(value(3.0), missing)
    )
    assert await read(server) == [1.0, "two", 3.0]
    assert server.points == [None, b"a", b"b"]


async def test_no_history_is_empty() -> None:
    assert await read(Server(page(status=quality.GOOD_NO_DATA))) == []


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
        read_remembered(page(value(1.0), value("two"))[:kept] + tail)
    except Malformed:
        return
