"""Reactor-steps a second of the plant's integrator beside scipy's odeint, what the original used, in one run.

    .venv/bin/python -P benchmarks/plant/run.py [--seconds 1.5] [--format table|csv|json]

A reactor-step is one reactor advanced by one scan of 0.1 s. Two runs of 600 scans: normal operation (near 325 K under
moving jackets, on the lower branch) and ignition (all reactors cross the upper fold together, from just before it until
they have settled). odeint gets the same states and inputs, one reactor at a time, as the original called it; with the
original's callback (numpy scalars, a fresh array for the result), and with the fastest that plain Python can write.

The error is the largest relative one over the 600 scans against DOP853 at 1e-13, Ca relative to max(Ca, 1e-3), T to T.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from scipy.integrate import odeint, solve_ivp

from gateway.output import FormatOption, print_rows
from plant.integrate import advance
from plant.reactor import DEFAULT, Inputs, State, derivatives, nominal_inputs, steady_states

Floats = NDArray[np.float64]

SCAN_S = 0.1
SCANS = 600
COUNTS = (1, 25, 1_000, 10_000)
CHECKED = 8
ODEINT_REACTORS = 25


class Run:
    """Where reactors start, and their inputs in each scan."""

    def __init__(self, name: str, start: Callable[[int], Floats], jacket: Callable[[int, int], Floats]) -> None:
        self.name = name
        self.start = start
        self._jacket = jacket

    def inputs(self, count: int, scan: int) -> Floats:
        """Return the inputs of a scan, shape (6, count)."""
        nominal = nominal_inputs(300.0)
        values = np.repeat(np.array(nominal)[:, None], count, axis=1)
        values[0] = self._jacket(count, scan)
        return values


def _spread(count: int) -> Floats:
    """Return -1..1, one for each reactor."""
    return np.linspace(-1.0, 1.0, count) if count > 1 else np.zeros(1)


def _steady(count: int) -> Floats:
    (state, *_) = steady_states(300.0)
    return np.repeat(np.array(state)[:, None], count, axis=1)


def _normal_jacket(count: int, scan: int) -> Floats:
    return 300.0 + 1.5 * _spread(count) + 0.5 * np.sin(scan / 60.0)


def _before_ignition(count: int) -> Floats:
    (state, *_) = steady_states(303.0)
    return np.repeat(np.array(state)[:, None], count, axis=1) + np.array([[0.0], [0.0], [9.0]])


def _igniting_jacket(count: int, scan: int) -> Floats:
    return np.full(count, 315.0) + 0.5 * _spread(count)


RUNS = (Run("normal", _steady, _normal_jacket), Run("igniting", _before_ignition, _igniting_jacket))


def ours(run: Run, count: int, seconds: float) -> float:
    """Return reactor-steps a second over whole runs of 600 scans, at least `seconds` long."""
    done, began = 0, time.perf_counter()
    while True:
        state = run.start(count)
        for scan in range(SCANS):
            state = advance(state, run.inputs(count, scan), SCAN_S)
            done += count
        if time.perf_counter() - began >= seconds:
            break
    return done / (time.perf_counter() - began)


def theirs(run: Run, slope: Callable[..., Any]) -> float:
    """Return odeint's reactor-steps a second over the same 600 scans, one reactor after another."""
    states = run.start(ODEINT_REACTORS)
    inputs = [run.inputs(ODEINT_REACTORS, scan) for scan in range(SCANS)]
    span = [0.0, SCAN_S / 60.0]
    chosen = range(0, ODEINT_REACTORS, 5)
    began = time.perf_counter()
    for reactor in chosen:
        state = states[:, reactor]
        for scan in range(SCANS):
            state = odeint(slope, state, span, args=tuple(inputs[scan][:, reactor]))[-1]
    return len(chosen) * SCANS / (time.perf_counter() - began)


CAPACITY = DEFAULT.volume_l * DEFAULT.density_g_per_l * DEFAULT.heat_capacity_j_per_g_k


def numpy_slope(x: Floats, _t: float, tc: float, tf: float, caf: float, q: float, k0: float, ua: float) -> Floats:
    """The equations as the original wrote them."""
    ca, cb, t = x
    rate = k0 * np.exp(-DEFAULT.activation_temperature_k / t) * ca
    slope = np.zeros(3)
    slope[0] = q / DEFAULT.volume_l * (caf - ca) - rate
    slope[1] = rate - q / DEFAULT.volume_l * cb
    slope[2] = q / DEFAULT.volume_l * (tf - t) + DEFAULT.heating_k_l_per_mol * rate + ua / CAPACITY * (tc - t)
    return slope


VOLUME, HEATING, ACTIVATION = DEFAULT.volume_l, DEFAULT.heating_k_l_per_mol, DEFAULT.activation_temperature_k


def plain_slope(x: Floats, _t: float, tc: float, tf: float, caf: float, q: float, k0: float, ua: float) -> Any:
    """The equations in plain Python floats."""
    ca, cb, t = x.tolist()
    rate = k0 * math.exp(-ACTIVATION / t) * ca
    dilution = q / VOLUME
    return (
        dilution * (caf - ca) - rate,
        rate - dilution * cb,
        dilution * (tf - t) + HEATING * rate + ua / CAPACITY * (tc - t),
    )


def error(run: Run) -> float:
    """Return the largest relative error of Ca and T over 600 scans."""
    state = run.start(CHECKED)
    exact = state.copy()
    worst = 0.0
    for scan in range(SCANS):
        inputs = run.inputs(CHECKED, scan)
        state = advance(np.repeat(state, 4, axis=1), np.repeat(inputs, 4, axis=1), SCAN_S)[:, ::4]
        for reactor in range(CHECKED):
            held = Inputs(*inputs[:, reactor].tolist())
            solved = solve_ivp(
                lambda _t, x, held=held: derivatives(0.0, State(*x.tolist()), held),
                (0.0, SCAN_S / 60.0),
                exact[:, reactor],
                method="DOP853",
                rtol=1e-13,
                atol=1e-14,
            )
            exact[:, reactor] = solved.y[:, -1]
        ca = np.abs(state[0] - exact[0]) / np.maximum(exact[0], 1e-3)
        t = np.abs(state[2] - exact[2]) / exact[2]
        worst = max(worst, float(ca.max()), float(t.max()))
    return worst


def main(
    seconds: Annotated[float, typer.Option(help="At least so long for each of our figures.")] = 1.5,
    format: FormatOption = None,  # noqa: A002
) -> None:
    """Measure and print; nothing else should run on the machine."""
    rows: list[dict[str, Any]] = []
    console = Console(stderr=True)
    slopes = {"odeint": numpy_slope, "plain_odeint": plain_slope}
    for run in track(RUNS, "runs", console=console, transient=True):
        peers = {name: theirs(run, slope) for name, slope in slopes.items()}
        worst = error(run)
        for count in COUNTS:
            rate = ours(run, count, seconds)
            rows.append(
                {"run": run.name, "reactors": count, "ours_per_s": rate}
                | {f"{name}_per_s": peer for name, peer in peers.items()}
                | {f"ratio_to_{name}": rate / peer for name, peer in peers.items()}
                | {"error": worst}
            )
    print_rows(rows, tuple(rows[0]), format)


if __name__ == "__main__":
    typer.run(main)
