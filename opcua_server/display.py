"""What the plant shows: its state in the bank, all reactors together."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from opcua_server.bank import as_bits
from opcua_server.ownership import MAN
from opcua_server.tags import Tag, Tags
from plant import quality
from plant.names import PLANT, loop_name
from plant.signals import ALARM_LIMITS_K, PLANT_SIGNALS
from plant.simulation import Plant


class Display:
    """Writes what a scan has changed as columns, the rest tag by tag."""

    def __init__(self, reactors: Sequence[str], tags: Tags, plant: Plant) -> None:
        self._reactors = tuple(reactors)
        self._tags = tags
        self._measured, self._true = tuple(plant.measured), tuple(plant.true)
        loops = [f"{reactor}.{loop_name(reactor)}" for reactor in reactors]
        names = [f"{reactor}.{name}" for name in self._measured for reactor in reactors]
        names += [f"{loop}.PV" for loop in loops]
        names += [f"{reactor}.Simulation.True.{name}" for name in self._true for reactor in reactors]
        names += [f"{reactor}.Tc" for reactor in reactors] + [f"{loop}.OUT" for loop in loops]
        names += [f"{reactor}.Alarms.{name}" for name in ALARM_LIMITS_K for reactor in reactors]
        names.append(f"{PLANT}.Simulation.Time")
        self._scanned = tags.rows(names)
        self._demands = [(tags[f"{reactor}.Tc"], self.loop_tag(index, "OUT")) for index, reactor in enumerate(reactors)]
        self._modes = tags.rows(f"{loop}.Mode" for loop in loops)
        self._mode_targets = tags.rows(f"{loop}.ModeTarget" for loop in loops)
        self._alive = tags.rows(f"{loop}.Alive" for loop in loops)

    def loop_tag(self, index: int, leaf: str) -> Tag:
        """Return a tag of the faceplate of the reactor with this index."""
        reactor = self._reactors[index]
        return self._tags[f"{reactor}.{loop_name(reactor)}.{leaf}"]

    def mode_targets(self) -> NDArray[np.int64]:
        """Return the mode that each loop is asked for."""
        return self._tags.bank.integers[self._mode_targets]

    def show_scan(self, plant: Plant, server_time: int) -> None:
        """Show what the transmitters say, the truth, the demands and the alarms."""
        t, t_status = plant.measured["T"], plant.status["T"]
        columns = [plant.measured[name] for name in self._measured]
        columns += [t, *(plant.true[name] for name in self._true), plant.tc_demand, plant.tc_demand]
        bits = as_bits(np.concatenate(columns))
        alarms = [t >= limit if name.startswith("T_H") else t <= limit for name, limit in ALARM_LIMITS_K.items()]
        good = np.full(len(t), quality.GOOD, np.uint32)
        status = [*(plant.status[name] for name in self._measured), t_status]
        status += [good] * (len(self._true) + 2) + [t_status] * len(alarms) + [good[:1]]
        clock = np.array([plant.time], np.uint64)
        bits = np.concatenate([bits, *(alarm.astype(np.uint64) for alarm in alarms), clock])
        self._tags.bank.commit(self._scanned, bits, np.concatenate(status), plant.time, server_time)

    def show_loops(self, fresh: NDArray[np.bool_], now: int, server_time: int) -> None:
        """Show which loops are held; without a holder a loop is in MAN."""
        bank = self._tags.bank
        good = np.full(len(fresh), quality.GOOD, np.uint32)
        bank.commit(self._alive, fresh.astype(np.uint64), good, now, server_time)
        other = (bank.integers[self._modes] != MAN) | (bank.status[self._modes] != quality.GOOD)
        for index in np.flatnonzero(~fresh & other).tolist():
            self.loop_tag(index, "Mode").set(MAN, now, server_time)

    def show_alive(self, index: int, now: int, server_time: int) -> None:
        """Show that one loop is held."""
        self.loop_tag(index, "Alive").set(value=True, time=now, server_time=server_time)

    def show_demand(self, index: int, demand: float, now: int, server_time: int) -> None:
        """Show the demand of one reactor."""
        for tag in self._demands[index]:
            tag.set(demand, now, server_time)

    def show_faults(self, plant: Plant, server_time: int) -> None:
        """Show which faults are active."""
        active: list[list[dict[str, object]]] = [[] for _ in self._reactors]
        for fault in plant.faults.active:
            shown = {"id": fault.id, "kind": fault.kind, "signal": fault.signal, "size": fault.size}
            active[fault.reactor].append(shown)
        for reactor, faults in zip(self._reactors, active, strict=True):
            self._tags[f"{reactor}.Simulation.ActiveFaults"].set(json.dumps(faults), plant.time, server_time)

    def show_clock(self, plant: Plant, server_time: int, *, state: int, speed: float, epoch: int) -> None:
        """Show how plant time moves."""
        values = {"State": state, "Speed": speed, "Epoch": epoch, "Seed": plant.config.seed, "Time": plant.time}
        for signal in PLANT_SIGNALS:
            value = values[signal.name.rpartition(".")[2]]
            self._tags[f"{PLANT}.{signal.name}"].set(value, plant.time, server_time)

    def show_gap(self, time: int, server_time: int) -> None:
        """Bound a gap: every recorded tag is Bad from its beginning on."""
        for tag in self._tags:
            if tag.signal.recorded:
                tag.set(None, time, server_time, quality.BAD_OUT_OF_SERVICE)
