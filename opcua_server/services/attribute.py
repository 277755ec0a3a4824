"""Attribute service set: Read and Write (OPC 10000-4 v1.05 §5.11.2, §5.11.4).

asyncua ignores IndexRange, TimestampsToReturn, maxAge, AccessLevel and limits, and takes 4 ms to read 100 nodes.
Here the Value of a tag is read from the bank, and everything else from the address space.
"""

from __future__ import annotations

import struct
from dataclasses import replace
from typing import Any

from asyncua import ua
from asyncua.common.utils import Buffer
from asyncua.server.address_space import AddressSpace
from asyncua.ua.ua_binary import from_binary, struct_to_binary

from opcua_server.limits import ServerLimits, require
from opcua_server.monitoring.sample import Sample, of_row
from opcua_server.services import index_range
from opcua_server.tags import Tags
from opcua_server.wire.records import SERVER, SOURCE
from opcua_server.wire.requests import count_of, end_of_node_id, unsigned

TIMES_MASKS = {0: SOURCE, 1: SERVER, 2: SOURCE | SERVER, 3: 0}
"""TimestampsToReturn (OPC 10000-4 v1.05 §7.40) as bits of a DataValue's encoding mask."""
_NO_RANGE = (b"\xff\xff\xff\xff", b"\x00\x00\x00\x00")
_NO_ENCODING = (b"\x00\x00\xff\xff\xff\xff", b"\x00\x00\x00\x00\x00\x00")
_VALUE = struct.pack("<I", ua.AttributeIds.Value)
_PLAIN = frozenset(_VALUE + range_ + encoding for range_ in _NO_RANGE for encoding in _NO_ENCODING)
"""What follows the NodeId where the whole Value is read in the default encoding."""
_PLAIN_SIZE = 14
_NULL_ARRAY = b"\xff\xff\xff\xff"


class AttributeService:
    """Reads attributes; what is written goes through the session, which knows who writes."""

    def __init__(self, address_space: AddressSpace, tags: Tags, limits: ServerLimits) -> None:
        self._address_space = address_space
        self._tags = tags
        self._limits = limits
        self._samples: dict[int, tuple[int, Sample]] = {}

    def read(self, body: bytes, at: int) -> bytes:
        """Answer the parameters of a ReadRequest by the results of a ReadResponse.

        Raises:
            ua.uaerrors.UaStatusCodeError: when the whole call is refused.
        """
        (max_age,) = struct.unpack_from("<d", body, at)
        if not max_age >= 0.0:
            raise ua.uaerrors.BadMaxAgeInvalid
        times_mask = TIMES_MASKS.get(unsigned(body, at + 8))
        if times_mask is None:
            raise ua.uaerrors.BadTimestampsToReturnInvalid
        count = count_of(body, at + 12)
        require(count, self._limits.operations.max_nodes_per_read)
        at += 16
        results = [struct.pack("<i", count)]
        row_of = self._tags.row_of
        for _ in range(count):
            end = end_of_node_id(body, at)
            row = row_of(body[at:end])
            if row is not None and body[end : end + _PLAIN_SIZE] in _PLAIN:
                results.append(self._of_row(row).data_value(times_mask))
                at = end + _PLAIN_SIZE
                continue
            buffer = Buffer(body, at)
            results.append(self.read_one(from_binary(ua.ReadValueId, buffer), row).data_value(times_mask))
            at = buffer.cur_pos
        results.append(_NULL_ARRAY)
        return b"".join(results)

    def read_one(self, item: ua.ReadValueId, row: int | None = None) -> Sample:
        """Return one attribute, or its Bad status."""
        return of_data_value(self.data_value(item, row))

    def data_value(self, item: ua.ReadValueId, row: int | None = None) -> ua.DataValue:
        """Return one attribute as the library has it, or its Bad status."""
        status = self.encoding_status(item)
        if status:
            return bad(status)
        if row is None:
            row = self._tags.row_of(nodeid_to_binary(item.NodeId))
        if row is not None and item.AttributeId == ua.AttributeIds.Value:
            data = decoded(self._of_row(row))
        else:
            data = self._address_space.read_attribute_value(item.NodeId, item.AttributeId)
        return index_range.cut(data, item.IndexRange) if item.IndexRange else data
