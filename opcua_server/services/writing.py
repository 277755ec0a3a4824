"""Attribute service set: Write (OPC 10000-4 v1.05 §5.11.4), by the rules of plant.md "Writes".

asyncua's setters see no session and cannot refuse, and one that raises fails the items after it, too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from asyncua import ua
from asyncua.server.address_space import AddressSpace
from asyncua.ua.ua_binary import nodeid_to_binary

from opcua_server import ownership
from opcua_server.commands import Commands
from opcua_server.services import index_range
from opcua_server.session import PlantSession
from opcua_server.simulator import Simulator
from opcua_server.tags import Tag
from plant import quality
from plant.signals import Writer
from runtime.opcua_link.filetime import ticks_of


class WriteService:
    """Writes tags, item by item."""

    def __init__(self, address_space: AddressSpace, simulator: Simulator, commands: Commands) -> None:
        self._address_space = address_space
        self._simulator = simulator
        self._commands = commands

    def write(self, session: PlantSession, items: Sequence[ua.WriteValue]) -> list[int]:
        """Return each item's StatusCode; a heartbeat in the call counts first, so that one call can claim a loop."""
        tags = [self._tag_of(item) for item in items]
        order = sorted(range(len(items)), key=lambda place: not _is_heartbeat(tags[place]))
        results = [quality.GOOD] * len(items)
        for place in order:
            results[place] = self._write(session, items[place], tags[place])
        self._commands.note_demands()
        return results

    def _tag_of(self, item: ua.WriteValue) -> Tag | None:
        tags = self._simulator.tags
        row = tags.row_of(nodeid_to_binary(item.NodeId))
        return tags.of_row(row) if row is not None else None

    def _write(self, session: PlantSession, item: ua.WriteValue, tag: Tag | None) -> int:
        if tag is None or item.AttributeId != ua.AttributeIds.Value:
            return self._why_not(item)
        if tag.signal.writer is Writer.NOBODY:
            return quality.BAD_NOT_WRITABLE
        if not session.roles & ownership.MAY_WRITE[tag.signal.writer]:
            return quality.BAD_USER_ACCESS_DENIED
        status, value = _checked(tag, item)
        if quality.is_bad(status):
            return status
        simulator = self._simulator
        index = simulator.index_of(tag.name)
        loop = simulator.loops[index] if index is not None else None
        mode = simulator.mode_of(index) if index is not None else ownership.MAN
        status = ownership.refusal(tag.signal.writer, value, session, session.roles, loop, mode, simulator.now)
        if not quality.is_bad(status):
            simulator.write(tag, value, session)
        return status

    def _why_not(self, item: ua.WriteValue) -> int:
        """Return why what is no tag's Value cannot be written."""
        node = self._address_space.get(item.NodeId)
        if node is None:
            return quality.BAD_NODE_ID_UNKNOWN
        known = item.AttributeId in node.attributes
        return quality.BAD_NOT_WRITABLE if known else int(ua.StatusCodes.BadAttributeIdInvalid)


def _is_heartbeat(tag: Tag | None) -> bool:
    return tag is not None and tag.signal.writer is Writer.HEARTBEAT


def _checked(tag: Tag, item: ua.WriteValue) -> tuple[int, Any]:
    """Return (status, the plain value); a SourceTimestamp is accepted and replaced by plant time."""
    data = item.Value
    if item.IndexRange:
        return _range_status(tag, item.IndexRange), None
    if data.StatusCode is not None and data.StatusCode.value != quality.GOOD:
        return quality.BAD_WRITE_NOT_SUPPORTED, None
    variant = data.Value
    if variant is None or variant.VariantType is not tag.vtype or variant.is_array or variant.Value is None:
        return quality.BAD_TYPE_MISMATCH, None
    value = ticks_of(variant.Value) if tag.vtype is ua.VariantType.DateTime else variant.Value
    if isinstance(value, float) and not math.isfinite(value):
        return quality.BAD_OUT_OF_RANGE, None
    limits = tag.signal.limits
    if limits is not None and not limits[0] <= value <= limits[1]:
        return quality.BAD_OUT_OF_RANGE, None
    return quality.GOOD, value


def _range_status(tag: Tag, text: str) -> int:
    """Refuse to write a part of a value: a number has none, and of a text none is written."""
    try:
        index_range.parse(text)
    except ua.uaerrors.BadIndexRangeInvalid as error:
        return error.code
    is_text = tag.vtype is ua.VariantType.String
    return quality.BAD_WRITE_NOT_SUPPORTED if is_text else int(ua.StatusCodes.BadIndexRangeNoData)
