"""Adds nodes of the plant's namespace to the address space, by path: a NodeId is the node's path."""

from __future__ import annotations

from collections.abc import Sequence

from asyncua import ua
from asyncua.server.address_space import AddressSpace, NodeManagementService

from plant.names import NAMESPACE_INDEX, NAMESPACE_URI, display_name
from plant.signals import Signal, Unit, Writer

UNECE_URI = "http://www.opcfoundation.org/UA/units/un/cefact"


def standard_id(number: int) -> ua.NodeId:
    """Return a NodeId of namespace 0."""
    return ua.NodeId(ua.Int32(number))


OBJECTS = standard_id(ua.ObjectIds.ObjectsFolder)


def plant_id(path: str) -> ua.NodeId:
    """Return the NodeId of a path such as `R101.TIC101.SP`."""
    return ua.NodeId(ua.String(path), ua.Int16(NAMESPACE_INDEX))


def engineering_unit(unit: Unit) -> ua.EUInformation:
    """Return the EUInformation: the UNECE code as its UnitId, or -1 in our namespace (OPC 10000-8 v1.05 §5.6.3)."""
    code = -1
    for letter in unit.code:
        code = (0 if code < 0 else code << 8) | ord(letter)
    return ua.EUInformation(
        NamespaceUri=UNECE_URI if unit.code else NAMESPACE_URI,
        UnitId=code,
        DisplayName=ua.LocalizedText(unit.symbol),
        Description=ua.LocalizedText(unit.name),
    )


class NodeBuilder:
    """Writes straight into the address space of a server that does not listen yet."""

    def __init__(self, address_space: AddressSpace, scan_ms: float) -> None:
        self._service = NodeManagementService(address_space)
        self.scan_ms = scan_ms

    def add_object(
        self,
        path: str,
        parent: ua.NodeId,
        *,
        type_id: ua.NodeId | int = ua.ObjectIds.BaseObjectType,
        reference: int = ua.ObjectIds.HasComponent,
        description: str = "",
        rule: int | None = None,
        name: str = "",
        display: str = "",
        namespace: int = NAMESPACE_INDEX,
        notifier: int = 0,
    ) -> ua.NodeId:
        """Add an Object; `notifier` is its EventNotifier."""
        attributes = ua.ObjectAttributes(
            DisplayName=ua.LocalizedText(display or name or _last(path)),
            Description=ua.LocalizedText(description),
            EventNotifier=notifier,
        )
        definition = standard_id(type_id) if isinstance(type_id, int) else type_id
        return self._add(path, parent, reference, ua.NodeClass.Object, attributes, definition, rule, name, namespace)

    def add_object_type(self, path: str, description: str, supertype: int = ua.ObjectIds.BaseObjectType) -> ua.NodeId:
        """Add an ObjectType."""
        attributes = ua.ObjectTypeAttributes(
            DisplayName=ua.LocalizedText(path), Description=ua.LocalizedText(description), IsAbstract=False
        )
        base = standard_id(supertype)
        return self._add(path, base, ua.ObjectIds.HasSubtype, ua.NodeClass.ObjectType, attributes, None, None)

    def add_signal(self, path: str, parent: ua.NodeId, signal: Signal, *, rule: int | None = None) -> ua.NodeId:
        """Add the Variable of a signal, with the properties of its type."""
        access = ua.AccessLevel.CurrentRead.mask
        if signal.writer is not Writer.NOBODY:
            access |= ua.AccessLevel.CurrentWrite.mask
        if signal.recorded:
            access |= ua.AccessLevel.HistoryRead.mask | ua.AccessLevel.HistoryWrite.mask
        attributes = ua.VariableAttributes(
            DisplayName=ua.LocalizedText(display_name(signal.name)),
            Description=ua.LocalizedText(signal.description),
            Value=ua.Variant(None, ua.VariantType.Null),
            DataType=standard_id(signal.data_type.value),
            ValueRank=ua.ValueRank.Scalar,
            AccessLevel=access,
            UserAccessLevel=access,
            MinimumSamplingInterval=self.scan_ms,
            Historizing=signal.recorded,
        )
        node = self._add(
            path,
            parent,
            ua.ObjectIds.HasComponent,
            ua.NodeClass.Variable,
            attributes,
            standard_id(_variable_type(signal)),
            rule,
        )
        self._properties(path, node, signal, rule)
        return node

    def add_method(
        self,
        path: str,
        parent: ua.NodeId,
        description: str,
        inputs: Sequence[ua.Argument],
        outputs: Sequence[ua.Argument],
        *,
        rule: int | None = None,
    ) -> ua.NodeId:
        """Add a Method with its argument properties."""
        attributes = ua.MethodAttributes(
            DisplayName=ua.LocalizedText(_last(path)),
            Description=ua.LocalizedText(description),
            Executable=True,
            UserExecutable=True,
        )
        node = self._add(path, parent, ua.ObjectIds.HasComponent, ua.NodeClass.Method, attributes, None, rule)
        for name, arguments in (("InputArguments", inputs), ("OutputArguments", outputs)):
            if arguments:
                self.add_property(
                    f"{path}.{name}", node, ua.ObjectIds.Argument, list(arguments), ua.VariantType.ExtensionObject, rule
                )
        return node

    def add_property(
        self,
        path: str,
        parent: ua.NodeId,
        data_type: int,
        value: object,
        vtype: ua.VariantType,
        rule: int | None = None,
        *,
        description: str = "",
        namespace: int = 0,
    ) -> None:
        """Add a Property, read-only; of namespace 0 is what the standard names."""
        access = ua.AccessLevel.CurrentRead.mask
        attributes = ua.VariableAttributes(
            DisplayName=ua.LocalizedText(_last(path)),
            Description=ua.LocalizedText(description or None),
            Value=ua.Variant(value, vtype, is_array=isinstance(value, list)),
            DataType=standard_id(data_type),
            ValueRank=ua.ValueRank.OneDimension if isinstance(value, list) else ua.ValueRank.Scalar,
            ArrayDimensions=[0] if isinstance(value, list) else [],
            AccessLevel=access,
            UserAccessLevel=access,
            Historizing=False,
        )
        self._add(
            path,
            parent,
            ua.ObjectIds.HasProperty,
            ua.NodeClass.Variable,
            attributes,
            standard_id(ua.ObjectIds.PropertyType),
            rule,
            namespace=namespace,
        )

    def organize(self, folder: ua.NodeId, target: ua.NodeId) -> None:
        """Let a folder show a node that lives elsewhere."""
        self.relate(folder, ua.ObjectIds.Organizes, target)

    def relate(self, source: ua.NodeId, kind: int, target: ua.NodeId) -> None:
        """Let two nodes refer to each other."""
        self._reference(source, kind, target, forward=True)
        self._reference(target, kind, source, forward=False)

    def refer(self, source: ua.NodeId, kind: int, target: ua.NodeId) -> None:
        """Let a node refer to another that does not refer back."""
        self._reference(source, kind, target, forward=True)

    def _properties(self, path: str, node: ua.NodeId, signal: Signal, rule: int | None) -> None:
        extension, double = ua.VariantType.ExtensionObject, ua.VariantType.Double
        if signal.unit is not None:
            unit = engineering_unit(signal.unit)
            self.add_property(f"{path}.EngineeringUnits", node, ua.ObjectIds.EUInformation, unit, extension, rule)
        if signal.eu_range is not None:
            span = ua.Range(*signal.eu_range)
            self.add_property(f"{path}.EURange", node, ua.ObjectIds.Range, span, extension, rule)
            self.add_property(f"{path}.InstrumentRange", node, ua.ObjectIds.Range, span, extension, rule)
        if signal.unit is not None and signal.precision is not None:
            self.add_property(f"{path}.ValuePrecision", node, ua.ObjectIds.Double, signal.precision, double, rule)
        definition = signal.isa_tag or signal.formula
        if definition:
            self.add_property(f"{path}.Definition", node, ua.ObjectIds.String, definition, ua.VariantType.String, rule)
        if signal.enumeration:
            values = [
                ua.EnumValueType(Value=number, DisplayName=ua.LocalizedText(text), Description=ua.LocalizedText(text))
                for number, text in enumerate(signal.enumeration)
            ]
            self.add_property(f"{path}.EnumValues", node, ua.ObjectIds.EnumValueType, values, extension, rule)
            text = ua.LocalizedText(signal.enumeration[0])
            self.add_property(
                f"{path}.ValueAsText", node, ua.ObjectIds.LocalizedText, text, ua.VariantType.LocalizedText, rule
            )

    def _add(
        self,
        path: str,
        parent: ua.NodeId,
        reference: int,
        node_class: ua.NodeClass,
        attributes: object,
        type_definition: ua.NodeId | None,
        rule: int | None,
        name: str = "",
        namespace: int = NAMESPACE_INDEX,
    ) -> ua.NodeId:
        item = ua.AddNodesItem(
            ParentNodeId=parent,
            ReferenceTypeId=standard_id(reference),
            RequestedNewNodeId=plant_id(path),
            BrowseName=ua.QualifiedName(name or _last(path), namespace),
            NodeClass=node_class,
            NodeAttributes=attributes,
            TypeDefinition=type_definition or ua.NodeId(),
        )
        self._service.add_nodes([item])[0].StatusCode.check()
        if rule is not None:
            self._reference(plant_id(path), ua.ObjectIds.HasModellingRule, standard_id(rule), forward=True)
        return plant_id(path)

    def _reference(self, source: ua.NodeId, kind: int, target: ua.NodeId, *, forward: bool) -> None:
        item = ua.AddReferencesItem(
            SourceNodeId=source, ReferenceTypeId=standard_id(kind), IsForward=forward, TargetNodeId=target
        )
        self._service.add_references([item])[0].check()


def _variable_type(signal: Signal) -> int:
    if signal.enumeration:
        return ua.ObjectIds.MultiStateValueDiscreteType
    if signal.eu_range is not None:
        return ua.ObjectIds.AnalogItemType
    if signal.unit is not None:
        return ua.ObjectIds.AnalogUnitType
    return ua.ObjectIds.BaseDataVariableType


def _last(path: str) -> str:
    return path.rpartition(".")[2]
