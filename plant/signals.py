"""The only list of signals: name, ISA-5.1 tag, unit, range, access and history policy."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from functools import cache

from plant.names import PLANT, loop_name


class DataType(Enum):
    """OPC UA built-in types in use; the value is the numeric identifier (OPC 10000-6 v1.05 §5.1.2)."""

    BOOLEAN = 1
    INT32 = 6
    UINT32 = 7
    DOUBLE = 11
    STRING = 12
    DATETIME = 13


class Writer(Enum):
    """Who may write a signal over OPC UA."""

    NOBODY = "nobody"
    HOLDER = "the loop's holder"
    DEMAND = "the loop's holder, an operator in MAN"
    OUTPUT = "an operator in MAN"
    SETPOINT = "an operator, outside CAS and RCAS"
    OPERATOR = "an operator"
    ENGINEER = "an engineer"
    HEARTBEAT = "the holder, or a controller that claims a silent loop"
    DETECTOR = "the detector"


@dataclass(frozen=True, slots=True)
class Unit:
    """An engineering unit with its UNECE Recommendation 20 common code; empty where there is none."""

    symbol: str
    name: str
    code: str


KELVIN = Unit("K", "kelvin", "KEL")
MOL_PER_L = Unit("mol/L", "mole per litre", "C38")
L_PER_MIN = Unit("L/min", "litre per minute", "L2")
KILOWATT = Unit("kW", "kilowatt", "KWT")
SECOND = Unit("s", "second", "SEC")
K_PER_MIN = Unit("K/min", "kelvin per minute", "F11")
ONE = Unit("1", "one", "C62")
MOL_PER_L_MIN = Unit("mol/(L min)", "mole per litre minute", "")
PER_MIN = Unit("1/min", "reciprocal minute", "")
J_PER_MIN_K = Unit("J/(min K)", "joule per minute kelvin", "")

MODES = ("OOS", "MAN", "AUTO", "CAS", "RCAS")
SIMULATION_STATES = ("running", "paused", "lockstep")


@dataclass(frozen=True, slots=True)
class Signal:
    """One variable of the plant; `name` is the path within its reactor, e.g. `TIC101.SP`."""

    name: str
    description: str
    data_type: DataType = DataType.DOUBLE
    unit: Unit | None = None
    eu_range: tuple[float, float] | None = None
    precision: float | None = None
    """Decimal places (ValuePrecision, OPC 10000-8 v1.05 §5.3.2.3)."""
    isa_tag: str = ""
    formula: str = ""
    """How a computed value is computed."""
    writer: Writer = Writer.NOBODY
    limits: tuple[float, float] | None = None
    """What a write may be, inclusive; EURange is no write limit."""
    enumeration: tuple[str, ...] = ()
    recorded: bool = True
    set_by_method: bool = False

    @property
    def stepped(self) -> bool:
        """True where a value holds until the next one: all that is set rather than measured, and all but Doubles."""
        return self.data_type is not DataType.DOUBLE or self.writer is not Writer.NOBODY or self.set_by_method


def _measured(name: str, tag: str, text: str, unit: Unit, low: float, high: float, precision: float) -> Signal:
    return Signal(name, text, unit=unit, eu_range=(low, high), precision=precision, isa_tag=tag)


def _computed(name: str, formula: str, text: str, unit: Unit, low: float, high: float, precision: float) -> Signal:
    return Signal(name, text, unit=unit, eu_range=(low, high), precision=precision, formula=formula)


def _true(name: str, text: str, unit: Unit) -> Signal:
    return Signal(f"Simulation.True.{name}", f"{text}, noise-free", unit=unit)


_TEMPLATE: tuple[Signal, ...] = (
    _measured("T", "TT-{n}", "Reactor temperature, measured", KELVIN, 250, 550, 2),
    _measured("TB", "TT-{n}B", "Reactor temperature, the interlock's own transmitter", KELVIN, 250, 550, 2),
    _measured("Ca", "AT-{n}", "Outlet concentration of A, measured", MOL_PER_L, 0, 2, 4),
    _measured("Cb", "AT-{m}", "Outlet concentration of B, measured", MOL_PER_L, 0, 2, 4),
    replace(
        _measured("Tc", "TCV-{n}", "Jacket coolant temperature demand", KELVIN, 250, 350, 2),
        writer=Writer.DEMAND,
        limits=(250.0, 350.0),
    ),
    _measured("TcActual", "TT-{m}", "Jacket temperature, measured", KELVIN, 200, 400, 2),
    _measured("Tf", "TT-{o}", "Feed temperature, measured", KELVIN, 250, 450, 2),
    _measured("Caf", "AT-{o}", "Feed concentration of A, measured", MOL_PER_L, 0, 3, 4),
    _measured("q", "FT-{n}", "Feed flow, measured", L_PER_MIN, 0, 250, 2),
    _computed("X", "1 - Ca / Caf", "Conversion of A, computed", ONE, 0, 1, 4),
    _computed("r", "k0 exp(-E/R / T) Ca", "Rate of consumption of A, computed", MOL_PER_L_MIN, 0, 100, 4),
    _computed("Qc", "UA (T - TcActual)", "Heat removed by the jacket, computed", KILOWATT, -100, 250, 2),
    Signal("Alarms.T_HH", "Reactor temperature at or above 398 K", DataType.BOOLEAN, isa_tag="TAHH-{n}"),
    Signal("Alarms.T_H", "Reactor temperature at or above 393 K", DataType.BOOLEAN, isa_tag="TAH-{n}"),
    Signal("Alarms.T_L", "Reactor temperature at or below 297 K", DataType.BOOLEAN, isa_tag="TAL-{n}"),
    Signal("Alarms.T_LL", "Reactor temperature at or below 290 K", DataType.BOOLEAN, isa_tag="TALL-{n}"),
    Signal("TIC.PV", "Process variable, mirrors T", unit=KELVIN, precision=2, isa_tag="TIC-{n}"),
    Signal(
        "TIC.SP",
        "Setpoint",
        unit=KELVIN,
        precision=2,
        isa_tag="TIC-{n}",
        writer=Writer.SETPOINT,
        limits=(300.0, 390.0),
    ),
    Signal(
        "TIC.OUT",
        "Controller output, mirrors Tc",
        unit=KELVIN,
        precision=2,
        isa_tag="TIC-{n}",
        writer=Writer.OUTPUT,
        limits=(250.0, 350.0),
    ),
    Signal(
        "TIC.Mode",
        "Actual mode",
        DataType.INT32,
        isa_tag="TIC-{n}",
        writer=Writer.HOLDER,
        limits=(0, 4),
        enumeration=MODES,
    ),
    Signal(
        "TIC.ModeTarget",
        "Requested mode",
        DataType.INT32,
        isa_tag="TIC-{n}",
        writer=Writer.OPERATOR,
        limits=(0, 4),
        enumeration=MODES,
    ),
    Signal("TIC.Kc", "Controller gain, K/K", unit=ONE, writer=Writer.ENGINEER, limits=(0.0, 100.0)),
    Signal("TIC.TI", "Integral time", unit=SECOND, writer=Writer.ENGINEER, limits=(1.0, 3600.0)),
    Signal("TIC.TD", "Derivative time", unit=SECOND, writer=Writer.ENGINEER, limits=(0.0, 600.0)),
    Signal(
        "TIC.SPRate",
        "Ramp of the working setpoint",
        unit=K_PER_MIN,
        writer=Writer.ENGINEER,
        limits=(0.1, 20.0),
    ),
    Signal(
        "TIC.WSP",
        "Working setpoint, after the ramp",
        unit=KELVIN,
        precision=2,
        isa_tag="TIC-{n}",
        writer=Writer.HOLDER,
        limits=(200.0, 600.0),
    ),
    Signal(
        "TIC.Heartbeat",
        "Counter written by the controller",
        DataType.UINT32,
        writer=Writer.HEARTBEAT,
        recorded=False,
    ),
    Signal("TIC.Alive", "Heartbeat seen in time", DataType.BOOLEAN),
    Signal("Detector.Anomaly", "An anomaly is present", DataType.BOOLEAN, writer=Writer.DETECTOR),
    Signal("Detector.Score", "Anomaly score, higher is worse", writer=Writer.DETECTOR),
    Signal("Detector.Cause", "Likeliest cause; empty when normal", DataType.STRING, writer=Writer.DETECTOR),
    Signal("Detector.Since", "Start of the present verdict", DataType.DATETIME, writer=Writer.DETECTOR),
    _true("T", "Reactor temperature", KELVIN),
    _true("Ca", "Outlet concentration of A", MOL_PER_L),
    _true("Cb", "Outlet concentration of B", MOL_PER_L),
    _true("TcActual", "Jacket temperature", KELVIN),
    _true("Tf", "Feed temperature", KELVIN),
    _true("Caf", "Feed concentration of A", MOL_PER_L),
    _true("q", "Feed flow", L_PER_MIN),
    _true("k0", "Pre-exponential factor", PER_MIN),
    _true("UA", "Heat transfer coefficient times area", J_PER_MIN_K),
    Signal("Simulation.ActiveFaults", "Ids and kinds of the active faults, JSON", DataType.STRING),
)

PLANT_SIGNALS: tuple[Signal, ...] = (
    Signal("Simulation.State", "What plant time does", DataType.INT32, enumeration=SIMULATION_STATES),
    Signal("Simulation.Speed", "Plant seconds a wall-clock second; 1 is real time", unit=ONE, set_by_method=True),
    Signal("Simulation.Time", "Plant time", DataType.DATETIME, recorded=False),
    Signal("Simulation.Epoch", "Counts jumps of plant time", DataType.UINT32),
    Signal("Simulation.Seed", "Seed of noise and disturbances", DataType.UINT32),
)
"""Signals of `Plant` itself: full names `Plant.Simulation.State` and so on."""

ALARM_LIMITS_K = {"T_HH": 398.0, "T_H": 393.0, "T_L": 297.0, "T_LL": 290.0}


@cache
def reactor_signals(reactor: str) -> tuple[Signal, ...]:
    """Return the signals of one reactor, e.g. `R101`, with its own loop name and ISA-5.1 tags."""
    loop = loop_name(reactor)
    number = int(reactor[1:])
    numbers = {"n": number, "m": number + 1, "o": number + 2}
    return tuple(
        replace(
            signal,
            name=signal.name.replace("TIC.", f"{loop}.", 1) if signal.name.startswith("TIC.") else signal.name,
            isa_tag=signal.isa_tag.format(**numbers),
        )
        for signal in _TEMPLATE
    )


def find_signal(full_name: str) -> Signal | None:
    """Return the signal of a full name such as `R101.TIC101.SP`; None for what is none of ours."""
    return _by_full_name(full_name.partition(".")[0]).get(full_name)


@cache
def _by_full_name(owner: str) -> dict[str, Signal]:
    try:
        signals = PLANT_SIGNALS if owner == PLANT else reactor_signals(owner)
    except ValueError:
        return {}
    return {f"{owner}.{signal.name}": signal for signal in signals}
