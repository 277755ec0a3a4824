"""Lets things go wrong while the plant runs, and compares in the end: ledger = histories = InfluxDB."""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from plant import quality
from runtime.errors import LinkLost

from .found import Found, in_influxdb, in_store, numbers_of
from .ledger import Key, Ledger, Value, read_ledger
from .rig import Rig
from .troubles import Trouble, befall

SETTLE_S = 600.0
SETPOINT = "R101.TIC101.SP"

Say = Callable[[str], None]


@dataclass(slots=True)
class Report:
    """What came out."""

    seed: int
    seconds: float = 0.0
    troubles: list[str] = field(default_factory=list)
    ledger: int = 0
    untold: int = 0
    starts: int = 0
    written: int = 0
    """Values of a client that the server answered Good."""
    places: dict[str, int] = field(default_factory=dict)
    """How many samples each has."""
    settled_s: float = 0.0
    sent_again: int = 0
    """Samples that InfluxDB had not got in time."""
    faults: list[str] = field(default_factory=list)
    """What is missing, twice, or not as it was."""


async def prove(data: Path, seed: int, troubles: list[Trouble], *, say: Say, reactors: int = 2) -> Report:
    """Run the whole chain through troubles, and report; the seed is the client's."""
    rig = Rig(data, reactors=reactors)
    report = Report(seed)
    began = time.monotonic()
    async with rig.running():
        say(f"seed {seed}: all is running")
        client = Client(rig, seed)
        writing = asyncio.create_task(client.run(), name="client")
        try:
            await _suffer(rig, troubles, report, say)
        finally:
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)
        say("all of it has happened; the plant is paused, and what is under way arrives")
        report.settled_s = await _settle(rig, say)
        report.sent_again = rig.sent_again()
        ledger = read_ledger(rig.ledger)
        report.ledger, report.untold, report.starts = len(ledger.recorded), len(ledger.untold), ledger.starts
        report.written = len(client.written)
        signals = sorted({signal for signal, _, _ in ledger.recorded})
        say(f"comparing {report.ledger} values")
        influxdb = await asyncio.to_thread(in_influxdb, rig.influxdb, signals)
    server, historian = (in_store(data / name / "history") for name in ("server", "historian"))
    places = {"server's history": server, "historian's store": historian, "InfluxDB": influxdb}
    report.places = {name: found.rows for name, found in places.items()}
    report.faults = [*compared(ledger, places), *_client_faults(client, ledger)]
    report.seconds = time.monotonic() - began
    return report


class Client:
    """Writes a setpoint again and again, and remembers what the server has answered Good."""

    def __init__(self, rig: Rig, seed: int) -> None:
        self._rig, self._chance = rig, random.Random(seed)
        self.written: list[float] = []

    async def run(self) -> None:
        """Write for ever."""
        while True:
            try:
                async with self._rig.link() as link:
                    while True:
                        value = round(345.0 + 10.0 * self._chance.random(), 6)
                        status = (await link.write({SETPOINT: value}))[SETPOINT]
                        if not quality.is_bad(status):
                            self.written.append(value)
                        await asyncio.sleep(self._chance.uniform(0.0, 0.2))
            except LinkLost:
                await asyncio.sleep(0.1)


async def _suffer(rig: Rig, troubles: list[Trouble], report: Report, say: Say) -> None:
    """Let everything happen, one beside the other, but nothing twice at once at one place.

    Where no disk can be made to be filled, that does not happen.
    """
    under_way: dict[tuple[str, str], asyncio.Task[None]] = {}
    troubles = [each for each in troubles if each.kind != "full disk" or each.where in rig.disks]
    for number, trouble in enumerate(troubles, 1):
        await asyncio.sleep(trouble.wait_s)
        key = (trouble.kind.split()[0], trouble.where)
        if key in under_way:
            await under_way.pop(key)
        say(f"{number}/{len(troubles)} {trouble}")
        report.troubles.append(str(trouble))
        under_way[key] = asyncio.create_task(befall(rig, trouble), name=str(trouble))
    await asyncio.gather(*under_way.values())


async def _settle(rig: Rig, say: Say) -> float:
    """Pause the plant, and wait until nothing is under way any more; return how long that took."""
    began = time.monotonic()
    async with asyncio.timeout(SETTLE_S):
        while True:
            try:
                async with rig.link() as link:
                    await link.call("Plant.Simulation", "Pause")
                break
            except LinkLost:
                await asyncio.sleep(0.2)
        quiet = 0
        before: tuple[float, ...] = ()
        for look in itertools.count():
            totals = await rig.totals()
            waiting = await rig.waiting()
            present = (
                totals.get("cstr_samples_received_total", -1.0),
                totals.get("cstr_samples_confirmed_total", -1.0),
            )
            is_still = bool(totals) and waiting == (0, 0) and present == before
            quiet = quiet + 1 if is_still and await rig.is_collecting() else 0
            if quiet >= 10:
                return time.monotonic() - began
            before = present
            if look % 20 == 19:
                say(f"{waiting[0]} samples wait for InfluxDB, {waiting[1]} gaps are open")
            await asyncio.sleep(0.5)
    raise AssertionError


def compared(ledger: Ledger, places: dict[str, Found]) -> list[str]:
    """Return what is missing in a place, there twice, or not as it was; what was not told may be missing."""
    faults = [f"the ledger has {key} twice" for key in ledger.twice]
    for name, found in places.items():
        known = {key: value for key, value in ledger.untold.items() if key in found.samples} | ledger.recorded
        faults += [f"{name} lacks {key} = {known[key]}" for key in known.keys() - found.samples.keys()]
        faults += [
            f"{name} has {key} = {found.samples[key]}, of which the ledger knows nothing"
            for key in found.samples.keys() - known.keys()
        ]
        faults += [
            f"{name} has {key} = {found.samples[key]}, the ledger {known[key]}"
            for key in known.keys() & found.samples.keys()
            if not _is_same(known[key], found.samples[key])
        ]
        if found.rows != len(found.samples):
            faults.append(f"{name} has {found.rows} samples, of which {len(found.samples)} are different")
        faults += [f"{name} has {key} out of the ledger's order" for key in _out_of_order(ledger, found)]
    store, influxdb = places["historian's store"], places["InfluxDB"]
    for reactor, (lacking, twice) in numbers_of(store).items():
        if lacking or twice:
            faults.append(f"of the numbers of {reactor} {lacking} are lacking and {twice} are there twice")
    faults += [
        f"{key} is number {store.seqs[key]} in the store and {influxdb.seqs[key]} in InfluxDB"
        for key in store.seqs.keys() & influxdb.seqs.keys()
        if store.seqs[key] != influxdb.seqs[key]
    ]
    return faults


def _out_of_order(ledger: Ledger, found: Found) -> list[Key]:
    """Return of each signal the first sample that a place gives before another that the server took earlier."""
    places = {key: place for place, key in enumerate(ledger.recorded)}
    last: dict[str, int] = {}
    faults: dict[str, Key] = {}
    for key in found.samples:
        place, signal = places.get(key), key[0]
        if place is None:
            continue
        if place < last.get(signal, -1):
            faults.setdefault(signal, key)
        last[signal] = place
    return list(faults.values())


def _is_same(one: Value, other: Value) -> bool:
    """Overflow says that a queue at the server has lost samples: it is of the way, not of the value."""
    overflow = 0x480
    return one[0] == other[0] and (one[1] == other[1] or one[1] == other[1] & ~overflow)


def _client_faults(client: Client, ledger: Ledger) -> list[str]:
    known = {value for (signal, _, _), (value, _) in ledger.recorded.items() if signal == SETPOINT}
    return [
        f"{SETPOINT} = {value} was answered Good, and is not in the ledger"
        for value in client.written
        if value not in known
    ]
