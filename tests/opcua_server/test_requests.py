"""Requests read by hand: as asyncua writes them, and malformed ones end in an error that is expected."""

from __future__ import annotations

import contextlib
import uuid

import pytest
from asyncua import ua
from asyncua.ua.ua_binary import nodeid_to_binary, struct_to_binary
from hypothesis import given
from hypothesis import strategies as st

from opcua_server.wire.requests import (
    MALFORMED,
    count_of,
    end_of_node_id,
    end_of_string,
    request_header,
    unsigned,
)

node_ids = st.sampled_from(
    [
        ua.NodeId(5),
        ua.NodeId(500, 3),
        ua.NodeId(70_000, 300),
        ua.NodeId("R101.TI101", 2),
        ua.NodeId(uuid.UUID(int=5), 1),
        ua.NodeId(b"\x00\x01", 1, ua.NodeIdType.ByteString),
    ]
)


@given(node_ids, st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1), st.none() | st.text())
def test_a_header_is_read_as_it_was_written(token: ua.NodeId, handle: int, timeout_ms: int, audit: str | None) -> None:
    ids = ua.ObjectIds
    for request, number in (
        (ua.ReadRequest(), ids.ReadRequest_Encoding_DefaultBinary),
        (ua.WriteRequest(), ids.WriteRequest_Encoding_DefaultBinary),
        (ua.PublishRequest(), ids.PublishRequest_Encoding_DefaultBinary),
    ):
        header = request.RequestHeader
        header.AuthenticationToken, header.RequestHandle = token, ua.UInt32(handle)
        header.TimeoutHint, header.AuditEntryId = ua.UInt32(timeout_ms), audit
        body = struct_to_binary(request)
        found = request_header(body, 0)
        assert found[:5] == (number, nodeid_to_binary(token), handle, timeout_ms, audit or "")
        assert body[found.end :] == struct_to_binary(request.Parameters)


@given(node_ids, st.binary(max_size=8), st.binary(max_size=8))
def test_a_node_id_ends_where_the_next_begins(node: ua.NodeId, before: bytes, after: bytes) -> None:
    data = nodeid_to_binary(node)
    assert end_of_node_id(before + data + after, len(before)) == len(before + data)


@given(st.binary(max_size=64), st.integers(0, 64))
def test_bytes_without_meaning_are_malformed_and_nothing_else(data: bytes, at: int) -> None:
    for read in (request_header, end_of_node_id, end_of_string, count_of, unsigned):
        with contextlib.suppress(*MALFORMED):
            read(data, at)


@given(st.integers(0, 200))
def test_a_header_that_is_cut_short_is_malformed(length: int) -> None:
    request = ua.ReadRequest()
    request.RequestHeader.AuthenticationToken = ua.NodeId("token", 1)
    body = struct_to_binary(request)[: request_header(struct_to_binary(request), 0).end - 1]
    with pytest.raises(MALFORMED):
        request_header(body[:length], 0)
