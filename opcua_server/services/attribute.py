"""Attribute service set: Read (OPC 10000-4 v1.05 §5.11.2).

asyncua ignores IndexRange, TimestampsToReturn, maxAge, AccessLevel, roles and limits, and takes 4 ms to read 100 nodes.
Here the Value of a tag comes from the bank, all else from the address space. A ServerTimestamp is when the server knew
the value to be accurate (§7.11.4): with Read it is now, with a notification when it changed.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache

from asyncua import ua
from asyncua.common.utils import Buffer
from asyncua.server.address_space import AddressSpace
from asyncua.ua.ua_binary import nodeid_to_binary, variant_from_binary

from opcua_server.access.attributes import computed
from opcua_server.access.permissions import BROWSE, READ, READ_ROLE_PERMISSIONS
from opcua_server.access.policies import Policies
from opcua_server.access.rights import Rights
from opcua_server.limits import ServerLimits, require
from opcua_server.monitoring.sample import Sample, of_data_value, of_row
from opcua_server.services import index_range
from opcua_server.status import bad_value, status_code
from opcua_server.tags import Tags
from opcua_server.wire.decoding import Budget, budgeted
from opcua_server.wire.messages import NULL_ARRAY, now_ticks
from opcua_server.wire.records import SERVER, SOURCE, VALUE, WIDTHS
from opcua_server.wire.requests import count_of, end_of_node_id, taken, unsigned
from plant import quality
from runtime.opcua_link.filetime import FileTime

TIMES_MASKS = {0: SOURCE, 1: SERVER, 2: SOURCE | SERVER, 3: 0}
"""TimestampsToReturn (OPC 10000-4 v1.05 §7.39) as bits of a DataValue's encoding mask."""
_PLAIN = frozenset(
    struct.pack("<I", ua.AttributeIds.Value) + range_ + b"\x00\x00" + name
    for range_ in (b"\xff\xff\xff\xff", b"\x00\x00\x00\x00")
    for name in (b"\xff\xff\xff\xff", b"\x00\x00\x00\x00")
)
"""What follows the NodeId where the whole Value is read in the default encoding."""
_PLAIN_SIZE = 14
_PERMISSIONS = {
    ua.AttributeIds.Value: READ,
    ua.AttributeIds.RolePermissions: READ_ROLE_PERMISSIONS,
}
"""What reading an attribute takes; of all others it is Browse (OPC 10000-3 v1.05 §8.55)."""


class AttributeService:
    """Reads attributes; what is written goes through the session, which knows who writes."""

    def __init__(self, address_space: AddressSpace, tags: Tags, policies: Policies, limits: ServerLimits) -> None:
        self._address_space = address_space
        self._tags = tags
        self._policies = policies
        self._limits = limits
        self._started = FileTime.of(now_ticks())

    def read(self, rights: Rights, body: bytes, at: int) -> Iterator[bytes]:
        """Answer the parameters of a ReadRequest by the results of a ReadResponse, in turns.

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
        results = [b""] * count
        budget = Budget()
        places: list[int] = []
        rows: list[int] = []
        slow, most_bytes = 0, self._limits.settings.message_bytes
        row_of, unreadable = self._tags.row_of, rights.unreadable
        for place in range(count):
            end = end_of_node_id(body, at)
            row = row_of(body[at:end])
            is_plain = row is not None and body[end : end + _PLAIN_SIZE] in _PLAIN
            if row is not None and is_plain and (unreadable is None or not unreadable[row]):
                places.append(place)
                rows.append(row)
                at = end + _PLAIN_SIZE
            else:
                buffer = budgeted(body, at, budget)
                item = taken(ua.ReadValueId, buffer)
                results[place] = of_data_value(self.data_value(rights, item, row)).data_value(times_mask)
                at = buffer.cur_pos
                slow += len(results[place])
                if slow > most_bytes:
                    raise ua.uaerrors.BadResponseTooLarge
                yield b""
        self._read_rows(rows, places, times_mask, results)
        yield b"".join((struct.pack("<i", count), *results, NULL_ARRAY))

    def data_value(self, rights: Rights, item: ua.ReadValueId, row: int | None = None) -> ua.DataValue:
        """Return one attribute, or its Bad status."""
        status = self.refusal(rights, item) or self._encoding_status(item)
        if quality.is_bad(status):
            return bad_value(status)
        if row is None:
            row = self._tags.row_of(nodeid_to_binary(item.NodeId))
        if row is not None and item.AttributeId == ua.AttributeIds.Value:
            data = _decoded(of_row(self._tags.bank, row))
        else:
            data = self._attribute(rights, item)
        return index_range.cut(data, item.IndexRange) if item.IndexRange else data

    def refusal(self, rights: Rights, item: ua.ReadValueId) -> int:
        """Return Good, or why a session may not read an attribute."""
        status = rights.status(item.NodeId, _PERMISSIONS.get(item.AttributeId, BROWSE))
        if quality.is_bad(status) and item.NodeId not in self._address_space:
            return quality.BAD_NODE_ID_UNKNOWN
        return status

    def _attribute(self, rights: Rights, item: ua.ReadValueId) -> ua.DataValue:
        node = self._address_space.get(item.NodeId)
        if node is not None:
            value = computed(node, self._policies.of(item.NodeId), rights, item.AttributeId)
            if value is not None:
                return ua.DataValue(value, ServerTimestamp=FileTime.of(now_ticks()))
        data = self._address_space.read_attribute_value(item.NodeId, item.AttributeId)
        if data.StatusCode is not None and not data.StatusCode.is_good():
            return data
        if item.AttributeId != ua.AttributeIds.Value:
            return ua.DataValue(data.Value, ServerTimestamp=FileTime.of(now_ticks()))
        access = self._address_space.read_attribute_value(item.NodeId, ua.AttributeIds.AccessLevel)
        level = access.Value.Value if access.Value is not None else None
        if level is not None and not level & ua.AccessLevel.CurrentRead.mask:
            return bad_value(ua.StatusCodes.BadNotReadable)
        source = data.SourceTimestamp or self._started
        return ua.DataValue(data.Value, data.StatusCode, source, FileTime.of(now_ticks()))

    def _encoding_status(self, item: ua.ReadValueId) -> int:
        """Check a DataEncoding (OPC 10000-4 v1.05 §5.11.2.4): only structures have one, and here it is binary."""
        name = item.DataEncoding.Name if item.DataEncoding is not None else None
        if not name:
            return quality.GOOD
        data = self._address_space.read_attribute_value(item.NodeId, item.AttributeId)
        is_structure = data.Value is not None and data.Value.VariantType == ua.VariantType.ExtensionObject
        if item.AttributeId != ua.AttributeIds.Value or not is_structure:
            return int(ua.StatusCodes.BadDataEncodingInvalid)
        return quality.GOOD if name == "Default Binary" else int(ua.StatusCodes.BadDataEncodingUnsupported)

    def _read_rows(self, rows: list[int], places: list[int], times_mask: int, results: list[bytes]) -> None:
        bank = self._tags.bank
        now = now_ticks()
        columns = (bank.types, bank.bits, bank.status, bank.source)
        values = zip(places, rows, *(column[rows].tolist() for column in columns), strict=True)
        for place, row, kind, bits, status, source in values:
            if status == quality.GOOD and kind in WIDTHS:
                pack, largest = _packer(kind, times_mask)
                results[place] = pack(VALUE | times_mask, kind, bits & largest, *_times(times_mask, source, now))
            else:
                results[place] = replace(of_row(bank, row), server=now).data_value(times_mask)


def _times(times_mask: int, source: int, server: int) -> tuple[int, ...]:
    if times_mask == SOURCE | SERVER:
        return source, server
    return () if not times_mask else (source,) if times_mask == SOURCE else (server,)


@cache
def _packer(kind: int, times_mask: int) -> tuple[Callable[..., bytes], int]:
    width = WIDTHS[kind]
    times = "q" * times_mask.bit_count()
    return struct.Struct(f"<BB{'_BH_I___Q'[width]}{times}").pack, (1 << 8 * width) - 1


def _decoded(sample: Sample) -> ua.DataValue:
    return ua.DataValue(
        variant_from_binary(Buffer(sample.variant)),
        status_code(sample.status),
        FileTime.of(sample.source),
        FileTime.of(now_ticks()),
    )
