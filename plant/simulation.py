"""The whole plant, N reactors together: true state, actuators, drift, faults and what the transmitters show."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

import numpy as np
from numpy.typing import NDArray

from plant import actuator, quality
from plant.clock import TICKS_PER_SECOND
from plant.disturbances import DRIFTS, drift
from plant.faults import STATUS_OF, Fault, Faults
from plant.integrate import advance
from plant.noise import NoiseSource
from plant.reactor import (
    START_CA_MOL_PER_L,
    START_T_K,
    START_TC_K,
    Parameters,
    conversion,
    heat_removed_kw,
    rate_constant,
)
from plant.sensors import ROW_OF, SENSORS, measure

COMPUTED_FROM = {"X": ("Ca", "Caf"), "r": ("T", "Ca"), "Qc": ("T", "TcActual")}
"""What is computed, and the transmitters it has its status from: the worst, which is the largest StatusCode."""

Floats = NDArray[np.float64]
Columns = dict[str, Floats]
Statuses = NDArray[np.uint32]
CHECKPOINT_VERSION = 2
FEED_LIMITS_K = (250.0, 450.0)
"""Whatever the faults add up to: beyond it the equations say nothing of a liquid."""


@dataclass(frozen=True, slots=True)
class PlantConfig:
    """What makes one plant differ from another."""

    reactors: int = 1
    seed: int = 1
    ideal: bool = False
    """True: no noise, lag, quantisation or disturbances."""
    parameters: Parameters = field(default_factory=Parameters)


class Plant:
    """Advances scan by scan; columns are arrays with one element for each reactor.

    `tc_demand` (K) is the only way in besides `inject`: a controller can never touch the physics.
    """

    def __init__(self, config: PlantConfig, start_ticks: int) -> None:
        count = config.reactors
        self.config = config
        self.time = start_ticks
        """Plant time, ticks."""
        self.scan = 0
        """Scans since the start: where the noise stands."""
        self.tc_demand: Floats = np.full(count, START_TC_K)
        self.faults = Faults(count)
        self._noise = NoiseSource(config.seed, count, len(SENSORS) + len(DRIFTS))
        self._state = np.repeat(
            [
                [START_CA_MOL_PER_L],
                [config.parameters.feed_concentration_mol_per_l - START_CA_MOL_PER_L],
                [START_T_K],
            ],
            count,
            axis=1,
        )
        self._jacket: Floats = np.full(count, START_TC_K)
        self._drift: Floats = np.zeros((len(DRIFTS), count))
        self.true: Columns = {}
        """Noise-free T, Ca, Cb, TcActual, Tf, Caf, q, k0, UA."""
        self.measured: Columns = {}
        """T, TB, Ca, Cb, TcActual, Tf, Caf, q as transmitted, where not Good the last Good value; X, r, Qc of them."""
        self.status: dict[str, Statuses] = {}
        """StatusCode of each measured column."""
        self._observe(self._normals()[: len(SENSORS)])

    def advance(self, dt_ticks: int) -> None:
        """Advance by one scan of this length, with `tc_demand` held."""
        dt_s = dt_ticks / TICKS_PER_SECOND
        self.scan += 1
        normals = self._normals()
        lag_s = 0.0 if self.config.ideal else actuator.LAG_S
        jacket, mean_jacket = actuator.respond(self._jacket, self.tc_demand, dt_s, lag_s)
        inputs = self._inputs(mean_jacket)
        self._state = advance(self._state, inputs, dt_s, self.config.parameters)
        self._jacket = jacket
        if not self.config.ideal:
            self._drift = drift(self._drift, normals[len(SENSORS) :], dt_s)
        self.time += dt_ticks
        self.faults.expire(self.time)
        self._observe(normals[: len(SENSORS)])

    def inject(self, reactor: int, kind: str, parameters: Mapping[str, object]) -> str:
        """Start a fault now and return its id; raises `FaultError`."""
        return self.faults.inject(reactor, kind, parameters, self.time).id

    def clear(self, reactor: int, fault_id: str = "") -> list[Fault]:
        """End a fault, or all of a reactor, and return them; raises `FaultError`."""
        return self.faults.clear(reactor, fault_id, self.time)

    def checkpoint(self) -> bytes:
        """Return all that `restored` needs to go on, bit-equal: an npz without pickles."""
        facts = {
            "version": CHECKPOINT_VERSION,
            "config": asdict(self.config),
            "time": self.time,
            "scan": self.scan,
            "faults": [asdict(fault) for fault in self.faults.log],
        }
        buffer = io.BytesIO()
        np.savez(
            buffer,
            facts=np.array(json.dumps(facts)),
            state=self._state,
            jacket=self._jacket,
            drift=self._drift,
            tc_demand=self.tc_demand,
            transmitted=np.stack([self.measured[sensor.signal] for sensor in SENSORS]),
        )
        return buffer.getvalue()

    @classmethod
    def restored(cls, data: bytes, config: PlantConfig) -> Plant:
        """Return the plant of a checkpoint; reactors that it has not begin at their start.

        Raises:
            ValueError: when it is damaged, of another version, or of a plant configured otherwise.
        """
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
                facts = json.loads(str(arrays["facts"]))
                kept = {name: arrays[name] for name in arrays.files if name != "facts"}
        except Exception as error:
            message = f"checkpoint is damaged: {error}"
            raise ValueError(message) from error
        other = [
            name for name, value in asdict(config).items() if name != "reactors" and facts["config"][name] != value
        ]
        if facts["version"] != CHECKPOINT_VERSION or other:
            message = f"checkpoint is of another plant: {', '.join(other) or 'version'} differs"
            raise ValueError(message)
        plant = cls(config, facts["time"])
        plant.scan = facts["scan"]
        both = min(config.reactors, facts["config"]["reactors"])
        for name, now in (("state", plant._state), ("drift", plant._drift), ("jacket", plant._jacket)):
            now[..., :both] = kept[name][..., :both]
        plant.tc_demand[:both] = kept["tc_demand"][:both]
        for sensor, shown in zip(SENSORS, kept["transmitted"], strict=True):
            plant.measured[sensor.signal][:both] = shown[:both]
        faults = (Fault(**fault) for fault in facts["faults"])
        plant.faults = Faults(config.reactors, tuple(fault for fault in faults if fault.reactor < config.reactors))
        plant._observe(plant._normals()[: len(SENSORS)])
        return plant

    def _normals(self) -> Floats:
        if self.config.ideal:
            return np.zeros((len(SENSORS) + len(DRIFTS), self.config.reactors))
        return self._noise.at(self.scan)

    def _inputs(self, jacket: Floats) -> Floats:
        params = self.config.parameters
        count = self.config.reactors
        feed_temperature = params.feed_temperature_k + self._drift[0]
        for fault in self.faults.active:
            if fault.kind == "feed-temperature":
                feed_temperature[fault.reactor] += fault.level(self.time)
        return np.stack(
            [
                jacket,
                np.clip(feed_temperature, *FEED_LIMITS_K),
                np.maximum(0.0, params.feed_concentration_mol_per_l + self._drift[1]),
                np.maximum(0.0, params.feed_flow_l_per_min + self._drift[2]),
                np.maximum(0.0, params.k0_per_min * (1.0 + self._drift[3])),
                np.full(count, params.ua_j_per_min_k),
            ]
        )

    def _observe(self, normals: Floats) -> None:
        inputs = self._inputs(self._jacket)
        ca, cb, t = self._state
        true: Columns = {"T": t, "Ca": ca, "Cb": cb, "TcActual": self._jacket}
        true |= dict(zip(("Tf", "Caf", "q", "k0", "UA"), inputs[1:], strict=True))
        measured: Columns = {}
        offsets, statuses = self._transmitter_faults()
        for sensor, noise, offset, status in zip(SENSORS, normals, offsets, statuses, strict=True):
            shown = true[sensor.source]
            now = shown + offset if self.config.ideal else measure(sensor, shown, noise, offset)
            before = self.measured.get(sensor.signal, now)
            measured[sensor.signal] = np.where(status == quality.GOOD, now, before)
        params = self.config.parameters
        measured["X"] = conversion(measured["Ca"], measured["Caf"])
        measured["r"] = rate_constant(measured["T"], params.k0_per_min, params) * measured["Ca"]
        measured["Qc"] = heat_removed_kw(measured["T"], measured["TcActual"], params.ua_j_per_min_k)
        self.true, self.measured = true, measured
        self.status = {sensor.signal: status for sensor, status in zip(SENSORS, statuses, strict=True)}
        for name, inputs_of in COMPUTED_FROM.items():
            self.status[name] = np.maximum.reduce([self.status[each] for each in inputs_of])

    def _transmitter_faults(self) -> tuple[Floats, Statuses]:
        """Return what is added to each transmitter before rounding, and its status: shape (sensors, reactors)."""
        shape = (len(SENSORS), self.config.reactors)
        offsets, statuses = np.zeros(shape), np.full(shape, quality.GOOD, np.uint32)
        for fault in self.faults.active:
            if fault.signal:
                place = ROW_OF[fault.signal], fault.reactor
                offsets[place] += fault.level(self.time)
                statuses[place] = max(statuses[place], STATUS_OF.get(fault.kind, quality.GOOD))
        return offsets, statuses
