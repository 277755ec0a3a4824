"""All that is audited: a method for each action."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from asyncua import ua

from opcua_server.auditing import record
from opcua_server.auditing.history import Amendment
from opcua_server.auditing.record import text
from opcua_server.auditing.security import SecurityAudit
from opcua_server.auditing.teller import Actor, outcome, status
from plant.names import NAMESPACE_INDEX

V = ua.VariantType


class Audit(SecurityAudit):
    """What is written, changed in history, and called, too."""

    def wrote(
        self,
        session: Actor,
        *,
        node: ua.NodeId,
        attribute: int,
        index_range: str,
        old: ua.Variant,
        new: ua.Variant,
        code: int,
        entry_id: str = "",
    ) -> None:
        """Tell of one value of a Write (§6.5.8)."""
        node, new = record.bounded_id(node), record.bounded(new)
        fields = {
            "AttributeId": ua.Variant(attribute, V.UInt32),
            "IndexRange": text(index_range or None),
            "NewValue": new,
            "OldValue": old,
        }
        change = f"{record.plain(old)} to {record.plain(new)}"
        message = f"{_name(node)}: {change} {outcome('written', code)}"
        self._did(session, "AuditWriteUpdateEventType", node, "Write", message, code, fields, entry_id)

    def called(
        self,
        session: Actor,
        *,
        object_id: ua.NodeId,
        method_id: ua.NodeId,
        arguments: Sequence[ua.Variant],
        outputs: Sequence[ua.Variant],
        code: int,
        began: int,
        entry_id: str = "",
    ) -> None:
        """Tell of one Method of a Call; `began` is when it was asked for, ticks (OPC 10000-5 v1.05 §6.4.27)."""
        method_id = record.bounded_id(method_id)
        given = [record.bounded(argument) for argument in arguments[: record.MOST_ARGUMENTS]]
        fields = {
            "MethodId": ua.Variant(method_id, V.NodeId),
            "StatusCodeId": status(code),
            "InputArguments": ua.Variant(given, V.Variant, is_array=True),
            "OutputArguments": ua.Variant([record.bounded(output) for output in outputs], V.Variant, is_array=True),
        }
        shown = ", ".join(str(record.plain(argument)) for argument in given)
        message = f"{_name(method_id)}({shown}) {outcome('called', code)}"
        source = record.bounded_id(object_id)
        self._did(session, "AuditUpdateMethodEventType", source, "Call", message, code, fields, entry_id, began)

    def amended(
        self,
        session: Actor,
        *,
        node: ua.NodeId,
        amendment: Amendment,
        codes: Sequence[int],
        code: int,
        entry_id: str = "",
    ) -> None:
        """Tell of the changes that a HistoryUpdate makes to one node; `codes` are those of the values."""
        node = record.bounded_id(node)
        message = f"history of {_name(node)} {outcome('changed', code)}; {amendment.words(codes)}"
        self._did(session, amendment.kind, node, "HistoryUpdate", message, code, amendment.fields(), entry_id)

    def _did(
        self,
        session: Actor,
        kind: str,
        source: ua.NodeId,
        service: str,
        message: str,
        code: int,
        fields: Mapping[str, ua.Variant],
        entry_id: str,
        began: int | None = None,
    ) -> None:
        name, who, where = f"Attribute/{service}", session.user.name, session.peer
        self.tell(kind, source, name, message, code, fields, who, entry_id, session=session.id, peer=where, began=began)


def _name(node: ua.NodeId) -> str:
    """Return what people call a node: those of the plant have their paths for NodeIds."""
    return str(node.Identifier) if node.NamespaceIndex == NAMESPACE_INDEX else node.to_string()
