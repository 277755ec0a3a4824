"""One temperature loop: what the controller does with what it reads, at each execution; pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from plant import pid
from plant.clock import TICKS_PER_SECOND
from plant.pid import PidState, ReferenceState, Tuning

OOS, MAN, AUTO = 0, 1, 2
SILENT_TICKS = 6 * TICKS_PER_SECOND
"""A loop that has not been executed for so long has been taken from us by the server's watchdog."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a loop reads; None where the value is Bad."""

    t_k: float | None
    ca_mol_per_l: float | None
    sp_k: float
    mode_target: int
    mode: int
    tc_k: float
    wsp_k: float
    tuning: Tuning


@dataclass(frozen=True, slots=True)
class Outputs:
    """What a loop writes; `tc_k` is None where the jacket is left alone."""

    tc_k: float | None
    wsp_k: float
    mode: int
    why: str = ""
    """Why the loop is not in the mode that is asked for; empty when it is."""


class Law(Protocol):
    """A law that is executed once an interval."""

    def execute(self, inputs: Inputs, now: int) -> Outputs:
        """Return what to write at plant time `now`, ticks."""
        ...

    def restart(self) -> None:
        """Take over anew at the next execution: what was written last did not take effect, or the plant has jumped."""
        ...


class PidLoop:
    """The plant's PI(D) with modes: AUTO, MAN and OOS, tracking, and bumpless transfer."""

    def __init__(self) -> None:
        self._state: PidState | None = None
        self._last = 0
        self._first = True

    def restart(self) -> None:
        """Begin again from PV and the present output."""
        self._state = None

    def execute(self, inputs: Inputs, now: int) -> Outputs:
        """Execute once; the first time after (re)connecting it goes on where the server says the loop stands."""
        first, self._first = self._first, False
        if now - self._last >= SILENT_TICKS:
            self._state = None
        if inputs.mode_target != AUTO:
            self._state = None
            mode = inputs.mode_target if inputs.mode_target in (OOS, MAN) else MAN
            why = "" if mode == inputs.mode_target else "there is no master for CAS or RCAS"
            return Outputs(None, inputs.wsp_k if inputs.t_k is None else inputs.t_k, mode, why)
        if inputs.t_k is None:
            self._state = None
            return Outputs(None, inputs.wsp_k, MAN, "PV is Bad: holding Tc")
        if self._state is None:
            if first and inputs.mode == AUTO:
                self._state = pid.resume(inputs.wsp_k, inputs.t_k, inputs.tc_k, inputs.tuning)
            else:
                self._state = pid.start(inputs.t_k, inputs.tc_k, inputs.tuning)
        elif now > self._last:
            dt_s = (now - self._last) / TICKS_PER_SECOND
            self._state = pid.execute(self._state, inputs.t_k, inputs.sp_k, dt_s, inputs.tuning)
        self._last = now
        return Outputs(self._state.output_k, self._state.wsp_k, AUTO)


@dataclass(frozen=True, slots=True)
class ReferenceRow:
    """One sample of the reference run: T and Ca before the law, Tc and I after it."""

    step: int
    time_min: float
    sp_k: float
    ca_mol_l: float
    t_k: float
    tc_k: float
    i_k_min: float


class ReferenceLoop:
    """The law of the reference run, for its 300 samples."""

    def __init__(self) -> None:
        self._state = ReferenceState()
        self.rows: list[ReferenceRow] = []

    @property
    def is_done(self) -> bool:
        """True after the last sample."""
        return len(self.rows) == pid.REFERENCE_SAMPLES

    def restart(self) -> None:
        """Go on: nothing here depends on what was written."""

    def execute(self, inputs: Inputs, now: int) -> Outputs:
        """Execute the next sample."""
        del now
        if inputs.t_k is None or inputs.ca_mol_per_l is None:
            return Outputs(None, inputs.wsp_k, MAN, "PV is Bad: the reference run cannot go on")
        self._state = pid.execute_reference(self._state, inputs.t_k)
        step, sp_k = self._state.sample, pid.reference_setpoint_k(self._state.sample)
        self.rows.append(
            ReferenceRow(
                step,
                step * pid.REFERENCE_INTERVAL_MIN,
                sp_k,
                inputs.ca_mol_per_l,
                inputs.t_k,
                self._state.output_k,
                self._state.integral_k_min,
            )
        )
        return Outputs(self._state.output_k, sp_k, AUTO)
