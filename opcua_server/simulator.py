"""The running plant: advances the physics scan by scan, keeps the loops' faceplates, and sets the tags."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from opcua_server import ownership
from opcua_server.display import Display
from opcua_server.loops import Loops
from opcua_server.ownership import Claim
from opcua_server.tags import Tag, Tags
from plant import quality
from plant.clock import ticks_from_seconds, whole_milliseconds
from plant.faults import Fault
from plant.names import loop_name
from plant.pid import Tuning
from plant.reactor import JACKET_LIMITS_K
from plant.signals import Writer
from plant.simulation import Plant, PlantConfig

RUNNING, PAUSED, LOCKSTEP = range(3)
SAFE_TC_K = JACKET_LIMITS_K[0]
START_SP_K = 350.0
KEPT = ("SP", "ModeTarget", "Kc", "TI", "TD", "SPRate")
"""What the server keeps of a faceplate over restarts."""


@dataclass(frozen=True, slots=True)
class Timing:
    """How plant time moves, ticks."""

    scan: int
    interval: int
    """Of the controller: how far a lockstep plant goes when it has written Tc."""
    lockstep: bool
    speed: float


class Simulator:
    """Physics, faceplates and tags of all reactors; everything here happens on the server's event loop."""

    def __init__(
        self,
        reactors: Sequence[str],
        config: PlantConfig,
        timing: Timing,
        tags: Tags,
        start: int,
        server_clock: Callable[[], int],
    ) -> None:
        self.reactors = tuple(reactors)
        self.tags = tags
        self.timing = timing
        self.state = LOCKSTEP if timing.lockstep else RUNNING
        self.speed = timing.speed
        self.epoch = 0
        self.plant = Plant(config, whole_milliseconds(start))  # clients cut times to that, or to microseconds
        self._display = Display(reactors, tags, self.plant)
        self.loops = Loops(len(reactors))
        self.gap_from: int | None = None
        """The latest that can have been sent before this start: what follows is a gap, bounded by a Bad status."""
        self._index = {reactor: index for index, reactor in enumerate(self.reactors)}
        self._server_clock = server_clock
        self._demanded: set[int] = set()
        self._beaten: set[int] = set()
        tuning = Tuning()
        defaults: dict[str, Any] = {
            "SP": START_SP_K,
            "ModeTarget": ownership.AUTO,
            "Kc": tuning.kc,
            "TI": tuning.ti_s,
            "TD": tuning.td_s,
            "SPRate": tuning.sp_rate_k_per_min,
        }
        self._kept: list[dict[str, Any]] = [dict(defaults) for _ in reactors]

    @property
    def now(self) -> int:
        """Plant time, ticks."""
        return self.plant.time

    def index_of(self, name: str) -> int | None:
        """Return the index of the reactor that a signal or object belongs to."""
        return self._index.get(name.partition(".")[0])

    def show(self) -> None:
        """Set every tag before the first scan, after a gap with a Bad sample at its beginning."""
        server_time = self._server_clock()
        if self.gap_from is not None:
            self._display.show_gap(self.gap_from + 1, server_time)
        for index, reactor in enumerate(self.reactors):
            loop = f"{reactor}.{loop_name(reactor)}"
            for name, value in self._kept[index].items():
                self.tags[f"{loop}.{name}"].set(value, self.now, server_time)
            self.tags[f"{loop}.Heartbeat"].set(0, self.now, server_time)
            self.tags[f"{loop}.WSP"].set(float(self.plant.measured["T"][index]), self.now, server_time)
            for name in ("Anomaly", "Score", "Cause", "Since"):
                verdict = self.tags[f"{reactor}.Detector.{name}"]
                verdict.set(None, self.now, server_time, quality.BAD_WAITING_FOR_INITIAL_DATA)
        self._display.show_faults(self.plant, server_time)
        self._show_clock(server_time)
        self._show_scan(server_time)

    def scan(self, ticks: int) -> None:
        """Advance by one scan and set what it changed."""
        before = len(self.plant.faults.active)
        self.plant.advance(ticks)
        server_time = self._server_clock()
        for index in self.loops.trip(self.now, self._display.mode_targets()):
            self.plant.tc_demand[index] = SAFE_TC_K
        self._show_scan(server_time)
        if len(self.plant.faults.active) != before:
            self._display.show_faults(self.plant, server_time)

    def advance(self, ticks: int) -> None:
        """Advance by any time, in scans; the last one is shortened."""
        while ticks > 0:
            step = min(ticks, self.timing.scan)
            self.scan(step)
            ticks -= step

    def expect_demands(self) -> None:
        """Forget which held loops have had their demand written: plant time moves on."""
        self._demanded.clear()
        self._beaten.clear()

    @property
    def has_demands(self) -> bool:
        """True when every held loop has had its demand written since `expect_demands`; in MAN a heartbeat will do."""
        return all(
            index in self._demanded
            or (index in self._beaten and self.mode_of(index) <= ownership.MAN)
            or not self.loops.is_fresh(index, self.now)
            for index in range(len(self.loops))
        )

    @property
    def is_controlled(self) -> bool:
        """True when a loop is held."""
        return bool(self.loops.fresh(self.now).any())

    def write(self, tag: Tag, value: Any, session: object) -> None:
        """Carry out a write that was allowed."""
        server_time = self._server_clock()
        index = self.index_of(tag.name)
        leaf = tag.name.rpartition(".")[2]
        if tag.signal.writer is Writer.HEARTBEAT and index is not None:
            self.loops.beat(index, session, value, self.now)
            self._beaten.add(index)
            self._display.show_alive(index, self.now, server_time)
        if tag.signal.writer in (Writer.DEMAND, Writer.OUTPUT) and index is not None:
            self.plant.tc_demand[index] = value
            if self.loops.is_held_by(index, session, self.now):
                self._demanded.add(index)
            self._display.show_demand(index, float(value), self.now, server_time)
            return
        if index is not None and leaf in KEPT:
            self._kept[index][leaf] = value
        tag.set(value, self.now, server_time)

    def claim(self, index: int, session: object) -> Claim:
        """Return how a session and a loop stand to each other."""
        loops, now = self.loops, self.now
        return Claim(loops.is_fresh(index, now), loops.is_held_by(index, session, now), self.mode_of(index))

    def mode_of(self, index: int) -> int:
        """Return the actual mode of a loop as its tag has it."""
        mode = self._display.loop_tag(index, "Mode").value
        return ownership.MAN if mode is None else int(mode)

    def inject(self, index: int, kind: str, parameters: dict[str, Any]) -> str:
        """Start a fault; raises `plant.faults.FaultError`."""
        fault_id = self.plant.inject(index, kind, parameters)
        self._display.show_faults(self.plant, self._server_clock())
        return fault_id

    def clear(self, index: int, fault_id: str) -> list[Fault]:
        """End faults; raises `plant.faults.FaultError`."""
        ended = self.plant.clear(index, fault_id)
        self._display.show_faults(self.plant, self._server_clock())
        return ended

    def set_clock(self, *, state: int | None = None, speed: float | None = None) -> None:
        """Pause, resume, or change the speed."""
        self.state = self.state if state is None else state
        self.speed = self.speed if speed is None else speed
        self._show_clock(self._server_clock())

    def reset(self) -> None:
        """Put every reactor back to its start state, all loops free; plant time goes on, Epoch counts it."""
        faults = self.plant.faults
        self.loops.free()
        for index in range(len(self.loops)):
            faults.clear(index, "", self.now)
        self.plant = Plant(self.plant.config, self.now + self.timing.scan)
        self.plant.faults = faults
        self.epoch += 1
        server_time = self._server_clock()
        for index in range(len(self.loops)):
            self._display.loop_tag(index, "WSP").set(float(self.plant.measured["T"][index]), self.now, server_time)
        self._display.show_faults(self.plant, server_time)
        self._show_clock(server_time)
        self._show_scan(server_time)

    def checkpoint(self, *, last: bool = False) -> bytes:
        """Return what a later start goes on from: a line of JSON, then the plant's own checkpoint."""
        facts = {
            "time": self.now,
            "last": last,
            "lockstep": self.state == LOCKSTEP,
            "speed": self.speed,
            "epoch": self.epoch,
            "faceplates": self._kept,
            "controlled": self.loops.controlled,
        }
        return json.dumps(facts).encode() + b"\n" + self.plant.checkpoint()

    def begin_behind(self, recorded: tuple[int, int]) -> None:
        """Begin anew, in an epoch of its own where the epoch and time that are recorded were later."""
        epoch, latest = recorded
        self.epoch = epoch + 1 if latest >= self.now else epoch

    def restore(self, data: bytes, start: int, recorded: tuple[int, int]) -> None:
        """Go on from a checkpoint at `start`, or one scan after what was sent, whichever is later.

        All that was sent is recorded before; `recorded` is the latest of it, epoch and time.

        A killed lockstep plant may have gone anywhere since its checkpoint: what it sent then is of an epoch that
        is over. So is all that a plant configured otherwise sent. A `Reset` since then has begun an epoch that goes on.

        Raises:
            ValueError: when it is damaged or of a plant configured otherwise; this one then starts anew.
        """
        line, newline, rest = data.partition(b"\n")
        if not newline:
            message = "checkpoint is damaged: it has no first line"
            raise ValueError(message)
        facts = json.loads(line)
        jumped = facts["lockstep"] and not facts["last"]
        latest = facts["time"] if jumped or recorded[0] < facts["epoch"] else max(facts["time"], recorded[1])
        begin = whole_milliseconds(latest) + self.timing.scan
        if not self.timing.lockstep:
            begin = max(whole_milliseconds(start), begin)
        try:
            plant = Plant.restored(rest, self.plant.config)
        except ValueError:
            self.epoch = max(facts["epoch"], recorded[0]) + 1
            self.plant.time = begin
            raise
        plant.time = begin
        self.plant, self.epoch, self.gap_from = plant, max(facts["epoch"], recorded[0]) + jumped, latest
        both = min(len(self.reactors), len(facts["faceplates"]))
        self._kept[:both] = facts["faceplates"][:both]
        self.loops.restore(facts["controlled"], plant.time)

    def _show_scan(self, server_time: int) -> None:
        self._display.show_scan(self.plant, server_time)
        self._show_loops(server_time)

    def _show_loops(self, server_time: int) -> None:
        self._display.show_loops(self.loops.fresh(self.now), self.now, server_time)

    def _show_clock(self, server_time: int) -> None:
        self._display.show_clock(self.plant, server_time, state=self.state, speed=self.speed, epoch=self.epoch)


def timing_of(scan_s: float, interval_s: float, *, lockstep: bool, speed: float) -> Timing:
    """Return the timing for settings in seconds."""
    return Timing(ticks_from_seconds(scan_s), ticks_from_seconds(interval_s), lockstep, speed)
