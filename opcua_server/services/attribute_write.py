"""Attribute service set: Write (OPC 10000-4 v1.05 §5.11.4).

asyncua's setters see no session and cannot refuse, and one that raises fails the items after it, too.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from asyncua import ua
from asyncua.common.utils import Buffer
from asyncua.server.address_space import AddressSpace
from asyncua.ua.ua_binary import nodeid_from_binary, variant_from_binary

from opcua_server import ownership
from opcua_server.access.attributes import is_attribute
from opcua_server.access.control import AccessControl
from opcua_server.access.permissions import SIGNALS, WRITE
from opcua_server.access.rights import Rights
from opcua_server.auditing.audit import Audit
from opcua_server.auditing.control import ControlTraffic
from opcua_server.commands import Commands
from opcua_server.data_types import type_of_variable
from opcua_server.limits import ServerLimits, require
from opcua_server.monitoring.sample import of_row
from opcua_server.ownership import Claim
from opcua_server.services import index_range
from opcua_server.session import PlantSession
from opcua_server.simulator import Simulator
from opcua_server.tags import Tag
from opcua_server.wire.requests import count_of
from opcua_server.wire.written import Written, written_values
from plant import quality
from plant.signals import DataType, Writer

_ANSWERS = (Writer.HEARTBEAT, Writer.HOLDER, Writer.DEMAND, Writer.OUTPUT)
"""What a controller writes: lockstep goes on by it."""


class WriteService:
    """Writes tags, item by item."""

    def __init__(
        self,
        address_space: AddressSpace,
        simulator: Simulator,
        commands: Commands,
        access: AccessControl,
        audit: Audit,
        limits: ServerLimits,
        record: Callable[[], None],
    ) -> None:
        self._address_space = address_space
        self._access = access
        self._simulator = simulator
        self._commands = commands
        self._audit = audit
        self._control = ControlTraffic()
        self._limits = limits
        self._record = record

    def write(self, session: PlantSession, body: bytes, at: int, entry_id: str = "") -> list[int]:
        """Return each item's StatusCode; a heartbeat in the call counts first, so that one call can claim a loop.

        What is answered Good is in the history.

        Raises:
            ua.uaerrors.UaStatusCodeError: when the whole call is refused.
        """
        require(count_of(body, at), self._limits.operations.max_nodes_per_write)
        items = written_values(body, at)
        tags = [self._tag_of(item) for item in items]
        writers = [tag.signal.writer if tag is not None else Writer.NOBODY for tag in tags]
        order = sorted(range(len(items)), key=lambda place: writers[place] is not Writer.HEARTBEAT)
        results = [quality.GOOD] * len(items)
        rights = self._access.of(session)
        for place in order:
            results[place] = self._write(session, rights, items[place], tags[place], entry_id)
        self._record()
        if any(writer in _ANSWERS for writer in writers):
            self._commands.note_demands()
        return results

    def release_loops(self, session: PlantSession) -> None:
        """Let a session that may no longer write as their holder hold no loop."""
        self._simulator.loops.release(session)

    def _tag_of(self, item: Written) -> Tag | None:
        tags = self._simulator.tags
        row = tags.row_of(item.node)
        return tags.of_row(row) if row is not None else None

    def _write(self, session: PlantSession, rights: Rights, item: Written, tag: Tag | None, entry_id: str) -> int:
        claim = self._claim(session, tag)
        is_value = tag is not None and item.attribute == ua.AttributeIds.Value
        writer = tag.signal.writer if tag is not None and is_value else Writer.NOBODY
        before = self._standard_value(item) if tag is None else ua.Variant()
        status = self._refusal(session, rights, item, tag, claim)
        is_audited = self._control.is_audited(session, item.node, writer, claim, status)
        old = self._present(tag) if is_audited and tag is not None and is_value else before
        if tag is not None and not quality.is_bad(status):
            self._simulator.write(tag, item.value, session)
        if is_audited:
            self._audit.wrote(
                session,
                node=nodeid_from_binary(Buffer(item.node)),
                attribute=item.attribute,
                index_range=item.index_range,
                old=old,
                new=item.as_variant(),
                code=status,
                entry_id=entry_id,
            )
        return status

    def _refusal(
        self, session: PlantSession, rights: Rights, item: Written, tag: Tag | None, claim: Claim | None
    ) -> int:
        """Return Good, or why a value is not written."""
        if tag is None or item.attribute != ua.AttributeIds.Value or tag.signal.writer is Writer.NOBODY:
            return self._write_standard(rights, item)
        if tag.signal.writer not in rights.writers:
            return rights.under(SIGNALS[tag.signal.writer], WRITE)
        status = _check(tag, item, self._limits.max_string_length)
        if quality.is_bad(status):
            return status
        return ownership.refusal(tag.signal.writer, item.value, session.roles, claim)

    def _claim(self, session: PlantSession, tag: Tag | None) -> Claim | None:
        index = self._simulator.index_of(tag.name) if tag is not None else None
        return self._simulator.claim(index, session) if index is not None else None

    def _present(self, tag: Tag) -> ua.Variant:
        return variant_from_binary(Buffer(of_row(self._simulator.tags.bank, tag.row).variant))

    def _standard_value(self, item: Written) -> ua.Variant:
        """Return the present value of what may be written and is no signal, or null."""
        node_id = nodeid_from_binary(Buffer(item.node))
        node = self._address_space.get(node_id)
        attribute = node.attributes.get(item.attribute) if node is not None else None  # type: ignore[call-overload]
        if attribute is None or attribute.value_setter is None:
            return ua.Variant()
        return self._address_space.read_attribute_value(node_id, ua.AttributeIds(item.attribute)).Value or ua.Variant()

    def _write_standard(self, rights: Rights, item: Written) -> int:
        """Write what is no signal: only Variables with a setter take a Value."""
        node = self._address_space.get(nodeid_from_binary(Buffer(item.node)))
        if node is None or not rights.sees(node.nodeid):
            return quality.BAD_NODE_ID_UNKNOWN
        if not is_attribute(node, item.attribute):
            return int(ua.StatusCodes.BadAttributeIdInvalid)
        attribute = node.attributes.get(item.attribute)  # type: ignore[call-overload]
        if attribute is None or attribute.value_setter is None:
            return quality.BAD_NOT_WRITABLE
        refused = rights.status(node.nodeid, WRITE)
        if quality.is_bad(refused):
            return refused
        if item.index_range:
            return int(ua.StatusCodes.BadIndexRangeNoData)
        if item.status >> 16:
            return quality.BAD_WRITE_NOT_SUPPORTED
        kind = type_of_variable(self._address_space, node.nodeid)
        if item.type_number != kind.value or item.value is None:
            return quality.BAD_TYPE_MISMATCH
        attribute.value_setter(node, item.attribute, ua.DataValue(ua.Variant(item.value, kind)))
        return quality.GOOD


def _check(tag: Tag, item: Written, longest: int) -> int:
    """Return Good, or why a value is not taken; a SourceTimestamp is accepted and replaced by plant time."""
    if item.index_range:
        return _range_status(tag, item.index_range)
    if item.status >> 16:  # Good is Good, whatever its info bits say
        return quality.BAD_WRITE_NOT_SUPPORTED
    if item.type_number != tag.signal.data_type.value or item.value is None:
        return quality.BAD_TYPE_MISMATCH
    if isinstance(item.value, str) and not _is_text(item.value, longest):
        return quality.BAD_OUT_OF_RANGE
    if isinstance(item.value, float) and not math.isfinite(item.value):
        return quality.BAD_OUT_OF_RANGE
    limits = tag.signal.limits
    if limits is not None and not limits[0] <= item.value <= limits[1]:
        return quality.BAD_OUT_OF_RANGE
    return quality.GOOD


def _is_text(value: str, longest: int) -> bool:
    """Tell whether a String was UTF-8 on the wire, which asyncua does not check, and is of so many bytes at most."""
    try:
        return len(value.encode()) <= longest
    except UnicodeEncodeError:
        return False


def _range_status(tag: Tag, text: str) -> int:
    """Refuse to write a part of a value: a number has none, and of a text none is written."""
    try:
        index_range.parse(text)
    except ua.uaerrors.BadIndexRangeInvalid as error:
        return error.code
    is_text = tag.signal.data_type is DataType.STRING
    return quality.BAD_WRITE_NOT_SUPPORTED if is_text else int(ua.StatusCodes.BadIndexRangeNoData)
