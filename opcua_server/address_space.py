"""The plant's address space: types, hierarchy of ISA-88/95, and the flat view of `Tags`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from asyncua import ua

from opcua_server import anomaly_events, namespace_metadata
from opcua_server.historical_access import configuration_nodes, event_nodes
from opcua_server.methods import PLANT_METHODS, REACTOR_METHODS, Method
from opcua_server.nodes import OBJECTS, NodeBuilder, plant_id
from plant.names import AREA, PLANT, loop_name
from plant.signals import PLANT_SIGNALS, Signal, reactor_signals

MANDATORY = ua.ObjectIds.ModellingRule_Mandatory
PLACEHOLDER = ua.ObjectIds.ModellingRule_MandatoryPlaceholder

_MODEL = "R101"
"""The reactor whose signals the types are declared from."""
_LOOP = loop_name(_MODEL)


def build(builder: NodeBuilder, reactors: Sequence[str]) -> None:
    """Add everything the plant's namespace holds."""
    anomaly_events.add_type(builder)
    types = _Types(builder)
    plant = builder.add_object(
        PLANT,
        OBJECTS,
        reference=ua.ObjectIds.Organizes,
        description="The simulated plant",
        notifier=event_nodes.NOTIFIER,
    )
    area = builder.add_object(f"{PLANT}.{AREA}", plant, description="Its reactors", notifier=event_nodes.NOTIFIER)
    builder.relate(plant, ua.ObjectIds.HasNotifier, area)
    simulation = builder.add_object(
        f"{PLANT}.Simulation", plant, type_id=types.plant_simulation, description="Its clock"
    )
    events = event_nodes.add_configuration(builder, configuration_nodes.add(builder, plant))
    event_nodes.add_server(builder, plant, events)
    for path, node in ((PLANT, plant), (f"{PLANT}.{AREA}", area)):
        event_nodes.describe(builder, path, node, events)
    for signal in PLANT_SIGNALS:
        node = builder.add_signal(f"{PLANT}.{signal.name}", simulation, signal)
        configuration_nodes.use(builder, node, signal)
    _methods(builder, f"{PLANT}.Simulation", simulation, PLANT_METHODS)
    tags = builder.add_object(
        "Tags",
        OBJECTS,
        type_id=ua.ObjectIds.FolderType,
        reference=ua.ObjectIds.Organizes,
        description="Every variable of a reactor in one flat folder",
    )
    namespace_metadata.add(builder)
    for reactor in reactors:
        root = builder.add_object(
            reactor,
            area,
            type_id=types.reactor,
            description="Jacketed stirred tank reactor",
            notifier=event_nodes.NOTIFIER,
        )
        event_nodes.describe(builder, reactor, root, events)
        _parts(builder, types, reactor, root, tags)
    for reactor in reactors:
        builder.relate(area, ua.ObjectIds.HasNotifier, plant_id(reactor))


def _parts(builder: NodeBuilder, types: _Types, reactor: str, root: ua.NodeId, tags: ua.NodeId) -> None:
    loop = loop_name(reactor)
    parents = {
        "": root,
        loop: builder.add_object(f"{reactor}.{loop}", root, type_id=types.loop, description="Temperature control loop"),
        "Alarms": builder.add_object(f"{reactor}.Alarms", root, description="Alarms as Boolean tags"),
        "Detector": builder.add_object(f"{reactor}.Detector", root, type_id=types.detector, description="Verdict"),
        "Simulation": builder.add_object(
            f"{reactor}.Simulation", root, type_id=types.simulation, description="What only a simulator knows"
        ),
    }
    parents["Simulation.True"] = builder.add_object(
        f"{reactor}.Simulation.True", parents["Simulation"], description="Noise-free values"
    )
    folder = builder.add_object(
        f"Tags.{reactor}", tags, type_id=ua.ObjectIds.FolderType, reference=ua.ObjectIds.Organizes
    )
    for signal in reactor_signals(reactor):
        parent = parents[signal.name.rpartition(".")[0]]
        node = builder.add_signal(f"{reactor}.{signal.name}", parent, signal)
        builder.organize(folder, node)
        configuration_nodes.use(builder, node, signal)
    _methods(builder, f"{reactor}.Simulation", parents["Simulation"], REACTOR_METHODS)


class _Types:
    """The ObjectTypes; HMI templates bind by them."""

    def __init__(self, builder: NodeBuilder) -> None:
        signals = reactor_signals(_MODEL)
        self.loop = builder.add_object_type("PidLoopType", "A PID control loop with its faceplate")
        self._declare(builder, "PidLoopType", self.loop, signals, f"{_LOOP}.")
        self.detector = builder.add_object_type("DetectorType", "The verdict of an anomaly detector")
        self._declare(builder, "DetectorType", self.detector, signals, "Detector.")
        self.simulation = builder.add_object_type("SimulationType", "What only the simulator of a reactor knows")
        true = builder.add_object("SimulationType.True", self.simulation, rule=MANDATORY)
        self._declare(builder, "SimulationType.True", true, signals, "Simulation.True.")
        self._declare(builder, "SimulationType", self.simulation, signals, "Simulation.")
        _methods(builder, "SimulationType", self.simulation, REACTOR_METHODS, MANDATORY)
        self.plant_simulation = builder.add_object_type("PlantSimulationType", "The clock of the simulated plant")
        self._declare(builder, "PlantSimulationType", self.plant_simulation, PLANT_SIGNALS, "Simulation.")
        _methods(builder, "PlantSimulationType", self.plant_simulation, PLANT_METHODS, MANDATORY)
        self.reactor = builder.add_object_type("CstrReactorType", "A jacketed continuous stirred tank reactor")
        self._declare(builder, "CstrReactorType", self.reactor, signals, "")
        builder.refer(self.reactor, ua.ObjectIds.GeneratesEvent, anomaly_events.TYPE)
        alarms = builder.add_object("CstrReactorType.Alarms", self.reactor, rule=MANDATORY)
        self._declare(builder, "CstrReactorType.Alarms", alarms, signals, "Alarms.")
        # Each reactor's loop has its own number, so the type can only hold its place.
        builder.add_object("CstrReactorType.TIC", self.reactor, type_id=self.loop, rule=PLACEHOLDER, name="<TIC>")
        builder.add_object("CstrReactorType.Detector", self.reactor, type_id=self.detector, rule=MANDATORY)
        builder.add_object("CstrReactorType.Simulation", self.reactor, type_id=self.simulation, rule=MANDATORY)

    def _declare(
        self, builder: NodeBuilder, path: str, parent: ua.NodeId, signals: Sequence[Signal], prefix: str
    ) -> None:
        for signal in signals:
            name = signal.name.removeprefix(prefix)
            if signal.name.startswith(prefix) and "." not in name:
                builder.add_signal(f"{path}.{name}", parent, replace(signal, name=name), rule=MANDATORY)


def _methods(
    builder: NodeBuilder, path: str, parent: ua.NodeId, methods: Sequence[Method], rule: int | None = None
) -> None:
    for method in methods:
        builder.add_method(
            f"{path}.{method.name}",
            parent,
            method.description,
            [argument.as_ua() for argument in method.inputs],
            [argument.as_ua() for argument in method.outputs],
            rule=rule,
        )
