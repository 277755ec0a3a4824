"""The plant's Methods as data: names, arguments, who may call them."""

from __future__ import annotations

from dataclasses import dataclass

from asyncua import ua

from opcua_server.nodes import standard_id

STRING, DOUBLE = ua.VariantType.String, ua.VariantType.Double


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument."""

    name: str
    type: ua.VariantType
    description: str

    def as_ua(self) -> ua.Argument:
        """Return it as clients read it."""
        return ua.Argument(
            Name=self.name,
            DataType=standard_id(self.type.value),
            ValueRank=ua.ValueRank.Scalar,
            ArrayDimensions=[],
            Description=ua.LocalizedText(self.description),
        )


@dataclass(frozen=True, slots=True)
class Method:
    """One Method; all of them are an engineer's."""

    name: str
    description: str
    inputs: tuple[Argument, ...] = ()
    outputs: tuple[Argument, ...] = ()


PLANT_METHODS = (
    Method("Pause", "Stops plant time"),
    Method("Resume", "Lets plant time run again"),
    Method(
        "Step",
        "Advances a paused or lockstep plant",
        (Argument("Seconds", DOUBLE, "Any multiple of 100 ns above 0, at most 86400"),),
    ),
    Method("SetSpeed", "Sets plant seconds a wall-clock second", (Argument("Speed", DOUBLE, "Above 0, at most 1000"),)),
    Method("Reset", "Puts every reactor back to its start state; Epoch counts it"),
)

REACTOR_METHODS = (
    Method(
        "Inject",
        "Starts a fault",
        (
            Argument("Kind", STRING, "E.g. bias"),
            Argument("Parameters", STRING, 'JSON, e.g. {"signal": "T", "size": 10, "ramp_s": 60, "for_s": 600}'),
        ),
        (Argument("Id", STRING, "Of the fault, for Clear"),),
    ),
    Method("Clear", "Ends a fault", (Argument("Id", STRING, "Of the fault; empty: all of the reactor"),)),
)
