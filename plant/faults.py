"""Faults as part of the plant: labelled, replayable, with the ground truth of each injection."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from plant import quality
from plant.clock import TICKS_PER_SECOND
from plant.sensors import SENSOR_OF

KINDS = {
    "process": (
        "feed-temperature", "feed-concentration", "feed-flow", "catalyst-decay", "fouling", "coolant-loss", "blockage",
    ),
    "instrument": (
        "bias", "drift", "stuck", "spike", "noise", "scale", "sensor-failure", "last-usable",
    ),
    "actuator": ("stiction", "actuator-stuck", "saturation", "rate-limit", "offset"),
    "communication": (
        "latency", "dropped-publish", "killed-session", "bad-status", "clock-skew", "server-restart",
    ),
}  # fmt: skip
"""Every kind, by what it touches."""

PARAMETERS = {
    "feed-temperature": ("size", "ramp_s", "for_s"),
    "bias": ("signal", "size", "ramp_s", "for_s"),
    "sensor-failure": ("signal", "for_s"),
    "last-usable": ("signal", "for_s"),
}
"""The kinds this version can inject, and what each takes: the signal and size are required."""

STATUS_OF = {
    "sensor-failure": quality.BAD_SENSOR_FAILURE,
    "last-usable": quality.UNCERTAIN_LAST_USABLE_VALUE,
}
"""The StatusCode of a signal under the kinds that give it another than Good; it shows no new value meanwhile."""

LARGEST_FEED_TEMPERATURE_K = 100.0
_LONGEST_S = 10 * 365 * 86_400.0


class FaultError(ValueError):
    """A kind, parameter, reactor or id that is not allowed; `parameter` names it."""

    def __init__(self, parameter: str, message: str) -> None:
        super().__init__(f"{parameter}: {message}")
        self.parameter = parameter


@dataclass(frozen=True, slots=True)
class Fault:
    """One injection, active or past."""

    id: str
    kind: str
    reactor: int
    """Index, from 0."""
    signal: str
    """Of the transmitter it touches; empty for a process fault."""
    size: float
    """In the signal's unit; 0 where the kind has none."""
    ramp_s: float
    """Time over which the size is reached."""
    for_s: float | None
    """How long it lasts; None: until cleared."""
    started: int
    """Plant time, ticks."""
    ended: int | None = None
    """Plant time, ticks; None while active."""

    def level(self, now: int) -> float:
        """Return the size reached at this plant time."""
        elapsed_s = (now - self.started) / TICKS_PER_SECOND
        return self.size * min(1.0, elapsed_s / self.ramp_s) if self.ramp_s > 0 else self.size

    def is_over(self, now: int) -> bool:
        """Tell whether its own time is up."""
        return self.for_s is not None and now >= self.started + round(self.for_s * TICKS_PER_SECOND)


class Faults:
    """The ground truth of a plant: every injection, in order, and which of them are active."""

    def __init__(self, reactors: int, log: tuple[Fault, ...] = ()) -> None:
        self._reactors = reactors
        self._log = list(log)
        self._active = [fault for fault in log if fault.ended is None]

    @property
    def log(self) -> tuple[Fault, ...]:
        """All injections, oldest first."""
        return tuple(self._log)

    @property
    def active(self) -> tuple[Fault, ...]:
        """Those in force, oldest first."""
        return tuple(self._active)

    def inject(self, reactor: int, kind: str, parameters: Mapping[str, object], now: int) -> Fault:
        """Start a fault.

        Raises:
            FaultError: naming the parameter, its value and what is allowed.
        """
        if not 0 <= reactor < self._reactors:
            raise FaultError("reactor", f"index {reactor}: allowed is 0 to {self._reactors - 1}")
        number = 1 + max((int(fault.id[1:]) for fault in self._log), default=0)
        fault = _checked(f"F{number}", kind, reactor, parameters, now)
        self._log.append(fault)
        self._active.append(fault)
        return fault

    def clear(self, reactor: int, fault_id: str, now: int) -> list[Fault]:
        """End one fault of a reactor, or with an empty id all of them; return what was ended.

        Raises:
            FaultError: when no such fault is active there.
        """
        ended = [fault for fault in self._active if fault.reactor == reactor and fault_id in ("", fault.id)]
        if fault_id and not ended:
            present = ", ".join(fault.id for fault in self._active if fault.reactor == reactor) or "none"
            raise FaultError("id", f"{fault_id!r}: active there: {present}")
        for fault in ended:
            self._end(fault, now)
        return ended

    def expire(self, now: int) -> list[Fault]:
        """End those whose time is up; return them."""
        over = [fault for fault in self._active if fault.is_over(now)]
        for fault in over:
            self._end(fault, now)
        return over

    def _end(self, fault: Fault, now: int) -> None:
        self._active.remove(fault)
        self._log[self._log.index(fault)] = replace(fault, ended=now)


def _checked(fault_id: str, kind: str, reactor: int, parameters: Mapping[str, object], now: int) -> Fault:
    if kind not in PARAMETERS:
        known = any(kind in kinds for kinds in KINDS.values())
        why = "not available in this version" if known else "unknown"
        raise FaultError("kind", f"{kind!r} is {why}; allowed are {', '.join(PARAMETERS)}")
    allowed = PARAMETERS[kind]
    for name in parameters:
        if name not in allowed:
            raise FaultError(name, f"no parameter of {kind}; allowed are {', '.join(allowed)}")
    signal = parameters.get("signal", "")
    if "signal" in allowed and (not isinstance(signal, str) or signal not in SENSOR_OF):
        raise FaultError("signal", f"{signal!r}: allowed are {', '.join(SENSOR_OF)}")
    sensor = SENSOR_OF.get(str(signal))
    largest = LARGEST_FEED_TEMPERATURE_K if sensor is None else sensor.high - sensor.low
    for_s = parameters.get("for_s")
    return Fault(
        fault_id,
        kind,
        reactor,
        str(signal),
        _number("size", parameters.get("size"), -largest, largest) if "size" in allowed else 0.0,
        _number("ramp_s", parameters.get("ramp_s", 0.0), 0.0, _LONGEST_S),
        None if for_s is None else _number("for_s", for_s, 0.0, _LONGEST_S),
        now,
    )


def _number(name: str, value: object, low: float, high: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise FaultError(name, f"{value!r}: allowed is a number from {low:g} to {high:g}")
    if not low <= value <= high:
        raise FaultError(name, f"{value!r}: allowed is {low:g} to {high:g}")
    return float(value)
